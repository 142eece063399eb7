package stays

import (
	"testing"

	"github.com/carillon-calendar/carillon/infra/console/textstest"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

// TestFindingsAreSaid in every language.
func TestFindingsAreSaid(t *testing.T) {
	t.Parallel()
	if n := machinetest.Findings(t, doctor); n < 10 {
		t.Errorf("%d findings were found in the source", n)
	}
}

// TestPageShowsTheCatalogue, and no text of its own.
func TestPageShowsTheCatalogue(t *testing.T) {
	t.Parallel()
	textstest.PageTexts(t, texts, "page", assets, "web/stays.js")
}
