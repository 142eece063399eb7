// Package lease lets one run at a time work on something, such as a source or
// an instance: the document of its state says who does, and until when.
package lease

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/googleapis/gax-go/v2"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// A lease outlasts its renewal by three: after a crash its work is free again so soon.
const (
	life  = 30 * time.Second
	renew = 10 * time.Second
)

// ErrBusy says that another run is at work.
var ErrBusy = errors.New("another run is at work on it")

// ErrLost says that the lease has ended under way.
var ErrLost = errors.New("the lease has ended: this run was stopped for too long")

// A Lease is who works on something. It stands in the document of that thing's state.
type Lease struct {
	ID      string    `json:"id"`
	Expires time.Time `json:"expires"` // on the machine's clock
}

// Held reports whether somebody is at work. A lease that ends later than one taken now was left by a process whose
// clock was ahead: machines that share leases must agree on the time to a minute.
func (l Lease) Held() bool { return l.ID != "" && calendar.Within(now(), l.Expires.Add(-life), life) }

// now is the machine's clock: leases bound processes, whatever the bridge's clock says. It is the wall's, which goes on
// while a machine sleeps.
func now() time.Time { return time.Now().Round(0) } //nolint:forbidigo // the real clock

// Who waits for another run does so no longer than this: a dead one's lease ends within it.
const (
	patience  = life + 15*time.Second
	lookAgain = time.Second
)

// Wait does something that takes a lease; while another run has it, it tells how long it has waited and for how long it
// will, and tries again.
func Wait(ctx context.Context, tell func(waited, most time.Duration), do func(context.Context) error) error {
	began := now()
	for {
		err := do(ctx)
		waited := now().Sub(began)
		if !errors.Is(err, ErrBusy) || waited > patience {
			return err
		}
		tell(waited, patience)
		if gax.Sleep(ctx, lookAgain) != nil {
			return err
		}
	}
}

// A Session is the right to work on a T, and the T, with the lease renewed until it is closed.
type Session[T any] struct {
	// State is the document. Who works reads it; it is changed with Change only.
	State T

	bucket documents.Bucket
	name   string
	lease  func(*T) *Lease
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
	stop   chan struct{}

	mu  sync.Mutex // held over each write too: the generations follow one another
	gen int64
}

// Take takes the lease of document name, which the function lease finds in it. start may refuse with an error or change
// the state; it sees the lease of who worked last, which has an ID where that one died. The context that Take returns
// ends when the lease is lost.
func Take[T any](
	ctx context.Context, b documents.Bucket, name string, lease func(*T) *Lease, start func(*T) error,
) (*Session[T], context.Context, error) {
	s := &Session[T]{bucket: b, name: name, lease: lease, stop: make(chan struct{})}
	id := uuid.NewString()
	_, err := documents.Update(ctx, b, name, func(state *T) (map[string]string, error) {
		if lease(state).Held() {
			return nil, ErrBusy
		}
		err := start(state)
		*lease(state) = Lease{ID: id, Expires: now().Add(life)}
		return nil, err
	})
	if err != nil {
		return nil, ctx, err
	}
	if s.State, s.gen, err = documents.Load[T](ctx, b, name); err != nil {
		return nil, ctx, err
	}
	if lease(&s.State).ID != id {
		return nil, ctx, ErrBusy
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.done.Go(func() { s.keep(ctx) })
	return s, ctx, nil
}

// keep renews the lease, and with it stores how far the run has come.
func (s *Session[T]) keep(ctx context.Context) {
	ticker := time.NewTicker(renew)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.renew(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "lease not renewed", slog.Any("error", err))
				s.cancel(err)
				return
			}
		}
	}
}

// renew stores the state, or gives up before the lease ends.
func (s *Session[T]) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, renew)
	defer cancel()
	return s.Save(ctx)
}

// Alive is nil while the lease holds. A process that was stopped for a while finds out here, before it does what cannot
// be undone.
func (s *Session[T]) Alive() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lease != nil && !s.lease(&s.State).Held() {
		return ErrLost
	}
	return nil
}

// Change changes the state in memory.
func (s *Session[T]) Change(f func(*T)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.State)
}

// Save stores the state. It fails when somebody else has taken the lease.
func (s *Session[T]) Save(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.lease(&s.State); l.ID != "" {
		l.Expires = now().Add(life)
	}
	gen, err := documents.Store(ctx, s.bucket, s.name, s.gen, s.State, nil)
	if err == nil {
		s.gen = gen
	}
	return err
}

// Close gives the lease back with the final state; also when the run's own time is over.
func (s *Session[T]) Close(ctx context.Context) error {
	close(s.stop)
	s.done.Wait()
	s.Change(func(state *T) { *s.lease(state) = Lease{} })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.Save(ctx)
	s.cancel(nil)
	return err
}
