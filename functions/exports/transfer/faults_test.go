package transfer

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
	params := faults.Params{"source": "x", "n": "2"}
	faultstest.Codes(t, texts, params,
		faults.Failed,
		codeKey, codeSubscription, codeCegidSilent, codeExpired, codeNotYet, codeRefused, codeNoContainer,
		codeSilent, codeDestination, codeFiles, codeSettings, codeOutOfTime, codeClock, codeNotRun,
	)
	for _, r := range rules {
		faultstest.Codes(t, texts, params, r.Code)
	}
}

// TestSettingsOfferTheLanguages of the e-mails.
func TestSettingsOfferTheLanguages(t *testing.T) {
	t.Parallel()
	faultstest.Offered(t, texts, "../../../shared/exports/exports.schema.json")
}
