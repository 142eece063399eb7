package sync_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
)

// TestChaos lets a timetable change while both neighbours fail, people edit ECAL, the state is lost and days pass. At
// every point what is foreign is as it was, and no class stands twice; in the end both sides agree on all that is to
// come.
func TestChaos(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		defer f.close()
		foreign, err := f.ecal.Put(ecal.Event{
			CalendarID: leaCalendar, Name: "By hand", Location: "x", StartDate: "2026-10-20", StartTime: "10:00",
			EndDate: "2026-10-20", EndTime: "12:00", TimeZone: "Europe/Paris", Reference: "123",
		})
		if err != nil {
			r.Fatal(err)
		}
		f.put(lessons(1, 15)...)
		f.sync()
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			step := rapid.SampledFrom([]string{
				"move", "move", "cancel", "add", "retitle", "hour", "day", "partial", "ecal_fails", "lost_answer", "lost_state",
				"edited", "removed", "scheduled", "scheduled", "by_hand",
			}).Draw(r, "step")
			f.chaos(r, step)
			f.check(r, foreign)
		}
		f.school.Faults.Clear("")
		f.ecal.Faults.Clear("")
		if run := f.sync(`"allow_deletes":100`); !run.Verified || run.Fault != nil || run.HeldBack > 0 {
			r.Fatalf("the last run did %s: %+v", does(run), run.Fault)
		}
		f.check(r, foreign)
		if got, want := f.comingEvents(), f.comingLessons(); !slices.Equal(got, want) {
			r.Fatalf("ECAL shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if run := f.sync(); run.Created+run.Updated+run.Deleted != 0 {
			r.Fatalf("one run more did %s", does(run))
		}
	})
}

// chaos does one step.
func (f *fixture) chaos(r *rapid.T, step string) {
	all := f.school.Lessons("lea")
	one := func() wigor.Lesson { return all[rapid.IntRange(0, len(all)-1).Draw(r, "lesson")] }
	events := f.ecal.Events(leaCalendar)
	event := func() ecal.Event { return events[rapid.IntRange(0, len(events)-1).Draw(r, "event")] }
	switch step {
	case "move":
		l := one()
		by := time.Duration(rapid.SampledFrom([]int{-24, -2, 2, 24, 72}).Draw(r, "hours")) * time.Hour
		l.Start, l.End = l.Start.Add(by), l.End.Add(by)
		f.put(l)
	case "cancel":
		if len(all) > 3 {
			f.cancel(one().ID)
		}
	case "add":
		l := lesson(rapid.IntRange(1, 40).Draw(r, "day"))
		l.ID = rapid.Int64Range(9_100_000, 9_100_005).Draw(r, "id")
		f.put(l)
	case "retitle":
		l := one()
		l.Title = rapid.SampledFrom([]string{"Anglais", "Projet", "TP"}).Draw(r, "title")
		f.put(l)
	case "hour":
		f.now = f.now.Add(time.Hour)
	case "day":
		f.now = f.now.Add(24 * time.Hour)
	case "partial":
		f.fault(&f.school.Faults, faults.Fault{
			Kind: "partial", Items: rapid.IntRange(1, 14).Draw(r, "items"), Path: "Home/Get", Times: 1,
		})
	case "ecal_fails":
		f.fault(&f.ecal.Faults, faults.Fault{
			Method: rapid.SampledFrom([]string{http.MethodPost, http.MethodPut, http.MethodDelete}).Draw(r, "method"),
			Status: 400, Times: 1,
		})
	case "lost_answer":
		f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPost, LoseAnswer: true, Times: 1})
	case "lost_state":
		_ = f.db.Close()
		f.open(f.t.TempDir())
	case "edited", "removed":
		e := event()
		if e.Name == "By hand" {
			return
		}
		if step == "removed" {
			_ = f.ecal.Remove(e.ID)
			return
		}
		e.Location, e.StartTime, e.EndTime = "Ailleurs", "05:00", "06:00"
		if _, err := f.ecal.Put(e); err != nil {
			r.Fatal(err)
		}
	case "scheduled":
		f.push("lea")
	case "by_hand":
		f.sync()
	}
}

// check holds what must always hold.
func (f *fixture) check(r *rapid.T, foreign ecal.Event) {
	seen := map[string]bool{}
	found := false
	for _, e := range f.ecal.Events(leaCalendar) {
		if e.ID == foreign.ID {
			found = e.Name == foreign.Name && e.StartTime == foreign.StartTime && e.Reference == foreign.Reference &&
				e.Location == foreign.Location
			continue
		}
		if seen[e.Reference] || !strings.HasPrefix(e.Reference, "wigor-") {
			r.Fatalf("%s is there twice, or is nobody's", e.Reference)
		}
		seen[e.Reference] = true
	}
	if !found {
		r.Fatal("a person's event was touched")
	}
}

// comingEvents and comingLessons are both sides from now on, within the window.
func (f *fixture) comingEvents() []string {
	var list []string
	for _, s := range f.shows() {
		if s > f.nowInParis() && !strings.Contains(s, "By hand") {
			list = append(list, s)
		}
	}
	return list
}

func (f *fixture) comingLessons() []string {
	var list []string
	for _, s := range wants(f.school.Lessons("lea")...) {
		if s > f.nowInParis() {
			list = append(list, s)
		}
	}
	return list
}

func (f *fixture) nowInParis() string {
	paris, _ := time.LoadLocation("Europe/Paris")
	return fmt.Sprint(f.now.In(paris).Format("2006-01-02 15:04"), "~")
}
