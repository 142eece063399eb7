package ecal

import (
	"testing"
	"time"

	"golang.org/x/time/rate"
)

// TestPace: the first refusal for the rate sets a pace, each later one halves it down to a call in two seconds, and
// those of calls that were on their way together count once.
func TestPace(t *testing.T) {
	t.Parallel()
	p, start := newPacer(), time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if p.limiter.Limit() != rate.Inf {
		t.Errorf("before any refusal: %v calls a second", p.limiter.Limit())
	}
	for _, step := range []struct {
		after time.Duration
		want  rate.Limit
	}{
		{0, 8},
		{100 * time.Millisecond, 8},
		{999 * time.Millisecond, 8},
		{time.Second, 4},
		{1900 * time.Millisecond, 4},
		{2 * time.Second, 2},
		{3 * time.Second, 1},
		{4 * time.Second, 0.5},
		{5 * time.Second, 0.5},
		{time.Hour, 0.5},
	} {
		if p.slower(start.Add(step.after)); p.limiter.Limit() != step.want {
			t.Errorf("after %s: %v calls a second, want %v", step.after, p.limiter.Limit(), step.want)
		}
	}
}
