package feed

import (
	"context"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	zones "github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/calendar/ical"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// refresh is how often a phone is asked to look: as often as campus/sync runs.
const refresh = "PT1H"

// write returns an instance's timetable. The same timetable gives the same bytes: nothing in it is of now.
func write(ctx context.Context, name string, state campus.State) (string, error) {
	zone := zones.Zone(time.UTC, state.TimeZone)
	cal := ics.NewCalendarFor("Carillon campus")
	cal.SetProductId("-//Carillon//Campus//FR")
	cal.SetCalscale("GREGORIAN")
	cal.SetMethod(ics.MethodPublish)
	cal.SetName(name)
	cal.SetXWRCalName(name)
	cal.SetXWRTimezone(zone.String())
	cal.SetRefreshInterval(refresh)
	cal.SetXPublishedTTL(refresh)
	if len(state.Timetable) > 0 {
		cal.AddVTimezone(ical.Timezone(zone, state.Timetable[0].Start, last(state.Timetable)))
	}
	for _, c := range state.Timetable {
		if ctx.Err() != nil { // the client has gone
			return "", ctx.Err()
		}
		if !c.Stray {
			cal.AddVEvent(event(name, c, zone))
		}
	}
	return cal.Serialize(ics.WithNewLineWindows), nil
}

func last(classes []campus.Class) time.Time {
	end := classes[0].End
	for _, c := range classes {
		if c.End.After(end) {
			end = c.End
		}
	}
	return end
}

// event is a class. Its UID is the class's id, which stays when the class moves.
func event(name string, c campus.Class, zone *time.Location) *ics.VEvent {
	e := ics.NewEvent(c.ID + "." + name + "@campus.carillon")
	e.SetDtStampTime(c.Changed)
	e.SetLastModifiedAt(c.Changed)
	e.SetSequence(c.Sequence)
	if c.AllDay {
		e.SetAllDayStartAt(c.Start.In(zone))
		e.SetAllDayEndAt(c.LastDay(zone).AddDate(0, 0, 1))
	} else {
		ical.SetTime(e, ics.ComponentPropertyDtStart, c.Start, zone)
		ical.SetTime(e, ics.ComponentPropertyDtEnd, c.End, zone)
	}
	e.SetSummary(c.Title)
	if c.Room != "" {
		e.SetLocation(c.Room)
	}
	lines := []string{}
	if details := c.Details(); details != "" {
		lines = append(lines, details)
	}
	for _, link := range c.Links {
		lines = append(lines, link.Name+" : "+link.URL)
	}
	if len(lines) > 0 {
		e.SetDescription(strings.Join(lines, "\n"))
	}
	if len(c.Links) > 0 {
		e.SetURL(c.Links[0].URL)
	}
	return e
}
