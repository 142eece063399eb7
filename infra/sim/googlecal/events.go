package googlecal

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	distantPast   = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	distantFuture = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// list is events.list (reference/events/list).
func (s *Server) list(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.calendar(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	items, err := s.selected(c, q)
	if err != nil {
		return nil, err
	}
	size, offset, err := paging(q)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"kind": "calendar#events", "etag": fmt.Sprintf(`"p%d"`, s.seq), "summary": c.ID, "timeZone": c.TimeZone,
		"accessRole": "owner", "updated": s.now().UTC().Format(time.RFC3339Nano), "defaultReminders": []any{}, "items": []event{},
	}
	if offset < len(items) {
		answer["items"] = items[offset:min(len(items), offset+size)]
	}
	if offset+size < len(items) {
		answer["nextPageToken"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(offset + size)))
	} else if q.Get("orderBy") == "" {
		answer["nextSyncToken"] = base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "sync%d", s.seq))
	}
	return answer, nil
}

func paging(q url.Values) (size, offset int, err error) {
	size = 250
	if text := q.Get("maxResults"); text != "" {
		if size, err = strconv.Atoi(text); err != nil || size < 1 {
			return 0, 0, invalid("Invalid value for maxResults: %s", text)
		}
		size = min(size, 2500)
	}
	if text := q.Get("pageToken"); text != "" {
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return 0, 0, invalid("Invalid page token value.")
		}
		if offset, err = strconv.Atoi(string(raw)); err != nil {
			return 0, 0, invalid("Invalid page token value.")
		}
	}
	return size, offset, nil
}

// selected returns the events that a list's parameters ask for.
func (s *Server) selected(c *calendar, q url.Values) ([]event, error) {
	single := q.Get("singleEvents") == "true"
	if token := q.Get("syncToken"); token != "" {
		return s.changed(c, token, q)
	}
	from, to := distantPast, distantFuture
	for name, t := range map[string]*time.Time{"timeMin": &from, "timeMax": &to} {
		if text := q.Get(name); text != "" {
			parsed, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return nil, invalid("Invalid value for %s: %s", name, text)
			}
			*t = parsed
		}
	}
	if !from.Before(to) {
		return nil, errTimeRange
	}
	order := q.Get("orderBy")
	if order == "startTime" && !single {
		return nil, invalid("The requested ordering is not available for the particular query.")
	}
	if single && to.Equal(distantFuture) {
		to = s.now().AddDate(2, 0, 0) // an endless series has to end somewhere
	}
	items := c.window(from, to, single, q.Get("showDeleted") == "true")
	if order == "startTime" {
		slices.SortStableFunc(items, func(a, b event) int {
			x, _, _ := a.span(c.zone())
			y, _, _ := b.span(c.zone())
			return x.Compare(y)
		})
	}
	return trimmed(items, q.Get("maxAttendees")), nil
}

// changed returns what changed since a sync token (guides/sync), deletions too.
func (s *Server) changed(c *calendar, token string, q url.Values) ([]event, error) {
	for _, name := range []string{"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin"} {
		if q.Has(name) {
			return nil, invalid("Sync token cannot be combined with %s.", name)
		}
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, errSyncToken
	}
	since, err := strconv.ParseInt(strings.TrimPrefix(string(raw), "sync"), 10, 64)
	if err != nil || since > s.seq {
		return nil, errSyncToken
	}
	var items []event
	for _, e := range c.events {
		if e.seq() > since {
			items = append(items, e.public())
		}
	}
	slices.SortFunc(items, func(a, b event) int { return strings.Compare(a.id(), b.id()) })
	return items, nil
}

// trimmed leaves of a longer list of attendees only the calendar's own, as maxAttendees says.
func trimmed(items []event, limit string) []event {
	n, err := strconv.Atoi(limit)
	if err != nil {
		return items
	}
	for i, e := range items {
		all, _ := e["attendees"].([]any)
		if len(all) <= n {
			continue
		}
		e = maps.Clone(e)
		e["attendeesOmitted"] = true
		e["attendees"] = slices.DeleteFunc(slices.Clone(all), func(a any) bool { m, _ := a.(map[string]any); return m["self"] != true })
		items[i] = e
	}
	return items
}

func (s *Server) get(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	if r.Header.Get("If-None-Match") == e.text("etag") {
		return nil, &apiError{code: http.StatusNotModified}
	}
	return e.public(), nil
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
		return nil, &apiError{400, "global", "parseError", "Parse Error", ""}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.calendar(r)
	if err != nil {
		return nil, err
	}
	if e["id"] == nil {
		e["id"] = newID()
	}
	if !idRule.MatchString(e.id()) || len(e.id()) < 5 || len(e.id()) > 1024 {
		return nil, invalid("Invalid resource id value.")
	}
	if _, taken := c.events[e.id()]; taken {
		return nil, errDuplicate
	}
	if err := e.check(c); err != nil {
		return nil, err
	}
	now := s.now().UTC().Format("2006-01-02T15:04:05.000Z")
	self := map[string]any{"email": c.ID, "self": true}
	for key, value := range map[string]any{
		"kind": "calendar#event", "status": "confirmed", "eventType": "default", "sequence": 0, "created": now, "iCalUID": e.id() + "@google.com",
		"creator": self, "organizer": self, "reminders": map[string]any{"useDefault": true},
		"htmlLink": "https://www.google.com/calendar/event?eid=" + base64.RawURLEncoding.EncodeToString([]byte(e.id()+" "+c.ID)),
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
func (s *Server) put(c *calendar, e event) (any, error) {
	s.seq++
	e[seqKey] = s.seq
	e["etag"] = fmt.Sprintf(`"%d"`, s.now().UnixMilli()*1000+s.seq%1000)
	e["updated"] = s.now().UTC().Format("2006-01-02T15:04:05.000Z")
	if err := s.save("event/"+c.ID+"\n"+e.id(), e); err != nil {
		return nil, err
	}
	c.events[e.id()] = e
	s.notify(c.ID)
	return e.public(), nil
}

// update is events.update (PUT: the whole event) and events.patch (PATCH: the given fields; null removes one).
func (s *Server) update(r *http.Request) (any, error) {
	body := event{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &apiError{400, "global", "parseError", "Parse Error", ""}
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
		for _, key := range []string{"kind", "id", "created", "creator", "organizer", "iCalUID", "htmlLink", "eventType", "recurringEventId", "originalStartTime", "status"} {
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

func (s *Server) instances(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	items := []event{}
	for _, i := range c.window(distantPast, s.now().AddDate(2, 0, 0), true, r.URL.Query().Get("showDeleted") == "true") {
		if i.text("recurringEventId") == e.id() {
			items = append(items, i)
		}
	}
	return map[string]any{"kind": "calendar#events", "timeZone": c.TimeZone, "items": items}, nil
}

// freeBusy is freebusy.query (reference/freebusy/query); a fault of one calendar is told inside a 200.
func (s *Server) freeBusy(r *http.Request) (any, error) {
	var body struct {
		TimeMin, TimeMax time.Time
		Items            []struct{ ID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, &apiError{400, "global", "parseError", "Parse Error", ""}
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
			calendars[item.ID] = map[string]any{"errors": []any{map[string]any{"domain": "global", "reason": "notFound"}}, "busy": []any{}}
			continue
		}
		calendars[item.ID] = map[string]any{"busy": c.busy(body.TimeMin, body.TimeMax)}
	}
	return map[string]any{"kind": "calendar#freeBusy", "timeMin": body.TimeMin, "timeMax": body.TimeMax, "calendars": calendars}, nil
}

type period struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// busy merges the opaque events' times.
func (c *calendar) busy(from, to time.Time) []period {
	all := []period{}
	for _, e := range c.window(from, to, true, false) {
		if start, end, ok := e.span(c.zone()); ok && e.text("transparency") != "transparent" {
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
