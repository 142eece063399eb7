package exports

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsOfFindingsAreComplete in every language.
func TestTextsOfFindingsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

// TestEveryCodeHasItsText, with the parameters that findings give it.
func TestEveryCodeHasItsText(t *testing.T) {
	t.Parallel()
	params := faults.Params{
		"tables": "x", "table": "x", "columns": "1", "header": "2", "first": "2", "amount": "1", "rows": "1", "before": "3",
	}
	codes := []string{
		codeEmpty, codeNoRows, codeNul, codeNoText, codeUnended, codeUnknown,
		codeColumnTwice, codeColumnUnknown, codeRowQuote, codeRowLong, codeRowColumns, codeValueMissing,
		codeNoNumber, codeAmbiguous, codeDecimals, codeTooLarge, codeNoInteger, codeNoDate,
		codeTooOld, codeMisreadValue, codeMisreadEncoding, codeMisreadDelimiter, codeDuplicate, codeUnbalanced,
		codeShrunk,
	}
	for _, code := range codes {
		if reasons.Text("en", code, params) == "" || reasons.Text("fr", code, params) == "" {
			t.Errorf("no text of %s", code)
		}
	}
}

// TestSummary: the first finding with its place, in the reader's language.
func TestSummary(t *testing.T) {
	t.Parallel()
	var r Report
	if got := r.Summary("fr"); got != "" {
		t.Errorf("without findings: %q", got)
	}
	r.find(50, "PHC_SALARIE", codeDuplicate, faults.Params{"first": "2"})
	const one = "ligne 50 : PHC_SALARIE : la ligne 2 a la même : il manque un filtre à la requête, ou une ligne y est " +
		"deux fois"
	if got := r.Summary("fr"); got != one {
		t.Errorf("one finding: %q", got)
	}
	r.find(51, "", codeRowQuote, nil)
	r.More = 3
	if got := r.Summary("fr"); got != one+" (et 4 de plus)" {
		t.Errorf("five findings: %q", got)
	}
	const english = "line 50: PHC_SALARIE: line 2 has the same: the query lacks a filter, or a row is there twice (and " +
		"4 more)"
	if got := r.Summary(""); got != english {
		t.Errorf("as it is stored: %q", got)
	}
	if in := r.In("fr"); in.Findings[1].Reason != "la ligne est illisible : un guillemet n’est pas fermé, ou se trouve "+
		"au milieu d’une valeur" {
		t.Errorf("in French: %+v", in.Findings[1])
	}
	if r.Findings[1].Reason == r.In("fr").Findings[1].Reason {
		t.Error("the report itself was changed")
	}
	whole := Report{Findings: []Finding{{Code: "no_rows", Reason: "as an older version said it"}}}
	if got := whole.Summary("de"); got != "the file has a header and no rows" {
		t.Errorf("a language that is not there: %q", got)
	}
	old := Report{Findings: []Finding{{Line: 3, Reason: "as an older version said it"}}}
	if got := old.Summary("fr"); got != "ligne 3 : as an older version said it" {
		t.Errorf("without a code: %q", got)
	}
}
