package api

import (
	"context"
	"errors"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
)

// longestWait is how long a call waits for its turn under a limit; then the caller is asked to come back.
const longestWait = 10 * time.Second

// pace waits until an account, and its school, may be asked again.
func (s *sessions) pace(ctx context.Context, settings *school.Settings, account, at string) error {
	l := settings.Limits
	if err := s.wait(ctx, "account "+account, l.CallsPerMinute, l.Burst); err != nil {
		return err
	}
	return s.wait(ctx, "school "+at, l.SchoolCalls, l.SchoolBurst)
}

func (s *sessions) wait(ctx context.Context, name string, perMinute, burst int) error {
	limit := rate.Limit(float64(perMinute) / 60)
	s.mu.Lock()
	l := s.limiters[name]
	if l == nil || l.Limit() != limit || l.Burst() != burst {
		if len(s.limiters) > mostLive {
			clear(s.limiters)
		}
		l = rate.NewLimiter(limit, burst)
		s.limiters[name] = l
	}
	s.mu.Unlock()
	r := l.Reserve()
	if d := r.Delay(); d > longestWait {
		r.Cancel()
		return &pause{errManyCalls, d}
	} else if err := sleep(ctx, d); err != nil {
		r.Cancel()
		return err
	}
	return nil
}

// A schoolDoc says until when a school must not be asked.
type schoolDoc struct {
	Until time.Time `json:"until"`
}

// checkSchool refuses calls to a school that has suspended this network address. Not one is tried before its time: each
// would make it last longer.
func (s *sessions) checkSchool(ctx context.Context, settings *school.Settings, v *vault, at string) error {
	s.mu.Lock()
	until, known := s.schools[at]
	s.mu.Unlock()
	if !known {
		var doc schoolDoc
		if _, err := v.get(ctx, schools+at, &doc); err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		until = doc.Until
		s.mu.Lock()
		if len(s.schools) > mostLive {
			clear(s.schools)
		}
		s.schools[at] = until
		s.mu.Unlock()
	}
	// a clock that was ahead when it was stored must not keep a school away for longer
	if left := until.Sub(s.f.Now()); left > 0 {
		return &pause{errSuspended, min(left, time.Duration(settings.Limits.SuspendedHours)*time.Hour)}
	}
	return nil
}

// suspend stops all calls to a school for hours.
func (s *sessions) suspend(ctx context.Context, settings *school.Settings, v *vault, at string) error {
	length := time.Duration(settings.Limits.SuspendedHours) * time.Hour
	until := s.f.Now().Add(length)
	s.mu.Lock()
	s.schools[at] = until
	s.mu.Unlock()
	if err := v.remove(ctx, schools+at); err != nil {
		return err
	}
	if err := v.put(ctx, schools+at, 0, schoolDoc{until}, nil); err != nil && !errors.Is(err, documents.ErrConflict) {
		return err
	}
	return &pause{errSuspended, length}
}

// An accountDoc is what is known of an account.
type accountDoc struct {
	Session  string      `json:"session,omitempty"` // its newest one
	Logins   []time.Time `json:"logins,omitempty"`  // of the last day
	Failures []time.Time `json:"failures,omitempty"`
	Silence  time.Time   `json:"silence,omitzero"` // until when nothing is tried
}

// Wrong passwords of an account: PRONOTE counts them, and closes the account.
const (
	mostFailures = 3
	failureTime  = time.Hour
	silenceTime  = 2 * time.Hour
)

// mayLogin refuses a login that the school might close the account for.
func (a *accountDoc) mayLogin(now time.Time, limits school.Limits) error {
	a.Logins = within(a.Logins, now, 24*time.Hour)
	a.Failures = within(a.Failures, now, failureTime)
	switch {
	case a.Silence.After(now) && a.Silence.Sub(now) <= silenceTime:
		return &pause{errSilenced, a.Silence.Sub(now)}
	case len(a.Failures) >= mostFailures:
		return &pause{errSilenced, a.Failures[0].Add(failureTime).Sub(now)}
	case len(a.Logins) >= limits.LoginsPerDay:
		return &pause{errManyLogins, a.Logins[0].Add(24 * time.Hour).Sub(now)}
	}
	return nil
}

func within(times []time.Time, now time.Time, span time.Duration) (kept []time.Time) {
	for _, t := range times {
		if age := now.Sub(t); age < span && age > -time.Hour { // none of a clock that was far ahead
			kept = append(kept, t)
		}
	}
	return kept
}

// account changes what is known of an account.
func (s *sessions) account(ctx context.Context, v *vault, digest string, change func(*accountDoc) error) error {
	for range 5 {
		var doc accountDoc
		stored, err := v.get(ctx, accounts+digest, &doc)
		if err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		if err := change(&doc); err != nil {
			return err
		}
		err = v.put(ctx, accounts+digest, stored.Generation, doc, written(s.f.Now()))
		if !errors.Is(err, documents.ErrConflict) {
			return err
		}
	}
	return documents.ErrConflict
}

// silence has nothing tried with an account for a while.
func (s *sessions) silence(ctx context.Context, v *vault, digest string) error {
	err := s.account(ctx, v, digest, func(a *accountDoc) error {
		a.Silence = s.f.Now().Add(silenceTime)
		return nil
	})
	if err != nil {
		return err
	}
	return &pause{errSilenced, silenceTime}
}
