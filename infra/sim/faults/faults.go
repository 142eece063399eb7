// Package faults makes a simulator misbehave on request. Faults are added,
// listed and removed under the simulator's /_faults, in the JSON form of [Fault].
package faults

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Fault is one way to misbehave. Method and Path choose the requests; Times
// and Seconds bound how long it holds (real seconds; without both, until it is removed).
type Fault struct {
	ID     string `json:"id"`
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"` // a regular expression that matches in the path
	Times  int    `json:"times,omitempty"`
	// Seconds is how long the fault holds from when it is added.
	Seconds float64 `json:"seconds,omitempty"`

	// LatencyMS delays the answer.
	LatencyMS int `json:"latency_ms,omitempty"`
	// Status answers with this status and the vendor's body; Reason chooses among the bodies of one status.
	Status int    `json:"status,omitempty"`
	Reason string `json:"reason,omitempty"`
	// PerMinute lets Status answer only what is more than this many requests in a minute.
	PerMinute int `json:"per_minute,omitempty"`
	// Drop closes the connection before the request is served, LoseAnswer after it, Truncate in the middle of the answer.
	Drop       bool `json:"drop,omitempty"`
	LoseAnswer bool `json:"lose_answer,omitempty"`
	Truncate   bool `json:"truncate,omitempty"`
	// Pushes is for push messages in place of requests: drop, duplicate or delay (by latency_ms).
	Pushes string `json:"pushes,omitempty"`
	// Kind is a misbehaviour of this vendor's own, which the simulator names; Items says how much of it.
	Kind  string `json:"kind,omitempty"`
	Items int    `json:"items,omitempty"`
	// LimitOff switches the simulator's own request limit off.
	LimitOff bool `json:"limit_off,omitempty"`

	// Hits is how often the fault has struck.
	Hits int `json:"hits"`

	path   *regexp.Regexp
	ends   time.Time
	recent []time.Time
}

// A Set holds a simulator's faults. The zero Set has none.
type Set struct {
	mu     sync.Mutex
	last   int
	faults map[string]*Fault
}

func (f *Fault) check() error {
	var err error
	if f.path, err = regexp.Compile(f.Path); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return fmt.Errorf("status: %d is none of an error", f.Status)
	}
	if !slices.Contains([]string{"", "drop", "duplicate", "delay"}, f.Pushes) {
		return fmt.Errorf("pushes: %q is none of drop, duplicate, delay", f.Pushes)
	}
	if f.Seconds > 0 {
		f.ends = time.Now().Add(time.Duration(f.Seconds * float64(time.Second)))
	}
	return nil
}

// Add starts a fault and returns it with its id.
func (s *Set) Add(f Fault) (Fault, error) {
	if err := f.check(); err != nil {
		return f, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	f.ID, f.Hits = strconv.Itoa(s.last), 0
	if s.faults == nil {
		s.faults = map[string]*Fault{}
	}
	s.faults[f.ID] = &f
	return f, nil
}

// Clear ends the fault of an id, or all for "".
func (s *Set) Clear(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id == "" {
		s.faults = nil
	}
	delete(s.faults, id)
}

// List returns the faults that hold.
func (s *Set) List() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Fault{}
	for _, id := range slices.Sorted(maps.Keys(s.faults)) {
		if f := s.faults[id]; f.holds(time.Now()) {
			list = append(list, *f)
		}
	}
	return list
}

func (f *Fault) holds(now time.Time) bool {
	return (f.ends.IsZero() || now.Before(f.ends)) && (f.Times == 0 || f.Hits < f.Times)
}

// strikes tells whether the fault meets a request of the method and path, and counts it.
func (f *Fault) strikes(now time.Time, method, path string) bool {
	if !f.holds(now) || f.Method != "" && f.Method != method || !f.path.MatchString(path) {
		return false
	}
	if f.PerMinute > 0 {
		f.recent = slices.DeleteFunc(f.recent, func(t time.Time) bool { return now.Sub(t) >= time.Minute })
		if len(f.recent) < f.PerMinute {
			f.recent = append(f.recent, now)
			return false
		}
	}
	f.Hits++
	return true
}

// met returns the wanted faults that strike.
func (s *Set) met(method, path string, wanted func(*Fault) bool) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Fault
	for _, id := range slices.Sorted(maps.Keys(s.faults)) {
		f := s.faults[id]
		if !f.LimitOff && wanted(f) && f.strikes(time.Now(), method, path) {
			found = append(found, *f)
		}
	}
	return found
}

// LimitOff reports whether the simulator's own limit is switched off.
func (s *Set) LimitOff() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.LimitOff && f.holds(time.Now()) {
			return true
		}
	}
	return false
}

// Pushes tells what becomes of a push message to an address about a path: how
// long it is delayed, and how often it is sent.
func (s *Set) Pushes(path string) (delay time.Duration, copies int) {
	copies = 1
	for _, f := range s.met("", path, func(f *Fault) bool { return f.Pushes != "" }) {
		switch f.Pushes {
		case "drop":
			copies = 0
		case "duplicate":
			copies *= 2
		case "delay":
			delay += time.Duration(f.LatencyMS) * time.Millisecond
		}
	}
	return delay, copies
}

// Own returns the faults of the vendor's own kinds that strike.
func (s *Set) Own(method, path string) []Fault {
	return s.met(method, path, func(f *Fault) bool { return f.Kind != "" })
}

// Wrap serves a simulator with its faults; refuse writes the vendor's error body.
func (s *Set) Wrap(h http.Handler, refuse func(w http.ResponseWriter, status int, reason string)) http.Handler {
	mux := http.NewServeMux()
	guard := http.NewCrossOriginProtection() // a web page elsewhere must not switch faults on
	for pattern, f := range map[string]http.HandlerFunc{
		"GET /_faults": s.get, "POST /_faults": s.post, "DELETE /_faults": s.remove, "DELETE /_faults/{id}": s.remove,
	} {
		mux.Handle(pattern, guard.Handler(f))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_faults" || strings.HasPrefix(r.URL.Path, "/_faults/") {
			mux.ServeHTTP(w, r)
			return
		}
		serve(w, r, h, s.met(r.Method, r.URL.Path, func(f *Fault) bool { return f.Pushes == "" && f.Kind == "" }), refuse)
	})
}

func serve(
	w http.ResponseWriter, r *http.Request, h http.Handler, met []Fault, refuse func(http.ResponseWriter, int, string),
) {
	for _, f := range met {
		select {
		case <-time.After(time.Duration(f.LatencyMS) * time.Millisecond):
		case <-r.Context().Done():
		}
		switch {
		case f.Drop:
			panic(http.ErrAbortHandler)
		case f.Status != 0:
			refuse(w, f.Status, f.Reason)
			return
		case f.LoseAnswer:
			h.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		case f.Truncate:
			truncate(w, r, h)
		}
	}
	h.ServeHTTP(w, r)
}

// truncate sends half of the answer and closes the connection.
func truncate(w http.ResponseWriter, r *http.Request, h http.Handler) {
	whole := httptest.NewRecorder()
	h.ServeHTTP(whole, r)
	maps.Copy(w.Header(), whole.Header())
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	if flusher, ok := w.(http.Flusher); ok {
		flusher.Flush()
	}
	panic(http.ErrAbortHandler)
}

func (s *Set) get(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.List()) }

func (s *Set) remove(w http.ResponseWriter, r *http.Request) {
	s.Clear(r.PathValue("id"))
	w.WriteHeader(http.StatusNoContent)
}

func (s *Set) post(w http.ResponseWriter, r *http.Request) {
	body := new(bytes.Buffer)
	if _, err := body.ReadFrom(http.MaxBytesReader(w, r.Body, 64<<10)); err != nil {
		write(w, http.StatusRequestEntityTooLarge, map[string]string{"error": err.Error()})
		return
	}
	dec := json.NewDecoder(body)
	dec.DisallowUnknownFields()
	var f Fault
	err := dec.Decode(&f)
	if err == nil {
		f, err = s.Add(f)
	}
	if err != nil {
		write(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	write(w, http.StatusCreated, f)
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
