package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// An Order is a request with how it is to be taken.
type Order struct {
	stays.Request

	Key   string // by which the actor knows it again; ""
	Adopt bool   // a unit that is in no list is added, as an unlisted one
	Rules bool   // the unit's rules hold for it

	Today stays.Day // around which days may be changed; 0: any

	undoes int64
}

// Errors of orders. A [*stays.Conflict] or [*stays.Broken] is one too.
var (
	ErrNoUnit   = errors.New("there is no such unit")
	ErrKeyTaken = errors.New("the key was used for another request")
)

// A Result is an order that was accepted.
type Result struct {
	stays.Change

	Ledger string
	Again  bool // the key was known: this is what was answered then
}

// An order waits for a committer.
type order struct {
	Order

	state  atomic.Int32
	done   chan struct{}
	result Result
	err    error
}

// States of an order that waits.
const (
	orderTaken int32 = iota + 1
	orderLeft
)

// Bounds of a group.
const (
	mostTogether = 64
	groupTime    = 20 * time.Second
	mostPause    = 2 * time.Millisecond
)

// Change makes a change, and returns once it is on disk. One that is repeated with its key is made once.
func (l *Ledger) Change(ctx context.Context, o Order) (Result, error) {
	w := &order{Order: o, done: make(chan struct{})}
	if w.Actor == "" {
		w.Actor = w.Origin
	}
	l.mu.Lock()
	l.waiting = append(l.waiting, w)
	if !l.busy {
		l.busy = true
		go l.commitAll(context.WithoutCancel(ctx))
	}
	l.mu.Unlock()
	select {
	case <-w.done:
	case <-ctx.Done():
		if w.state.CompareAndSwap(0, orderLeft) {
			return Result{}, ctx.Err()
		}
		<-w.done // it is being committed
	}
	return w.result, w.err
}

// commitAll commits what waits until nothing does.
func (l *Ledger) commitAll(ctx context.Context) {
	for {
		l.mu.Lock()
		n := min(len(l.waiting), mostTogether)
		group := l.waiting[:n:n]
		l.waiting = l.waiting[n:]
		if n == 0 {
			l.waiting, l.busy = nil, false
			l.mu.Unlock()
			return
		}
		l.mu.Unlock()
		var taken []*order
		for _, w := range group {
			if w.state.CompareAndSwap(0, orderTaken) {
				taken = append(taken, w)
			}
		}
		began := time.Now() //nolint:forbidigo // how long a commit takes is real time
		if len(taken) > 0 {
			l.commitGroup(ctx, taken)
		}
		// they come back at once: without a pause the first of them would go alone, and the rest wait for it
		if len(taken) > 1 {
			<-time.After(min(time.Since(began)/4, mostPause))
		}
	}
}

// commitGroup commits orders together, or one by one where that fails for a reason that one of them may be.
func (l *Ledger) commitGroup(ctx context.Context, group []*order) {
	err := l.commit(ctx, group)
	if err != nil && !errors.Is(err, sqldb.ErrUnreachable) && len(group) > 1 {
		slog.WarnContext(ctx, "group of changes not committed", slog.Int("changes", len(group)), slog.Any("error", err))
		for _, w := range group {
			l.commitGroup(ctx, []*order{w})
		}
		return
	}
	if err == nil {
		l.told(ctx)
	}
	for _, w := range group {
		if err != nil {
			w.result, w.err = Result{}, err
		}
		close(w.done)
	}
}

func (l *Ledger) commit(ctx context.Context, group []*order) error {
	ctx, cancel := context.WithTimeout(ctx, groupTime)
	defer cancel()
	b := l.newBatch()
	orders := make([]Order, len(group))
	for i, w := range group {
		orders[i] = w.Order
	}
	err := l.db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
		if err := ask(append([]sqldb.Statement{b.takeHead()}, b.load(orders)...)...); err != nil {
			return nil, err
		}
		for _, w := range group {
			w.result, w.err = b.apply(w.Order)
		}
		return b.write(), nil
	})
	if errors.Is(err, sqldb.ErrUnknown) && len(b.changes) > 0 {
		return l.settle(ctx, b.changes[0].Change, err)
	}
	return err
}

// settle finds out whether a transaction whose commit was not answered has been committed. Its numbers are its own, or
// those of whoever came after it was undone.
func (l *Ledger) settle(ctx context.Context, first stays.Change, unknown error) error {
	for wait := 100 * time.Millisecond; ; wait *= 2 {
		found, err := l.Changes(ctx, Query{After: first.Number - 1, Limit: 1})
		if err == nil && len(found) > 0 && found[0].Number == first.Number {
			if c := found[0]; c.Unit == first.Unit && c.Range == first.Range && c.Actor == first.Actor &&
				c.At.Equal(first.At) {
				return nil
			}
			return fmt.Errorf("%w: the change was undone", sqldb.ErrUnreachable)
		}
		select {
		case <-ctx.Done():
			return unknown
		case <-time.After(wait):
		}
		if wait > time.Second {
			return unknown
		}
	}
}
