package campus_test

import (
	"testing"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestNamesReachDocuments: whichever letters they have, and those of before as they were.
func TestNamesReachDocuments(t *testing.T) {
	t.Parallel()
	if campus.StateName("lea.b-3_x") != "instances/lea.b-3_x.json" || campus.FeedsName("lea") != "feeds/lea.json" ||
		campus.StateName("Le\u0301a") != "instances/L%C3%A9a.json" {
		t.Error("documents of before are not found, or a name has two")
	}
	for _, name := range []string{"lea", "Léa B.", "小明"} {
		if got := campus.FeedsOf(campus.FeedsName(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
}
