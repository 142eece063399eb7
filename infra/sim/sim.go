// Package sim is what the simulators of outside systems have in common. Each is a package with a Server, which embeds
// [Server], and a function New, which takes [Options] or a struct that embeds them beside options of its own.
package sim

import (
	"encoding/json"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// A Store keeps a simulator's records by key.
type Store interface {
	Save(key string, data []byte) error
	Load() (map[string][]byte, error)
}

// Options of every simulator.
type Options struct {
	Now   func() time.Time // the simulated time; default: the machine's
	Store Store            // default: records end with the process
	// Prefix precedes the paths in the addresses that the simulator returns, such as /sim/wigor. Requests come without it.
	Prefix string
}

// A Server is the common part of a simulator: its options, faults and counters. Beside the API's own paths it serves
// the faults' /_faults (see [faults.Set]) and GET /_counts.
type Server struct {
	Options

	Faults faults.Set

	handler http.Handler
	mu      sync.Mutex
	counts  map[string]int
}

// New returns a server that lacks its API: see [Server.Route].
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{Options: o, counts: map[string]int{}}
}

// Route has api answer what no fault answers; refuse writes the API's error for a fault's status and reason.
func (s *Server) Route(api http.Handler, refuse func(w http.ResponseWriter, status int, reason string)) {
	served := s.Faults.Wrap(api, refuse)
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || r.URL.Path != "/_counts" {
			served.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(s.Counts())
	})
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Count counts a call by what it did: a word of the simulator's own, or the method of an answered request.
func (s *Server) Count(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[what]++
}

// Counts returns the calls since the start.
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// Save stores a value as the record of a key.
func (s *Server) Save(key string, v any) error {
	if s.Store == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.Store.Save(key, data)
}

// Load returns the stored records by key.
func (s *Server) Load() (map[string][]byte, error) {
	if s.Store == nil {
		return nil, nil //nolint:nilnil // no records, and no fault
	}
	return s.Store.Load()
}
