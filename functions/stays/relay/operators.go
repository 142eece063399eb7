package relay

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A Status is what GET /status answers.
type Status struct {
	Ledger   string     `json:"ledger"`
	Number   int64      `json:"number"`   // of the newest change
	At       *time.Time `json:"at"`       // of the newest change; null: none
	Units    int        `json:"units"`    // those that were entered
	Unlisted []string   `json:"unlisted"` // those that only a partner has named: enter or correct them
	Partners int        `json:"partners"`
	Untold   []Untold   `json:"untold"` // pending notices of overwrites and of days that came back
	Mail     bool       `json:"mail"`   // there is a mailbox
	Zone     string     `json:"time_zone"`

	Destinations []Destination `json:"destinations"`
	Missing      []Missing     `json:"missing"` // units that the website does not have
	Healed       int64         `json:"healed"`  // rows too many that were removed from the website's table
	Replaces     string        `json:"replaces"`
	Broker       bool          `json:"broker"` // the settings name one
	Site         bool          `json:"site"`   // the settings name the website's database
}

// Untold is a pending notice: days that were taken from somebody, or given back.
type Untold struct {
	Seq   int64  `json:"seq"`
	Kind  string `json:"kind"` // overwritten or restored
	Holds []Hold `json:"holds"`
}

// A Hold is held days in operators' answers, both ends in it.
type Hold struct {
	Unit   string       `json:"unit"`
	From   stays.Day    `json:"from"`
	To     stays.Day    `json:"to"`
	Type   stays.Type   `json:"type"`
	Origin stays.Origin `json:"origin"`
	Ref    string       `json:"ref,omitempty"`
	Note   string       `json:"note,omitempty"`
	Seq    int64        `json:"seq"`
	At     time.Time    `json:"at"`
}

// HoldOf is a hold in operators' answers.
func HoldOf(h stays.Hold) Hold {
	return Hold{h.Unit, h.From, h.Last(), h.Type, h.Origin, h.Ref, h.Note, h.Change, h.At}
}

// A Change is a line of the log.
type Change struct {
	Seq    int64        `json:"seq"`
	Unit   string       `json:"unit"`
	From   stays.Day    `json:"from"`
	To     stays.Day    `json:"to"`
	Type   stays.Type   `json:"type"`
	Origin stays.Origin `json:"origin"`
	Actor  stays.Origin `json:"actor"`
	At     time.Time    `json:"at"`
	Ref    string       `json:"ref,omitempty"`
	Note   string       `json:"note,omitempty"`
	Undoes int64        `json:"undoes,omitempty"`
	Before []Hold       `json:"before,omitempty"` // what the days held
}

// ChangeOf is a change in operators' answers.
func ChangeOf(c stays.Change) Change {
	v := Change{
		Seq: c.Number, Unit: c.Unit, From: c.From, To: c.Last(), Type: c.Type, Origin: c.Origin, Actor: c.Actor, At: c.At,
		Ref: c.Ref, Note: c.Note, Undoes: c.Undoes,
	}
	for _, h := range c.Before {
		v.Before = append(v.Before, HoldOf(h))
	}
	return v
}

func (f *function) status(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return err
	}
	v := Status{
		Ledger: head.Ledger, Number: head.Number, Unlisted: []string{}, Untold: []Untold{}, Mail: settings.SMTP != nil,
		Zone: settings.Zone().String(), Destinations: []Destination{}, Missing: []Missing{}, Replaces: settings.Stands(),
		Broker: settings.Broker != nil, Site: settings.SiteDSN != "",
	}
	if err := f.delivery(ctx, settings, head, &v); err != nil {
		return err
	}
	newest, err := f.Ledger.Changes(ctx, ledger.Query{Newest: true, Limit: 1})
	if err != nil {
		return err
	}
	for _, c := range newest {
		v.At = &c.At
	}
	units, err := f.Ledger.Units(ctx, nil)
	if err != nil {
		return err
	}
	for _, u := range units {
		if u.Listed {
			v.Units++
		} else {
			v.Unlisted = append(v.Unlisted, u.Unit)
		}
	}
	partners, err := f.Ledger.Partners(ctx)
	if err != nil {
		return err
	}
	for _, p := range partners {
		if p.Revoked.IsZero() {
			v.Partners++
		}
	}
	notices, err := f.Ledger.Notices(ctx)
	if err != nil {
		return err
	}
	for i, n := range notices {
		if i > 0 && notices[i-1].Change == n.Change && notices[i-1].Kind == n.Kind { // one for each receiver
			continue
		}
		u := Untold{Seq: n.Change, Kind: n.Kind, Holds: []Hold{}}
		for _, h := range n.Holds {
			u.Holds = append(u.Holds, HoldOf(h))
		}
		v.Untold = append(v.Untold, u)
	}
	return web.WriteJSON(w, http.StatusOK, v)
}

// MostChanges is how many changes an answer has, unless the caller asks for fewer.
const MostChanges = 1000

// changes answers with the newest changes, in the order of their numbers.
func (f *function) changes(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	query := ledger.Query{Origin: q.Get("origin"), Limit: MostChanges, Newest: true}
	if unit := q.Get("unit"); unit != "" {
		query.Units = []string{unit}
	}
	if text := q.Get("since"); text != "" {
		since, err := f.since(r, text)
		if err != nil {
			return err
		}
		query.Since = since
	}
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MostChanges {
			return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("limit must be from 1 to %d.", MostChanges), nil)
		}
		query.Limit = n
	}
	found, err := f.Ledger.Changes(r.Context(), query)
	if err != nil {
		return err
	}
	list := make([]Change, len(found))
	for i, c := range found {
		list[len(found)-1-i] = ChangeOf(c)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// since reads an instant, or a date at the cottages.
func (f *function) since(r *http.Request, text string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return time.Time{}, web.Unavailable(err)
	}
	t, err := time.ParseInLocation(time.DateOnly, text, settings.Zone())
	if err != nil {
		return t, web.NewProblem(http.StatusBadRequest,
			"since must be a date, YYYY-MM-DD, or an instant such as 2027-07-01T08:00:00Z.", nil)
	}
	return t, nil
}

// undo takes a change back.
func (f *function) undo(w http.ResponseWriter, r *http.Request) error {
	seq, err := strconv.ParseInt(r.PathValue("seq"), 10, 64)
	if err != nil {
		return ledger.ErrNoChange
	}
	results, err := f.Ledger.Undo(r.Context(), seq, stays.Staff)
	if err != nil {
		return err
	}
	list := make([]Change, len(results))
	for i, result := range results {
		list[i] = ChangeOf(result.Change)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// A Unit is a unit in operators' answers and requests.
type Unit struct {
	Unit      string `json:"unit"`
	Name      string `json:"name"`
	Owner     int64  `json:"owner,omitempty"`
	Site      int64  `json:"site,omitempty"`
	Listed    bool   `json:"listed"`
	Published bool   `json:"published"`
	Capacity  int    `json:"capacity,omitempty"`

	// State is what its calendar is used for. It is changed by POST /units/{unit}/state; an import takes it over where
	// nobody has said anything here.
	State stays.State `json:"state,omitempty"`
}

// removeUnit removes a unit that is in no list.
func (f *function) removeUnit(w http.ResponseWriter, r *http.Request) error {
	err := f.Ledger.RemoveUnit(r.Context(), r.PathValue("unit"))
	if errors.Is(err, ledger.ErrNoUnit) {
		return web.NewProblem(http.StatusNotFound, "There is no such unit.", err)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (f *function) units(w http.ResponseWriter, r *http.Request) error {
	found, err := f.Ledger.Units(r.Context(), nil)
	if err != nil {
		return err
	}
	list := make([]Unit, len(found))
	for i, u := range found {
		list[i] = Unit{u.Unit, u.Name, u.Owner, u.Site, u.Listed, u.Published, u.Capacity, u.Uses()}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// mostName is how long a unit's id or name may be.
const mostName = 200

func (u Unit) check() error {
	if u.Unit == "" || len(u.Unit) > mostName || len(u.Name) > mostName || u.Capacity < 0 || u.Owner < 0 || u.Site < 0 {
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("The unit %.40q cannot be kept: it needs an id, and names "+
			"of at most %d bytes.", u.Unit, mostName), nil)
	}
	return nil
}

// putUnits enters units, or changes them.
func (f *function) putUnits(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Units []Unit `json:"units"`
	}
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	list := make([]ledger.Unit, len(body.Units))
	for i, u := range body.Units {
		if err := u.check(); err != nil {
			return err
		}
		list[i] = u.ledger()
	}
	if err := f.ownersThere(r, list); err != nil {
		return err
	}
	if err := f.Ledger.PutUnits(r.Context(), list); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, body)
}

func (u Unit) ledger() ledger.Unit {
	return ledger.Unit{
		Unit: u.Unit, Name: u.Name, Owner: u.Owner, Site: u.Site, Listed: true, Published: u.Published, Capacity: u.Capacity,
	}
}

// ownersThere refuses units of owners that nobody knows.
func (f *function) ownersThere(r *http.Request, units []ledger.Unit) error {
	owners, err := f.Ledger.Owners(r.Context())
	if err != nil {
		return err
	}
	known := map[int64]bool{0: true}
	for _, o := range owners {
		known[o.ID] = true
	}
	for _, u := range units {
		if !known[u.Owner] {
			return web.NewProblem(http.StatusBadRequest,
				fmt.Sprintf("The unit %s is of the owner %d, who is not in the ledger.", u.Unit, u.Owner), nil)
		}
	}
	return nil
}

// A Site is what POST /import takes: what an association's site has.
type Site struct {
	Owners []Owner `json:"owners"`
	Units  []Unit  `json:"units"`
	Stays  []Stay  `json:"stays"`

	// Missing also imports stays that conflict with the ledger, on their free days.
	Missing bool `json:"missing,omitempty"`
	// Dry changes nothing, and answers with what would be done.
	Dry bool `json:"dry,omitempty"`
}

// An Owner is an owner of the site.
type Owner struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Email    string `json:"email"`
	Language string `json:"language"`
	Active   bool   `json:"active"`
}

func (o Owner) ledger() ledger.Owner {
	return ledger.Owner{ID: o.ID, Name: o.Name, Email: o.Email, Language: o.Language, Active: o.Active}
}

// A Stay is days that the site has as taken.
type Stay struct {
	Unit   string       `json:"unit"`
	From   stays.Day    `json:"from"`
	To     stays.Day    `json:"to"`
	Type   stays.Type   `json:"type"`
	Origin stays.Origin `json:"origin"`
}

// An Imported is what POST /import answers.
type Imported struct {
	Owners    int `json:"owners"`
	Units     int `json:"units"`
	Stays     int `json:"stays"`     // that were taken over
	Unchanged int `json:"unchanged"` // whose days the ledger had so
	Conflicts int `json:"conflicts"` // whose days the ledger has otherwise: it stays as it is

	Conflicting []Hold `json:"conflicting"` // what the ledger has on them
}

// importSite takes over what the site has. A repeat changes nothing.
func (f *function) importSite(w http.ResponseWriter, r *http.Request) error {
	var site Site
	if err := web.DecodeJSON(w, r, &site); err != nil {
		return err
	}
	owners, units := make([]ledger.Owner, len(site.Owners)), make([]ledger.Unit, len(site.Units))
	for i, o := range site.Owners {
		owners[i] = o.ledger()
	}
	for i, u := range site.Units {
		if err := u.check(); err != nil {
			return err
		}
		units[i] = u.ledger()
	}
	if !site.Dry {
		if err := f.importUnits(r, owners, units); err != nil {
			return err
		}
		states := map[string]stays.State{}
		for _, u := range site.Units {
			if u.State.Known() {
				states[u.Unit] = u.State
			}
		}
		if err := f.Ledger.AdoptStates(r.Context(), states); err != nil {
			return err
		}
	}
	v := Imported{Owners: len(owners), Units: len(units), Conflicting: []Hold{}}
	for _, s := range site.Stays {
		if err := f.importStay(r, s, site, &v); err != nil {
			return err
		}
	}
	return web.WriteJSON(w, http.StatusOK, v)
}

// importUnits enters owners and units. What a unit has in the ledger stays: a repeat changes nothing.
func (f *function) importUnits(r *http.Request, owners []ledger.Owner, units []ledger.Unit) error {
	known, err := f.Ledger.Owners(r.Context())
	if err != nil {
		return err
	}
	owners = slices.DeleteFunc(owners, func(o ledger.Owner) bool {
		return slices.ContainsFunc(known, func(k ledger.Owner) bool { return k.ID == o.ID })
	})
	if err := f.Ledger.PutOwners(r.Context(), owners); err != nil {
		return err
	}
	if err := f.ownersThere(r, units); err != nil {
		return err
	}
	there, err := f.Ledger.Units(r.Context(), nil)
	if err != nil {
		return err
	}
	for i := range units {
		u := &units[i]
		for _, known := range there {
			if known.Unit == u.Unit && known.Listed {
				u.Name, u.Owner = cmp.Or(known.Name, u.Name), cmp.Or(known.Owner, u.Owner)
				u.Site, u.Capacity, u.Published = cmp.Or(known.Site, u.Site), known.Capacity, known.Published
			}
		}
	}
	return f.Ledger.PutUnits(r.Context(), units)
}

func (f *function) importStay(r *http.Request, s Stay, site Site, v *Imported) error {
	days := stays.Through(s.From, s.To)
	if !s.Type.Known() || s.From <= 0 || days.Days() < 1 || days.Days() > ahead {
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("The days of %.40q cannot be read.", s.Unit), nil)
	}
	holds, err := f.Ledger.Holds(r.Context(), s.Unit, days)
	if err != nil {
		return err
	}
	if len(holds) == 1 && holds[0].Type == s.Type && holds[0].Origin == s.Origin && holds[0].Clip(days) == days {
		v.Unchanged++
		return nil
	}
	parts := free(holds, days)
	if len(parts) != 1 || parts[0] != days {
		v.Conflicts++
		for _, h := range holds {
			h.Range = h.Clip(days)
			v.Conflicting = append(v.Conflicting, HoldOf(h))
		}
		if !site.Missing {
			return nil
		}
	}
	for _, part := range parts {
		if site.Dry {
			v.Stays++
			continue
		}
		if err := f.importDays(r, s, part, v); err != nil {
			return err
		}
	}
	return nil
}

// free are the parts of days that no hold has.
func free(holds []stays.Hold, days stays.Range) []stays.Range {
	held := make([]stays.Span, len(holds))
	for i, h := range holds {
		held[i] = stays.Span{Unit: h.Unit, Range: h.Range, Type: h.Type}
	}
	return stays.Free(held, days)
}

func (f *function) importDays(r *http.Request, s Stay, days stays.Range, v *Imported) error {
	_, err := f.Ledger.Change(r.Context(), ledger.Order{Request: stays.Request{
		Unit: s.Unit, Range: days, Type: s.Type, Origin: s.Origin, Actor: stays.Staff,
	}})
	var conflict *stays.Conflict
	switch {
	case errors.As(err, &conflict):
		v.Conflicts++
		return nil
	case errors.Is(err, ledger.ErrNoUnit):
		return web.NewProblem(http.StatusBadRequest, fmt.Sprintf("There is no unit %.40q.", s.Unit), err)
	case err == nil:
		v.Stays++
	}
	return err
}
