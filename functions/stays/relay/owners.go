package relay

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailer"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// A KnownOwner is an owner in operators' answers.
type KnownOwner struct {
	Owner

	Units    []OwnedUnit `json:"units"`
	LastSeen *time.Time  `json:"last_update"` // newest of any of the units; null: never
}

// An OwnedUnit is a unit of an owner.
type OwnedUnit struct {
	Unit      string      `json:"unit"`
	Name      string      `json:"name"`
	Published bool        `json:"published"`
	State     stays.State `json:"state"`
	LastSeen  *time.Time  `json:"last_update"`
	Conflicts int         `json:"conflicts"` // changes whose notices are pending
}

// owners answers with all owners, their units, and when they were last active.
func (f *function) owners(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return web.Unavailable(err)
	}
	owners, err := f.Ledger.Owners(ctx)
	if err != nil {
		return err
	}
	units, err := f.Ledger.Units(ctx, nil)
	if err != nil {
		return err
	}
	ids := make([]string, len(units))
	for i, u := range units {
		ids[i] = u.Unit
	}
	seen, err := f.Ledger.Seen(ctx, ids, settings.PartnersUpdate())
	if err != nil {
		return err
	}
	notices, err := f.Ledger.Notices(ctx)
	if err != nil {
		return err
	}
	list := make([]KnownOwner, len(owners))
	for i, o := range owners {
		list[i] = KnownOwner{Owner: Owner{o.ID, o.Name, o.Email, o.Language, o.Active}, Units: []OwnedUnit{}}
		for _, u := range units {
			if u.Owner == o.ID {
				list[i].add(u, seen, notices)
			}
		}
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

func (o *KnownOwner) add(u ledger.Unit, seen map[string]time.Time, notices []ledger.Notice) {
	owned := OwnedUnit{Unit: u.Unit, Name: u.Name, Published: u.Published, State: u.Uses()}
	if at, ok := seen[u.Unit]; ok {
		owned.LastSeen = &at
		if o.LastSeen == nil || o.LastSeen.Before(at) {
			o.LastSeen = &at
		}
	}
	counted := map[int64]bool{}
	for _, n := range notices {
		if slices.ContainsFunc(n.Holds, func(h stays.Hold) bool { return h.Unit == u.Unit }) {
			counted[n.Change] = true
		}
	}
	owned.Conflicts = len(counted)
	o.Units = append(o.Units, owned)
}

// putOwner adds an owner, or changes one.
func (f *function) putOwner(w http.ResponseWriter, r *http.Request) error {
	var body Owner
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil || id < 1 {
		return web.NewProblem(http.StatusBadRequest, "An owner's number is a whole number from 1 on.", nil)
	}
	body.ID = id
	if body.Name == "" || len(body.Name) > mostName || len(body.Email) > mostName {
		return web.NewProblem(http.StatusBadRequest,
			fmt.Sprintf("An owner needs a name, and texts of at most %d bytes.", mostName), nil)
	}
	if body.Language != "" && !slices.Contains(texts.Languages(), body.Language) {
		return web.NewProblem(http.StatusBadRequest,
			"The language must be one of "+strings.Join(texts.Languages(), ", ")+".", nil)
	}
	if err := f.Ledger.PutOwners(r.Context(), []ledger.Owner{body.ledger()}); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, body)
}

// A MadeLink lets an owner in, once, and until then.
type MadeLink struct {
	Link string    `json:"link"`
	Ends time.Time `json:"ends"`
}

// Links of operators live longer than mailed ones: they are passed on by hand.
const staffLinkLife = 24 * time.Hour

// addLink makes a link that lets an owner in.
func (f *function) addLink(w http.ResponseWriter, r *http.Request) error {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	owner, err := f.Ledger.Owner(r.Context(), id)
	if err == nil && !owner.Active {
		return web.NewProblem(http.StatusConflict, "The owner is not active: carillon stays owners add ID --active.", nil)
	}
	if err != nil {
		return err
	}
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	now := f.Now()
	link := ledger.Link{ID: rand.Text(), Kind: ledger.LinkStaff, Owner: id, At: now, Ends: now.Add(staffLinkLife)}
	address, err := f.linkAddress(settings, link)
	if err != nil {
		return web.NewProblem(http.StatusConflict, "No link can be made: "+err.Error()+".", err)
	}
	if err := f.Ledger.AddLink(r.Context(), link); err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, MadeLink{address, link.Ends})
}

// errNoAddress is links that lead nowhere.
var errNoAddress = errors.New("stays.json does not say the owners_address")

// linkAddress is where a link leads. It is made of what is kept of it and of the key, and is itself kept nowhere.
func (f *function) linkAddress(settings *stays.Settings, link ledger.Link) (string, error) {
	keys, err := settings.Keys(f.Key)
	if err != nil {
		return "", err
	}
	address := cmp.Or(settings.Owners, f.Address)
	if address == "" {
		return "", errNoAddress
	}
	return strings.TrimRight(address, "/") + "/owners/link?token=" + url.QueryEscape(secrets.LinkToken(keys, link.ID)), nil
}

// A Letter is an e-mail that waits.
type Letter struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// listLetters answers with the sign-in links that wait to be sent, as e-mails: where there is no mailbox, somebody can
// still pass them on.
func (f *function) listLetters(w http.ResponseWriter, r *http.Request) error {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	links, err := f.Ledger.Unsent(r.Context(), f.Now())
	if err != nil {
		return err
	}
	list := []Letter{}
	for _, link := range links {
		owner, params, err := f.linkParams(r.Context(), settings, link)
		if err != nil {
			return err
		}
		l := Letter{To: owner.Email}
		l.Subject, l.Text = texts.Mail(f.languageOf(settings, owner), mailSignIn, params)
		list = append(list, l)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// mailSignIn is the texts of a link's e-mail.
const mailSignIn = "signin"

func (f *function) languageOf(settings *stays.Settings, o ledger.Owner) string {
	return cmp.Or(o.Language, language(settings))
}

func (f *function) linkParams(ctx context.Context, settings *stays.Settings, link ledger.Link) (
	owner ledger.Owner, params faults.Params, err error,
) {
	if owner, err = f.Ledger.Owner(ctx, link.Owner); err != nil {
		return owner, nil, err
	}
	address, err := f.linkAddress(settings, link)
	return owner, faults.Params{
		"name": owner.Name, "link": address, "until": link.Ends.In(settings.Zone()).Format("15:04"),
	}, err
}

// sendLinks sends the links that owners have asked for. One that cannot be sent is tried again each minute until it
// ends.
func (f *function) sendLinks(ctx context.Context, settings *stays.Settings) error {
	if settings.SMTP == nil {
		return nil
	}
	links, err := f.Ledger.Unsent(ctx, f.Now())
	if err != nil {
		return err
	}
	for _, link := range links {
		owner, params, err := f.linkParams(ctx, settings, link)
		if err != nil {
			slog.ErrorContext(ctx, "sign-in link not sent", slog.Any("error", err))
			continue
		}
		m := mailer.Mailer{
			Bridge: "stays", Unit: "owner", Part: strconv.FormatInt(owner.ID, 10), Box: settings.SMTP,
			Fault: settings.SMTPFault, Locale: f.languageOf(settings, owner), Zone: settings.Zone(),
			To: []string{owner.Email}, Texts: texts,
		}
		if !m.Send(ctx, "signin-"+strconv.FormatInt(link.At.UnixMicro(), 10), mailSignIn, params) {
			continue
		}
		if err := f.Ledger.SentLink(ctx, link.ID, f.Now()); err != nil {
			return err
		}
	}
	return nil
}

// A SetState is the body of POST /units/{unit}/state.
type SetState struct {
	State stays.State `json:"state"`
}

// setState says what a unit's calendar is used for, for the association.
func (f *function) setState(w http.ResponseWriter, r *http.Request) error {
	var body SetState
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	if !body.State.Known() {
		return web.NewProblem(http.StatusBadRequest, "state must be active, search, off or blocked.", nil)
	}
	unit := r.PathValue("unit")
	err := f.Ledger.SetState(r.Context(), []string{unit}, body.State, stays.Staff)
	if errors.Is(err, ledger.ErrNoUnit) {
		return web.NewProblem(http.StatusNotFound, fmt.Sprintf("There is no unit %.40q.", unit), err)
	}
	if err != nil {
		return err
	}
	if err := f.passStates(r.Context()); err != nil { // it is set all the same
		slog.WarnContext(r.Context(), "the state reaches the website with the next minute", slog.Any("error", err))
	}
	return web.WriteJSON(w, http.StatusOK, body)
}
