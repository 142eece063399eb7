// Package ical writes what iCalendar feeds (RFC 5545) need beside their events.
package ical

import (
	"fmt"
	"time"

	ics "github.com/arran4/golang-ical"
)

// local is the form of a date-time of a zone.
const local = "20060102T150405"

// Timezone returns a zone's VTIMEZONE with every change of its clocks between from and until, and the
// observance that holds at from (RFC 5545, 3.6.5). Listing the changes needs no rule to be guessed.
func Timezone(zone *time.Location, from, until time.Time) *ics.VTimezone {
	tz := ics.NewTimezone(zone.String())
	at := from.In(zone)
	for {
		begin, end := at.ZoneBounds()
		tz.Components = append(tz.Components, observance(at, begin, zone))
		if end.IsZero() || end.After(until) {
			return tz
		}
		at = end.In(zone)
	}
}

// observance is the rule that holds at an instant, since begin (zero: for ever).
func observance(at, begin time.Time, zone *time.Location) ics.Component {
	name, to := at.Zone()
	from, start := to, "19700101T000000"
	if !begin.IsZero() {
		before := begin.Add(-time.Second).In(zone)
		_, from = before.Zone()
		start = begin.UTC().Add(time.Duration(from) * time.Second).Format(local) // on the clock that was
	}
	component := ics.ComponentBase{}
	component.SetProperty(ics.ComponentProperty(ics.PropertyDtstart), start)
	component.SetProperty(ics.ComponentProperty(ics.PropertyTzoffsetfrom), offset(from))
	component.SetProperty(ics.ComponentProperty(ics.PropertyTzoffsetto), offset(to))
	component.SetProperty(ics.ComponentProperty(ics.PropertyTzname), name)
	if at.IsDST() {
		return &ics.Daylight{ComponentBase: component}
	}
	return &ics.Standard{ComponentBase: component}
}

func offset(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	return fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
}

// SetTime sets a property to an instant on a zone's clock.
func SetTime(e *ics.VEvent, name ics.ComponentProperty, t time.Time, zone *time.Location) {
	e.SetProperty(name, t.In(zone).Format(local), ics.WithTZID(zone.String()))
}
