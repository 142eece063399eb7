package exports_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

// imported are the rows that the importer makes of files; see testdata/importer.py.
func imported(t *testing.T, files ...string) [][]map[string]string {
	t.Helper()
	peers.Need(t)
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	names := map[exports.Kind]string{
		exports.Text: "text", exports.Integer: "integer", exports.Amount: "amount", exports.Moment: "moment",
	}
	kinds := map[string]string{}
	for _, table := range exports.Tables {
		for _, c := range table.Columns {
			kinds[c.Name] = names[c.Kind]
		}
	}
	task, err := json.Marshal(map[string]any{"kinds": kinds, "files": files})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "importer.py"))
	cmd.Stdin, cmd.Stderr = bytes.NewReader(task), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var rows [][]map[string]string
	if err := json.Unmarshal(out, &rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

// meant are the rows of a file in our form: what they say, whoever reads them.
func meant(t *testing.T, rewritten []byte) []map[string]string {
	t.Helper()
	r := csv.NewReader(bytes.NewReader(rewritten))
	r.Comma = ';'
	all, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]map[string]string, 0, len(all))
	for _, cells := range all[1:] {
		row := map[string]string{}
		for i, name := range all[0] {
			row[name] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, row)
	}
	return rows
}

const (
	comma = "E_DATECOMPTABLE,E_REFINTERNE,E_LIBELLE,E_GENERAL,E_DEBIT,E_CREDIT,E_AUXILIAIRE,E_REFLIBRE\n"
	tab   = "PHC_SALARIE\tPHC_CUMULPAIE\tPHC_MONTANT\n"
)

// written are hand-written files; needed says that the importer would misread the file as it is.
var written = map[string]struct {
	file   string
	needed bool
}{
	"comma_decimals":      {cumul + "1;01;1234,56\n", false},
	"point_decimals":      {cumul + "1;01;-1234.5\n2;01;+1\n3;01;,5\n", false},
	"blanks_around":       {cumul + " 1 ;01; 1234,56 \n", false},
	"crlf":                {strings.ReplaceAll(cumul+"1;01;1,5\n", "\n", "\r\n"), false},
	"byte_order_mark":     {"\xef\xbb\xbf" + cumul + "1;01;1,5\n", false},
	"empty_lines":         {cumul + "\n1;01;1,5\n\n", false},
	"trailing_semicolons": {"PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT;\n1;01;1,5;\n2;01;2;\n", false},
	"bare_quote":          {ecriture + "2025-05-31;1;Ecran 24\";6;1,5;1,5;;\n", false},
	"quoted":              {ecriture + "2025-05-31;1;\"a; \"\"b\";6;1,5;1,5;;\n", false},
	"line_end_in_a_label": {ecriture + "2025-05-31;1;\"a\r\nb\";6;1;1;;\n", false},
	"iso":                 {ecriture + "2025-05-31 10:20:30;1;a;6;1;1;;\n", false},
	"day_after_the_12th":  {ecriture + "31/05/2025;1;a;6;1;1;;\n31/5/2025 08:00:00;1;a;6;1;1;;\n", false},
	"same_day_and_month":  {ecriture + "06/06/2025;1;a;6;1;1;;\n", false},
	"latin_1":             {ecriture + "2025-05-31;1;\xe9t\xe9;6;1;1;;\n", false},
	"commas":              {comma + "2025-05-31,1,\"a, b\",6,1.5,1.5,,\n", false},
	"late_semicolon": {
		comma + strings.Repeat("2025-05-31,1,a,6,1,1,,\n", 60) + "2025-05-31,1,a;b,6,1,1,,\n", false,
	},
	"narrow_blank":           {cumul + "1;01;1\u202f234,56\n", true},
	"no_break_space":         {cumul + "1;01;1\u00a0234,56\n", true},
	"space":                  {cumul + "1;01;1 234,56\n", true},
	"points_of_thousands":    {cumul + "1;01;1.234,56\n", true},
	"commas_of_thousands":    {cumul + "1;01;1,234.56\n", true},
	"apostrophe":             {cumul + "1;01;1'234.50\n", true},
	"tabs":                   {tab + "1\t01\t1234,56\n", true},
	"bars":                   {strings.ReplaceAll(tab, "\t", "|") + "1|01|1,56\n", true},
	"semicolon_in_a_label":   {comma + "2025-05-31,1,a;b,6,1.00,1.00,,\n", true},
	"windows_1252":           {ecriture + "2025-05-31;1;10 \x80;6;1;1;;\n", true},
	"commas_in_latin_1":      {comma + "2025-05-31,1,\xe9t\xe9,6,1.5,1.5,,\n", true},
	"day_up_to_the_12th":     {ecriture + "05/06/2025;1;a;6;1;1;;\n", true},
	"day_with_a_time":        {ecriture + "05/06/2025 08:00:00;1;a;6;1;1;;\n", true},
	"slashes_without_second": {ecriture + "31/05/2025 08:00;1;a;6;1;1;;\n", true},
	"iso_with_t":             {ecriture + "2025-12-31T00:00:00;1;a;6;1;1;;\n", true},
	"iso_with_a_zone":        {ecriture + "2025-12-31T00:00:00Z;1;a;6;1;1;;\n", true},
	"iso_with_a_fraction":    {ecriture + "2025-12-31 04:00:12.345;1;a;6;1;1;;\n", true},
	"iso_without_second":     {ecriture + "2025-12-31 04:00;1;a;6;1;1;;\n", true},
	"cegid_empty_date":       {ecriture + "1900-01-01;1;a;6;1;1;;\n", true},
	"whole_with_comma": {
		"PCN_TYPEMVT;PCN_SALARIE;PCN_ORDRE;PCN_PERIODECP;PCN_TYPECONGE;PCN_SENSABS;PCN_LIBELLE;PCN_DATEDEBUTABS;PCN_DEBUTDJ;PCN_DATEFINABS;PCN_FINDJ;PCN_JOURS;PCN_HEURES;PCN_GUID\nABS;1;2,00;0;RTT;-;a;2025-08-04;MAT;2025-08-05;PAM;0,5;3,5;b\n", true,
	},
	"carriage_return": {ecriture + "2025-05-31;1;a\rb;6;1;1;;\n", true},
}

// TestImporterReadsWhatIsHandedOn: the importer makes of each value that is handed on what it says; a file that it
// would misread is rewritten, and any other is not.
func TestImporterReadsWhatIsHandedOn(t *testing.T) {
	t.Parallel()
	var names, asItIs, handedOn []string
	var want [][]map[string]string
	needed := map[string]bool{}
	dir := t.TempDir()
	add := func(name string, data []byte) {
		t.Helper()
		var out bytes.Buffer
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
		r, err := exports.Rewrite(open, exports.Options{}, &out)
		if err != nil || !r.OK() {
			t.Fatalf("%s: %+v, %v", name, r, err)
		}
		path := filepath.Join(dir, strconv.Itoa(len(names)))
		names, asItIs, want = append(names, name), append(asItIs, path), append(want, meant(t, out.Bytes()))
		needed[name] = exports.RewriteWhenNeeded.Of(r)
		given := data
		if needed[name] {
			given = out.Bytes()
		}
		handedOn = append(handedOn, path+".handed")
		for file, data := range map[string][]byte{path: data, path + ".handed": given} {
			if err := os.WriteFile(file, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range written {
		add(name, []byte(tt.file))
	}
	for _, file := range []string{"histocumsal.csv", "absencesalarie.csv", "analytiq.csv", "ecriture.csv"} {
		data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "cegid"), file))
		if err != nil {
			t.Fatal(err)
		}
		if file == "ecriture.csv" { // which has no balance
			data = append(data, "2025-06-30;ACH;FA0004;a;60100000;0;1244,56;;\r\n"...)
		}
		add(file, data)
	}
	got := imported(t, append(handedOn, asItIs...)...)
	for i, name := range names {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("%s: the importer (-what the file says +what it makes of what is handed on):\n%s", name, diff)
		}
		misread := !cmp.Equal(want[i], got[len(names)+i])
		if tt, ok := written[name]; ok && (tt.needed != needed[name] || tt.needed != misread) {
			t.Errorf("%s: rewritten %t, misread as it is %t; want %t", name, needed[name], misread, tt.needed)
		}
		if misread != needed[name] {
			t.Errorf("%s: rewritten %t, but misread as it is %t", name, needed[name], misread)
		}
	}
}

// TestNeverRewritten: where files are handed on as they are, one that the importer would misread is held.
func TestNeverRewritten(t *testing.T) {
	t.Parallel()
	for name, tt := range written {
		r, err := exports.Check(of(tt.file), exports.Options{AsItIs: true})
		if err != nil || r.OK() == tt.needed || tt.needed && !strings.Contains(r.Findings[0].Reason, "misread") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}
