package campus

import (
	"cmp"
	"encoding/json"
	"html"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// An Event is an event of ECAL. Dates are YYYY-MM-DD, times HH:MM of the time zone.
type Event struct {
	ID            string
	CalendarID    string
	Name          string
	Location      string
	StartDate     string
	StartTime     string
	EndDate       string
	EndTime       string
	AllDay        string // [Yes], [No], or "" where the server does not tell
	TimeZone      string
	Details       string
	Alert         string
	Published     bool // no draft; of events that are sent only
	Reference     string
	ReferenceType string
	QuickLink     QuickLinks
}

// ECAL's booleans.
const (
	Yes = "yes"
	No  = "no"
)

// A QuickLink is a link of an event. A server that shortens links gives the one it was sent as OriginalURL.
type QuickLink struct {
	Name        string `json:"name"` // as ECAL writes it: digests of this form are kept
	URL         string `json:"url"`
	OriginalURL string `json:"original_url,omitempty"`
}

// QuickLinks are an event's links, by their number from 1.
type QuickLinks map[string]QuickLink

// What our events carry besides the class.
const (
	referenceType = "wigor"
	reminder      = "15M"
	// nowhere is the location of a class without a room: ECAL wants one.
	nowhere = "Salle non précisée"
)

// A Target is the calendar that a timetable is brought to.
type Target struct {
	CalendarID string
	Zone       *time.Location
}

// Reference is what an event of ours is known by in ECAL: the class, and the calendar, because
// it is not documented whether references are unique within a calendar or within the account.
func (t Target) Reference(classID string) string { return classID + "-" + t.suffix() }

func (t Target) suffix() string { return digest(t.CalendarID)[:8] }

// classID is the class of a reference of ours.
func (t Target) classID(reference string) (string, bool) {
	id, ok := strings.CutSuffix(reference, "-"+t.suffix())
	return id, ok && strings.HasPrefix(id, "wigor-")
}

// event is what ECAL should have of a class: the fields that are ours.
func (t Target) event(c Class) Event {
	start, end := c.Start.In(t.Zone), c.End.In(t.Zone)
	e := Event{
		CalendarID: t.CalendarID, Name: c.Title, Location: c.Room, Details: c.Details(), TimeZone: t.Zone.String(),
		StartDate: start.Format(time.DateOnly), EndDate: end.Format(time.DateOnly), AllDay: No,
		Reference: t.Reference(c.ID), ReferenceType: referenceType,
	}
	if e.Location == "" {
		e.Location = nowhere
	}
	if c.AllDay {
		e.AllDay, e.EndDate = Yes, c.LastDay(t.Zone).Format(time.DateOnly)
		return e
	}
	e.StartTime, e.EndTime = start.Format("15:04"), end.Format("15:04")
	return e
}

// LastDay is the last day of an all-day class.
func (c Class) LastDay(zone *time.Location) time.Time {
	end := c.End.In(zone)
	if h, m, s := end.Clock(); end.After(c.Start) && h+m+s == 0 {
		return end.Add(-time.Second)
	}
	return end
}

// first is the event of a class that ECAL does not have yet: with a reminder, which is the person's afterwards.
func (t Target) first(c Class) Event {
	e := t.event(c)
	e.Alert, e.Published = reminder, true
	e.QuickLink = quickLinks(c.Links, nil)
	return e
}

// quickLinks numbers links; numbers that were in use before and are no longer are emptied.
func quickLinks(links, before []Link) QuickLinks {
	q := QuickLinks{}
	for i := range before {
		q[strconv.Itoa(i+1)] = QuickLink{}
	}
	for i, l := range links {
		q[strconv.Itoa(i+1)] = QuickLink{Name: l.Name, URL: l.URL}
	}
	if len(q) == 0 {
		return nil
	}
	return q
}

// fingerprint is a digest of the links as the server gives them back.
func (q QuickLinks) fingerprint() string {
	data, err := json.Marshal(q) // maps are written in the order of their keys
	if err != nil || len(q) == 0 {
		return digest("")
	}
	return digest(string(data))
}

// sameLinks reports whether an event has these links and no other.
func (q QuickLinks) sameLinks(links []Link) bool {
	want := make([]string, 0, len(links))
	var has []string
	for _, l := range q {
		if address := cmp.Or(l.OriginalURL, l.URL); address != "" {
			has = append(has, address)
		}
	}
	for _, l := range links {
		want = append(want, l.URL)
	}
	slices.Sort(has)
	slices.Sort(want)
	return slices.Equal(has, want)
}

// instants are an event's start and end; ok is false where they cannot be read.
func (e Event) instants(zone *time.Location) (start, end time.Time, ok bool) {
	zone = calendar.Zone(zone, e.TimeZone)
	at := func(date, clock string) (time.Time, error) {
		if e.AllDay == Yes || clock == "" {
			return time.ParseInLocation(time.DateOnly, date, zone)
		}
		return time.ParseInLocation("2006-01-02 15:04", date+" "+clock[:min(len(clock), 5)], zone)
	}
	start, errStart := at(e.StartDate, e.StartTime)
	end, errEnd := at(e.EndDate, e.EndTime)
	return start.UTC(), end.UTC(), errStart == nil && errEnd == nil
}

// plainText is a text without what a server may change of it: spaces, line ends, HTML entities.
func plainText(text string) string { return Tidy(html.UnescapeString(text)) }

// differences names the fields of ours in which ECAL's event is not as wanted.
func (e Event) differences(got Event, zone *time.Location) []string {
	var names []string
	start, end, ok := e.instants(zone)
	gotStart, gotEnd, gotOK := got.instants(zone)
	if !ok || !gotOK || !start.Equal(gotStart) || !end.Equal(gotEnd) || (e.AllDay == Yes) != (got.AllDay == Yes) {
		names = append(names, WhyTime)
	}
	for name, pair := range map[string][2]string{
		WhyTitle: {e.Name, got.Name}, WhyRoom: {e.Location, got.Location}, WhyDetails: {e.Details, got.Details},
	} {
		if plainText(pair[0]) != plainText(pair[1]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// fingerprint is a digest of the fields of ours, without the links.
func (e Event) fingerprint() string {
	return digest(strings.Join([]string{
		e.Name, e.Location, e.StartDate, e.StartTime, e.EndDate, e.EndTime, e.AllDay, e.Details,
	}, "\x00"))
}
