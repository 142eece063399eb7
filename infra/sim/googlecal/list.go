package googlecal

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	distantPast   = time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
	distantFuture = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// memory is how long changes are remembered, for sync tokens and updatedMin.
const memory = 28 * 24 * time.Hour

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
	return s.page(c, q, items)
}

// instances is events.instances (reference/events/instances).
func (s *Server) instances(r *http.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, e, err := s.event(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	q.Set("singleEvents", "true")
	items, err := s.selected(c, q)
	if err != nil {
		return nil, err
	}
	return s.page(c, q, slices.DeleteFunc(items, func(i event) bool { return i.text("recurringEventId") != e.id() }))
}

// page answers one page of the items. Deleted events that nobody asked for take their places on a page, so it may be
// empty with more to come.
func (s *Server) page(c *calendar, q url.Values, items []event) (any, error) {
	size, offset, err := paging(q)
	if err != nil {
		return nil, err
	}
	zone, err := c.answerZone(q)
	if err != nil {
		return nil, err
	}
	answer := map[string]any{
		"kind": "calendar#events", "etag": fmt.Sprintf(`"p%d"`, s.seq), "summary": c.ID, "timeZone": c.TimeZone,
		"accessRole": "owner", "updated": s.Now().UTC().Format(time.RFC3339Nano), "defaultReminders": []any{},
	}
	shown := []event{}
	for _, e := range items[min(offset, len(items)):min(offset+size, len(items))] {
		if !e.cancelled() || q.Get("showDeleted") == "true" || q.Has("syncToken") || q.Has("updatedMin") {
			shown = append(shown, e.public().inZone(zone))
		}
	}
	answer["items"] = trimmed(shown, q.Get("maxAttendees"))
	if offset+size < len(items) {
		answer["nextPageToken"] = base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(offset + size)))
	} else if !q.Has("orderBy") { // a listing in an order gives no sync token
		answer["nextSyncToken"] = s.syncToken(q)
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
		if offset, err = strconv.Atoi(string(raw)); err != nil || offset < 0 {
			return 0, 0, invalid("Invalid page token value.")
		}
	}
	return size, offset, nil
}

// answerZone is the zone that an answer's times are written in.
func (c *calendar) answerZone(q url.Values) (*time.Location, error) {
	name := cmp.Or(q.Get("timeZone"), c.TimeZone)
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, invalid("Invalid time zone: %s", name)
	}
	return loc, nil
}

// inZone writes the event's times with the zone's offset; their instants stay.
func (e event) inZone(zone *time.Location) event {
	for _, key := range []string{"start", "end", "originalStartTime"} {
		m, _ := e[key].(map[string]any)
		text, _ := m["dateTime"].(string)
		if t, err := time.Parse(time.RFC3339, text); err == nil {
			m = maps.Clone(m)
			m["dateTime"] = t.In(zone).Format(time.RFC3339)
			e[key] = m
		}
	}
	return e
}

// selected returns the events that a list's parameters ask for, deleted ones among them.
func (s *Server) selected(c *calendar, q url.Values) ([]event, error) {
	if q.Has("syncToken") {
		return s.changed(c, q)
	}
	from, to, err := window(q)
	if err != nil {
		return nil, err
	}
	single := q.Get("singleEvents") == "true"
	if q.Get("orderBy") == "startTime" && !single {
		return nil, invalid("The requested ordering is not available for the particular query.")
	}
	if single && to.Equal(distantFuture) {
		to = s.Now().AddDate(2, 0, 0) // an endless series has to end somewhere
	}
	items := c.window(from, to, single)
	if items, err = s.updatedSince(items, q.Get("updatedMin")); err != nil {
		return nil, err
	}
	items = slices.DeleteFunc(items, func(e event) bool { return !e.matches(q) })
	c.sort(items, q.Get("orderBy"))
	return items, nil
}

// window reads timeMin, which an event's end is after, and timeMax, which its start is before.
func window(q url.Values) (from, to time.Time, err error) {
	from, to = distantPast, distantFuture
	for name, t := range map[string]*time.Time{"timeMin": &from, "timeMax": &to} {
		if text := q.Get(name); text != "" {
			if *t, err = time.Parse(time.RFC3339, text); err != nil {
				return from, to, invalid("Invalid value for %s: %s", name, text)
			}
		}
	}
	if !from.Before(to) {
		return from, to, errTimeRange
	}
	return from, to, nil
}

func (s *Server) updatedSince(items []event, text string) ([]event, error) {
	if text == "" {
		return items, nil
	}
	since, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, invalid("Invalid value for updatedMin: %s", text)
	}
	if s.Now().Sub(since) > memory {
		return nil, errUpdatedMin
	}
	return slices.DeleteFunc(items, func(e event) bool {
		updated, _ := time.Parse(time.RFC3339, e.text("updated"))
		return updated.Before(since)
	}), nil
}

// matches checks an event against q, iCalUID, eventTypes and the extended properties.
func (e event) matches(q url.Values) bool {
	if text := strings.ToLower(q.Get("q")); text != "" &&
		!strings.Contains(strings.ToLower(e.text("summary")+"\n"+e.text("description")+"\n"+e.text("location")), text) {
		return false
	}
	if uid := q.Get("iCalUID"); uid != "" && uid != e.text("iCalUID") {
		return false
	}
	if types := q["eventTypes"]; len(types) > 0 && !slices.Contains(types, e.text("eventType")) {
		return false
	}
	extended, _ := e["extendedProperties"].(map[string]any)
	for _, kind := range []string{"private", "shared"} {
		have, _ := extended[kind].(map[string]any)
		for _, want := range q[kind+"ExtendedProperty"] {
			if key, value, _ := strings.Cut(want, "="); have[key] != value {
				return false
			}
		}
	}
	return true
}

func (c *calendar) sort(items []event, order string) {
	slices.SortStableFunc(items, func(a, b event) int {
		if order == "startTime" {
			x, _, _ := a.span(c.zone())
			y, _, _ := b.span(c.zone())
			return cmp.Or(x.Compare(y), strings.Compare(a.id(), b.id()))
		}
		if order == "updated" {
			return cmp.Or(strings.Compare(a.text("updated"), b.text("updated")), cmp.Compare(a.seq(), b.seq()))
		}
		return strings.Compare(a.id(), b.id())
	})
}

// forbiddenWithSync cannot be combined with a sync token (reference/events/list#syncToken).
var forbiddenWithSync = []string{
	"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "timeMin", "timeMax", "updatedMin",
}

// changed returns what changed since a sync token (guides/sync), deletions too.
func (s *Server) changed(c *calendar, q url.Values) ([]event, error) {
	for _, name := range forbiddenWithSync {
		if q.Has(name) {
			return nil, invalid("Sync token cannot be combined with %s.", name)
		}
	}
	if q.Get("showDeleted") == "false" {
		return nil, invalid("Sync token cannot be combined with showDeleted=false.")
	}
	since, err := s.checkSyncToken(q)
	if err != nil {
		return nil, err
	}
	items := c.window(distantPast, s.Now().AddDate(2, 0, 0), q.Get("singleEvents") == "true")
	items = slices.DeleteFunc(items, func(e event) bool { return e.seq() <= since })
	c.sort(items, "")
	return items, nil
}

// syncToken names the present state, the moment and the parameters.
func (s *Server) syncToken(q url.Values) string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d.%d.%d", s.seq, s.Now().Unix(), parameters(q)))
}

// parameters tells apart requests that ask for different things: an incremental one must ask for the same as the first.
func parameters(q url.Values) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, q.Get("singleEvents") == "true", q["eventTypes"])
	return h.Sum32()
}

func (s *Server) checkSyncToken(q url.Values) (since int64, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(q.Get("syncToken"))
	if err != nil {
		return 0, errSyncToken
	}
	var at int64
	var params uint32
	if n, err := fmt.Sscanf(string(raw), "%d.%d.%d", &since, &at, &params); n != 3 || err != nil {
		return 0, errSyncToken
	}
	if since > s.seq || s.Now().Sub(time.Unix(at, 0)) > memory {
		return 0, errSyncToken
	}
	if params != parameters(q) {
		return 0, invalid("The parameters differ from those of the request that the sync token comes from.")
	}
	return since, nil
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
		e["attendeesOmitted"] = true
		e["attendees"] = slices.DeleteFunc(slices.Clone(all),
			func(a any) bool { m, _ := a.(map[string]any); return m["self"] != true })
		items[i] = e
	}
	return items
}
