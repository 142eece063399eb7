// Package iotcloud simulates the part of the Arduino IoT Cloud API that serves
// Things and their values, as the vendor's OpenAPI document and staff describe
// it. It knows nothing of Carillon: any client of that API works against it.
package iotcloud

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/infra/sim"
)

// Account is the one that the simulator serves.
type Account struct {
	ClientID, ClientSecret string
	Organization           string // "" where the plan has none
	Unlimited              bool   // no limit of requests a second
}

// Options of the simulator.
type Options struct {
	sim.Options

	Account Account
}

// Server is a simulated Arduino IoT Cloud. Its handler serves /iot/v1/clients/token and /iot/v2/...; calls that were
// answered with success are counted by method.
type Server struct {
	*sim.Server

	account Account
	mux     *http.ServeMux

	mu     sync.Mutex
	things map[string]*thing
	tokens map[string]*token
	calls  []Call
}

type token struct {
	expires time.Time
	rate    int
	recent  []time.Time
}

// A Call is a request that changed a value.
type Call struct {
	At              time.Time
	Thing, Variable string
	Value           any
}

type thing struct {
	Href            string         `json:"href"`
	ID              string         `json:"id"`
	Name            string         `json:"name"`
	Timezone        string         `json:"timezone"`
	UserID          string         `json:"user_id"`
	OrganizationID  string         `json:"organization_id,omitempty"`
	Properties      []*property    `json:"properties,omitempty"`
	PropertiesCount int            `json:"properties_count"`
	Tags            map[string]any `json:"tags,omitempty"`
}

type property struct {
	Href           string     `json:"href"`
	ID             string     `json:"id"`
	Name           string     `json:"name"`
	VariableName   string     `json:"variable_name"`
	ThingID        string     `json:"thing_id"`
	ThingName      string     `json:"thing_name"`
	Type           string     `json:"type"`
	Permission     string     `json:"permission"`
	UpdateStrategy string     `json:"update_strategy"`
	Persist        bool       `json:"persist"`
	LastValue      any        `json:"last_value,omitempty"`
	ValueUpdatedAt *time.Time `json:"value_updated_at,omitempty"`
}

// New returns a server for the account, with what the store has.
func New(o Options) (*Server, error) {
	s := &Server{Server: sim.New(o.Options), account: o.Account, things: map[string]*thing{}, tokens: map[string]*token{}}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /iot/v1/clients/token", s.token)
	const list, one = "application/vnd.arduino.thing+json; type=collection", "application/vnd.arduino.thing+json"
	const props, prop = "application/vnd.arduino.property+json; type=collection", "application/vnd.arduino.property+json"
	s.handle("GET /iot/v2/things", list, s.list)
	s.handle("PUT /iot/v2/things", one, s.create)
	s.handle("GET /iot/v2/things/{id}", one, s.show)
	s.handle("DELETE /iot/v2/things/{id}", "", s.remove)
	s.handle("GET /iot/v2/things/{id}/properties", props, s.properties)
	s.handle("PUT /iot/v2/things/{id}/properties", prop, s.createProperty)
	s.handle("GET /iot/v2/things/{id}/properties/{pid}", prop, s.showProperty)
	s.handle("PUT /iot/v2/things/{id}/properties/{pid}/publish", "", s.publish)
	s.handle("PUT /iot/v2/things/{id}/publish", "", s.publishMulti)
	s.Route(s.mux, refuse)
	return s, s.load()
}

// refuse answers a fault's status with the vendor's error body.
func refuse(w http.ResponseWriter, status int, reason string) {
	if status == http.StatusTooManyRequests {
		writeError(w, errLimit)
		return
	}
	text := http.StatusText(status)
	writeError(w, &apiError{status, cmp.Or(reason, strings.ReplaceAll(strings.ToLower(text), " ", "_")), text})
}

type apiError struct {
	status       int
	code, detail string
}

func (e *apiError) Error() string { return e.detail }

var errLimit = &apiError{429, "too_many_requests", "You have reached maximum request limit."}

func notFound(what string) *apiError { return &apiError{404, "not_found", what + " not found"} }

func writeError(w http.ResponseWriter, e *apiError) {
	w.Header().Set("Content-Type", "application/vnd.goa.error+json")
	w.WriteHeader(e.status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"id": uuid.NewString()[:8], "code": e.code, "status": e.status, "detail": e.detail,
	})
}

// handle registers an operation behind the token and the limit.
func (s *Server) handle(pattern, contentType string, f func(*http.Request) (any, *apiError)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if e := s.admit(r); e != nil {
			writeError(w, e)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		body, e := f(r)
		if e != nil {
			writeError(w, e)
			return
		}
		s.Count(r.Method)
		if contentType == "" {
			return // 200 without a body
		}
		w.Header().Set("Content-Type", contentType)
		if r.Method == http.MethodPut {
			w.WriteHeader(http.StatusCreated)
		}
		_ = json.NewEncoder(w).Encode(body)
	})
}

// admit checks the token, the organisation and the rate, in a sliding second.
func (s *Server) admit(r *http.Request) *apiError {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := s.tokens[bearer]
	now := time.Now()
	if !ok || t == nil || now.After(t.expires) {
		return &apiError{401, "unauthorized", "invalid or expired token"}
	}
	if org := r.Header.Get("X-Organization"); org != "" && org != s.account.Organization {
		return &apiError{403, "forbidden", "not a member of this organization"}
	}
	t.recent = slices.DeleteFunc(t.recent, func(at time.Time) bool { return now.Sub(at) >= time.Second })
	if len(t.recent) >= t.rate && !s.account.Unlimited && !s.Faults.LimitOff() {
		return errLimit
	}
	t.recent = append(t.recent, now)
	return nil
}

const tokenLife = 300 * time.Second

// token is the client-credentials grant. The organisation given here decides the limit: 10 requests a second, else 1.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.FormValue("grant_type") != "client_credentials" || r.FormValue("audience") != "https://api2.arduino.cc/iot" {
		writeError(w, &apiError{400, "invalid_request", "grant_type or audience is wrong"})
		return
	}
	id, secret := r.FormValue("client_id"), r.FormValue("client_secret")
	if user, pass, ok := r.BasicAuth(); ok {
		id, secret = user, pass
	}
	if id != s.account.ClientID || secret != s.account.ClientSecret {
		writeError(w, &apiError{401, "unauthorized", "client_id or client_secret is wrong"})
		return
	}
	t := &token{expires: time.Now().Add(tokenLife), rate: 1}
	if org := cmp.Or(r.Header.Get("X-Organization"), r.FormValue("organization_id")); org != "" &&
		org == s.account.Organization {
		t.rate = 10
	}
	name := uuid.NewString() + uuid.NewString()
	s.mu.Lock()
	for old, o := range s.tokens {
		if time.Now().After(o.expires) {
			delete(s.tokens, old)
		}
	}
	s.tokens[name] = t
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": name, "expires_in": int(tokenLife.Seconds()), "token_type": "Bearer",
	})
}

func (s *Server) save(t *thing) *apiError {
	if err := s.Save(t.ID, t); err != nil {
		return &apiError{500, "internal", "not stored"}
	}
	return nil
}

func (s *Server) load() error {
	records, err := s.Load()
	for id, data := range records {
		t := &thing{}
		if err := json.Unmarshal(data, t); err != nil {
			return err
		}
		if t.ID != "" {
			s.things[id] = t
		}
	}
	return err
}
