// Package calendar holds a calendar's events as they are stored and published, and
// reads their dates: instants in UTC, intervals half-open, a zone only where a date needs one.
package calendar

import (
	"strings"
	"sync"
	"time"
)

// An Event has the fields of an event that a room needs, in the form of our documents and messages. Its words are those
// of Google's API (developers.google.com/workspace/calendar/api/v3/reference/events), whose own form is in googlecal.
type Event struct {
	ID           string     `json:"id"`
	Status       string     `json:"status,omitempty"`
	Summary      string     `json:"summary,omitempty"`
	Start        Date       `json:"start,omitzero"`
	End          Date       `json:"end,omitzero"`
	Transparency string     `json:"transparency,omitempty"`
	Visibility   string     `json:"visibility,omitempty"`
	EventType    string     `json:"eventType,omitempty"`
	Organizer    Person     `json:"organizer,omitzero"`
	Attendees    []Attendee `json:"attendees,omitempty"`
	Created      string     `json:"created,omitempty"`
	Updated      string     `json:"updated,omitempty"` // RFC 3339
	// Booking is the room whose display made the event (private extended property), else "".
	Booking string `json:"booking,omitempty"`
	Request string `json:"request,omitempty"` // what that display asked for
}

// Date is an event's start or end: a date of an all-day event, or a time.
type Date struct {
	Date     string `json:"date,omitempty"`
	DateTime string `json:"dateTime,omitempty"`
	TimeZone string `json:"timeZone,omitempty"`
}

// Person is an organizer.
type Person struct {
	Email       string `json:"email,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Self        bool   `json:"self,omitempty"`
}

// Attendee is somebody invited, or a room.
type Attendee struct {
	Email          string `json:"email,omitempty"`
	ResponseStatus string `json:"responseStatus,omitempty"`
	Self           bool   `json:"self,omitempty"`
	Resource       bool   `json:"resource,omitempty"`
}

// Cancelled reports that the event was deleted.
func (e Event) Cancelled() bool { return e.Status == "cancelled" }

// Private reports that the event's details are for its guests only; confidential is the old name of private.
func (e Event) Private() bool { return e.Visibility == "private" || e.Visibility == "confidential" }

// Masked returns e without what a private event hides.
func (e Event) Masked() Event {
	if e.Private() {
		e.Summary, e.Organizer = "", Person{Self: e.Organizer.Self}
	}
	return e
}

// Interval is the half-open time [Start, End).
type Interval struct{ Start, End time.Time }

// Contains reports whether t lies in the interval.
func (i Interval) Contains(t time.Time) bool { return !t.Before(i.Start) && t.Before(i.End) }

// Overlaps reports whether both share an instant.
func (i Interval) Overlaps(o Interval) bool { return i.Start.Before(o.End) && o.Start.Before(i.End) }

// Interval reads the event's times; local is the zone of all-day dates and of
// times with neither an offset nor a known zone. ok is false for an event
// without a readable start. A missing or unreadable end is the start; an
// all-day event lasts a day at least.
func (e Event) Interval(local *time.Location) (i Interval, ok bool) {
	start, ok := e.Start.in(local)
	if !ok {
		return Interval{}, false
	}
	end, ok := e.End.in(local)
	if !ok {
		end = start
	}
	if e.Start.Date != "" && !end.After(start) {
		end = NextMidnight(start, local)
	}
	return Interval{start, end}, true
}

// Dated returns an event that fills whole days of the calendar's zone, from one midnight to another, as one of dates:
// so resource calendars get what was written as dates, and a day is a day in the room's own zone. A nil zone changes
// nothing.
func (e Event) Dated(zone *time.Location) Event {
	if zone == nil || e.Start.Date != "" || e.End.Date != "" || !e.AllDay(zone) {
		return e
	}
	i, _ := e.Interval(zone)
	e.Start, e.End = Date{Date: i.Start.In(zone).Format(time.DateOnly)}, Date{Date: i.End.In(zone).Format(time.DateOnly)}
	return e
}

// AllDay reports whether the event fills whole local days: written as dates, or, as resource calendars write them, from
// one midnight to another.
func (e Event) AllDay(local *time.Location) bool {
	if e.Start.Date != "" {
		return true
	}
	i, ok := e.Interval(local)
	return ok && i.End.After(i.Start) && isMidnight(i.Start, local) && isMidnight(i.End, local)
}

// in reads a date. An offset wins over a zone's name: they disagree in real data.
func (d Date) in(local *time.Location) (time.Time, bool) {
	if d.Date != "" {
		t, err := time.Parse(time.DateOnly, d.Date)
		if err != nil {
			return time.Time{}, false
		}
		return Midnight(t.Year(), t.Month(), t.Day(), local), true
	}
	text := strings.TrimSpace(d.DateTime)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), true
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05.999999999", text, Zone(local, d.TimeZone))
	return t.UTC(), err == nil
}

// zones are those that were read, by name: reading one takes longer than all that is done with it.
var zones sync.Map

// Zone returns the first of the names that is an IANA zone, else fallback.
func Zone(fallback *time.Location, names ...string) *time.Location {
	for _, name := range names {
		if name == "" || name == "Local" {
			continue
		}
		if loc, ok := zones.Load(name); ok {
			return loc.(*time.Location) //nolint:errcheck // only these are stored
		}
		if loc, err := time.LoadLocation(name); err == nil {
			zones.Store(name, loc)
			return loc
		}
	}
	return fallback
}

// Midnight is the first instant of a day in loc, which is not 00:00 where the clocks go forward at midnight.
func Midnight(year int, month time.Month, day int, loc *time.Location) time.Time {
	t := time.Date(year, month, day, 0, 0, 0, 0, loc)
	if t.Day() != time.Date(year, month, day, 12, 0, 0, 0, loc).Day() { // shown as 23:00 of the day before
		t = t.Add(time.Hour)
	}
	return t.UTC()
}

// DayStart is the first instant of t's day in loc.
func DayStart(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return Midnight(y, m, d, loc)
}

// NextMidnight is the first instant of the day after t in loc.
func NextMidnight(t time.Time, loc *time.Location) time.Time {
	y, m, d := t.In(loc).Date()
	return Midnight(y, m, d+1, loc)
}

func isMidnight(t time.Time, loc *time.Location) bool {
	return t.Equal(DayStart(t, loc))
}

// Written is an instant for people: the clock of a place, with the zone written out, as in 2026-11-26 14:30 CET.
func Written(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 15:04 MST")
}
