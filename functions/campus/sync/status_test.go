package sync_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	told "github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// stands is lea's line of GET /status.
func (f *fixture) stands() sync.Status {
	f.t.Helper()
	code, body := f.call(http.MethodGet, "/status", "")
	var list []sync.Status
	if err := json.Unmarshal([]byte(body), &list); err != nil || code != http.StatusOK || len(list) != 1 {
		f.t.Fatalf("status was answered %d %s", code, body)
	}
	return list[0]
}

// TestStandingIsWhatWasSeen: an instance is well only while both sides were seen to agree; status tells since when
// not, and why.
func TestStandingIsWhatWasSeen(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	agreed := time.Time{}
	expect := func(what, want string) {
		t.Helper()
		s := f.stands()
		if s.Standing != want || !s.AgreedAt.Equal(agreed) {
			t.Errorf("%s: %s, seen to agree at %s; want %s, %s (%+v)", what, s.Standing, s.AgreedAt, want, agreed, s.Run)
		}
	}
	expect("before the first run", sync.StandingNever)
	f.put(lessons(0, 21)...)
	f.sync()
	agreed = f.now
	expect("after a run", sync.StandingOK)
	f.now = f.now.Add(12 * time.Hour) // 20:00 in Paris, over a class
	f.cancel(lesson(0).ID)
	run := f.sync()
	if run.Agree || run.Kept != 1 || run.Changes[0].Code != campus.KeptBegun {
		t.Errorf("a class that has begun was cancelled: %+v", run)
	}
	expect("a class that has begun is kept", sync.StandingPartial)
	if kept := f.stands().Kept; len(kept) != 1 || kept[0].Class.Title != lesson(0).Title || kept[0].Reason == "" {
		t.Errorf("kept are %+v", kept)
	}
	f.now = f.now.Add(24 * time.Hour)
	f.sync()
	agreed = f.now
	expect("it is long over", sync.StandingOK)
	f.fault(&f.school.Faults, faults.Fault{Kind: "partial", Items: 15, Path: "Home/Get"})
	f.sync()
	expect("15 are held back", sync.StandingFailed)
	f.school.Faults.Clear("")
	f.sync()
	expect("they are back", sync.StandingOK)
	f.now = f.now.Add(26 * time.Hour)
	expect("no run for a day", sync.StandingStale)
}

// TestLeftOutIsNoAgreement: an event that a person removed and keep_removed leaves out is missing in ECAL, and is
// said to be.
func TestLeftOutIsNoAgreement(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["keep_removed"] = true
	f.configure()
	f.put(lessons(1, 4)...)
	f.sync()
	if err := f.ecal.Remove(f.ecal.Events(leaCalendar)[0].ID); err != nil {
		t.Fatal(err)
	}
	if run := f.sync(); run.Agree || run.StayRemoved != 1 || !run.Verified {
		t.Errorf("the run says %+v", run)
	}
}

// TestALessonThatCannotBeReadIsNoMissingRun: MonCampus is read every hour, except for one lesson. From the first run on
// the status is "partial" and not "stale".
func TestALessonThatCannotBeReadIsNoMissingRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 21)...)
	broken := lesson(25)
	broken.Raw = map[string]any{"NoCours": nil}
	f.put(broken)
	for range 5 {
		f.now = f.now.Add(time.Hour)
		f.scheduled()
		s := f.stands()
		if s.Standing != sync.StandingPartial || !s.SeenAt.Equal(f.now) || !s.ReadAt.IsZero() || len(s.Run.Unreadable) != 1 {
			t.Errorf("%s, read %s, whole %s, run %+v", s.Standing, s.SeenAt, s.ReadAt, s.Run)
		}
	}
}

// TestStandingOfAState: how an instance stands follows from what was recorded, also where a run stopped before its end.
func TestStandingOfAState(t *testing.T) {
	t.Parallel()
	good := campus.Run{Instance: "lea", Began: monday, Ended: monday, Verified: true, Agree: true}
	failed := good
	failed.Fault = &told.Fault{Code: "failed"}
	partial := good
	partial.Agree = false
	early := monday.Add(-2 * time.Hour)
	for name, tt := range map[string]struct {
		state campus.State
		want  string
	}{
		"nothing":               {campus.State{}, sync.StandingNever},
		"read_and_no_run_ended": {campus.State{ReadAt: monday, SeenAt: monday}, sync.StandingNever},
		"agreed":                {campus.State{ReadAt: monday, SeenAt: monday, Run: &good}, sync.StandingOK},
		"failed": {
			campus.State{ReadAt: monday, SeenAt: monday, Run: &failed}, sync.StandingFailed,
		},
		"did_not_agree": {
			campus.State{ReadAt: monday, SeenAt: monday, Run: &partial}, sync.StandingPartial,
		},
		"read_in_part_and_then_stopped": {
			campus.State{ReadAt: early, SeenAt: monday, Run: &good}, sync.StandingPartial,
		},
		"a_run_of_which_nothing_is_read": {campus.State{Run: &good}, sync.StandingNever},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if _, err := documents.Store(
				t.Context(),
				f.db.Bucket("state"),
				campus.StateName("lea"),
				0,
				tt.state,
				nil,
			); err != nil {
				t.Fatal(err)
			}
			if got := f.stands().Standing; got != tt.want {
				t.Errorf("it stands %q, want %q", got, tt.want)
			}
		})
	}
}
