package sync_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// shortened is a context whose deadline comes closer when it is told to.
type shortened struct {
	context.Context

	until atomic.Pointer[time.Time]
}

func (s *shortened) Deadline() (time.Time, bool) { return *s.until.Load(), true }

func (s *shortened) set(left time.Duration) {
	at := time.Now().Add(left)
	s.until.Store(&at)
}

// TestOutOfTimeGoesOnInAnotherMessage: a run that ends for want of time publishes itself, and the next one does the
// rest.
func TestOutOfTimeGoesOnInAnotherMessage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := lessons(1, 31)
	f.put(all...)
	ctx := &shortened{Context: t.Context()}
	ctx.set(500 * time.Second)
	var written atomic.Int32
	f.onCall = func(n int, done bool) {
		f.mu.Lock()
		call := f.calls[n-1]
		f.mu.Unlock()
		if done && strings.HasPrefix(call, http.MethodPost+" /sim/ecal/") && written.Add(1) == 5 {
			ctx.set(25 * time.Second) // less than recording the run may take
		}
	}
	if code := f.pushIn(ctx, "lea", f.now); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	run := *f.state("lea").Run
	if run.Fault == nil || run.Created < 5 || run.Created > 12 {
		t.Errorf("the run did %s, want some of 30 creations and a fault", does(run))
	}
	if want := []campus.SyncMessage{{Instance: "lea"}}; !slices.Equal(f.published, want) {
		t.Fatalf("published %v, want %v", f.published, want)
	}
	f.onCall, f.published = nil, nil
	f.now = f.now.Add(time.Minute)
	if code := f.push("lea"); code != http.StatusNoContent || len(f.published) != 0 {
		t.Errorf("answered %d, published %v", code, f.published)
	}
	if next := *f.state("lea").Run; next.Fault != nil || next.Created+run.Created != 30 {
		t.Errorf("the next run did %s after %d creations", does(next), run.Created)
	}
	f.agrees(all...)
}

// TestFeedFollowsWithoutECAL: where ECAL cannot be listed, the timetable that feeds show is taken over all the same,
// nothing is written to ECAL, and the run has the fault.
func TestFeedFollowsWithoutECAL(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.sync()
	f.put(lesson(7))
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodGet, Status: http.StatusForbidden})
	before := f.ecal.Counts()
	f.now = f.now.Add(time.Hour)
	run := f.scheduled()
	if run.Fault == nil || run.Verified {
		t.Errorf("the run did %s, want a fault", does(run))
	}
	if n := len(f.state("lea").Timetable); n != 4 {
		t.Errorf("the timetable has %d classes, want the new one too", n)
	}
	if after := f.ecal.Counts(); after[http.MethodPost] != before[http.MethodPost] ||
		after[http.MethodPut] != before[http.MethodPut] || after[http.MethodDelete] != before[http.MethodDelete] {
		t.Errorf("written to ECAL: %+v after %+v", after, before)
	}
	f.ecal.Faults.Clear("")
	f.now = f.now.Add(time.Hour)
	f.did(f.scheduled(), "+1 ~0 -0 =3 held 0 verified true")
}

// TestAnotherCalendarIsFilled: what was sent to the calendar of before says nothing about another one, even where
// events that somebody removed stay removed.
func TestAnotherCalendarIsFilled(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["keep_removed"] = true
	f.configure()
	f.put(lessons(1, 6)...)
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	f.lea()["ecal_calendar_id"] = hugoCalendar
	f.configure()
	run := f.sync()
	f.did(run, "+5 ~0 -0 =0 held 0 verified true")
	if run.StayRemoved != 0 {
		t.Errorf("%d classes are thought to be removed by somebody", run.StayRemoved)
	}
	if got, want := shown(f.ecal.Events(hugoCalendar)), wants(lessons(1, 6)...); !slices.Equal(got, want) {
		t.Errorf("the new calendar shows %v, want %v", got, want)
	}
	f.agrees(lessons(1, 6)...) // the one before stays
}

// TestMessageOfBeforeALaterRun: a message is done where a run began after it and succeeded. One that failed did not do
// what the message asked for.
func TestMessageOfBeforeALaterRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	asked := f.now.Add(-time.Minute)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodGet, Status: http.StatusForbidden})
	if run := f.scheduled(); run.Fault == nil {
		t.Fatalf("the run did %s, want a fault", does(run))
	}
	f.ecal.Faults.Clear("")
	f.now = f.now.Add(time.Minute)
	if code := f.pushAt("lea", asked); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	f.did(*f.state("lea").Run, "+3 ~0 -0 =0 held 0 verified true")
	before := f.called()
	f.now = f.now.Add(time.Minute)
	if code := f.pushAt("lea", asked); code != http.StatusNoContent || f.called() != before {
		t.Errorf("answered %d after %d calls, want none: a later run has done it", code, f.called()-before)
	}
	if code := f.push("lea"); code != http.StatusNoContent || f.called() == before {
		t.Errorf("a new message was answered %d without a run", code)
	}
}

// TestPersonWhoLeaves: who closes the page while a run is at work does not stop it half-way.
func TestPersonWhoLeaves(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	ctx, leave := context.WithCancel(t.Context())
	f.onCall = func(n int, _ bool) {
		if n == 2 {
			leave()
		}
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/sync", strings.NewReader(`{"instance":"lea"}`))
	f.h.ServeHTTP(httptest.NewRecorder(), r)
	f.settle()
	if ctx.Err() == nil {
		t.Fatal("nobody left")
	}
	f.did(*f.state("lea").Run, "+5 ~0 -0 =0 held 0 verified true")
	f.agrees(lessons(1, 6)...)
}
