package api

import (
	"sync"
	"time"
)

// How long answers are believed that cannot have changed since.
const (
	timetableAge = 30 * time.Second
	otherAge     = 5 * time.Minute
	mostCached   = 60 // answers of a session
)

// A cache has a session's answers of the last minutes. They are not kept anywhere else.
type cache struct {
	mu      sync.Mutex
	entries map[string]cached
}

type cached struct {
	value any
	until time.Time
}

func (c *cache) get(name string, now time.Time) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[name]
	if !ok || !now.Before(e.until) || e.until.Sub(now) > otherAge {
		return nil, false
	}
	return e.value, true
}

func (c *cache) put(name string, value any, now time.Time, age time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(now)
	if c.entries == nil || len(c.entries) >= mostCached {
		c.entries = map[string]cached{}
	}
	c.entries[name] = cached{value, now.Add(age)}
}

// tidy forgets what has grown too old.
func (c *cache) tidy(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(now)
}

func (c *cache) drop(now time.Time) {
	for name, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, name)
		}
	}
}

// clear forgets all: something was changed.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries = nil
}
