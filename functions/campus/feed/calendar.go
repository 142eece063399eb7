package feed

import (
	"context"
	"strings"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/calendar/ical"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// refresh is how often a phone is asked to look: as often as campus/sync runs.
const refresh = "PT1H"

// write returns an instance's timetable. The same timetable gives the same bytes: nothing in it is of now, but for a
// [notice]. It has no METHOD: that is of invitations, and would want an organizer (RFC 5546). The zone stands in it
// always, for a calendar must not be empty (RFC 5545, 3.6).
func write(ctx context.Context, name string, state campus.State, now time.Time) (string, error) {
	zone := campus.Instance{TimeZone: state.TimeZone}.Zone()
	cal := ics.NewCalendarFor("Carillon campus")
	cal.SetProductId("-//Carillon//Campus//FR")
	cal.SetCalscale("GREGORIAN")
	cal.SetName(name)
	cal.SetXWRCalName(name)
	cal.SetXWRTimezone(zone.String())
	cal.SetRefreshInterval(refresh)
	cal.SetXPublishedTTL(refresh)
	from, until := span(state, now)
	cal.AddVTimezone(ical.Timezone(zone, from, until))
	if e := notice(name, state, now.In(zone)); e != nil {
		cal.AddVEvent(e)
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

// span is the time of a timetable; where there is none, the moment of the reading that found it empty, or now.
func span(state campus.State, now time.Time) (from, until time.Time) {
	if len(state.Timetable) == 0 {
		if seen := state.LastSeen(); !seen.IsZero() {
			now = seen
		}
		return now, now
	}
	until = state.Timetable[0].End
	for _, c := range state.Timetable {
		if c.End.After(until) {
			until = c.End
		}
	}
	return state.Timetable[0].Start, until
}

// staleAfter is how long after a reading the feed says that it is an old one.
const staleAfter = 48 * time.Hour

// notice is an event of today that tells what the classes, or their absence, cannot: that MonCampus was never read,
// not of late, or only in part. It is nil where all is well.
func notice(name string, state campus.State, now time.Time) *ics.VEvent {
	var summary, description string
	seen := state.LastSeen()
	switch {
	case seen.IsZero() && len(state.Timetable) == 0:
		summary = "Emploi du temps pas encore lu"
		description = "Carillon n’a encore rien lu sur MonCampus : ce calendrier vide ne veut pas dire qu’il n’y a pas cours."
	case calendar.Ahead(now, seen):
		summary = "Emploi du temps : date de la dernière lecture inconnue"
		description = "L’horloge de Carillon était en avance. La prochaine lecture de MonCampus rétablira la date."
	case seen.IsZero():
		summary = "Emploi du temps : date de la dernière lecture inconnue"
		description = "Carillon ne sait plus quand MonCampus a été lu : des cours ont pu changer."
	case !calendar.Within(now, seen, staleAfter):
		summary = "Emploi du temps non actualisé depuis le " + seen.In(now.Location()).Format("02/01/2006 à 15:04")
		description = "Carillon n’a pas pu lire MonCampus depuis : des cours ont pu changer."
	case !calendar.Within(now, state.ReadAt, staleAfter):
		summary = "Emploi du temps peut-être incomplet"
		description = "Des cours de MonCampus n’ont pas pu être lus : ils restent comme avant, ou manquent ici."
	default:
		return nil
	}
	year, month, day := now.Date()
	today := time.Date(year, month, day, 0, 0, 0, 0, now.Location())
	e := ics.NewEvent("notice." + name + "@campus.carillon")
	e.SetDtStampTime(today)
	e.SetSequence(int(today.Unix() / 86400)) // it is another day's tomorrow
	e.SetAllDayStartAt(today)
	e.SetAllDayEndAt(today.AddDate(0, 0, 1))
	e.SetTimeTransparency(ics.TransparencyTransparent)
	e.SetSummary(summary)
	e.SetDescription(description)
	return e
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
