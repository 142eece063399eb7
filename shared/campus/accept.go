package campus

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// Limits of what a run may delete.
const (
	// fewDeletes may always be deleted; above, it is one in deleteShare of the coming classes.
	fewDeletes  = 5
	deleteShare = 5
	// neededReadings is how many complete readings in a row a class must be missing from. Those of the schedule
	// lie confirmAfter apart at least: a run that is tried again reads the same half-made timetable.
	neededReadings = 2
	confirmAfter   = 10 * time.Minute
)

// RecentFor is the time over which deletions without consent are limited.
const RecentFor = 24 * time.Hour

// Suspicious readings change nothing at all.
var (
	ErrOddHours = errors.New("more than one class in five begins before 07:00 or after 20:00")
	ErrShifted  = errors.New("most classes have moved by exactly the zone's offset")
)

// A Step is a run's view of a timetable.
type Step struct {
	Window calendar.Interval
	Zone   *time.Location
	Now    time.Time
	// AllowDeletes is how many classes a person lets this run delete; nil: the limits hold.
	AllowDeletes *int
	// ByHand says that a person waits for the result: two readings may lie close together then.
	ByHand bool
	// ClockSet says that the settings choose the clock, or a person accepts the times, so that they need not be guarded.
	ClockSet bool
	// Recent is how many classes were deleted without consent in the last [RecentFor]: the limits hold over that time, not
	// for each run.
	Recent int
}

// An Accepted is what a reading makes of a timetable.
type Accepted struct {
	Timetable []Class // sorted by start
	Removed   []Class // gone for good: to be deleted where they are shown
	// Replaced counts those of Removed whose lesson, or another in its place, is shown: no limit holds for them.
	Replaced int
	Held     []Held // missing from the reading, and waiting
	Kept     []Held // missing from the reading, and kept for they have begun
}

// A Held is a deletion that waits.
type Held struct {
	Class  Class  `json:"class"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Why a deletion waits.
const (
	HeldUnconfirmed = "unconfirmed" // for a second complete reading
	HeldUnreadable  = "unreadable"  // the lesson is there, and could not be read
	HeldIncomplete  = "incomplete"  // for a person, or for a reading whose lessons can all be read
	HeldEmpty       = "empty"       // for a person, or for a reading that has any class
	HeldTooMany     = "too_many"    // for a person
	KeptBegun       = "begun"       // for ever: what has begun is not deleted
)

// Accept works out the timetable after a reading: what is new or different is
// taken over at once, what is missing goes only by the rules of [Step.absent].
func (s Step) Accept(known []Class, r Reading) (Accepted, error) {
	if !s.ClockSet && oddHours(r.Classes, s.Zone) {
		return Accepted{}, ErrOddHours
	}
	read := s.identify(known, r)
	if !s.ClockSet && shifted(known, read, s.Zone, s.Now) {
		return Accepted{}, ErrShifted
	}
	var a Accepted
	byID := map[string]Class{}
	for _, c := range known {
		byID[c.ID] = c
	}
	there := newShown(known, read, r)
	for i, c := range read {
		read[i] = s.merge(c, byID)
		delete(byID, c.ID)
	}
	a.Timetable = read
	s.absent(&a, known, byID, r, there)
	slices.SortFunc(a.Timetable, byStart)
	slices.SortFunc(a.Removed, byStart)
	for _, list := range [][]Held{a.Held, a.Kept} {
		slices.SortFunc(list, func(x, y Held) int { return byStart(x.Class, y.Class) })
	}
	return a, nil
}

// merge carries the history of a class over to what was read of it.
func (s Step) merge(c Class, known map[string]Class) Class {
	old, ok := known[c.ID]
	if !ok || old.Stray {
		c.Changed, c.Sequence = s.Now, s.sequence(0)
		return c
	}
	// Links appear half an hour before a class; long before and after it, a change of links alone is noise.
	if c.same(old) && (c.Start.Sub(s.Now) > linksMatter || !c.End.After(s.Now)) {
		c.Links = old.Links
	}
	c.Sequence, c.Changed = old.Sequence, old.Changed
	if !c.same(old) || !slices.Equal(c.Links, old.Links) {
		c.Sequence, c.Changed = s.sequence(old.Sequence), s.Now
	}
	return c
}

// sequence is the number after last: the minutes since 2020.
func (s Step) sequence(last int) int {
	return max(last+1, int(s.Now.Sub(time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)).Minutes()))
}

// linksMatter is how long before a class a change of its links alone is taken over.
const linksMatter = 24 * time.Hour

// absent decides on the classes that were known and not read. Past ones are
// frozen; those outside the window are not the reading's business. The others
// are deleted at once when their lesson is shown all the same, or another in its place. Else they
// are deleted when they were missing from two complete readings and are not too many, and held before. A reading
// that is empty, has lessons that could
// not be read, or lacks too many classes counts as neither of the two.
func (s Step) absent(a *Accepted, known []Class, gone map[string]Class, r Reading, there shown) {
	coming := 0
	for _, c := range known {
		if s.mayDelete(c) {
			coming++
		}
	}
	var candidates []Class
	for _, c := range gone {
		switch {
		case misdated(c, s.Window, s.Zone) != nil: // read before lessons were checked for that
			if s.mayDelete(c) {
				a.Removed = append(a.Removed, c)
			}
		case !c.End.After(s.Window.Start): // long past: forgotten, and left where it is shown
		case !s.mayDelete(c) && c.Stray: // nothing but its event is known, and that stays
		case !s.mayDelete(c):
			a.Timetable = append(a.Timetable, c)
			if s.justBegun(c) && !unreadable(r, c) {
				a.Kept = append(a.Kept, Held{c, KeptBegun, "it has begun, and what has begun is not deleted"})
			}
		case there.replaces(c):
			a.Removed = append(a.Removed, c)
			a.Replaced++
		case unreadable(r, c):
			a.hold(c, HeldUnreadable, "the lesson could not be read")
		default:
			candidates = append(candidates, c)
		}
	}
	allowed := max(fewDeletes, (coming+s.Recent)/deleteShare) - s.Recent
	if s.AllowDeletes != nil {
		allowed = *s.AllowDeletes
	}
	for _, c := range candidates {
		switch next := s.missed(c); {
		case len(r.Classes) == 0 && s.AllowDeletes == nil:
			a.hold(c, HeldEmpty, "the reading is empty")
		case !r.Whole() && s.AllowDeletes == nil:
			a.hold(c, HeldIncomplete, "a lesson of this reading could not be read, so what is missing proves nothing")
		case len(candidates) > allowed:
			a.hold(c, HeldTooMany, fmt.Sprintf("%d of %d coming classes would be deleted; without your consent %d may be now",
				len(candidates), coming, max(0, allowed)))
		case !s.confirmed(next):
			a.hold(next, HeldUnconfirmed, "it waits for a second complete reading without the class")
		default:
			a.Removed = append(a.Removed, next)
		}
	}
}

// hold keeps a class whose deletion waits.
func (a *Accepted) hold(c Class, code, reason string) {
	a.Timetable = append(a.Timetable, c)
	a.Held = append(a.Held, Held{c, code, reason})
}

// mayDelete reports whether a class lies in the future and in the window.
func (s Step) mayDelete(c Class) bool { return c.Start.After(s.Now) && s.Window.Contains(c.Start) }

// justBegun reports whether a class has begun and is not long over: what a school takes out of the past later is
// history.
func (s Step) justBegun(c Class) bool {
	return s.Window.Contains(c.Start) && !c.Start.After(s.Now) && c.End.After(s.Now.Add(-RecentFor))
}

// unreadable reports whether a class's lesson is among those that could not be read.
func unreadable(r Reading, c Class) bool {
	return c.Course != 0 && slices.ContainsFunc(r.Unreadable, func(u Unreadable) bool {
		return slices.Contains(c.numbers(), u.Course)
	})
}

func (s Step) missed(c Class) Class {
	if c.Missing == 0 {
		c.MissingSince = s.Now
	}
	c.Missing++
	return c
}

func (s Step) confirmed(c Class) bool {
	return c.Missing >= neededReadings && (s.ByHand || !calendar.Within(s.Now, c.MissingSince, confirmAfter))
}

// Unconfirmed reports whether a second reading would decide on something.
func (a Accepted) Unconfirmed() bool {
	return slices.ContainsFunc(a.Held, func(h Held) bool { return h.Code == HeldUnconfirmed })
}

// NeedConsent counts the deletions that wait for a person.
func NeedConsent(held []Held) int {
	n := 0
	for _, h := range held {
		if h.Code == HeldTooMany || h.Code == HeldEmpty || h.Code == HeldIncomplete {
			n++
		}
	}
	return n
}
