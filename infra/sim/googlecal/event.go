package googlecal

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/teambition/rrule-go"
)

// An event is the JSON of an event resource. The key "\x00seq" counts its last change and is never sent.
type event map[string]any

const seqKey = "\x00seq"

func (e event) text(key string) string { s, _ := e[key].(string); return s }
func (e event) id() string             { return e.text("id") }
func (e event) cancelled() bool        { return e.text("status") == "cancelled" }

func (e event) seq() int64 {
	switch n := e[seqKey].(type) {
	case int64:
		return n
	case float64:
		return int64(n)
	}
	return 0
}

// public is the event as the API shows it.
func (e event) public() event {
	e = maps.Clone(e)
	delete(e, seqKey)
	return e
}

// when reads a start, end or originalStartTime.
func when(v any, zone *time.Location) (t time.Time, allDay, ok bool) {
	m, _ := v.(map[string]any)
	if date, _ := m["date"].(string); date != "" {
		t, err := time.ParseInLocation(time.DateOnly, date, zone)
		return t, true, err == nil
	}
	text, _ := m["dateTime"].(string)
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, false, true
	}
	if name, _ := m["timeZone"].(string); name != "" {
		if loc, err := time.LoadLocation(name); err == nil {
			zone = loc
		}
	}
	t, err := time.ParseInLocation("2006-01-02T15:04:05", text, zone)
	return t, false, err == nil
}

func (e event) span(zone *time.Location) (start, end time.Time, ok bool) {
	start, _, ok = when(e["start"], zone)
	end, _, okEnd := when(e["end"], zone)
	return start, end, ok && okEnd
}

func (e event) recurs() bool { r, _ := e["recurrence"].([]any); return len(r) > 0 }

// maxInstances is how many instances of a series are looked at: rules such as FREQ=SECONDLY, or a far timeMax, would
// not end.
const maxInstances = 50_000

// expand returns the instances of a series that end after from and start before to, without those that were changed on
// their own.
func (e event) expand(zone *time.Location, from, to time.Time, changed map[string]bool) []event {
	start, end, ok := e.span(zone)
	if !ok {
		return nil
	}
	_, allDay, _ := when(e["start"], zone)
	loc := zone
	if m, _ := e["start"].(map[string]any); m["timeZone"] != nil {
		if l, err := time.LoadLocation(m["timeZone"].(string)); err == nil { //nolint:errcheck // checked by when
			loc = l
		}
	}
	if allDay {
		loc = time.UTC // dates have no zone
		start, _, _ = when(e["start"], loc)
		end, _, _ = when(e["end"], loc)
	}
	set, err := e.ruleSet(start.In(loc), loc)
	if err != nil {
		return nil
	}
	var found []event
	next := set.Iterator()
	for range maxInstances {
		at, more := next()
		if !more || at.After(to.Add(24*time.Hour)) {
			break
		}
		if at.Before(from.Add(-end.Sub(start) - 24*time.Hour)) {
			continue
		}
		i := e.instance(at, end.Sub(start), allDay, loc)
		s, t, _ := i.span(zone)
		if !changed[i.id()] && t.After(from) && s.Before(to) {
			found = append(found, i)
		}
	}
	return found
}

func (e event) ruleSet(start time.Time, loc *time.Location) (*rrule.Set, error) {
	var lines []string
	lines = append(lines, "DTSTART:"+start.UTC().Format("20060102T150405Z"))
	for _, r := range e["recurrence"].([]any) { //nolint:errcheck // recurs has looked
		if line, _ := r.(string); line != "" {
			lines = append(lines, strings.Replace(line, ";VALUE=DATE", "", 1))
		}
	}
	set, err := rrule.StrSliceToRRuleSetInLoc(lines[1:], loc)
	if err != nil {
		return nil, err
	}
	set.DTStart(start)
	return set, nil
}

func (e event) instance(at time.Time, length time.Duration, allDay bool, loc *time.Location) event {
	i := maps.Clone(e)
	delete(i, "recurrence")
	i["recurringEventId"] = e.id()
	if allDay {
		i["id"] = e.id() + "_" + at.Format("20060102")
		i["originalStartTime"] = map[string]any{"date": at.Format(time.DateOnly)}
		i["start"] = map[string]any{"date": at.Format(time.DateOnly)}
		i["end"] = map[string]any{"date": at.Add(length).Format(time.DateOnly)}
		return i
	}
	i["id"] = e.id() + "_" + at.UTC().Format("20060102T150405Z")
	date := func(t time.Time) map[string]any {
		return map[string]any{"dateTime": t.In(loc).Format(time.RFC3339), "timeZone": loc.String()}
	}
	i["originalStartTime"], i["start"], i["end"] = date(at), date(at), date(at.Add(length))
	return i
}

// find returns an event, or the instance of a series, by id.
func (c *calendar) find(id string) (event, bool) {
	if e, ok := c.events[id]; ok {
		return e, true
	}
	cut := strings.LastIndexByte(id, '_')
	if cut < 0 || !c.events[id[:cut]].recurs() {
		return nil, false
	}
	at, err := time.Parse("20060102T150405Z", id[cut+1:])
	if err != nil {
		if at, err = time.Parse("20060102", id[cut+1:]); err != nil {
			return nil, false
		}
	}
	for _, i := range c.events[id[:cut]].expand(c.zone(), at.Add(-48*time.Hour), at.Add(48*time.Hour), nil) {
		if i.id() == id {
			return i, true
		}
	}
	return nil, false
}

func (c *calendar) zone() *time.Location {
	loc, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return time.UTC
	}
	return loc
}

// window returns the events that end after from and start before to, deleted ones too; series as their instances where
// single.
func (c *calendar) window(from, to time.Time, single bool) []event {
	changed := map[string]bool{}
	for id, e := range c.events {
		if e.text("recurringEventId") != "" {
			changed[id] = true
		}
	}
	var found []event
	for _, e := range c.events {
		switch {
		case !c.inSeries(e): // an instance that its series no longer has
		case single && e.recurs() && !e.cancelled():
			found = append(found, e.expand(c.zone(), from, to, changed)...)
		default:
			s, t, ok := e.span(c.zone())
			if e.recurs() && ok { // a series goes on
				t = to
			}
			if !ok || t.After(from) && s.Before(to) {
				found = append(found, maps.Clone(e))
			}
		}
	}
	return found
}

// inSeries reports whether the series of a changed instance still has it; other events belong to none.
func (c *calendar) inSeries(e event) bool {
	id := e.text("recurringEventId")
	if id == "" {
		return true
	}
	master := c.events[id]
	if !master.recurs() || master.cancelled() {
		return false
	}
	at, _, ok := when(e["originalStartTime"], c.zone())
	return ok && slices.ContainsFunc(master.expand(c.zone(), at.Add(-48*time.Hour), at.Add(48*time.Hour), nil),
		func(i event) bool { return i.id() == e.id() })
}
