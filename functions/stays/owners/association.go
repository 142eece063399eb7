package owners

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// What the association's own calendar page asks for, in the form of gites.calendar.

// oldTypes are the types of that page.
var oldTypes = map[string]stays.Type{"loue": stays.Booked, "indisp": stays.Unavailable, "libre": stays.Available}

// oldType is a type in its words.
func oldType(t stays.Type) string {
	for name, typ := range oldTypes {
		if typ == t {
			return name
		}
	}
	return ""
}

// selected is what GET /selectedDays answers: the days that are taken and, to their owner, what each is.
type selected struct {
	Rented []stays.Day `json:"rented"`
	Type   []string    `json:"type,omitempty"`
}

// writeOld answers in the content type that the page expects.
func writeOld(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/x-json; charset=utf-8")
	_, err = w.Write(data)
	return err
}

// mostMonths is how many months may be asked for at once.
const mostMonths = 36

// selectedDays answers with the days of a cottage that are taken: to anybody those of some months from today on, to its
// owner all.
func (f *function) selectedDays(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if q.Get("year") == "" && q.Get("month") == "" && q.Get("range") == "" {
		return f.ownDays(w, r)
	}
	settings, err := f.load(r.Context())
	if err != nil {
		return err
	}
	if wait := f.read.Take(web.ClientAddress(r, settings.Proxies())); wait > 0 {
		return web.TooMany(w, wait, "There are too many requests from your address.")
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	u, err := f.onSite(r)
	year, err1 := strconv.Atoi(q.Get("year"))
	month, err2 := strconv.Atoi(q.Get("month"))
	n, err3 := strconv.Atoi(q.Get("range"))
	if errors.Join(err1, err2, err3) != nil || q.Get("hebPk") == "" {
		return writeOld(w, selected{Rented: []stays.Day{}})
	}
	if err != nil {
		return err
	}
	const firstYear, lastYear, months = 1900, 9000, 12
	if year < firstYear || year > lastYear || month < 1 || month > months || n < 1 || n > mostMonths {
		return web.NewProblem(http.StatusBadRequest, "year, month and range must be a year, a month from 1 to 12, and a "+
			"number of months from 1 to 36.", nil)
	}
	return f.takenDays(w, r, u, monthsFrom(year, month, n, stays.DayOf(f.Now().In(settings.Zone()))), false)
}

// monthsFrom is n months from one on, or as many from today on where that is later.
func monthsFrom(year, month, n int, today stays.Day) stays.Range {
	first := max(stays.Date(year, time.Month(month), 1), today)
	return stays.Range{From: first, To: stays.DayOf(first.Time().AddDate(0, n, 0))}
}

// onSite is the cottage of hebPk, if the public may see it.
func (f *function) onSite(r *http.Request) (ledger.Unit, error) {
	missing := web.NewProblem(http.StatusNotFound, "There is no such cottage.", nil)
	pk, err := strconv.ParseInt(r.FormValue("hebPk"), 10, 64)
	if err != nil || pk < 1 {
		return ledger.Unit{}, missing
	}
	units, err := f.Ledger.UnitsOnSite(r.Context(), pk)
	switch {
	case err != nil:
		return ledger.Unit{}, request.Unavailable(err)
	case len(units) == 0 || !units[0].Published || !units[0].Listed || units[0].Uses() != stays.Active:
		return ledger.Unit{}, missing
	}
	if units[0].Owner != 0 {
		o, err := f.Ledger.Owner(r.Context(), units[0].Owner)
		if err != nil {
			return ledger.Unit{}, request.Unavailable(err)
		}
		if !o.Active {
			return ledger.Unit{}, missing
		}
	}
	return units[0], nil
}

// takenDays answers with the days of a range that are taken.
func (f *function) takenDays(
	w http.ResponseWriter, r *http.Request, u ledger.Unit, days stays.Range, typed bool,
) error {
	answer := selected{Rented: []stays.Day{}}
	for s, err := range f.Ledger.Spans(r.Context(), []string{u.Unit}, days) {
		if err != nil {
			return request.Unavailable(err)
		}
		for d := range s.Each() {
			answer.Rented = append(answer.Rented, d)
			if typed {
				answer.Type = append(answer.Type, oldType(s.Type))
			}
		}
	}
	return writeOld(w, answer)
}

// ownVisit is a visit by the association's page, and the cottage of hebPk, which must be the owner's.
func (f *function) ownVisit(w http.ResponseWriter, r *http.Request) (*visit, ledger.Unit, error) {
	w.Header().Set("Cache-Control", "no-store")
	v, err := f.visit(w, r)
	if errors.Is(err, pages.ErrNoSession) {
		return nil, ledger.Unit{}, signedOut()
	}
	if err != nil {
		return nil, ledger.Unit{}, err
	}
	pk, _ := strconv.ParseInt(r.FormValue("hebPk"), 10, 64)
	for _, u := range v.units {
		if pk > 0 && u.Site == pk {
			u, err := v.unit(u.Unit)
			return v, u, err
		}
	}
	_, err = v.unit("")
	return nil, ledger.Unit{}, err
}

// ownDays answers its owner with all days of a cottage that are taken.
func (f *function) ownDays(w http.ResponseWriter, r *http.Request) error {
	_, u, err := f.ownVisit(w, r)
	if err != nil {
		return err
	}
	return f.takenDays(w, r, u, always, true)
}

// addRange changes days of a cottage from start to end, both in it.
func (f *function) addRange(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, web.MaxBody)
	v, u, err := f.ownVisit(w, r)
	if err != nil {
		return err
	}
	typ, known := oldTypes[r.FormValue("type")]
	start, err1 := stays.ParseDay(r.FormValue("start"))
	end, err2 := stays.ParseDay(r.FormValue("end"))
	switch {
	case !known:
		return web.NewProblem(http.StatusBadRequest, "type must be loue, indisp or libre.", nil)
	case errors.Join(err1, err2) != nil || end < start:
		return web.NewProblem(http.StatusBadRequest, "start and end must be dates, YYYY-MM-DD, start not after end.", nil)
	}
	result, err := f.change(v, stays.Request{
		Unit: u.Unit, Range: stays.Through(start, end), Type: typ, Origin: v.origin(),
	}, "")
	if no, ok := errors.AsType[*refused](err); ok {
		return no.problem()
	}
	if err != nil {
		return err
	}
	return writeOld(w, changed{v.savedText(u, result.Change), result.Number})
}

// addRangeByGet says how a page must call: an image on any page could otherwise change days.
func (f *function) addRangeByGet(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Allow", http.MethodPost)
	return web.NewProblem(http.StatusMethodNotAllowed, "addRange changes days, so it takes POST: in the page's script, "+
		"jQuery.get(\"addRange\", …) becomes jQuery.post(\"addRange\", …).", nil)
}
