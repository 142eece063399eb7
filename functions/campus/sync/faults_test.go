package sync

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/campus"
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
	params := faults.Params{"instance": "x", "n": "2"}
	faultstest.Codes(t, texts, params,
		faults.Failed,
		codeRefused, codeSilent, codeIncomplete, codeLogin, codeClock, codeECALRefused, codeECALUnknown,
		codeECALSilent, codeWrites, codeNotVerified, codeHeld, codeUnreadable, codeSettings, codeOutOfTime,
		codeNotRun,
	)
	for _, r := range rules {
		faultstest.Codes(t, texts, params, r.Code)
	}
	for _, why := range []string{
		campus.WhyNew, campus.WhyMissing, campus.WhyTime, campus.WhyTitle, campus.WhyRoom, campus.WhyDetails,
		campus.WhyLinks, campus.WhyEdited, campus.WhyTakenOver, campus.WhyDuplicate, campus.WhyGone,
	} {
		if texts.Text("fr", "why."+why, nil) == "" {
			t.Errorf("no text of %s", why)
		}
	}
}

// TestReasonsOfChanges in a language; those of an older version, which has no codes, as they were written.
func TestReasonsOfChanges(t *testing.T) {
	t.Parallel()
	changes := []campus.Change{
		{Why: "time, edited in ECAL", Reasons: []string{campus.WhyTime, campus.WhyEdited}},
		{Why: "missing in ECAL"},
	}
	run := in("fr", &campus.Run{Changes: changes})
	if run.Changes[0].Why != "horaire, modifié dans ECAL" || run.Changes[1].Why != "missing in ECAL" {
		t.Errorf("in French: %+v", run.Changes)
	}
	if changes[0].Why != "time, edited in ECAL" {
		t.Error("what is kept was changed")
	}
}

// TestSettingsOfferTheLanguages of the e-mails.
func TestSettingsOfferTheLanguages(t *testing.T) {
	t.Parallel()
	faultstest.Offered(t, texts, "../../../shared/campus/campus.schema.json")
}
