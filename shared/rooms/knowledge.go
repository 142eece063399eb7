package rooms

import (
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// How long a listing of a calendar says what goes on in its room. Each is listed hourly.
const (
	// TrustTime is for how long it is believed: two refreshes were missed, and a quarter of an hour more.
	TrustTime = 135 * time.Minute
	// freshTime is for how long it is nothing to speak of.
	freshTime = 75 * time.Minute
	// clockSkew is how far our clock may be behind Google's, whose time FetchedAt is.
	clockSkew = 10 * time.Minute
)

// Knowledge is how far a room's snapshot can be believed at an instant. What is not known is never shown as free.
type Knowledge struct {
	Known bool // else the room may be free or busy
	Stale bool // the calendar was not read lately, though it should have been
	// ReadAt is when the calendar was last read, on Google's clock; zero for never.
	ReadAt time.Time
}

// Knowledge tells how far the snapshot can be believed at an instant.
func (s *Snapshot) Knowledge(at time.Time) Knowledge {
	if s.Removed || s.FetchedAt.IsZero() {
		return Knowledge{}
	}
	age := at.Sub(s.FetchedAt)
	return Knowledge{
		Known: age < TrustTime && age > -clockSkew, Stale: s.CalendarFault != nil || age > freshTime, ReadAt: s.FetchedAt,
	}
}

// StatusOf tells what the display shows at an instant.
func (r Room) StatusOf(s *Snapshot, at time.Time) Status {
	k := s.Knowledge(at)
	if !k.Known {
		return Status{At: at, Unknown: true, ReadAt: k.ReadAt}
	}
	return r.StatusAt(s.Events, at)
}

// FieldsOf returns the display's texts at an instant.
func (r Room) FieldsOf(s *Snapshot, at time.Time) Fields { return r.Fields(r.StatusOf(s, at)) }

// NextChangeOf is the first instant after `after` at which a field of the display differs: what [Room.NextChange] says,
// or that the calendar was not read for too long. It is zero when nothing will change by itself.
func (r Room) NextChangeOf(s *Snapshot, after time.Time) time.Time {
	k := s.Knowledge(after)
	if k.ReadAt.IsZero() {
		return time.Time{}
	}
	if !k.Known {
		shown := r.FieldsOf(s, after)
		// by a clock that is behind the reading is to come; "since 14:05" has a date on other days
		for _, t := range []time.Time{
			calendar.DayStart(k.ReadAt, r.Zone), k.ReadAt.Add(1 - clockSkew), calendar.NextMidnight(k.ReadAt, r.Zone),
		} {
			if t.After(after) && r.FieldsOf(s, t) != shown {
				return t
			}
		}
		return time.Time{}
	}
	next, end := r.NextChange(s.Events, after), s.FetchedAt.Add(TrustTime)
	if next.IsZero() || end.Before(next) {
		return end
	}
	return next
}

// LongestChange is how far ahead a display's next change may lie: a later one was computed by a clock that was wrong.
const LongestChange = 26 * time.Hour
