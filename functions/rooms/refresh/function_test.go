package refresh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/refresh"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

type published struct {
	topic string
	at    time.Time
	kind  string
	data  []byte
}

type sent struct {
	mu  sync.Mutex
	all []published
}

func (s *sent) Publish(_ context.Context, topic string, m messages.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, published{topic, time.Now(), m.Attributes["kind"], m.Data})
	return nil
}

func post(h http.Handler, msg rooms.RoomMessage) int {
	data, _ := json.Marshal(msg)
	body, _ := json.Marshal(messages.Delivery{Message: messages.Pushed{ID: "1", Message: messages.Message{Data: data}}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	return w.Code
}

// TestAllRoomsPaced: every room once, below half of Google's 600 requests a minute, then one comparison of all Things.
func TestAllRoomsPaced(t *testing.T) {
	t.Parallel()
	const count = 300
	list := make([]string, 0, count)
	for i := range count {
		list = append(list, fmt.Sprintf(`{"room_name":"room%03d","gcal_calendar_id":"r%d@example.com"}`, i, i))
	}
	dir := t.TempDir()
	data := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","rooms":[` + strings.Join(list, ",") + `]}`
	if err := os.WriteFile(filepath.Join(dir, rooms.SettingsFile), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := rooms.LoadWithoutAccount(machine.Folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		var s sent
		h := refresh.New(refresh.Config{Settings: settings, Publisher: &s, Now: time.Now})
		began := time.Now()
		names, todo := []string{}, []rooms.RoomMessage{{}}
		for len(todo) > 0 {
			if code := post(h, todo[0]); code != http.StatusNoContent {
				t.Fatalf("answered %d", code)
			}
			todo = todo[1:]
			for _, p := range s.all {
				var msg rooms.RoomMessage
				if err := json.Unmarshal(p.data, &msg); err != nil {
					t.Fatal(err)
				}
				switch {
				case msg.RoomName != "":
					names = append(names, msg.RoomName)
				case msg.After != "":
					todo = append(todo, msg)
				case p.topic != rooms.TopicDue || p.kind != rooms.KindReconcile || len(names) != count:
					t.Errorf("after %d rooms came %s %s", len(names), p.topic, p.kind)
				}
			}
			s.all = nil
		}
		if slices.Sort(names); len(slices.Compact(names)) != count {
			t.Errorf("%d rooms handed on, want each of %d once", len(names), count)
		}
		if rate := float64(count) / time.Since(began).Minutes(); rate > 300 {
			t.Errorf("%.0f rooms a minute, want below half of the quota", rate)
		}
	})
}

type fixture struct {
	handler http.Handler
	google  *simgoogle.Server
	state   documents.Bucket
	watches documents.Bucket
	db      *machine.DB
	cal     *googlecal.Client
	configs int
	sent    sent
	failing bool
	asked   int
}

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// newFixture has the rooms blue, whose calendar Google knows, and lost, whose calendar it does not.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{}
	clock := func() time.Time { return now }
	var err error
	if f.google, err = simgoogle.New(sim.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.google.Close)
	if err := f.google.AddCalendar("blue@example.com", "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked++
		if f.failing {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		f.google.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	f.state, f.watches = db.Bucket("state"), db.Bucket("watches")
	f.db = db
	config := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"},{"room_name":"lost","gcal_calendar_id":"lost@example.com"}]}`
	if f.cal, err = googlecal.New(t.Context(), googlecal.Config{BaseURL: server.URL, Now: clock}); err != nil {
		t.Fatal(err)
	}
	f.configure(t, config)
	return f
}

// configure makes the function with settings.
func (f *fixture) configure(t *testing.T, text string) {
	t.Helper()
	f.configs++
	bucket := f.db.Bucket(fmt.Sprintf("config%d", f.configs))
	if _, err := bucket.Put(t.Context(), rooms.SettingsFile, 0, []byte(text), nil); err != nil {
		t.Fatal(err)
	}
	settings, err := rooms.LoadWithoutAccount(bucket)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = refresh.New(refresh.Config{
		Settings: settings, State: f.state, Watches: f.watches, Calendar: f.cal, Publisher: &f.sent,
		Now: func() time.Time { return now },
	})
}

func (f *fixture) last(t *testing.T) rooms.EventsMessage {
	t.Helper()
	if len(f.sent.all) != 1 || f.sent.all[0].topic != rooms.TopicEvents {
		t.Fatalf("published %+v, want one message of events", f.sent.all)
	}
	var msg rooms.EventsMessage
	if err := json.Unmarshal(f.sent.all[0].data, &msg); err != nil {
		t.Fatal(err)
	}
	return msg
}

func insert(t *testing.T, g *simgoogle.Server, id string, start time.Time) {
	t.Helper()
	date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
	if _, err := g.Insert("blue@example.com",
		map[string]any{"id": id, "summary": id, "start": date(start), "end": date(start.Add(time.Hour))}); err != nil {
		t.Fatal(err)
	}
}

func TestOneRoomIsListed(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	insert(t, f.google, "abcde", now)
	if code := post(f.handler, rooms.RoomMessage{RoomName: "blue"}); code != http.StatusNoContent {
		t.Errorf("answered %d", code)
	}
	if msg := f.last(t); len(msg.Events) != 1 || msg.Events[0].ID != "abcde" ||
		msg.TimeZone != "Europe/Paris" || msg.Partial {
		t.Errorf("published %+v", msg)
	}
}

func TestUnsharedCalendarIsAFaultForAPerson(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if code := post(f.handler, rooms.RoomMessage{RoomName: "lost"}); code != http.StatusNoContent {
		t.Errorf("answered %d, want 204: trying again mends nothing", code)
	}
	if msg := f.last(t); msg.Fault == nil || msg.Fault.Code != "notFound" || !strings.Contains(msg.Fault.Detail, "Share") {
		t.Errorf("published %+v", msg)
	}
	if code := post(f.handler, rooms.RoomMessage{RoomName: "gone"}); code != http.StatusNoContent || len(f.sent.all) != 1 {
		t.Errorf("a room without settings: answered %d", code)
	}
}

func TestOutageIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.failing = true
	if code := post(f.handler, rooms.RoomMessage{RoomName: "blue"}); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503", code)
	}
	if msg := f.last(t); msg.Fault == nil || msg.Fault.Code != "unavailable" { // and people are told meanwhile
		t.Errorf("fault = %+v", msg.Fault)
	}
}

// TestClaimOfACrash: a refresh ends what a crashed booking left, as the next booking would.
func TestClaimOfACrash(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alone", "beside_a_person"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			insert(t, f.google, "left0", now)
			kept := "left0"
			if name == "beside_a_person" {
				insert(t, f.google, "board", now)
				kept = "board"
			}
			claim := rooms.Claim{Version: 1, EventID: "left0", Expires: time.Now().Add(-time.Second)}
			if _, err := documents.Store(t.Context(), f.state, rooms.ClaimName("blue"), 0, claim, nil); err != nil {
				t.Fatal(err)
			}
			post(f.handler, rooms.RoomMessage{RoomName: "blue"})
			if msg := f.last(t); len(msg.Events) != 1 || msg.Events[0].ID != kept {
				t.Errorf("the room has %+v, want %s alone", msg.Events, kept)
			}
			if c, _, err := documents.Load[rooms.Claim](t.Context(), f.state, rooms.ClaimName("blue")); err != nil ||
				c.EventID != "" {
				t.Errorf("claim = %+v, %v; want none", c, err)
			}
		})
	}
}

// TestPollThatFailsIsOver: each poll asks a room once, so that a Google that fails or limits is not asked more and more
// often.
func TestPollThatFailsIsOver(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.failing = true
	if code := pollAt(f.handler, now, rooms.RoomMessage{RoomName: "blue"}); code != http.StatusNoContent || f.asked != 1 ||
		f.last(t).Fault == nil {
		t.Errorf("answered %d after %d requests, with %+v; want 204, 1 and the fault", code, f.asked, f.sent.all)
	}
}

// pollAt is the poll of an instant: of all rooms, of those after one, or of one.
func pollAt(h http.Handler, at time.Time, msg rooms.RoomMessage) int {
	return deliver(h, at, msg, rooms.KindPoll)
}

func deliver(h http.Handler, at time.Time, msg rooms.RoomMessage, kind string) int {
	data, _ := json.Marshal(msg)
	body, _ := json.Marshal(messages.Delivery{Message: messages.Pushed{
		ID: "1", PublishTime: at, Message: messages.Message{Data: data, Attributes: messages.OfKind(kind)},
	}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	return w.Code
}

// TestPolledWithoutAnAddress: where Google cannot tell of changes, every room is listed in the minutes that the
// settings name, and Things are not compared.
func TestPolledWithoutAnAddress(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		settings string
		minutes  map[int]int // minute: rooms listed
	}{
		"each_minute":       {``, map[int]int{0: 2, 1: 2, 7: 2}},
		"every_third":       {`"gcal_poll_minutes":3,`, map[int]int{0: 2, 1: 0, 2: 0, 3: 2, 59: 0}},
		"with_an_address":   {`"gcal_watch_function_url":"https://rooms.example.com",`, map[int]int{0: 0, 1: 0}},
		"with_no_such_text": {`"gcal_watch_function_url":"",`, map[int]int{0: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			data := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino",` + test.settings +
				`"rooms":[{"room_name":"a","gcal_calendar_id":"a"},{"room_name":"b","gcal_calendar_id":"b"}]}`
			if err := os.WriteFile(filepath.Join(dir, rooms.SettingsFile), []byte(data), 0o600); err != nil {
				t.Fatal(err)
			}
			settings, err := rooms.LoadWithoutAccount(machine.Folder(dir))
			if err != nil {
				t.Fatal(err)
			}
			for minute, want := range test.minutes {
				var s sent
				h := refresh.New(refresh.Config{Settings: settings, State: machine.Folder(dir), Publisher: &s, Now: time.Now})
				if code := pollAt(h, now.Truncate(time.Hour).Add(time.Duration(minute)*time.Minute+30*time.Second),
					rooms.RoomMessage{}); code != http.StatusNoContent {
					t.Errorf("answered %d", code)
				}
				if len(s.all) != want ||
					slices.ContainsFunc(s.all,
						func(p published) bool { return p.topic != rooms.TopicRefresh || p.kind != rooms.KindPoll }) {
					t.Errorf("minute %d: published %+v, want %d rooms", minute, s.all, want)
				}
			}
		})
	}
}

// TestPolledWithoutAChannel: of an office with an address, the rooms of whose changes Google does not tell are polled,
// and a listing says whether there is a channel.
func TestPolledWithoutAChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	settings := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","gcal_watch_function_url":"https://rooms.example.com",
		"rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"},
		{"room_name":"green","gcal_calendar_id":"blue@example.com"}]}`
	f.configure(t, settings)
	for name, metadata := range map[string]map[string]string{"blue": {rooms.MetaPoll: "true"}, "green": nil} {
		if _, err := documents.Store(t.Context(), f.state, rooms.SnapshotName(name), 0,
			rooms.Snapshot{Version: 1, RoomName: name}, metadata); err != nil {
			t.Fatal(err)
		}
	}
	if code := pollAt(f.handler, now, rooms.RoomMessage{}); code != http.StatusNoContent || len(f.sent.all) != 1 ||
		!strings.Contains(string(f.sent.all[0].data), "blue") {
		t.Fatalf("answered %d, published %+v; want blue alone", code, f.sent.all)
	}
	for _, channel := range []*rooms.Channel{
		nil, {ID: "c", Expiration: now.Add(-time.Minute)}, {ID: "c", Expiration: now.Add(time.Hour)},
	} {
		gen := int64(0)
		if old, have, err := documents.Load[rooms.Watch](t.Context(), f.watches, rooms.WatchName("blue")); err == nil {
			gen, _ = have, old
		}
		if _, err := documents.Store(t.Context(), f.watches, rooms.WatchName("blue"), gen,
			rooms.Watch{Version: 1, Channel: channel}, nil); err != nil {
			t.Fatal(err)
		}
		f.sent.all = nil
		pollAt(f.handler, now, rooms.RoomMessage{RoomName: "blue"})
		want := channel == nil || channel.Expiration.Before(now)
		if msg := f.last(t); msg.Unwatched == nil || *msg.Unwatched != want {
			t.Errorf("channel %+v: unwatched = %v, want %v", channel, msg.Unwatched, want)
		}
	}
}

// TestPollOfManyRooms: a poll that goes on remains one; more than 200 rooms are asked less often.
func TestPollOfManyRooms(t *testing.T) {
	t.Parallel()
	list := make([]string, 0, 401)
	for i := range 401 {
		list = append(list, fmt.Sprintf(`{"room_name":"room%03d","gcal_calendar_id":"r%d@example.com"}`, i, i))
	}
	dir := t.TempDir()
	data := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","rooms":[` + strings.Join(list, ",") + `]}`
	if err := os.WriteFile(filepath.Join(dir, rooms.SettingsFile), []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := rooms.LoadWithoutAccount(machine.Folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	value, err := settings.Get(t.Context())
	if err != nil || value.PollInterval() != 3*time.Minute {
		t.Fatalf("interval of 401 rooms = %s, %v", value.PollInterval(), err)
	}
	synctest.Test(t, func(t *testing.T) {
		var s sent
		h := refresh.New(refresh.Config{Settings: settings, Publisher: &s, Now: time.Now})
		at := time.Unix(0, 0)
		if code := pollAt(h, at.Add(time.Minute), rooms.RoomMessage{}); code != http.StatusNoContent || len(s.all) != 0 {
			t.Errorf("a minute that is not due: %d, %d messages", code, len(s.all))
		}
		pollAt(h, at, rooms.RoomMessage{})
		last := s.all[len(s.all)-1]
		if len(s.all) != 121 || last.kind != rooms.KindPoll || !strings.Contains(string(last.data), "room119") {
			t.Fatalf("%d messages, then %+v", len(s.all), last)
		}
		s.all = nil
		pollAt(h, at.Add(time.Minute), rooms.RoomMessage{After: "room119"}) // by then the minute is another
		if len(s.all) != 121 {
			t.Errorf("going on: %d messages", len(s.all))
		}
	})
}

// TestTheWindowHoldsTheWholeDay: Google leaves out what ended before the window, by the calendar's clock. A day that is
// over there and goes on at the room, and one that ends on the day that it begins, are listed all the same.
func TestTheWindowHoldsTheWholeDay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, zone, start, end string }{
		// 23:00 there, and 10:00 of the next day in Paris
		{"in Honolulu, of a calendar in Paris", "Pacific/Honolulu", "2026-03-01", "2026-03-02"},
		{"of no length", "Europe/Paris", "2026-03-02", "2026-03-02"},
		{"in Paris", "Europe/Paris", "2026-03-02", "2026-03-03"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			_, err := f.google.Insert("blue@example.com",
				map[string]any{"summary": "Fair", "start": map[string]any{"date": tc.start}, "end": map[string]any{"date": tc.end}})
			if err != nil {
				t.Fatal(err)
			}
			f.configure(t, `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com","time_zone":"`+tc.zone+`"}]}`)
			post(f.handler, rooms.RoomMessage{RoomName: "blue"})
			msg := f.last(t)
			zone, err := time.LoadLocation(tc.zone)
			if err != nil {
				t.Fatal(err)
			}
			got := rooms.Room{Name: "blue", Locale: "en", Zone: zone}.In(msg.TimeZone).FieldsAt(msg.Events, now)
			if got.BusyNow != 1 || got.CurEvMtg != "Fair" || got.CurEvTm != "All day" {
				t.Errorf("the display shows %+v of %+v", got, msg.Events)
			}
		})
	}
}

// TestUnknownKindIsRefused: such a message is answered with an error at every attempt, so that it becomes a dead
// letter. The scheduled message's kind is known, and what it hands on is of it too.
func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, msg := range []rooms.RoomMessage{{}, {RoomName: "blue"}} {
		for _, kind := range []string{"later", rooms.KindOpen} {
			if code := deliver(
				f.handler,
				now,
				msg,
				kind,
			); code != http.StatusBadRequest || len(f.sent.all) != 0 ||
				f.asked != 0 {
				t.Errorf("kind %q of %+v was answered %d, want 400; published %v", kind, msg, code, f.sent.all)
			}
		}
	}
	if code := deliver(f.handler, now, rooms.RoomMessage{}, messages.KindAll); code != http.StatusNoContent {
		t.Errorf("the scheduled message was answered %d", code)
	}
	handed := slices.DeleteFunc(f.sent.all, func(p published) bool { return p.topic != rooms.TopicRefresh })
	if len(handed) != 2 || handed[0].kind != messages.KindAll {
		t.Errorf("handed on %+v, want both rooms", handed)
	}
	if code := deliver(
		f.handler,
		now,
		rooms.RoomMessage{RoomName: "blue"},
		handed[0].kind,
	); code != http.StatusNoContent ||
		f.asked == 0 {
		t.Errorf("a room that was handed on was answered %d", code)
	}
}

// TestUnwatchedWithoutAnAddress: a channel that was opened before the address was taken out of the settings tells
// nobody any more.
func TestUnwatchedWithoutAnAddress(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"": true, `"gcal_watch_function_url":"https://rooms.example.com",`: false,
	} {
		f := newFixture(t)
		f.configure(
			t,
			`{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino",`+address+
				`"rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"}]}`,
		)
		living := rooms.Watch{Version: 1, Channel: &rooms.Channel{ID: "c", Expiration: now.Add(time.Hour)}}
		if _, err := documents.Store(t.Context(), f.watches, rooms.WatchName("blue"), 0, living, nil); err != nil {
			t.Fatal(err)
		}
		if code := post(f.handler, rooms.RoomMessage{RoomName: "blue"}); code != http.StatusNoContent {
			t.Fatalf("answered %d", code)
		}
		if msg := f.last(t); msg.Unwatched == nil || *msg.Unwatched != want {
			t.Errorf("with %q: unwatched = %v, want %v", address, msg.Unwatched, want)
		}
	}
}
