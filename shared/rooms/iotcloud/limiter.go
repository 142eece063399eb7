package iotcloud

import (
	"context"
	"sync"
	"time"
)

// A limiter lets n calls through in any second. The vendor counts in a sliding
// window, which a token bucket with a burst oversteps: so each call waits until
// the n-th before it is a second old.
type limiter struct {
	mu      sync.Mutex
	full    int
	grants  []time.Time // the last `full` calls, oldest first; may lie ahead
	slowTil time.Time
}

const (
	window   = time.Second + 20*time.Millisecond // the network may bring calls closer together
	slowTime = 10 * time.Second                  // how long the rate stays halved after a 429
)

func newLimiter(n int) *limiter { return &limiter{full: n} }

// wait returns when the next call may be made.
func (l *limiter) wait(ctx context.Context) error {
	timer := time.NewTimer(time.Until(l.reserve(time.Now()))) //nolint:forbidigo // rate limits are real time
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// reserve takes the next place.
func (l *limiter) reserve(now time.Time) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.full
	space := window
	if now.Before(l.slowTil) {
		n = max(1, n/2)
		if l.full == 1 {
			space *= 2
		}
	}
	at := now
	if len(l.grants) >= n {
		if next := l.grants[len(l.grants)-n].Add(space); next.After(at) {
			at = next
		}
	}
	l.grants = append(l.grants, at)
	if len(l.grants) > l.full {
		l.grants = l.grants[len(l.grants)-l.full:]
	}
	return at
}

// slower halves the rate for a while: the account's limit was met.
func (l *limiter) slower() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slowTil = time.Now().Add(slowTime) //nolint:forbidigo // rate limits are real time
}
