package googlecal

import (
	"context"
	"log/slog"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// Facts are a room's coming events or, where trying again will not help, why a person must mend something first.
func (c *Client) Facts(ctx context.Context, room rooms.Room, from time.Time, why string) (rooms.EventsMessage, error) {
	msg, err := c.Coming(ctx, room, from)
	reason, permanent := Permanent(err)
	if !permanent {
		msg.Why = why
		return msg, err
	}
	slog.ErrorContext(ctx, "calendar cannot be read", slog.String("room", room.Name), slog.String("reason", reason))
	return rooms.EventsMessage{
		RoomName: room.Name, Events: []calendar.Event{}, FetchedAt: from.UTC(),
		Fault: &rooms.Fault{Code: reason, Detail: Advice(reason), Since: from.UTC()},
	}, nil
}

// Coming lists a room's events from `from` to 48 hours after the room's next
// midnight, as the message that tells rooms/status of them. Every caller lists through it.
func (c *Client) Coming(ctx context.Context, room rooms.Room, from time.Time) (rooms.EventsMessage, error) {
	room = room.In(c.zone(room.CalendarID))
	l, err := c.window(ctx, room, from)
	if right := room.In(l.TimeZone); err == nil && right.Zone.String() != room.Zone.String() { // once: the answer tells the zone that the window is of
		c.setZone(room.CalendarID, l.TimeZone)
		l, err = c.window(ctx, right, from)
	}
	if err != nil {
		return rooms.EventsMessage{}, err
	}
	return rooms.EventsMessage{RoomName: room.Name, Events: l.Events, FetchedAt: l.FetchedAt, TimeZone: l.TimeZone, Partial: l.Partial}, nil
}

func (c *Client) window(ctx context.Context, room rooms.Room, from time.Time) (Listing, error) {
	to := calendar.NextMidnight(c.now(), room.Zone).Add(48 * time.Hour)
	return c.List(ctx, room.CalendarID, from, to, func(events []calendar.Event) bool {
		return len(room.Meetings(events)) >= rooms.Shown
	})
}

// zone is a calendar's zone as it was last told.
func (c *Client) zone(calendarID string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.zones[calendarID]
}

func (c *Client) setZone(calendarID, zone string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.zones[calendarID] = zone
}
