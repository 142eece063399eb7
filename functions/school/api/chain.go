package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// lastChain is the name of a session's newest token for the next login.
func (v *vault) lastChain(ctx context.Context, id string) (name string, err error) {
	for info, err := range v.bucket.List(ctx, chains+id+"/") {
		if err != nil {
			return "", kept(err)
		}
		name = info.Name // in the order of their names
	}
	if name == "" {
		return "", documents.ErrNotFound
	}
	return name, nil
}

// A keeper stores the tokens of a session's next logins, each as soon as PRONOTE has given it: the one before is good
// for nothing then.
type keeper struct {
	s    *sessions
	v    *vault
	id   string
	last string // name of the newest one; ""
	kept bool
}

// Patience with a store that fails while the only copy of a token is in memory.
const (
	keepTries = 8
	keepPause = 300 * time.Millisecond
)

func (k *keeper) keep(ctx context.Context, chain pronote.Chain) error {
	n, _ := strconv.Atoi(k.last[strings.LastIndexByte(k.last, '/')+1:])
	name := fmt.Sprintf("%s%s/%08d", chains, k.id, n+1)
	var err error
	for range keepTries {
		err = k.v.put(ctx, name, 0, chain, written(k.s.f.Now()))
		if err == nil || errors.Is(err, documents.ErrConflict) { // the write before did happen
			break
		}
		if sleep(ctx, keepPause) != nil {
			return err
		}
	}
	if err != nil && !errors.Is(err, documents.ErrConflict) {
		return err
	}
	before := k.last
	k.last, k.kept = name, true
	if before == "" {
		return nil
	}
	if err := k.v.remove(ctx, before); err != nil { // the newest one counts
		slog.WarnContext(ctx, "token that was used not removed", slog.Any("error", err))
	}
	return nil
}

// renewEvery is how soon after a login the next one of a chain may be: who logs in elsewhere in between would be
// thrown out again and again.
const renewEvery = 2 * time.Minute

var (
	// errChain is a chain whose token PRONOTE does not take any more. It was lost between PRONOTE's answer and our
	// writing it down, or the family has removed the device in PRONOTE.
	errChain    = errors.New("the chain of logins is broken: connect again with a new QR code, or with the password")
	errReplaced = errors.New("PRONOTE has ended the session twice within minutes: somebody else may be signed in")
)

// renew goes on with a session that was lost or has ended: with the one that another process has logged in meanwhile,
// else by a login of its chain.
func (s *sessions) renew(ctx context.Context, settings *school.Settings, v *vault, l *live) error {
	before, _, _, _ := l.state()
	if err := l.read(ctx, v); errors.Is(err, documents.ErrNotFound) {
		return pronote.ErrSessionLost
	} else if err != nil {
		return err
	}
	r, used, _, _ := l.state()
	now := s.f.Now()
	if !r.At.Equal(before.At) && now.Sub(used) < settings.Idle() {
		return nil
	}
	if age := now.Sub(r.At); age >= 0 && age < renewEvery {
		return &pause{errReplaced, renewEvery - age}
	}
	last, err := v.lastChain(ctx, l.id)
	if errors.Is(err, documents.ErrNotFound) {
		return pronote.ErrSessionLost
	}
	if err != nil {
		return err
	}
	var chain pronote.Chain
	if _, err := v.get(ctx, last, &chain); err != nil {
		return err
	}
	return s.followChain(ctx, settings, v, l, &keeper{s: s, v: v, id: l.id, last: last}, chain)
}

// followChain logs in by a session's chain. It goes on where its caller leaves: the token is used up by then.
func (s *sessions) followChain(
	ctx context.Context, settings *school.Settings, v *vault, l *live, k *keeper, chain pronote.Chain,
) error {
	r, _, _, _ := l.state()
	if err := s.mayLogin(ctx, settings, v, r.Account, r.School); err != nil {
		return err
	}
	ctx, cancel := unhurried(ctx)
	defer cancel()
	fresh, err := s.loginClient(settings, v, r).LoginChain(ctx, chain, func(next pronote.Chain) error {
		return k.keep(ctx, next)
	})
	if errors.Is(err, pronote.ErrWrongPassword) {
		slog.WarnContext(ctx, "chain of logins broken: its next token was lost, or the device was removed")
		if err := s.finish(ctx, v, l); err != nil {
			return err
		}
		return &refusal{StatusToken, "expired", errChain}
	}
	if err != nil {
		return s.loginFailed(ctx, settings, v, r, err)
	}
	r.Session, r.At = fresh, s.f.Now()
	if err := s.replace(ctx, v, l.id, r); err != nil {
		return err
	}
	l.take(r, fresh.Next)
	return nil
}

// replace puts a new session in the place of one that has ended.
func (s *sessions) replace(ctx context.Context, v *vault, id string, r record) error {
	if err := v.removeAll(ctx, orders+id+"/"); err != nil {
		return err
	}
	for range 5 {
		var before record
		stored, err := v.get(ctx, living+id, &before)
		if err != nil && !errors.Is(err, documents.ErrNotFound) {
			return err
		}
		err = v.put(ctx, living+id, stored.Generation, r, written(r.At))
		if !errors.Is(err, documents.ErrConflict) {
			return err
		}
	}
	return kept(documents.ErrConflict)
}

// loginTime is how long a login may take, whoever waits for it.
const loginTime = 50 * time.Second

// unhurried is a context that its caller's leaving does not end.
func unhurried(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), loginTime)
}
