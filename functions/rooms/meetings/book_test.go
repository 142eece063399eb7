package meetings_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

func (f *fixture) answer(method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w
}

// TestUnverifiedBookingKeepsItsClaim: Google made the meeting, and does not say what else is in the calendar. Until
// that is known nobody else gets the room.
func TestUnverifiedBookingKeepsItsClaim(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	inserted := false
	f.instead = func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPost {
			inserted = true
			return false
		}
		if inserted {
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprint(w, `{"error":{"code":403,"message":"x","errors":[{"reason":"forbidden"}]}}`)
		}
		return inserted
	}
	if code, answer := f.call(http.MethodPost, "/meetings", book); code != http.StatusServiceUnavailable {
		t.Fatalf("answered %d %v", code, answer)
	}
	if c := f.claim(); c.EventID == "" || !c.Expires.After(time.Now()) {
		t.Errorf("claim = %+v, want the booking's", c)
	}
	f.instead = nil
	if code, answer := f.call(http.MethodPost, "/meetings", book); code == http.StatusCreated {
		t.Errorf("the next booking was answered %d %v", code, answer)
	}
	if got := f.titles(); len(got) != 1 {
		t.Errorf("calendar = %v, want the unverified meeting", got)
	}
}

// TestKeyOfTwoRooms: displays may number their bookings alike; a key is one of its room.
func TestKeyOfTwoRooms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.google.AddCalendar("lost@example.com", "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	ids := map[any]bool{}
	for _, room := range []string{"blue", "lost"} {
		code, answer := f.call(
			http.MethodPost,
			"/meetings",
			strings.Replace(book, "blue", room, 1),
			"Idempotency-Key",
			"1",
		)
		if code != http.StatusCreated || answer["room_name"] != room {
			t.Fatalf("room %s: answered %d %v", room, code, answer)
		}
		ids[answer["id"]] = true
	}
	if len(ids) != 2 {
		t.Errorf("ids = %v, want one for each room", ids)
	}
}

// TestOnlyBookedMeetingsAreDeleted: a display deletes what was booked at it, and neither a person's meeting nor another
// room's.
func TestOnlyBookedMeetingsAreDeleted(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		booking string // the room of the event's mark
		want    int
	}{
		"of_a_person":     {"", http.StatusNotFound},
		"of_another_room": {"lost", http.StatusNotFound},
		"of_this_room":    {"blue", http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
			event := map[string]any{
				"id":      "abcdef",
				"summary": "Board",
				"start":   date(f.now),
				"end":     date(f.now.Add(time.Hour)),
			}
			if tt.booking != "" {
				event["extendedProperties"] = map[string]any{"private": map[string]any{"carillon_room": tt.booking}}
			}
			if _, err := f.google.Insert(calendarID, event); err != nil {
				t.Fatal(err)
			}
			const path = "/meetings/abcdef?client_id=id&room_name=blue"
			shown := http.StatusOK
			if tt.want == http.StatusNotFound {
				shown = http.StatusNotFound
			}
			if w := f.answer(http.MethodGet, path); w.Code != shown {
				t.Errorf("GET answered %d, want %d", w.Code, shown)
			}
			w := f.answer(http.MethodDelete, path)
			if w.Code != tt.want {
				t.Errorf("answered %d %s, want %d", w.Code, w.Body, tt.want)
			}
			if there := slices.Contains(f.titles(), "Board"); there != (tt.want == http.StatusNotFound) {
				t.Errorf("the meeting is there: %v", there)
			}
		})
	}
}

// TestDeletionIsPublished: when a display deletes its meeting, the door turns free without waiting for Google's push.
func TestDeletionIsPublished(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, booked := f.call(http.MethodPost, "/meetings", book)
	id, _ := booked["id"].(string)
	f.sent.messages = nil
	if w := f.answer(
		http.MethodDelete,
		"/meetings/"+id+"?client_id=id&room_name=blue",
	); w.Code != http.StatusNoContent {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	if len(f.sent.messages) != 1 {
		t.Fatalf("%d messages, want the room's events", len(f.sent.messages))
	}
	var msg struct {
		RoomName string            `json:"room_name"`
		Events   []json.RawMessage `json:"events"`
	}
	if err := json.Unmarshal(
		f.sent.messages[0].Data,
		&msg,
	); err != nil || msg.RoomName != "blue" ||
		len(msg.Events) != 0 {
		t.Errorf("published %s, %v", f.sent.messages[0].Data, err)
	}
}

// TestKeyOfADeletedMeeting: a request that comes again after its meeting was deleted does not book it again.
func TestKeyOfADeletedMeeting(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	_, booked := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
	id, _ := booked["id"].(string)
	if w := f.answer(
		http.MethodDelete,
		"/meetings/"+id+"?client_id=id&room_name=blue",
	); w.Code != http.StatusNoContent {
		t.Fatalf("answered %d %s", w.Code, w.Body)
	}
	code, answer := f.call(http.MethodPost, "/meetings", book, "Idempotency-Key", "touch-1")
	if detail, _ := answer["detail"].(string); code != http.StatusConflict || !strings.Contains(detail, "new key") {
		t.Errorf("answered %d %v, want 409 that asks for a new key", code, answer)
	}
	if got := f.titles(); len(got) != 0 {
		t.Errorf("calendar = %v, want nothing", got)
	}
	if code, answer := f.call(
		http.MethodPost,
		"/meetings",
		book,
		"Idempotency-Key",
		"touch-2",
	); code != http.StatusCreated {
		t.Errorf("with a new key: answered %d %v", code, answer)
	}
}
