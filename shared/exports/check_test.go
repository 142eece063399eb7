package exports_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

func of(text string) exports.Opener {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }
}

// TestRecordedFiles gives the recorded exports their verdicts, and the form in which they are handed on.
func TestRecordedFiles(t *testing.T) {
	t.Parallel()
	dir := recorded.Dir(t, "cegid")
	tests := map[string]struct {
		want exports.Report
		rows string // of what is handed on, without the header
	}{
		"histocumsal.csv": {
			exports.Report{Table: "HISTOCUMSAL", Encoding: exports.UTF8BOM, Delimiter: ";", Rows: 4, Misread: 2},
			"0000000001;01;2512.34\n0000000001;02;-12.00\n0000000002;01;1234.56\n0000000003;01;1234.56\n",
		},
		"absencesalarie.csv": {
			exports.Report{Table: "ABSENCESALARIE", Encoding: exports.UTF8, Delimiter: ";", Rows: 2, Misread: 3},
			"ABS;0000000001;1;0;PRI;;-;-;Congés payés;2025-08-04 00:00:00;MAT;2025-08-08 " +
				"00:00:00;PAM;5.00;35.00;00000000-0000-4000-8000-00000000000a\n" +
				"ABS;0000000002;2;0;RTT;;-;-;RTT;;MAT;;PAM;0.50;3.50;00000000-0000-4000-8000-00000000000b\n",
		},
		"analytiq.csv": {
			exports.Report{Table: "ANALYTIQ", Encoding: exports.UTF8, Delimiter: ",", Rows: 1},
			"2025-05-31 00:00:00;60100000;A1;S01;12;Achat, divers;FF;EXT1;ACH;0FOURN1;10.00;0.00\n",
		},
		"ecriture.csv": {
			exports.Report{
				Table: "ECRITURE", Encoding: exports.Windows1252, Delimiter: ";", Rows: 4, Misread: 4,
				Findings: []exports.Finding{{
					Reason: "debit and credit differ by 1244.56", Code: "unbalanced", Params: faults.Params{"amount": "1244.56"},
				}},
			},
			"2025-05-31 00:00:00;VTE;FA0001;Prestation été;70600000;0.00;1200.50;;\n2025-05-31 00:00:00;VTE;FA0001;\"Client; " +
				"divers\";41100000;1200.50;0.00;9CLIENT1;REF\n" +
				"2025-06-05 00:00:00;ACH;FA0002;Œuvre – 10 €;60100000;10.00;0.00;;\n2025-06-30 00:00:00;ACH;FA0003;ISO with T: " +
				"original drops the date;60100000;1234.56;0.00;;\n",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) }
			got, err := exports.Check(open, exports.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			var out bytes.Buffer
			if _, err := exports.Rewrite(open, exports.Options{}, &out); err != nil {
				t.Fatal(err)
			}
			if _, rows, _ := strings.Cut(out.String(), "\n"); rows != tt.rows {
				t.Errorf("handed on:\n%s\nwant\n%s", rows, tt.rows)
			}
		})
	}
}

const (
	cumul    = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n"
	ecriture = "E_DATECOMPTABLE;E_REFINTERNE;E_LIBELLE;E_GENERAL;E_DEBIT;E_CREDIT;E_AUXILIAIRE;E_REFLIBRE\n"
)

func TestFindings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file string
		o    exports.Options
		want string // line:column: reason, each on a line
	}{
		"good": {cumul + "1;01;1,00\n2;01;2,00\n", exports.Options{}, ""},
		"last_line_unended": {
			cumul + "1;01;1234,56\r\n2;01;1",
			exports.Options{},
			"3:: the last line has no line end, which the others have: the file may be cut off there",
		},
		"cut_in_the_line_end": {
			cumul + "1;01;1\r\n2;01;1\r",
			exports.Options{},
			"3:: the last line has no line end, which the others have: the file may be cut off there",
		},
		"unended_is_usual":     {cumul + "1;01;1234,56\r\n2;01;1", exports.Options{Unended: true}, ""},
		"other_case_and_blank": {" phc_salarie ;Phc_CumulPaie;PHC_MONTANT\n1;01;1\n", exports.Options{}, ""},
		"empty":                {"", exports.Options{}, "0:: the file is empty"},
		"header_only":          {cumul, exports.Options{}, "0:: the file has a header and no rows"},
		"other_table": {
			"A;B\n1;2\n",
			exports.Options{},
			"1:: the header does not match any table that the importer knows: HISTOCUMSAL, ECRITURE, ABSENCESALARIE, ANALYTIQ",
		},
		"a_part_of_a_table": {
			"E_DEBIT;E_CREDIT\n1;1\n",
			exports.Options{},
			"1:: the header does not match any table that the importer knows: HISTOCUMSAL, ECRITURE, ABSENCESALARIE, ANALYTIQ",
		},
		"one_column_more": {
			"PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT;PHC_DATEFIN\n1;01;1;x\n",
			exports.Options{},
			"1:PHC_DATEFIN: the importer does not know this column in HISTOCUMSAL",
		},
		"a_column_twice": {
			"PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT;PHC_MONTANT\n1;01;1;1\n",
			exports.Options{},
			"1:PHC_MONTANT: the column appears twice",
		},
		"row_cut_off": {
			cumul + "1;01;1,00\n2;0", exports.Options{Unended: true}, "3:: the row has 2 columns, the header 3",
		},
		"quote_not_closed": {
			cumul + "1;\"01;1,00\n2;01;1\n",
			exports.Options{},
			"2:: the row cannot be read: a quotation mark is not closed, or is in the middle of a value",
		},
		"semicolon_in_label": {
			"E_DATECOMPTABLE,E_REFINTERNE,E_LIBELLE,E_GENERAL,E_DEBIT,E_CREDIT,E_AUXILIAIRE,E_REFLIBRE\n2025-01-01,1,a;b,6,1.00,1.00,,\n", exports.Options{}, "",
		},
		"key_twice": {
			cumul + "1;01;1\n2;01;1\n1;01;2\n",
			exports.Options{},
			"4:PHC_SALARIE, PHC_CUMULPAIE: line 2 has the same: the query lacks a filter, or a row is there twice",
		},
		"keys_apart":  {cumul + "1;11;1\n11;1;1\n", exports.Options{}, ""},
		"key_missing": {cumul + ";01;1\n", exports.Options{}, "2:PHC_SALARIE: it is missing"},
		"no_number":   {cumul + "1;01;abc\n", exports.Options{}, "2:PHC_MONTANT: the value is not a number"},
		"ambiguous": {
			cumul + "1;01;1,234\n",
			exports.Options{},
			"2:PHC_MONTANT: the value can be read as two numbers: set the source's decimal mark",
		},
		"not_ambiguous": {cumul + "1;01;1.234\n", exports.Options{Decimal: ","}, ""},
		"too_old": {
			ecriture + "0001-01-01;1;a;6;1;1;;\n30/12/1899;1;a;6;1;1;;\n1989-12-31;1;a;6;1;1;;\n" +
				"1900-06-01;1;a;6;1;1;;\n1990-01-01;1;a;6;1;1;;\n",
			exports.Options{},
			"2:E_DATECOMPTABLE: the value is a date before 1990\n3:E_DATECOMPTABLE: the value is a date " +
				"before 1990\n4:E_DATECOMPTABLE: the value is a date before 1990\n5:E_DATECOMPTABLE: the " +
				"value is a date before 1990",
		},
		"bare_quote": {
			ecriture + "2025-01-01;1;Ecran 24\";6;1;1;;\n2025-01-01;1;a\"b\"c;6;1;1;;\n", exports.Options{}, "",
		},
		"text_behind_a_quote": {
			cumul + "1;\"01\"x;1\n",
			exports.Options{},
			"2:: the row cannot be read: a quotation mark is not closed, or is in the middle of a value",
		},
		"semicolon_at_the_end": {"PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT;\r\n1;01;1;\r\n", exports.Options{AsItIs: true}, ""},
		"semicolon_not_in_all": {
			"PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT;\n1;01;1\n2;01;1;x\n",
			exports.Options{},
			"2:: the row has 3 columns, the header 4\n3:: the row has 4 columns, the header 4",
		},
		"semicolon_in_rows": {cumul + "1;01;1;\n", exports.Options{}, "2:: the row has 4 columns, the header 3"},
		"bom_and_latin_1": {
			"\xef\xbb\xbf" + cumul + "\xe9;01;1\n", exports.Options{}, "2:: a byte is neither UTF-8 nor Windows-1252",
		},
		"key_with_blanks": {
			cumul + "1;01;1\n 1 ;01;1\n",
			exports.Options{},
			"3:PHC_SALARIE, PHC_CUMULPAIE: line 2 has the same: the query lacks a filter, or a row is there twice",
		},
		"no_date": {
			ecriture + "31/13/2025;1;a;6;1;1;;\n", exports.Options{}, "2:E_DATECOMPTABLE: the value is not a date",
		},
		"month_first":  {ecriture + "05/31/2025;1;a;6;1;1;;\n", exports.Options{DateOrder: exports.MonthFirst}, ""},
		"not_balanced": {ecriture + "2025-01-01;1;a;6;1,10;1;;\n", exports.Options{}, "0:: debit and credit differ by 0.10"},
		"shrunk": {
			cumul + "1;01;1\n",
			exports.Options{PreviousRows: 3},
			"0:: the file has 1 rows, and the one before had 3: more than half is missing",
		},
		"halved":      {cumul + "1;01;1\n", exports.Options{PreviousRows: 2}, ""},
		"utf_16":      {"\xff\xfeP\x00H\x00", exports.Options{}, "1:: it holds NUL: the file is UTF-16, or damaged"},
		"no_encoding": {cumul + "1;\x81;1\n", exports.Options{}, "2:: a byte is neither UTF-8 nor Windows-1252"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := exports.Check(of(tt.file), tt.o)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]string, 0, len(r.Findings))
			for _, f := range r.Findings {
				got = append(got, fmt.Sprintf("%d:%s: %s", f.Line, f.Column, f.Reason))
			}
			if strings.Join(got, "\n") != tt.want || r.OK() != (tt.want == "") {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// TestLongLine: a character that the reading cuts in two is still UTF-8's.
func TestLongLine(t *testing.T) {
	t.Parallel()
	for pad := range 4 {
		file := cumul + strings.Repeat("x", pad) + strings.Repeat("é€", 100_000) + ";01;1\n"
		r, err := exports.Check(of(file), exports.Options{})
		if err != nil || r.Encoding != exports.UTF8 || !r.OK() {
			t.Errorf("pad %d: %+v, %v", pad, r, err)
		}
	}
}

func TestManyFindingsAreCounted(t *testing.T) {
	t.Parallel()
	r, err := exports.Check(of(cumul+strings.Repeat(";;x\n", 1000)), exports.Options{})
	if err != nil || len(r.Findings) != 200 || len(r.Findings)+r.More < 3000 || r.Rows != 1000 {
		t.Errorf("%d findings and %d more, %d rows, %v", len(r.Findings), r.More, r.Rows, err)
	}
}

type broken struct{ io.Reader }

func (broken) Close() error { return nil }

// TestReadFailure: a file that cannot be read is an error, never a verdict.
func TestReadFailure(t *testing.T) {
	t.Parallel()
	fails := errors.New("disk")
	for _, after := range []string{"", cumul, cumul + "1;01;1\n"} {
		open := func() (io.ReadCloser, error) {
			return broken{io.MultiReader(strings.NewReader(after), failing{fails})}, nil
		}
		if r, err := exports.Check(open, exports.Options{}); !errors.Is(err, fails) {
			t.Errorf("after %q: %+v, %v", after, r, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestParseAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"12": "12.00", "12.5": "12.50", "12,5": "12.50", "-12,00": "-12.00", "+1": "1.00", "0,1": "0.10", ",5": "0.50",
		"5,": "5.00", "0.123000": "error", "1.230000": "1.23", " 1 ": "1.00",
		"1 234,56": "1234.56", "1\u00a0234,56": "1234.56", "1\u202f234,56": "1234.56", "1.234,56": "1234.56",
		"1,234.56": "1234.56", "1.234.567": "1234567.00", "1'234.50": "1234.50", "1.234.567,89": "1234567.89",
		"1,234": "error", "0,234": "error", "12,34,5": "error", "1.23.456": "error", "1 23,4": "error", "": "error",
		"-": "error", ".": "error", "1e5": "error", "0x1": "error", "--1": "error", "1-": "error", "NaN": "error",
		"9999999999,99": "9999999999.99", "10000000000": "10000000000.00", "99999999999": "error", "١": "error", "1,": "1.00",
		"1..2": "error", "1,,2": "error", "1234,567": "error",
	} {
		n, err := exports.ParseAmount(text, "")
		got := fmt.Sprintf("%d.%02d", n/100, max(n, -n)%100)
		if n < 0 && n > -100 {
			got = "-" + got
		}
		if err != nil {
			got = "error"
		}
		if text == "10000000000" || text == "99999999999" {
			want = "error" // eleven digits
		}
		if got != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
	}
}

func TestParseMoment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2025-05-31": "2025-05-31 00:00:00", "2025-05-31 10:20:30": "2025-05-31 10:20:30",
		"2025-06-30T00:00:00": "2025-06-30 00:00:00", "2025-06-30T04:00:12.3456789": "2025-06-30 04:00:12",
		"2025-06-30T04:00:00Z": "2025-06-30 04:00:00", "05/06/2025": "2025-06-05 00:00:00",
		"31/05/2025 08:00": "2025-05-31 08:00:00", "1/2/2025": "2025-02-01 00:00:00", "1900-01-01": "none",
		"1900-01-01 00:00:00": "none",
		"05/31/2025":          "error", "2025-02-30": "error", "30.06.2025": "error", "20250630": "error", "": "error",
	} {
		at, ok, err := exports.ParseMoment(text, exports.DayFirst)
		got := at.Format(time.DateTime)
		switch {
		case err != nil:
			got = "error"
		case !ok:
			got = "none"
		}
		if got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}

// FuzzCheck: whatever a file holds, it gets a verdict; what passes is rewritten to a file that passes, that the
// importer reads as it is, and that is rewritten to itself.
func FuzzCheck(f *testing.F) {
	for _, tt := range written {
		f.Add([]byte(tt.file))
	}
	f.Add([]byte(cumul + "1;01;1 234,56\n2;\"01\";-3\n"))
	f.Add([]byte("\xef\xbb\xbf" + cumul + "1;01;1\r\n"))
	f.Add([]byte(cumul + "\xe9;01;1\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		var out, again bytes.Buffer
		first, err := exports.Rewrite(of(string(file)), exports.Options{}, &out)
		if err != nil {
			t.Fatal(err)
		}
		if !first.OK() {
			return
		}
		second, err := exports.Rewrite(of(out.String()), exports.Options{AsItIs: true}, &again)
		if err != nil || !second.OK() || second.Rows != first.Rows || second.Table != first.Table ||
			!bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Errorf("%q became %q and then %q: %+v, %v", file, out.String(), again.String(), second, err)
		}
	})
}
