package sync_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
)

// renumbered is a lesson as a school makes it anew: under another number, and with another name of its group.
func renumbered(l wigor.Lesson, number int64, group string) wigor.Lesson {
	l.ID = number
	l.Raw = map[string]any{"LibelleGroupe": group, "Title": group}
	return l
}

func (f *fixture) recreate(group string, ns ...int) (all []wigor.Lesson) {
	f.t.Helper()
	for _, n := range ns {
		l := lesson(n)
		f.cancel(l.ID)
		l = renumbered(l, l.ID+500, group)
		f.put(l)
		all = append(all, l)
	}
	return all
}

func numbers(from, until int) (list []int) {
	for n := from; n < until; n++ {
		list = append(list, n)
	}
	return list
}

// TestRecreatedLessonsAreUpdated: 14 of 29 coming lessons come back under other numbers, with another label, in one
// night.
func TestRecreatedLessonsAreUpdated(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 30)...)
	f.sync()
	f.now = f.now.Add(time.Hour)
	f.recreate("Tronc commun B3", numbers(5, 19)...)
	f.did(f.scheduled(), "+0 ~14 -0 =15 held 0 verified true")
	f.agrees(lessons(1, 30)...)
	f.now = f.now.Add(time.Hour)
	f.did(f.scheduled(), "+0 ~0 -0 =29 held 0 verified true")
	if got := f.counts(); got != "29 created, 14 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
}

// TestRecreatedIntoTakenNumbers: each lesson gets the number that its neighbour had: nothing has changed.
func TestRecreatedIntoTakenNumbers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 11)...)
	f.sync()
	for n := 1; n < 11; n++ {
		l := lesson(n)
		l.ID = lesson(n%10 + 1).ID
		f.put(l)
	}
	f.did(f.sync(), "+0 ~0 -0 =10 held 0 verified true")
}

// TestReplacedLessonsGoAtOnce: eight of ten lessons make room for others at the same times: that is no mass
// deletion, and nothing stands beside them.
func TestReplacedLessonsGoAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 11)...)
	f.sync()
	f.now = f.now.Add(time.Hour)
	want := lessons(9, 11)
	for n := 1; n < 9; n++ {
		l := lesson(n)
		f.cancel(l.ID)
		l.ID, l.Title, l.Teacher = l.ID+500, fmt.Sprint("Atelier ", n), "ENSEIGNANT 02"
		f.put(l)
		want = append(want, l)
	}
	f.did(f.scheduled(), "+8 ~0 -8 =2 held 0 verified true")
	f.agrees(want...)
	if deleted := f.state("lea").Deleted; len(deleted) != 0 {
		t.Errorf("%d of them count for the day's limit", len(deleted))
	}
}

// TestDoubledLessonsAreJoined: where both rows stood for a while, the one that goes is no mass deletion, and waits
// for nothing.
func TestDoubledLessonsAreJoined(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 30)...)
	for n := 5; n < 19; n++ {
		f.put(renumbered(lesson(n), lesson(n).ID+500, "Tronc commun B3"))
	}
	f.did(f.sync(), "+43 ~0 -0 =0 held 0 verified true") // as the school shows them
	for n := 5; n < 19; n++ {
		f.cancel(lesson(n).ID)
	}
	f.now = f.now.Add(time.Hour)
	f.did(f.scheduled(), "+0 ~0 -14 =29 held 0 verified true")
	f.agrees(lessons(1, 30)...)
}

// TestLostStateOfRecreatedLessons: without the state their events are found by time and title.
func TestLostStateOfRecreatedLessons(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 15)...)
	f.sync()
	f.recreate("Tronc commun B3", numbers(3, 13)...)
	f.open(t.TempDir())
	f.did(f.sync(), "+0 ~10 -0 =4 held 0 verified true")
	f.agrees(lessons(1, 15)...)
}

// TestOneLessonUnderTwoNumbers: rows that say the same are one event, and neither's removal, nor its return, changes
// anything.
func TestOneLessonUnderTwoNumbers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	lower, higher := lesson(3), lesson(3)
	lower.ID, higher.ID = 8_000_001, 9_900_001
	f.put(lessons(1, 6)...)
	f.sync()
	for _, rows := range [][]wigor.Lesson{
		{lesson(3), higher}, {higher}, {higher, lower}, {lower}, {lower, lesson(3), higher}, {lesson(3)},
	} {
		f.cancel(lesson(3).ID, lower.ID, higher.ID)
		f.put(rows...)
		f.now = f.now.Add(time.Hour)
		f.did(f.scheduled(), "+0 ~0 -0 =5 held 0 verified true")
	}
	f.agrees(lessons(1, 6)...)
	moved := []wigor.Lesson{lesson(3), higher}
	for i := range moved {
		moved[i].Start, moved[i].End = moved[i].Start.Add(time.Hour), moved[i].End.Add(time.Hour)
	}
	f.put(lesson(3), higher)
	f.sync()
	f.cancel(lesson(3).ID)
	f.put(moved[1])
	f.did(f.sync(), "+0 ~1 -0 =4 held 0 verified true") // one row went, the other moved
	if got := f.counts(); got != "5 created, 1 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
}

// A rows is a school's timetable as rows, several of one lesson at times.
type rows struct {
	f    *fixture
	all  map[int64]wigor.Lesson
	next int64
}

func (s *rows) put(l wigor.Lesson) {
	s.next++
	l.ID = s.next
	s.all[l.ID] = l
}

// of are the numbers of a lesson's rows.
func (s *rows) of(title string) []int64 {
	var ids []int64
	for _, id := range slices.Sorted(maps.Keys(s.all)) {
		if s.all[id].Title == title {
			ids = append(ids, id)
		}
	}
	return ids
}

// step changes a lesson: its rows are made anew under other numbers or another label, doubled, joined, moved,
// cancelled or brought back.
func (s *rows) step(r *rapid.T) {
	n := rapid.IntRange(1, 8).Draw(r, "lesson")
	ids := s.of(lesson(n).Title)
	if len(ids) == 0 {
		s.put(lesson(n))
		return
	}
	one := s.all[ids[0]]
	drop := func(ids ...int64) {
		for _, id := range ids {
			delete(s.all, id)
		}
	}
	switch rapid.SampledFrom([]string{"recreate", "swap", "double", "join", "move", "recreate_moved", "cancel"}).Draw(r,
		"step") {
	case "recreate":
		drop(ids...)
		s.put(renumbered(one, 0, rapid.SampledFrom([]string{"B3 DS", "Tronc commun B3"}).Draw(r, "group")))
	case "swap": // with another lesson's number
		other := rapid.SampledFrom(slices.Sorted(maps.Keys(s.all))).Draw(r, "other")
		s.all[ids[0]], s.all[other] = s.all[other], s.all[ids[0]]
	case "double":
		s.put(one)
	case "join":
		drop(ids[:len(ids)-1]...)
	case "move":
		for _, id := range ids {
			l := s.all[id]
			l.Start, l.End = l.Start.Add(time.Hour), l.End.Add(time.Hour)
			s.all[id] = l
		}
	case "recreate_moved":
		drop(ids...)
		one.Start, one.End = one.Start.AddDate(0, 0, 1), one.End.AddDate(0, 0, 1)
		s.put(one)
	case "cancel":
		drop(ids...)
	}
}

// write makes the school show the rows.
func (s *rows) write() {
	for _, l := range s.f.school.Lessons("lea") {
		s.f.cancel(l.ID)
	}
	for id, l := range s.all {
		l.ID = id
		s.f.put(l)
	}
}

// TestPropertyNoCopies: whatever a school does to its rows and however it is read, ECAL and the feed show no lesson
// twice, each lesson that was read once, and a person's event as it was.
func TestPropertyNoCopies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		defer f.close()
		hand := ecal.Event{
			CalendarID: leaCalendar, Name: "Cours 3", Location: "By hand", StartDate: "2026-10-15", StartTime: "10:00",
			EndDate: "2026-10-15", EndTime: "12:00", TimeZone: "Europe/Paris", Reference: "123",
		}
		hand, err := f.ecal.Put(hand)
		if err != nil {
			r.Fatal(err)
		}
		school := &rows{f: f, all: map[int64]wigor.Lesson{}, next: 9_000_000}
		for n := 1; n < 9; n++ {
			school.put(lesson(n))
		}
		for range rapid.IntRange(2, 6).Draw(r, "readings") {
			for range rapid.IntRange(0, 4).Draw(r, "steps") {
				school.step(r)
			}
			school.write()
			f.school.Faults.Clear("")
			hidden := rapid.SampledFrom([]int{0, 0, 0, 1, 4, 20}).Draw(r, "hidden")
			if hidden > 0 {
				f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: hidden, Path: "Home/Get"})
			}
			f.now = f.now.Add(rapid.SampledFrom([]time.Duration{time.Minute, time.Hour}).Draw(r, "pause"))
			if rapid.Bool().Draw(r, "by_hand") {
				f.sync()
			} else {
				f.scheduled()
			}
			if run := *f.state("lea").Run; !run.Verified {
				r.Fatalf("the run did %s", does(run))
			}
			f.noCopies(r, hand, school, hidden == 0)
		}
	})
}

func (f *fixture) noCopies(r *rapid.T, hand ecal.Event, school *rows, all bool) {
	shownIn := map[string]map[string]int{"ECAL": {}, "the feed": {}}
	untouched := false
	for _, e := range f.ecal.Events(leaCalendar) {
		if e.ID == hand.ID {
			untouched = fmt.Sprint(e) == fmt.Sprint(hand)
			continue
		}
		shownIn["ECAL"][e.Name+" "+e.StartDate+" "+e.StartTime]++
	}
	if !untouched {
		r.Fatal("a person's event was touched")
	}
	state := f.state("lea")
	for _, c := range state.Timetable {
		if !c.Stray {
			shownIn["the feed"][c.Title+" "+c.Start.In(lesson(1).Start.Location()).Format("2006-01-02 15:04")]++
		}
	}
	for where, list := range shownIn {
		for what, n := range list {
			if n > 1 {
				r.Fatalf("%s shows %s %d times", where, what, n)
			}
		}
		for _, l := range school.all {
			if what := l.Title + " " + l.Start.Format("2006-01-02 15:04"); all && list[what] != 1 {
				r.Fatalf("%s does not show %s: %v", where, what, list)
			}
		}
	}
}
