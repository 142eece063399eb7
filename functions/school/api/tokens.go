package api

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// tokenLength is how many characters a token has.
const tokenLength = 22

// A token opens a session, with what its holder has chosen to look at.
type token struct {
	Session string    `json:"session"`
	Period  string    `json:"period,omitempty"` // name
	Child   string    `json:"child,omitempty"`  // name: ids change with each login
	Read    time.Time `json:"-"`                // when this process has read it
}

// tokenAge is how long a token is believed without being read again: another process may have changed or ended it.
const tokenAge = time.Minute

// token reads a token by its hash.
func (s *sessions) token(ctx context.Context, v *vault, hash string) (token, error) {
	s.mu.Lock()
	t, known := s.tokens[hash]
	s.mu.Unlock()
	now := s.f.Now()
	if age := now.Sub(t.Read); known && age >= 0 && age < tokenAge {
		return t, nil
	}
	if _, err := v.get(ctx, tokens+hash, &t); errors.Is(err, documents.ErrNotFound) {
		return t, errNotFound
	} else if err != nil {
		return t, err
	}
	t.Read = now
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[hash] = t
	return t, nil
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

// issue gives a token to a session.
func (s *sessions) issue(ctx context.Context, v *vault, t token) (string, error) {
	text := newToken()
	hash := hashOf(text)
	t.Read = s.f.Now()
	if err := v.put(ctx, tokens+hash, 0, t, written(t.Read)); err != nil {
		return "", err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tokens[hash] = t
	return text, nil
}

// choose keeps what a token's holder looks at.
func (s *sessions) choose(ctx context.Context, v *vault, hash string, change func(*token)) (t token, err error) {
	for range 5 {
		stored, err := v.get(ctx, tokens+hash, &t)
		if errors.Is(err, documents.ErrNotFound) {
			return t, errNotFound
		}
		if err != nil {
			return t, err
		}
		change(&t)
		err = v.put(ctx, tokens+hash, stored.Generation, t, written(s.f.Now()))
		if err == nil {
			t.Read = s.f.Now()
			s.mu.Lock()
			defer s.mu.Unlock()
			s.tokens[hash] = t
			return t, nil
		}
		if !errors.Is(err, documents.ErrConflict) {
			return t, err
		}
	}
	return t, kept(documents.ErrConflict)
}

// errNoChild is a child that is not the parent's.
var errNoChild = errors.New("the account has no child of this id or name: /user lists them")

// pupilOf finds a child by its id, or by its name.
func pupilOf(s *pronote.Session, child string) (pronote.Person, bool) {
	for _, p := range s.Pupils {
		if child == p.ID || child == p.Name {
			return p, true
		}
	}
	return pronote.Person{}, false
}

// pupil is whom a request is about: the child that it names, the one that its token has chosen, or the first.
func (c *call) pupil(s *pronote.Session) (pronote.Person, error) {
	if name := c.params.text("child"); name != "" {
		if p, ok := pupilOf(s, name); ok {
			return p, nil
		}
		return pronote.Person{}, errParams{"child": errNoChild.Error()}
	}
	if p, ok := pupilOf(s, c.token.Child); ok {
		return p, nil
	}
	return s.Pupils[0], nil
}
