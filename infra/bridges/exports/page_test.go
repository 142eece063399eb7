package exports

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

// TestExportsPage shows the source, what is held and why, and the runs; a query runs and its file is transferred by
// clicks.
func TestExportsPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newExports(t, dir, 1)
	p := machinetest.Open(t, o.Running)
	const card = `article[data-source="paie"] `
	p.Do("opening", chromedp.Navigate(o.URL+"/"))
	p.Shows("#bridge-exports", "1 in quarantine")
	p.Do("going over", chromedp.Click(chromedp.CSS(`nav a[href="exports.html"]`)))
	p.Shows(card+".state", "Transferred; 1 in quarantine")
	p.Shows(card+".files li", "DB000001/DB000001-cpa-ecriture-")
	p.Shows(card+".held", "line 50: PHC_SALARIE, PHC_CUMULPAIE: line 2 has the same")
	p.Settle()
	p.Do("the report", chromedp.Click(chromedp.CSS(card+".held button")))
	p.Shows(card+".report li", "line 51")
	p.Shows(card+".report li", "and 28 more")
	var released []transfer.Quarantined
	if out, err := run(t, "exports", "quarantine", "list", "--data", dir, "--json"); err != nil ||
		json.Unmarshal([]byte(out), &released) != nil || len(released) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := run(t, "exports", "quarantine", "release", released[0].ID, "--data", dir); err != nil {
		t.Fatal(err)
	}
	p.Shows(card+".held li", "Nothing")
	if got := p.Text(card + ".held"); strings.Contains(got, "passed") { // a person let it through
		t.Errorf("the quarantine says %q", got)
	}
	p.Settle()
	p.Do("running a query", chromedp.Click(chromedp.CSS(card+".queries button")))
	p.Shows(card+".blobs ol", "histocumsal")
	p.Do("transferring", chromedp.Click(chromedp.CSS(card+".sync")))
	p.Shows(card+".result", "1 transferred, 1 deleted at the source")
	p.Shows(card+".held li", "Nothing. 1 file passed the check, ")
	if got := delivered(t, dir); len(got) != 5 { // the run before has given way to it
		t.Errorf("delivered %v", got)
	}
	p.Do("a fault", chromedp.Click(chromedp.CSS("#faults summary")), chromedp.Click(chromedp.CSS("#faults form button")))
	p.Shows("#faults li", "tokenprovider")
}
