package googlecal

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
)

func (s *Server) get(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("If-None-Match") == e.text("etag") {
		return nil, &apiError{code: http.StatusNotModified}
	}
	zone, err := c.answerZone(r.URL.Query())
	if err != nil {
		return nil, err
	}
	return e.public().inZone(zone), nil
}

func (s *Server) event(r *http.Request) (*calendar, event, error) {
	c, err := s.calendar(r)
	if err != nil {
		return nil, nil, err
	}
	e, ok := c.find(r.PathValue("event"))
	if !ok {
		return nil, nil, errNotFound
	}
	return c, e, nil
}

var idRule = regexp.MustCompile(`^[a-v0-9]+$`)

// insert is events.insert with an id of the client's or ours.
func (s *Server) insert(r *http.Request) (any, error) {
	e := event{}
	if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
		return nil, errParse
	}
	stored, err := s.Insert(r.PathValue("calendar"), e)
	return event(stored), err
}

// Insert adds an event to a calendar, as the API's method does, and returns it as stored.
func (s *Server) Insert(calendarID string, e map[string]any) (map[string]any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calendars[calendarID]
	if c == nil {
		return nil, errNotFound
	}
	return s.add(c, e)
}

func (s *Server) add(c *calendar, e event) (event, error) {
	if e["id"] == nil {
		e["id"] = newID()
	}
	if !idRule.MatchString(e.id()) || len(e.id()) < 5 || len(e.id()) > 1024 {
		return nil, invalid("Invalid resource id value.")
	}
	if _, taken := c.events[e.id()]; taken {
		return nil, ErrDuplicate
	}
	if err := e.check(c); err != nil {
		return nil, err
	}
	now := s.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	self := map[string]any{"email": c.ID, "self": true}
	for key, value := range map[string]any{
		"kind": "calendar#event", "status": "confirmed", "eventType": "default", "sequence": 0, "created": now,
		"iCalUID": e.id() + "@google.com",
		"creator": self, "organizer": self, "reminders": map[string]any{"useDefault": true},
		"htmlLink": "https://www.google.com/calendar/event?eid=" +
			base64.RawURLEncoding.EncodeToString([]byte(e.id()+" "+c.ID)),
	} {
		if e[key] == nil {
			e[key] = value
		}
	}
	return s.put(c, e)
}

func newID() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

func (e event) check(c *calendar) error {
	if e["start"] == nil {
		return &apiError{400, "global", "required", "Missing start time.", ""}
	}
	if e["end"] == nil {
		return &apiError{400, "global", "required", "Missing end time.", ""}
	}
	start, end, ok := e.span(c.zone())
	if !ok {
		return invalid("Invalid start or end time.")
	}
	if end.Before(start) {
		return errTimeRange
	}
	return nil
}

// put stores a changed event and tells the channels.
func (s *Server) put(c *calendar, e event) (event, error) {
	s.seq++
	e[seqKey] = s.seq
	e["etag"] = fmt.Sprintf(`"%d"`, s.Now().UnixMilli()*1000+s.seq%1000)
	e["updated"] = s.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	if err := s.Save("event/"+c.ID+"\n"+e.id(), e); err != nil {
		return nil, err
	}
	c.events[e.id()] = e
	s.notify(c.ID)
	return e.public().inZone(c.zone()), nil
}

// update is events.update (PUT: the whole event) and events.patch (PATCH: the given fields; null removes one).
func (s *Server) update(r *http.Request) (any, error) {
	body := event{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, errParse
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && match != e.text("etag") {
		return nil, errPrecondition
	}
	next := e.public()
	if r.Method == http.MethodPut {
		next = event{}
		for _, key := range []string{
			"kind", "id", "created", "creator", "organizer", "iCalUID", "htmlLink", "eventType", "recurringEventId",
			"originalStartTime", "status",
		} {
			if e[key] != nil {
				next[key] = e[key]
			}
		}
	}
	merge(next, body)
	next["id"] = e.id()
	if err := next.check(c); err != nil {
		return nil, err
	}
	return s.put(c, next)
}

// merge applies a patch the way RFC 7396 does. A start or end changes its form as a whole.
func merge(into, patch map[string]any) {
	for key, value := range patch {
		sub, isMap := value.(map[string]any)
		have, wasMap := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && wasMap && key != "start" && key != "end":
			have = maps.Clone(have)
			merge(have, sub)
			into[key] = have
		default:
			into[key] = value
		}
	}
}

func (s *Server) delete(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	if e.cancelled() {
		return nil, errDeleted
	}
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && match != e.text("etag") {
		return nil, errPrecondition
	}
	e = e.public()
	e["status"] = "cancelled"
	if _, err := s.put(c, e); err != nil {
		return nil, err
	}
	return nil, nil //nolint:nilnil // 204
}

// freeBusy is freebusy.query (reference/freebusy/query); a fault of one calendar is told inside a 200.
func (s *Server) freeBusy(r *http.Request) (any, error) {
	var body struct {
		TimeMin, TimeMax time.Time
		Items            []struct{ ID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, errParse
	}
	if !body.TimeMin.Before(body.TimeMax) {
		return nil, errTimeRange
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	calendars := map[string]any{}
	for _, item := range body.Items {
		c := s.calendars[item.ID]
		if c == nil {
			calendars[item.ID] = map[string]any{
				"errors": []any{map[string]any{"domain": "global", "reason": "notFound"}}, "busy": []any{},
			}
			continue
		}
		calendars[item.ID] = map[string]any{"busy": c.busy(body.TimeMin, body.TimeMax)}
	}
	return map[string]any{
		"kind": "calendar#freeBusy", "timeMin": body.TimeMin, "timeMax": body.TimeMax, "calendars": calendars,
	}, nil
}

type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// busy merges the opaque events' times.
func (c *calendar) busy(from, to time.Time) []period {
	all := []period{}
	for _, e := range c.window(from, to, true) {
		if start, end, ok := e.span(c.zone()); ok && !e.cancelled() && e.text("transparency") != "transparent" {
			all = append(all, period{start.UTC(), end.UTC()})
		}
	}
	slices.SortFunc(all, func(a, b period) int { return a.Start.Compare(b.Start) })
	merged := all[:0]
	for _, p := range all {
		if n := len(merged); n > 0 && !p.Start.After(merged[n-1].End) {
			if p.End.After(merged[n-1].End) {
				merged[n-1].End = p.End
			}
			continue
		}
		merged = append(merged, p)
	}
	return merged
}
