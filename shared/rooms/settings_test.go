package rooms_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestSettingsOfPolls: calendars are polled at whole intervals, and the fewer rooms there are the more often.
func TestSettingsOfPolls(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		minutes, rooms int
		want           time.Duration
	}{
		"default":     {0, 1, time.Minute},
		"as_set":      {5, 1, 5 * time.Minute},
		"at_the_most": {0, 200, time.Minute},
		"many_rooms":  {0, 201, 2 * time.Minute},
		"set_above":   {3, 401, 3 * time.Minute},
	} {
		s := rooms.Settings{PollMinutes: tt.minutes, Rooms: make([]rooms.RoomSettings, tt.rooms)}
		if got := s.PollInterval(); got != tt.want {
			t.Errorf("%s: every %s, want %s", name, got, tt.want)
		}
		due := 0
		for minute := range 60 {
			if s.PollDue(at(t, "2026-03-02T10:00:07Z").Add(time.Duration(minute) * time.Minute)) {
				due++
			}
		}
		if due != int(time.Hour/tt.want) {
			t.Errorf("%s: due in %d minutes of an hour, want %d", name, due, int(time.Hour/tt.want))
		}
	}
}
