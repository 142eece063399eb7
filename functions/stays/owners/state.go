package owners

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A stateView is what the cottages' calendars are used for.
type stateView struct {
	Units   []stateUnit
	States  []stays.State // that an owner may choose
	Preset  stays.State
	Blocked bool
	History []stateLine
}

type stateUnit struct {
	ledger.Unit

	Name    string
	State   stays.State
	Updated string
	Staff   bool // the association has blocked it
}

type stateLine struct{ Text, Days string }

// state shows what the cottages' calendars are used for.
func (f *function) state(w http.ResponseWriter, v *visit) error {
	return f.showState(w, v, http.StatusOK, v.saidAfter("done", "done"))
}

func (f *function) showState(w http.ResponseWriter, v *visit, status int, said *said) error {
	body := &stateView{States: []stays.State{stays.Active, stays.Search, stays.Off}}
	ids := make([]string, len(v.units))
	for i, u := range v.units {
		ids[i] = u.Unit
	}
	log, err := f.Ledger.States(v.Context(), ids)
	if err != nil {
		return err
	}
	seen, err := f.Ledger.Seen(v.Context(), ids, v.settings.PartnersUpdate())
	if err != nil {
		return err
	}
	for _, u := range v.units {
		s := stateUnit{Unit: u, Name: u.Called(), State: u.Uses()}
		if t, ok := seen[u.Unit]; ok {
			s.Updated = v.at(t)
		}
		i := slices.IndexFunc(log, func(c ledger.StateChange) bool { return c.Unit == u.Unit })
		s.Staff = s.State == stays.Blocked && i >= 0 && log[i].Actor == stays.Staff
		body.Blocked = body.Blocked || s.State == stays.Blocked && !s.Staff
		if body.Preset == "" && u.Published && s.State != stays.Blocked { // as that of the first published one
			body.Preset = s.State
		}
		body.Units = append(body.Units, s)
	}
	for _, c := range log {
		body.History = append(body.History, v.stateChange(c))
	}
	p := v.page("nav.state")
	p.Said, p.Body = said, body
	return f.send(w, status, "state", p)
}

func (v *visit) stateChange(c ledger.StateChange) (l stateLine) {
	i := slices.IndexFunc(v.units, func(u ledger.Unit) bool { return u.Unit == c.Unit })
	l.Text = v.say("state.line", map[string]string{
		"unit": v.units[i].Called(), "state": v.say("state."+string(c.State), nil), "at": v.at(c.At), "who": v.by(c.Actor),
	})
	if !c.Until.IsZero() {
		const day = 24
		l.Days = v.say("state.days", map[string]string{"n": strconv.Itoa(int(c.Until.Sub(c.At).Hours() / day))})
	}
	return l
}

// changeState sets one state for the chosen cottages: all of them, also unpublished ones, unless the owner takes some
// out.
func (f *function) changeState(w http.ResponseWriter, v *visit) error {
	state := stays.State(v.PostFormValue("state"))
	var ids []string
	for _, u := range v.units {
		if slices.Contains(v.PostForm["unit"], u.Unit) {
			ids = append(ids, u.Unit)
		}
	}
	err := v.refuse("state.choose", nil)
	if state.Known() && len(ids) > 0 && len(ids) == len(v.PostForm["unit"]) {
		err = f.Ledger.SetState(v.Context(), ids, state, v.origin())
	}
	if errors.Is(err, ledger.ErrBlocked) {
		err = v.refuse("state.staff", nil)
	}
	if no, ok := errors.AsType[*refused](err); ok {
		return f.showState(w, v, no.status, no.said())
	}
	if err != nil {
		return err
	}
	return back(w, "/owners/state?done=1")
}
