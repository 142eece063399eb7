package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

const getBlue = "/meetings?client_id=id&room_name=blue"

func (f *fixture) keep(s rooms.Snapshot) {
	f.t.Helper()
	s.Version, s.RoomName, s.TimeZone = 1, "blue", "Europe/Paris"
	_, gen, err := documents.Load[rooms.Snapshot](f.t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil {
		gen = 0
	}
	if _, err := documents.Store(f.t.Context(), f.state, rooms.SnapshotName("blue"), gen, s, nil); err != nil {
		f.t.Fatal(err)
	}
}

// TestUnknownIsNeverFree: GET says when the calendar was last read, and past the time for which that is worth something
// it says nothing else.
func TestUnknownIsNeverFree(t *testing.T) {
	t.Parallel()
	read := newFixture(t).now
	fault := &rooms.Fault{Code: "notFound", Detail: "Share the calendar."}
	for _, tc := range []struct {
		name  string
		s     rooms.Snapshot
		after time.Duration
		code  int
		want  string // in the answer
	}{
		{"fresh", rooms.Snapshot{FetchedAt: read}, time.Minute, 200, `"busynow":0`},
		{
			"unreadable since",
			rooms.Snapshot{FetchedAt: read, CalendarFault: fault},
			time.Minute, 200,
			`"stale_since":"2026-03-02T09:03:00Z"`,
		},
		{
			"too long ago",
			rooms.Snapshot{FetchedAt: read, CalendarFault: fault},
			rooms.TrustTime, 503,
			"last read at 10:03 CET",
		},
		{"on Friday", rooms.Snapshot{FetchedAt: read, CalendarFault: fault}, 98 * time.Hour, 503, "Share the calendar."},
		{"never readable", rooms.Snapshot{CalendarFault: fault}, time.Minute, 503, "has not been read yet"},
		{"read in the future", rooms.Snapshot{FetchedAt: read.AddDate(0, 1, 0)}, time.Minute, 503, "not known"},
	} {
		f := newFixture(t)
		f.keep(tc.s)
		f.now = read.Add(tc.after)
		r := httptest.NewRequest(http.MethodGet, getBlue, nil)
		r.Header.Set("Authorization", "Bearer secret")
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		if w.Code != tc.code || !strings.Contains(w.Body.String(), tc.want) {
			t.Errorf("%s: answered %d %s; want %d with %s", tc.name, w.Code, w.Body, tc.code, tc.want)
		}
		if w.Code == http.StatusServiceUnavailable &&
			(strings.Contains(w.Body.String(), "busynow") || w.Header().Get("Retry-After") == "") {
			t.Errorf("%s: %s", tc.name, w.Body)
		}
	}
}

// TestARefusedBookingIsPublished: whatever a booking reads reaches the door, also when it is refused.
func TestARefusedBookingIsPublished(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.person("Board", f.now.Add(-time.Hour), f.now.Add(time.Hour)) // its push was lost
	if code, _ := f.call(http.MethodPost, "/meetings", book); code != http.StatusConflict {
		t.Fatalf("answered %d, want 409", code)
	}
	if len(f.sent.messages) != 1 || f.sent.topics[0] != rooms.TopicEvents ||
		!strings.Contains(string(f.sent.messages[0].Data), "Board") {
		t.Errorf("published %s to %v, want what was read", f.sent.messages, f.sent.topics)
	}
}

// TestDurationsOfPanels: what JSON calls an integer is one, however it is written.
func TestDurationsOfPanels(t *testing.T) {
	t.Parallel()
	for duration, want := range map[string]int{
		`30`: 201, `30.0`: 201, `3e1`: 201, `null`: 201, `"30"`: 201, `" 30 "`: 201, `"030"`: 201, `480`: 201,
		`0`: 400, `-30`: 400, `30.5`: 400, `481`: 400, `1e99`: 400, `"0"`: 400, `"99999"`: 400, `"+30"`: 400, `"30.0"`: 400,
		`""`: 400, `true`: 400, `[30]`: 400,
	} {
		f := newFixture(t)
		code, answer := f.call(http.MethodPost, "/meetings",
			`{"client_id":"id","room_name":"blue","duration_mins":`+duration+`}`)
		if code != want {
			t.Errorf("%s: answered %d %v, want %d", duration, code, answer, want)
		}
		if duration == "null" && answer["end"] != "2026-03-02T10:00:00Z" {
			t.Errorf("null booked until %v, want the default of an hour", answer["end"])
		}
	}
}

// TestBodiesOfOldPanels: more than is known, a byte order mark, an empty body in chunks.
func TestBodiesOfOldPanels(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	code, answer := f.call(http.MethodPost, "/meetings",
		"\ufeff"+`{"client_id":"id","room_name":"blue","duration_mins":30,"panel_version":"1.2"}`)
	if code != http.StatusCreated {
		t.Fatalf("answered %d %v", code, answer)
	}
	id, _ := answer["id"].(string)
	r := httptest.NewRequest(http.MethodDelete, "/meetings/"+id+"?client_id=id&room_name=blue",
		struct{ *strings.Reader }{strings.NewReader("")})
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if w.Code != http.StatusNoContent {
		t.Errorf("an empty chunked body: answered %d %s", w.Code, w.Body)
	}
	if code, answer := f.call(http.MethodDelete, "/meetings/"+id,
		`{"client_id":"id","room_name":"blue","panel_version":"1.2"}`); code != http.StatusNoContent {
		t.Errorf("a deletion with more than is known: answered %d %v", code, answer)
	}
	if code, _ := f.call(http.MethodPost, "/meetings",
		`{"client_id":"id","room_name":"blue","duration_mins":"thirty","x":1}`); code != http.StatusBadRequest {
		t.Errorf("a wrong value beside an unknown field: answered %d", code)
	}
}

// TestLocationLeadsToTheMeeting: the address that a booking answers can be asked, and only by the room's displays.
func TestLocationLeadsToTheMeeting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	r := httptest.NewRequest(http.MethodPost, "/meetings", strings.NewReader(book))
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	location := w.Header().Get("Location")
	if code, answer := f.call(http.MethodGet, location, ""); code != http.StatusOK || answer["booked"] != true ||
		answer["duration_mins"] != 30.0 {
		t.Errorf("%s: answered %d %v", location, code, answer)
	}
	f.person("Board", f.now.Add(5*time.Hour), f.now.Add(6*time.Hour))
	for path, want := range map[string]int{
		strings.Replace(location, "client_id=id", "client_id=other", 1): 401,
		strings.Replace(location, "/meetings/", "/meetings/x", 1):       404,
	} {
		if code, _ := f.call(http.MethodGet, path, ""); code != want {
			t.Errorf("%s: answered %d, want %d", path, code, want)
		}
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	f.call(http.MethodDelete, u.RequestURI(), "")
	if code, _ := f.call(http.MethodGet, location, ""); code != http.StatusNotFound {
		t.Errorf("after its deletion: answered %d", code)
	}
}

func TestUnauthorizedSaysHow(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, getBlue, nil))
	if w.Code != http.StatusUnauthorized || !strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("answered %d with %q", w.Code, w.Header().Get("WWW-Authenticate"))
	}
}

// TestCrossOrigin: a panel on another origin may call when the settings name it, and not otherwise.
func TestCrossOrigin(t *testing.T) {
	t.Parallel()
	for origins, allowed := range map[string]bool{`[]`: false, `["https://panel.example.com"]`: true} {
		f := newFixture(t)
		f.configure(strings.Replace(settingsJSON, `"rooms"`, `"cors_origins":`+origins+`,"rooms"`, 1))
		f.keep(rooms.Snapshot{FetchedAt: f.now})
		for _, origin := range []string{"https://panel.example.com", "https://evil.example.com", "null"} {
			may := allowed && origin == "https://panel.example.com"
			preflight := httptest.NewRequest(http.MethodOptions, "/meetings", nil)
			preflight.Header.Set("Origin", origin)
			preflight.Header.Set("Access-Control-Request-Method", "POST")
			preflight.Header.Set("Access-Control-Request-Headers", "authorization,content-type")
			get := httptest.NewRequest(http.MethodGet, getBlue, nil)
			get.Header.Set("Origin", origin)
			get.Header.Set("Authorization", "Bearer secret")
			for _, r := range []*http.Request{preflight, get} {
				w := httptest.NewRecorder()
				f.handler.ServeHTTP(w, r)
				if got := w.Header().Get("Access-Control-Allow-Origin") == origin; got != may {
					t.Errorf("%s from %s with %s: allowed %v, want %v (%d %v)", r.Method, origin, origins, got,
						may, w.Code, w.Header())
				}
			}
		}
	}
}

// TestAKeyIsForOneBooking: a key that comes again with another request is a mistake that is told.
func TestAKeyIsForOneBooking(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	first, _ := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
	same, _ := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
	other, answer := f.call(http.MethodPost, "/meetings", strings.Replace(book, "30", "60", 1),
		"Idempotency-Key", "touch-1")
	if first != http.StatusCreated || same != http.StatusCreated || other != http.StatusUnprocessableEntity {
		t.Errorf("answered %d, %d, %d %v; want 201, 201, 422", first, same, other, answer)
	}
	if got := f.titles(); len(got) != 1 {
		t.Errorf("calendar = %v", got)
	}
}

// TestGetAfterABooking: no answer that was written before the booking outlives it.
func TestGetAfterABooking(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.keep(rooms.Snapshot{FetchedAt: f.now})
	if _, answer := f.call(http.MethodGet, getBlue, ""); answer["busynow"] != 0.0 {
		t.Fatalf("before: %v", answer)
	}
	if code, _ := f.call(http.MethodPost, "/meetings", book); code != http.StatusCreated {
		t.Fatalf("answered %d", code)
	}
	f.call(http.MethodGet, getBlue, "") // the snapshot has not followed yet
	var msg rooms.EventsMessage
	if err := json.Unmarshal(f.sent.messages[0].Data, &msg); err != nil {
		t.Fatal(err)
	}
	f.keep(rooms.Snapshot{FetchedAt: f.now, Events: msg.Events})
	if _, answer := f.call(http.MethodGet, getBlue, ""); answer["busynow"] != 1.0 {
		t.Errorf("after: %v", answer)
	}
}

// TestAnInsertThatFailedKeepsNobodyOut: Google refused or failed, and the next booking is not told that somebody is at
// it.
func TestAnInsertThatFailedKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusForbidden, http.StatusServiceUnavailable} {
		f := newFixture(t)
		failing := true
		f.instead = func(w http.ResponseWriter, r *http.Request) bool {
			if failing && r.Method == http.MethodPost {
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, `{"error":{"code":%d,"message":"x","errors":[{"reason":"forbidden"}]}}`, status)
				return true
			}
			return false
		}
		if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusServiceUnavailable {
			t.Fatalf("%d: answered %d %v", status, code, answer)
		}
		failing = false
		if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusCreated {
			t.Errorf("after %d: answered %d %v, want 201", status, code, answer)
		}
	}
}

// TestAnInsertOfWhichNothingIsKnownKeepsTheRoom: Google answers with an error, and then not what it has made of the
// booking. The room is not given to the next, because the meeting may be there and be somebody's.
func TestAnInsertOfWhichNothingIsKnownKeepsTheRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	failed := false
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if failed = failed || r.Method == http.MethodPost; failed {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return failed
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusServiceUnavailable {
		t.Fatalf("answered %d %v", code, answer)
	}
	if c := f.claim(); c.EventID == "" {
		t.Error("the room was given free before anybody knew what became of the booking")
	}
}

// TestRetryAfterALostAnswer: the meeting was made, and Google answered to nothing for a while. The display that asks
// again gets it as soon as Google answers, and does not wait for the claim to end.
func TestRetryAfterALostAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	down, made := false, 0
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost && made == 0 {
			f.google.ServeHTTP(httptest.NewRecorder(), r)
			down, made = true, made+1
		}
		if down {
			w.WriteHeader(http.StatusInternalServerError)
		}
		return down
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key",
		"touch-1"); code != http.StatusServiceUnavailable {
		t.Fatalf("answered %d %v", code, answer)
	}
	down = false
	if code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key",
		"touch-1"); code != http.StatusCreated {
		t.Errorf("answered %d %v, want 201: the meeting stands", code, answer)
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key",
		"touch-2"); code == http.StatusCreated {
		t.Errorf("another booking: answered %d %v", code, answer)
	}
	if got := f.titles(); len(got) != 1 {
		t.Errorf("calendar = %v", got)
	}
}

// TestRetryAfterACrash: the claim of a process that died keeps neither its own retry waiting nor anybody else, where no
// other process books; where one may, the calendar tells what the dead one made.
func TestRetryAfterACrash(t *testing.T) {
	t.Parallel()
	for _, alone := range []bool{true, false} {
		for _, inserted := range []bool{true, false} {
			f := newFixture(t)
			f.alone = alone
			f.configure(settingsJSON)
			id := f.madeBy("touch-1", inserted)
			claim := rooms.Claim{
				Version: 1, EventID: id, Holder: "a process that died", Expires: time.Now().Add(20 * time.Second),
			}
			if _, err := documents.Store(t.Context(), f.state, rooms.ClaimName("blue"), 0, claim, nil); err != nil {
				t.Fatal(err)
			}
			if !alone && !inserted {
				continue // the twin may yet insert: its lease is waited for
			}
			began := time.Now()
			code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
			if code != http.StatusCreated || answer["id"] != id || time.Since(began) > 8*time.Second {
				t.Errorf("alone %v, inserted %v: answered %d %v after %s", alone, inserted, code, answer, time.Since(began))
			}
			if got := f.titles(); len(got) != 1 {
				t.Errorf("calendar = %v", got)
			}
		}
	}
}

// madeBy is the event of a booking with a key, which another process may have inserted.
func (f *fixture) madeBy(key string, inserted bool) string {
	f.t.Helper()
	other := newFixture(f.t.(*testing.T))
	_, answer := other.call(http.MethodPost, "/meetings", book, "Idempotency-Key", key)
	id, _ := answer["id"].(string)
	if inserted {
		date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
		_, err := f.google.Insert(calendarID, map[string]any{
			"id": id, "summary": "Booked", "start": date(f.now), "end": date(f.now.Add(27 * time.Minute)),
			"extendedProperties": map[string]any{
				"private": map[string]any{"carillon_room": "blue", "carillon_request": "30 false"},
			},
		})
		if err != nil {
			f.t.Fatal(err)
		}
	}
	return id
}

// TestAnotherResourcesRefusalFreesNothing: a plain calendar used as a room; a projector that was invited too has
// declined.
func TestAnotherResourcesRefusalFreesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
	_, err := f.google.Insert(calendarID, map[string]any{
		"summary": "Board", "start": date(f.now.Add(-time.Hour)), "end": date(f.now.Add(time.Hour)),
		"organizer": map[string]any{"email": calendarID, "self": true},
		"attendees": []any{
			map[string]any{"email": "c_beamer@resource.calendar.google.com", "resource": true, "responseStatus": "declined"},
			map[string]any{"email": "ada@example.com", "responseStatus": "accepted"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusConflict {
		t.Errorf("answered %d %v, want 409", code, answer)
	}
}

// FuzzClaim: whatever stands where a room's claim does, a booking is made, refused, or put off, and nothing crashes.
func FuzzClaim(f *testing.F) {
	for _, claim := range []string{
		`{}`, `{"version":1,"event_id":"left0","expires":"2040-01-01T00:00:00Z"}`, `{"event_id":"a b/c","holder":"x"}`,
		`{"expires":7}`, `null`, ``, `[`,
	} {
		f.Add([]byte(claim))
	}
	fix := newFixture(f)
	f.Fuzz(func(t *testing.T, claim []byte) {
		bucket, name := fix.state, rooms.ClaimName("blue")
		gen := int64(0)
		if doc, err := bucket.Get(t.Context(), name); err == nil {
			gen = doc.Generation
		}
		if _, err := bucket.Put(t.Context(), name, gen, claim, nil); err != nil {
			t.Fatal(err)
		}
		code, answer := fix.call(http.MethodPost, "/meetings", book)
		switch code {
		case http.StatusCreated:
			id, _ := answer["id"].(string)
			fix.call(http.MethodDelete, "/meetings/"+id+"?client_id=id&room_name=blue", "")
		case http.StatusConflict, http.StatusServiceUnavailable:
		default:
			t.Errorf("%s: answered %d %v", claim, code, answer)
		}
	})
}
