package sync_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestFailingSchoolIsAFailure: it is recorded and counted, and not tried again before the next scheduled run.
func TestFailingSchoolIsAFailure(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lesson(1))
	f.sync()
	f.fault(&f.school.Faults, faults.Fault{Drop: true})
	f.now = f.now.Add(time.Hour)
	run := f.scheduled()
	if run.Fault == nil || run.Fault.Code != "moncampus_no_answer" || len(f.published) != 0 ||
		f.state("lea").Alert.Failures != 1 {
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

// TestUnreadableTimetable: MonCampus writes its dates otherwise; a lesson without a number; both reach a person, and
// delete nothing.
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
