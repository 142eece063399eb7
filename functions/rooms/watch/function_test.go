package watch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/watch"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

type sent struct{ messages []messages.Message }

func (s *sent) Publish(_ context.Context, _ string, m messages.Message) error {
	s.messages = append(s.messages, m)
	return nil
}

type fixture struct {
	t        *testing.T
	handler  http.Handler
	config   documents.Bucket
	watches  documents.Bucket
	calendar *googlecal.Client
	google   *simgoogle.Server
	now      time.Time
	sent     sent
	mu       sync.Mutex
	failing  atomic.Bool
	requests []string // what Google was asked, in order
}

// newFixture has the rooms blue, whose calendar Google knows, and lost, whose calendar it does not.
func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	google, err := simgoogle.New(sim.Options{Now: func() time.Time { return f.now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(google.Close)
	f.google = google
	if err := google.AddCalendar("blue@example.com", "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests = append(f.requests, r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:])
		f.mu.Unlock()
		if f.failing.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		google.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(receiver.Close)
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	config := `{"iot_client_id":"i","iot_client_secret":"file:/nowhere/arduino","gcal_watch_function_url":"` +
		receiver.URL + `","rooms":[` +
		`{"room_name":"blue","gcal_calendar_id":"blue@example.com"},{"room_name":"lost","gcal_calendar_id":"lost@example.com"}]}`
	if _, err := db.Bucket("config").Put(t.Context(), rooms.SettingsFile, 0, []byte(config), nil); err != nil {
		t.Fatal(err)
	}
	f.config, f.watches = db.Bucket("config"), db.Bucket("watches")
	if f.calendar, err = googlecal.New(t.Context(), googlecal.Config{BaseURL: server.URL, Now: f.clock}); err != nil {
		t.Fatal(err)
	}
	f.open(t)
	return f
}

func (f *fixture) clock() time.Time { return f.now }

// open makes the function, which reads its settings with its first message.
func (f *fixture) open(t *testing.T) {
	t.Helper()
	settings, err := rooms.LoadWithoutAccount(f.config)
	if err != nil {
		t.Fatal(err)
	}
	f.handler = watch.New(watch.Config{
		Settings: settings, Watches: f.watches, Calendar: f.calendar, Publisher: &f.sent, Key: "key", Now: f.clock,
	})
}

func (f *fixture) run(room string) int {
	f.t.Helper()
	return f.deliver(rooms.RoomMessage{RoomName: room}, "", time.Time{})
}

// deliver pushes a message of a kind that was published at an instant.
func (f *fixture) deliver(msg rooms.RoomMessage, kind string, published time.Time) int {
	f.t.Helper()
	data, _ := json.Marshal(msg)
	body, _ := json.Marshal(messages.Delivery{Message: messages.Pushed{
		ID: "1", PublishTime: published, Message: messages.Message{Data: data, Attributes: messages.OfKind(kind)},
	}})
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	return w.Code
}

func (f *fixture) record(room string) rooms.Watch {
	f.t.Helper()
	w, _, err := documents.Load[rooms.Watch](f.t.Context(), f.watches, rooms.WatchName(room))
	if err != nil {
		f.t.Fatal(err)
	}
	return w
}

func (f *fixture) asked() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func TestOpensOnceAndRenewsInTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for range 2 {
		if code := f.run("blue"); code != http.StatusNoContent {
			t.Fatalf("answered %d", code)
		}
	}
	first := f.record("blue").Channel
	if got := f.asked(); len(got) != 1 || first == nil || first.ResourceID == "" || !first.Expiration.After(f.now) {
		t.Fatalf("asked %v, channel %+v", got, first)
	}
	f.now = first.Expiration.Add(-23 * time.Hour)
	f.run("blue")
	second := f.record("blue")
	if second.Channel.ID == first.ID || len(second.Old) != 0 || second.Pending != nil {
		t.Errorf("record = %+v, want a new channel alone", second)
	}
	// The new one stands before the old one is stopped.
	if got := f.asked(); !slices.Equal(got, []string{"watch", "watch", "stop"}) {
		t.Errorf("asked %v", got)
	}
}

func TestOldSystemsChannelIsStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	old := `{"response":{"kind":"api#channel","id":"gcalwatch_v5","resourceId":"r","expiration":"1"}}`
	if _, err := f.watches.Put(t.Context(), "blue.json", 0, []byte(old), nil); err != nil {
		t.Fatal(err)
	}
	if code := f.run("blue"); code != http.StatusNoContent {
		t.Errorf("answered %d", code)
	}
	if got := f.asked(); !slices.Equal(got, []string{"watch", "stop"}) {
		t.Errorf("asked %v", got)
	}
	if w := f.record("blue"); w.Channel == nil || len(w.Old) != 0 || w.Response != nil {
		t.Errorf("record = %+v", w)
	}
}

func TestUnsharedCalendarIsAFaultForAPerson(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if code := f.run("lost"); code != http.StatusNoContent {
		t.Errorf("answered %d, want 204: trying again mends nothing", code)
	}
	if w := f.record("lost"); w.Fault == nil || w.Fault.Code != "notFound" ||
		!strings.Contains(w.Fault.Detail, "Share") || w.Pending != nil {
		t.Errorf("record = %+v", w)
	}
	if code := f.run("blue"); code != http.StatusNoContent || f.record("blue").Channel == nil {
		t.Errorf("the other room: answered %d", code)
	}
}

func TestRemovedRoomsChannelIsStopped(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	record := rooms.Watch{Version: 1, Channel: &rooms.Channel{ID: "c", ResourceID: "r"}}
	if _, err := documents.Store(t.Context(), f.watches, rooms.WatchName("gone"), 0, record, nil); err != nil {
		t.Fatal(err)
	}
	f.run("")
	if len(f.sent.messages) != 3 { // blue, lost and gone
		t.Errorf("%d rooms handed on, want 3", len(f.sent.messages))
	}
	f.run("gone")
	if got := f.asked(); !slices.Equal(got, []string{"stop"}) {
		t.Errorf("asked %v", got)
	}
	if w := f.record("gone"); !w.Removed || w.Channel != nil {
		t.Errorf("record = %+v", w)
	}
	f.sent.messages = nil
	f.run("")
	if len(f.sent.messages) != 2 {
		t.Errorf("%d rooms handed on, want 2: the removed one is done", len(f.sent.messages))
	}
}

func TestPendingOfACrashIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	pending := rooms.Watch{Version: 1, Pending: &rooms.Channel{ID: "half", Since: f.now.Add(-30 * time.Second)}}
	if _, err := documents.Store(t.Context(), f.watches, rooms.WatchName("blue"), 0, pending, nil); err != nil {
		t.Fatal(err)
	}
	if code := f.run("blue"); code != http.StatusConflict {
		t.Errorf("while it may be opening: answered %d, want 409 to come again", code)
	}
	f.now = f.now.Add(3 * time.Minute)
	if code := f.run("blue"); code != http.StatusNoContent || f.record("blue").Channel == nil {
		t.Errorf("answered %d, record %+v", code, f.record("blue"))
	}
}

// TestFailedRenewalKeepsTheOldChannel: the old channel serves until a new one stands.
func TestFailedRenewalKeepsTheOldChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run("blue")
	first := f.record("blue").Channel
	f.now = first.Expiration.Add(-time.Hour)
	f.failing.Store(true)
	if code := f.run("blue"); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503 to come again", code)
	}
	if w := f.record("blue"); w.Channel == nil || w.Channel.ID != first.ID || w.Fault == nil ||
		slices.Contains(f.asked(), "stop") {
		t.Errorf("record = %+v, asked %v; want the old channel and a fault", w, f.asked())
	}
	f.failing.Store(false)
	if code := f.run("blue"); code != http.StatusNoContent || f.record("blue").Channel.ID == first.ID ||
		f.record("blue").Fault != nil {
		t.Errorf("answered %d, record %+v", code, f.record("blue"))
	}
}

// An alert of the cloud waits for these lines.
//
//nolint:paralleltest // it takes the process's log
func TestWhatAlertsWaitForIsLogged(t *testing.T) {
	f := newFixture(t)
	said := logged(t, func() { f.run("") })
	if !strings.Contains(said, `"watches looked at"`) {
		t.Errorf("a scheduled run logged %s", said)
	}
	f.run("blue")
	f.failing.Store(true)
	f.now = f.record("blue").Channel.Expiration.Add(-23 * time.Hour)
	if said := logged(t, func() { f.run("blue") }); strings.Contains(said, "watch near expiry") {
		t.Errorf("alarm at the first failed renewal: %s", said)
	}
	f.now = f.record("blue").Channel.Expiration.Add(-11 * time.Hour)
	if said := logged(t, func() { f.run("blue") }); !strings.Contains(said, `"watch near expiry"`) ||
		!strings.Contains(said, `"room":"blue"`) {
		t.Errorf("no alarm 11 hours before the end: %s", said)
	}
}

// logged is what the process logs during do.
func logged(t *testing.T, do func()) string {
	t.Helper()
	var said bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&said, nil)))
	defer slog.SetDefault(before)
	do()
	return said.String()
}

// TestNoChannelWithoutAnAddress: where the address has been taken out of the settings, channels end, and none is
// opened.
func TestNoChannelWithoutAnAddress(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run("blue")
	doc, err := f.config.Get(t.Context(), rooms.SettingsFile)
	if err != nil {
		t.Fatal(err)
	}
	without := regexp.MustCompile(`"gcal_watch_function_url":"[^"]*",`).ReplaceAll(doc.Data, nil)
	if _, err := f.config.Put(t.Context(), rooms.SettingsFile, doc.Generation, without, nil); err != nil {
		t.Fatal(err)
	}
	f.open(t) // another instance, which reads the settings
	f.mu.Lock()
	f.requests = nil
	f.mu.Unlock()
	f.sent.messages = nil
	f.run("")
	if len(f.sent.messages) != 1 || !strings.Contains(string(f.sent.messages[0].Data), "blue") {
		t.Errorf("handed on %+v, want the room that has a channel", f.sent.messages)
	}
	if code := f.run("blue"); code != http.StatusNoContent || f.record("blue").Channel != nil ||
		!slices.Contains(f.asked(), "stop") {
		t.Errorf("answered %d, record %+v", code, f.record("blue"))
	}
	f.run("lost")
	if asked := f.asked(); slices.Contains(asked, "watch") {
		t.Errorf("Google was asked for a channel: %v", asked)
	}
	f.sent.messages = nil
	if f.run(""); len(f.sent.messages) != 0 {
		t.Errorf("then there is nothing to do, but %+v", f.sent.messages)
	}
}

// TestUnknownKindIsRefused: such a message is answered with an error at every attempt, so that it becomes a dead
// letter. The scheduled message's kind is known.
func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, want := range map[string]int{
		"later": http.StatusBadRequest, rooms.KindPoll: http.StatusBadRequest, messages.KindAll: http.StatusNoContent,
	} {
		f.sent.messages = nil
		code := f.deliver(rooms.RoomMessage{}, kind, f.now)
		if handed := len(f.sent.messages); code != want || (handed > 0) != (want == http.StatusNoContent) {
			t.Errorf("kind %q was answered %d, want %d; %d rooms handed on", kind, code, want, handed)
		}
	}
	if code := f.deliver(
		rooms.RoomMessage{RoomName: "blue"},
		"later",
		f.now,
	); code != http.StatusBadRequest ||
		len(f.asked()) > 0 {
		t.Errorf("a room's message of an unknown kind was answered %d; Google was asked %v", code, f.asked())
	}
}

// TestOpenReplacesALivingChannel: a message of kind open asks for a channel that is younger than itself; a redelivered
// one finds it.
func TestOpenReplacesALivingChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run("blue")
	first := f.record("blue").Channel
	published := f.now.Add(time.Minute)
	f.now = published.Add(time.Second)
	if code := f.deliver(
		rooms.RoomMessage{RoomName: "blue"},
		"",
		published,
	); code != http.StatusNoContent ||
		f.record("blue").Channel.ID != first.ID {
		t.Errorf("without a kind: answered %d, the channel was replaced", code)
	}
	for attempt := range 2 {
		if code := f.deliver(
			rooms.RoomMessage{RoomName: "blue"},
			rooms.KindOpen,
			published,
		); code != http.StatusNoContent {
			t.Errorf("attempt %d was answered %d", attempt+1, code)
		}
	}
	if f.record("blue").Channel.ID == first.ID {
		t.Error("the channel is the one that was opened before the message")
	}
	if got := f.asked(); !slices.Equal(got, []string{"watch", "watch", "stop"}) {
		t.Errorf("asked %v, want one new channel", got)
	}
}

// TestChangedAddressReplacesTheChannel: Google sends to the address that a channel was opened with, so another address
// in the settings needs another channel.
func TestChangedAddressReplacesTheChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run("blue")
	first := f.record("blue").Channel
	moved := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(moved.Close)
	doc, err := f.config.Get(t.Context(), rooms.SettingsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(doc.Data), strings.TrimSuffix(first.Address, "/webhook"), moved.URL, 1)
	if _, err := f.config.Put(t.Context(), rooms.SettingsFile, doc.Generation, []byte(text), nil); err != nil {
		t.Fatal(err)
	}
	f.open(t) // another instance, which reads the settings
	if code := f.run("blue"); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	if c := f.record("blue").Channel; c.ID == first.ID || c.Address != moved.URL+"/webhook" {
		t.Errorf("channel = %+v, want a new one to %s", c, moved.URL)
	}
	if got := f.asked(); !slices.Equal(got, []string{"watch", "watch", "stop"}) {
		t.Errorf("asked %v", got)
	}
}

// TestChangedCalendarReplacesTheChannel: the settings give the room another calendar, and its channel tells of the one
// before.
func TestChangedCalendarReplacesTheChannel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.run("blue")
	first := f.record("blue").Channel
	if err := f.google.AddCalendar("green@example.com", "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	doc, err := f.config.Get(t.Context(), rooms.SettingsFile)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(doc.Data), "blue@example.com", "green@example.com", 1)
	if _, err := f.config.Put(t.Context(), rooms.SettingsFile, doc.Generation, []byte(text), nil); err != nil {
		t.Fatal(err)
	}
	f.open(t) // another instance, which reads the settings
	if code := f.run("blue"); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	if c := f.record("blue").Channel; c.ID == first.ID || c.CalendarID != "green@example.com" {
		t.Errorf("channel = %+v, want one of the new calendar", c)
	}
	if got := f.asked(); !slices.Equal(got, []string{"watch", "watch", "stop"}) {
		t.Errorf("asked %v", got)
	}
}
