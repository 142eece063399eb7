package campus

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// What an action does to ECAL's calendar.
const (
	Create = "create"
	Update = "update"
	Delete = "delete"
)

// An Action is one write to ECAL.
type Action struct {
	Kind    string
	ClassID string
	Class   Class // as it should be; of a deletion, as it was
	EventID string
	Event   Event    // what to send
	Why     []string // why it is made, such as [WhyTime]
}

// Why an event is written.
const (
	WhyNew       = "new"
	WhyMissing   = "missing" // somebody deleted it in ECAL
	WhyTime      = "time"
	WhyTitle     = "title"
	WhyRoom      = "room"
	WhyDetails   = "details"
	WhyLinks     = "links"
	WhyEdited    = "edited"     // in ECAL
	WhyTakenOver = "taken_over" // it was the program's before Carillon
	WhyDuplicate = "duplicate"
	WhyGone      = "gone" // from the timetable
)

// A Sent is what is known of a class's event in ECAL.
type Sent struct {
	EventID   string `json:"event_id,omitempty"`
	Reference string `json:"reference,omitempty"` // the last that we gave it
	Core      string `json:"core,omitempty"`      // fingerprint of what we sent
	Echo      string `json:"echo,omitempty"`      // fingerprint of what the server made of it
	Links     []Link `json:"links,omitempty"`
	// LinksEcho is a fingerprint of the links as ECAL last listed them.
	LinksEcho string `json:"links_echo,omitempty"`
	// Removed says that the class is gone for good and its event is still to be deleted.
	Removed *Class `json:"removed,omitempty"`
}

// legacyReference is a reference of the program before Carillon: a random number.
var legacyReference = regexp.MustCompile(`^\d{1,8}$`)

// legacyDetails begins the details of the program before Carillon.
const legacyDetails = "Intervenant : "

// legacy reports whether the program before Carillon made the event; one of its that was taken over may have kept its
// reference.
func (e Event) legacy() bool {
	return legacyReference.MatchString(e.Reference) &&
		(strings.HasPrefix(e.Details, legacyDetails) || e.ReferenceType == referenceType)
}

// Strays are the events in ECAL that are ours though nothing is known of them:
// their state was lost, or the program before Carillon left them. They join the
// known classes, so that the rules of [Step.Accept] decide on them. An event of that program's that
// stands where a class was read is left to [Target.Plan], which takes it over.
func (t Target) Strays(
	s Step, listed []Event, known, read []Class, sent map[string]Sent,
) (strays []Class, found map[string]Sent) {
	found = maps.Clone(sent)
	if found == nil {
		found = map[string]Sent{}
	}
	ids := map[string]bool{}
	for _, one := range sent {
		ids[one.EventID] = true
	}
	for _, c := range known {
		ids[t.Reference(c.ID)] = true
	}
	for _, e := range listed {
		start, end, ok := e.instants(t.Zone)
		if !ok || ids[e.ID] || ids[e.Reference] || e.CalendarID != t.CalendarID {
			continue
		}
		c := Class{Start: start, End: end, AllDay: e.AllDay == Yes, Title: e.Name, Stray: true}
		switch id, ours := t.classID(e.Reference); {
		case ours:
			c.ID = id
			number, _, _ := strings.Cut(strings.TrimPrefix(id, "wigor-"), "-")
			c.Course, _ = strconv.ParseInt(number, 10, 64)
		case e.legacy() && s.mayDelete(c) && !slices.ContainsFunc(read, t.standsFor(e)):
			c.ID = "ecal-" + e.ID
		default:
			continue
		}
		strays = append(strays, c)
		found[c.ID] = Sent{EventID: e.ID}
	}
	return strays, found
}

// standsFor matches the classes that an event of the program before Carillon shows.
// That program named no zone, so that its events may have the account's: then their clock is the campus's all the same.
func (t Target) standsFor(e Event) func(Class) bool {
	start, end, ok := e.instants(t.Zone)
	local := e
	local.TimeZone = ""
	wallStart, wallEnd, _ := local.instants(t.Zone)
	return func(c Class) bool {
		same := c.Start.Equal(start) && c.End.Equal(end) || c.Start.Equal(wallStart) && c.End.Equal(wallEnd)
		return ok && same && plainText(c.Title) == plainText(e.Name)
	}
}

// A Plan is what ECAL lacks.
type Plan struct {
	Actions   []Action // creations, then updates, then deletions
	Unchanged int
	// StayRemoved counts those of Unchanged whose event a person removed, which keepRemoved leaves out of ECAL.
	StayRemoved int
	Sent        map[string]Sent // as known now
}

// Plan compares a timetable with what ECAL lists. It touches only events of ours:
// those that we know by id, those that bear our reference, and those that the
// program before Carillon made for the same class. The classes of sent that are
// Removed are deleted; so is what stands twice, in the future and in the window.
func (t Target) Plan(s Step, timetable []Class, sent map[string]Sent, listed []Event, keepRemoved bool) Plan {
	l := t.index(listed, sent)
	p := Plan{Sent: map[string]Sent{}}
	var updates, deletions []Action
	for _, c := range timetable {
		known := sent[c.ID]
		known.Removed = nil
		got, ok := l.find(t, c, known)
		switch {
		case c.Stray: // its deletion is held
			l.claimed[got.ID] = ok
			p.Sent[c.ID] = known
			continue
		case !ok && keepRemoved && known.EventID != "": // somebody removed it
			p.Sent[c.ID] = known
			p.Unchanged++
			p.StayRemoved++
			continue
		case !ok:
			p.Actions = append(p.Actions, Action{
				Kind: Create, ClassID: c.ID, Class: c, Event: t.first(c), Why: []string{created(known)},
			})
			p.Sent[c.ID] = Sent{}
			continue
		}
		l.claimed[got.ID] = true
		known.EventID = got.ID
		body, why := t.update(c, known, got)
		if len(why) > 0 {
			updates = append(updates, Action{Kind: Update, ClassID: c.ID, Class: c, EventID: got.ID, Event: body, Why: why})
		} else {
			p.Unchanged++
			known.Core, known.Echo, known.Links, known.LinksEcho = body.fingerprint(), got.fingerprint(), c.Links,
				got.QuickLink.fingerprint()
		}
		p.Sent[c.ID] = known
	}
	for id, known := range sent {
		if known.Removed == nil {
			continue
		}
		if got, ok := l.find(t, *known.Removed, known); ok && !l.claimed[got.ID] && t.mayDelete(s, got) {
			l.claimed[got.ID] = true
			deletions = append(deletions, Action{
				Kind: Delete, ClassID: id, Class: *known.Removed, EventID: got.ID, Why: []string{WhyGone},
			})
			p.Sent[id] = known
		}
	}
	deletions = append(deletions, t.duplicates(s, l, timetable)...)
	slices.SortFunc(deletions, func(a, b Action) int { return byStart(a.Class, b.Class) })
	p.Actions = append(append(p.Actions, updates...), deletions...)
	return p
}

func created(known Sent) string {
	if known.EventID != "" {
		return WhyMissing
	}
	return WhyNew
}

// update returns what ECAL should have of a class, and why it is to be sent; no reason means that all agrees.
func (t Target) update(c Class, known Sent, got Event) (Event, []string) {
	body := t.event(c)
	why := body.differences(got, t.Zone)
	if known.Core == body.fingerprint() && !slices.Contains(why, WhyTime) {
		switch {
		case known.Echo == "" || known.Echo == got.fingerprint():
			why = nil // the server's own form of what we sent
		case len(why) > 0:
			why = append(why, WhyEdited)
		}
	}
	if linksDiffer(c, known, got.QuickLink) {
		why = append(why, WhyLinks)
		before := known.Links
		if len(got.QuickLink) > len(before) {
			before = make([]Link, len(got.QuickLink)) // all that is there is ours to empty
		}
		body.QuickLink = quickLinks(c.Links, before)
	}
	if got.Reference != body.Reference && known.Reference != body.Reference {
		why = append(why, WhyTakenOver)
	}
	return body, why
}

// linksDiffer reports whether a class's links are to be sent: they are others than we sent, or somebody changed them in
// ECAL.
func linksDiffer(c Class, known Sent, got QuickLinks) bool {
	same := got.sameLinks(c.Links)
	if known.Core == "" { // nothing is known of what was sent
		return !same
	}
	edited := known.LinksEcho != "" && known.LinksEcho != got.fingerprint()
	return !slices.Equal(known.Links, c.Links) || edited && !same
}

// mayDelete reports whether an event lies in the future and in the window.
func (t Target) mayDelete(s Step, e Event) bool {
	start, _, ok := e.instants(t.Zone)
	return ok && s.mayDelete(Class{Start: start})
}

// duplicates are the events that show a class a second time: with our reference, or made by the program before
// Carillon.
func (t Target) duplicates(s Step, l *listing, timetable []Class) []Action {
	var found []Action
	for _, e := range l.events {
		if l.claimed[e.ID] || !t.mayDelete(s, e) {
			continue
		}
		id, ours := t.classID(e.Reference)
		for _, c := range timetable {
			if ours && id == c.ID || e.legacy() && t.standsFor(e)(c) {
				l.claimed[e.ID] = true
				found = append(found, Action{Kind: Delete, Class: c, EventID: e.ID, Why: []string{WhyDuplicate}})
				break
			}
		}
	}
	return found
}

// A listing is a calendar's events, found by id and by reference.
type listing struct {
	events      []Event // of this calendar, each id once
	byID        map[string]Event
	byReference map[string]Event
	known       map[string]bool // by id: of a class since an earlier run
	claimed     map[string]bool // by id: of a class in this plan
}

func (t Target) index(events []Event, sent map[string]Sent) *listing {
	l := &listing{
		byID: map[string]Event{}, byReference: map[string]Event{}, known: map[string]bool{}, claimed: map[string]bool{},
	}
	for _, one := range sent {
		l.known[one.EventID] = true
	}
	for _, e := range events {
		if _, twice := l.byID[e.ID]; twice || e.CalendarID != t.CalendarID {
			continue
		}
		l.events, l.byID[e.ID] = append(l.events, e), e
		if _, taken := l.byReference[e.Reference]; !taken && e.Reference != "" {
			l.byReference[e.Reference] = e
		}
	}
	return l
}

// find returns a class's event: by the id that we know, by our reference, or what the program before Carillon made of
// it.
func (l *listing) find(t Target, c Class, known Sent) (Event, bool) {
	if e, ok := l.byID[known.EventID]; ok && !l.claimed[e.ID] {
		return e, true
	}
	if e, ok := l.byReference[t.Reference(c.ID)]; ok && !l.claimed[e.ID] {
		return e, true
	}
	for _, e := range l.events {
		if e.legacy() && !l.known[e.ID] && !l.claimed[e.ID] && t.standsFor(e)(c) {
			return e, true
		}
	}
	return Event{}, false
}

// Again is the creation of a class whose event is gone when it should be updated.
func (t Target) Again(a Action) Action {
	a.Event = t.first(a.Class)
	return a
}

// Written returns what is known of a class's event after ECAL answered a write of a with got.
func (a Action) Written(got Event) Sent {
	return Sent{
		EventID: got.ID, Reference: a.Event.Reference, Core: a.Event.fingerprint(),
		Echo: got.fingerprint(), Links: a.Class.Links,
	}
}

// When is an action's time, for people.
func (a Action) When(zone *time.Location) string {
	return calendar.Written(a.Class.Start, zone)
}
