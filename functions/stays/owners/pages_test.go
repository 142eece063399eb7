package owners_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestMonth: a week is marked, and the ledger has it.
func TestMonth(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "")
	b := f.owner("1")
	f.hold("GFLX0001", 20, 22, "booked", "partner:channel")
	a := b.get("/owners/units/GFLX0001")
	b.want(a, http.StatusOK, "July 2027", "partner channel", "reference R-7", "La &lt;i&gt;Grange&lt;/i&gt;",
		"Tuesday 20 July 2027: Rented, partner channel", "Friday 2 July 2027: Free")
	a = b.post("/owners/units/GFLX0001/days", "from", "2027-07-05", "to", "2027-07-11", "type", "booked", "note", "<s>family</s>",
		"key", "k")
	b.want(a, http.StatusSeeOther)
	if got := f.held("GFLX0001"); got != "05 to 11 booked owner:1, 20 to 22 booked partner:channel" {
		t.Error(got)
	}
	a = b.get(a.Header.Get("Location"))
	b.want(a, http.StatusOK, "5 July – 11 July 2027: Rented. Saved.", "/undo", "&lt;s&gt;family&lt;/s&gt;", "Last update: 1 July 2027")
	if strings.Contains(a.text, "<s>") || strings.Contains(a.text, "<i>Grange") {
		t.Error("a text of an owner is HTML")
	}
	for _, path := range []string{"/owners/", "/owners/history", "/owners/state", "/owners/units/GFLX0001/rules", "/owners/units/GFLX0001/print"} {
		a := b.get(path)
		b.want(a, http.StatusOK, "</html>")
	}
}
