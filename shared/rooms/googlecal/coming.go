package googlecal

import (
	"context"
	"log/slog"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// Facts are a room's coming events or why they could not be read, which displays must know too. err says that trying
// again may help; the message is to be published all the same.
func (c *Client) Facts(ctx context.Context, room rooms.Room, why string) (rooms.EventsMessage, error) {
	asked := c.googleNow()
	msg, err := c.Coming(ctx, room)
	if err == nil {
		msg.Why = why
		return msg, nil
	}
	reason, permanent := Permanent(err)
	fault := rooms.EventsMessage{
		RoomName: room.Name, Events: []calendar.Event{}, FetchedAt: asked, Why: why,
		Fault: rooms.NewFault(reason, nil, asked),
	}
	if !permanent {
		fault.Fault = rooms.NewFault("unavailable", nil, asked)
		if keyRefused(err) {
			fault.Fault = rooms.NewFault("authError", nil, asked)
		}
		return fault, err
	}
	slog.ErrorContext(ctx, "calendar cannot be read", slog.String("room", room.Name), slog.String("reason", reason))
	return fault, nil
}

// Coming lists a room's events from the room's last midnight to 48 hours after its next, as the message that tells
// rooms/status of them. Every caller lists through it, so that all see the same.
func (c *Client) Coming(ctx context.Context, room rooms.Room) (rooms.EventsMessage, error) {
	known := c.zone(room.CalendarID)
	room = room.In(known)
	l, err := c.window(ctx, room)
	if err == nil && l.TimeZone != known { // once: the answer tells the zone that the window is of
		c.setZone(room.CalendarID, l.TimeZone)
		if right := room.In(l.TimeZone); right.Zone.String() != room.Zone.String() || zonesDiffer(right) {
			l, err = c.window(ctx, right)
		}
	}
	if err != nil {
		return rooms.EventsMessage{}, err
	}
	return rooms.EventsMessage{
		RoomName: room.Name, Events: l.Events, FetchedAt: l.FetchedAt, TimeZone: l.TimeZone, Partial: l.Partial,
	}, nil
}

// apart is how far two zones can be from each other, and an hour: UTC-12 to UTC+14.
const apart = 27 * time.Hour

// window lists from midnight, not from now, because Google leaves out what ended before the window: an all-day event
// that ends on its first day, or one of a calendar in another zone, whose day is over there, goes on at the room.
func (c *Client) window(ctx context.Context, room rooms.Room) (Listing, error) {
	now := c.now()
	// timeMin is exclusive: an event that ends at the very midnight, because it has no length, needs a moment before.
	from, to := calendar.DayStart(now, room.Zone).Add(-time.Minute),
		calendar.NextMidnight(now, room.Zone).Add(48*time.Hour)
	if zonesDiffer(room) {
		from = from.Add(-apart)
	}
	return c.List(ctx, room.CalendarID, from, to, func(events []calendar.Event) bool { return room.Enough(events, now) })
}

// zonesDiffer reports whether a day of the calendar is not one of the room.
func zonesDiffer(room rooms.Room) bool {
	return room.CalendarZone != nil && room.CalendarZone.String() != room.Zone.String()
}

// zone is a calendar's zone as it was last read.
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
