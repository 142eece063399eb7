package alerts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	var r alerts.Record
	now := time.Now()
	var told []string
	for _, outcome := range "fsfffssfsff" {
		r.Count(outcome == 'f', now)
		switch {
		case r.FailureDue():
			told = append(told, "failed")
			r.Tell()
		case r.RecoveryDue():
			told = append(told, "works")
			r.Tell()
		default:
			told = append(told, "-")
		}
	}
	if got := strings.Join(told, " "); got != "- - - failed - works - - - - failed" {
		t.Errorf("told %s", got)
	}
}

// TestSinceTheFirstFailure: the e-mail says since when the work fails. Where somebody was told, that stays until the
// e-mail that all works again has been sent.
func TestSinceTheFirstFailure(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	at := func(run int) time.Time { return start.Add(time.Duration(run) * time.Hour) }
	var r alerts.Record
	r.Count(true, at(0))
	r.Count(false, at(1)) // nobody was told of one failure
	r.Count(true, at(2))
	r.Count(true, at(3))
	if !r.FailureDue() || !r.Since.Equal(at(2)) {
		t.Fatalf("record = %+v, want a failure since %s", r, at(2))
	}
	r.Tell()
	r.Count(false, at(4))
	if !r.RecoveryDue() {
		t.Fatalf("record = %+v, want the e-mail that it works again", r)
	}
	r.Count(true, at(5)) // it could not be sent, and the work fails again
	if !r.Since.Equal(at(2)) || r.FailureDue() || r.RecoveryDue() {
		t.Errorf("record = %+v, want nothing to send and a failure since %s", r, at(2))
	}
	r.Count(false, at(6))
	r.Tell()
	if r != (alerts.Record{}) {
		t.Errorf("record = %+v when all is told, want none", r)
	}
}
