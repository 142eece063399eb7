package sync_test

import (
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// details are the events' details and rooms, by title.
func (f *fixture) details() map[string]string {
	found := map[string]string{}
	for _, e := range f.ecal.Events(leaCalendar) {
		found[e.Name] = e.Details + " @" + e.Location
	}
	return found
}

const full = "Intervenant : ENSEIGNANT 01\nGroupe : B3 DS\nModalité : En présentiel @BB-205 (BALMA B)"

// TestHeldEventsAreNotWritten: an event that only ECAL knows of (the state was lost, the reading half-made) is left as
// it is.
func TestHeldEventsAreNotWritten(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(-3, 11)...)
	f.sync()
	f.open(t.TempDir())
	f.cancel(lesson(-2).ID, lesson(-1).ID) // the school forgets past lessons
	f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: 7, Path: "Home/Get"})
	f.did(f.sync(), "+0 ~0 -0 =5 held 7 verified true deletions_held")
	for title, text := range f.details() {
		if text != full {
			t.Errorf("%s is %q", title, text)
		}
	}
	if got := len(f.state("lea").Timetable); got != 12 { // the feed shows those that were read; strays are marked
		t.Errorf("%d classes are kept", got)
	}
	f.school.Faults.Clear("")
	f.did(f.sync(), "+0 ~0 -0 =12 held 0 verified true")
}

// TestAdoptionInTheAccountsZone: the old program named no zone, so that its events have the account's.
func TestAdoptionInTheAccountsZone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := 1; n < 6; n++ {
		l := lesson(n)
		day := l.Start.Format(time.DateOnly)
		if _, err := f.ecal.Put(ecal.Event{
			CalendarID: leaCalendar, Name: l.Title, Location: "Aucune", StartDate: day, StartTime: "10:00", EndDate: day,
			EndTime: "12:00", TimeZone: "Australia/Melbourne", Details: "Intervenant : None\n",
			Reference: strconv.Itoa(4000 + n),
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.put(lessons(1, 6)...)
	f.did(f.sync(), "+0 ~5 -0 =0 held 0 verified true")
	f.agrees(lessons(1, 6)...)
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
}

// TestPersonsTwin: a person's event at a class's time, with its title and a number for a reference, is the person's.
func TestPersonsTwin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.ecal.Put(ecal.Event{
		CalendarID: leaCalendar, Name: "Cours 2", Location: "Ma note", StartDate: "2026-10-14", StartTime: "10:00",
		EndDate: "2026-10-14", EndTime: "12:00", TimeZone: "Europe/Paris", Details: "Apporter le rapport !", Reference: "77",
	}); err != nil {
		t.Fatal(err)
	}
	f.put(lessons(1, 4)...)
	for range 2 {
		f.sync()
	}
	if len(f.ecal.Events(leaCalendar)) != 4 ||
		!slices.ContainsFunc(f.ecal.Events(leaCalendar), func(e ecal.Event) bool { return e.Location == "Ma note" }) {
		t.Errorf("ECAL shows %v", f.shows())
	}
}

// TestRemovedWhileWriting: an event that vanishes between the listing and its update is made again whole, with reminder
// and links.
func TestRemovedWhileWriting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := lesson(1)
	l.Links = []string{"https://teams.example/a"}
	f.put(l)
	f.sync()
	l.Title = "Autre"
	f.put(l)
	f.onCall = func(_ int, done bool) {
		if f.calls[len(f.calls)-1] == "GET /sim/ecal/apiv2/event/" && done {
			_ = f.ecal.Remove(f.ecal.Events(leaCalendar)[0].ID)
		}
	}
	f.did(f.sync(), "+0 ~1 -0 =0 held 0 verified true")
	f.onCall = nil
	if e := f.ecal.Events(leaCalendar)[0]; e.Name != "Autre" || e.Alert != "15M" || len(e.QuickLink) != 1 {
		t.Errorf("the event is %+v", e)
	}
}

// TestLinksEditedInECAL come back.
func TestLinksEditedInECAL(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := lesson(1)
	l.Links = []string{"https://teams.example/a"}
	f.put(l)
	f.sync()
	f.sync()
	e := f.ecal.Events(leaCalendar)[0]
	e.QuickLink = nil
	if _, err := f.ecal.Put(e); err != nil {
		t.Fatal(err)
	}
	f.did(f.sync(), "+0 ~1 -0 =0 held 0 verified true")
	if len(f.ecal.Events(leaCalendar)[0].QuickLink) != 1 {
		t.Error("the link did not come back")
	}
	f.did(f.sync(), "+0 ~0 -0 =1 held 0 verified true")
}

// TestAllDay: a day and three days, in ECAL as dates, both included.
func TestAllDay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	paris, _ := time.LoadLocation("Europe/Paris")
	one, three := lesson(12), lesson(14) // over the change of the clocks
	one.AllDay, one.Start, one.End = true, time.Date(2026, 10, 24, 0, 0, 0, 0, paris),
		time.Date(2026, 10, 25, 0, 0, 0, 0, paris)
	three.AllDay, three.Start, three.End = true, time.Date(2026, 10, 25, 0, 0, 0, 0, paris),
		time.Date(2026, 10, 28, 0, 0, 0, 0, paris)
	f.put(one, three)
	f.did(f.sync(), "+2 ~0 -0 =0 held 0 verified true")
	got := make([]string, 0, 2)
	for _, e := range f.ecal.Events(leaCalendar) {
		got = append(got, fmt.Sprint(e.StartDate, " ", e.EndDate, " ", e.AllDay))
	}
	if fmt.Sprint(got) != "[2026-10-24 2026-10-24 true 2026-10-25 2026-10-27 true]" {
		t.Errorf("ECAL has %v", got)
	}
	f.did(f.sync(), "+0 ~0 -0 =2 held 0 verified true")
}

// TestAnotherCalendar: the settings name another one: it fills, the one before stays, and coming back makes nothing
// twice.
func TestAnotherCalendar(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.sync()
	f.lea()["ecal_calendar_id"] = hugoCalendar
	f.configure()
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	f.agrees(lessons(1, 6)...)
	f.lea()["ecal_calendar_id"] = leaCalendar
	f.configure()
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
}
