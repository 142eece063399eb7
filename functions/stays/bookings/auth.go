package bookings

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

// A gate lets partners in by their secrets, and no partner in too often.
type gate struct {
	Config

	key    []byte        // of the process, for right
	hashes chan struct{} // as many as costly hashes may be under way

	flights singleflight.Group // costly hashes under way

	mu       sync.Mutex
	partners map[string]read          // by name, and by the hash of a secret
	right    map[[32]byte]time.Time   // costly secrets that were right, by a keyed hash of them
	calls    map[string]*rate.Limiter // of partners

	failures  web.Limits // of names at addresses
	addresses web.Limits
}

// A read is a partner as it was a moment ago.
type read struct {
	partner ledger.Partner
	err     error
	at      time.Time
}

// Bounds of the gate.
const (
	partnerAge   = 5 * time.Second // a revoked partner is let in for this long at most
	hashesAtOnce = 2
	remembered   = 1000 // entries of each map; then it is begun anew

	// Wrong secrets: some at once, then one in a while, of a name and address, and of an address.
	failuresAtOnce     = 5
	failureEvery       = 12 * time.Second
	addressAtOnce      = 30
	addressEvery       = 2 * time.Second
	callsAtOnceSeconds = 3 // of a partner's calls of a minute
)

func newGate(cfg Config, key string) *gate {
	return &gate{
		Config: cfg, key: []byte(key), hashes: make(chan struct{}, hashesAtOnce), partners: map[string]read{},
		right: map[[32]byte]time.Time{}, calls: map[string]*rate.Limiter{},
		failures:  web.Limits{Every: failureEvery, Burst: failuresAtOnce},
		addresses: web.Limits{Every: addressEvery, Burst: addressAtOnce},
	}
}

// realNow is the machine's clock: attempts and caches live in real time.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// errWrong is a secret that lets nobody in.
var errWrong = errors.New("wrong secret")

// enter returns the partner whose secret a request has.
func (g *gate) enter(w http.ResponseWriter, r *http.Request, settings *stays.Settings) (ledger.Partner, error) {
	p, err := g.identify(r, settings)
	if err != nil {
		return p, g.refuse(w, r, err)
	}
	perMinute := settings.RequestsPerMinute()
	limit := rate.Limit(float64(perMinute) / 60)
	burst := max(1, perMinute*callsAtOnceSeconds/60)
	g.mu.Lock()
	l := g.calls[p.Name]
	if l == nil || l.Limit() != limit {
		l = rate.NewLimiter(limit, burst)
		g.calls[p.Name] = l
	}
	g.mu.Unlock()
	if wait := web.Reserve(l); wait > 0 {
		return p, web.TooMany(w, wait, "You have made more than "+strconv.Itoa(perMinute)+" requests a minute.")
	}
	return p, nil
}

// A tooManyError is attempts that come too fast.
type tooManyError struct{ wait time.Duration }

func (tooManyError) Error() string { return "too many wrong secrets" }

func (g *gate) refuse(w http.ResponseWriter, r *http.Request, err error) error {
	var fast tooManyError
	switch {
	case errors.As(err, &fast):
		return web.TooMany(w, fast.wait, "Too many requests from your address had a wrong name or secret.")
	case errors.Is(err, errWrong):
		w.Header().Set("WWW-Authenticate", `Basic realm="carillon", charset="UTF-8"`)
		w.Header().Add("WWW-Authenticate", `Bearer realm="carillon"`)
		return web.NewProblem(http.StatusUnauthorized,
			"Send your partner name and secret by Basic authentication, or the secret as Authorization: Bearer.", nil)
	}
	return unreachable(w, r, err)
}

// identify finds the partner of a request. Whoever sends nothing, or what is wrong, is not told which.
func (g *gate) identify(r *http.Request, settings *stays.Settings) (ledger.Partner, error) {
	name, secret, basic := r.BasicAuth()
	if !basic {
		secret = web.Bearer(r)
	}
	if secret == "" {
		return ledger.Partner{}, errWrong
	}
	from := web.ClientAddress(r, settings.Proxies())
	find := func(ctx context.Context) (ledger.Partner, error) {
		if !printable(name) { // no database keeps it
			return ledger.Partner{}, ledger.ErrNoPartner
		}
		return g.Ledger.Partner(ctx, name)
	}
	key := name
	if !basic {
		key = secrets.Hash(secret)
		find = func(ctx context.Context) (ledger.Partner, error) { return g.Ledger.PartnerOf(ctx, key) }
	}
	p, err := g.partner(r.Context(), key, find)
	if err != nil && !errors.Is(err, ledger.ErrNoPartner) {
		return p, err
	}
	if !p.Revoked.IsZero() {
		p.Secrets = nil
	}
	now := g.Now()
	for _, s := range p.Secrets {
		if !s.Ends.IsZero() && !s.Ends.After(now) {
			continue
		}
		if secrets.Costly(s.Hash) {
			if g.known(s, secret) {
				return p, nil
			}
			continue
		}
		if ok, err := secrets.Right(s.Hash, secret); ok {
			return p, err
		}
	}
	if !basic {
		return p, errors.Join(g.attempt(name, from), errWrong)
	}
	// Calls at once with one secret are one attempt, and one hash.
	_, err, _ = g.flights.Do(string(g.sum(name, from, secret)), func() (any, error) { //nolint:contextcheck // of several
		if err := g.attempt(name, from); err != nil {
			return nil, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), budget)
		defer cancel()
		return nil, g.hash(ctx, p, secret)
	})
	return p, err
}

// hash compares a secret with the costly ones of a partner.
func (g *gate) hash(ctx context.Context, p ledger.Partner, secret string) error {
	select {
	case g.hashes <- struct{}{}:
		defer func() { <-g.hashes }()
	case <-ctx.Done():
		return ctx.Err()
	}
	hashed := false
	for _, s := range p.Secrets {
		if !secrets.Costly(s.Hash) || !s.Ends.IsZero() && !s.Ends.After(g.Now()) {
			continue
		}
		hashed = true
		ok, err := secrets.Right(s.Hash, secret)
		if err != nil {
			slog.ErrorContext(ctx, "partner's secret not checked", slog.String("partner", p.Name), slog.Any("error", err))
		}
		if ok {
			g.remember(s, secret)
			return nil
		}
	}
	if !hashed { // an unknown name, and a wrong secret of any, take as long as a known one
		secrets.HashChosen(secret)
	}
	return errWrong
}

// partner returns a partner as it was a moment ago, or reads it.
func (g *gate) partner(
	ctx context.Context, key string, find func(context.Context) (ledger.Partner, error),
) (ledger.Partner, error) {
	g.mu.Lock()
	known, ok := g.partners[key]
	g.mu.Unlock()
	if ok && realNow().Sub(known.at) < partnerAge {
		return known.partner, known.err
	}
	p, err := find(ctx)
	if err != nil && !errors.Is(err, ledger.ErrNoPartner) {
		return p, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	room(g.partners)
	g.partners[key] = read{p, err, realNow()}
	return p, err
}

// sum tells callers apart: it means nothing outside this process.
func (g *gate) sum(texts ...string) []byte {
	mac := hmac.New(sha256.New, g.key)
	mac.Write([]byte(strings.Join(texts, "\x00")))
	return mac.Sum(nil)
}

// digest is by what a right secret is remembered: it means nothing outside this process.
func (g *gate) digest(s ledger.Secret, secret string) [32]byte {
	return [32]byte(g.sum(s.Hash, secret))
}

func (g *gate) known(s ledger.Secret, secret string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, ok := g.right[g.digest(s, secret)]
	return ok
}

func (g *gate) remember(s ledger.Secret, secret string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	room(g.right)
	g.right[g.digest(s, secret)] = realNow()
}

// attempt takes note of a secret that was not right at once; the error is a [tooManyError]. It is asked before a costly
// hash is made. An attempt that the address's own limit refuses adds no entry for its name, because names are without
// number.
func (g *gate) attempt(name, from string) error {
	if wait := g.addresses.Take(from); wait > 0 {
		return tooManyError{wait}
	}
	if wait := g.failures.Take(name + "\x00" + from); wait > 0 {
		return tooManyError{wait}
	}
	return nil
}

// room empties a map that has grown too large: whoever fills it gains nothing that a new instance would not give.
func room[K comparable, V any](m map[K]V) {
	if len(m) >= remembered {
		clear(m)
	}
}
