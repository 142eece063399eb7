package pronote

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// The kinds of [Server.Break]. Those of pageKinds also apply to session pages.
var (
	pageKinds = []string{"suspended", "closed"}
	callKinds = []string{
		"3", "5", "7", "8", "10", "11", "13", "21", "22", "25", "attente", "cut", "slow", "suspended", "closed", "wrongkey",
	}
)

// Break lets the next calls of /appelfonction fail in a way:
//
//   - "3" to "25": the error of this number, of which 7, 8, 10, 11 and 13 also end the session, and 3 and 22 come
//     within a regular answer: clients must find errors there, too;
//   - "attente": SignatureAttente with a delay of 0.05 s, and the request is to be repeated;
//   - "cut": the function runs, and the connection is closed in the middle of its answer;
//   - "slow": one second passes before the function runs;
//   - "wrongkey": the answer is encrypted with another key;
//   - "suspended", "closed": a page that says so replaces the answer, or the next session page.
//
// Ordered failures are used up one a call, first in, first out.
func (s *Server) Break(kind string, times int) error {
	if !slices.Contains(callKinds, kind) || times < 0 || times > 1000 {
		return fmt.Errorf("kind: %q is none of %q, or times: %d is not within 0 to 1000", kind, callKinds, times)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range times {
		s.broken = append(s.broken, kind)
	}
	return nil
}

// strike returns the next ordered kind and removes it, if it is one of kinds.
func (s *Server) strike(kinds []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broken) == 0 || !slices.Contains(kinds, s.broken[0]) {
		return ""
	}
	kind := s.broken[0]
	s.broken = s.broken[1:]
	return kind
}

// postBreak is [Server.Break] over HTTP; times 0 cancels what was ordered before.
func (s *Server) postBreak(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Kind  string `json:"kind"`
		Times int    `json:"times"`
	}{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if in.Times == 0 {
		s.mu.Lock()
		s.broken = nil
		s.mu.Unlock()
	} else if err := s.Break(in.Kind, in.Times); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
