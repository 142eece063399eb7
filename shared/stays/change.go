package stays

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Request asks for days of a unit to become booked, unavailable or free.
type Request struct {
	Unit string
	Range
	Type   Type
	Origin Origin // whose days they become, or who frees them
	Actor  Origin // who asks for it, where that is another
	Ref    string
	Note   string

	Replaces  []int64 // numbers of the changes of others whose days it means to take
	Overwrite bool    // whatever others hold is taken: what the old service did
}

// A Conflict is days that others hold and that a request may not have. It changes nothing.
type Conflict struct {
	Holds []Hold // of others, each clipped to the request's range, in order
}

func (c *Conflict) Error() string {
	texts := make([]string, len(c.Holds))
	for i, h := range c.Holds {
		texts[i] = h.String() + " (" + string(h.Type) + ")"
	}
	return "these days are held by another: " + strings.Join(texts, ", ")
}

// An Effect is what a request does to its unit.
type Effect struct {
	After  []Hold // the unit's holds afterwards: those of before that are left, cut, split, and the new one
	Before []Hold // what the request's days held, clipped to its range
	Lost   []Hold // those of them that another origin has lost
}

// Apply is what a request does to holds, which are all those of the unit that touch its range. New holds, also the
// second part of one that is split, have no ID yet. The error is a [*Conflict], or says what the request lacks.
func Apply(holds []Hold, r Request) (Effect, error) {
	if !r.Type.Known() || r.Days() < 1 {
		return Effect{}, fmt.Errorf("a request of type %q for %d days", r.Type, r.Days())
	}
	var e Effect
	var conflict Conflict
	for _, h := range holds {
		part := h
		if part.Range = h.Clip(r.Range); part.Days() == 0 {
			e.After = append(e.After, h)
			continue
		}
		e.Before = append(e.Before, part)
		if h.Origin != r.Origin {
			if !r.Overwrite && !slices.Contains(r.Replaces, h.Change) {
				conflict.Holds = append(conflict.Holds, part)
			}
			e.Lost = append(e.Lost, part)
		}
		e.After = append(e.After, cut(h, r.Range)...)
	}
	if len(conflict.Holds) > 0 {
		sortHolds(conflict.Holds)
		return Effect{}, &conflict
	}
	if r.Type != Available {
		e.After = append(e.After, Hold{
			Unit: r.Unit, Range: r.Range, Type: r.Type, Origin: r.Origin, Ref: r.Ref, Note: r.Note,
		})
	}
	sortHolds(e.After)
	sortHolds(e.Before)
	sortHolds(e.Lost)
	return e, nil
}

// cut takes a range out of a hold: none, one or two parts are left, the first with the hold's ID.
func cut(h Hold, out Range) (left []Hold) {
	before, after := h, h
	before.To, after.From = min(h.To, out.From), max(h.From, out.To)
	if before.Days() > 0 {
		left = append(left, before)
		after.ID = 0
	}
	if after.Days() > 0 {
		left = append(left, after)
	}
	return left
}

// A Change is an accepted request: one line of the log. Numbers are 1, 2, 3 in the order in which they were accepted.
type Change struct {
	Number int64
	Unit   string
	Range
	Type   Type
	Origin Origin
	Actor  Origin
	Ref    string
	Note   string
	At     time.Time
	Before []Hold // what the days held
	Undoes int64  // the number of the change that it takes back, or 0
}

// Undo is the requests that bring back what the days of a change held before it: one for each hold, and one for each
// run of days that were free. They are the actor's, in the name of those who held the days.
func Undo(c Change, actor Origin) (requests []Request) {
	free := make([]Span, len(c.Before))
	for i, h := range c.Before {
		free[i] = Span{c.Unit, h.Range, h.Type}
		requests = append(requests, Request{
			Unit: c.Unit, Range: h.Range, Type: h.Type, Origin: h.Origin, Actor: actor, Ref: h.Ref, Note: h.Note,
			Overwrite: true,
		})
	}
	for _, r := range Free(free, c.Range) {
		requests = append(requests, Request{
			Unit: c.Unit, Range: r, Type: Available, Origin: c.Origin, Actor: actor, Overwrite: true,
		})
	}
	slices.SortFunc(requests, func(a, b Request) int { return int(a.From - b.From) })
	return requests
}
