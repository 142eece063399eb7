package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
)

// sweepEvery is how often what nobody comes back for is looked for, mostSwept how long that may take.
const (
	sweepEvery = 30 * time.Minute
	mostSwept  = 20 * time.Second
)

// accountTime is how long it is known what happened with an account, tokenTime how long a token is that did not end.
const (
	accountTime = 48 * time.Hour
	tokenTime   = 24 * time.Hour
)

// sweep removes sessions that have ended, with their tokens, while other requests are served.
func (s *sessions) sweep(ctx context.Context, settings *school.Settings, v *vault) {
	now := s.f.Now()
	if !s.sweeping.TryLock() {
		return
	}
	if age := now.Sub(s.swept); age >= 0 && age < sweepEvery {
		s.sweeping.Unlock()
		return
	}
	s.swept = now
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), mostSwept)
	run := func() {
		defer s.sweeping.Unlock()
		defer cancel()
		w := sweeper{s: s, v: v, settings: settings, now: now}
		if err := w.all(ctx); err != nil {
			slog.WarnContext(ctx, "ended sessions not all removed", slog.Any("error", err))
		}
	}
	if s.f.SweepNow {
		run()
		return
	}
	go run()
}

// A sweeper looks through the store.
type sweeper struct {
	s        *sessions
	v        *vault
	settings *school.Settings
	now      time.Time

	alive   map[string]bool // sessions that go on
	chained map[string]bool // of those, by a chain
}

func (w *sweeper) all(ctx context.Context) error {
	w.alive, w.chained = map[string]bool{}, map[string]bool{}
	if err := w.chains(ctx); err != nil {
		return err
	}
	if err := w.sessions(ctx); err != nil {
		return err
	}
	for _, prefix := range []string{orders, chains} {
		if err := w.orphans(ctx, prefix); err != nil {
			return err
		}
	}
	if err := w.tokens(ctx); err != nil {
		return err
	}
	return w.accounts(ctx)
}

// age is how old a document is; one of a clock that was ahead is old.
func (w *sweeper) age(info documents.Info) time.Duration {
	if age := w.now.Sub(instant(info.Metadata)); age > -time.Hour {
		return age
	}
	return accountTime + 1
}

// each visits documents, and removes those that are of no use.
func (w *sweeper) each(ctx context.Context, prefix string, useless func(info documents.Info) (bool, error)) error {
	for info, err := range w.v.bucket.List(ctx, prefix) {
		if err != nil {
			return err
		}
		gone, err := useless(info)
		if err != nil {
			return err
		}
		if !gone {
			continue
		}
		err = w.v.bucket.Delete(ctx, info.Name, info.Generation)
		if err != nil && !errors.Is(err, documents.ErrConflict) {
			return err
		}
	}
	return nil
}

// idOf is the session that a name is of.
func idOf(name, prefix string) string {
	id, _, _ := strings.Cut(strings.TrimPrefix(name, prefix), "/")
	return id
}

// chains finds the sessions that go on by a chain.
func (w *sweeper) chains(ctx context.Context) error {
	return w.each(ctx, chains, func(info documents.Info) (bool, error) {
		id := idOf(info.Name, chains)
		w.chained[id] = w.chained[id] || w.age(info) < w.settings.ChainLife()
		return false, nil
	})
}

func (w *sweeper) sessions(ctx context.Context) error {
	return w.each(ctx, living, func(info documents.Info) (bool, error) {
		id := idOf(info.Name, living)
		ended := w.age(info) > w.settings.Idle()
		if ended && !w.chained[id] {
			_, last, err := w.v.lastOrder(ctx, id)
			if err != nil {
				return false, err
			}
			ended = w.now.Sub(last) > w.settings.Idle()
		}
		if !ended || w.chained[id] {
			w.alive[id] = true
			return false, nil
		}
		return true, w.s.end(ctx, w.v, id)
	})
}

// orphans are of sessions that are no more; one that is being logged in is not there yet.
func (w *sweeper) orphans(ctx context.Context, prefix string) error {
	return w.each(ctx, prefix, func(info documents.Info) (bool, error) {
		return !w.alive[idOf(info.Name, prefix)] && w.age(info) > loginTime, nil
	})
}

func (w *sweeper) tokens(ctx context.Context) error {
	return w.each(ctx, tokens, func(info documents.Info) (bool, error) {
		if w.age(info) <= w.settings.Idle() {
			return false, nil
		}
		var t token
		if _, err := w.v.get(ctx, info.Name, &t); errors.Is(err, documents.ErrNotFound) {
			return true, nil
		} else if err != nil {
			return false, err
		}
		old := w.age(info) > tokenTime && !w.chained[t.Session]
		return old || !w.alive[t.Session], nil
	})
}

func (w *sweeper) accounts(ctx context.Context) error {
	return w.each(ctx, accounts, func(info documents.Info) (bool, error) {
		if w.age(info) <= accountTime {
			return false, nil
		}
		if !strings.HasSuffix(info.Name, newest) {
			return true, nil
		}
		var t token
		if _, err := w.v.get(ctx, info.Name, &t); errors.Is(err, documents.ErrNotFound) {
			return true, nil
		} else if err != nil {
			return false, err
		}
		return !w.alive[t.Session], nil
	})
}
