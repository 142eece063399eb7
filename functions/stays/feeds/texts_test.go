package feeds

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}
