package stays

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// TestPage: a person books as a partner, is refused by another's booking, sees both on the page, and undoes.
func TestPage(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	p := machinetest.Open(t, r.Running)
	from, to := r.ahead(3, 5)
	set := func(selector, value string) {
		p.JS(`(document.querySelector("` + selector + `").value = "` + value + `") && "set"`)
	}
	p.Do("opening", chromedp.Navigate(r.URL+"/stays.html"))
	p.Shows(".calendar", "La Grange aux hirondelles")
	row := `document.querySelectorAll(".calendar tbody tr")[5].querySelectorAll("td.booked").length`
	p.Becomes("the last cottage is free", row+" === 0")
	set(".booking .unit", "GFLX0006")
	set(".booking .from", from)
	set(".booking .to", to)
	p.Press("booking", ".booking button[type=submit]")
	p.Shows(".booking .answer", "Change ")
	p.Becomes("three days are held", row+" === 3")
	p.Shows(".journal tbody tr:first-child", "partner channel")
	set(".booking .partner", "portal")
	p.Press("booking over it", ".booking button[type=submit]")
	p.Shows(".booking .answer.error", "Others hold these days: ")
	if got := p.Text(".booking .answer"); !strings.Contains(got, "rented, partner") {
		t.Errorf("the refusal says %q", got)
	}
	p.Press("undoing", ".journal tbody tr:first-child button")
	p.Shows(".journal .answer", "It is as it was before.")
	p.Becomes("the days are free", row+" === 0")
	// a pause keeps what is not delivered; the day shows that the website's table does not have it
	site := `document.querySelectorAll(".calendar tbody tr")[5].querySelectorAll("td.site-booked").length`
	p.Press("pausing", ".delivery tbody button")
	p.Shows(".delivery .answer", "The delivery is paused.")
	set(".booking .partner", "channel")
	p.Press("booking meanwhile", ".booking button[type=submit]")
	p.Becomes("the ledger has it, the table does not", row+" === 3 && "+site+" === 0")
	p.Shows(".journal tbody tr:first-child", "waits for the website")
	p.Press("resuming", ".delivery tbody button")
	p.Becomes("the table has it too", site+" === 3")
	before := p.Text(".month")
	p.Press("going on", ".months .after")
	p.Becomes("later days", `document.querySelector(".month").textContent !== "`+before+`"`)
	set(".booking .to", "2020-01-01")
	p.Press("the wrong order", ".booking button[type=submit]")
	p.Shows(".booking .answer.error", "The last night is before the first one.")
}

// TestOwnersAreFound: a long list shows its beginning, and a name or a cottage finds the others.
func TestOwnersAreFound(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	var more []ledger.Owner
	for n := int64(100); n < 150; n++ {
		more = append(more, ledger.Owner{ID: n, Name: fmt.Sprint("Owner ", n), Active: true})
	}
	if err := r.b.ledger.PutOwners(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	p := machinetest.Open(t, r.Running)
	p.Do("opening", chromedp.Navigate(r.URL+"/stays.html"))
	const rows = `document.querySelectorAll(".owners tbody tr").length`
	p.Becomes("the first ones", rows+" === 40")
	owners, err := r.b.ledger.Owners(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p.Shows(".owners .more", fmt.Sprint(len(owners)-40, " more. Search"))
	p.Do("a name", chromedp.SendKeys(chromedp.CSS(".search input"), "oWNER 149"))
	p.Becomes("one is found", rows+` === 1 && document.querySelector(".owners .more").hidden`)
	p.Shows(".owners tbody", "Owner 149")
	p.JS(`document.querySelector(".search input").value = ""`)
	p.Do("another text", chromedp.SendKeys(chromedp.CSS(".search input"), "gflx0001"))
	p.Shows(".owners tbody", "A. Lambert")
	p.Becomes("one is found", rows+" === 1")
}
