package api

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/time/rate"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// client speaks to the schools that the settings allow.
func (f *function) client(settings *school.Settings) *pronote.Client {
	hosts := append(append(pronote.Hosts{}, f.Hosts...), settings.AllowedHosts...)
	return &pronote.Client{Hosts: hosts, RSA: f.RSA, Called: f.Called}
}

// A login is a person's request for a token.
type login struct {
	by        pronote.Credentials
	qr        *pronote.QRCode
	checkCode string
	child     string
}

// bad is a request that cannot be served, as clients know it.
func bad(body any) error { return &refusal{status: 400, body: body} }

// readLogin reads what a token is asked for with.
func readLogin(p params) (l login, err error) {
	method := p.text("method")
	if method != "" && method != "url" && method != "qrcode" {
		return l, errParams{"method": "Invalid value passed. The accepted values are: (url|qrcode)"}
	}
	given := 0
	for name := range p {
		if name != "method" && name != "token" {
			given++
		}
	}
	if given == 0 {
		return l, bad(map[string]any{"token": false, "error": "missingbody"})
	}
	names := []string{"url", "username", "password"}
	if method == "qrcode" {
		names = []string{"url", "qrToken", "login", "checkCode"}
	}
	for _, name := range names {
		if _, there := p[name]; !there {
			return l, bad("missing" + name)
		}
	}
	l.child = p.text("child")
	l.by = pronote.Credentials{URL: p.text("url"), PIN: p.text("pin"), Device: strings.TrimSpace(p.text("deviceName"))}
	if method == "qrcode" {
		l.checkCode = p.text("checkCode")
		if n := utf8.RuneCountInString(l.checkCode); n != 4 {
			return l, bad("checkCode must be 4 characters long (got " + strconv.Itoa(n) + ")")
		}
		l.qr = &pronote.QRCode{URL: l.by.URL, Login: p.text("login"), Token: p.text("qrToken")}
		// its login is known without PRONOTE: it is the account whose wrong answers are counted
		if l.by.Username, _, err = l.qr.Open(l.checkCode); err != nil {
			return l, refused(err)
		}
		return l, nil
	}
	l.by.Username, l.by.Password = p.text("username"), p.text("password")
	l.by.Chain = l.by.Device != ""
	if ent := p.text("ent"); ent != "" {
		return l, refused(pronote.ErrNoENT)
	}
	return l, nil
}

// refused is a login that failed. Its text is one of ours: PRONOTE's own may have a name in it.
func refused(err error) error {
	return &refusal{StatusToken, map[string]any{"token": false, "error": err.Error()}, err}
}

// loginFaults are what a person can read of a login that failed.
var loginFaults = []error{
	pronote.ErrWrongPassword, pronote.ErrNoPage, pronote.ErrOldVersion, pronote.ErrNeedsPIN, pronote.ErrWrongPIN,
	pronote.ErrNeedsDevice, pronote.ErrNewPassword, pronote.ErrChooseMode, pronote.ErrQRCode, pronote.ErrNoENT,
	pronote.ErrSpace, pronote.ErrHost, errNoChild,
}

// loginFault is the one of an error, or what else a login is refused for.
func loginFault(err error) (fault error, ok bool) { //nolint:revive // whether, and what
	for _, known := range loginFaults {
		if errors.Is(err, known) {
			return known, true
		}
	}
	if denied := (*pronote.Denied)(nil); errors.As(err, &denied) {
		return denied, true
	}
	if code := (*pronote.Error)(nil); errors.As(err, &code) && code.Code == pronote.CodeRefused {
		return code, true
	}
	return nil, false
}

// generateToken logs in, or uses an account's living session again.
func (f *function) generateToken(c *call) error {
	l, err := readLogin(c.params)
	if err != nil {
		return err
	}
	text, err := f.sessions.login(c.Context(), c.settings, l)
	if fault, ok := loginFault(err); ok {
		return refused(fault)
	}
	if err != nil {
		return err
	}
	return c.json(map[string]any{"token": text, "error": false})
}

// canonical is an address as PRONOTE takes it, however it was written: one school has one name.
func canonical(address string) (clean, host, place string, err error) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return "", "", "", pronote.ErrHost
	}
	host = strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && (u.Scheme != "https" || port != "443") && (u.Scheme != "http" || port != "80") {
		host += ":" + port
	}
	u.Host, u.Fragment, u.RawQuery = host, "", ""
	u.Path = path.Clean("/" + u.Path)
	place = strings.ToLower(strings.Replace(u.Path, "/mobile.", "/", 1))
	if !strings.HasSuffix(place, ".html") {
		place = strings.TrimSuffix(place, "/") + "/eleve.html"
	}
	return u.String(), host, place, nil
}

// login returns a token.
func (s *sessions) login(ctx context.Context, settings *school.Settings, l login) (text string, err error) {
	v, err := s.f.vault(settings)
	if err != nil {
		return "", err
	}
	clean, host, place, err := canonical(l.by.URL)
	if err != nil {
		return "", err
	}
	l.by.URL = clean
	if l.qr != nil {
		l.qr.URL = clean
	}
	if err := s.f.client(settings).Hosts.Check(clean); err != nil {
		return "", err
	}
	user := strings.ToLower(strings.TrimSpace(l.by.Username))
	r := record{Account: v.Digest("account", host, user), School: v.Digest("school", host), At: s.f.Now()}
	if l.qr == nil {
		r.Password = v.Digest("password", host, place, user, l.by.Password)
	}
	if text, err := s.reuse(ctx, settings, v, r, l); text != "" || err != nil {
		return text, err
	}
	release, err := s.oneLogin(ctx, r.Account)
	if err != nil {
		return "", err
	}
	defer release()
	if text, err := s.reuse(ctx, settings, v, r, l); text != "" || err != nil { // of the login before
		return text, err
	}
	s.sweep(ctx, settings, v)
	if err := s.checkSchool(ctx, settings, v, r.School); err != nil {
		return "", err
	}
	if err := s.mayLogin(ctx, settings, v, r.Account, r.School); err != nil {
		return "", err
	}
	ctx, cancel := unhurried(ctx)
	defer cancel()
	return s.begin(ctx, settings, v, r, l)
}

// queueTime is how long a login waits for another one of the same account.
const queueTime = 20 * time.Second

// oneLogin has one login of an account under way: the next one finds the session of the first.
func (s *sessions) oneLogin(ctx context.Context, account string) (release func(), err error) {
	s.mu.Lock()
	t := s.logins[account]
	if t == nil {
		for other, t := range s.logins {
			if len(s.logins) > mostLive && t.idle() {
				delete(s.logins, other)
			}
		}
		t = newTurn()
		s.logins[account] = t
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, queueTime)
	defer cancel()
	if err := t.take(ctx); err != nil {
		return nil, &pause{errManyCalls, queueTime}
	}
	return t.give, nil
}

// Tokens that an account's living session gives: some at once, then one in a while.
const (
	tokensAtOnce = 60
	tokenEvery   = 20 * time.Second
)

// reuse gives another token to the living session of the account, if the password is the one that it was logged in
// with.
func (s *sessions) reuse(ctx context.Context, settings *school.Settings, v *vault, r record, l login) (
	text string, err error,
) {
	if r.Password == "" {
		return "", nil
	}
	var doc token
	if _, err := v.get(ctx, accounts+r.Account+newest, &doc); errors.Is(err, documents.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	found, err := s.open(ctx, v, doc.Session)
	if errors.Is(err, documents.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	was, used, chained, gone := found.state()
	alive := !gone && (chained || s.f.Now().Sub(used) <= settings.Idle())
	if !alive || was.Password != r.Password || l.by.Chain && !chained {
		return "", nil
	}
	limiter := s.limiter("tokens "+r.Account, rate.Every(tokenEvery), tokensAtOnce)
	if !limiter.AllowN(s.f.Now(), 1) {
		return "", &pause{errManyCalls, tokenEvery}
	}
	return s.issueFor(ctx, v, found.id, was.Session, l.child)
}

// issueFor gives a token that looks at a child, if one is named.
func (s *sessions) issueFor(ctx context.Context, v *vault, id string, session *pronote.Session, child string) (
	string, error,
) {
	t := token{Session: id}
	if child != "" {
		pupil, ok := pupilOf(session, child)
		if !ok {
			return "", errNoChild
		}
		t.Child = pupil.Name
	}
	return s.issue(ctx, v, t)
}

// begin logs in, and keeps the session.
func (s *sessions) begin(ctx context.Context, settings *school.Settings, v *vault, r record, l login) (
	text string, err error,
) {
	k := &keeper{s: s, v: v, id: uuid.NewString()}
	defer func() {
		if err != nil && !errors.Is(err, errNoChild) { // nothing of it is left
			if err := s.end(ctx, v, k.id); err != nil {
				slog.WarnContext(ctx, "login that failed not removed", slog.Any("error", err))
			}
		}
	}()
	keep := func(chain pronote.Chain) error { return k.keep(ctx, chain) }
	client := s.loginClient(settings, v, r)
	if l.qr != nil {
		r.Session, err = client.LoginQR(ctx, *l.qr, l.checkCode, l.by, keep)
	} else {
		r.Session, err = client.Login(ctx, l.by, keep)
	}
	if err != nil {
		return "", s.loginFailed(ctx, settings, v, r, err)
	}
	r.At = s.f.Now()
	if err := v.put(ctx, living+k.id, 0, r, written(r.At)); err != nil {
		return "", err
	}
	fresh := &live{id: k.id, turn: newTurn(), chained: k.kept}
	fresh.take(r, r.Session.Next)
	old, err := s.newest(ctx, v, r.Account, k.id)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.add(fresh)
	s.mu.Unlock()
	if old != "" {
		s.retire(ctx, v, old)
	}
	return s.issueFor(ctx, v, k.id, r.Session, l.child)
}

// newest notes an account's newest session, and returns the one before.
func (s *sessions) newest(ctx context.Context, v *vault, account, id string) (old string, err error) {
	for range 3 {
		h, err := s.history(ctx, v, account)
		if err != nil {
			return "", err
		}
		err = v.put(ctx, accounts+account+newest, h.gen, token{Session: id}, written(s.f.Now()))
		if !errors.Is(err, documents.ErrConflict) {
			return h.session, err
		}
	}
	return "", kept(documents.ErrConflict)
}

// retire ends an account's session that a new one has replaced, unless a chain leads on from it: it is another
// device's.
func (s *sessions) retire(ctx context.Context, v *vault, id string) {
	l, err := s.open(ctx, v, id)
	if errors.Is(err, documents.ErrNotFound) {
		return
	}
	if err == nil {
		if _, _, chained, _ := l.state(); chained {
			return
		}
		err = s.finish(ctx, v, l)
	}
	if err != nil {
		slog.WarnContext(ctx, "replaced session not removed", slog.Any("error", err))
	}
}

// logout ends a session in PRONOTE too, and forgets all of it.
func (f *function) logout(c *call) error {
	v, err := f.vault(c.settings)
	if err != nil {
		return err
	}
	ctx, l := c.Context(), c.live
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	r, _, _, gone := l.state()
	if !gone && f.sessions.checkSchool(ctx, c.settings, v, r.School) == nil {
		conn := &pronote.Conn{
			Client: f.client(c.settings), Session: r.Session, Orders: &order{
				s: &f.sessions, v: v, l: l,
				settings: c.settings,
			},
		}
		if err := conn.Close(ctx); err != nil { // it ends by itself too
			slog.InfoContext(ctx, "session not closed in PRONOTE", slog.Any("error", outbound.WithoutURL(err)))
		}
	}
	if err := f.sessions.finish(ctx, v, l); err != nil {
		return err
	}
	if err := f.sessions.forget(ctx, v, hashOf(c.text)); !errors.Is(err, errExpired) {
		return err
	}
	return f.ok(c)
}
