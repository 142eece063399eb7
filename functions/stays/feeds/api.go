package feeds

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// Bounds of answers.
const (
	mostUnits   = 500 // named in one call
	defaultPage = 500
	mostPage    = 2000
	mostDays    = 400
	mostNights  = 60
	mostGuests  = 100
)

// A Days is a run of days that are taken, both ends in it.
type Days struct {
	From stays.Day `json:"from"`
	To   stays.Day `json:"to"`
}

// A UnitDays is the days of a unit that are taken.
type UnitDays struct {
	Unit  string `json:"unit"`
	Taken []Days `json:"taken"`
}

// An Availability is what GET /calendars/v1/availability answers.
type Availability struct {
	From  stays.Day  `json:"from"`
	To    stays.Day  `json:"to"`
	Units []UnitDays `json:"units"`
	Next  string     `json:"next,omitempty"` // after, for the next page
}

// page are the units after a name, and where the next page begins.
func page(units []ledger.Unit, q url.Values) (_ []ledger.Unit, next string, err error) {
	limit, err := web.Number(q, "limit", defaultPage, 1, mostPage)
	if err != nil {
		return nil, "", err
	}
	after := q.Get("after")
	i := slices.IndexFunc(units, func(u ledger.Unit) bool { return u.Unit > after })
	if i < 0 {
		return nil, "", nil
	}
	if units = units[i:]; int64(len(units)) > limit {
		units = units[:limit]
		next = units[limit-1].Unit
	}
	return units, next, nil
}

// availability answers with the days from today on that are taken, of the units that are named or of all whose
// calendars are shown.
func (f *function) availability(w http.ResponseWriter, r *http.Request, settings *stays.Settings) error {
	q, err := web.Query(r, "unit", "from", "to", "after", "limit")
	if err != nil {
		return err
	}
	days, err := request.Window(q)
	if err != nil {
		return err
	}
	if days.Days() > mostDays || len(q["unit"]) > mostUnits {
		return web.NewProblem(http.StatusBadRequest, "At most 400 days and 500 named units are answered at once.", nil)
	}
	units, err := f.shown(r.Context())
	if err != nil {
		return err
	}
	if named := q["unit"]; named != nil {
		units = slices.DeleteFunc(units, func(u ledger.Unit) bool { return !slices.Contains(named, u.Unit) })
	}
	units, next, err := page(units, q)
	if err != nil {
		return err
	}
	v := Availability{From: days.From, To: days.Last(), Units: make([]UnitDays, len(units)), Next: next}
	days.From = min(max(days.From, stays.DayOf(f.Now().In(settings.Zone()))), days.To) // what is over is nobody's business
	at, ids := make(map[string]int, len(units)), make([]string, len(units))
	for i, u := range units {
		v.Units[i], at[u.Unit], ids[i] = UnitDays{u.Unit, []Days{}}, i, u.Unit
	}
	for s, err := range f.Ledger.Spans(r.Context(), ids, days) {
		if err != nil {
			return err
		}
		taken := &v.Units[at[s.Unit]].Taken
		if n := len(*taken) - 1; n >= 0 && (*taken)[n].To+1 == s.From { // what they are taken for is not said
			(*taken)[n].To = s.Last()
			continue
		}
		*taken = append(*taken, Days{s.From, s.Last()})
	}
	return web.WriteTagged(w, r, v)
}

// A Found is a unit that is free.
type Found struct {
	Unit     string `json:"unit"`
	Name     string `json:"name,omitempty"`
	Capacity int    `json:"capacity,omitempty"`
}

// A Search is what GET /calendars/v1/search answers.
type Search struct {
	Arrival   stays.Day `json:"arrival"`
	Departure stays.Day `json:"departure"`
	Guests    int64     `json:"guests,omitempty"`
	Units     []Found   `json:"units"`
	Next      string    `json:"next,omitempty"`
}

// search answers with the units that are free from the arrival on, the day of departure not counted, and whose rules
// allow the stay. Units that take fewer guests are left out, and those of which it is not known.
func (f *function) search(w http.ResponseWriter, r *http.Request, settings *stays.Settings) error {
	q, err := web.Query(r, "arrival", "departure", "guests", "after", "limit")
	if err != nil {
		return err
	}
	arrival, err1 := stays.ParseDay(q.Get("arrival"))
	departure, err2 := stays.ParseDay(q.Get("departure"))
	if err1 != nil || err2 != nil {
		return web.NewProblem(http.StatusBadRequest, "arrival and departure must be dates, YYYY-MM-DD.", nil)
	}
	guests, err := web.Number(q, "guests", 0, 1, mostGuests)
	if err != nil {
		return err
	}
	days := stays.Range{From: arrival, To: departure}
	if days.Days() < 1 || days.Days() > mostNights {
		return web.NewProblem(http.StatusBadRequest, "The departure must be 1 to 60 days after the arrival.", nil)
	}
	if arrival < stays.DayOf(f.Now().In(settings.Zone())) {
		return web.NewProblem(http.StatusBadRequest, "The arrival is in the past.", nil)
	}
	units, err := f.units(r.Context())
	if err != nil {
		return err
	}
	if units, err = f.free(r, units, days, int(guests)); err != nil {
		return err
	}
	units, next, err := page(units, q)
	if err != nil {
		return err
	}
	v := Search{Arrival: arrival, Departure: departure, Guests: guests, Units: make([]Found, len(units)), Next: next}
	for i, u := range units {
		v.Units[i] = Found{u.Unit, u.Name, u.Capacity}
	}
	return web.WriteTagged(w, r, v)
}

// free are those units that may be booked for days.
func (f *function) free(r *http.Request, units []ledger.Unit, days stays.Range, guests int) ([]ledger.Unit, error) {
	units = slices.DeleteFunc(slices.Clone(units), func(u ledger.Unit) bool {
		return !u.Uses().Searched() || u.Capacity < guests
	})
	ids := make([]string, len(units))
	for i, u := range units {
		ids[i] = u.Unit
	}
	taken := map[string]bool{}
	for s, err := range f.Ledger.Spans(r.Context(), ids, days) {
		if err != nil {
			return nil, err
		}
		taken[s.Unit] = true
	}
	rules, err := f.Ledger.Rules(r.Context(), ids, days)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(units, func(u ledger.Unit) bool {
		return taken[u.Unit] ||
			stays.CheckRules(rules[u.Unit], stays.Request{Unit: u.Unit, Range: days, Type: stays.Booked}) != nil
	}), nil
}
