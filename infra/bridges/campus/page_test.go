package campus

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestCampusPageOfABegunClass: the first class on the page has begun and is not deleted; the page says so, and
// claims no agreement.
func TestCampusPageOfABegunClass(t *testing.T) {
	t.Parallel()
	peers.Need(t)
	o := newCampus(t, t.TempDir())
	now := time.Now().Truncate(time.Minute)
	begun := simwigor.Lesson{Title: "Déjà commencé", Start: now.Add(-time.Hour), End: now}
	if err := o.b.demo.wigor.Put("lea", begun); err != nil {
		t.Fatal(err)
	}
	o.syncCampus()
	lessons := o.b.demo.wigor.Lessons("lea")
	i := slices.IndexFunc(lessons, func(l simwigor.Lesson) bool { return l.Title == begun.Title })
	if err := o.b.demo.wigor.Remove("lea", lessons[i].ID); err != nil {
		t.Fatal(err)
	}
	o.syncCampus()
	p := machinetest.Open(t, o.Running)
	const lea = `article[data-instance="lea"] `
	p.Do("opening", chromedp.Navigate(o.URL+"/campus.html"))
	p.Shows(lea+".state", "Differences")
	p.Shows(lea+".exceptions", "no longer on MonCampus, and kept: what has begun is not deleted")
	p.Shows(lea+".exceptions", begun.Title)
	if text := p.Text(lea + ".result"); strings.Contains(text, "both agree") || !strings.Contains(text, "kept: 1") {
		t.Errorf("the page says %q", text)
	}
	for _, f := range machine.Say(o.b.examine(t.Context()), "") {
		if f.Check == "timetable of lea" && (f.State != machine.FindingWarning || !strings.Contains(f.Found, "1 kept")) ||
			f.Check == "timetable of hugo" && f.State != machine.FindingOK {
			t.Errorf("doctor finds %+v", f)
		}
	}
}

// syncCampus runs lea's instance.
func (o *running) syncCampus() {
	o.T.Helper()
	if code, got := o.Call("POST", "/dashboard/campus/sync", "",
		map[string]any{"instance": "lea"}); code != http.StatusOK {
		o.T.Fatalf("the run was answered %d: %v", code, got)
	}
}

// TestPageShowsWhereSidesDiffer: of real systems, a class that MonCampus no longer has and that is held back stands in
// the calendar alone.
func TestPageShowsWhereSidesDiffer(t *testing.T) {
	t.Parallel()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	b := &bridge{Host: &machine.Host{Clock: machine.WallClock()}, state: db.Bucket("campus-state")}
	config := db.Bucket("config")
	settings := `{"instances": [{"instance_name": "lea", "moncampus_username": "lea", "moncampus_password": "x"}]}`
	if _, err := config.Put(t.Context(), campus.SettingsFile, 0, []byte(settings), nil); err != nil {
		t.Fatal(err)
	}
	if b.settings, err = campus.LoadSettings(config); err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	class := func(id string) campus.Class {
		return campus.Class{ID: id, Title: id, Start: soon, End: soon.Add(time.Hour)}
	}
	timetable := []campus.Class{class("there"), class("held"), class("begun")}
	state := campus.State{Version: 1, Timetable: timetable, Sent: map[string]campus.Sent{}}
	for _, c := range state.Timetable {
		state.Sent[c.ID] = campus.Sent{Core: "x"}
	}
	state.Held, state.Kept = []campus.Held{{Class: class("held")}}, []campus.Held{{Class: class("begun")}}
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.state.Put(t.Context(), campus.StateName("lea"), 0, data, nil); err != nil {
		t.Fatal(err)
	}
	view, err := b.view(t.Context(), sync.Status{Instance: "lea"})
	if err != nil || len(view.School) != 1 || view.School[0].ID != "there" || len(view.Calendar) != 3 {
		t.Errorf("MonCampus shows %+v, the calendar %+v, %v", view.School, view.Calendar, err)
	}
}
