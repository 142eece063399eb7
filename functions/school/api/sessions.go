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
	tokens map[string]string // ids of sessions by the hash of a token
	live   map[string]*live  // by id
	swept  time.Time
	tidied time.Time

	limiters map[string]*rate.Limiter // of accounts, and of schools
	schools  map[string]time.Time     // until when a school must not be asked
	logins   map[string]*turn         // accounts that are logging in
}

// mostLive is how many sessions are remembered; then those that were not used for the longest time are dropped.
const mostLive = 20000

func (s *sessions) init(f *function) {
	s.f = f
	s.tokens, s.live = map[string]string{}, map[string]*live{}
	s.limiters, s.schools, s.logins = map[string]*rate.Limiter{}, map[string]time.Time{}, map[string]*turn{}
}

// A turn lets one in after the other. Who waits can give up.
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

// A live session is one that this process uses. PRONOTE allows one call at a time in it: whoever calls has its turn.
type live struct {
	id    string
	turn  *turn
	cache cache

	mu   sync.Mutex // of what follows
	used time.Time
	gone bool // it has ended; its token is answered "expired" once
	// chained says that a chain leads to its next login.
	chained bool

	// These are of whoever has the turn.
	record  record
	choices choice
	known   pronote.Known
	next    int // the order number of the next call
}

// A record is a session in the store.
type record struct {
	Session  *pronote.Session `json:"session"`
	Account  string           `json:"account"`            // digest of the account
	School   string           `json:"school"`             // digest of the school's address
	Password string           `json:"password,omitempty"` // digest of the password that it was logged in with
	At       time.Time        `json:"at"`
}

// A choice is what the person looks at.
type choice struct {
	Period string `json:"period,omitempty"` // name
	Child  string `json:"child,omitempty"`  // id
}

// A tokenDoc is what a token opens.
type tokenDoc struct {
	Session string `json:"session"`
}

// enter finds the session of a token. One that was not used for too long has ended, unless a chain leads to the next.
func (s *sessions) enter(ctx context.Context, settings *school.Settings, token string) (*live, error) {
	if len(token) != 22 {
		return nil, errNotFound
	}
	v, err := s.f.vault(settings)
	if err != nil {
		return nil, err
	}
	s.tidy(settings)
	hash := hashOf(token)
	s.mu.Lock()
	id, known := s.tokens[hash]
	s.mu.Unlock()
	if !known {
		var doc tokenDoc
		if _, err := v.get(ctx, tokens+hash, &doc); errors.Is(err, documents.ErrNotFound) {
			return nil, errNotFound
		} else if err != nil {
			return nil, err
		}
		id = doc.Session
	}
	l, err := s.open(ctx, v, id)
	switch {
	case errors.Is(err, documents.ErrNotFound): // it has ended since
		return nil, s.forget(ctx, v, hash)
	case err != nil:
		return nil, err
	}
	s.mu.Lock()
	s.tokens[hash] = id
	s.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := s.f.Now(); l.gone || !l.chained && now.Sub(l.used) > settings.Idle() {
		l.gone = true
		s.drop(id)
		if err := s.end(ctx, v, id); err != nil {
			return nil, err
		}
		return nil, s.forget(ctx, v, hash)
	}
	return l, nil
}

// forget takes a token away whose session has ended. It is answered "expired" once, and then as one that is not known.
func (s *sessions) forget(ctx context.Context, v *vault, hash string) error {
	s.mu.Lock()
	delete(s.tokens, hash)
	s.mu.Unlock()
	if err := v.remove(ctx, tokens+hash); err != nil {
		return err
	}
	return errExpired
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

// tidyEvery is how often what this process remembers is looked through.
const tidyEvery = time.Minute

// tidy forgets answers that have grown old, and sessions that nobody uses: who comes back has them read again.
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
	for hash, id := range s.tokens {
		if s.live[id] == nil {
			delete(s.tokens, hash)
		}
	}
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
	for hash, id := range s.tokens {
		if s.live[id] == nil {
			delete(s.tokens, hash)
		}
	}
	clear(s.limiters)
}

func (l *live) isChained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.chained
}

func (l *live) lastUse() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.used
}

// read reads a session with all that belongs to it.
func (l *live) read(ctx context.Context, v *vault) error {
	if _, err := v.get(ctx, living+l.id, &l.record); err != nil {
		return err
	}
	if _, err := v.get(ctx, choices+l.id, &l.choices); err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	_, err := v.lastChain(ctx, l.id)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	l.chained = err == nil
	last, at, err := v.lastOrder(ctx, l.id)
	if err != nil {
		return err
	}
	l.next = max(l.record.Session.Next, last+2)
	if last == 0 {
		at = l.record.At
	}
	l.used = at
	return nil
}

// drop forgets a session in this process.
func (s *sessions) drop(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, id)
}

// end removes a session from the store, with all that belongs to it.
func (s *sessions) end(ctx context.Context, v *vault, id string) error {
	for _, name := range []string{living, choices} {
		if err := v.remove(ctx, name+id); err != nil {
			return err
		}
	}
	for _, prefix := range []string{chains, orders} {
		if err := v.removeAll(ctx, prefix+id+"/"); err != nil {
			return err
		}
	}
	return nil
}

// settled is how long a call of another process is waited for, whose end nobody knows.
const settled = 2 * time.Second

// An order is the numbering of a session's calls, for who has its turn: see [pronote.Orders].
type order struct {
	s        *sessions
	v        *vault
	l        *live
	settings *school.Settings
	taken    bool // over from another process
}

// Next claims the next number: an object that must not exist yet is written before the call. Where another process has
// been faster, its call is waited for, and the numbers go on after it. A second time the session is given up.
func (o *order) Next(ctx context.Context) (int, error) {
	if err := o.s.pace(ctx, o.settings, o.l.record.Account, o.l.record.School); err != nil {
		return 0, err
	}
	for {
		now := o.s.f.Now()
		n := o.l.next
		_, err := o.v.bucket.Put(ctx, orderName(o.l.id, n), 0, []byte("{}"), written(now))
		switch {
		case err == nil:
			o.l.next = n + 2
			o.l.mu.Lock()
			o.l.used = now
			o.l.mu.Unlock()
			return n, nil
		case !errors.Is(err, documents.ErrConflict):
			return 0, kept(err)
		case o.taken:
			return 0, pronote.ErrSessionLost
		}
		o.taken = true
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
	if err := s.checkSchool(ctx, c.settings, v, l.record.School); err != nil {
		return err
	}
	for again := false; ; again = true {
		if again || l.isChained() && s.f.Now().Sub(l.lastUse()) > c.settings.Idle() {
			if err := s.followChain(ctx, c.settings, v, l); err != nil {
				return err
			}
		}
		pupil, err := c.pupil()
		if err != nil {
			return err
		}
		err = do(ctx, &pronote.Conn{
			Client: s.f.client(c.settings), Session: l.record.Session, Pupil: pupil, Link: c.link,
			Known:  &l.known,
			Orders: &order{s: s, v: v, l: l, settings: c.settings},
		})
		if !errors.Is(err, pronote.ErrSessionLost) || again {
			return s.judged(ctx, c, v, err)
		}
		if !l.isChained() {
			return s.lost(ctx, c, v)
		}
	}
}

// judged notes what an error means to later calls.
func (s *sessions) judged(ctx context.Context, c *call, v *vault, err error) error {
	var code *pronote.Error
	switch {
	case errors.Is(err, pronote.ErrSessionLost):
		return s.lost(ctx, c, v)
	case errors.As(err, &code) && code.Code == pronote.CodeSuspended:
		return s.suspend(ctx, c.settings, v, c.live.record.School)
	case errors.As(err, &code) && code.Code == pronote.CodeTooMany:
		return s.silence(ctx, v, c.live.record.Account)
	}
	return err
}

// lost ends a session that PRONOTE has ended.
func (s *sessions) lost(ctx context.Context, c *call, v *vault) error {
	l := c.live
	l.mu.Lock()
	l.gone = true
	l.mu.Unlock()
	s.drop(l.id)
	if err := s.end(ctx, v, l.id); err != nil {
		return err
	}
	return s.forget(ctx, v, hashOf(c.token))
}
