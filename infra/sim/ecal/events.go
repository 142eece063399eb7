package ecal

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const maxLimit = 100

var zones sync.Map // by name; reading one takes long

func location(name string) (*time.Location, error) {
	if found, ok := zones.Load(name); ok {
		return found.(*time.Location), nil //nolint:errcheck // only these are stored
	}
	zone, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, zone)
	}
	return zone, err
}

// find returns an account's event by id or, where the vendor takes one, by reference.
func (s *Server) find(c call, byReference bool) *Event {
	if e := s.events[c.PathValue("id")]; e != nil && e.Key == c.key {
		return e
	}
	if byReference {
		return s.byReference(c.key, c.PathValue("id"))
	}
	return nil
}

func (s *Server) byReference(key, reference string) *Event {
	for _, e := range s.events {
		if reference != "" && e.Reference == reference && e.Key == key {
			return e
		}
	}
	return nil
}

// list is GET /event/: a page past the end is 204.
func (s *Server) list(c call) (any, int) {
	page, limit := number(c.query.Get("page"), 1), number(c.query.Get("limit"), maxLimit)
	zone, err := location(c.query.Get("tz"))
	if page < 1 || limit < 1 || limit > maxLimit || err != nil {
		return nil, http.StatusBadRequest
	}
	for _, name := range []string{"startDate", "endDate"} {
		if v := c.query.Get(name); v != "" && !dateForm.MatchString(v) {
			return nil, http.StatusBadRequest
		}
	}
	var found []Event
	for _, e := range s.events {
		if e.Key == c.key && s.shown(c, *e) {
			found = append(found, e.in(c.query.Get("tz"), zone))
		}
	}
	slices.SortFunc(found, func(a, b Event) int { return a.order(b) })
	first := (page - 1) * limit
	if first >= len(found) {
		return nil, 0
	}
	return found[first:min(first+limit, len(found))], 0
}

func (s *Server) shown(c call, e Event) bool {
	q := c.query
	if ids := q.Get("calendarIds"); ids != "" && !slices.Contains(strings.Split(ids, ","), e.CalendarID) {
		return false
	}
	if q.Get("showPastEvents") != "true" {
		if end, ok := e.end(); ok && !end.After(s.Now()) {
			return false
		}
	}
	return (e.Draft == 0 || q.Get("showDraft") == "true") && (q.Get("type") == "" || q.Get("type") == e.Type) &&
		(q.Get("startDate") == "" || e.StartDate >= q.Get("startDate")) &&
		(q.Get("endDate") == "" || e.StartDate <= q.Get("endDate"))
}

// end is the first instant after the event.
func (e Event) end() (time.Time, bool) {
	zone, err := location(e.TimeZone)
	if err != nil {
		return time.Time{}, false
	}
	if e.AllDay {
		t, err := time.ParseInLocation(time.DateOnly, e.EndDate, zone)
		return t.AddDate(0, 0, 1), err == nil
	}
	t, err := time.ParseInLocation("2006-01-02 15:04", e.EndDate+" "+e.EndTime, zone)
	return t, err == nil
}

// in is the event as it is shown, in a zone if one is asked for.
func (e Event) in(name string, zone *time.Location) Event {
	e.Key = ""
	own, err := location(e.TimeZone)
	if name == "" || e.AllDay || err != nil {
		return e
	}
	for _, at := range [][2]*string{{&e.StartDate, &e.StartTime}, {&e.EndDate, &e.EndTime}} {
		if t, err := time.ParseInLocation("2006-01-02 15:04", *at[0]+" "+*at[1], own); err == nil {
			*at[0], *at[1] = t.In(zone).Format(time.DateOnly), t.In(zone).Format("15:04")
		}
	}
	e.TimeZone = name
	return e
}

func number(text string, otherwise int) int {
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

func (s *Server) show(c call) (any, int) {
	e := s.find(c, false)
	if e == nil {
		return nil, http.StatusNotFound
	}
	return e.in("", nil), 0
}

// written is the body of a write; what is absent is nil.
type written struct {
	CalendarID    *string              `json:"calendarId"`
	Name          *string              `json:"name"`
	Location      *string              `json:"location"`
	StartDate     *string              `json:"startDate"`
	StartTime     *string              `json:"startTime"`
	EndDate       *string              `json:"endDate"`
	EndTime       *string              `json:"endTime"`
	AllDay        *string              `json:"allDay"`
	TimeZone      *string              `json:"timezone"`
	Alert         *string              `json:"alert"`
	Alert2        *string              `json:"alert2"`
	Details       *string              `json:"details"`
	Draft         *int                 `json:"draft"`
	Reference     *string              `json:"reference"`
	ReferenceType *string              `json:"referenceType"`
	QuickLink     map[string]QuickLink `json:"quickLink"`
}

var (
	dateForm  = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)
	timeForm  = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	alertForm = regexp.MustCompile(`^\d{1,3}[MHD]$`)
)

// apply puts a body's fields over an event's and says with which status they are refused.
func (w written) apply(e *Event) int {
	for field, value := range map[*string]*string{
		&e.CalendarID: w.CalendarID, &e.Name: w.Name, &e.Location: w.Location, &e.StartDate: w.StartDate,
		&e.StartTime: w.StartTime, &e.EndDate: w.EndDate, &e.EndTime: w.EndTime,
		&e.TimeZone: w.TimeZone, &e.Alert: w.Alert, &e.Details: w.Details, &e.Reference: w.Reference,
		&e.ReferenceType: w.ReferenceType,
	} {
		if value != nil {
			*field = *value
		}
	}
	if w.AllDay != nil {
		if *w.AllDay != "yes" && *w.AllDay != "no" {
			return http.StatusBadRequest
		}
		e.AllDay = *w.AllDay == "yes"
	}
	if w.Draft != nil {
		e.Draft = *w.Draft
	}
	for n, link := range w.QuickLink {
		if i := number(n, 0); i < 1 || i > 10 {
			return http.StatusBadRequest
		}
		if e.QuickLink == nil {
			e.QuickLink = map[string]QuickLink{}
		}
		if link.URL == "" {
			delete(e.QuickLink, n)
			continue
		}
		e.QuickLink[n] = QuickLink{link.Name, "https://ecal.example/l/" + n, link.URL} // shortened, as the vendor does
	}
	return e.check()
}

func (e *Event) check() int {
	_, err := location(e.TimeZone)
	bad := strings.TrimSpace(e.Name) == "" || strings.TrimSpace(e.Location) == "" || err != nil ||
		e.Alert != "" && !alertForm.MatchString(e.Alert)
	for _, date := range []string{e.StartDate, e.EndDate} {
		_, err := time.Parse(time.DateOnly, date)
		bad = bad || err != nil || !dateForm.MatchString(date)
	}
	if !e.AllDay {
		bad = bad || !timeForm.MatchString(e.StartTime) || !timeForm.MatchString(e.EndTime)
	}
	if bad || e.StartDate+e.StartTime > e.EndDate+e.EndTime {
		return http.StatusBadRequest
	}
	return 0
}

// take takes a write over old, nil for a new event.
func (s *Server) take(c call, old *Event) (any, int) {
	var body written
	if json.Unmarshal(c.body, &body) != nil {
		return nil, http.StatusBadRequest
	}
	e := Event{ID: "", Type: "fixture", Key: c.key, TimeZone: "Australia/Melbourne"} // the publisher's own zone
	if old != nil {
		e = *old
		e.QuickLink = cloneLinks(old.QuickLink)
	}
	if status := body.apply(&e); status != 0 {
		return nil, status
	}
	if calendar := s.calendars[e.CalendarID]; calendar == nil || calendar.Key != c.key {
		return nil, http.StatusNotFound
	}
	if twin := s.byReference(c.key, e.Reference); twin != nil && (old == nil || twin.ID != old.ID) {
		return nil, http.StatusConflict
	}
	for _, f := range s.Faults.Own(c.Method, c.URL.Path) {
		switch f.Kind {
		case "trim": // the server tidies texts
			e.Details = strings.Join(strings.Fields(e.Details), " ")
		case "keep_reference": // a PUT does not change the reference
			if old != nil {
				e.Reference = old.Reference
			}
		case "forget": // answered, and not stored
			return e.in("", nil), 0
		}
	}
	if old == nil {
		e.ID = newID()
	}
	s.events[e.ID] = &e
	if s.saveEvent(e.ID) != nil {
		return nil, http.StatusInternalServerError
	}
	return e.in("", nil), 0
}

func cloneLinks(links map[string]QuickLink) map[string]QuickLink {
	out := map[string]QuickLink{}
	maps.Copy(out, links)
	return out
}

func (s *Server) create(c call) (any, int) { return s.take(c, nil) }

func (s *Server) update(c call) (any, int) {
	e := s.find(c, true)
	if e == nil {
		return nil, http.StatusNotFound
	}
	return s.take(c, e)
}

// updateAll is PUT /events/:referenceType: the body goes over each of the type's events.
func (s *Server) updateAll(c call) (any, int) {
	var found []*Event
	for _, e := range s.events {
		if e.Key == c.key && e.ReferenceType == c.PathValue("type") {
			found = append(found, e)
		}
	}
	if len(found) == 0 {
		return nil, http.StatusNotFound
	}
	all := []any{}
	for _, e := range found {
		v, status := s.take(c, e)
		if status != 0 {
			return nil, status
		}
		all = append(all, v)
	}
	return all, 0
}

func (s *Server) remove(c call) (any, int) {
	e := s.find(c, true)
	if e == nil {
		return nil, http.StatusNotFound
	}
	delete(s.events, e.ID)
	if s.saveEvent(e.ID) != nil {
		return nil, http.StatusInternalServerError
	}
	return map[string]string{"id": e.ID}, 0
}
