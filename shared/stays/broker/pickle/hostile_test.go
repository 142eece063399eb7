package pickle_test

import (
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/stays/broker/pickle"
)

// of pickles a dict with one value.
func of(value string) string { return "}U\x01a" + value + "s." }

// dated pickles a dict with one date.
func dated(constructor, state string) string {
	return of("cdatetime\n" + constructor + "\n(U" + string(rune(len(state))) + state + "tR")
}

const noon = "\x07\xeb\x07\x03\x0c\x00\x00\x00\x00\x00"

// laughs is a dict of ten times the same dict, of which each is of ten times the one before.
func laughs() string {
	body := []byte("}q\x00")
	for i := range byte(9) {
		body = append(body, '}', 'q', i+1, '(')
		for key := range byte(10) {
			body = append(body, 'K', key, 'h', i)
		}
		body = append(body, 'u')
	}
	return string(append(body, '.'))
}

// hostile are bodies to be refused, with what the error says.
var hostile = map[string]struct{ body, want string }{
	"laughs":               {laughs(), "there is more than one dict"},
	"laughs of text":       {"}(" + strings.Repeat("U\x01aq\x00h\x00", 60) + "u.", "already has this number"},
	"cycle":                {"}q\x00U\x01ah\x00s.", "the dict would be inside itself"},
	"cycle of protocol 0":  {"(dp0\nS'a'\ng0\ns.", "the dict would be inside itself"},
	"cycle of tuples":      {"(h\x00tq\x00.", "the memo does not have this number"},
	"cycle of a tuple":     {"}U\x01a(U\x01btq\x00h\x00\x85s.", "is not an 8-bit string"},
	"dict in a dict":       {"}U\x01a}s.", "there is more than one dict"},
	"DICT in a dict":       {"}U\x01a(ds.", "there is more than one dict"},
	"dict as its value":    {"(U\x01a}d.", "there is more than one dict"},
	"os.system":            {"cos\nsystem\n(S'id'\ntR.", "names something other than datetime.date"},
	"os.system in a dict":  {of("cos\nsystem\nU\x02id\x85R"), "names something other than datetime.date"},
	"posix.system":         {of("cposix\nsystem\nU\x02id\x85R"), "names something other than datetime.date"},
	"eval":                 {of("c__builtin__\neval\nU\x021 \x85R"), "names something other than datetime.date"},
	"timedelta":            {of("cdatetime\ntimedelta\n(K\x01tR"), "names something other than datetime.date"},
	"a dotted name":        {of("cdatetime\ndate.today\n(tR"), "names something other than datetime.date"},
	"a dotted module":      {of("c\ndatetime.date\n(tR"), "names something other than datetime.date"},
	"date of no arguments": {of("cdatetime\ndate\n(tR"), "has not exactly one argument"},
	"date of numbers":      {of("cdatetime\ndate\n(M\xeb\x07K\x07K\x03tR"), "has not exactly one argument"},
	"date of a number":     {of("cdatetime\ndate\nM\xeb\x07\x85R"), "is not an 8-bit string"},
	"date of unicode":      {of("cdatetime\ndate\nV\x07\xeb\x07\x03\n\x85R"), "is not an 8-bit string"},
	"date with a time":     {dated("datetime", noon), "not at midnight"},
	"microsecond":          {dated("datetime", noon[:4]+"\x00\x00\x00\x00\x00\x01"), "not at midnight"},
	"time zone": {
		of("cdatetime\ndatetime\n(U\x0a" + noon[:4] + "\x00\x00\x00\x00\x00\x00cpytz\n_UTC\n(tRtR"),
		"names something other than datetime.date",
	},
	"second argument":     {of("cdatetime\ndate\n(U\x04" + noon[:4] + "K\x01tR"), "it may have a time zone"},
	"date of a datetime":  {dated("date", noon), "wrong length"},
	"datetime of a date":  {dated("datetime", noon[:4]), "wrong length"},
	"empty date":          {dated("date", ""), "wrong length"},
	"year 0":              {dated("date", "\x00\x00\x07\x03"), "the calendar does not have the date"},
	"year 10000":          {dated("date", "\x27\x10\x01\x01"), "the calendar does not have the date"},
	"month 13":            {dated("date", "\x07\xeb\x0d\x03"), "the calendar does not have the date"},
	"month 135":           {of("cdatetime\ndate\nU\x04\x07\xeb\x87\x03\x85R"), "the calendar does not have the date"},
	"29th of February":    {dated("date", "\x07\xeb\x02\x1d"), "the calendar does not have the date"},
	"REDUCE of a date":    {of("cdatetime\ndate\n(U\x04" + noon[:4] + "tRU\x01b\x85R"), "the stack does not hold"},
	"REDUCE of text":      {of("U\x01bU\x01b\x85R"), "the stack does not hold"},
	"REDUCE of no tuple":  {of("cdatetime\ndate\nU\x04" + noon[:4] + "R"), "the stack does not hold"},
	"date not called":     {of("cdatetime\ndate\n"), "not text, a number or a date"},
	"tuple as a value":    {of("U\x01b\x85"), "not text, a number or a date"},
	"huge LONG":           {of("L" + strings.Repeat("9", 4000) + "L\n"), "not a whole number of at most 18 digits"},
	"huge INT":            {of("I" + strings.Repeat("9", 4000) + "\n"), "not a whole number of at most 18 digits"},
	"huge zero":           {of("I" + strings.Repeat("0", 4000) + "\n"), "not a whole number of at most 18 digits"},
	"LONG1 of 255 bytes":  {of("\x8a\xff" + strings.Repeat("\x7f", 255)), "not a whole number of at most 18 digits"},
	"LONG1 of 8 bytes":    {of("\x8a\x08\x00\x00\x00\x00\x00\x00\x00\x80"), "not a whole number of at most 18 digits"},
	"LONG1 of 9 bytes":    {of("\x8a\x09\x01" + strings.Repeat("\x00", 8)), "not a whole number of at most 18 digits"},
	"LONG without L":      {of("L1\n"), "not a whole number of at most 18 digits"},
	"LONG of L":           {of("LL\n"), "not a whole number of at most 18 digits"},
	"false":               {of("I00\n"), "not a whole number of at most 18 digits"},
	"true":                {of("I01\n"), "not a whole number of at most 18 digits"},
	"true of protocol 2":  {of("\x88"), "the opcode 0x88 is not one of a message"},
	"plus":                {of("I+1\n"), "not a whole number of at most 18 digits"},
	"blank":               {of("I 1\n"), "not a whole number of at most 18 digits"},
	"underscore":          {of("I1_0\n"), "not a whole number of at most 18 digits"},
	"hexadecimal":         {of("I0x1\n"), "not a whole number of at most 18 digits"},
	"no number":           {of("I\n"), "not a whole number of at most 18 digits"},
	"huge BINSTRING":      {of("T\xff\xff\xff\x7f"), "longer than the rest of the body"},
	"negative BINSTRING":  {of("T\xff\xff\xff\xff"), "longer than the rest of the body"},
	"least BINSTRING":     {of("T\x00\x00\x00\x80"), "longer than the rest of the body"},
	"huge BINUNICODE":     {of("X\xff\xff\xff\x7f"), "longer than the rest of the body"},
	"negative BINUNICODE": {of("X\xff\xff\xff\xff"), "longer than the rest of the body"},
	"SHORT_BINSTRING":     {"}U\xffa", "longer than the rest of the body"},
	"unended number":      {"}U\x01aI1", "longer than the rest of the body"},
	"unended BININT":      {"}U\x01aJ\x01\x00", "longer than the rest of the body"},
	"unended LONG1":       {"}U\x01a\x8a\x08\x01", "longer than the rest of the body"},
	"unended LONG":        {"}U\x01aL1L", "longer than the rest of the body"},
	"unended GLOBAL":      {"}U\x01acdatetime\ndate", "longer than the rest of the body"},
	"unended module":      {"}U\x01acdatetime", "longer than the rest of the body"},
	"unended STRING":      {"}S'a'", "longer than the rest of the body"},
	"unended UNICODE":     {"}Va", "longer than the rest of the body"},
	"unended PUT":         {"}p1", "longer than the rest of the body"},
	"unended BINPUT":      {"}q", "longer than the rest of the body"},
	"unended PROTO":       {"\x80", "longer than the rest of the body"},
	"length cut short":    {"}T\x01", "longer than the rest of the body"},
	"not UTF-8":           {of("X\x01\x00\x00\x00\xe9"), "the text is not UTF-8"},
	"half a pair":         {of("X\x03\x00\x00\x00\xed\xa0\xbd"), "the text is not UTF-8"},
	"half a pair escaped": {of("V\\ud83d\n"), "stands for no character"},
	"beyond Unicode":      {of("V\\U00110000\n"), "stands for no character"},
	"far beyond Unicode":  {of("V\\Uffffffff\n"), "stands for no character"},
	"backslash":           {of("V\\\n"), "stands for no character"},
	"other escape":        {of("V\\x41\n"), "stands for no character"},
	"short escape":        {of("V\\u004\n"), "stands for no character"},
	"not hexadecimal":     {of("V\\u00+1\n"), "stands for no character"},
	"no quotes":           {of("Sb\n"), "not as Python quotes it"},
	"letters as quotes":   {of("Sbxb\n"), "not as Python quotes it"},
	"one quote":           {of("S'\n"), "not as Python quotes it"},
	"empty STRING":        {of("S\n"), "not as Python quotes it"},
	"two kinds of quotes": {of("S'b\"\n"), "not as Python quotes it"},
	"quote inside":        {of("S'b'b'\n"), "not as Python quotes it"},
	"escaped last quote":  {of("S'b\\'\n"), "not as Python quotes it"},
	"control":             {of("S'\x00'\n"), "not as Python quotes it"},
	"8 bits":              {of("S'\xe9'\n"), "not as Python quotes it"},
	"octal":               {of("S'\\101'\n"), "not as Python quotes it"},
	"short x":             {of("S'\\x4'\n"), "not as Python quotes it"},
	"blank after":         {of("S'b' \n"), "not as Python quotes it"},
	"deep marks":          {strings.Repeat("(", 4096), "more than the 200 opcodes"},
	"marks, then tuples":  {strings.Repeat("(", 100) + strings.Repeat("t", 100), "has not exactly one argument"},
	"mark memoized":       {"(q\x00.", "the stack does not hold"},
	"mark as a value":     {"}U\x01a(s.", "not text, a number or a date"},
	"mark under a value":  {"}(U\x01aU\x01bs.", "the stack does not hold"},
	"nothing memoized":    {"q\x00", "the stack does not hold"},
	"memo below 0":        {"}p-1\n.", "no numbers below 0"},
	"memo of a word":      {"}pa\n.", "not a whole number"},
	"unknown memo":        {of("h\x07"), "the memo does not have this number"},
	"far memo":            {of("j\xff\xff\xff\xff"), "the memo does not have this number"},
	"renumbered":          {"}q\x00U\x01aq\x00U\x01bs.", "already has this number"},
	"key twice":           {"}(U\x01aK\x01U\x01aK\x02u.", "a key occurs twice"},
	"key as both texts":   {"}(U\x01aK\x01Va\nK\x02u.", "a key occurs twice"},
	"key twice over":      {"}U\x01aK\x01sU\x01aK\x01s.", "a key occurs twice"},
	"number as a key":     {"}K\x01K\x01s.", "a key is not text"},
	"date as a key":       {"}cdatetime\ndate\nU\x04" + noon[:4] + "\x85RK\x01s.", "a key is not text"},
	"key without a value": {"}(U\x01au.", "the stack does not hold"},
	"SETITEM of nothing":  {"s.", "the stack does not hold"},
	"SETITEM of no dict":  {"U\x01aU\x01bU\x01cs.", "the stack does not hold"},
	"SETITEMS, no mark":   {"}u.", "there is no MARK"},
	"DICT, no mark":       {"d.", "there is no MARK"},
	"TUPLE, no mark":      {"t.", "there is no MARK"},
	"TUPLE1 of nothing":   {"\x85.", "is not an 8-bit string"},
	"text alone":          {"U\x01a.", "the pickle is not one dict"},
	"STOP":                {".", "the pickle is not one dict"},
	"mark left":           {"(}.", "the pickle is not one dict"},
	"text left":           {"}U\x01a.", "the pickle is not one dict"},
	"after STOP":          {"}..", "the body continues after it"},
	"newline after STOP":  {"}.\n", "the body continues after it"},
	"no STOP":             {"}", "ends at byte 1 without STOP"},
	"nothing":             {"", "ends at byte 0 without STOP"},
	"protocol 1 named":    {"\x80\x01}.", "the protocol is not 2"},
	"protocol 3":          {"\x80\x03}.", "the protocol is not 2"},
	"protocol twice":      {"\x80\x02\x80\x02}.", "not at the beginning"},
	"frame":               {"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f}.", "the protocol is not 2"},
	"LONG4":               {of("\x8b\xff\xff\xff\x7f"), "the opcode 0x8b is not one of a message"},
	"float":               {of("F1.0\n"), "the opcode 0x46 is not one of a message"},
	"none":                {of("N"), "the opcode 0x4e is not one of a message"},
	"list":                {of("]"), "the opcode 0x5d is not one of a message"},
	"pair":                {of("K\x01K\x01\x86"), "the opcode 0x86 is not one of a message"},
	"DUP":                 {"}2.", "the opcode 0x32 is not one of a message"},
	"POP":                 {"}0}.", "the opcode 0x30 is not one of a message"},
	"INST":                {"(ios\nsystem\n.", "the opcode 0x69 is not one of a message"},
	"OBJ":                 {"(o.", "the opcode 0x6f is not one of a message"},
	"NEWOBJ":              {"\x81.", "the opcode 0x81 is not one of a message"},
	"BUILD":               {"}U\x01ab.", "the opcode 0x62 is not one of a message"},
	"extension":           {of("\x82\x01"), "the opcode 0x82 is not one of a message"},
	"persistent":          {of("P1\n"), "the opcode 0x50 is not one of a message"},
	"plain text":          {"Dupont", "the opcode 0x44 is not one of a message"},
	"too long":            {of("U\x01b") + strings.Repeat("x", 4096), "has 4105 bytes: a message has at most 4096"},
	"far too long":        {strings.Repeat("(", 1<<20), "has 1048576 bytes: a message has at most 4096"},
}

// TestHostile: each is refused in words, after work that the size of a message bounds: it allocates no more than some
// times 4 KiB. It runs alone, so that what others allocate is not counted.
func TestHostile(t *testing.T) { //nolint:paralleltest // it counts what is allocated
	for name, tt := range hostile {
		var err error
		body := []byte(tt.body)
		bytes := allocated(func() { _, err = pickle.Read(body) })
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, not %q", name, err, tt.want)
		}
		if bytes > 64<<10 {
			t.Errorf("%s: %d bytes were allocated", name, bytes)
		}
	}
}

// TestErrorsQuoteNothing: a name that is in a body is not in the error.
func TestErrorsQuoteNothing(t *testing.T) {
	t.Parallel()
	for _, tt := range hostile {
		_, err := pickle.Read([]byte("}U\x06Dupont" + tt.body))
		if err == nil || strings.Contains(err.Error(), "Dupont") {
			t.Errorf("%q: %v", tt.body, err)
		}
	}
	for _, body := range []string{
		"cDupont\nDupont\n.", "IDupont\n.", "LDuponL\n.", "SDupont\n.", "VDupont\\n\n.", "pDupont\n.",
	} {
		if _, err := pickle.Read([]byte(body)); err == nil || strings.Contains(err.Error(), "Dupon") {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// BenchmarkHostile measures the dearest refusals, and a message.
func BenchmarkHostile(b *testing.B) {
	bodies := map[string]string{
		"message":      string(pickle.ServiceToSite("booked", "GFLX0001", start, end, 42)),
		"tuples":       "}" + strings.Repeat("(U\x01at", 49) + "..",
		"marks":        strings.Repeat("(", 199) + ".",
		"items":        "}(" + strings.Repeat("U\x01aK\x01", 98) + "u.",
		"memo":         "}" + strings.Repeat("q\x00", 199),
		"Latin-1":      of("T\xe8\x0f\x00\x00" + strings.Repeat("\xe9", 4072) + "]"),
		"Latin-1 many": "}(" + strings.Repeat("U\x13"+strings.Repeat("\xe9", 19), 194) + ".",
		"escapes":      of("V" + strings.Repeat(`\u00e9`, 678) + "\n]"),
		"quoted":       of("S'" + strings.Repeat(`\xe9`, 1019) + "'\n]"),
		"laughs":       laughs(),
		"huge LONG":    hostile["huge LONG"].body,
	}
	for name, body := range bodies {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := pickle.Read([]byte(body)); (err == nil) != (name == "message") {
					b.Fatal(err)
				}
			}
		})
	}
}
