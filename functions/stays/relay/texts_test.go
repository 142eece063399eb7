package relay

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language, which the settings offer.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
	faultstest.Offered(t, texts, "../../../shared/stays/stays.schema.json")
}
