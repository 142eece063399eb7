package api

import (
	"context"
	"errors"
	"strings"
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
	if err := s.until(ctx, v, schools+at, until); err != nil {
		return err
	}
	return &pause{errSuspended, length}
}

// Wrong passwords of an account: PRONOTE counts them, and closes the account.
const (
	mostFailures = 3
	failureTime  = time.Hour
	silenceTime  = 2 * time.Hour
	dayOfLogins  = 24 * time.Hour
)

// What an account has below its name. Logins and failures are empty objects of their own, so that no name is written
// often: Cloud Storage takes about one write a second on one.
const (
	newest   = "/session"  // its newest session
	silent   = "/silence"  // until when nothing is tried
	loggedIn = "/login-"   // and when
	failed   = "/failure-" // and when
)

// A history is what happened with an account lately.
type history struct {
	session  string
	since    time.Time // of that session's login
	gen      int64
	logins   []time.Time
	failures []time.Time // since then
}

// history reads an account.
func (s *sessions) history(ctx context.Context, v *vault, account string) (h history, err error) {
	var doc tokenDoc
	stored, err := v.get(ctx, accounts+account+newest, &doc)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return h, err
	}
	h.session, h.gen, h.since = doc.Session, stored.Generation, instant(stored.Metadata)
	now := s.f.Now()
	for info, err := range v.bucket.List(ctx, accounts+account+"/") {
		if err != nil {
			return h, kept(err)
		}
		at := instant(info.Metadata)
		age := now.Sub(at)
		switch name := strings.TrimPrefix(info.Name, accounts+account); {
		case age < -time.Hour: // of a clock that was far ahead
		case strings.HasPrefix(name, loggedIn) && age < dayOfLogins:
			h.logins = append(h.logins, at)
		case strings.HasPrefix(name, failed) && age < failureTime && at.After(h.since):
			h.failures = append(h.failures, at)
		}
	}
	return h, nil
}

// note writes down that something happened with an account now.
func (s *sessions) note(ctx context.Context, v *vault, account, what string) error {
	now := s.f.Now()
	_, err := v.bucket.Put(ctx, accounts+account+what+now.UTC().Format("20060102T150405.000000000")+"-"+newToken(), 0,
		[]byte("{}"), written(now))
	return kept(err)
}

// countLogin notes a login before it is made: one that dies in the middle counts too. It refuses one that the school
// might close the account for.
func (s *sessions) countLogin(ctx context.Context, settings *school.Settings, v *vault, account string) error {
	var doc schoolDoc
	if _, err := v.get(ctx, accounts+account+silent, &doc); err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	now := s.f.Now()
	if left := doc.Until.Sub(now); left > 0 {
		return &pause{errSilenced, min(left, silenceTime)}
	}
	h, err := s.history(ctx, v, account)
	switch {
	case err != nil:
		return err
	case len(h.failures) >= mostFailures:
		return &pause{errSilenced, h.failures[0].Add(failureTime).Sub(now)}
	case len(h.logins) >= settings.Limits.LoginsPerDay:
		return &pause{errManyLogins, h.logins[0].Add(dayOfLogins).Sub(now)}
	}
	return s.note(ctx, v, account, loggedIn)
}

// silence has nothing tried with an account for a while.
func (s *sessions) silence(ctx context.Context, v *vault, account string) error {
	if err := s.until(ctx, v, accounts+account+silent, s.f.Now().Add(silenceTime)); err != nil {
		return err
	}
	return &pause{errSilenced, silenceTime}
}

// until writes down until when something must not be tried.
func (s *sessions) until(ctx context.Context, v *vault, name string, until time.Time) error {
	var before schoolDoc
	stored, err := v.get(ctx, name, &before)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	err = v.put(ctx, name, stored.Generation, schoolDoc{until}, written(s.f.Now()))
	if errors.Is(err, documents.ErrConflict) { // another call met the same
		return nil
	}
	return err
}
