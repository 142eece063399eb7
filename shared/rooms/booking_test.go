package rooms_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// TestHalfASlotCounts: the running quarter counts as the first slot while half of it is left, to the second.
func TestHalfASlotCounts(t *testing.T) {
	t.Parallel()
	for now, end := range map[string]string{
		"2026-03-02T10:00:00Z": "2026-03-02T10:30:00Z",
		"2026-03-02T10:07:29Z": "2026-03-02T10:30:00Z",
		"2026-03-02T10:07:30Z": "2026-03-02T10:30:00Z", // exactly half
		"2026-03-02T10:07:31Z": "2026-03-02T10:45:00Z",
		"2026-03-02T10:14:59Z": "2026-03-02T10:45:00Z",
	} {
		p := paris(t).PlanBooking(nil, at(t, now), 30*time.Minute, false)
		if !p.Fits || !p.Start.Equal(at(t, "2026-03-02T10:00:00Z")) || !p.End.Equal(at(t, end)) {
			t.Errorf("at %s: %+v, want an end at %s", now, p, end)
		}
	}
}

// TestConflict: a booking conflicts with what overlaps it, not with itself nor with what touches it.
func TestConflict(t *testing.T) {
	t.Parallel()
	span := calendar.Interval{Start: at(t, "2026-03-02T10:00:00Z"), End: at(t, "2026-03-02T10:30:00Z")}
	for name, tt := range map[string]struct {
		event calendar.Event
		want  bool
	}{
		"itself":        {timed("own", "Booked", "2026-03-02T10:00:00Z", "2026-03-02T10:30:00Z"), false},
		"the_same_time": {timed("x", "Board", "2026-03-02T10:00:00Z", "2026-03-02T10:30:00Z"), true},
		"its_last_part": {timed("x", "Board", "2026-03-02T10:29:59Z", "2026-03-02T11:00:00Z"), true},
		"ends_before":   {timed("x", "Board", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"), false},
		"begins_after":  {timed("x", "Board", "2026-03-02T10:30:00Z", "2026-03-02T11:00:00Z"), false},
		"around_it":     {timed("x", "Board", "2026-03-02T09:00:00Z", "2026-03-02T12:00:00Z"), true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, taken := paris(t).Conflict([]calendar.Event{tt.event}, "own", span)
			if taken != tt.want || taken && got.ID != tt.event.ID {
				t.Errorf("conflict with %+v = %v, want %v", got, taken, tt.want)
			}
		})
	}
}
