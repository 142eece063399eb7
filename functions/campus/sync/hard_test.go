package sync_test

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// The tests of this file are what somebody tried in order to break the bridge.

// details are the events' details and rooms, by title.
func (f *fixture) details() map[string]string {
	found := map[string]string{}
	for _, e := range f.ecal.Events(leaCalendar) {
		found[e.Name] = e.Details + " @" + e.Location
	}
	return found
}

const full = "Intervenant : ENSEIGNANT 01\nGroupe : B3 DS\nModalité : En présentiel @BB-205 (BALMA B)"

// TestHeldEventsAreNotWritten: an event that only ECAL knows of (the state was lost, the reading half-made) is left as it is.
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

// TestRemovedThenPast: a deletion that ECAL refused until the class was over leaves the event, and the class stays gone.
func TestRemovedThenPast(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.sync()
	f.cancel(lesson(1).ID)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodDelete, Status: 400})
	f.did(f.sync(), "+0 ~0 -0 =4 held 0 verified false writes_failed")
	f.ecal.Faults.Clear("")
	f.now = f.now.AddDate(0, 0, 2)
	for range 2 {
		f.did(f.sync(), "+0 ~0 -0 =4 held 0 verified true")
	}
	if slices.ContainsFunc(f.state("lea").Timetable, func(c campus.Class) bool { return c.Title == "Cours 1" }) || f.details()["Cours 1"] != full {
		t.Errorf("the class is back, or its event is %q", f.details()["Cours 1"])
	}
}

// TestFailingSchoolIsAFailure: it is recorded and counted, and not tried again before the next scheduled run.
func TestFailingSchoolIsAFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lesson(1))
	f.sync()
	f.fault(&f.school.Faults, faults.Fault{Drop: true})
	f.now = f.now.Add(time.Hour)
	run := f.scheduled()
	if run.Fault == nil || run.Fault.Code != "moncampus_no_answer" || len(f.published) != 0 || f.state("lea").Alert.Failures != 1 {
		t.Errorf("fault %+v, published %v, %d failures", run.Fault, f.published, f.state("lea").Alert.Failures)
	}
}

// TestNoTimeToWrite: a run that has no time left for a single write is a failure, and not handed on at once.
func TestNoTimeToWrite(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if code := f.pushIn(ctx, "lea", f.now); code != http.StatusNoContent || len(f.published) != 0 {
		t.Errorf("answered %d, published %v", code, f.published)
	}
	f.did(*f.state("lea").Run, "+0 ~0 -0 =0 held 0 verified false failed")
}

// TestWrongPasswordManyWays: dry runs beside another run, at once, and several instances of one account try it once.
func TestWrongPasswordManyWays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := make([]any, 0, 4)
	for i := range 3 {
		inst := f.instance("lea", fmt.Sprintf("%s%d", leaCalendar[:23], i+5))
		inst["instance_name"], inst["moncampus_password"] = fmt.Sprintf("lea%d", i), "wrong"
		all = append(all, inst)
	}
	f.file["instances"] = append(all, f.lea())
	f.configure()
	var wg gosync.WaitGroup
	for range 3 {
		wg.Go(func() { f.call(http.MethodPost, "/sync", `{"instance":"lea0","dry_run":true}`) })
	}
	for i := range 3 {
		wg.Go(func() { f.push(fmt.Sprintf("lea%d", i)) })
	}
	wg.Wait()
	if got := f.school.Counts().Refused; got != 1 {
		t.Errorf("a wrong password was tried %d times", got)
	}
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified true") // her right one is another
}

// TestTryPasswordAgain: an account that was locked, and is open again, comes back by a person's word.
func TestTryPasswordAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.fault(&f.school.Faults, faults.Fault{Method: http.MethodPost, Path: "cas/login", Status: 401, Times: 1})
	for range 2 {
		run := f.sync()
		f.did(run, "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
		if !strings.Contains(run.Fault.Do, "--try-password") {
			t.Errorf("what to do: %s", run.Fault.Do)
		}
	}
	f.did(f.sync(`"try_password":true`), "+3 ~0 -0 =0 held 0 verified true")
	f.did(f.scheduled(), "+0 ~0 -0 =3 held 0 verified true")
}

// TestUnreadableTimetable: MonCampus writes its dates otherwise; a lesson without a number; both reach a person, and delete nothing.
func TestUnreadableTimetable(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 21)...)
	f.sync()
	read := f.state("lea").ReadAt
	broken := lesson(3)
	broken.Raw = map[string]any{"NoCours": nil}
	f.put(broken)
	f.cancel(lesson(9).ID)
	for range 3 {
		f.now = f.now.Add(time.Hour)
		f.did(f.scheduled(), "+0 ~0 -0 =20 held 2 verified true deletions_held")
	}
	if got := f.state("lea"); got.Alert.Failures != 3 || !got.ReadAt.Equal(read) {
		t.Errorf("%d failures, read whole %s", got.Alert.Failures, got.ReadAt)
	}
	f.did(f.sync(`"allow_deletes":2`), "+0 ~0 -2 =18 held 0 verified true")
	for n := 1; n < 21; n++ {
		l := lesson(n)
		l.Raw = map[string]any{"Start": "12/10/2026 10:00"}
		f.put(l)
	}
	f.did(f.sync(), "+0 ~0 -0 =18 held 18 verified true lessons_unreadable")
}

// TestMissingSecretOfOne: it is that instance's fault; the others run.
func TestMissingSecretOfOne(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hugo := f.instance("hugo", hugoCalendar)
	hugo["moncampus_password"] = "file:" + filepath.Join(t.TempDir(), "absent")
	f.file["instances"] = []any{f.lea(), hugo}
	f.open(t.TempDir())
	f.put(lessons(1, 4)...)
	f.did(f.sync(), "+3 ~0 -0 =0 held 0 verified true")
	f.push("hugo")
	run := f.state("hugo").Run
	f.did(*run, "+0 ~0 -0 =0 held 0 verified false settings")
	if !strings.Contains(run.Fault.Detail, "moncampus_password") {
		t.Errorf("detail: %s", run.Fault.Detail)
	}
}

// TestHeldReadingProvesNothing: 16, 9, 9, 12 classes: that the 9 were too few to be true says nothing about the 4 that are missing then.
func TestHeldReadingProvesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 17)...)
	f.sync()
	for _, tt := range []struct {
		missing int
		want    string
	}{{7, "held 7 verified true deletions_held"}, {7, "held 7 verified true deletions_held"}, {4, "held 4 verified true"}, {0, "held 0 verified true"}} {
		f.school.Faults.Clear("")
		f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: tt.missing, Path: "Home/Get"})
		f.now = f.now.Add(time.Hour)
		f.did(f.scheduled(), "+0 ~0 -0 =16 "+tt.want)
	}
}

// TestFiveByFive: readings that shrink by five a run do not eat the timetable: the limit holds over a day.
func TestFiveByFive(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(2, 22)...)
	f.sync()
	for i, want := range []string{"+0 ~0 -5 =15 held 0 verified true", "+0 ~0 -0 =15 held 5 verified true deletions_held"} {
		f.school.Faults.Clear("")
		f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: 5 * (i + 1), Path: "Home/Get"})
		f.did(f.sync(), want)
	}
	f.now = f.now.Add(25 * time.Hour)
	f.did(f.sync(), "+0 ~0 -5 =10 held 0 verified true") // another day
}

// TestAdoptionInTheAccountsZone: the old program named no zone, so that its events have the account's.
func TestAdoptionInTheAccountsZone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for n := 1; n < 6; n++ {
		l := lesson(n)
		day := l.Start.Format(time.DateOnly)
		if _, err := f.ecal.Put(ecal.Event{CalendarID: leaCalendar, Name: l.Title, Location: "Aucune", StartDate: day, StartTime: "10:00", EndDate: day, EndTime: "12:00", TimeZone: "Australia/Melbourne", Details: "Intervenant : None\n", Reference: strconv.Itoa(4000 + n)}); err != nil {
			t.Fatal(err)
		}
	}
	f.put(lessons(1, 6)...)
	f.did(f.sync(), "+0 ~5 -0 =0 held 0 verified true")
	f.agrees(lessons(1, 6)...)
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
}

// TestWrongCalendar: an id that ECAL does not know is said, after a call or two, not a call for each class.
func TestWrongCalendar(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["ecal_calendar_id"] = "64229d018723a1000e07ffff"
	f.configure()
	f.put(lessons(1, 101)...)
	f.calls = nil
	run := f.sync()
	f.did(run, "+0 ~0 -0 =0 held 0 verified false ecal_calendar")
	if n := f.called(); n > 20 {
		t.Errorf("%d calls", n)
	}
}

// TestRefusedInTheMiddle: a key that is refused half-way stops the rest.
func TestRefusedInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 101)...)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPost, Status: 403})
	f.calls = nil
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified false ecal_refused")
	if n := f.called(); n > 20 {
		t.Errorf("%d calls", n)
	}
}

// TestPersonsTwin: a person's event at a class's time, with its title and a number for a reference, is the person's.
func TestPersonsTwin(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if _, err := f.ecal.Put(ecal.Event{CalendarID: leaCalendar, Name: "Cours 2", Location: "Ma note", StartDate: "2026-10-14", StartTime: "10:00", EndDate: "2026-10-14", EndTime: "12:00", TimeZone: "Europe/Paris", Details: "Apporter le rapport !", Reference: "77"}); err != nil {
		t.Fatal(err)
	}
	f.put(lessons(1, 4)...)
	for range 2 {
		f.sync()
	}
	if len(f.ecal.Events(leaCalendar)) != 4 || !slices.ContainsFunc(f.ecal.Events(leaCalendar), func(e ecal.Event) bool { return e.Location == "Ma note" }) {
		t.Errorf("ECAL shows %v", f.shows())
	}
}

// TestNumberUsedAgain: a number whose class has left the window may name a new lesson; the old event stays.
func TestNumberUsedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.sync()
	f.now = f.now.AddDate(0, 0, 15)
	again := lesson(20)
	again.ID = lesson(1).ID
	f.cancel(lesson(1).ID)
	f.put(again)
	f.did(f.sync(), "+1 ~0 -0 =0 held 0 verified true")
	f.agrees(lesson(1), lesson(2), lesson(3), again)
}

// TestRemovedWhileWriting: an event that vanishes between the listing and its update is made again whole, with reminder and links.
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

// TestAcceptedTimes: a whole timetable that really moves by two hours is accepted by a person, once.
func TestAcceptedTimes(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 8)...)
	f.sync()
	want := lessons(1, 8)
	for i := range want {
		want[i].Start, want[i].End = want[i].Start.Add(2*time.Hour), want[i].End.Add(2*time.Hour)
	}
	f.put(want...)
	run := f.sync()
	f.did(run, "+0 ~0 -0 =0 held 0 verified false moncampus_clock")
	if !strings.Contains(run.Fault.Do, "--accept-times") {
		t.Errorf("what to do: %s", run.Fault.Do)
	}
	f.did(f.sync(`"accept_times":true`), "+0 ~7 -0 =0 held 0 verified true")
	f.agrees(want...)
	f.did(f.scheduled(), "+0 ~0 -0 =7 held 0 verified true")
}

// TestAllDay: a day and three days, in ECAL as dates, both included.
func TestAllDay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	paris, _ := time.LoadLocation("Europe/Paris")
	one, three := lesson(12), lesson(14) // over the change of the clocks
	one.AllDay, one.Start, one.End = true, time.Date(2026, 10, 24, 0, 0, 0, 0, paris), time.Date(2026, 10, 25, 0, 0, 0, 0, paris)
	three.AllDay, three.Start, three.End = true, time.Date(2026, 10, 25, 0, 0, 0, 0, paris), time.Date(2026, 10, 28, 0, 0, 0, 0, paris)
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

// TestAnotherCalendar: the settings name another one: it fills, the one before stays, and coming back makes nothing twice.
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

// TestLeaseIsRenewed: a run that takes longer than its lease keeps the instance to itself.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 2)...)
	f.fault(&f.school.Faults, faults.Fault{Path: "cas/login", Method: http.MethodGet, LatencyMS: 12_000, Times: 1})
	done := make(chan campus.Run)
	go func() { done <- f.sync() }()
	began := time.Now()
	var first, later time.Time
	for later.IsZero() && time.Since(began) < 20*time.Second {
		time.Sleep(200 * time.Millisecond)
		doc, err := f.db.Bucket("state").Get(context.Background(), campus.StateName("lea"))
		if err != nil {
			continue
		}
		if expires := f.state("lea").Lease.Expires; len(doc.Data) > 0 && first.IsZero() {
			first = expires
		} else if expires.After(first.Add(5 * time.Second)) {
			later = expires
		}
	}
	f.did(<-done, "+1 ~0 -0 =0 held 0 verified true")
	if later.IsZero() {
		t.Error("the lease was not renewed")
	}
}
