package bell

import (
	"testing"

	"github.com/carillon-calendar/carillon/infra/console/textstest"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language, and every finding has its own.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
	if n := machinetest.Findings(t, doctor); n != 3 {
		t.Errorf("%d findings were found in the source", n)
	}
}

// TestPageShowsTheCatalogue, and no text of its own.
func TestPageShowsTheCatalogue(t *testing.T) {
	t.Parallel()
	textstest.PageTexts(t, texts, "page", assets, "web/bell.js")
}
