package owners

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// Bounds of rules.
const (
	mostRules   = 50
	leastNights = 2
	mostNights  = 60
)

// A rulesView is the rules of a cottage, and the form for one more.
type rulesView struct {
	Rules []ruleLine
	Week  []almanac.Weekday

	From, To, Min string
	Arrivals      []time.Weekday
}

// Chosen reports whether a weekday was chosen in the form.
func (v *rulesView) Chosen(d time.Weekday) bool { return slices.Contains(v.Arrivals, d) }

// A ruleLine is a rule.
type ruleLine struct {
	From     stays.Day
	Days     string
	MinStay  string
	Arrivals string
}

// always is all days of which rules may speak.
var always = stays.Range{From: stays.Date(1900, time.January, 1), To: stays.Date(9999, time.January, 1)}

// rules shows the rules of a cottage.
func (f *function) rules(w http.ResponseWriter, v *visit) error {
	u, err := v.unit(v.PathValue("unit"))
	if err != nil {
		return err
	}
	return f.showRules(w, v, http.StatusOK, u, &rulesView{}, v.saidAfter("done", "done"))
}

func (f *function) showRules(
	w http.ResponseWriter, v *visit, status int, u ledger.Unit, body *rulesView, said *said,
) error {
	found, err := f.Ledger.Rules(v.Context(), []string{u.Unit}, always)
	if err != nil {
		return err
	}
	body.Week = v.dates.Week(v.firstDay())
	for _, r := range found[u.Unit] {
		l := ruleLine{From: r.From, Days: v.dates.Days(r.Range), Arrivals: v.say("rules.any", nil)}
		if r.MinStay > 1 {
			l.MinStay = v.say("nights", map[string]string{"n": strconv.Itoa(r.MinStay)})
		}
		var days []string
		for _, d := range body.Week {
			if slices.Contains(r.Arrivals, d.Weekday) {
				days = append(days, d.Name)
			}
		}
		if days != nil {
			l.Arrivals = strings.Join(days, ", ")
		}
		body.Rules = append(body.Rules, l)
	}
	p := v.page("nav.rules")
	p.Unit, p.Heading, p.Said, p.Body = &u, u.Called(), said, body
	return f.send(w, status, "rules", p)
}

// changeRules adds a rule, or removes the one that begins on a day.
func (f *function) changeRules(w http.ResponseWriter, v *visit) error {
	u, err := v.unit(v.PathValue("unit"))
	if err != nil {
		return err
	}
	if text := v.PostFormValue("remove"); text != "" {
		err = f.Ledger.EditRules(v.Context(), u.Unit, func(rules []stays.Rule) []stays.Rule {
			return slices.DeleteFunc(rules, func(r stays.Rule) bool { return r.From.String() == text })
		})
		if err != nil {
			return err
		}
		return back(w, unitPath(u.Unit)+"/rules?done=1")
	}
	full := false
	rule, body, err := v.rule()
	if err == nil {
		err = f.Ledger.EditRules(v.Context(), u.Unit, func(rules []stays.Rule) []stays.Rule {
			full = len(rules) >= mostRules
			if full {
				return rules
			}
			return append(rules, rule)
		})
	}
	if err == nil && full {
		err = v.refuse("rules.full", nil)
	}
	if errors.Is(err, ledger.ErrRules) {
		err = v.refuse("rules.overlap", nil)
	}
	if no, ok := errors.AsType[*refused](err); ok {
		return f.showRules(w, v, no.status, u, body, no.said())
	}
	if err != nil {
		return err
	}
	return back(w, unitPath(u.Unit)+"/rules?done=1")
}

// rule reads a rule from the form, and the form as it was filled in.
func (v *visit) rule() (r stays.Rule, body *rulesView, err error) {
	body = &rulesView{From: v.PostFormValue("from"), To: v.PostFormValue("to"), Min: v.PostFormValue("min")}
	for _, text := range v.PostForm["arrival"] {
		if n, err := strconv.Atoi(text); err == nil && n >= 0 && n < 7 && !body.Chosen(time.Weekday(n)) {
			body.Arrivals = append(body.Arrivals, time.Weekday(n))
		}
	}
	slices.Sort(body.Arrivals)
	r.Arrivals = body.Arrivals
	first, err := stays.ParseDay(body.From)
	if err != nil {
		return r, body, v.refuse("refused.date", nil)
	}
	last, err := stays.ParseDay(body.To)
	if err != nil {
		return r, body, v.refuse("refused.date", nil)
	}
	if last < first {
		return r, body, v.refuse("refused.order", nil)
	}
	r.Range = stays.Through(first, last)
	if body.Min != "" {
		r.MinStay, err = strconv.Atoi(body.Min)
	}
	if err != nil || body.Min != "" && (r.MinStay < leastNights || r.MinStay > mostNights) ||
		r.MinStay == 0 && len(r.Arrivals) == 0 {
		return r, body, v.refuse("rules.empty", nil)
	}
	return r, body, nil
}
