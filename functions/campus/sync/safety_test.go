package sync_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
)

// TestTwoCompleteReadings: the schedule deletes after a second reading, an hour later; a reading that has the class
// again forgets the first.
func TestTwoCompleteReadings(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 21)...)
	f.did(f.scheduled(), "+20 ~0 -0 =0 held 0 verified true")
	hour := func() { f.now = f.now.Add(time.Hour) }
	f.cancel(lesson(4).ID)
	hour()
	f.did(f.scheduled(), "+0 ~0 -0 =20 held 1 verified true")
	f.put(lesson(4)) // the reading was half-made
	hour()
	f.did(f.scheduled(), "+0 ~0 -0 =20 held 0 verified true")
	f.cancel(lesson(4).ID)
	hour()
	f.did(f.scheduled(), "+0 ~0 -0 =20 held 1 verified true")
	f.did(f.scheduled(), "+0 ~0 -0 =20 held 1 verified true") // the same minute tells nothing new
	hour()
	f.did(f.scheduled(), "+0 ~0 -1 =19 held 0 verified true")
	f.agrees(append(lessons(1, 4), lessons(5, 21)...)...)
}

// TestTooManyDeletions: 16 -> 9 -> 16 classes, as one school's timetable went, changes nothing; a person may consent.
func TestTooManyDeletions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 17)...)
	f.sync()
	gone := []int64{}
	for n := 10; n < 17; n++ {
		gone = append(gone, lesson(n).ID)
	}
	f.cancel(gone...)
	for range 3 {
		f.now = f.now.Add(time.Hour)
		f.scheduled()
		run := f.sync()
		f.did(run, "+0 ~0 -0 =16 held 7 verified true deletions_held")
		if !strings.Contains(run.Fault.Do, "carillon campus sync --instance lea --allow-deletes 7") {
			t.Errorf("what to do: %s", run.Fault.Do)
		}
	}
	f.put(lessons(10, 17)...)
	f.did(f.sync(), "+0 ~0 -0 =16 held 0 verified true")
	if got := f.counts(); got != "16 created, 0 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
	f.cancel(gone...)
	f.did(f.sync(`"allow_deletes":6`), "+0 ~0 -0 =16 held 7 verified true deletions_held")
	f.did(f.sync(`"allow_deletes":7`, `"dry_run":true`), "+0 ~0 -7 =9 held 0 verified false")
	f.did(f.sync(`"allow_deletes":7`), "+0 ~0 -7 =9 held 0 verified true")
	f.agrees(lessons(1, 10)...)
}

// TestFrozen: past classes and those outside the window stay.
func TestFrozen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(-5, 21)...)
	f.sync()
	f.now = f.now.AddDate(0, 0, 10) // the window begins at day 3 now
	f.lea()["moncampus_end_date"] = "+5d"
	f.configure()
	f.cancel(lesson(5).ID, lesson(12).ID) // one past, one to come
	f.did(f.sync(), "+0 ~0 -1 =17 held 0 verified true")
	f.agrees(append(lessons(-5, 12), lessons(13, 21)...)...)
}

// TestEmptyForGood: a timetable that really ends goes with a person's consent.
func TestEmptyForGood(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 8)...)
	f.sync()
	for n := 1; n < 8; n++ {
		f.cancel(lesson(n).ID)
	}
	f.did(f.sync(), "+0 ~0 -0 =7 held 7 verified true deletions_held")
	f.did(f.sync(`"allow_deletes":7`), "+0 ~0 -7 =0 held 0 verified true")
	f.agrees()
}

// TestRepairedClock: a school that repairs its clock moves every class by an hour or two; that is no change of the
// timetable.
func TestRepairedClock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 21)...)
	f.sync()
	f.fault(&f.school.Faults, faults.Fault{Kind: "repaired"})
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified false moncampus_clock")
	f.agrees(lessons(1, 21)...)
	f.lea()["moncampus_clock"] = "offset"
	f.configure()
	f.did(f.sync(), "+0 ~0 -0 =20 held 0 verified true")
}

// TestLinksAlone: a link that appears long before a class makes no write, one on its day does, in place.
func TestLinksAlone(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	soon, later := lesson(1), lesson(9)
	f.put(soon, later)
	f.sync()
	f.now = soon.Start.Add(-30 * time.Minute)
	soon.Links, later.Links = []string{"https://teams.example/1"}, []string{"https://teams.example/2"}
	f.put(soon, later)
	f.did(f.sync(), "+0 ~1 -0 =1 held 0 verified true")
	f.did(f.sync(), "+0 ~0 -0 =2 held 0 verified true")
}

// TestEditedInECAL: our fields come back, a person's own (the reminder) stay; what was removed comes back unless the
// settings say otherwise.
func TestEditedInECAL(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.sync()
	events := f.ecal.Events(leaCalendar)
	edited := events[0]
	edited.Name, edited.Alert = "Renamed", "1H"
	if _, err := f.ecal.Put(edited); err != nil {
		t.Fatal(err)
	}
	if err := f.ecal.Remove(events[1].ID); err != nil {
		t.Fatal(err)
	}
	f.did(f.sync(), "+1 ~1 -0 =3 held 0 verified true")
	f.agrees(lessons(1, 6)...)
	if got := f.ecal.Events(leaCalendar)[0]; got.Alert != "1H" {
		t.Errorf("the reminder became %q", got.Alert)
	}
	f.lea()["keep_removed"] = true
	f.configure()
	if err := f.ecal.Remove(events[2].ID); err != nil {
		t.Fatal(err)
	}
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
	f.agrees(lesson(1), lesson(2), lesson(4), lesson(5))
	f.lea()["keep_removed"] = false
	f.configure()
	f.did(f.sync(), "+1 ~0 -0 =4 held 0 verified true")
}

// TestAdoption takes over what the old program left: its events in place, its duplicates and its forgotten classes by
// the rules of deletion.
func TestAdoption(t *testing.T) {
	t.Parallel()
	for name, keep := range map[string]bool{"reference_changes": false, "reference_stays": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			old := func(n int, reference string) ecal.Event {
				l := lesson(n)
				day := l.Start.Format(time.DateOnly)
				e, err := f.ecal.Put(ecal.Event{
					CalendarID: leaCalendar, Name: l.Title, Location: "Aucune", StartDate: day, StartTime: "10:00", EndDate: day,
					EndTime: "12:00", TimeZone: "Europe/Paris",
					Alert: "15M", Details: "Intervenant : ENSEIGNANT 01\nNom complet du cours : B3 DS", Reference: reference,
				})
				if err != nil {
					t.Fatal(err)
				}
				return e
			}
			ids := map[string]bool{}
			for n := 1; n < 6; n++ {
				ids[old(n, strconv.Itoa(4711+n)).ID] = true
			}
			ids[old(2, "815").ID] = true // a duplicate: either may stay
			old(-3, "816")               // a past one that is gone
			old(9, "817")                // one that was cancelled long ago
			if keep {
				f.fault(&f.ecal.Faults, faults.Fault{Kind: "keep_reference"})
			}
			f.put(lessons(1, 6)...)
			f.did(f.sync(), "+0 ~5 -2 =0 held 0 verified true")
			if got, want := f.shows(),
				append([]string{"2026-10-09 10:00-12:00 Cours -3 @Aucune"}, wants(lessons(1, 6)...)...); !slices.Equal(got, want) {
				t.Errorf("ECAL shows %v, want %v", got, want)
			}
			for _, e := range f.ecal.Events(leaCalendar) {
				if e.StartDate > "2026-10-12" && !ids[e.ID] {
					t.Errorf("%s is another event now", e.Name)
				}
			}
			f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
		})
	}
}

// TestLostState: with the state gone, our references find everything again.
func TestLostState(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 11)...)
	f.sync()
	f.cancel(lesson(7).ID)
	moved := lesson(3)
	moved.Start, moved.End = moved.Start.Add(time.Hour), moved.End.Add(time.Hour)
	f.put(moved)
	f.open(t.TempDir())
	f.did(f.sync(), "+0 ~1 -1 =8 held 0 verified true")
	f.agrees(lesson(1), lesson(2), moved, lesson(4), lesson(5), lesson(6), lesson(8), lesson(9), lesson(10))
}

// TestRenumbered: a school that gives a class another number makes no other event of it.
func TestRenumbered(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.sync()
	l := lesson(2)
	f.cancel(l.ID)
	l.ID = 9_500_000
	f.put(l)
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
	if got := f.counts(); got != "5 created, 0 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
}

// TestProperty: for any two timetables the calendar becomes the second, with a write for each difference, and nothing
// else is touched.
func TestProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		defer f.close()
		foreign, err := f.ecal.Put(ecal.Event{
			CalendarID: leaCalendar, Name: "By hand", Location: "x", StartDate: "2026-10-14", EndDate: "2026-10-14",
			AllDay: true, TimeZone: "Europe/Paris", Reference: "123",
		})
		if err != nil {
			r.Fatal(err)
		}
		timetable := rapid.Custom(func(r *rapid.T) map[int64]wigor.Lesson {
			all := map[int64]wigor.Lesson{}
			for _, id := range rapid.SliceOfNDistinct(rapid.Int64Range(1, 30), 1, 12, rapid.ID).Draw(r, "ids") {
				l := lesson(rapid.IntRange(1, 20).Draw(r, "day"))
				l.Start = l.Start.Add(time.Duration(rapid.IntRange(0, 3).Draw(r, "hour")) * time.Hour)
				l.End = l.Start.Add(time.Duration(rapid.IntRange(1, 2).Draw(r, "hours")) * time.Hour)
				l.ID, l.Title = id, rapid.SampledFrom([]string{"Anglais", "Réseaux & systèmes", "Ça, c’est <b>noté</b>"}).Draw(r,
					"title")
				all[id] = l
			}
			return all
		})
		for _, part := range []string{"first", "second"} {
			next := timetable.Draw(r, part)
			want := make([]wigor.Lesson, 0, len(next))
			for _, l := range f.school.Lessons("lea") {
				if _, stays := next[l.ID]; !stays {
					f.cancel(l.ID)
				}
			}
			for _, l := range next {
				f.put(l)
				want = append(want, l)
			}
			run := f.sync(`"allow_deletes":100`)
			if !run.Verified || run.HeldBack != 0 {
				r.Fatalf("the run did %s: %+v", does(run), run.Fault)
			}
			got := slices.DeleteFunc(f.shows(), func(s string) bool { return strings.Contains(s, "By hand") })
			if !slices.Equal(got, wants(want...)) {
				r.Fatalf("ECAL shows %v, want %v", got, wants(want...))
			}
		}
		if run := f.sync(); run.Created+run.Updated+run.Deleted != 0 {
			r.Fatalf("a second run did %s", does(run))
		}
		i := slices.IndexFunc(f.ecal.Events(leaCalendar), func(e ecal.Event) bool { return e.ID == foreign.ID })
		if i < 0 || f.ecal.Events(leaCalendar)[i].Name != "By hand" {
			r.Fatal("a person's event was touched")
		}
	})
}

// childEnv names what a re-run of this test program works on until it is killed: a data folder.
const childEnv = "CARILLON_SYNC_CHILD_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childEnv); dir != "" {
		child(dir)
	}
	_ = flag.Set("test.parallel", "8") // they wait for pauses and limits more than they compute
	os.Exit(m.Run())
}

// child is a process that runs lea once.
func child(dir string) {
	db, err := machine.Open(context.Background(), dir)
	if err != nil {
		panic(err)
	}
	settings, err := campus.LoadSettings(db.Bucket("config"))
	if err != nil {
		panic(err)
	}
	h := sync.New(sync.Config{
		Settings: settings, State: db.Bucket("state"), Now: func() time.Time { return monday.Add(time.Hour) },
	})
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "/sync",
		strings.NewReader(`{"instance":"lea"}`))
	h.ServeHTTP(discard{http.Header{}}, r)
	os.Exit(0)
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// TestKillAtEveryCall kills a run before and after each of its calls to the outside, and runs again: the same end,
// nothing twice, nothing lost.
func TestKillAtEveryCall(t *testing.T) {
	t.Parallel()
	template := newFixture(t)
	changed := prepare(template)
	template.now = monday.Add(time.Hour)
	template.calls = nil
	template.did(template.sync(), "+3 ~2 -2 =6 held 0 verified true")
	total := len(template.calls)
	if total != 13 { // two for the login, one reading with its ticket, a page, a second reading, seven writes
		t.Fatalf("only %d calls: %v", total, template.calls)
	}
	limit := make(chan struct{}, 4)
	for n := 1; n <= total; n++ {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("call_%d_after_%v", n, after), func(t *testing.T) {
				t.Parallel()
				limit <- struct{}{}
				defer func() { <-limit }()
				killAt(t, n, after, changed)
			})
		}
	}
}

// prepare brings ECAL to a first timetable and changes the timetable; it returns what is wanted.
func prepare(f *fixture) []wigor.Lesson {
	f.put(lessons(1, 11)...)
	f.sync()
	f.cancel(lesson(9).ID, lesson(10).ID)
	want := append(lessons(1, 9), lessons(20, 23)...)
	for i := range 2 {
		want[i].Start, want[i].End = want[i].Start.Add(time.Hour), want[i].End.Add(time.Hour)
		f.put(want[i])
	}
	f.put(lessons(20, 23)...)
	return want
}

func killAt(t *testing.T, n int, after bool, want []wigor.Lesson) {
	t.Helper()
	f := newFixture(t)
	prepare(f)
	f.now = monday.Add(time.Hour)
	_ = f.db.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+f.dir)
	var once gosync.Once
	started := make(chan struct{})
	f.mu.Lock()
	f.calls = nil
	f.onCall = func(i int, done bool) {
		if i == n && done == after {
			once.Do(func() { <-started; _ = cmd.Process.Kill() })
			time.Sleep(20 * time.Millisecond) // it is dead before an answer reaches it
		}
	}
	f.mu.Unlock()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	err := cmd.Wait()
	if err == nil {
		t.Fatalf("the process was not killed: it made %d calls", len(f.calls))
	}
	f.settle()  // what the dead process has asked for is still answered
	f.mu.Lock() // a call of it may come even now
	f.onCall = nil
	f.mu.Unlock()
	f.open(f.dir)
	// The dead process's lease is taken away, in place of a wait of half a minute; TestLeaseOfADeadRun waits.
	bucket := f.db.Bucket("state")
	doc, err := bucket.Get(t.Context(), campus.StateName("lea"))
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Replace(doc.Data, []byte(`"lease":{`), []byte(`"was":{`), 1)
	if _, err := bucket.Put(t.Context(), campus.StateName("lea"), doc.Generation, data, nil); err != nil {
		t.Fatal(err)
	}
	f.now = monday.Add(2 * time.Hour)
	if run := f.sync(); !run.Verified || run.Fault != nil {
		t.Errorf("the next run did %s", does(run))
	}
	f.agrees(want...)
	references := map[string]bool{}
	for _, e := range f.ecal.Events(leaCalendar) {
		if references[e.Reference] {
			t.Errorf("%s is there twice", e.Reference)
		}
		references[e.Reference] = true
	}
	f.did(f.sync(), fmt.Sprintf("+0 ~0 -0 =%d held 0 verified true", len(want)))
}

// TestLeaseOfADeadRun: the next run by hand waits until a dead one's lease ends, half a minute at most.
func TestLeaseOfADeadRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	data := fmt.Sprintf(`{"version":1,"lease":{"id":"dead","expires":%q},"timetable":[]}`,
		time.Now().Add(3*time.Second).Format(time.RFC3339Nano))
	if _, err := f.db.Bucket("state").Put(t.Context(), campus.StateName("lea"), 0, []byte(data), nil); err != nil {
		t.Fatal(err)
	}
	if code := f.push("lea"); code != http.StatusServiceUnavailable {
		t.Errorf("a message while another run is at work was answered %d", code)
	}
	began := time.Now()
	f.did(f.sync(), "+3 ~0 -0 =0 held 0 verified true")
	if took := time.Since(began); took < 2*time.Second || took > 20*time.Second {
		t.Errorf("it waited %s", took)
	}
}

// TestEmails: one after two failed runs, none for the third, one when it works again; in French; what could not be sent
// is sent later.
func TestEmails(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t)
	f := newFixture(t)
	f.file["smtp"] = server.Settings("famille@example.com")
	f.configure()
	f.put(lessons(1, 4)...)
	f.scheduled()
	f.fault(&f.school.Faults, faults.Fault{Kind: "errors"})
	want := func(n int) { t.Helper(); server.Want(t, n) }
	hour := func() campus.Run { f.now = f.now.Add(time.Hour); return f.scheduled() }
	hour()
	want(0)
	server.Refuse(true)
	hour()
	want(0)
	server.Refuse(false)
	hour()
	want(1)
	hour()
	want(1)
	f.school.Faults.Clear("")
	hour()
	want(2)
	hour()
	mails := server.Want(t, 2)
	failed, recovered := mails[0], mails[1]
	for _, text := range []string{
		"To: <famille@example.com>", "L’emploi du temps de MonCampus n’est pas arrivé en entier.", "lea", "Que faire",
	} {
		if !strings.Contains(failed, text) {
			t.Errorf("the e-mail has no %q:\n%s", text, failed)
		}
	}
	if !strings.Contains(recovered, "de nouveau à jour : 3 cours lus") || strings.Contains(failed, "lea-password") {
		t.Errorf("the second e-mail:\n%s", recovered)
	}
}
