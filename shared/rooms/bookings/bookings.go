// Package bookings claims a room for one booking at a time, so that two
// displays never both reach Google, and clears up after a booking that crashed.
package bookings

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

var (
	// ErrClaimed says that another booking of the room is being made.
	ErrClaimed = errors.New("the room is being booked")
	// ErrRepeated says that this very booking is being made already.
	ErrRepeated = errors.New("this booking is being made")
)

// lease is longer than a booking may take (rooms/meetings' deadline), so that an expired claim has nobody at work.
const lease = 25 * time.Second

// Take claims the room for the event, or returns [ErrClaimed] or [ErrRepeated]. An expired claim is resolved first.
func Take(ctx context.Context, state documents.Bucket, cal *googlecal.Client, room rooms.Room, eventID string, now time.Time) error {
	if err := Resolve(ctx, state, cal, room, now); err != nil {
		return err
	}
	_, err := documents.Update(ctx, state, rooms.ClaimName(room.Name), func(c *rooms.Claim) (map[string]string, error) {
		switch c.EventID {
		case "":
		case eventID:
			return nil, ErrRepeated
		default:
			return nil, ErrClaimed
		}
		*c = rooms.Claim{Version: 1, EventID: eventID, Expires: realNow().Add(lease)}
		return nil, nil
	})
	if errors.Is(err, documents.ErrConflict) {
		return ErrClaimed
	}
	return err
}

// realNow is the machine's clock: leases bound HTTP calls, which take real time also where the rooms' time is simulated.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // see above

// Release gives the room free, if the event still holds it.
func Release(ctx context.Context, state documents.Bucket, room rooms.Room, eventID string) error {
	_, err := documents.Update(ctx, state, rooms.ClaimName(room.Name), func(c *rooms.Claim) (map[string]string, error) {
		if c.EventID != eventID {
			return nil, documents.ErrUnchanged
		}
		*c = rooms.Claim{Version: 1}
		return nil, nil
	})
	return err
}

// Resolve ends a claim whose lease is over: its event stays if it was made and
// nobody else's overlaps it, and is deleted otherwise.
func Resolve(ctx context.Context, state documents.Bucket, cal *googlecal.Client, room rooms.Room, now time.Time) error {
	claim, err := documents.LoadIfAny[rooms.Claim](ctx, state, rooms.ClaimName(room.Name))
	if err != nil || claim.EventID == "" || calendar.Within(realNow(), claim.Expires.Add(-lease), lease) {
		return err
	}
	if err := settle(ctx, cal, room, claim.EventID, now); err != nil {
		return err
	}
	return Release(ctx, state, room, claim.EventID)
}

func settle(ctx context.Context, cal *googlecal.Client, room rooms.Room, eventID string, now time.Time) error {
	e, err := cal.Get(ctx, room.CalendarID, eventID)
	if googlecal.NotFound(err) || err == nil && e.Status == "cancelled" {
		return nil
	}
	if err != nil {
		return err
	}
	coming, err := cal.Coming(ctx, room, now)
	if err != nil {
		return err
	}
	room = room.In(coming.TimeZone)
	span, ok := e.Interval(room.Zone)
	if !ok || !span.End.After(now) {
		return nil
	}
	if _, taken := room.Conflict(coming.Events, eventID, span); taken {
		return cal.Delete(ctx, room.CalendarID, eventID)
	}
	return nil
}
