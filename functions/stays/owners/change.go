package owners

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// Bounds of a change.
const (
	mostNote     = 200  // characters
	mostReplaces = 1200 // changes: three years have fewer days
	mostKey      = 100
)

// A refused is why something was not done, in the owner's language.
type refused struct {
	status    int
	text      string
	conflicts []conflict
	confirm   int64
}

func (r *refused) Error() string { return r.text }

// said is what the page says of it.
func (r *refused) said() *said {
	s := &said{Text: r.text, Refused: true, Conflicts: r.conflicts, Confirm: r.confirm}
	numbers := make([]string, len(r.conflicts))
	for i, c := range r.conflicts {
		numbers[i] = strconv.FormatInt(c.Change, 10)
	}
	s.Replaces = strings.Join(numbers, ",")
	return s
}

// problem is what a script gets of it.
func (r *refused) problem() error {
	p := web.NewProblem(r.status, r.text, nil)
	if r.conflicts != nil {
		p.Extra = map[string]any{"conflicts": r.conflicts}
	}
	return p
}

// refuse is a refusal with a text of the catalogue.
func (v *visit) refuse(id string, params map[string]string) error {
	return &refused{status: http.StatusUnprocessableEntity, text: v.say(id, params)}
}

// request reads a change from a form.
func (v *visit) request(unit string) (r stays.Request, err error) {
	r = stays.Request{Unit: unit, Origin: v.origin(), Type: stays.Type(v.PostFormValue("type"))}
	var ends [2]stays.Day
	for i, name := range []string{"from", "to"} {
		if ends[i], err = stays.ParseDay(v.PostFormValue(name)); err != nil {
			return r, v.refuse("refused.date", nil)
		}
	}
	r.Range = stays.Through(ends[0], ends[1])
	r.Note = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, strings.TrimSpace(v.PostFormValue("note")))
	switch {
	case ends[1] < ends[0]:
		return r, v.refuse("refused.order", nil)
	case !r.Type.Known():
		return r, v.refuse("refused.type", nil)
	case !utf8.ValidString(r.Note) || utf8.RuneCountInString(r.Note) > mostNote:
		return r, v.refuse("refused.note", nil)
	}
	for text := range strings.SplitSeq(v.PostFormValue("replaces"), ",") {
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && len(r.Replaces) < mostReplaces {
			r.Replaces = append(r.Replaces, n)
		}
	}
	return r, nil
}

// change makes a change for the owner. The key is of the form that was filled in: sent twice, it changes once.
func (f *function) change(v *visit, r stays.Request, key string) (ledger.Result, error) {
	o := ledger.Order{Request: r, Today: v.today}
	if key != "" && len(key) <= mostKey && utf8.ValidString(key) && !strings.ContainsRune(key, 0) {
		text, _ := json.Marshal(r)
		sum := sha256.Sum256(text)
		o.Key = key + " " + hex.EncodeToString(sum[:8])
	}
	result, err := f.Ledger.Change(v.Context(), o)
	var taken *stays.Conflict
	var broken *stays.Broken
	switch {
	case errors.As(err, &taken):
		return result, v.taken(taken)
	case errors.As(err, &broken):
		id := "refused.past"
		if broken.Code == stays.BrokenFuture {
			id = "refused.too_far"
		}
		return result, v.refuse(id, map[string]string{"limit": v.dates.Date(broken.Limit)})
	}
	return result, v.passing(err)
}

// taken names those who hold the days.
func (v *visit) taken(c *stays.Conflict) error {
	r := &refused{status: http.StatusConflict, text: v.say("conflict.lead", nil)}
	for _, h := range c.Holds {
		l := v.line(h, "")
		text := l.Days + ": " + l.Type + ", " + l.Who
		if l.Ref != "" {
			text += ", " + l.Ref
		}
		r.conflicts = append(r.conflicts, conflict{text, h.Change})
	}
	return r
}

// passing is a refusal for a database that cannot be asked just now.
func (v *visit) passing(err error) error {
	id := "refused.unreachable"
	switch {
	case errors.Is(err, sqldb.ErrUnknown) || errors.Is(err, context.DeadlineExceeded):
		id = "refused.unknown"
	case !errors.Is(err, sqldb.ErrUnreachable):
		return err
	}
	return &refused{status: http.StatusServiceUnavailable, text: v.say(id, nil)}
}

// A changed is what a script gets of a change.
type changed struct {
	Text   string `json:"text"`
	Change int64  `json:"change"`
}

// changeDays changes days of a cottage, and says so on its page, or to the script.
func (f *function) changeDays(w http.ResponseWriter, v *visit) error {
	u, err := v.unit(v.PathValue("unit"))
	if err != nil {
		return err
	}
	r, err := v.request(u.Unit)
	var result ledger.Result
	if err == nil {
		result, err = f.change(v, r, v.PostFormValue("key"))
	}
	var no *refused
	switch {
	case errors.As(err, &no) && wantsJSON(v.Request):
		return no.problem()
	case errors.As(err, &no):
		return f.refusedMonth(w, v, u, r, no)
	case err != nil:
		return err
	case wantsJSON(v.Request):
		return web.WriteJSON(w, http.StatusOK, changed{v.savedText(u, result.Change), result.Number})
	}
	return back(w, fmt.Sprintf("%s?month=%s&done=%d", unitPath(u.Unit), result.From.String()[:7], result.Number))
}

// savedText says what a change has made of days.
func (v *visit) savedText(u ledger.Unit, c stays.Change) string {
	return v.say("saved", map[string]string{
		"unit": u.Called(), "days": v.dates.Days(c.Range), "type": v.say("types."+string(c.Type), nil),
	})
}

// refusedMonth shows the month with what was typed, and why it was not done.
func (f *function) refusedMonth(w http.ResponseWriter, v *visit, u ledger.Unit, r stays.Request, no *refused) error {
	days, form := v.chosen(v.PostFormValue("from"), v.PostFormValue("to"))
	form.From, form.To = v.PostFormValue("from"), v.PostFormValue("to")
	form.Type, form.Note = r.Type, v.PostFormValue("note")
	form.Month, form.Action = monthOf(v.PostFormValue("month"), days, v.today), unitPath(u.Unit)+"/days"
	g, err := f.readMonth(v, u, form.Month, days)
	if err != nil {
		return err
	}
	return f.showMonth(w, v, no.status, u, g, form, no.said())
}

// done is what the page says of a change that was just made.
func (f *function) done(v *visit, number string) (*said, error) {
	n, _ := strconv.ParseInt(number, 10, 64)
	if n < 1 {
		return nil, nil //nolint:nilnil // nothing was done
	}
	c, u, err := f.ownChange(v, n)
	if err != nil || c.Actor != v.origin() {
		return nil, unlessMissing(err)
	}
	later, err := f.Ledger.Later(v.Context(), c)
	if err != nil || later > 0 { // it was undone since, and the browser has gone back
		return nil, err
	}
	return &said{Text: v.savedText(u, c), Undo: c.Number}, nil
}

// unlessMissing is an error, unless it says that there is nothing of the kind.
func unlessMissing(err error) error {
	if p, ok := errors.AsType[*web.Problem](err); ok && p.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// ownChange is a change of one of the owner's cottages; any other is as one that is not there.
func (f *function) ownChange(v *visit, number int64) (c stays.Change, u ledger.Unit, err error) {
	found, err := f.Ledger.Changes(v.Context(), ledger.Query{After: number - 1, Through: number, Limit: 1})
	if err != nil {
		return c, u, err
	}
	if len(found) == 0 {
		return c, u, web.NewProblem(http.StatusNotFound, "There is no such change.", nil)
	}
	u, err = v.unit(found[0].Unit)
	return found[0], u, err
}

// undo takes a change back. One of somebody else is taken back only where the owner has been told whose it is.
func (f *function) undo(w http.ResponseWriter, v *visit) error {
	n, err := strconv.ParseInt(v.PathValue("seq"), 10, 64)
	if err != nil || n < 1 {
		return web.NewProblem(http.StatusNotFound, "There is no such change.", err)
	}
	c, u, err := f.ownChange(v, n)
	if err != nil {
		return err
	}
	err = f.takeBack(v, c)
	var no *refused
	switch {
	case errors.As(err, &no) && wantsJSON(v.Request):
		return no.problem()
	case errors.As(err, &no):
		return f.showHistory(w, v, no.status, historyOf{}, no.said())
	case err != nil:
		return err
	case wantsJSON(v.Request):
		return web.WriteJSON(w, http.StatusOK, changed{Text: v.say("undone", nil)})
	case v.PostFormValue("history") != "":
		return back(w, "/owners/history?done=1")
	}
	return back(w, unitPath(u.Unit)+"?month="+almanac.MonthOf(c.From).From.String()[:7]+"&undone=1")
}

func (f *function) takeBack(v *visit, c stays.Change) error {
	if c.Actor != v.origin() && v.PostFormValue("confirm") == "" {
		return &refused{
			status: http.StatusConflict, text: v.say("refused.theirs", map[string]string{"who": v.by(c.Actor)}),
			confirm: c.Number,
		}
	}
	_, err := f.Ledger.Undo(v.Context(), c.Number, v.origin())
	if _, ok := errors.AsType[*ledger.ChangedSince](err); ok {
		return &refused{status: http.StatusConflict, text: v.say("refused.since", nil)}
	}
	return v.passing(err)
}
