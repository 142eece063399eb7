package pickle_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/stays/broker/pickle"
)

type golden struct {
	Message, Module string
	Protocol        int
	Body            string // a byte a character
}

func (g golden) String() string { return fmt.Sprint(g.Message, " ", g.Module, " ", g.Protocol) }

func (g golden) bytes() []byte {
	body := make([]byte, 0, len(g.Body))
	for _, c := range g.Body {
		body = append(body, byte(c))
	}
	return body
}

// goldens returns what Python 2.7 wrote; testdata/write.py says how.
func goldens(t testing.TB) (list []golden) {
	t.Helper()
	b, err := os.ReadFile("testdata/golden.json")
	if err == nil {
		err = json.Unmarshal(b, &list)
	}
	if err != nil || len(list) != 66 {
		t.Fatal(len(list), err)
	}
	return list
}

var (
	start = pickle.Date{2027, 7, 3}
	end   = pickle.Date{2027, 7, 9}
	// with bytes that repr quotes or escapes
	quoted       = pickle.Date{2087, 9, 13}
	doubleQuoted = pickle.Date{8743, 10, 10}
)

func site(hebPk any) pickle.Dict {
	return pickle.Dict{"hebPk": hebPk, "start": start, "end": end, "typeOfSelection": "loue", "cgtId": "GFLX0001"}
}

// messages are those of testdata/write.py.
var messages = map[string]pickle.Dict{
	"service": {
		"booking_type": "booked", "cgt_id": "GFLX0001", "start_date": start, "end_date": end, "notf_id": int64(42),
	},
	"service-quotes": {
		"booking_type": "l'an", "cgt_id": "'\"\\\t", "start_date": quoted, "end_date": doubleQuoted, "notf_id": int64(-1),
	},
	"site-str":     site("17"),
	"site-unicode": site("17"),
	"site-int":     site(int64(17)),
	"dates": {
		"quote": pickle.Date{2087, 1, 31}, "double": pickle.Date{2082, 9, 10}, "both": pickle.Date{8743, 2, 13},
		"backslash": pickle.Date{2140, 12, 30}, "first": pickle.Date{1, 1, 1}, "last": pickle.Date{9999, 12, 31},
	},
	"shared": {"first": start, "second": start},
	"text": {
		"utf8": "gîte\n", "latin1": "gîte\x00\t\r", "unicode": "gîte\\u\r\n€😀", "single": "l'an", "double": `"`,
		"both": `'"\`, "empty": "", "none": "", "clé": strings.Repeat("x", 256), "wide": strings.Repeat("x", 256),
	},
	"numbers": {
		"zero": int64(0), "byte": int64(255), "short": int64(65535), "int": int64(65536), "minus": int64(-1),
		"least": int64(-1 << 31), "int64": int64(1 << 31), "most": int64(1e18 - 1), "long": int64(10), "long0": int64(0),
		"long-": int64(-129), "long most": int64(1e18 - 1), "long least": int64(1 - 1e18),
	},
	"empty": {},
	"one":   {"notf_id": int64(1)},
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, g := range goldens(t) {
		got, err := pickle.Read(g.bytes())
		if diff := cmp.Diff(messages[g.Message], got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got)\n%s", g, err, diff)
		}
	}
}

// TestWrite: our templates give, byte for byte, what cPickle gives in protocol 0.
func TestWrite(t *testing.T) {
	t.Parallel()
	ours := map[string][]byte{
		"service":        pickle.ServiceToSite("booked", "GFLX0001", start, end, 42),
		"service-quotes": pickle.ServiceToSite("l'an", "'\"\\\t", quoted, doubleQuoted, -1),
		"site-str":       pickle.SiteToService("17", "GFLX0001", start, end, "loue"),
	}
	for _, g := range goldens(t) {
		if got, ok := ours[g.Message]; ok && g.Module == "cPickle" && g.Protocol == 0 {
			if diff := cmp.Diff(string(g.bytes()), string(got)); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", g, diff)
			}
			delete(ours, g.Message)
		}
	}
	if len(ours) > 0 {
		t.Error("not compared:", slices.Collect(maps.Keys(ours)))
	}
}

// random returns text of all that text can have, mostly of what quoting changes.
func random(rnd *rand.Rand) string {
	const odd = "'\"\\\n\r\t\x00\x7f uxUé€😀\u2028"
	text := make([]rune, rnd.IntN(12))
	for i := range text {
		c := []rune(odd)[rnd.IntN(utf8.RuneCountInString(odd))]
		if rnd.IntN(4) == 0 {
			c = rune(rnd.IntN(0xd800))
		}
		text[i] = c
	}
	return string(text)
}

// TestRoundTrip: what is written is read again, for every date of some years and all kinds of text.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	year := func() int { return 1 + rnd.IntN(9999) }
	for _, y := range []int{1, 39, 92, 1900, 2024, 2082, 2087, 2140, 9999, year(), year()} {
		for day := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC); day.Year() == y; day = day.AddDate(0, 0, 1) {
			from, to := pickle.Date{y, day.Month(), day.Day()}, pickle.Date{year(), 1 + day.Month()%12, 1 + rnd.IntN(28)}
			kind, cgtID, pk, id := random(rnd), random(rnd), random(rnd), rnd.Int64N(2e18-1)-(1e18-1)
			for _, tt := range []struct {
				body []byte
				want pickle.Dict
			}{
				{
					pickle.ServiceToSite(kind, cgtID, from, to, id), pickle.Dict{
						"booking_type": kind, "cgt_id": cgtID, "start_date": from, "end_date": to, "notf_id": id,
					},
				},
				{
					pickle.SiteToService(pk, cgtID, from, to, kind), pickle.Dict{
						"hebPk": pk, "cgtId": cgtID, "start": from, "end": to, "typeOfSelection": kind,
					},
				},
			} {
				got, err := pickle.Read(tt.body)
				if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
					t.Fatalf("%q: %v (-want +got)\n%s", tt.body, err, diff)
				}
			}
		}
	}
}

func TestInvalidTextIsWritten(t *testing.T) {
	t.Parallel()
	got, err := pickle.Read(pickle.ServiceToSite("a\xff", "\xed\xa0\x80", start, end, 1))
	if err != nil || got["booking_type"] != "a\ufffd" || got["cgt_id"] != "\ufffd\ufffd\ufffd" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestValid(t *testing.T) {
	t.Parallel()
	for d, want := range map[pickle.Date]bool{
		{2024, 2, 29}: true, {2023, 2, 29}: false, {1, 1, 1}: true, {0, 12, 31}: false, {9999, 12, 31}: true,
		{10000, 1, 1}: false, {2024, 0, 1}: false, {2024, 13, 1}: false, {2024, 1, 0}: false, {2024, 1, 32}: false,
	} {
		if d.Valid() != want {
			t.Errorf("%s: valid = %t", d, !want)
		}
	}
}

// TestOpcodes: what Python does not write by itself for these dicts, but other picklers of it may, is read.
func TestOpcodes(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]pickle.Dict{
		"(S'a'\nI1\nd.": {"a": int64(1)},
		"}(U\x01aK\x01X\x01\x00\x00\x00bM\x00\x01u.":                   {"a": int64(1), "b": int64(256)},
		"}r\x00\x01\x00\x00U\x01ar\x01\x01\x00\x00j\x01\x01\x00\x00s.": {"a": "a"},
		"}U\x01aT\x02\x00\x00\x00\xc3\xa9s.":                           {"a": "é"},
		"}U\x01aT\x02\x00\x00\x00\xe9\xa9s.":                           {"a": "é©"},
		"}V\\u00e9\nV\\U0001f600\xe9\ns.":                              {"é": "😀é"},
		"}U\x01aJ\xfe\xff\xff\xffs.":                                   {"a": int64(-2)},
		"}S\"a\"\nS'\\x41\\\"'\ns.":                                    {"a": `A"`},
		"}U\x01aK\x07q\x01s.":                                          {"a": int64(7)},
		"(dU\x01acdatetime\ndate\n(U\x04\x07\xeb\x07\x03tp7\nRp8\ns.":  {"a": start},
	} {
		got, err := pickle.Read([]byte(body))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", body, err, diff)
		}
	}
}

// ops returns a dict whose pickle has n opcodes.
func ops(n int) string {
	return "}" + strings.Repeat("(u", (n-2)/2) + strings.Repeat("q\x00", n%2) + "."
}

// TestLimits: a message may have 4096 bytes, 200 opcodes and numbers of 18 digits.
func TestLimits(t *testing.T) {
	t.Parallel()
	text := func(n int) string {
		b := binary.LittleEndian.AppendUint32([]byte("}U\x01aT"), uint32(n))
		return string(b) + strings.Repeat("x", n) + "s."
	}
	for body, want := range map[string]bool{
		text(4096 - 11): true, text(4097 - 11): false,
		ops(200): true, ops(199): true, ops(201): false,
		"}U\x01aI999999999999999999\ns.": true, "}U\x01aI1000000000000000000\ns.": false,
		"}U\x01aL-999999999999999999L\ns.": true, "}U\x01aL-1000000000000000000L\ns.": false,
		"}U\x01a\x8a\x08\xff\xff\x63\xa7\xb3\xb6\xe0\x0ds.": true, "}U\x01a\x8a\x08\x00\x00\x64\xa7\xb3\xb6\xe0\x0ds.": false,
	} {
		if _, err := pickle.Read([]byte(body)); (err == nil) != want {
			t.Errorf("%d bytes, %.40q: %v", len(body), body, err)
		}
	}
}

// written pickles a dict in another way than the package does: in protocol 2, without a memo.
func written(d pickle.Dict) []byte {
	body := []byte("\x80\x02}(")
	text := func(s string) {
		body = binary.LittleEndian.AppendUint32(append(body, 'X'), uint32(len(s)))
		body = append(body, s...)
	}
	for _, key := range slices.Sorted(maps.Keys(d)) {
		text(key)
		switch v := d[key].(type) {
		case string:
			text(v)
		case int64:
			body = binary.LittleEndian.AppendUint64(append(body, 0x8a, 8), uint64(v))
		case pickle.Date:
			body = append(body, "cdatetime\ndate\nU\x04"...)
			body = append(body, byte(v.Year>>8), byte(v.Year), byte(v.Month), byte(v.Day), 0x85, 'R')
		}
	}
	return append(body, "u."...)
}

// FuzzRead: no body makes the reader panic, and what it accepts holds nothing but the values of a message.
func FuzzRead(f *testing.F) {
	for _, g := range goldens(f) {
		f.Add(g.bytes())
	}
	for _, tt := range hostile {
		f.Add([]byte(tt.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := pickle.Read(body)
		if err != nil {
			if d != nil || len(err.Error()) > 200 {
				t.Errorf("%v, %v", d, err)
			}
			return
		}
		if len(body) > 4096 || len(d) > 100 {
			t.Errorf("%d values of %d bytes", len(d), len(body))
		}
		for key, v := range d {
			switch v := v.(type) {
			case string:
				if !utf8.ValidString(v) || len(v) > 2*len(body) {
					t.Errorf("the value %q", v)
				}
			case int64:
				if v >= 1e18 || v <= -1e18 {
					t.Errorf("the value %d", v)
				}
			case pickle.Date:
				if !v.Valid() {
					t.Errorf("the value %s", v)
				}
			default:
				t.Errorf("a value of the type %T", v)
			}
			if !utf8.ValidString(key) {
				t.Errorf("the key %q", key)
			}
		}
		again := written(d)
		if len(again) > 4096 || 5+4*len(d) > 200 {
			return // what was shared is there twice
		}
		if got, err := pickle.Read(again); err != nil || !maps.Equal(got, d) {
			t.Errorf("%v is read again as %v, %v", d, got, err)
		}
	})
}

// allocated returns the bytes that f allocates; no other test may run.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}
