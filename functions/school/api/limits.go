package api

import (
	"context"
	"errors"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
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
	r := s.limiter(name, rate.Limit(float64(perMinute)/60), burst).Reserve()
	d := r.Delay()
	if d > longestWait {
		r.Cancel()
		return &pause{errManyCalls, d}
	}
	if err := sleep(ctx, d); err != nil {
		r.Cancel()
		return err
	}
	return nil
}

// limiter is the limiter of a name. Where there are too many, those that are full go: a new one is the same.
func (s *sessions) limiter(name string, limit rate.Limit, burst int) *rate.Limiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.limiters[name]
	if l != nil && l.Limit() == limit && l.Burst() == burst {
		return l
	}
	if len(s.limiters) > mostLive {
		for other, l := range s.limiters {
			if l.Tokens() >= float64(l.Burst()) {
				delete(s.limiters, other)
			}
		}
	}
	l = rate.NewLimiter(limit, burst)
	s.limiters[name] = l
	return l
}

// An untilDoc says until when something must not be tried.
type untilDoc struct {
	Until time.Time `json:"until"`
}

// left is how long that is. A clock that was ahead when it was written does not count: no pause is longer than most.
func (d untilDoc) left(now time.Time, most time.Duration) time.Duration {
	if left := d.Until.Sub(now); left <= most {
		return max(0, left)
	}
	return 0
}

// A standing is what this process knows of a school.
type standing struct {
	suspended untilDoc
	closed    untilDoc
	read      time.Time
}

// standingAge is how long that is believed: another process may have met an error.
const standingAge = 30 * time.Second

// closedTime is how long a school that is closed is not asked again.
const closedTime = 3 * time.Minute

// checkSchool refuses calls to a school that has suspended this network address. Not one is tried before its time: each
// would make it last longer. A school that was closed a moment ago is not asked either.
func (s *sessions) checkSchool(ctx context.Context, settings *school.Settings, v *vault, at string) error {
	now := s.f.Now()
	s.mu.Lock()
	known := s.schools[at]
	s.mu.Unlock()
	if age := now.Sub(known.read); age < 0 || age >= standingAge {
		known.suspended = untilDoc{}
		if _, err := v.get(ctx, schools+at, &known.suspended); err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		known.read = now
		s.mu.Lock()
		if len(s.schools) > mostLive {
			clear(s.schools)
		}
		s.schools[at] = known
		s.mu.Unlock()
	}
	if left := known.suspended.left(now, suspension(settings)); left > 0 {
		return &pause{errSuspended, left}
	}
	if left := known.closed.left(now, closedTime); left > 0 {
		return &pause{pronote.ErrClosed, left}
	}
	return nil
}

func suspension(settings *school.Settings) time.Duration {
	return time.Duration(settings.Limits.SuspendedHours) * time.Hour
}

// suspend stops all calls to a school for hours.
func (s *sessions) suspend(ctx context.Context, settings *school.Settings, v *vault, at string) error {
	until := s.f.Now().Add(suspension(settings))
	s.mu.Lock()
	s.schools[at] = standing{suspended: untilDoc{until}, read: s.f.Now()}
	s.mu.Unlock()
	if err := s.until(ctx, v, schools+at, until); err != nil {
		return err
	}
	return &pause{errSuspended, suspension(settings)}
}

// closed remembers for a while that a school is closed.
func (s *sessions) closed(at string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := s.schools[at]
	known.closed = untilDoc{s.f.Now().Add(closedTime)}
	s.schools[at] = known
	return &pause{pronote.ErrClosed, closedTime}
}

// Wrong passwords: PRONOTE counts those of an account, and closes it; and those of a network address, and suspends it.
const (
	mostFailures = 3
	failureTime  = time.Hour
	silenceTime  = 2 * time.Hour
	dayOfLogins  = 24 * time.Hour

	failuresTime = 10 * time.Minute // of a school, by whatever account
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
	var doc token
	stored, err := v.get(ctx, accounts+account+newest, &doc)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return h, err
	}
	now := s.f.Now()
	h.session, h.gen, h.since = doc.Session, stored.Generation, instant(stored.Metadata)
	if h.since.After(now) { // of a clock that was ahead
		h.since = time.Time{}
	}
	for info, err := range v.bucket.List(ctx, accounts+account+"/") {
		if err != nil {
			return h, kept(err)
		}
		at := instant(info.Metadata)
		age := now.Sub(at)
		switch name := strings.TrimPrefix(info.Name, accounts+account); {
		case age < -time.Hour: // as above
		case strings.HasPrefix(name, loggedIn) && age < dayOfLogins:
			h.logins = append(h.logins, at)
		case strings.HasPrefix(name, failed) && age < failureTime && at.After(h.since):
			h.failures = append(h.failures, at)
		}
	}
	return h, nil
}

// within are times that are not older than a span.
func within(times []time.Time, now time.Time, span time.Duration) (kept []time.Time) {
	for _, t := range times {
		if age := now.Sub(t); age >= 0 && age < span {
			kept = append(kept, t)
		}
	}
	return kept
}

// note writes down that something happened with an account now.
func (s *sessions) note(ctx context.Context, v *vault, account, what string) error {
	now := s.f.Now()
	_, err := v.bucket.Put(ctx, accounts+account+what+now.UTC().Format("20060102T150405.000000000")+"-"+newToken(), 0,
		[]byte("{}"), written(now))
	return kept(err)
}

// mayLogin refuses a login that the school might close the account, or suspend this network address, for.
func (s *sessions) mayLogin(ctx context.Context, settings *school.Settings, v *vault, account, at string) error {
	var doc untilDoc
	if _, err := v.get(ctx, accounts+account+silent, &doc); err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	now := s.f.Now()
	if left := doc.left(now, silenceTime); left > 0 {
		return &pause{errSilenced, left}
	}
	s.mu.Lock()
	wrong := within(s.failures[at], now, failuresTime)
	s.mu.Unlock()
	if len(wrong) >= settings.Limits.SchoolFailures {
		return &pause{errManyWrong, wrong[0].Add(failuresTime).Sub(now)}
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
	return nil
}

// loginClient is a client whose calls are paced, and whose login counts from the answer to the challenge on: also one
// that dies in the middle.
func (s *sessions) loginClient(settings *school.Settings, v *vault, r record) *pronote.Client {
	client := s.f.client(settings)
	client.Before = func(ctx context.Context) error { return s.pace(ctx, settings, r.Account, r.School) }
	client.Authenticating = func(ctx context.Context) error { return s.note(ctx, v, r.Account, loggedIn) }
	return client
}

// loginFailed notes what an error of a login means to the next ones.
func (s *sessions) loginFailed(ctx context.Context, settings *school.Settings, v *vault, r record, err error) error {
	var code *pronote.Error
	switch {
	case errors.As(err, &code) && code.Code == pronote.CodeSuspended:
		return s.suspend(ctx, settings, v, r.School)
	case errors.As(err, &code) && code.Code == pronote.CodeTooMany:
		return s.silence(ctx, v, r.Account)
	case errors.Is(err, pronote.ErrClosed):
		return s.closed(r.School)
	case isOne(err, pronote.ErrWrongPassword, pronote.ErrWrongPIN, pronote.ErrQRCode):
		s.mu.Lock()
		s.failures[r.School] = append(within(s.failures[r.School], s.f.Now(), failuresTime), s.f.Now())
		s.mu.Unlock()
		return errors.Join(err, s.note(ctx, v, r.Account, failed))
	}
	return err
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
	var before untilDoc
	stored, err := v.get(ctx, name, &before)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	err = v.put(ctx, name, stored.Generation, untilDoc{until}, written(s.f.Now()))
	if errors.Is(err, documents.ErrConflict) { // another call met the same
		return nil
	}
	return err
}
