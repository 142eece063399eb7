package iotcloud

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// A limiter lets n calls through in any second, the most important first. The
// vendor counts in a sliding window, which a token bucket with a burst
// oversteps: so each call waits until the n-th before it is a second old.
type limiter struct {
	mu      sync.Mutex
	full    int
	grants  []time.Time // the last `full` calls, oldest first
	slowTil time.Time
	waiting queue
	last    int  // number of the last waiter
	running bool // somebody lets the waiting through
}

const (
	window   = time.Second + 20*time.Millisecond // the network may bring calls closer together
	slowTime = 10 * time.Second                  // how long the rate stays halved after a 429
)

func newLimiter(n int) *limiter { return &limiter{full: n} }

// wait returns when the call may be made. Of those that wait, the lowest rank goes first, then who came first.
func (l *limiter) wait(ctx context.Context, rank int) error {
	l.mu.Lock()
	l.last++
	w := &waiter{rank: rank, number: l.last, ready: make(chan struct{})}
	heap.Push(&l.waiting, w)
	if !l.running {
		l.running = true
		go l.run()
	}
	l.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if w.index < 0 {
		return nil // let through at the same moment
	}
	heap.Remove(&l.waiting, w.index)
	return ctx.Err()
}

// idle reports whether nobody waits.
func (l *limiter) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) == 0
}

// run lets the waiting through until nobody waits; it ends with the requests that they belong to.
func (l *limiter) run() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.running = false
			l.mu.Unlock()
			return
		}
		now := time.Now() //nolint:forbidigo // rate limits are real time
		pause := l.next(now).Sub(now)
		if pause <= 0 {
			l.grants = append(l.grants, now)
			if len(l.grants) > l.full {
				l.grants = l.grants[len(l.grants)-l.full:]
			}
			if w, ok := heap.Pop(&l.waiting).(*waiter); ok {
				close(w.ready)
			}
		}
		l.mu.Unlock()
		if pause > 0 {
			time.Sleep(pause) //nolint:forbidigo // as above
		}
	}
}

// next is when the next call may be made.
func (l *limiter) next(now time.Time) time.Time {
	n, space := l.full, window
	if now.Before(l.slowTil) {
		n = max(1, n/2)
		if l.full == 1 {
			space *= 2
		}
	}
	if len(l.grants) < n {
		return now
	}
	return l.grants[len(l.grants)-n].Add(space)
}

// slower halves the rate for a while: the account's limit was met.
func (l *limiter) slower() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowTil = time.Now().Add(slowTime) //nolint:forbidigo // rate limits are real time
}

type waiter struct {
	rank, number int
	index        int // in the queue; -1 when let through
	ready        chan struct{}
}

// A queue is a heap of waiters.
type queue []*waiter

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].rank != q[j].rank {
		return q[i].rank < q[j].rank
	}
	return q[i].number < q[j].number
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(v any) {
	w, _ := v.(*waiter)
	w.index = len(*q)
	*q = append(*q, w)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	w := (*q)[last]
	w.index, (*q)[last] = -1, nil
	*q = (*q)[:last]
	return w
}
