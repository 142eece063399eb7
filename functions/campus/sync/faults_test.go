package sync

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

// TestEveryCodeHasItsTexts: what it means, and what to do.
func TestEveryCodeHasItsTexts(t *testing.T) {
	t.Parallel()
	all := faults.Params{"instance": "x", "n": "2"}
	codes := []string{
		faults.Failed,
		codeRefused, codeSilent, codeIncomplete, codeLogin, codeClock, codeECALRefused, codeECALUnknown,
		codeECALSilent, codeWrites, codeNotVerified, codeHeld, codeUnreadable, codeSettings, codeOutOfTime,
		codeNotRun,
	}
	for _, code := range codes {
		for _, id := range []string{code + ".what", code + ".do"} {
			if texts.Text("fr", id, all) == "" || texts.Text("en", id, all) == "" {
				t.Errorf("no text of %s", id)
			}
		}
	}
	for _, r := range rules {
		if texts.Text("en", r.Code+".what", all) == "" {
			t.Errorf("no text of %s", r.Code)
		}
	}
}
