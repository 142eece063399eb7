package ecal

import (
	"encoding/json"
	"strings"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// An event is as the API has it (docs.ecal.com/reference/apiv2/event.html): dates are YYYY-MM-DD, times HH:MM of the
// time zone.
type event struct {
	ID            string     `json:"id,omitempty"`
	CalendarID    string     `json:"calendarId,omitempty"`
	Name          string     `json:"name,omitempty"`
	Location      string     `json:"location,omitempty"`
	StartDate     string     `json:"startDate,omitempty"`
	StartTime     string     `json:"startTime,omitempty"`
	EndDate       string     `json:"endDate,omitempty"`
	EndTime       string     `json:"endTime,omitempty"`
	AllDay        yesNo      `json:"allDay,omitempty"`
	TimeZone      string     `json:"timezone,omitempty"`
	Details       string     `json:"details"`
	Alert         string     `json:"alert,omitempty"`
	Draft         *int       `json:"draft,omitempty"`
	Reference     string     `json:"reference,omitempty"`
	ReferenceType string     `json:"referenceType,omitempty"`
	QuickLink     quickLinks `json:"quickLink,omitempty"`
}

// yesNo is "yes" or "no"; newer answers have a boolean in its place.
type yesNo string

// UnmarshalJSON implements [json.Unmarshaler].
func (y *yesNo) UnmarshalJSON(data []byte) error {
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "yes", "true", "1":
		*y = campus.Yes
	default:
		*y = campus.No
	}
	return nil
}

// quickLinks are an event's links, by their number from 1.
type quickLinks campus.QuickLinks

// UnmarshalJSON implements [json.Unmarshaler]: anything but an object of links, such as an empty list, means no links.
func (q *quickLinks) UnmarshalJSON(data []byte) error {
	var links campus.QuickLinks
	_ = json.Unmarshal(data, &links)
	*q = quickLinks(links)
	return nil
}

// wireOf is an event as it is sent.
func wireOf(e campus.Event) event {
	sent := event{
		ID: e.ID, CalendarID: e.CalendarID, Name: e.Name, Location: e.Location,
		StartDate: e.StartDate, StartTime: e.StartTime, EndDate: e.EndDate, EndTime: e.EndTime,
		AllDay: yesNo(e.AllDay), TimeZone: e.TimeZone, Details: e.Details, Alert: e.Alert,
		Reference: e.Reference, ReferenceType: e.ReferenceType, QuickLink: quickLinks(e.QuickLink),
	}
	if e.Published {
		sent.Draft = new(int)
	}
	return sent
}

// event is what came in the rules' terms.
func (e event) event() campus.Event {
	return campus.Event{
		ID: e.ID, CalendarID: e.CalendarID, Name: e.Name, Location: e.Location,
		StartDate: e.StartDate, StartTime: e.StartTime, EndDate: e.EndDate, EndTime: e.EndTime,
		AllDay: string(e.AllDay), TimeZone: e.TimeZone, Details: e.Details, Alert: e.Alert,
		Reference: e.Reference, ReferenceType: e.ReferenceType, QuickLink: campus.QuickLinks(e.QuickLink),
	}
}
