package webhook

import (
	"context"
	"sync"
	"time"
)

// A coalescer runs, for each key, at most one call at a time, begins none within a while after the last began, and lets
// at most one more wait, whose result everybody shares who came meanwhile. So the last
// run always began after the last request came.
type coalescer struct {
	mu   sync.Mutex
	keys map[string]*slot
}

// between is the least time from the beginning of one run to that of the next.
const between = 500 * time.Millisecond

type slot struct {
	running bool
	waiting *run
	next    time.Time // when the next run may begin; for serve alone
}

type run struct {
	done chan struct{}
	err  error
}

func newCoalescer() *coalescer { return &coalescer{keys: map[string]*slot{}} }

const runTimeout = 45 * time.Second

// do returns the result of a run of f that began after do was called.
func (c *coalescer) do(ctx context.Context, key string, f func(context.Context) error) error {
	r := c.join(ctx, key, f)
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *coalescer) join(ctx context.Context, key string, f func(context.Context) error) *run {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.keys[key]
	if s == nil {
		s = &slot{}
		c.keys[key] = s
	}
	if s.waiting != nil {
		return s.waiting
	}
	r := &run{done: make(chan struct{})}
	s.waiting = r
	if !s.running {
		s.running = true
		// A run serves several requests and must not end with the one that started it.
		go c.serve(context.WithoutCancel(ctx), key, s, f)
	}
	return r
}

// serve runs what waits until nothing does. It may outlast the requests: by a pause, or by a run whose waiters have had
// no time left. Where the instance is frozen meanwhile it goes on with the next request, and Google sends again what
// was not answered.
func (c *coalescer) serve(ctx context.Context, key string, s *slot, f func(context.Context) error) {
	for ; ; <-time.After(time.Until(s.next)) {
		c.mu.Lock()
		r := s.waiting
		s.waiting = nil
		if r == nil {
			delete(c.keys, key)
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		s.next = time.Now().Add(between) //nolint:forbidigo // pauses are real time
		runCtx, cancel := context.WithTimeout(ctx, runTimeout)
		r.err = f(runCtx)
		cancel()
		close(r.done)
	}
}
