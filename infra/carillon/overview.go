package main

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A bridgeView is a bridge on the overview.
type bridgeView struct {
	Name    string     `json:"name"`
	Running bool       `json:"running"`
	Fault   bool       `json:"fault,omitempty"` // its state cannot be read
	Parts   []partView `json:"parts"`
}

// A partView is a room, an instance or a source: how it is, as last seen.
type partView struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	SeenAt   time.Time `json:"seen_at,omitzero"` // when its data were last read; absent: never
	TimeZone string    `json:"time_zone"`
	Detail   string    `json:"detail,omitempty"` // a sentence for a person
	Why      string    `json:"why,omitempty"`    // of a warning
	Count    int       `json:"count,omitempty"`  // of what Why says
}

// States of a part. A part is well only where that was seen.
const (
	partOK      = "ok"
	partBusy    = "busy"    // a run is at work
	partWarning = "warning" // it works, and a person should look
	partFault   = "fault"   // its last run failed, or something must be mended
	partUnknown = "unknown"
)

// Reasons of a warning.
const (
	whyStale      = "stale"      // the calendar could not be read lately
	whyMissed     = "missed"     // the last run is older than the schedule explains
	whyApart      = "apart"      // both sides were not seen to agree
	whyQuarantine = "quarantine" // files did not pass their check
	whyLeft       = "left"       // files of the last run were not transferred; the next one looks at them
	whyFailed     = "failed"     // files of the last run stay where they were
)

// overview is the first page: bridges, what doctor found, dead letters, the last log lines.
func (s *system) overview(w http.ResponseWriter, r *http.Request) error {
	dead, err := s.queue.DeadLetters(r.Context())
	if err != nil {
		return err
	}
	s.checkup.lookIfOld(s) //nolint:contextcheck // it outlasts the request
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"now": s.clock.Now().UTC(), "sample": s.sample(), "bridges": s.bridgeViews(r),
		"doctor": s.checkup.view(), "dead": append(dead[:0:0], dead[max(0, len(dead)-mostShown):]...), "dead_count": len(dead), "log": lastLines.newestFirst(),
	})
}

func (s *system) bridgeViews(r *http.Request) []bridgeView {
	views := make([]bridgeView, 0, len(bridgeFiles))
	for _, known := range bridgeFiles {
		view := bridgeView{Name: known.name, Parts: []partView{}}
		for _, b := range s.bridges {
			if b.name() != known.name {
				continue
			}
			parts, err := b.parts(r.Context(), r.URL.Query().Get("locale"))
			view.Running, view.Fault = true, err != nil
			view.Parts = append(view.Parts, parts...)
		}
		views = append(views, view)
	}
	return views
}

// A checkup is what doctor found last. It makes calls outside, so it runs in the background: when the
// page is open and what is known is old, and when a person asks.
type checkup struct {
	mu      sync.Mutex
	running bool
	at      time.Time // on the office's clock, as shown
	began   time.Time // on the machine's
	found   []finding
}

// checkupView is doctor on the overview.
type checkupView struct {
	At       time.Time `json:"at,omitzero"` // absent: not yet
	Running  bool      `json:"running"`
	Findings []finding `json:"findings"`
}

// How old a checkup gets before an open page makes a new one: sooner where something was found.
const (
	checkupAge   = 30 * time.Minute
	checkupAgain = 5 * time.Minute
)

func (c *checkup) view() checkupView {
	c.mu.Lock()
	defer c.mu.Unlock()
	return checkupView{c.at, c.running, append([]finding{}, c.found...)}
}

func (c *checkup) lookIfOld(s *system) {
	c.mu.Lock()
	limit := checkupAge
	if slices.ContainsFunc(c.found, func(f finding) bool { return f.State != stateOK }) {
		limit = checkupAgain
	}
	old := time.Since(c.began) > limit
	c.mu.Unlock()
	if old {
		c.look(s)
	}
}

// look starts a checkup unless one is at work. It ends with the process.
func (c *checkup) look(s *system) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		return
	}
	c.running, c.began = true, time.Now()
	s.tasks.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, examineTime)
		defer cancel()
		found := s.examine(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.running = false
		if s.ctx.Err() == nil {
			c.at, c.found = s.clock.Now().UTC(), found
		}
	})
}

// checkNow starts a checkup; the overview tells when it is done.
func (s *system) checkNow(w http.ResponseWriter, _ *http.Request) error {
	s.checkup.look(s)
	w.WriteHeader(http.StatusAccepted)
	return nil
}
