package googlecal

import (
	"context"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// Coming lists a room's events from `from` to 48 hours after the room's next
// midnight, as the message that tells rooms/status of them. Every caller lists through it.
func (c *Client) Coming(ctx context.Context, room rooms.Room, from time.Time) (rooms.EventsMessage, error) {
	to := calendar.NextMidnight(c.now(), room.Zone).Add(48 * time.Hour)
	l, err := c.List(ctx, room.CalendarID, from, to, func(events []calendar.Event) bool {
		return len(room.Meetings(events)) >= rooms.Shown
	})
	if err != nil {
		return rooms.EventsMessage{}, err
	}
	return rooms.EventsMessage{RoomName: room.Name, Events: l.Events, FetchedAt: l.FetchedAt, TimeZone: l.TimeZone, Partial: l.Partial}, nil
}
