package sync

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
)

// errDone says that a run which began after the request has done what it asked for.
var errDone = errors.New("a later run has done it")

// A session is the right to work on an instance, and its state.
type session = lease.Session[campus.State]

// open takes the instance's lease; see [lease.Take].
func (f function) open(ctx context.Context, instance string, asked time.Time) (*session, context.Context, error) {
	of := func(state *campus.State) *lease.Lease { return &state.Lease }
	return lease.Take(ctx, f.State, campus.StateName(instance), of, func(state *campus.State) error {
		if run := state.Run; !asked.IsZero() && run != nil && run.Fault == nil && run.Began.After(asked) && !calendar.Ahead(f.Now(), run.Began) {
			return errDone
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
