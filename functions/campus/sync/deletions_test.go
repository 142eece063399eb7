package sync_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestRemovedThenPast: a deletion that ECAL refused until the class was over leaves the event, and the class stays
// gone.
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
	if slices.ContainsFunc(f.state("lea").Timetable, func(c campus.Class) bool { return c.Title == "Cours 1" }) ||
		f.details()["Cours 1"] != full {
		t.Errorf("the class is back, or its event is %q", f.details()["Cours 1"])
	}
}

// TestHeldReadingProvesNothing: 16, 9, 9, 12 classes: that the 9 were too few to be true says nothing about the 4 that
// are missing then.
func TestHeldReadingProvesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 17)...)
	f.sync()
	for _, tt := range []struct {
		missing int
		want    string
	}{
		{7, "held 7 verified true deletions_held"},
		{7, "held 7 verified true deletions_held"},
		{4, "held 4 verified true"},
		{0, "held 0 verified true"},
	} {
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
	for i, want := range []string{
		"+0 ~0 -5 =15 held 0 verified true", "+0 ~0 -0 =15 held 5 verified true deletions_held",
	} {
		f.school.Faults.Clear("")
		f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: 5 * (i + 1), Path: "Home/Get"})
		f.did(f.sync(), want)
	}
	f.now = f.now.Add(25 * time.Hour)
	f.did(f.sync(), "+0 ~0 -5 =10 held 0 verified true") // another day
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
