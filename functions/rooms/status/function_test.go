package status_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	iotclient "github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

const settingsJSON = `{"iot_client_id":"id","iot_client_secret":"secret","iot_requests_per_second":1000,"gcal_watch_function_url":"https://rooms.example.com","rooms":[{"room_name":"blue","gcal_calendar_id":"room-1@resource.calendar.google.com"}]}`

var seedVariables = []string{
	"busynow", "curevmtg", "curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm",
}

type sent struct {
	messages []messages.Message
	topics   []string
}

func (s *sent) Publish(_ context.Context, topic string, m messages.Message) error {
	s.messages, s.topics = append(s.messages, m), append(s.topics, topic)
	return nil
}

// take returns the messages of a topic, once.
func (s *sent) take(topic string) (found []messages.Message) {
	var rest sent
	for i, m := range s.messages {
		if s.topics[i] == topic {
			found = append(found, m)
		} else {
			_ = rest.Publish(context.Background(), s.topics[i], m)
		}
	}
	*s = rest
	return found
}

type fixture struct {
	t        *testing.T
	arduino  *iotcloud.Server
	url      string
	state    documents.Bucket
	settings *config.Settings[rooms.Settings]
	now      time.Time
	sent     sent
}

func newFixture(t *testing.T, variables ...string) *fixture {
	t.Helper()
	arduino, err := iotcloud.New(iotcloud.Options{
		Account: iotcloud.Account{ClientID: "id", ClientSecret: "secret", Unlimited: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(variables) > 0 {
		if err := arduino.AddThing("blue", "Europe/Paris", variables...); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(arduino)
	t.Cleanup(server.Close)
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if _, err := db.Bucket("config").Put(t.Context(), rooms.SettingsFile, 0, []byte(settingsJSON), nil); err != nil {
		t.Fatal(err)
	}
	settings, err := rooms.LoadSettings(db.Bucket("config"))
	if err != nil {
		t.Fatal(err)
	}
	return &fixture{
		t: t, arduino: arduino, url: server.URL, state: db.Bucket("state"), settings: settings,
		now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
	}
}

// instance is one instance of the function, whose calls to Arduino go to url.
func (f *fixture) instance(url string) http.Handler {
	return status.New(status.Config{
		Settings: f.settings, State: f.state, ArduinoURL: url, Publisher: &f.sent, Now: func() time.Time { return f.now },
	})
}

func post(ctx context.Context, h http.Handler, kind string, payload any) int {
	data, _ := json.Marshal(payload)
	body, _ := json.Marshal(messages.Delivery{Subscription: "s", Attempt: 1, Message: messages.Pushed{
		ID: "1", PublishTime: time.Now(), Message: messages.Message{Data: data, Attributes: map[string]string{"kind": kind}},
	}})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).WithContext(ctx))
	return w.Code
}

func (f *fixture) facts(fetched time.Time, titles ...string) rooms.EventsMessage {
	msg := rooms.EventsMessage{RoomName: "blue", FetchedAt: fetched, TimeZone: "Europe/Paris"}
	for i, title := range titles {
		start := f.now.Add(time.Duration(i) * time.Hour)
		msg.Events = append(msg.Events, calendar.Event{
			ID: title, Summary: title,
			Start: calendar.Date{DateTime: start.Format(time.RFC3339)},
			End:   calendar.Date{DateTime: start.Add(time.Hour).Format(time.RFC3339)},
		})
	}
	return msg
}

func (f *fixture) shows(want string) {
	f.t.Helper()
	if got := f.arduino.Values("blue")["curevmtg"]; got != want {
		f.t.Errorf("the Thing shows %v, want %q", got, want)
	}
}

// slow is a way to Arduino on which a publish waits until it is let go.
func (f *fixture) slow() (way string, reached, letGo chan struct{}) {
	target, err := url.Parse(f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	reached, letGo = make(chan struct{}, 100), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/publish") {
			reached <- struct{}{}
			<-letGo
			r = r.WithContext(context.WithoutCancel(r.Context())) // what is on its way arrives, also after a crash
		}
		proxy.ServeHTTP(w, r)
	}))
	f.t.Cleanup(server.Close)
	return server.URL, reached, letGo
}

// counted is a way to Arduino on which requests are counted.
func (f *fixture) counted() (way string, requests *atomic.Int32) {
	target, err := url.Parse(f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	requests = &atomic.Int32{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	f.t.Cleanup(server.Close)
	return server.URL, requests
}

func TestOlderPublishAfterTheNewer(t *testing.T) {
	t.Parallel()
	for _, crash := range []bool{false, true} {
		t.Run(fmt.Sprintf("crash_%v", crash), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			way, reached, letGo := f.slow()
			older, newer := f.instance(way), f.instance(f.url)
			old, recent := f.facts(f.now.Add(-2*time.Second), "Old"), f.facts(f.now.Add(-time.Second), "New")
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan int)
			go func() { done <- post(ctx, older, "", old) }()
			<-reached
			if code := post(t.Context(), newer, "", recent); code != http.StatusNoContent {
				t.Fatalf("the newer answered %d", code)
			}
			if crash {
				cancel()
				<-done
			}
			close(letGo)
			if !crash {
				<-done
			}
			time.Sleep(100 * time.Millisecond) // what is on its way arrives
			if crash {
				time.Sleep(5 * time.Second) // the queue brings the message again later
			}
			if code := post(t.Context(), newer, "", old); code != http.StatusNoContent {
				t.Fatalf("the older again answered %d", code)
			}
			cancel()
			f.shows("New")
		})
	}
}

func TestRepeatsAndOldFactsPublishNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	old, recent := f.facts(f.now.Add(-2*time.Second), "Old"), f.facts(f.now.Add(-time.Second), "New")
	post(t.Context(), h, "", recent)
	f.shows("New")
	calls := len(f.arduino.Calls())
	for _, msg := range []rooms.EventsMessage{recent, old, recent, old} {
		if code := post(t.Context(), h, "", msg); code != http.StatusNoContent {
			t.Fatalf("answered %d", code)
		}
	}
	if got := len(f.arduino.Calls()); got != calls {
		t.Errorf("%d values published for repeats and old facts", got-calls)
	}
	f.shows("New")
}

func TestFactsFromTheFutureAreReplaced(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now.Add(time.Hour), "Future"))
	post(t.Context(), h, "", f.facts(f.now, "Present"))
	f.shows("Present")
}

func TestTickTurnsTheDisplay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now, "First", "Second"))
	f.shows("First")
	f.now = f.now.Add(time.Hour - 3*time.Second)
	body := `{"message":{"messageId":"1","publishTime":"` + f.now.Format(time.RFC3339) +
		`","attributes":{"kind":"tick"}},"subscription":"s"}`
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
	due := f.sent.take(rooms.TopicDue)
	due = slices.DeleteFunc(due, func(m messages.Message) bool { return m.Attributes["kind"] == rooms.KindReconcile })
	if len(due) != 1 {
		t.Fatalf("%d rooms handed on, want 1", len(due))
	}
	post(t.Context(), h, "due", json.RawMessage(due[0].Data))
	f.shows("Second") // a moment early rather than a minute late
	post(t.Context(), h, "", f.facts(f.now.Add(time.Second), "First", "Second"))
	if calls := f.arduino.Calls(); calls[0].Variable != "busynow" {
		t.Errorf("the first value told was %s, want busynow", calls[0].Variable)
	}
}

func TestMissingThingIsAFaultForAPerson(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	h := f.instance(f.url)
	if code := post(t.Context(), h, "", f.facts(f.now, "A")); code != http.StatusNoContent {
		t.Errorf("answered %d, want 204: trying again mends nothing", code)
	}
	s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil || s.Fault == nil || s.Fault.Code != "thing_missing" {
		t.Fatalf("fault = %+v, %v", s.Fault, err)
	}
	if err := f.arduino.AddThing("blue", "UTC", append([]string{"curevorganizer"}, seedVariables...)...); err != nil {
		t.Fatal(err)
	}
	post(t.Context(), h, rooms.KindReconcile, struct{}{})
	post(t.Context(), h, "due", rooms.RoomMessage{RoomName: "blue"})
	f.shows("A")
}

func TestUnreadableCalendarIsToldAndKeepsTheDisplay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	fault := func() *rooms.Fault {
		s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
		if err != nil {
			t.Fatal(err)
		}
		return s.CalendarFault
	}
	post(t.Context(), h, "", f.facts(f.now.Add(-3*time.Second), "A"))
	unreadable := f.facts(f.now.Add(-2 * time.Second))
	unreadable.Fault = &rooms.Fault{Code: "notFound", Detail: "Share it.", Since: f.now}
	post(t.Context(), h, "", unreadable)
	if got := fault(); got == nil || got.Code != "notFound" {
		t.Errorf("fault = %+v", got)
	}
	f.shows("A")
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "B"))
	if got := fault(); got != nil {
		t.Errorf("fault = %+v after a good listing", got)
	}
	f.shows("B")
}

func TestOtherNamesAreServed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, "busynow", "curevmsg", "curevstart", "curevend", "curevtm", "nextevmsg", "nextevstart",
		"nextevend", "nextevtm", "curevid")
	post(t.Context(), f.instance(f.url), "", f.facts(f.now, "A", "B"))
	got := f.arduino.Values("blue")
	if got["curevmsg"] != "A" || got["nextevmsg"] != "B" || got["curevid"] != "A" {
		t.Errorf("values = %v", got)
	}
}

func TestReconcileMendsAThing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now, "A"))
	s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := f.settings.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	somebody := iotclient.New(f.url, settings)
	if err := somebody.Publish(t.Context(), 0, s.Thing.ID, s.Thing.Properties["curevmtg"], "Something else"); err != nil {
		t.Fatal(err)
	}
	f.shows("Something else")
	before := len(f.arduino.Calls())
	post(t.Context(), h, rooms.KindReconcile, struct{}{})
	post(t.Context(), h, "due", rooms.RoomMessage{RoomName: "blue"})
	f.shows("A")
	if got := len(f.arduino.Calls()) - before; got != 1 {
		t.Errorf("%d values published, want the one that differed", got)
	}
}

// TestUnknownKindIsRefused: such a message is answered with an error at every attempt, so that it becomes a dead
// letter, and its data is not taken for a room's events.
func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Minute), "A"))
	for _, kind := range []string{"later", rooms.KindPoll, "Tick"} {
		if code := post(t.Context(), h, kind, f.facts(f.now, "B")); code != http.StatusBadRequest {
			t.Errorf("kind %q was answered %d, want 400", kind, code)
		}
	}
	f.shows("A")
	if len(f.sent.messages) != 0 {
		t.Errorf("published %v", f.sent.messages)
	}
}
