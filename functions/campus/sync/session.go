package sync

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// A lease outlasts its renewal by three: after a crash an instance is free again so soon.
const (
	leaseLife  = 30 * time.Second
	leaseRenew = 10 * time.Second
)

var (
	// errBusy says that another run is at work on the instance.
	errBusy = errors.New("another run is at work on this instance")
	// errDone says that a run which began after the request has done what it asked for.
	errDone = errors.New("a later run has done it")
)

// A session is the right to work on an instance: its state, with the lease renewed until it is closed.
type session struct {
	bucket documents.Bucket
	name   string
	id     string
	cancel context.CancelCauseFunc
	done   sync.WaitGroup
	stop   chan struct{}

	mu    sync.Mutex // held over each write too: the generations follow one another
	state campus.State
	gen   int64
}

// open takes the lease. The context that it returns ends when the lease is lost.
func (f function) open(ctx context.Context, instance string, asked time.Time) (*session, context.Context, error) {
	s := &session{bucket: f.State, name: campus.StateName(instance), id: uuid.NewString(), stop: make(chan struct{})}
	_, err := documents.Update(ctx, f.State, s.name, func(state *campus.State) (map[string]string, error) {
		if state.Lease.ID != "" && realNow().Before(state.Lease.Expires) {
			return nil, errBusy
		}
		if run := state.Run; !asked.IsZero() && run != nil && run.Fault == nil && run.Began.After(asked) {
			return nil, errDone
		}
		state.Version, state.Lease = 1, campus.Lease{ID: s.id, Expires: realNow().Add(leaseLife)}
		return nil, nil
	})
	if err != nil {
		return nil, ctx, err
	}
	if s.state, s.gen, err = documents.Load[campus.State](ctx, f.State, s.name); err != nil {
		return nil, ctx, err
	}
	if s.state.Lease.ID != s.id {
		return nil, ctx, errBusy
	}
	ctx, s.cancel = context.WithCancelCause(ctx)
	s.done.Go(func() { s.keep(ctx) })
	return s, ctx, nil
}

// realNow is the machine's clock: leases bound processes, not timetables.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// keep renews the lease, and with it stores how far the run has come.
func (s *session) keep(ctx context.Context) {
	ticker := time.NewTicker(leaseRenew)
	defer ticker.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.save(ctx); err != nil && ctx.Err() == nil {
				slog.ErrorContext(ctx, "lease not renewed", slog.Any("error", err))
				s.cancel(err)
				return
			}
		}
	}
}

// change changes the state in memory.
func (s *session) change(f func(*campus.State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
}

// save stores the state. It fails when somebody else has taken the lease.
func (s *session) save(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Lease.ID != "" {
		s.state.Lease.Expires = realNow().Add(leaseLife)
	}
	gen, err := documents.Store(ctx, s.bucket, s.name, s.gen, s.state, nil)
	if err == nil {
		s.gen = gen
	}
	return err
}

// close gives the lease back with the final state; also when the run's own time is over.
func (s *session) close(ctx context.Context) error {
	close(s.stop)
	s.done.Wait()
	s.change(func(state *campus.State) { state.Lease = campus.Lease{} })
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err := s.save(ctx)
	s.cancel(nil)
	return err
}

// keyed are locks by name.
type keyed struct{ locks sync.Map }

func (k *keyed) lock(name string) (unlock func()) {
	l, _ := k.locks.LoadOrStore(name, &sync.Mutex{})
	m := l.(*sync.Mutex) //nolint:errcheck // only these are stored
	m.Lock()
	return m.Unlock
}
