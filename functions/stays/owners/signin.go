package owners

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/request"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// Bounds of signing in.
const (
	linkLife   = 15 * time.Minute
	mostLinks  = 5 // that an address of mail may ask for while one lives
	askAtOnce  = 20
	askEvery   = 3 * time.Minute // from one address of the net
	tokenLife  = 2 * time.Minute
	tokenSkew  = 30 * time.Second // that the site's clock may be off
	mostEmail  = 254              // characters (RFC 5321, section 4.5.3.1.3)
	mostJTI    = 100
	defaultTop = "/owners/"
)

// signInPage is the form that asks for a link.
func (f *function) signInPage(w http.ResponseWriter, r *http.Request) error {
	return f.signIn(w, r, http.StatusOK, "")
}

// A signInForm is what was typed.
type signInForm struct {
	Email string
	Mails bool // links are sent
	Sent  bool
}

func (f *function) signIn(w http.ResponseWriter, r *http.Request, status int, text string) error {
	settings, err := f.load(r.Context())
	if err != nil {
		return err
	}
	form := signInForm{Email: r.PostFormValue("email"), Mails: f.mails(settings)}
	p := &page{Lang: f.language(r), Title: "signin.title", Text: text, Body: &form, Here: "/owners/signin"}
	form.Sent = status == http.StatusAccepted
	if !form.Mails {
		p.Text = "" // the page says it in place of the form
	}
	return f.send(w, status, "signin", p)
}

// mails reports whether links can be sent.
func (f *function) mails(settings *stays.Settings) bool {
	return f.Mails || settings.SMTP != nil && f.address(settings) != ""
}

// within is a path of these pages, or the first one.
func within(path string) string {
	if !strings.HasPrefix(path, "/owners/") || strings.ContainsAny(path, "\\\r\n") || strings.Contains(path, "//") {
		return defaultTop
	}
	return path
}

// askForLink has a link sent to an address, if an owner has it. Whether one has, the answer and its time do not say.
func (f *function) askForLink(w http.ResponseWriter, r *http.Request) error {
	settings, err := f.load(r.Context())
	if err != nil {
		return err
	}
	email := strings.TrimSpace(r.PostFormValue("email"))
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || len(email) > mostEmail {
		return f.signIn(w, r, http.StatusUnprocessableEntity, "signin.address")
	}
	if !f.mails(settings) {
		return f.signIn(w, r, http.StatusServiceUnavailable, "signin.no_mail")
	}
	if wait := f.asked.Take(web.ClientAddress(r, settings.Proxies())); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
		return f.signIn(w, r, http.StatusTooManyRequests, "signin.often")
	}
	switch err := f.addLink(r.Context(), settings, email); {
	case errors.Is(err, ledger.ErrTooManyLinks):
		// the answer is the same: it would say that somebody else has asked
		slog.WarnContext(r.Context(), "no more sign-in links for an address just now")
	case err != nil:
		return request.Unavailable(err)
	}
	return f.signIn(w, r, http.StatusAccepted, "signin.sent")
}

// addLink keeps a link for an address, also for one that no owner has, and has those who send e-mails look.
func (f *function) addLink(ctx context.Context, settings *stays.Settings, email string) error {
	keys, err := settings.Keys(f.Key)
	if err != nil {
		return web.Unavailable(err)
	}
	found, err := f.Ledger.OwnersByEmail(ctx, email)
	if err != nil {
		return err
	}
	now := f.Now()
	if len(found) == 0 {
		found = []ledger.Owner{{}}
	}
	for _, owner := range found { // two who have one address get a link each
		link := ledger.Link{
			ID: rand.Text(), Kind: ledger.LinkMail, Owner: owner.ID, At: now, Ends: now.Add(linkLife),
			Asked: keys.Digest("address", strings.ToLower(email)),
		}
		if err := f.Ledger.AskLink(ctx, link, now.Add(-linkLife), mostLinks*len(found)); err != nil {
			return err
		}
	}
	if f.Ledger.Wake == nil {
		return nil
	}
	if err := f.Ledger.Wake(ctx); err != nil {
		slog.WarnContext(ctx, "the sign-in link is sent within a minute", slog.Any("error", err))
	}
	return nil
}

// A linkForm is the button of a link's page.
type linkForm struct{ Token, Name string }

// linkPage shows a button. Programs that look at the links in e-mails use nothing up by that.
func (f *function) linkPage(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("token")
	_, owner, err := f.link(r.Context(), token)
	if errors.Is(err, ledger.ErrNoLink) {
		return f.signIn(w, r, http.StatusGone, "link.gone")
	}
	if err != nil {
		return request.Unavailable(err)
	}
	p := &page{Lang: languageOf(owner, r), Title: "link.title", Body: &linkForm{token, owner.Name}}
	w.Header().Set("Cache-Control", "no-store")
	return f.send(w, http.StatusOK, "link", p)
}

// link finds a link that lets in, and its owner.
func (f *function) link(ctx context.Context, token string) (link ledger.Link, owner ledger.Owner, err error) {
	settings, err := f.load(ctx)
	if err != nil {
		return link, owner, err
	}
	keys, err := settings.Keys(f.Key)
	if err != nil {
		return link, owner, web.Unavailable(err)
	}
	id := secrets.LinkID(keys, token)
	if id == "" {
		return link, owner, ledger.ErrNoLink
	}
	if link, err = f.Ledger.Link(ctx, id, f.Now()); err != nil {
		return link, owner, err
	}
	owner, err = f.Ledger.Owner(ctx, link.Owner)
	if errors.Is(err, ledger.ErrNoOwner) || err == nil && !owner.Active {
		err = ledger.ErrNoLink
	}
	return link, owner, err
}

// useLink signs an owner in, and uses the link up.
func (f *function) useLink(w http.ResponseWriter, r *http.Request) error {
	link, owner, err := f.link(r.Context(), r.PostFormValue("token"))
	if err == nil {
		err = f.Ledger.UseLink(r.Context(), link.ID, f.Now())
	}
	if errors.Is(err, ledger.ErrNoLink) {
		return f.signIn(w, r, http.StatusGone, "link.gone")
	}
	if err != nil {
		return request.Unavailable(err)
	}
	return f.begin(w, r, owner, defaultTop)
}

// begin signs an owner in.
func (f *function) begin(w http.ResponseWriter, r *http.Request, owner ledger.Owner, path string) error {
	settings, err := f.load(r.Context())
	if err != nil {
		return err
	}
	session, err := f.session(settings)
	if err != nil {
		return err
	}
	if err := session.Begin(w, f.Now(), who{owner.ID, owner.Epoch}); err != nil {
		return err
	}
	slog.InfoContext(r.Context(), "owner signed in", slog.Int64("owner", owner.ID))
	return back(w, path)
}

// errToken is a token of the association's site that does not let in.
var errToken = errors.New("the token does not let in")

// enter signs in an owner whom the association's site sends with a token: HS256, iss and aud as agreed, sub the owner's
// number, exp at most two minutes after iat, jti once (RFC 7519). pk is the number of the cottage to show.
func (f *function) enter(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "no-store")
	if r.Method != http.MethodGet { // HEAD must use nothing up
		return web.NewProblem(http.StatusMethodNotAllowed, "This path takes GET.", nil)
	}
	settings, err := f.load(r.Context())
	if err != nil {
		return err
	}
	owner, err := f.entering(r.Context(), settings, r.URL.Query().Get("token"))
	if errors.Is(err, errToken) {
		web.LogFailure(r, http.StatusForbidden, err)
		return f.send(w, http.StatusForbidden, "problem", &page{
			Lang: f.language(r), Title: "problem.title", Text: "link.site",
		})
	}
	if err != nil {
		return request.Unavailable(err)
	}
	path := defaultTop
	if pk, err := strconv.ParseInt(r.URL.Query().Get("pk"), 10, 64); err == nil {
		units, err := f.Ledger.UnitsOnSite(r.Context(), pk)
		if err != nil {
			return request.Unavailable(err)
		}
		if len(units) == 1 && units[0].Owner == owner.ID && units[0].Published {
			path = unitPath(units[0].Unit)
		}
	}
	return f.begin(w, r, owner, path)
}

// entering is the owner of a token, which is used up.
func (f *function) entering(ctx context.Context, settings *stays.Settings, token string) (o ledger.Owner, err error) {
	if settings.EntryFault != nil {
		return o, web.Unavailable(settings.EntryFault)
	}
	if settings.Entry == nil {
		return o, fmt.Errorf("%w: stays.json has no entry", errToken)
	}
	var claims jwt.RegisteredClaims
	secret := func(*jwt.Token) (any, error) { return []byte(settings.Entry.Secret), nil }
	_, err = jwt.ParseWithClaims(token, &claims, secret,
		jwt.WithValidMethods([]string{"HS256"}), jwt.WithIssuer(settings.Entry.From()), jwt.WithAudience(stays.Audience),
		jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(tokenSkew), jwt.WithTimeFunc(f.Now))
	if err != nil {
		return o, fmt.Errorf("%w: %w", errToken, err)
	}
	id, err := strconv.ParseInt(claims.Subject, 10, 64)
	switch {
	case err != nil || id < 1:
		return o, fmt.Errorf("%w: sub is not an owner's number", errToken)
	case claims.ID == "" || len(claims.ID) > mostJTI:
		return o, fmt.Errorf("%w: jti must have 1 to %d characters", errToken, mostJTI)
	case claims.IssuedAt == nil || claims.ExpiresAt.Sub(claims.IssuedAt.Time) > tokenLife:
		return o, fmt.Errorf("%w: exp must be at most %s after iat", errToken, tokenLife)
	}
	o, err = f.Ledger.Owner(ctx, id)
	if errors.Is(err, ledger.ErrNoOwner) || err == nil && !o.Active {
		return o, fmt.Errorf("%w: no active owner has its number", errToken)
	}
	if err != nil {
		return o, err
	}
	now := f.Now()
	err = f.Ledger.AddLink(ctx, ledger.Link{
		ID: "site " + claims.ID, Kind: ledger.LinkSite, Owner: id, At: now, Ends: claims.ExpiresAt.Add(tokenLife),
	})
	if errors.Is(err, ledger.ErrNoLink) {
		err = fmt.Errorf("%w: it was used", errToken)
	}
	return o, err
}

// signOut ends the session of this browser.
func (f *function) signOut(w http.ResponseWriter, v *visit) error {
	session, err := f.session(v.settings)
	if err != nil {
		return err
	}
	session.End(w)
	return back(w, "/owners/signin")
}

// signOutEverywhere ends all sessions of the owner.
func (f *function) signOutEverywhere(w http.ResponseWriter, v *visit) error {
	if err := f.Ledger.EndSessions(v.Context(), v.owner.ID); err != nil {
		return err
	}
	return f.signOut(w, v)
}

// changeLanguage notes the language in which the owner reads, here and in e-mails.
func (f *function) changeLanguage(w http.ResponseWriter, v *visit) error {
	lang := v.PostFormValue("lang")
	for _, offered := range texts.Languages() {
		if lang == offered {
			if err := f.Ledger.SetLanguage(v.Context(), v.owner.ID, lang); err != nil {
				return err
			}
		}
	}
	return back(w, within(v.PostFormValue("to")))
}
