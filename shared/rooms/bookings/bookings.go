// Package bookings claims a room for one booking at a time, so that two displays never both reach Google, and clears up
// after a booking that crashed. The life of a claim:
//
//	free ──Take──▶ claimed ──Close(Absent, Standing)──▶ free
//	                  │
//	                  ├──Close(Unverified, Unanswered)──▶ unsettled ──┐
//	                  └──the process dies──▶ left                     ├──the lease ends──▶ over
//	                                                                  ┘
//	over ──the next Take, or Resolve──▶ the event stays if it stands, else it is deleted ──▶ free
//
// Where no other process books, a claim of another one was left by a crash, and is over at once.
//
// On a claim that is held, Take returns [ErrRepeated] for the claim's own event, [ErrClaimed] for another one, and
// [ErrUnsettled] where the outcome is not known.
package bookings

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

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
	// ErrUnsettled says that Google did not answer to the last booking: it may yet be made.
	ErrUnsettled = errors.New("the outcome of the last booking is not known yet")
)

// lease is longer than a booking may take (rooms/meetings' deadline), so that an expired claim has nobody at work.
const lease = 25 * time.Second

// A Desk takes the claims of one process. It may be used by many goroutines.
type Desk struct {
	state documents.Bucket
	cal   *googlecal.Client
	alone bool
	id    string

	mu        sync.Mutex
	unsettled map[string]time.Time // events that may or may not be there, with the end of their claims
}

// NewDesk returns a process's desk. alone says that no other process books here, so that a claim of another one was
// left by a crash.
func NewDesk(state documents.Bucket, cal *googlecal.Client, alone bool) *Desk {
	return &Desk{state: state, cal: cal, alone: alone, id: uuid.NewString(), unsettled: map[string]time.Time{}}
}

// Take claims the room for the event, or returns [ErrClaimed], [ErrRepeated] or [ErrUnsettled]. A claim that nobody is
// at work under is resolved first.
func (d *Desk) Take(ctx context.Context, room rooms.Room, eventID string, now time.Time) error {
	claim, err := documents.LoadIfAny[rooms.Claim](ctx, d.state, rooms.ClaimName(room.Name))
	if err != nil {
		return err
	}
	if claim.EventID != "" && d.left(claim) {
		if err := resolve(ctx, d.state, d.cal, room, claim, now); err != nil {
			return err
		}
	}
	_, err = documents.Update(ctx, d.state, rooms.ClaimName(room.Name), func(c *rooms.Claim) (map[string]string, error) {
		if c.EventID != "" {
			return nil, d.refusal(*c, eventID)
		}
		*c = rooms.Claim{Version: 1, EventID: eventID, Holder: d.id, Expires: realNow().Add(lease)}
		return nil, nil
	})
	if errors.Is(err, documents.ErrConflict) {
		return ErrClaimed
	}
	return err
}

// left reports whether nobody is at work under a claim.
func (d *Desk) left(c rooms.Claim) bool {
	return over(c) || d.alone && c.Holder != "" && c.Holder != d.id
}

// over reports whether a claim's lease has ended. One that ends later than a lease taken now was left by a process
// whose clock was ahead.
func over(c rooms.Claim) bool { return !calendar.Within(realNow(), c.Expires.Add(-lease), lease) }

func (d *Desk) refusal(c rooms.Claim, eventID string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, unsettled := d.unsettled[c.EventID]
	switch {
	case c.Holder == d.id && unsettled:
		return ErrUnsettled
	case c.EventID == eventID:
		return ErrRepeated
	default:
		return ErrClaimed
	}
}

// realNow is the machine's clock: leases bound HTTP calls, which take real time also where the rooms' time is
// simulated.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // see above

// An Outcome is what became of the event that a room was claimed for.
type Outcome int

// Outcomes. The zero value means that the outcome is not known.
const (
	Unanswered Outcome = iota // Google did not answer: it may yet be made
	Unverified                // it is in the calendar, and nobody looked whether another's overlaps it
	Absent                    // nothing was made under the claim, or it is deleted again
	Standing                  // it is in the calendar, and nobody else's overlaps it
)

// Close ends the work under a claim. The room is free again where it is settled what became of the event; else the
// claim stays until its lease ends, and the next Take resolves it.
func (d *Desk) Close(ctx context.Context, room rooms.Room, eventID string, outcome Outcome) error {
	if outcome == Absent || outcome == Standing {
		return release(ctx, d.state, room, eventID)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	now := realNow()
	maps.DeleteFunc(d.unsettled, func(_ string, end time.Time) bool { return now.After(end) })
	d.unsettled[eventID] = now.Add(lease)
	return nil
}

// release gives the room free, if the event still holds it.
func release(ctx context.Context, state documents.Bucket, room rooms.Room, eventID string) error {
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
	if err != nil || claim.EventID == "" || !over(claim) {
		return err
	}
	return resolve(ctx, state, cal, room, claim, now)
}

func resolve(
	ctx context.Context, state documents.Bucket, cal *googlecal.Client, room rooms.Room, claim rooms.Claim, now time.Time,
) error {
	stands, err := Stands(ctx, cal, room, claim.EventID, now)
	if err == nil && !stands {
		err = cal.Delete(ctx, room.CalendarID, claim.EventID)
	}
	if err != nil {
		return err
	}
	return release(ctx, state, room, claim.EventID)
}

// Stands reports whether a booking's event is in the calendar and nobody else's overlaps it, or is over.
func Stands(ctx context.Context, cal *googlecal.Client, room rooms.Room, eventID string, now time.Time) (bool, error) {
	e, err := cal.Get(ctx, room.CalendarID, eventID)
	if googlecal.NotFound(err) || err == nil && e.Cancelled() {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	coming, err := cal.Coming(ctx, room)
	if err != nil {
		return false, err
	}
	room = room.In(coming.TimeZone)
	span, ok := e.Interval(room.Zone)
	if !ok || !span.End.After(now) {
		return true, nil
	}
	_, taken := room.Conflict(coming.Events, eventID, span)
	return !taken, nil
}
