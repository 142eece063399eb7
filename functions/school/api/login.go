package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

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
func bad(body any) error { return &refusal{status: http.StatusBadRequest, body: body} }

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

// generateToken logs in, or uses an account's living session again.
func (f *function) generateToken(c *call) error {
	l, err := readLogin(c.params)
	if err != nil {
		return err
	}
	token, err := f.sessions.login(c.Context(), c.settings, l)
	if err != nil {
		return loginFault(err)
	}
	return c.json(map[string]any{"token": token, "error": false})
}

// loginFault is what an error of a login answers.
func loginFault(err error) error {
	var denied *pronote.Denied
	var code *pronote.Error
	switch {
	case isOne(err, pronote.ErrWrongPassword, pronote.ErrNoPage, pronote.ErrOldVersion, pronote.ErrNeedsPIN,
		pronote.ErrWrongPIN, pronote.ErrNeedsDevice, pronote.ErrNewPassword, pronote.ErrChooseMode, pronote.ErrQRCode,
		pronote.ErrNoENT, pronote.ErrSpace, pronote.ErrHost, errNoChild):
		return refused(first(err))
	case errors.As(err, &denied):
		return refused(denied)
	case errors.As(err, &code) && code.Code == pronote.CodeRefused:
		return refused(code)
	}
	return err
}

// first is the sentence of an error, without what it wraps.
func first(err error) error {
	for _, known := range []error{
		pronote.ErrWrongPassword, pronote.ErrNoPage, pronote.ErrOldVersion, pronote.ErrNeedsPIN, pronote.ErrWrongPIN,
		pronote.ErrNeedsDevice, pronote.ErrNewPassword, pronote.ErrChooseMode, pronote.ErrQRCode, pronote.ErrNoENT,
		pronote.ErrSpace, pronote.ErrHost, errNoChild,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	return err
}

// schoolOf is the server and the page of an address, for digests: the same school has the same.
func schoolOf(address string) (school, page string) {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil {
		return address, ""
	}
	name := strings.TrimPrefix(path.Base(u.Path), "mobile.")
	if !strings.HasSuffix(name, ".html") {
		return strings.ToLower(u.Host) + strings.TrimSuffix(u.Path, "/"), "eleve.html"
	}
	return strings.ToLower(u.Host) + strings.TrimSuffix(path.Dir(u.Path), "/"), name
}

// login returns a token.
func (s *sessions) login(ctx context.Context, settings *school.Settings, l login) (token string, err error) {
	v, err := s.f.vault(settings)
	if err != nil {
		return "", err
	}
	s.sweep(ctx, settings, v)
	at, page := schoolOf(l.by.URL)
	user := strings.ToLower(strings.TrimSpace(l.by.Username))
	if l.qr != nil {
		user = "qr " + l.qr.Login
	}
	r := record{Account: v.digest("account", at, page, user), School: v.digest("school", at), At: s.f.Now()}
	if l.qr == nil {
		r.Password = v.digest("password", at, page, user, l.by.Password, l.by.Device)
	}
	release, err := s.oneLogin(ctx, r.Account)
	if err != nil {
		return "", err
	}
	defer release()
	if token, err := s.reuse(ctx, settings, v, r, l.child); token != "" || err != nil {
		return token, err
	}
	if err := s.checkSchool(ctx, settings, v, r.School); err != nil {
		return "", err
	}
	return s.begin(ctx, settings, v, r, l)
}

// oneLogin has one login of an account under way: the other one finds the session of the first.
func (s *sessions) oneLogin(ctx context.Context, account string) (release func(), err error) {
	s.mu.Lock()
	t := s.logins[account]
	if t == nil {
		if len(s.logins) > mostLive {
			clear(s.logins)
		}
		t = newTurn()
		s.logins[account] = t
	}
	s.mu.Unlock()
	if err := t.take(ctx); err != nil {
		return nil, err
	}
	return t.give, nil
}

// reuse gives another token to the living session of the account, if the password is the one that it was logged in
// with.
func (s *sessions) reuse(ctx context.Context, settings *school.Settings, v *vault, r record, child string) (
	token string, err error,
) {
	if r.Password == "" {
		return "", nil
	}
	var doc tokenDoc
	if _, err := v.get(ctx, accounts+r.Account+newest, &doc); errors.Is(err, documents.ErrNotFound) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	l, err := s.open(ctx, v, doc.Session)
	if errors.Is(err, documents.ErrNotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	l.mu.Lock()
	alive := !l.gone && (l.chained || s.f.Now().Sub(l.used) <= settings.Idle())
	l.mu.Unlock()
	if !alive {
		return "", nil
	}
	if err := l.turn.take(ctx); err != nil {
		return "", err
	}
	defer l.turn.give()
	if l.record.Password != r.Password {
		return "", nil
	}
	if child != "" {
		if err := s.choose(ctx, v, l, choice{Period: l.choices.Period, Child: child}); err != nil {
			return "", err
		}
	}
	return s.issue(ctx, v, l.id)
}

// issue gives a token to a session.
func (s *sessions) issue(ctx context.Context, v *vault, id string) (string, error) {
	token := newToken()
	hash := hashOf(token)
	if err := v.put(ctx, tokens+hash, 0, tokenDoc{id}, written(s.f.Now())); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[hash] = id
	return token, nil
}

// begin logs in, and keeps the session.
func (s *sessions) begin(ctx context.Context, settings *school.Settings, v *vault, r record, l login) (string, error) {
	id := uuid.NewString()
	if err := s.countLogin(ctx, settings, v, r.Account); err != nil {
		return "", err
	}
	if err := s.pace(ctx, settings, r.Account, r.School); err != nil {
		return "", err
	}
	chained := false
	rotated := func(chain pronote.Chain) error {
		chained = true
		return v.keepChain(ctx, id, chain, s.f.Now())
	}
	var err error
	client := s.f.client(settings)
	if l.qr != nil {
		r.Session, err = client.LoginQR(ctx, *l.qr, l.checkCode, l.by, rotated)
	} else {
		r.Session, err = client.Login(ctx, l.by, rotated)
	}
	if err != nil {
		return "", s.loginFailed(ctx, settings, v, r, err)
	}
	if err := v.put(ctx, living+id, 0, r, written(r.At)); err != nil {
		return "", err
	}
	fresh := &live{id: id, turn: newTurn(), record: r, chained: chained, next: r.Session.Next, used: s.f.Now()}
	if l.child != "" {
		if err := s.choose(ctx, v, fresh, choice{Child: l.child}); err != nil {
			return "", err
		}
	}
	old, err := s.newest(ctx, v, r.Account, id)
	if err != nil {
		return "", err
	}
	s.mu.Lock()
	s.add(fresh)
	s.mu.Unlock()
	if old != "" { // PRONOTE has ended it by this login
		s.retire(ctx, v, old)
	}
	return s.issue(ctx, v, id)
}

// retire marks an account's session as ended that a new one has replaced. Its tokens are answered "expired".
func (s *sessions) retire(ctx context.Context, v *vault, id string) {
	s.mu.Lock()
	l := s.live[id]
	delete(s.live, id)
	s.mu.Unlock()
	if l != nil {
		l.mu.Lock()
		l.gone = true
		l.mu.Unlock()
	}
	if err := s.end(ctx, v, id); err != nil {
		slog.WarnContext(ctx, "replaced session not removed", slog.Any("error", err))
	}
}

// newest notes an account's newest session, and returns the one before.
func (s *sessions) newest(ctx context.Context, v *vault, account, id string) (old string, err error) {
	for range 3 {
		h, err := s.history(ctx, v, account)
		if err != nil {
			return "", err
		}
		err = v.put(ctx, accounts+account+newest, h.gen, tokenDoc{id}, written(s.f.Now()))
		if !errors.Is(err, documents.ErrConflict) {
			return h.session, err
		}
	}
	return "", kept(documents.ErrConflict)
}

// loginFailed notes what an error of a login means to the next ones.
func (s *sessions) loginFailed(ctx context.Context, settings *school.Settings, v *vault, r record, err error) error {
	var code *pronote.Error
	switch {
	case errors.As(err, &code) && code.Code == pronote.CodeSuspended:
		return s.suspend(ctx, settings, v, r.School)
	case errors.As(err, &code) && code.Code == pronote.CodeTooMany:
		return s.silence(ctx, v, r.Account)
	case isOne(err, pronote.ErrWrongPassword, pronote.ErrWrongPIN):
		return errors.Join(err, s.note(ctx, v, r.Account, failed))
	}
	return err
}

// errChain is a chain whose token PRONOTE does not take any more. It was lost between PRONOTE's answer and our writing
// it down, or the family has removed the device in PRONOTE.
var errChain = errors.New("the chain of logins is broken: connect again with a new QR code, or with the password")

// followChain logs in again by a session's chain, for who has its turn. What the person chose stays.
func (s *sessions) followChain(ctx context.Context, settings *school.Settings, v *vault, l *live) error {
	chain, err := v.chain(ctx, l.id)
	if errors.Is(err, documents.ErrNotFound) {
		return pronote.ErrSessionLost
	}
	if err != nil {
		return err
	}
	if err := s.countLogin(ctx, settings, v, l.record.Account); err != nil {
		return err
	}
	fresh, err := s.f.client(settings).LoginChain(ctx, chain, func(next pronote.Chain) error {
		return v.keepChain(ctx, l.id, next, s.f.Now())
	})
	switch {
	case errors.Is(err, pronote.ErrWrongPassword):
		slog.WarnContext(ctx, "chain of logins broken: its next token was lost, or the device was removed")
		if err := v.removeAll(ctx, chains+l.id+"/"); err != nil {
			return err
		}
		l.mu.Lock()
		l.chained = false
		l.mu.Unlock()
		return &refusal{StatusToken, "expired", errChain}
	case err != nil:
		return s.loginFailed(ctx, settings, v, l.record, err)
	}
	return s.replace(ctx, v, l, fresh)
}

// replace puts a new session in the place of one that has ended.
func (s *sessions) replace(ctx context.Context, v *vault, l *live, fresh *pronote.Session) error {
	if err := v.removeAll(ctx, orders+l.id+"/"); err != nil {
		return err
	}
	r := l.record
	r.Session, r.At = fresh, s.f.Now()
	for range 5 {
		var before record
		stored, err := v.get(ctx, living+l.id, &before)
		if err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		err = v.put(ctx, living+l.id, stored.Generation, r, written(r.At))
		if errors.Is(err, documents.ErrConflict) {
			continue
		}
		if err != nil {
			return err
		}
		l.mu.Lock()
		l.used = r.At
		l.mu.Unlock()
		l.record, l.next, l.known = r, fresh.Next, pronote.Known{}
		l.cache.clear()
		return nil
	}
	return documents.ErrConflict
}

// choose keeps what a person looks at.
func (s *sessions) choose(ctx context.Context, v *vault, l *live, want choice) error {
	if want.Child != "" {
		pupil, ok := pupilOf(l.record.Session, want.Child)
		if !ok {
			return errNoChild
		}
		want.Child = pupil.ID
	}
	for range 5 {
		var before choice
		stored, err := v.get(ctx, choices+l.id, &before)
		if err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		err = v.put(ctx, choices+l.id, stored.Generation, want, written(s.f.Now()))
		if err == nil {
			l.choices = want
		}
		if !errors.Is(err, documents.ErrConflict) {
			return err
		}
	}
	return documents.ErrConflict
}

// logout ends a session in PRONOTE too, and forgets all of it.
func (f *function) logout(c *call) error {
	v, err := f.vault(c.settings)
	if err != nil {
		return err
	}
	l := c.live
	if err := l.turn.take(c.Context()); err != nil {
		return err
	}
	defer l.turn.give()
	conn := &pronote.Conn{
		Client: f.client(c.settings), Session: l.record.Session,
		Orders: &order{s: &f.sessions, v: v, l: l, settings: c.settings},
	}
	if f.sessions.checkSchool(c.Context(), c.settings, v, l.record.School) == nil {
		if err := conn.Close(c.Context()); err != nil { // it ends by itself too
			slog.InfoContext(c.Context(), "session not closed in PRONOTE", slog.Any("error", outbound.WithoutURL(err)))
		}
	}
	f.sessions.retire(c.Context(), v, l.id)
	if err := v.remove(c.Context(), tokens+hashOf(c.token)); err != nil {
		return err
	}
	f.sessions.mu.Lock()
	delete(f.sessions.tokens, hashOf(c.token))
	f.sessions.mu.Unlock()
	return f.ok(c)
}

// sweepEvery is how often what has ended is looked for, and mostSwept how long that may take.
const (
	sweepEvery = 30 * time.Minute
	mostSwept  = 2 * time.Second
)

// sweep removes what nobody came back for: sessions that have ended, with their tokens.
func (s *sessions) sweep(ctx context.Context, settings *school.Settings, v *vault) {
	now := s.f.Now()
	s.mu.Lock()
	due := now.Sub(s.swept) >= sweepEvery || now.Before(s.swept)
	if due {
		s.swept = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, mostSwept)
	defer cancel()
	if err := s.sweepAll(ctx, settings, v); err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "ended sessions not removed", slog.Any("error", err))
	}
}

func (s *sessions) sweepAll(ctx context.Context, settings *school.Settings, v *vault) error {
	now := s.f.Now()
	there := map[string]bool{}
	for info, err := range v.bucket.List(ctx, chains) {
		if err != nil {
			return err
		}
		id, _, _ := strings.Cut(strings.TrimPrefix(info.Name, chains), "/")
		there["chain "+id] = there["chain "+id] || now.Sub(instant(info.Metadata)) < settings.ChainLife()
	}
	for info, err := range v.bucket.List(ctx, living) {
		if err != nil {
			return err
		}
		id := strings.TrimPrefix(info.Name, living)
		if ended, err := s.ended(ctx, settings, v, id, instant(info.Metadata)); err != nil {
			return err
		} else if ended && !there["chain "+id] {
			s.retire(ctx, v, id)
			continue
		}
		there[id] = true
	}
	for info, err := range v.bucket.List(ctx, tokens) {
		if err != nil {
			return err
		}
		var doc tokenDoc
		if _, err := v.get(ctx, info.Name, &doc); err == nil && !there[doc.Session] && now.Sub(instant(info.Metadata)) >
			settings.Idle() {
			if err := v.remove(ctx, info.Name); err != nil {
				return err
			}
		}
	}
	return s.sweepAccounts(ctx, v)
}

// ended reports whether a session of the store was not used for too long.
func (s *sessions) ended(ctx context.Context, settings *school.Settings, v *vault, id string, at time.Time) (bool,
	error,
) {
	now := s.f.Now()
	if now.Sub(at) <= settings.Idle() {
		return false, nil
	}
	_, last, err := v.lastOrder(ctx, id)
	return now.Sub(last) > settings.Idle(), err
}

// accountTime is how long it is known what happened with an account.
const accountTime = 48 * time.Hour

// sweepAccounts removes accounts of which nothing need be known any more.
func (s *sessions) sweepAccounts(ctx context.Context, v *vault) error {
	for info, err := range v.bucket.List(ctx, accounts) {
		if err != nil {
			return err
		}
		if s.f.Now().Sub(instant(info.Metadata)) > accountTime {
			if err := v.bucket.Delete(ctx, info.Name, info.Generation); err != nil && !errors.Is(err, documents.ErrConflict) {
				return err
			}
		}
	}
	return nil
}
