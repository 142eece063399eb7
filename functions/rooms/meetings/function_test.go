package meetings_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/meetings"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

const (
	calendarID   = "blue@example.com"
	settingsJSON = `{"iot_client_id":"id","iot_client_secret":"secret","rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"},{"room_name":"lost","gcal_calendar_id":"lost@example.com"}]}`
)

type sent struct {
	mu       sync.Mutex
	messages []messages.Message
	topics   []string // of the messages
}

func (s *sent) Publish(_ context.Context, topic string, m messages.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics = append(s.topics, topic)
	s.messages = append(s.messages, m)
	return nil
}

type fixture struct {
	t       testing.TB
	handler http.Handler
	google  *simgoogle.Server
	state   documents.Bucket
	now     time.Time
	sent    sent
	// before is called with every request to Google, before it is served.
	before func(*http.Request)
	// instead may serve a request to Google in its place.
	instead func(http.ResponseWriter, *http.Request) bool
	db      *machine.DB
	cal     *googlecal.Client
	alone   bool
	configs int
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 2, 9, 3, 0, 0, time.UTC), before: func(*http.Request) {}}
	now := func() time.Time { return f.now }
	var err error
	if f.google, err = simgoogle.New(sim.Options{Now: now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.google.Close)
	if err := f.google.AddCalendar(calendarID, "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.before(r)
		if f.instead == nil || !f.instead(w, r) {
			f.google.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	ctx := context.Background()
	db, err := machine.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if f.cal, err = googlecal.New(ctx, googlecal.Config{BaseURL: server.URL, Now: now}); err != nil {
		t.Fatal(err)
	}
	f.db, f.state = db, db.Bucket("state")
	f.configure(settingsJSON)
	return f
}

// configure makes the function with settings.
func (f *fixture) configure(text string) {
	f.t.Helper()
	f.configs++
	bucket := f.db.Bucket(fmt.Sprintf("config%d", f.configs))
	if _, err := bucket.Put(context.Background(), rooms.SettingsFile, 0, []byte(text), nil); err != nil {
		f.t.Fatal(err)
	}
	settings, err := rooms.LoadSettings(bucket)
	if err != nil {
		f.t.Fatal(err)
	}
	f.handler = meetings.New(meetings.Config{
		Settings: settings, State: f.state, Calendar: f.cal, Publisher: &f.sent, Alone: f.alone,
		Now: func() time.Time { return f.now },
	})
}

func (f *fixture) call(method, path, body string, header ...string) (code int, answer map[string]any) {
	r := httptest.NewRequest(method, path, bytes.NewReader([]byte(body)))
	r.Header.Set("Authorization", "Bearer secret")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	return w.Code, answer
}

const book = `{"client_id":"id","room_name":"blue","duration_mins":30}`

func (f *fixture) person(summary string, start, end time.Time) {
	f.t.Helper()
	date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
	if _, err := f.google.Insert(calendarID,
		map[string]any{"summary": summary, "start": date(start), "end": date(end)}); err != nil {
		f.t.Error(err)
	}
}

// titles are the calendar's events.
func (f *fixture) titles() []string {
	r := httptest.NewRequest(http.MethodGet, "/calendar/v3/calendars/"+calendarID+"/events", nil)
	r.Header.Set("Authorization", "Bearer x")
	w := httptest.NewRecorder()
	f.google.ServeHTTP(w, r)
	var list struct{ Items []struct{ Summary string } }
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil {
		f.t.Fatal(err)
	}
	found := make([]string, 0, len(list.Items))
	for _, item := range list.Items {
		found = append(found, item.Summary)
	}
	slices.Sort(found)
	return found
}

func (f *fixture) claim() rooms.Claim {
	f.t.Helper()
	c, _, err := documents.Load[rooms.Claim](f.t.Context(), f.state, rooms.ClaimName("blue"))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func TestOursYieldsToAPersonsEvent(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.before = func(r *http.Request) {
		if r.Method == http.MethodPost { // between our look and our insert
			f.person("Board", f.now.Add(10*time.Minute), f.now.Add(time.Hour))
		}
	}
	code, answer := f.call(http.MethodPost, "/meetings", book)
	if code != http.StatusConflict || answer["available_mins"] != 0.0 {
		t.Errorf("answered %d %v, want 409 with nothing available", code, answer)
	}
	if got := f.titles(); !slices.Equal(got, []string{"Board"}) {
		t.Errorf("calendar = %v, want the person's event alone", got)
	}
	if c := f.claim(); c.EventID != "" {
		t.Errorf("claim = %+v, want none", c)
	}
}

func TestSameKeyAtTheSameMoment(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	ids := make([]any, 8)
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
			if code != http.StatusCreated {
				t.Errorf("answered %d %v", code, answer)
			}
			ids[i] = answer["id"]
		})
	}
	wg.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Errorf("ids = %v, want the same meeting", ids)
			break
		}
	}
	if got := f.titles(); len(got) != 1 {
		t.Errorf("calendar = %v, want one event", got)
	}
}

// TestClaimOfACrash: whoever books next finds out what became of a booking whose instance died.
func TestClaimOfACrash(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		inserted bool // before the crash
		person   bool // somebody's event overlaps it
		want     int  // the next booking's answer
		titles   []string
	}{
		{"before_the_insert", false, false, 201, []string{"Booked at the door"}},
		{"after_the_insert", true, false, 409, []string{"left"}},
		{"after_the_insert_beside_a_person", true, true, 409, []string{"Board"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
			if tt.inserted {
				_, err := f.google.Insert(calendarID, map[string]any{
					"id": "abcdef", "summary": "left", "start": date(f.now), "end": date(f.now.Add(time.Hour)),
					"extendedProperties": map[string]any{"private": map[string]any{"carillon_room": "blue"}},
				})
				if err != nil {
					t.Fatal(err)
				}
			}
			if tt.person {
				f.person("Board", f.now, f.now.Add(time.Hour))
			}
			claim := rooms.Claim{Version: 1, EventID: "abcdef", Expires: time.Now().Add(20 * time.Second)}
			gen, err := documents.Store(t.Context(), f.state, rooms.ClaimName("blue"), 0, claim, nil)
			if err != nil {
				t.Fatal(err)
			}
			if code, _ := f.call(http.MethodPost, "/meetings", book); code != http.StatusConflict {
				t.Errorf("while the lease runs: answered %d, want 409", code)
			}
			claim.Expires = time.Now().Add(-time.Second)
			if _, err := documents.Store(t.Context(), f.state, rooms.ClaimName("blue"), gen, claim, nil); err != nil {
				t.Fatal(err)
			}
			if code, answer := f.call(http.MethodPost, "/meetings", book); code != tt.want {
				t.Errorf("after the lease: answered %d %v, want %d", code, answer, tt.want)
			}
			if got := f.titles(); !slices.Equal(got, tt.titles) {
				t.Errorf("calendar = %v, want %v", got, tt.titles)
			}
			if c := f.claim(); c.EventID != "" {
				t.Errorf("claim = %+v, want none", c)
			}
		})
	}
}

// TestUnknownOutcome: an insert that was made but not answered is found by the retry.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	broken := true
	f.before = func(r *http.Request) {
		if r.Method != http.MethodPost || !broken {
			return
		}
		broken = false
		body := new(bytes.Buffer)
		_, _ = body.ReadFrom(r.Body)
		again := r.Clone(context.Background())
		again.Body, r.Body = http.NoBody, http.NoBody
		inner := httptest.NewRequest(r.Method, r.URL.Path, body)
		inner.Header = r.Header
		f.google.ServeHTTP(httptest.NewRecorder(), inner)
		panic(http.ErrAbortHandler) // the answer is lost
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusCreated {
		t.Errorf("answered %d %v, want 201: the repeated insert is a duplicate of our own", code, answer)
	}
	if got := f.titles(); len(got) != 1 {
		t.Errorf("calendar = %v, want one event", got)
	}
}

func TestUnsharedCalendarIsTold(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	code, answer := f.call(http.MethodPost, "/meetings", strings.ReplaceAll(book, "blue", "lost"))
	if detail, _ := answer["detail"].(string); code != http.StatusServiceUnavailable ||
		!strings.Contains(detail, "Share the room's calendar") {
		t.Errorf("POST answered %d %v", code, answer)
	}
	s := rooms.Snapshot{Version: 1, RoomName: "lost", CalendarFault: &rooms.Fault{Code: "notFound", Detail: "Share it."}}
	if _, err := documents.Store(t.Context(), f.state, rooms.SnapshotName("lost"), 0, s, nil); err != nil {
		t.Fatal(err)
	}
	code, answer = f.call(http.MethodGet, "/meetings?client_id=id&room_name=lost", "")
	if detail, _ := answer["detail"].(string); code != http.StatusServiceUnavailable ||
		!strings.HasSuffix(detail, "Share it.") {
		t.Errorf("GET answered %d %v", code, answer)
	}
}

func TestBookingTellsTheDisplayAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, booked := f.call(http.MethodPost, "/meetings", book)
	if len(f.sent.messages) != 1 || !bytes.Contains(f.sent.messages[0].Data, []byte(booked["id"].(string))) {
		t.Fatalf("published %q, want the room's events with the booking", f.sent.messages)
	}
	if booked["start"] != "2026-03-02T09:00:00Z" || booked["end"] != "2026-03-02T09:30:00Z" {
		t.Errorf("booked = %v, want 09:00 to 09:30", booked)
	}
	path := "/meetings/" + booked["id"].(string) + "?client_id=id&room_name="
	if code, _ := f.call(http.MethodDelete, path+"lost", ""); code != http.StatusNotFound {
		t.Errorf("deletion by another room's display answered %d, want 404", code)
	}
	for range 2 { // a repeat is no error
		if code, answer := f.call(http.MethodDelete, path+"blue", ""); code != http.StatusNoContent {
			t.Errorf("deletion answered %d %v", code, answer)
		}
	}
	if len(f.titles()) != 0 || len(f.sent.messages) != 2 {
		t.Errorf("calendar = %v, %d messages; want none and 2", f.titles(), len(f.sent.messages))
	}
}

func FuzzBookingBody(f *testing.F) {
	fix := newFixture(f)
	for _, seed := range []string{
		book, `{}`, `[]`, `{"client_id":"id","room_name":"blue","duration_mins":"1e3"}`, `{"client_id":1}`,
		`{"duration_mins":-1}`, "{\"room_name\":\"\\ud800\"}",
		`{"client_id":"id","room_name":"blue"}{}`, `{"client_id":"id","room_name":"blue","duration_mins":null,"fit":"yes"}`,
		strings.Repeat("[", 10_000),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		code, answer := fix.call(http.MethodPost, "/meetings", body)
		switch code {
		case http.StatusCreated, http.StatusConflict:
			var parsed struct {
				ClientID string `json:"client_id"`
				RoomName string `json:"room_name"`
			}
			if json.Unmarshal([]byte(body), &parsed) != nil || parsed.ClientID != "id" || parsed.RoomName != "blue" {
				t.Errorf("%q was answered %d", body, code)
			}
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusNotFound, http.StatusRequestEntityTooLarge,
			http.StatusServiceUnavailable:
			if title, _ := answer["title"].(string); title == "" {
				t.Errorf("%q was answered %d without a problem body: %v", body, code, answer)
			}
		default:
			t.Errorf("%q was answered %d", body, code)
		}
	})
}

func TestStartWatchingAsksForTheRoomsChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if code, answer := f.call(http.MethodPost, "/start_watching",
		`{"client_id":"id","room_name":"blue"}`); code != http.StatusAccepted || answer["room_name"] != "blue" {
		t.Errorf("answered %d %v", code, answer)
	}
	if len(f.sent.messages) != 1 || f.sent.topics[0] != rooms.TopicWatch ||
		!strings.Contains(string(f.sent.messages[0].Data), `"blue"`) {
		t.Errorf("published %d messages to %q", len(f.sent.messages), f.sent.topics)
	}
	for body, want := range map[string]int{
		`{"client_id":"other","room_name":"blue"}`: http.StatusUnauthorized,
		`{"client_id":"id"}`:                       http.StatusBadRequest,
		`{"client_id":"id","room_name":"red"}`:     http.StatusNotFound,
	} {
		if code, _ := f.call(http.MethodPost, "/start_watching", body); code != want {
			t.Errorf("%s answered %d, want %d", body, code, want)
		}
	}
	if len(f.sent.messages) != 1 {
		t.Error("a refused request published something")
	}
}
