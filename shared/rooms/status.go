package rooms

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// A Room is what the rules need to know of a room.
type Room struct {
	Name       string
	CalendarID string
	Locale     string // en or fr
	Zone       *time.Location
	// ZoneGuessed says that Zone is not from the settings: the calendar's goes before it.
	ZoneGuessed bool
	// CalendarZone is the calendar's zone, where it is known: whole days are written in it.
	CalendarZone *time.Location
	// TransparentBusy lets events that show as "free" block the room too.
	TransparentBusy bool
	// Pending is what an invitation does that the room has not answered: PendingBusy, PendingFree or PendingTentative.
	Pending string
}

// What an invitation does that the room has neither accepted nor declined.
const (
	PendingBusy      = "busy"      // it blocks the room, without its title
	PendingFree      = "free"      // it is ignored
	PendingTentative = "tentative" // it is shown as what comes next, without its title, and blocks nothing
)

// In returns the room with its calendar's zone, in which it is where the settings name none.
func (r Room) In(calendarZone string) Room {
	r.CalendarZone = calendar.Zone(r.CalendarZone, calendarZone)
	if r.ZoneGuessed {
		r.Zone = calendar.Zone(r.Zone, calendarZone)
	}
	return r
}

// A Meeting is an event that blocks a room.
type Meeting struct {
	calendar.Interval

	ID        string
	Title     string // never empty: words stand for a hidden or missing title
	Organizer string // a name, else an e-mail; "" where hidden, or nobody but the room itself
	AllDay    bool
	Booking   string
	// Tentative meetings are shown as what comes next, and do not block the room.
	Tentative bool
}

// shown is how many meetings a display needs: the current and the next.
const shown = 2

// Status is what a room's display shows at one instant.
type Status struct {
	At time.Time
	// Unknown says that the room's state is not known. Then there is only ReadAt, when the calendar was last read; zero
	// for never.
	Unknown bool
	ReadAt  time.Time
	Current *Meeting // the meeting that started first of those going on
	Next    *Meeting // the first that starts later
	// BusyUntil ends the chain of meetings that touch or overlap the current one; zero when the room is free.
	BusyUntil time.Time
	Coming    []Meeting // the current and later meetings, by start
}

// Meetings returns the events that block the room, by start.
func (r Room) Meetings(events []calendar.Event) []Meeting {
	var found []Meeting
	for _, e := range events {
		if m, ok := r.meeting(e); ok {
			found = append(found, m)
		}
	}
	slices.SortStableFunc(found, func(a, b Meeting) int {
		return cmp.Or(a.Start.Compare(b.Start), a.End.Compare(b.End), strings.Compare(a.ID, b.ID))
	})
	return found
}

func (r Room) meeting(e calendar.Event) (Meeting, bool) {
	if !r.blocks(e) {
		return Meeting{}, false
	}
	e = e.Dated(r.CalendarZone)
	span, ok := e.Interval(r.Zone)
	if !ok || !span.End.After(span.Start) {
		return Meeting{}, false // no readable time, or none taken
	}
	e = e.Masked()
	m := Meeting{
		Interval: span, ID: e.ID, Title: clean(e.Summary), Organizer: r.organizer(e),
		AllDay: e.AllDay(r.Zone), Booking: e.Booking,
	}
	switch {
	case r.pending(e): // anybody may send one: neither its title nor its organizer is shown at the door
		m.Title, m.Organizer, m.Tentative = wordsOf(r.Locale).text("pending"), "", r.Pending == PendingTentative
	case m.Title == "":
		m.Title = wordsOf(r.Locale).text("private")
	}
	return m, true
}

// blocks tells whether the event takes the room, whenever it is.
func (r Room) blocks(e calendar.Event) bool {
	switch {
	case e.Cancelled():
		return false
	case e.Transparency == "transparent" && !r.TransparentBusy:
		return false
	case e.EventType == "workingLocation" || e.EventType == "birthday":
		return false
	case r.pending(e):
		return r.Pending != PendingFree
	default:
		return r.answer(e) != "declined"
	}
}

// pending reports whether the event is an invitation that the room has neither accepted nor declined.
func (r Room) pending(e calendar.Event) bool {
	answer := r.answer(e)
	return (answer == "needsAction" || answer == "tentative") && !e.Organizer.Self
}

// answer is the room's own answer to the invitation: that of the attendee who is this calendar. Another room's answer
// says nothing of this one.
func (r Room) answer(e calendar.Event) string {
	for _, a := range e.Attendees {
		if a.Self || strings.EqualFold(a.Email, r.CalendarID) && a.Email != "" {
			return a.ResponseStatus
		}
	}
	return ""
}

// organizer is who to ask about the meeting: never the room's own address.
func (r Room) organizer(e calendar.Event) string {
	mail := strings.ToLower(e.Organizer.Email)
	switch {
	case mail == strings.ToLower(r.CalendarID),
		strings.HasSuffix(mail, "@resource.calendar.google.com"),
		strings.HasSuffix(mail, "@group.calendar.google.com"),
		mail == "unknownorganizer@calendar.google.com":
		return ""
	}
	return cmp.Or(clean(e.Organizer.DisplayName), e.Organizer.Email)
}

// StatusAt tells what the display shows at an instant, given the room's events.
func (r Room) StatusAt(events []calendar.Event, at time.Time) Status {
	return statusAt(r.Meetings(events), at)
}

func statusAt(meetings []Meeting, at time.Time) Status {
	s := Status{At: at}
	for i := range meetings {
		m := &meetings[i]
		if !m.End.After(at) || m.Tentative && !m.Start.After(at) { // over, or it goes on and takes nothing
			continue
		}
		s.Coming = append(s.Coming, *m)
		switch {
		case m.Start.After(at):
			if s.Next == nil {
				s.Next = m
			}
		case s.Current == nil:
			s.Current = m
		}
		if !m.Tentative && s.Current != nil && (s.BusyUntil.IsZero() || !m.Start.After(s.BusyUntil)) &&
			m.End.After(s.BusyUntil) {
			s.BusyUntil = m.End
		}
	}
	return s
}

// Enough reports whether a part of a calendar's events tells the current and the next meeting that block the room.
func (r Room) Enough(events []calendar.Event, at time.Time) bool {
	s := statusAt(r.Blocking(events), at)
	return s.Next != nil && len(s.Coming) >= shown
}

// NextChange is the first instant after `after` at which a field of the
// display differs: the start or end of a meeting, or a local midnight, where
// "today" turns. It is zero when the known events bring no change.
func (r Room) NextChange(events []calendar.Event, after time.Time) time.Time {
	meetings := r.Meetings(events)
	before := r.Fields(statusAt(meetings, after))
	times := make([]time.Time, 0, 6*len(meetings)+1)
	for _, m := range meetings {
		times = append(times, m.Start, m.End,
			// a date is shortened on the day itself, a free room is "free until" from the day's first instant, and a last day
			// tells its end
			calendar.DayStart(m.Start, r.Zone), calendar.NextMidnight(m.Start, r.Zone),
			calendar.DayStart(m.End.Add(-time.Nanosecond), r.Zone))
	}
	times = append(times, calendar.NextMidnight(after, r.Zone))
	slices.SortFunc(times, time.Time.Compare)
	for _, t := range times {
		if t.After(after) && r.Fields(statusAt(meetings, t)) != before {
			return t
		}
	}
	return time.Time{}
}
