package bookings

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// A Days is a run of days in answers, both ends in it.
type Days struct {
	From stays.Day  `json:"from"`
	To   stays.Day  `json:"to"`
	Type stays.Type `json:"type"`
}

func daysOf(r stays.Range, typ stays.Type) Days { return Days{r.From, r.Last(), typ} }

// A Hold is a run of days of a unit with what the caller may know of who holds it.
type Hold struct {
	Days

	Holder string `json:"holder"` // you, partner, owner, feed, staff or website
	Ref    string `json:"ref,omitempty"`
	Change int64  `json:"change"`
}

// hold is a hold as a partner sees it: its own with the reference.
func (c call) hold(h stays.Hold) Hold {
	v := Hold{Days: daysOf(h.Range, h.Type), Holder: h.Origin.Kind(), Change: h.Change}
	if h.Origin == c.partner.Origin() {
		v.Holder, v.Ref = "you", h.Ref
	}
	return v
}

// A Rule is what a unit asks of bookings that arrive from From to To.
type Rule struct {
	From     stays.Day `json:"from"`
	To       stays.Day `json:"to"`
	MinStay  int       `json:"min_stay,omitempty"`
	Arrivals []string  `json:"arrival_days,omitempty"` // monday to sunday
}

func weekdays(days []time.Weekday) []string {
	texts := make([]string, len(days))
	for i, d := range days {
		texts[i] = strings.ToLower(d.String())
	}
	return texts
}

// A UnitDays is what GET /units/{unit}/days answers.
type UnitDays struct {
	Unit  string    `json:"unit"`
	From  stays.Day `json:"from"`
	To    stays.Day `json:"to"`
	Held  []Hold    `json:"held"`
	Rules []Rule    `json:"rules"`
}

// A Changed is what PUT and DELETE answer.
type Changed struct {
	Change   int64      `json:"change"`
	Ledger   string     `json:"ledger"`
	Unit     string     `json:"unit"`
	From     stays.Day  `json:"from"`
	To       stays.Day  `json:"to"`
	Type     stays.Type `json:"type"`
	Repeated bool       `json:"repeated"` // the Idempotency-Key was known: nothing was changed now
}

// days answers with who holds a unit.
func (f *function) days(w http.ResponseWriter, c call) error {
	unit, days, err := c.unitDays()
	if err != nil {
		return err
	}
	if found, err := f.Ledger.Units(c.Context(), []string{unit}); err != nil {
		return err
	} else if len(found) == 0 {
		return notFound(unit)
	}
	holds, err := f.Ledger.Holds(c.Context(), unit, days)
	if err != nil {
		return err
	}
	rules, err := f.Ledger.Rules(c.Context(), []string{unit}, days)
	if err != nil {
		return err
	}
	v := UnitDays{Unit: unit, From: days.From, To: days.Last(), Held: []Hold{}, Rules: []Rule{}}
	for _, h := range holds {
		h.Range = h.Clip(days)
		v.Held = append(v.Held, c.hold(h))
	}
	for _, r := range rules[unit] {
		v.Rules = append(v.Rules, Rule{r.From, r.Last(), r.MinStay, weekdays(r.Arrivals)})
	}
	return web.WriteTagged(w, c.Request, v)
}

func notFound(unit string) error {
	return web.NewProblem(http.StatusNotFound,
		fmt.Sprintf("There is no unit %.40q, or it is not one of yours.", unit), nil)
}

// unitDays reads the unit and the days of an address. A unit that is not the partner's is as one that is not there.
func (c call) unitDays() (unit string, days stays.Range, err error) {
	unit = c.PathValue("unit")
	if !c.partner.Has(unit) {
		return unit, days, notFound(unit)
	}
	q, err := web.Query(c.Request, "from", "to", "replaces")
	if err != nil {
		return unit, days, err
	}
	days, err = request.Window(q)
	return unit, days, err
}

// order is a change of the partner's.
func (f *function) order(c call, unit string, days stays.Range, typ stays.Type) ledger.Order {
	return ledger.Order{Request: stays.Request{
		Unit: unit, Range: days, Type: typ, Origin: c.partner.Origin(),
		Overwrite: c.partner.Conflicts == ledger.ConflictsOverwrite,
	}}
}

// overwritten logs days that others lost; the ledger has noted whom to tell.
func (f *function) overwritten(ctx context.Context, c call, result ledger.Result) {
	lost := 0
	for _, h := range result.Before {
		if h.Origin != result.Origin {
			lost++
		}
	}
	if lost > 0 && !result.Again {
		slog.WarnContext(ctx, "days of others overwritten", slog.String("partner", c.partner.Name),
			slog.String("unit", result.Unit), slog.Int64("change", result.Number), slog.Int("holds", lost))
	}
}

// A Put is the body of PUT /units/{unit}/days.
type Put struct {
	Type     stays.Type `json:"type"`     // booked or unavailable
	Ref      string     `json:"ref"`      // the partner's own, given back to it
	Replaces []int64    `json:"replaces"` // changes of others whose days are taken
}

const mostText = 200 // characters of a reference or key

// put holds days.
func (f *function) put(w http.ResponseWriter, c call) error {
	var body Put
	if err := web.DecodeJSON(w, c.Request, &body); err != nil {
		return err
	}
	switch {
	case body.Type != stays.Booked && body.Type != stays.Unavailable:
		return web.NewProblem(http.StatusBadRequest,
			`The field "type" must be booked or unavailable; DELETE makes days available.`, nil)
	case !printable(body.Ref):
		return web.NewProblem(http.StatusBadRequest,
			fmt.Sprintf(`The field "ref" must be at most %d printable characters.`, mostText), nil)
	}
	return f.change(w, c, body)
}

// free makes days available.
func (f *function) free(w http.ResponseWriter, c call) error {
	body := Put{Type: stays.Available}
	for text := range strings.SplitSeq(c.URL.Query().Get("replaces"), ",") {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil {
			body.Replaces = append(body.Replaces, n)
		} else if text != "" {
			return web.NewProblem(http.StatusBadRequest, "The parameter replaces must be numbers, with commas.", nil)
		}
	}
	return f.change(w, c, body)
}

func printable(s string) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= mostText &&
		strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}

// mostReplaced is how many changes a request may name: a conflict has fewer.
const mostReplaced = 100

func (f *function) change(w http.ResponseWriter, c call, body Put) error {
	unit, days, err := c.unitDays()
	if err != nil {
		return err
	}
	if len(body.Replaces) > mostReplaced {
		return web.NewProblem(http.StatusBadRequest,
			fmt.Sprintf("replaces may name at most %d changes: those that the 409 has named.", mostReplaced), nil)
	}
	for _, name := range []string{"If-Match", "If-None-Match", "If-Unmodified-Since"} {
		if c.Header.Get(name) != "" { // to leave it out of account would change what the caller means to keep
			return web.NewProblem(http.StatusBadRequest,
				name+" has no meaning here: others' days are never changed unless replaces names their changes.", nil)
		}
	}
	o := f.order(c, unit, days, body.Type)
	o.Ref, o.Replaces, o.Rules, o.Today = body.Ref, body.Replaces, true, f.today(c.settings)
	if o.Key = c.Header.Get("Idempotency-Key"); !printable(o.Key) {
		return web.NewProblem(http.StatusBadRequest,
			fmt.Sprintf("The Idempotency-Key must be at most %d printable characters.", mostText), nil)
	}
	result, err := f.Ledger.Change(c.Context(), o)
	if err != nil {
		return problem(c, unit, err)
	}
	f.overwritten(c.Context(), c, result)
	return web.WriteJSON(w, http.StatusOK, Changed{
		result.Number, result.Ledger, result.Unit, result.From, result.Last(), result.Type, result.Again,
	})
}

// problem is what an error of the ledger, or of a rule, means to the caller.
func problem(c call, unit string, err error) error {
	var conflict *stays.Conflict
	var broken *stays.Broken
	switch {
	case errors.Is(err, ledger.ErrNoUnit):
		return notFound(unit)
	case errors.Is(err, ledger.ErrKeyTaken):
		p := web.NewProblem(http.StatusUnprocessableEntity,
			"The Idempotency-Key was used for another request: send a new one.", nil)
		p.Type = web.ProblemType + "key-taken"
		return p
	case errors.As(err, &conflict):
		held := make([]Hold, len(conflict.Holds))
		for i, h := range conflict.Holds {
			held[i] = c.hold(h)
		}
		p := web.NewProblem(http.StatusConflict,
			"Others hold these days. To take them all the same, name their changes in replaces.", nil)
		p.Extra = map[string]any{"conflicts": held}
		return p
	case errors.As(err, &broken):
		return brokenProblem(broken)
	}
	return err
}

func brokenProblem(b *stays.Broken) error {
	text := b.Error()
	p := web.NewProblem(http.StatusUnprocessableEntity, strings.ToUpper(text[:1])+text[1:]+".", nil)
	p.Type = web.ProblemType + strings.ReplaceAll(b.Code, "_", "-")
	switch b.Code {
	case stays.BrokenMinStay:
		p.Extra = map[string]any{"min_stay": b.MinStay}
	case stays.BrokenArrival:
		p.Extra = map[string]any{"arrival_days": weekdays(b.Arrivals)}
	default:
		p.Extra = map[string]any{"limit": b.Limit}
	}
	return p
}
