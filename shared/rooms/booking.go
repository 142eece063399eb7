package rooms

import (
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// Slot is the unit of bookings: they end on a quarter of an hour.
const Slot = 15 * time.Minute

// A Plan is what a booking asked for now would get.
type Plan struct {
	calendar.Interval

	// Fits is false when the room is busy or gets busy before the end.
	Fits bool
	// Available is the longest duration that would fit, in whole slots.
	Available time.Duration
}

// SlotFloor rounds down to the quarter hour; every zone's offset is a multiple of it.
func SlotFloor(t time.Time) time.Time { return t.UTC().Truncate(Slot) }

func slotCeil(d time.Duration) time.Duration {
	if over := d % Slot; over > 0 {
		d += Slot - over
	}
	return d
}

// PlanBooking places a meeting of d (rounded up to slots) at now: from the
// running quarter hour, but not before the end of a meeting in it, and a slot
// longer when less than half of the first one is left. With fit a meeting that
// would run into the next one is shortened.
func (r Room) PlanBooking(events []calendar.Event, now time.Time, d time.Duration, fit bool) Plan {
	floor := SlotFloor(now)
	first := floor
	meetings := r.Blocking(events)
	for _, m := range meetings {
		if !m.End.After(now) && m.End.After(first) {
			first = m.End
		}
	}
	base := floor
	if floor.Add(Slot).Sub(now) < Slot/2 {
		base = floor.Add(Slot)
	}
	p := Plan{Interval: calendar.Interval{Start: first, End: base.Add(slotCeil(d))}}
	s := statusAt(meetings, now)
	if s.Current != nil {
		return p
	}
	p.Fits = true
	if s.Next == nil || !s.Next.Start.Before(p.End) {
		p.Available = p.End.Sub(base)
		return p
	}
	p.Fits = false
	p.Available = max(0, s.Next.Start.Sub(base).Truncate(Slot))
	if !fit {
		return p
	}
	p.End = SlotFloor(s.Next.Start)
	if !p.End.After(now) { // less than a slot is left: up to the next meeting
		p.End = s.Next.Start
	}
	p.Fits = true
	return p
}

// Blocking are the meetings beside which nothing can be booked.
func (r Room) Blocking(events []calendar.Event) []Meeting {
	return slices.DeleteFunc(r.Meetings(events), func(m Meeting) bool { return m.Tentative })
}

// Conflict returns a meeting other than id that overlaps span.
func (r Room) Conflict(events []calendar.Event, id string, span calendar.Interval) (Meeting, bool) {
	for _, m := range r.Blocking(events) {
		if m.ID != id && m.Overlaps(span) {
			return m, true
		}
	}
	return Meeting{}, false
}
