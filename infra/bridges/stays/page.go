package stays

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
)

func (b *bridge) pages(handle func(pattern string, h http.Handler)) {
	handle("GET /dashboard/stays", web.HandlerFunc(b.overview))
	handle("POST /dashboard/stays/undo/{seq}", web.HandlerFunc(b.undoFromDashboard))
	handle("POST /dashboard/stays/destinations/{name}/{verb}", web.HandlerFunc(b.steerFromDashboard))
	if b.Sample {
		handle("POST /dashboard/stays/book", web.HandlerFunc(b.book))
		handle("POST /dashboard/stays/enter/{owner}", web.HandlerFunc(b.enterAs))
	}
}

// A view is what the page shows.
type view struct {
	Now      time.Time      `json:"now"`
	Zone     string         `json:"time_zone"`
	Today    stays.Day      `json:"today"`
	From     stays.Day      `json:"from"` // the first day that is shown
	To       stays.Day      `json:"to"`   // the last one
	Editable bool           `json:"editable"`
	Partners []string       `json:"partners"` // as which the page can book
	Units    []viewUnit     `json:"units"`
	Changes  []relay.Change `json:"changes"` // the newest first

	Number       int64               `json:"number"` // of the newest change
	Destinations []relay.Destination `json:"destinations"`
	Replaces     string              `json:"replaces"`
	Broker       bool                `json:"broker"` // a RabbitMQ is configured
	Site         bool                `json:"site"`   // the website's own database is
	Server       bool                `json:"server"` // the ledger is in PostgreSQL
	Table        []reservations.Row  `json:"table"`  // the website's; null: it cannot be read

	Owners  []relay.KnownOwner `json:"owners"`  // that the search finds
	More    int                `json:"more"`    // owners that it finds besides
	Letters []relay.Letter     `json:"letters"` // e-mails that wait for a mailbox
}

type viewUnit struct {
	Unit   string       `json:"unit"`
	Name   string       `json:"name"`
	Listed bool         `json:"listed"`
	Held   []relay.Hold `json:"held"`
}

// Bounds of the page.
const (
	shownDays    = 31
	shownUnits   = 60
	shownOwners  = 40
	shownChanges = 12
)

// overview answers with a month of each cottage, and the newest changes.
func (b *bridge) overview(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	now := b.Clock.Now()
	v := view{
		Now: now.UTC(), Zone: settings.Zone().String(), Today: stays.DayOf(now.In(settings.Zone())), Editable: b.Sample,
		Partners: []string{}, Units: []viewUnit{},
	}
	if b.Sample {
		v.Partners = samplePartners
	}
	month, err := monthOf(r.URL.Query().Get("from"), v.Today)
	if err != nil {
		return err
	}
	v.From, v.To = month.From, month.Last()
	units, err := b.ledger.Units(ctx, nil)
	if err != nil {
		return web.Unavailable(err)
	}
	for _, u := range units[:min(len(units), shownUnits)] {
		shown := viewUnit{u.Unit, u.Name, u.Listed, []relay.Hold{}}
		holds, err := b.ledger.Holds(ctx, u.Unit, month)
		if err != nil {
			return web.Unavailable(err)
		}
		for _, h := range holds {
			shown.Held = append(shown.Held, relay.HoldOf(h))
		}
		v.Units = append(v.Units, shown)
	}
	if err := machine.Ask(ctx, b.relay, fmt.Sprint("/changes?limit=", shownChanges), &v.Changes); err != nil {
		return err
	}
	slices.Reverse(v.Changes)
	if err := b.findOwners(ctx, &v, r.URL.Query().Get("owner")); err != nil {
		return err
	}
	v.Letters = []relay.Letter{}
	if b.Sample { // real ones let in
		if err := machine.Ask(ctx, b.relay, "/letters", &v.Letters); err != nil {
			return err
		}
	}
	if err := b.delivery(ctx, &v); err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, v)
}

// findOwners reads the owners whose own name, or a cottage's id or name, contains a text.
func (b *bridge) findOwners(ctx context.Context, v *view, text string) error {
	if err := machine.Ask(ctx, b.relay, "/owners", &v.Owners); err != nil {
		return err
	}
	has := func(in string) bool { return strings.Contains(strings.ToLower(in), strings.ToLower(text)) }
	named := func(u relay.OwnedUnit) bool { return has(u.Unit) || has(u.Name) }
	v.Owners = slices.DeleteFunc(v.Owners, func(o relay.KnownOwner) bool {
		return !has(o.Name) && !slices.ContainsFunc(o.Units, named)
	})
	n := min(len(v.Owners), shownOwners)
	v.More = len(v.Owners) - n
	v.Owners = v.Owners[:n]
	return nil
}

// delivery is how far the changes are delivered, and what the website's table has.
func (b *bridge) delivery(ctx context.Context, v *view) error {
	var s relay.Status
	if err := machine.Ask(ctx, b.relay, "/status", &s); err != nil {
		return err
	}
	v.Number, v.Destinations, v.Replaces, v.Broker, v.Site = s.Number, s.Destinations, s.Replaces, s.Broker, s.Site
	v.Server = b.db.Name == "postgres"
	if v.Replaces == stays.ReplacesService { // the old site has its own
		return nil
	}
	v.Table = []reservations.Row{}
	if err := machine.Ask(ctx, b.reservations, fmt.Sprintf("/table?from=%s&to=%s", v.From, v.To), &v.Table); err != nil {
		slog.WarnContext(ctx, "the website's table is not shown", slog.Any("error", err))
		v.Table = nil
	}
	return nil
}

// steerFromDashboard stops a destination, or lets it go on.
func (b *bridge) steerFromDashboard(w http.ResponseWriter, r *http.Request) error {
	call := r.Clone(r.Context())
	call.URL.Path = "/destinations/" + r.PathValue("name") + "/" + r.PathValue("verb")
	b.relay.ServeHTTP(w, call)
	return nil
}

// monthOf is a month of days from the one that is asked for, or today, on.
func monthOf(text string, today stays.Day) (stays.Range, error) {
	first := today
	if text != "" {
		var err error
		if first, err = stays.ParseDay(text); err != nil {
			return stays.Range{}, web.NewProblem(http.StatusBadRequest, "from must be a date, YYYY-MM-DD.", nil)
		}
	}
	return stays.Range{From: first, To: first + shownDays}, nil
}

// A booking is what the page's form sends.
type booking struct {
	Partner string     `json:"partner"`
	Unit    string     `json:"unit"`
	From    stays.Day  `json:"from"`
	To      stays.Day  `json:"to"`
	Type    stays.Type `json:"type"`
}

// book does as a sample partner would: it calls the partners' service with that partner's secret.
func (b *bridge) book(w http.ResponseWriter, r *http.Request) error {
	var form booking
	if err := web.DecodeJSON(w, r, &form); err != nil {
		return err
	}
	if !slices.Contains(samplePartners, form.Partner) {
		return web.NewProblem(http.StatusBadRequest, "There is no such partner in the sample.", nil)
	}
	method, body := http.MethodPut, []byte(nil)
	if form.Type == stays.Available {
		method = http.MethodDelete
	} else {
		body, _ = json.Marshal(map[string]any{"type": form.Type})
	}
	path := "/stays/v1/units/" + url.PathEscape(form.Unit) + "/days?from=" + form.From.String() + "&to=" + form.To.String()
	call, err := http.NewRequestWithContext(r.Context(), method, path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	call.SetBasicAuth(form.Partner, sampleSecret(form.Partner))
	call.RemoteAddr = r.RemoteAddr
	b.bookings.ServeHTTP(w, call)
	return nil
}

// enterAs signs the browser in as an owner of the sample: it opens a link as an operator makes them.
func (b *bridge) enterAs(w http.ResponseWriter, r *http.Request) error {
	var made relay.MadeLink
	err := machine.Send(r.Context(), b.relay, "/owners/"+r.PathValue("owner")+"/link", &made)
	if err != nil {
		return err
	}
	link, err := url.Parse(made.Link)
	if err != nil {
		return err
	}
	call, err := http.NewRequestWithContext(r.Context(), http.MethodPost, "/owners/link",
		strings.NewReader(link.RawQuery))
	if err != nil {
		return err
	}
	call.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	b.owners.ServeHTTP(w, call)
	return nil
}

// undoFromDashboard takes a change back.
func (b *bridge) undoFromDashboard(w http.ResponseWriter, r *http.Request) error {
	call := r.Clone(r.Context())
	call.URL.Path = "/changes/" + r.PathValue("seq") + "/undo"
	b.relay.ServeHTTP(w, call)
	return nil
}

// parts are the cottages on the overview. One is well: it is in the ledger, which has just been read.
func (b *bridge) parts(ctx context.Context, locale string) ([]machine.Part, error) {
	units, err := b.ledger.Units(ctx, nil)
	if err != nil {
		return nil, err
	}
	zone, now := b.zone(ctx), b.Clock.Now().UTC()
	list := make([]machine.Part, 0, len(units))
	for _, u := range units {
		p := machine.Part{Name: u.Unit, State: machine.PartOK, SeenAt: now, TimeZone: zone}
		if !u.Listed {
			p.State, p.Detail = machine.PartWarning, texts.Text(locale, "unlisted", faults.Params{})
		}
		list = append(list, p)
	}
	return list, nil
}
