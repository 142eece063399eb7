package owners

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/pages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
)

// A visit is a request of an owner who is signed in.
type visit struct {
	*http.Request

	settings *stays.Settings
	owner    ledger.Owner
	units    []ledger.Unit // that were entered as his, published or not
	dates    *almanac.Locale
	today    stays.Day
}

// who is what a session's cookie says.
type who struct {
	Owner int64 `json:"owner"`
	Epoch int64 `json:"epoch"` // of the owner: signing out everywhere begins another
}

// sessionLife is how long a session lasts; it is renewed in use, when half of it is over.
const sessionLife = 30 * 24 * time.Hour

// session is how sessions are kept.
func (f *function) session(settings *stays.Settings) (pages.Session, error) {
	keys, err := settings.Keys(f.Key)
	if err != nil {
		return pages.Session{}, web.Unavailable(err)
	}
	return pages.Session{
		Name: "owner", Keys: keys, Life: sessionLife, Plain: strings.HasPrefix(f.address(settings), "http://"),
	}, nil
}

// address is the public address of these pages; "" where nobody has said it.
func (f *function) address(settings *stays.Settings) string {
	if settings.Owners != "" {
		return strings.TrimRight(settings.Owners, "/")
	}
	return f.Address
}

// load reads the settings; a failure passes.
func (f *function) load(ctx context.Context) (*stays.Settings, error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return nil, web.Unavailable(err)
	}
	return settings, nil
}

// visit finds out who a request is of; the error is [pages.ErrNoSession] where nobody is signed in.
func (f *function) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	settings, err := f.load(r.Context())
	if err != nil {
		return nil, err
	}
	session, err := f.session(settings)
	if err != nil {
		return nil, err
	}
	var by who
	over, err := session.Read(r, f.Now(), &by)
	if err != nil {
		return nil, err
	}
	owner, err := f.Ledger.Owner(r.Context(), by.Owner)
	switch {
	case errors.Is(err, ledger.ErrNoOwner):
		return nil, pages.ErrNoSession
	case err != nil:
		return nil, request.Unavailable(err)
	case owner.Epoch != by.Epoch || !owner.Active:
		return nil, pages.ErrNoSession
	}
	units, err := f.Ledger.UnitsOf(r.Context(), owner.ID)
	if err != nil {
		return nil, request.Unavailable(err)
	}
	const renewAt = .5
	if over > renewAt {
		if err := session.Begin(w, f.Now(), by); err != nil {
			return nil, err
		}
	}
	v := &visit{
		Request: r, settings: settings, owner: owner, today: stays.DayOf(f.Now().In(settings.Zone())),
		units: slices.DeleteFunc(units, func(u ledger.Unit) bool { return !u.Listed }),
	}
	v.dates = almanac.In(languageOf(owner, r))
	return v, nil
}

// languageOf is the language that an owner has chosen, or else that of the browser.
func languageOf(owner ledger.Owner, r *http.Request) string {
	offered := texts.Languages()
	if slices.Contains(offered, owner.Language) {
		return owner.Language
	}
	return pages.Language(r, offered...)
}

// language is that of a reader who is not signed in.
func (f *function) language(r *http.Request) string {
	offered := texts.Languages()
	if lang := r.URL.Query().Get("lang"); slices.Contains(offered, lang) {
		return lang
	}
	return pages.Language(r, offered...)
}

// visiting serves owners who are signed in, and sends others to sign in.
func (f *function) visiting(h func(http.ResponseWriter, *visit) error) web.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Cache-Control", "private, no-cache")
		v, err := f.visit(w, r)
		switch {
		case errors.Is(err, pages.ErrNoSession) && (wantsJSON(r) || r.Method != http.MethodGet):
			if wantsJSON(r) {
				return signedOut()
			}
			return f.signIn(w, r, http.StatusUnauthorized, "signin.first")
		case errors.Is(err, pages.ErrNoSession):
			http.Redirect(w, r, "/owners/signin", http.StatusSeeOther)
			return nil
		case err != nil:
			return err
		}
		return request.Unavailable(h(w, v))
	}
}

// signedOut tells a program that nobody is signed in.
func signedOut() error {
	return web.NewProblem(http.StatusUnauthorized, "Nobody is signed in, or the session has ended: sign in at /owners/.",
		nil)
}

// wantsJSON reports whether a request is of a script.
func wantsJSON(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "application/json")
}

// unit is the owner's unit of an address: one that is published. Any other is as one that is not there.
func (v *visit) unit(id string) (ledger.Unit, error) {
	for _, u := range v.units {
		if u.Unit == id && u.Published {
			return u, nil
		}
	}
	return ledger.Unit{}, web.NewProblem(http.StatusNotFound, "There is no such cottage, or it is not one of yours.", nil)
}

// origin is whose the days are that the owner holds.
func (v *visit) origin() stays.Origin {
	return stays.OriginOf(stays.KindOwner, strconv.FormatInt(v.owner.ID, 10))
}

// say is a text in the owner's language.
func (v *visit) say(id string, params map[string]string) string {
	return texts.Text(v.dates.Lang, id, params)
}

// by is who somebody is, in words. An owner sees the names of partners: it is with them that he speaks of a booking.
func (v *visit) by(o stays.Origin) string {
	switch kind := o.Kind(); {
	case o == v.origin():
		return v.say("who.you", nil)
	case kind == stays.KindPartner || kind == stays.KindFeed:
		return v.say("who."+kind, map[string]string{"name": o.Name()})
	case kind == stays.KindOwner || o == stays.Staff || o == stays.Website || o == stays.Service:
		return v.say("who."+kind, nil)
	}
	return v.say("who.somebody", nil)
}

// note is a note of an origin. One that an earlier owner has written was not written for this one.
func (v *visit) note(text string, o stays.Origin) string {
	if o.Kind() == stays.KindOwner && o != v.origin() {
		return ""
	}
	return text
}

// at is an instant in words, in the association's zone.
func (v *visit) at(t time.Time) string { return v.dates.At(t.In(v.settings.Zone())) }

// firstDay is the day on which the owner's weeks begin.
func (v *visit) firstDay() time.Weekday { return almanac.FirstDay(v.Header.Get("Accept-Language")) }
