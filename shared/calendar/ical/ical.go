// Package ical writes what iCalendar feeds (RFC 5545) need beside their events.
package ical

import (
	"fmt"
	"sort"
	"time"

	ics "github.com/arran4/golang-ical"
)

// local is the form of a date-time of a zone.
const local = "20060102T150405"

const (
	// maxSpan bounds the time whose clock changes a VTIMEZONE lists, so that a date far off cannot make it grow.
	maxSpan = 20 * 366 * 24 * time.Hour
	// stride is less than the time between two changes of any zone's clocks.
	stride = 24 * time.Hour
)

// Timezone returns a zone's VTIMEZONE: the observance that holds at from, and each change of the clocks between from
// and until, or until maxSpan has passed (RFC 5545, 3.6.5). Listing the changes needs no rule to be guessed.
func Timezone(zone *time.Location, from, until time.Time) *ics.VTimezone {
	tz := ics.NewTimezone(zone.String())
	last := from.Truncate(time.Second).In(zone)
	_, to := last.Zone()
	tz.Components = append(tz.Components, observance(last, "19700101T000000", to))
	if limit := last.Add(maxSpan); until.After(limit) {
		until = limit
	}
	for last.Before(until) {
		next := last.Add(min(stride, until.Sub(last)))
		if at, changed := firstChange(last, next); changed {
			_, before := last.Zone()
			onOldClock := at.UTC().Add(time.Duration(before) * time.Second)
			tz.Components = append(tz.Components, observance(at, onOldClock.Format(local), before))
		}
		last = next
	}
	return tz
}

// firstChange looks for the second between two instants in which their zone's clocks change. It compares the clocks
// and does not ask [time.Time.ZoneBounds], which after a zone's last recorded change answers ends of years too,
// and for 31 December of a leap year an end that has passed.
func firstChange(after, until time.Time) (time.Time, bool) {
	name, offset := after.Zone()
	differs := func(t time.Time) bool {
		n, o := t.Zone()
		return n != name || o != offset
	}
	if !differs(until) {
		return time.Time{}, false
	}
	at := func(n int) time.Time { return after.Add(time.Duration(n) * time.Second) }
	return at(sort.Search(int(until.Sub(after)/time.Second), func(n int) bool { return differs(at(n)) })), true
}

// observance is the rule that holds at an instant, since a time of the clock before, which had the offset from.
func observance(at time.Time, since string, from int) ics.Component {
	name, to := at.Zone()
	component := ics.ComponentBase{}
	component.SetProperty(ics.ComponentProperty(ics.PropertyDtstart), since)
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
