// Package googlecal simulates the Google Calendar API v3 with its push
// messages, as developers.google.com/workspace/calendar/api documents them. It
// knows nothing of Carillon: any client of that API works against it with a changed base URL.
package googlecal

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
)

// Server is a simulated Google Calendar. Its handler serves /calendar/v3/...; calls that were answered with success are
// counted by method.
type Server struct {
	*sim.Server

	mux  *http.ServeMux
	push *http.Client

	mu        sync.Mutex
	seq       int64 // grows with every change
	calendars map[string]*calendar
	channels  map[string]*channel
	stop      chan struct{}
	pushes    sync.WaitGroup
}

type calendar struct {
	ID       string
	TimeZone string
	events   map[string]event
}

// New returns a server with what the store has.
func New(o sim.Options) (*Server, error) {
	s := &Server{
		Server: sim.New(o), push: &http.Client{Timeout: 10 * time.Second},
		calendars: map[string]*calendar{}, channels: map[string]*channel{}, stop: make(chan struct{}),
	}
	s.routes()
	s.Route(s.mux, refuse)
	return s, s.load()
}

// Close ends the delivery of messages.
func (s *Server) Close() {
	close(s.stop)
	s.pushes.Wait()
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	const c = "/calendar/v3/calendars/{calendar}/events"
	s.handle("GET "+c, s.list)
	s.handle("POST "+c, s.insert)
	s.handle("GET "+c+"/{event}", s.get)
	s.handle("PUT "+c+"/{event}", s.update)
	s.handle("PATCH "+c+"/{event}", s.update)
	s.handle("DELETE "+c+"/{event}", s.delete)
	s.handle("GET "+c+"/{event}/instances", s.instances)
	s.handle("POST "+c+"/watch", s.watch)
	s.handle("POST /calendar/v3/channels/stop", s.stopChannel)
	s.handle("POST /calendar/v3/freeBusy", s.freeBusy)
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	s.Server.ServeHTTP(w, r)
}

// handle registers a method of the API: it returns what to answer, or an *apiError.
func (s *Server) handle(pattern string, f func(*http.Request) (any, error)) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=UTF-8")
		body, err := any(nil), error(errUnauthorized)
		if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
			body, err = f(r)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		if e, ok := body.(event); ok {
			w.Header().Set("ETag", e.text("etag"))
		}
		if body, err = partial(body, r.URL.Query()); err != nil {
			writeError(w, err)
			return
		}
		s.Count(r.Method)
		if body == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_ = json.NewEncoder(w).Encode(body)
	})
}

// partial leaves of an answer what the fields parameter asks for.
func partial(body any, q url.Values) (any, error) {
	if body == nil || !q.Has("fields") {
		return body, nil
	}
	m, ok := parseMask(q.Get("fields"))
	if !ok {
		return nil, &apiError{400, "global", "invalidParameter", "Invalid field selection " + q.Get("fields"), "fields"}
	}
	return m.apply(body)
}

type apiError struct {
	code                    int
	domain, reason, message string
	location                string
}

func (e *apiError) Error() string { return e.message }

// The errors of developers.google.com/workspace/calendar/api/guides/errors.
var (
	errUnauthorized = &apiError{401, "global", "authError", "Invalid Credentials", "Authorization"}
	errNotFound     = &apiError{404, "global", "notFound", "Not Found", ""}
	// ErrDuplicate says that there is, or was, an event of this id.
	ErrDuplicate    = &apiError{409, "global", "duplicate", "The requested identifier already exists.", ""}
	errDeleted      = &apiError{410, "global", "deleted", "Resource has been deleted", ""}
	errPrecondition = &apiError{412, "global", "conditionNotMet", "Precondition Failed", "If-Match"}
	errTimeRange    = &apiError{400, "calendar", "timeRangeEmpty", "The specified time range is empty.", "timeMax"}
	errParse        = &apiError{400, "global", "parseError", "Parse Error", ""}
	errUpdatedMin   = &apiError{
		410, "calendar", "updatedMinTooLongAgo",
		"The requested minimum modification time lies too far in the past.", "updatedMin",
	}
	errSyncToken = &apiError{
		410, "calendar", "fullSyncRequired", "Sync token is no longer valid, a full sync is required.", "syncToken",
	}
)

// documented are errors that only a fault gives: the usage limits, the calendar's access rules and Google's own
// failures.
var documented = []*apiError{
	{403, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", ""},
	{403, "usageLimits", "userRateLimitExceeded", "User Rate Limit Exceeded", ""},
	{403, "usageLimits", "quotaExceeded", "Calendar usage limits exceeded.", ""},
	{403, "usageLimits", "dailyLimitExceeded", "Daily Limit Exceeded", ""},
	{403, "usageLimits", "ForbiddenError", "Forbidden", ""},
	{
		403, "calendar", "forbiddenForNonOrganizer",
		"Shared properties can only be changed by the organizer of the event.", "",
	},
	{429, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded", ""},
	{500, "global", "backendError", "Backend Error", ""},
	errTimeRange, errUnauthorized, errNotFound, ErrDuplicate, errDeleted, errSyncToken, errUpdatedMin, errPrecondition,
}

// refuse answers a fault's status with the documented body of its reason, or of the status.
func refuse(w http.ResponseWriter, status int, reason string) {
	e := &apiError{status, "global", cmp.Or(reason, "backendError"), cmp.Or(http.StatusText(status), "Error"), ""}
	for _, d := range documented {
		if d.code == status && (reason == "" || d.reason == reason) {
			e = d
			break
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	writeError(w, e)
}

func invalid(format string, args ...any) *apiError {
	return &apiError{400, "global", "invalid", fmt.Sprintf(format, args...), ""}
}

func writeError(w http.ResponseWriter, err error) {
	e, ok := err.(*apiError) //nolint:errorlint // none is wrapped here
	if !ok {
		e = &apiError{500, "global", "backendError", "Backend Error", ""}
	}
	if e.code == http.StatusNotModified {
		w.WriteHeader(e.code)
		return
	}
	detail := map[string]any{"domain": e.domain, "reason": e.reason, "message": e.message}
	if e.location != "" {
		detail["locationType"], detail["location"] = "parameter", e.location
		if e.code == 401 || e.code == 412 {
			detail["locationType"] = "header"
		}
	}
	w.WriteHeader(e.code)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"error": map[string]any{"errors": []any{detail}, "code": e.code, "message": e.message},
	})
}

// AddCalendar makes a calendar, if there is none with the id.
func (s *Server) AddCalendar(id, zone string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calendars[id] != nil {
		return nil
	}
	s.calendars[id] = &calendar{ID: id, TimeZone: zone, events: map[string]event{}}
	return s.Save("calendar/"+id, s.calendars[id])
}

func (s *Server) calendar(r *http.Request) (*calendar, error) {
	c := s.calendars[r.PathValue("calendar")]
	if c == nil {
		return nil, errNotFound
	}
	return c, nil
}

func (s *Server) load() error {
	records, err := s.Load()
	if err != nil {
		return err
	}
	for key, data := range records {
		if id, ok := strings.CutPrefix(key, "calendar/"); ok {
			c := &calendar{events: map[string]event{}}
			if err := json.Unmarshal(data, c); err != nil {
				return err
			}
			s.calendars[id] = c
		}
	}
	for key, data := range records {
		kind, rest, _ := strings.Cut(key, "/")
		switch kind {
		case "event":
			e := event{}
			if err := json.Unmarshal(data, &e); err != nil {
				return err
			}
			id, _, _ := strings.Cut(rest, "\n")
			s.calendars[id].events[e.id()] = e
			s.seq = max(s.seq, e.seq())
		case "channel":
			c := &channel{}
			if err := json.Unmarshal(data, c); err != nil {
				return err
			}
			s.channels[c.ID] = c
		}
	}
	return nil
}
