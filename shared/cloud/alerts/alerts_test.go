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
