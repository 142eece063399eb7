package bookings

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// Bounds of a page.
const (
	defaultPage = 500
	mostPage    = 2000
	fewUnits    = 100
)

// A Unit is a unit in answers.
type Unit struct {
	Unit     string `json:"unit"`
	Name     string `json:"name,omitempty"`
	Capacity int    `json:"capacity,omitempty"`
	Listed   bool   `json:"listed"`
}

// A Units is what GET /units answers.
type Units struct {
	Units []Unit `json:"units"`
	Next  string `json:"next,omitempty"` // after, for the next page
}

// An Availability is what GET /availability answers.
type Availability struct {
	From  stays.Day     `json:"from"`
	To    stays.Day     `json:"to"`
	Units []UnitSummary `json:"units"`
	Next  string        `json:"next,omitempty"`
}

// A UnitSummary is the days on which a unit is not free.
type UnitSummary struct {
	Unit string `json:"unit"`
	Held []Days `json:"held"`
}

// A Change is a line of the log in answers.
type Change struct {
	Change int64      `json:"change"`
	Unit   string     `json:"unit"`
	From   stays.Day  `json:"from"`
	To     stays.Day  `json:"to"`
	Type   stays.Type `json:"type"`
	Holder string     `json:"holder"` // who holds the days now, or has freed them
	Ref    string     `json:"ref,omitempty"`
	At     time.Time  `json:"at"`
}

// A Changes is what GET /changes answers.
type Changes struct {
	Ledger  string   `json:"ledger"`
	Changes []Change `json:"changes"`
	Last    int64    `json:"last"` // after, for the next call
	More    bool     `json:"more"` // there are more already
}

// page are the partner's units after a name, and where the next page begins.
func (f *function) page(c call, q url.Values) (units []ledger.Unit, next string, err error) {
	limit, err := web.Number(q, "limit", defaultPage, 1, mostPage)
	if err != nil {
		return nil, "", err
	}
	units, err = f.Ledger.UnitsAfter(c.Context(), c.visible(q["unit"]), q.Get("after"), int(limit)+1)
	if err != nil || int64(len(units)) <= limit {
		return units, "", err
	}
	units = units[:limit]
	return units, units[limit-1].Unit, nil
}

// units answers with the partner's units.
func (f *function) units(w http.ResponseWriter, c call) error {
	q, err := web.Query(c.Request, "after", "limit")
	if err != nil {
		return err
	}
	units, next, err := f.page(c, q)
	if err != nil {
		return err
	}
	v := Units{Units: []Unit{}, Next: next}
	for _, u := range units {
		v.Units = append(v.Units, Unit{u.Unit, u.Name, u.Capacity, u.Listed})
	}
	return web.WriteTagged(w, c.Request, v)
}

// availability answers with the days on which units are not free: of those that are named, or of all.
func (f *function) availability(w http.ResponseWriter, c call) error {
	q, err := web.Query(c.Request, "unit", "from", "to", "after", "limit")
	if err != nil {
		return err
	}
	days, err := request.Window(q)
	if err != nil {
		return err
	}
	units, next, err := f.page(c, q)
	if err != nil {
		return err
	}
	v := Availability{From: days.From, To: days.Last(), Units: make([]UnitSummary, len(units)), Next: next}
	at, ids := make(map[string]int, len(units)), make([]string, len(units))
	for i, u := range units {
		v.Units[i], at[u.Unit], ids[i] = UnitSummary{u.Unit, []Days{}}, i, u.Unit
	}
	if c.partner.All && len(ids) > fewUnits {
		ids = nil // others are read over, which is quicker than to look each up
	}
	for s, err := range f.Ledger.Spans(c.Context(), ids, days) {
		if err != nil {
			return err
		}
		if i, shown := at[s.Unit]; shown {
			v.Units[i].Held = append(v.Units[i].Held, daysOf(s.Range, s.Type))
		}
	}
	return web.WriteTagged(w, c.Request, v)
}

// waiting is how many requests of each partner wait for a change.
type waiting struct {
	mu    sync.Mutex
	count map[string]int
}

// mostWaiting is how many requests of a partner may wait.
const mostWaiting = 4

func (l *waiting) begin(partner string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count[partner] >= mostWaiting {
		return false
	}
	if l.count == nil {
		l.count = map[string]int{}
	}
	l.count[partner]++
	return true
}

func (l *waiting) end(partner string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count[partner]--
}

// errOtherLedger is a cursor of a ledger that is no more.
var errOtherLedger = &web.Problem{
	Type: web.ProblemType + "other-ledger", Title: http.StatusText(http.StatusConflict), Status: http.StatusConflict,
	Detail: "The ledger was restored from a backup, and its numbers begin anew: read all availability, and then changes " +
		"from the newest number on.",
}

// changes answers with the log after a number. Beyond the newest it is empty; with wait it waits for a change.
func (f *function) changes(w http.ResponseWriter, c call) error {
	q, err := web.Query(c.Request, "after", "limit", "wait", "ledger")
	if err != nil {
		return err
	}
	after, err := web.Number(q, "after", 0, 0, 1<<53)
	if err != nil {
		return err
	}
	limit, err := web.Number(q, "limit", defaultPage, 1, mostPage)
	if err != nil {
		return err
	}
	wait, err := web.Number(q, "wait", 0, 0, 25)
	if err != nil {
		return err
	}
	patience := min(time.Duration(wait)*time.Second, f.Wait)
	if patience > 0 {
		if !f.waits.begin(c.partner.Name) {
			return web.TooMany(w, time.Second, fmt.Sprintf("%d of your requests wait already.", mostWaiting))
		}
		defer f.waits.end(c.partner.Name)
	}
	v, err := f.changesWithin(c, ledger.Query{After: after, Units: c.visible(nil), Limit: int(limit) + 1}, patience)
	if err != nil {
		return err
	}
	if id := q.Get("ledger"); id != "" && id != v.Ledger {
		return errOtherLedger
	}
	return web.WriteTagged(w, c.Request, v)
}

// lookEvery is how often a request that waits looks for changes of other processes.
const lookEvery = time.Second

// changesWithin reads the log, again and again until there is something or the time is over.
func (f *function) changesWithin(c call, q ledger.Query, patience time.Duration) (Changes, error) {
	ctx, cancel := context.WithTimeout(c.Context(), patience)
	defer cancel()
	for {
		news := f.Ledger.News()
		v, err := f.read(c, q)
		if err != nil || len(v.Changes) > 0 || ctx.Err() != nil {
			return v, err
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
		case <-news:
		case <-timer.C:
		}
		timer.Stop()
	}
}

func (f *function) read(c call, q ledger.Query) (v Changes, err error) {
	head, err := f.Ledger.Head(c.Context())
	if err != nil {
		return v, err
	}
	found, err := f.Ledger.Changes(c.Context(), q)
	if err != nil {
		return v, err
	}
	v = Changes{Ledger: head.Ledger, Changes: []Change{}, Last: q.After}
	if v.More = len(found) == q.Limit; v.More {
		found = found[:q.Limit-1]
	}
	for _, change := range found {
		v.Last = change.Number
		line := Change{
			Change: change.Number, Unit: change.Unit, From: change.From, To: change.Last(), Type: change.Type,
			Holder: change.Origin.Kind(), At: change.At,
		}
		switch own := c.partner.Origin(); {
		case change.Origin == own && change.Actor == own:
			line.Holder, line.Ref = "you", change.Ref
		case change.Origin == own: // somebody took it back, or brought it back
			line.Holder, line.Ref = change.Actor.Kind(), change.Ref
		}
		v.Changes = append(v.Changes, line)
	}
	// Numbers of units that are not the partner's need not be read again.
	if !v.More {
		v.Last = max(v.Last, head.Number)
	}
	return v, nil
}
