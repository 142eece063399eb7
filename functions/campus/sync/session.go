package sync

import (
	"context"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

// A session is the right to work on an instance, and its state.
type session = lease.Session[campus.State]

// open takes the instance's lease; see [lease.Take].
func (f function) open(ctx context.Context, instance string, asked time.Time) (*session, context.Context, error) {
	of := func(state *campus.State) *lease.Lease { return &state.Lease }
	return lease.Take(ctx, f.State, campus.StateName(instance), of, func(state *campus.State) error {
		if run := state.Run; run != nil && run.Fault == nil && runs.Done(asked, run.Began, f.Now()) {
			return runs.ErrDone
		}
		state.Version = 1
		return nil
	})
}

// realNow is the machine's clock, for deadlines.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// keyed are locks by name.
type keyed struct{ locks sync.Map }

func (k *keyed) lock(name string) (unlock func()) {
	l, _ := k.locks.LoadOrStore(name, &sync.Mutex{})
	m := l.(*sync.Mutex) //nolint:errcheck // only these are stored
	m.Lock()
	return m.Unlock
}
