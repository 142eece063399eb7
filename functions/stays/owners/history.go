package owners

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// shownChanges is how many changes a page of the history has.
const shownChanges = 50

// historyOf is which changes are shown.
type historyOf struct {
	unit   string // "": of all cottages
	before int64  // numbers below it; 0: the newest
}

// A historyView is a page of the history.
type historyView struct {
	Lines []historyLine
	Older string // address of the next page
}

// A historyLine is a change.
type historyLine struct {
	Number                      int64
	When, Who, Unit, Days, Type string
	Before                      []string
	Ref, Note, Undoes           string
	Path                        string
}

// history shows the changes of the owner's cottages, or of one of them.
func (f *function) history(w http.ResponseWriter, v *visit) error {
	q := v.URL.Query()
	which := historyOf{unit: q.Get("unit")}
	if which.unit != "" {
		if _, err := v.unit(which.unit); err != nil {
			return err
		}
	}
	if n, err := strconv.ParseInt(q.Get("before"), 10, 64); err == nil && n > 0 {
		which.before = n
	}
	return f.showHistory(w, v, http.StatusOK, which, v.saidAfter("done", "undone"))
}

func (f *function) showHistory(w http.ResponseWriter, v *visit, status int, which historyOf, said *said) error {
	p := v.page("nav.history")
	p.Said = said
	query := ledger.Query{Newest: true, Limit: shownChanges + 1, Units: []string{}}
	names := map[string]ledger.Unit{}
	for _, u := range p.Units {
		if which.unit == "" || which.unit == u.Unit {
			query.Units = append(query.Units, u.Unit)
			names[u.Unit] = u
		}
		if which.unit == u.Unit {
			p.Unit = &u
		}
	}
	if which.before > 1 {
		query.Through = which.before - 1
	}
	found, err := f.Ledger.Changes(v.Context(), query)
	if err != nil {
		return err
	}
	var body historyView
	if len(found) > shownChanges {
		found = found[:shownChanges]
		body.Older = "/owners/history?before=" + strconv.FormatInt(found[shownChanges-1].Number, 10)
		if which.unit != "" {
			body.Older += "&unit=" + which.unit
		}
	}
	for _, c := range found {
		body.Lines = append(body.Lines, v.change(c, names[c.Unit]))
	}
	p.Body = &body
	return f.send(w, status, "history", p)
}

// change is a line of the history.
func (v *visit) change(c stays.Change, u ledger.Unit) historyLine {
	l := historyLine{
		Number: c.Number, When: v.at(c.At), Who: v.by(c.Actor), Unit: u.Called(), Days: v.dates.Days(c.Range),
		Type: v.say("types."+string(c.Type), nil), Note: v.note(c.Note, c.Origin),
		Path: unitPath(u.Unit) + "?month=" + c.From.String()[:7],
	}
	if c.Ref != "" {
		l.Ref = v.say("hold.ref", map[string]string{"ref": c.Ref})
	}
	if c.Undoes != 0 {
		l.Undoes = v.say("history.undoes", map[string]string{"n": strconv.FormatInt(c.Undoes, 10)})
	}
	spans := make([]stays.Span, len(c.Before))
	for i, h := range c.Before {
		spans[i] = stays.Span{Unit: c.Unit, Range: h.Range, Type: h.Type}
		l.Before = append(l.Before, strings.Join([]string{
			v.dates.Days(h.Range), v.say("types."+string(h.Type), nil),
			v.by(h.Origin),
		}, ", "))
	}
	if len(stays.Free(spans, c.Range)) > 0 {
		l.Before = append(l.Before, v.say("types.available", nil))
	}
	return l
}
