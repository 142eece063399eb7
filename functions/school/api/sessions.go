package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// sessions are those that this process has used lately. Everything in it can be read again from the store.
type sessions struct {
	f *function

	mu     sync.Mutex
	tokens map[string]token // by their hash
	live   map[string]*live // by id
	tidied time.Time

	sweeping sync.Mutex
	swept    time.Time

	limiters map[string]*rate.Limiter // of accounts, and of schools
	schools  map[string]standing      // of schools
	failures map[string][]time.Time   // wrong passwords, by school
	logins   map[string]*turn         // accounts that are logging in
}

// mostLive is how many sessions are remembered; then those that were not used for the longest time are dropped.
const mostLive = 20000

func (s *sessions) init(f *function) {
	s.f = f
	s.tokens, s.live, s.logins = map[string]token{}, map[string]*live{}, map[string]*turn{}
	s.limiters, s.schools = map[string]*rate.Limiter{}, map[string]standing{}
	s.failures = map[string][]time.Time{}
}

// A turn lets one in after the other. A caller that waits can give up.
type turn struct{ free chan struct{} }

func newTurn() *turn {
	t := &turn{make(chan struct{}, 1)}
	t.free <- struct{}{}
	return t
}

func (t *turn) take(ctx context.Context) error {
	select {
	case <-t.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turn) give() { t.free <- struct{}{} }

// idle reports whether nobody has the turn.
func (t *turn) idle() bool { return len(t.free) > 0 }

// A live session is one that this process uses. PRONOTE allows one call at a time in it: the caller has its turn.
type live struct {
	id    string
	turn  *turn
	cache cache

	mu      sync.Mutex // of what follows
	used    time.Time
	gone    bool   // it has ended
	chained bool   // a chain leads to its next login
	record  record // replaced as a whole, by the caller that has the turn

	// These are the caller's that has the turn.
	known  map[string]*pronote.Known // by pupil
	next   int                       // the order number of the next call
	unsent int                       // a number that is claimed, and that PRONOTE has not got
}

// A record is a session in the store.
type record struct {
	Session  *pronote.Session `json:"session"`
	Account  string           `json:"account"`            // digest of the account
	School   string           `json:"school"`             // digest of the school's server
	Password string           `json:"password,omitempty"` // digest of the password that it was logged in with
	At       time.Time        `json:"at"`                 // of its login
}

// state is what a session is now.
func (l *live) state() (r record, used time.Time, chained, gone bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.record, l.used, l.chained, l.gone
}

func (l *live) lastUse() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// set changes what a session is.
func (l *live) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

// enter finds the session of a token. One that was not used for too long has ended, unless a chain leads to the next.
func (s *sessions) enter(ctx context.Context, settings *school.Settings, text string) (*live, token, error) {
	if len(text) != tokenLength {
		return nil, token{}, errNotFound
	}
	v, err := s.f.vault(settings)
	if err != nil {
		return nil, token{}, err
	}
	s.tidy(settings)
	hash := hashOf(text)
	t, err := s.token(ctx, v, hash)
	if err != nil {
		return nil, t, err
	}
	l, err := s.open(ctx, v, t.Session)
	if errors.Is(err, documents.ErrNotFound) { // it has ended since
		return nil, t, s.forget(ctx, v, hash)
	}
	if err != nil {
		return nil, t, err
	}
	if _, used, chained, gone := l.state(); gone || !chained && s.f.Now().Sub(used) > settings.Idle() {
		if err := s.finish(ctx, v, l); err != nil {
			return nil, t, err
		}
		return nil, t, s.forget(ctx, v, hash)
	}
	return l, t, nil
}

// open returns a session that is known here, or reads it.
func (s *sessions) open(ctx context.Context, v *vault, id string) (*live, error) {
	s.mu.Lock()
	l := s.live[id]
	s.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l = &live{id: id, turn: newTurn()}
	if err := l.read(ctx, v); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.live[id]; other != nil { // read by another request meanwhile
		return other, nil
	}
	s.add(l)
	return l, nil
}

// add remembers a session. The caller holds mu.
func (s *sessions) add(l *live) {
	if len(s.live) >= mostLive {
		s.shrink()
	}
	s.live[l.id] = l
}

// shrink drops the older half of what is remembered. The caller holds mu.
func (s *sessions) shrink() {
	var sum time.Duration
	now := s.f.Now()
	for _, l := range s.live {
		sum += now.Sub(l.lastUse())
	}
	mean := sum / time.Duration(len(s.live))
	for id, l := range s.live {
		if now.Sub(l.lastUse()) >= mean {
			delete(s.live, id)
		}
	}
	s.forgetTokens()
}

// forgetTokens drops tokens of sessions that are not remembered. The caller holds mu.
func (s *sessions) forgetTokens() {
	for hash, t := range s.tokens {
		if s.live[t.Session] == nil {
			delete(s.tokens, hash)
		}
	}
}

// tidyEvery is how often what this process remembers is looked through.
const tidyEvery = time.Minute

// tidy forgets answers that have grown old, and sessions that nobody uses: they can be read again.
func (s *sessions) tidy(settings *school.Settings) {
	now := s.f.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.tidied); age >= 0 && age < tidyEvery {
		return
	}
	s.tidied = now
	for id, l := range s.live {
		if now.Sub(l.lastUse()) > settings.Idle() && l.turn.idle() {
			delete(s.live, id)
			continue
		}
		l.cache.tidy(now)
	}
	s.forgetTokens()
	for at, times := range s.failures {
		if len(within(times, now, failuresTime)) == 0 {
			delete(s.failures, at)
		}
	}
}

// read reads a session with all that belongs to it.
func (l *live) read(ctx context.Context, v *vault) error {
	var r record
	if _, err := v.get(ctx, living+l.id, &r); err != nil {
		return err
	}
	_, err := v.lastChain(ctx, l.id)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	chained := err == nil
	last, at, err := v.lastOrder(ctx, l.id)
	if err != nil {
		return err
	}
	if last < r.Session.Next {
		at = r.At
	}
	l.take(r, max(r.Session.Next, last+2))
	l.set(func() { l.used, l.chained = at, chained })
	return nil
}

// take has a session go on with a record.
func (l *live) take(r record, next int) {
	l.set(func() { l.record, l.used = r, r.At })
	l.next, l.unsent, l.known = next, 0, map[string]*pronote.Known{}
	l.cache.clear()
}

// finish ends a session: nobody goes on with it.
func (s *sessions) finish(ctx context.Context, v *vault, l *live) error {
	l.set(func() { l.gone = true })
	s.mu.Lock()
	if s.live[l.id] == l {
		delete(s.live, l.id)
	}
	s.mu.Unlock()
	return s.end(ctx, v, l.id)
}

// end removes a session from the store, with all that belongs to it: first what leads to a next login.
func (s *sessions) end(ctx context.Context, v *vault, id string) error {
	if err := v.removeAll(ctx, chains+id+"/"); err != nil {
		return err
	}
	if err := v.remove(ctx, living+id); err != nil {
		return err
	}
	return v.removeAll(ctx, orders+id+"/")
}

// settled is how long a call of another process is waited for, whose end nobody knows; mostTaken is how often.
const (
	settled   = 2 * time.Second
	mostTaken = 3
)

// An order is the numbering of a session's calls, for the caller that has its turn: see [pronote.Orders].
type order struct {
	s        *sessions
	v        *vault
	l        *live
	settings *school.Settings
	taken    int // over from another process
}

// Next claims the next number: an object that must not exist yet is written before the call. Where another process has
// been faster, its call is waited for, and the numbers go on after it.
func (o *order) Next(ctx context.Context) (int, error) {
	r, _, _, _ := o.l.state()
	if err := o.s.pace(ctx, o.settings, r.Account, r.School); err != nil {
		return 0, err
	}
	for {
		now, n := o.s.f.Now(), o.l.next
		if o.l.unsent == n {
			o.l.unsent, o.l.next = 0, n+2
			return n, nil
		}
		_, err := o.v.bucket.Put(ctx, orderName(o.l.id, n), 0, []byte("{}"), written(now))
		if err == nil {
			o.l.next = n + 2
			o.l.set(func() { o.l.used = now })
			return n, nil
		}
		if !errors.Is(err, documents.ErrConflict) {
			return 0, kept(err)
		}
		if o.taken++; o.taken > mostTaken {
			return 0, &pause{errBusy, settled}
		}
		last, at, err := o.v.lastOrder(ctx, o.l.id)
		if err != nil {
			return 0, err
		}
		o.l.next = max(n, last) + 2
		if err := sleep(ctx, min(settled, settled-now.Sub(at))); err != nil {
			return 0, err
		}
	}
}

// Back takes a number back that PRONOTE has not got: the next call has it.
func (o *order) Back(n int) { o.l.next, o.l.unsent = n, n }

// errBusy is a session that another process uses at the same time.
var errBusy = errors.New("the session is being used by another process: try again")

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// with calls PRONOTE in a session, for a pupil. Where the session has been lost a chain leads to the next one, once;
// without a chain its token ends.
func (s *sessions) with(c *call, do func(ctx context.Context, conn *pronote.Conn) error) error {
	ctx := c.Context()
	v, err := s.f.vault(c.settings)
	if err != nil {
		return err
	}
	l := c.live
	if err := l.turn.take(ctx); err != nil {
		return err
	}
	defer l.turn.give()
	for again := false; ; again = true {
		r, used, chained, gone := l.state()
		if gone {
			return s.forget(ctx, v, hashOf(c.text))
		}
		if err := s.checkSchool(ctx, c.settings, v, r.School); err != nil {
			return err
		}
		if again || chained && s.f.Now().Sub(used) > c.settings.Idle() {
			if err := s.renew(ctx, c.settings, v, l); err != nil {
				return s.judged(ctx, c, v, err)
			}
			r, _, _, _ = l.state()
		}
		pupil, err := c.pupil(r.Session)
		if err != nil {
			return err
		}
		err = do(ctx, s.conn(c, v, l, pupil))
		if !errors.Is(err, pronote.ErrSessionLost) || again || !chained {
			return s.judged(ctx, c, v, err)
		}
	}
}

func (s *sessions) conn(c *call, v *vault, l *live, pupil pronote.Person) *pronote.Conn {
	r, _, _, _ := l.state()
	if l.known[pupil.ID] == nil {
		l.known[pupil.ID] = &pronote.Known{}
	}
	return &pronote.Conn{
		Client: s.f.client(c.settings), Session: r.Session, Pupil: pupil, Link: link, Known: l.known[pupil.ID],
		Orders: &order{s: s, v: v, l: l, settings: c.settings},
	}
}

// judged notes what an error means to later calls.
func (s *sessions) judged(ctx context.Context, c *call, v *vault, err error) error {
	r, _, _, _ := c.live.state()
	var code *pronote.Error
	switch {
	case errors.Is(err, pronote.ErrSessionLost):
		if err := s.finish(ctx, v, c.live); err != nil {
			return err
		}
		return s.forget(ctx, v, hashOf(c.text))
	case errors.As(err, &code) && code.Code == pronote.CodeSuspended:
		return s.suspend(ctx, c.settings, v, r.School)
	case errors.As(err, &code) && code.Code == pronote.CodeTooMany:
		return s.silence(ctx, v, r.Account)
	case errors.Is(err, pronote.ErrClosed):
		return s.closed(r.School)
	}
	return err
}
