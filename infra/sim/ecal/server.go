// Package ecal is a stand-in for the ECAL API, version 2 (docs.ecal.com/reference/apiv2.html):
// calendars and events behind a signature, pages that end with 204, past
// events hidden unless asked for, and one event for each reference of an account.
package ecal

import (
	"bytes"
	"crypto/md5" //nolint:gosec // the vendor's signature
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // events name their zones

	"github.com/carillon-calendar/carillon/infra/sim"
)

// maxBody is the size of a request's body, in bytes.
const maxBody = 1 << 20

// An Account is a publisher's, with its key.
type Account struct {
	Key, Secret string
	// PerSecond is how many requests a second the key may make; 0: as many as it likes. The vendor publishes no number.
	PerSecond int
}

// A Server is the simulated API. The simulated time decides which events are past; calls that were answered with
// success are counted by method.
type Server struct {
	*sim.Server

	mu        sync.Mutex
	accounts  map[string]*account
	calendars map[string]*Calendar
	events    map[string]*Event
}

type account struct {
	Account

	recent []time.Time
}

// A Calendar is a schedule of an account's.
type Calendar struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Reference string `json:"reference,omitempty"`
	Type      string `json:"type"`
	Key       string `json:"key,omitempty"` // whose it is; never shown
}

// An Event as it is stored: dates and times of its own zone.
type Event struct {
	ID            string               `json:"id"`
	CalendarID    string               `json:"calendarId"`
	Name          string               `json:"name"`
	Location      string               `json:"location"`
	StartDate     string               `json:"startDate"`
	StartTime     string               `json:"startTime"`
	EndDate       string               `json:"endDate"`
	EndTime       string               `json:"endTime"`
	AllDay        bool                 `json:"allDay"`
	TimeZone      string               `json:"timezone"`
	Alert         string               `json:"alert,omitempty"`
	Details       string               `json:"details"`
	Draft         int                  `json:"draft"`
	Reference     string               `json:"reference"`
	ReferenceType string               `json:"referenceType,omitempty"`
	Type          string               `json:"type"`
	QuickLink     map[string]QuickLink `json:"quickLink,omitempty"`
	Key           string               `json:"key,omitempty"` // whose it is; never shown
}

// QuickLink is a link of an event.
type QuickLink struct {
	Name        string `json:"name"`
	URL         string `json:"url"`
	OriginalURL string `json:"original_url"`
}

// New returns a server with what the store has.
func New(o sim.Options) (*Server, error) {
	s := &Server{
		Server: sim.New(o), accounts: map[string]*account{}, calendars: map[string]*Calendar{},
		events: map[string]*Event{},
	}
	mux := http.NewServeMux()
	for pattern, f := range map[string]operation{
		"GET /apiv2/calendar/{$}": s.listCalendars, "GET /apiv2/calendar/{id}": s.showCalendar,
		"POST /apiv2/calendar/{$}": s.createCalendar, "PUT /apiv2/calendar/{id}": s.updateCalendar,
		"DELETE /apiv2/calendar/{id}": s.deleteCalendar,
		"GET /apiv2/event/{$}":        s.list, "GET /apiv2/event/{id}": s.show,
		"POST /apiv2/event/{$}": s.create, "PUT /apiv2/event/{id}": s.update,
		"DELETE /apiv2/event/{id}": s.remove,
		"PUT /apiv2/events/{type}": s.updateAll,
	} {
		mux.HandleFunc(pattern, s.serve(f))
	}
	s.Route(mux, func(w http.ResponseWriter, status int, _ string) { refuse(w, status) })
	return s, s.load()
}

// AddAccount makes an account with its calendars, by id and name, unless they are there.
func (s *Server) AddAccount(a Account, calendars map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.Key] = &account{Account: a}
	for _, id := range slices.Sorted(maps.Keys(calendars)) {
		if s.calendars[id] == nil {
			s.calendars[id] = &Calendar{ID: id, Name: calendars[id], Type: "fixture", Key: a.Key}
			if err := s.saveCalendar(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Events returns a calendar's events, sorted by start.
func (s *Server) Events(calendarID string) []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []Event{}
	for _, e := range s.events {
		if e.CalendarID == calendarID {
			found = append(found, *e)
		}
	}
	slices.SortFunc(found, func(a, b Event) int { return a.order(b) })
	return found
}

func (e Event) order(o Event) int {
	return strings.Compare(e.StartDate+e.StartTime+e.ID, o.StartDate+o.StartTime+o.ID)
}

// Put stores an event as a person would in ECAL's portal; without an id it is a new one.
func (s *Server) Put(e Event) (Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	calendar := s.calendars[e.CalendarID]
	if calendar == nil {
		return e, errors.New("no calendar of this id")
	}
	e.Key, e.Type = calendar.Key, "fixture"
	if e.ID == "" {
		e.ID = newID()
	}
	s.events[e.ID] = &e
	return e, s.saveEvent(e.ID)
}

// Remove deletes an event as a person would in ECAL's portal.
func (s *Server) Remove(id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.events, id)
	return s.saveEvent(id)
}

// sign is the signature that the vendor's documentation defines.
func sign(secret string, query url.Values, body []byte) string {
	text := bytes.NewBufferString(secret)
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if key != "apiSign" {
			text.WriteString(key + strings.Join(query[key], ""))
		}
	}
	text.Write(body)
	sum := md5.Sum(text.Bytes()) //nolint:gosec // the vendor's signature
	return hex.EncodeToString(sum[:])
}

// A call is an admitted request.
type call struct {
	*http.Request

	query url.Values
	body  []byte
	key   string
}

// An operation answers a call: a value, or the status of an error.
type operation func(c call) (v any, status int)

// serve admits a request by its signature and the key's rate.
func (s *Server) serve(f operation) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		query, qerr := url.ParseQuery(r.URL.RawQuery)
		if err != nil || qerr != nil {
			refuse(w, http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		a := s.accounts[query.Get("apiKey")]
		var signed []byte
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			signed = body
		}
		if a == nil || len(query["apiSign"]) != 1 || query.Get("apiSign") != sign(a.Secret, query, signed) {
			refuse(w, http.StatusForbidden)
			return
		}
		now := time.Now()
		a.recent = slices.DeleteFunc(a.recent, func(t time.Time) bool { return now.Sub(t) >= time.Second })
		if a.PerSecond > 0 && len(a.recent) >= a.PerSecond && !s.Faults.LimitOff() {
			refuse(w, http.StatusTooManyRequests)
			return
		}
		a.recent = append(a.recent, now)
		v, status := f(call{r, query, body, a.Key})
		if status >= http.StatusBadRequest {
			refuse(w, status)
			return
		}
		s.Count(r.Method)
		if v == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"data": v})
	}
}

// sentences are the error texts of docs.ecal.com/reference/apiv2/errors.html, by status.
var sentences = map[int]string{
	400: "Invalid input sent in either request body or params",
	403: "API signature does not match; or API key status is inactive/expired/non-existent",
	404: "Calendar/Event not found for given id or reference",
	409: "Calendar/Event already exists",
	429: "Too many requests! Try again after sometime",
}

func refuse(w http.ResponseWriter, status int) {
	text := sentences[status]
	if text == "" {
		text = http.StatusText(status)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": strconv.Itoa(status), "statusLong": text})
}

// newID is an id in the form of the vendor's: 24 hexadecimal digits.
func newID() string {
	var id [12]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// saveEvent stores an event; a deleted one is the record null, as a deleted calendar is.
func (s *Server) saveEvent(id string) error    { return s.Save("event/"+id, s.events[id]) }
func (s *Server) saveCalendar(id string) error { return s.Save("calendar/"+id, s.calendars[id]) }

func (s *Server) load() error {
	records, err := s.Load()
	for key, data := range records {
		kind, id, _ := strings.Cut(key, "/")
		var err error
		switch {
		case string(data) == "null":
		case kind == "calendar":
			s.calendars[id] = &Calendar{}
			err = json.Unmarshal(data, s.calendars[id])
		default:
			s.events[id] = &Event{}
			err = json.Unmarshal(data, s.events[id])
		}
		if err != nil {
			return err
		}
	}
	return err
}
