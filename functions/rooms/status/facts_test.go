package status_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestEndedMeetingIsNoMissedChange: a meeting leaves the listings when it is over, and no push tells of that.
func TestEndedMeetingIsNoMissedChange(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ends   time.Duration // before the second listing
		missed bool
	}{
		"over":           {30 * time.Minute, false},
		"over_just_then": {0, false},
		"not_over":       {-time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			h := f.instance(f.url)
			next := f.now.Add(time.Hour)
			meeting := timed(
				"Board",
				f.now.Add(-time.Hour).Format(time.RFC3339),
				next.Add(-tt.ends).Format(time.RFC3339),
			)
			meeting.Updated = f.now.Add(-24 * time.Hour).Format(time.RFC3339)
			msg := rooms.EventsMessage{
				RoomName:  "blue",
				FetchedAt: f.now,
				TimeZone:  "Europe/Paris",
				Why:       rooms.WhyRefresh,
				Events:    []calendar.Event{meeting},
			}
			post(t.Context(), h, "", msg)
			f.now, msg.FetchedAt, msg.Events = next, next, nil
			post(t.Context(), h, "", msg)
			s, _ := f.snapshot()
			if asked := f.sent.take(
				rooms.TopicWatch,
			); s.PushMissed.IsZero() == tt.missed ||
				(len(asked) > 0) != tt.missed {
				t.Errorf("missed at %s, asked for %v; want %v", s.PushMissed, asked, tt.missed)
			}
		})
	}
}
