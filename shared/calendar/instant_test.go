package calendar_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// TestWithin: an instant that a wrong clock wrote is within no time, so that nothing waits for it; machines agree to a
// minute.
func TestWithin(t *testing.T) {
	t.Parallel()
	now := at(t, "2026-03-02T10:00:00Z")
	const d = time.Hour
	for name, tt := range map[string]struct {
		age    time.Duration
		within bool
		ahead  bool
	}{
		"now":                {0, true, false},
		"a_moment_before_d":  {d - 1, true, false},
		"d_ago":              {d, false, false},
		"long_ago":           {100 * d, false, false},
		"a_minute_ahead":     {-time.Minute, true, false},
		"more_than_a_minute": {-time.Minute - 1, false, true},
		"a_year_ahead":       {-365 * 24 * time.Hour, false, true},
	} {
		if got := calendar.Within(now, now.Add(-tt.age), d); got != tt.within {
			t.Errorf("%s: within %v, want %v", name, got, tt.within)
		}
		if got := calendar.Ahead(now, now.Add(-tt.age)); got != tt.ahead {
			t.Errorf("%s: ahead %v, want %v", name, got, tt.ahead)
		}
	}
	if calendar.Within(now, time.Time{}, d) || calendar.Ahead(now, time.Time{}) {
		t.Error("an instant that was never stored is within an hour, or ahead")
	}
}
