package reservations

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/site"
)

// A Row is days in a row that the website's table has as taken, both ends in it.
type Row struct {
	Unit string     `json:"unit"`
	From stays.Day  `json:"from"`
	To   stays.Day  `json:"to"`
	Type stays.Type `json:"type"`
}

// rows answers with what the table has from a day to another.
func (f *function) rows(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	from, err := stays.ParseDay(r.URL.Query().Get("from"))
	to, terr := stays.ParseDay(r.URL.Query().Get("to"))
	days := stays.Through(from, to)
	if err != nil || terr != nil || days.Days() < 1 || days.Days() > horizon {
		return web.NewProblem(http.StatusBadRequest, "from and to must be dates, YYYY-MM-DD, at most three years apart.", err)
	}
	table, _, err := f.open(r.Context())
	if err != nil {
		return tell(web.Unavailable(err))
	}
	units, err := f.Ledger.Units(r.Context(), nil)
	if err != nil {
		return tell(err)
	}
	spans, err := table.Spans(r.Context(), names(units), days)
	if err != nil {
		return tell(err)
	}
	list := make([]Row, len(spans))
	for i, s := range spans {
		list[i] = Row{s.Unit, s.From, s.Last(), s.Type}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

func names(units []ledger.Unit) []string {
	list := make([]string, len(units))
	for i, u := range units {
		list[i] = u.Unit
	}
	return list
}

// A Verification is what comparing the ledger with the website's table found, from today on.
type Verification struct {
	Units       int      `json:"units"`       // that were compared
	Days        int      `json:"days"`        // that were compared
	Pending     int      `json:"pending"`     // days that differ because their change is on its way
	Differences int      `json:"differences"` // days that differ otherwise
	Unknown     []string `json:"unknown"`     // units that the website does not have
	Differing   []Range  `json:"differing"`
	Repaired    int      `json:"repaired"` // days that were written as the ledger has them
}

// A Range is days in a row that differ in the same way, both ends in it.
type Range struct {
	Unit    string     `json:"unit"`
	From    stays.Day  `json:"from"`
	To      stays.Day  `json:"to"`
	Ledger  stays.Type `json:"ledger"`
	Table   stays.Type `json:"table"`
	Double  bool       `json:"double,omitempty"` // the table has more than one row for each
	Pending bool       `json:"pending,omitempty"`
}

// horizon is how many days are compared: bookings reach three years ahead.
const horizon = 3*366 + 31

func (f *function) verify(w http.ResponseWriter, r *http.Request) error {
	return f.compare(w, r, false)
}

func (f *function) repair(w http.ResponseWriter, r *http.Request) error { return f.compare(w, r, true) }

func (f *function) compare(w http.ResponseWriter, r *http.Request, repair bool) error {
	w.Header().Set("Cache-Control", "no-store")
	ctx := r.Context()
	table, settings, err := f.open(ctx)
	if err != nil {
		return tell(web.Unavailable(err))
	}
	today := stays.DayOf(f.Now().In(settings.Zone()))
	days := stays.Range{From: today, To: today + horizon}
	head, snapshot, err := f.Ledger.Snapshot(ctx, days)
	if err != nil {
		return tell(err)
	}
	units, err := f.Ledger.Units(ctx, nil)
	if err != nil {
		return tell(err)
	}
	found, err := table.Compare(ctx, names(units), snapshot, days)
	if err != nil {
		return tell(err)
	}
	v, err := f.judge(ctx, head, found)
	if err != nil {
		return tell(err)
	}
	if repair && len(v.Differing) > 0 {
		m := f.manner(settings)
		m.Force = true
		result, err := table.Apply(ctx, head.Epoch, v.within(snapshot), m)
		if err != nil {
			return tell(err)
		}
		if err := f.count(ctx, result.Healed); err != nil {
			return tell(err)
		}
		v.Repaired = result.Days
	}
	return web.WriteJSON(w, http.StatusOK, v)
}

// underWay is how long after its commit a change may be on its way to the table, once the relay has published it.
const underWay = 10 * time.Minute

// judge tells days with a pending change from days that are wrong.
func (f *function) judge(ctx context.Context, head ledger.Head, found site.Comparison) (v Verification, err error) {
	v = Verification{
		Units: found.Units, Days: found.Days, Unknown: append([]string{}, found.Unknown...), Differing: []Range{},
	}
	asked := make([]ledger.UnitDay, len(found.Differences))
	for i, d := range found.Differences {
		asked[i] = ledger.UnitDay{Unit: d.Unit, Day: d.Day}
	}
	newest, err := f.Ledger.Newest(ctx, asked)
	if err != nil {
		return v, err
	}
	cursor, err := f.Ledger.Cursor(ctx, ledger.DestinationSite)
	if err != nil && !errors.Is(err, ledger.ErrNoCursor) { // without one nothing was published
		return v, err
	}
	waiting, err := f.Ledger.Waiting(ctx)
	if err != nil {
		return v, err
	}
	pending := func(d site.Difference, n ledger.Mark) bool {
		published := cursor.Ledger == head.Ledger && n.Number <= cursor.Number
		waits := slices.ContainsFunc(waiting, func(w ledger.Waiting) bool { return w.Unit == d.Unit })
		onItsWay := !published || waits || calendar.Within(f.Now(), n.At, underWay)
		return d.Newer(head.Epoch, head.Number) || d.Older(head.Epoch, n.Number) && onItsWay
	}
	for i, d := range found.Differences {
		one := Range{d.Unit, d.Day, d.Day, d.Ledger, d.Table, d.Double, pending(d, newest[asked[i]])}
		if one.Pending {
			v.Pending++
		} else {
			v.Differences++
		}
		v.add(one)
	}
	return v, nil
}

// add adds a day to the range before it where it goes on.
func (v *Verification) add(d Range) {
	if n := len(v.Differing) - 1; n >= 0 {
		prev := v.Differing[n]
		if prev.To+1 == d.From {
			prev.From, prev.To = d.From, d.To
			if prev == d {
				v.Differing[n].To = d.To
				return
			}
		}
	}
	v.Differing = append(v.Differing, d)
}

// within are the parts of a snapshot on differing days. They have the snapshot's number, so that a later change is
// written by its own message.
func (v *Verification) within(snapshot []stays.Update) (list []stays.Update) {
	of := map[string][]stays.Update{}
	for _, u := range snapshot {
		of[u.Unit] = append(of[u.Unit], u)
	}
	for _, d := range v.Differing {
		for _, u := range of[d.Unit] {
			if part := u.Range().Clip(stays.Through(d.From, d.To)); part.Days() > 0 {
				u.From, u.To = part.From, part.Last()
				list = append(list, u)
			}
		}
	}
	return list
}
