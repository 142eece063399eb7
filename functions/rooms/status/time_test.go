package status_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/recorded"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	iotclient "github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// minute delivers a tick as Scheduler does and every message that follows from it.
func (f *fixture) minute(h http.Handler) {
	f.t.Helper()
	tick, _ := json.Marshal(messages.Delivery{
		Message: messages.Pushed{
			ID: "1", PublishTime: f.now, Message: messages.Message{Attributes: map[string]string{"kind": "tick"}},
		},
	})
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(tick)))
	for _, m := range f.sent.take(rooms.TopicDue) {
		if code := post(f.t.Context(), h, m.Attributes["kind"], json.RawMessage(m.Data)); code != http.StatusNoContent {
			f.t.Fatalf("%s answered %d", m.Data, code)
		}
	}
}

// TestEveryMinute walks over days at which clocks and dates turn: with ticks
// alone, and no other call, the Thing shows at each minute what is then true.
func TestEveryMinute(t *testing.T) {
	t.Parallel()
	type moment struct{ at, curevmtg, curevtm, nextevtm string }
	tests := []struct {
		zone, from, to string // local
		events         []calendar.Event
		moments        []moment
	}{
		{"Europe/Paris", "2026-03-29T00:30", "2026-03-29T05:00", []calendar.Event{ // 02:00 becomes 03:00
			timed("Night", "2026-03-29T01:30:00+01:00", "2026-03-29T03:30:00+02:00"),
			timed("Early", "2026-03-29T02:15:00Z", "2026-03-29T02:45:30Z"),
		}, []moment{
			{"2026-03-29T00:31", "Free until 01:30", "", "01:30-03:30"},
			{"2026-03-29T01:30", "Night", "01:30-03:30", "04:15-04:45"},
			{"2026-03-29T03:29", "Night", "01:30-03:30", "04:15-04:45"},
			{"2026-03-29T03:30", "Free until 04:15", "", "04:15-04:45"},
			{"2026-03-29T04:46", "Free all day", "", ""}, // it ended between two ticks
		}},
		{"Europe/Paris", "2026-10-25T00:30", "2026-10-25T04:00", []calendar.Event{ // 03:00 becomes 02:00
			timed("First", "2026-10-25T02:30:00+02:00", "2026-10-25T02:00:00+01:00"),
			timed("Second", "2026-10-25T02:30:00+01:00", "2026-10-25T03:00:00+01:00"),
		}, []moment{
			{"2026-10-25T00:31", "Free until 02:30", "", "02:30-02:00"},
			{"2026-10-25T03:00", "Free all day", "", ""},
		}},
		{"Europe/Paris", "2026-03-01T23:00", "2026-03-02T01:00", []calendar.Event{
			timed("Morning", "2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z"),
		}, []moment{
			{"2026-03-01T23:59", "Free all day", "", "Mon 02 Mar 09:00-10:00"},
			{"2026-03-02T00:00", "Free until 09:00", "", "09:00-10:00"},
		}},
		{
			"Pacific/Honolulu", "2026-03-01T23:00", "2026-03-02T01:00",
			[]calendar.Event{allDay("Retreat", "2026-03-02", "2026-03-03")},
			[]moment{
				{"2026-03-01T23:59", "Free all day", "", "Mon 02 Mar All day"},
				{"2026-03-02T00:00", "Retreat", "All day", ""},
			},
		},
		{
			"Pacific/Tongatapu", "2026-03-02T23:00", "2026-03-03T01:00",
			[]calendar.Event{allDay("Retreat", "2026-03-02", "2026-03-03")},
			[]moment{
				{"2026-03-02T23:59", "Retreat", "All day", ""},
				{"2026-03-03T00:00", "Free all day", "", ""},
			},
		},
	}
	for _, tt := range tests {
		t.Run(strings.ReplaceAll(tt.zone+"_"+tt.from, "/", "_"), func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			local := func(text string) time.Time {
				at, err := time.ParseInLocation("2006-01-02T15:04", text, zone)
				if err != nil {
					t.Fatal(err)
				}
				return at
			}
			f := newFixture(t, seedVariables...)
			f.now = local(tt.from)
			h := f.instance(f.url)
			post(t.Context(), h, "", rooms.EventsMessage{
				RoomName: "blue", Events: tt.events, FetchedAt: f.now, TimeZone: tt.zone,
			})
			seen := 0
			for ; f.now.Before(local(tt.to)); f.now = f.now.Add(time.Minute) {
				f.readNow()
				f.minute(h)
				got := f.arduino.Values("blue")
				want := rooms.Room{Zone: zone, Locale: "en"}.FieldsAt(tt.events, f.now)
				for _, v := range rooms.Variables {
					if shown, has := got[v.Name]; has && fmt.Sprint(shown) != fmt.Sprint(v.Value(want)) {
						t.Fatalf("at %s the Thing shows %s = %v, want %v", f.now, v.Name, shown, v.Value(want))
					}
				}
				for _, m := range tt.moments {
					if local(m.at).Equal(f.now) {
						seen++
						if got["curevmtg"] != m.curevmtg || got["curevtm"] != m.curevtm || got["nextevtm"] != m.nextevtm {
							t.Errorf("at %s the Thing shows %v, want %+v", f.now, got, m)
						}
					}
				}
			}
			if seen != len(tt.moments) {
				t.Errorf("%d of %d moments were met", seen, len(tt.moments))
			}
		})
	}
}

// readNow lets the calendar have been read a moment ago, as the hourly listing does, and changes nothing else.
func (f *fixture) readNow() {
	f.t.Helper()
	doc, err := f.state.Get(f.t.Context(), rooms.SnapshotName("blue"))
	if err != nil {
		f.t.Fatal(err)
	}
	var s rooms.Snapshot
	if err := json.Unmarshal(doc.Data, &s); err != nil {
		f.t.Fatal(err)
	}
	s.FetchedAt = f.now
	if _, err := documents.Store(f.t.Context(), f.state, rooms.SnapshotName("blue"), doc.Generation, s,
		doc.Metadata); err != nil {
		f.t.Fatal(err)
	}
}

func timed(title, start, end string) calendar.Event {
	return calendar.Event{
		ID: title, Summary: title, Start: calendar.Date{DateTime: start}, End: calendar.Date{DateTime: end},
	}
}

func allDay(title, start, end string) calendar.Event {
	return calendar.Event{ID: title, Summary: title, Start: calendar.Date{Date: start}, End: calendar.Date{Date: end}}
}

// TestIdleHourMakesNoCall: ticks cost the Arduino account nothing when nothing changes.
func TestIdleHourMakesNoCall(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	way, requests := f.counted()
	h := f.instance(way)
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "Long"))
	before := requests.Load()
	for range 60 {
		f.minute(h)
		f.now = f.now.Add(time.Minute)
	}
	if got := requests.Load() - before; got != 60/rooms.ReconcileMinutes {
		t.Errorf("%d calls to Arduino in an idle hour, want one each %d minutes, for all Things", got, rooms.ReconcileMinutes)
	}
	before = requests.Load()
	f.minute(h)
	// The meeting has ended: its five values change, what the Thing shows besides is asked once, and it is the minute for
	// all Things.
	if got := requests.Load() - before; got != 7 {
		t.Errorf("%d calls at the meeting's end, want 7", got)
	}
}

// TestTwiceAndInAnyOrder delivers each of a morning's messages twice, shuffled:
// the end is the same, and what the last facts do not change is not published again.
func TestTwiceAndInAnyOrder(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprintf("seed_%d", seed), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			h := f.instance(f.url)
			deliveries := make([]rooms.EventsMessage, 0, 12)
			for i, titles := range [][]string{{"A"}, {"A", "B"}, {}, {"C", "B"}, {"C"}, {"C", "D"}} {
				msg := f.facts(f.now.Add(time.Duration(i-10)*time.Second), titles...)
				deliveries = append(deliveries, msg, msg)
			}
			r := rand.New(rand.NewPCG(seed, 1))
			r.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
			for _, msg := range deliveries {
				if code := post(t.Context(), h, "", msg); code != http.StatusNoContent {
					t.Fatalf("answered %d", code)
				}
			}
			f.shows("C")
			if next := f.arduino.Values("blue")["nextevmtg"]; next != "D" {
				t.Errorf("next = %v, want D", next)
			}
			last := map[string]any{}
			for _, c := range f.arduino.Calls() {
				if have, known := last[c.Variable]; known && have == c.Value {
					t.Errorf("%s = %v was published again", c.Variable, c.Value)
				}
				last[c.Variable] = c.Value
			}
		})
	}
}

// TestBacklogIsToldOnce: of the facts that wait while a room is being told something, only the newest are told.
func TestBacklogIsToldOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	way, reached, letGo := f.slow()
	h := f.instance(way)
	var wg sync.WaitGroup
	send := func(age time.Duration, title string) {
		msg := f.facts(f.now.Add(-age), title)
		wg.Go(func() {
			if code := post(t.Context(), h, "", msg); code != http.StatusNoContent {
				t.Errorf("%s was answered %d", title, code)
			}
		})
	}
	send(time.Minute, "First")
	<-reached
	for i, title := range []string{"Second", "Last", "Third"} {
		send([]time.Duration{50 * time.Second, 10 * time.Second, 40 * time.Second}[i], title)
	}
	time.Sleep(100 * time.Millisecond) // they wait
	close(letGo)
	wg.Wait()
	var titles []any
	for _, c := range f.arduino.Calls() {
		if c.Variable == "curevmtg" {
			titles = append(titles, c.Value)
		}
	}
	if !slices.Equal(titles, []any{"First", "Last"}) {
		t.Errorf("the Thing was told %v, want First, then Last", titles)
	}
}

// TestPartialListingRunsOut: when the meetings of a listing that stopped early have passed, the room is listed again.
func TestPartialListingRunsOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	msg := f.facts(f.now, "First", "Second")
	msg.Partial = true
	post(t.Context(), h, "", msg)
	if len(f.sent.messages) != 0 {
		t.Fatalf("published %+v while both meetings are to come", f.sent.messages)
	}
	f.now = f.now.Add(time.Hour)
	f.minute(h)
	if asked := f.sent.take(rooms.TopicRefresh); len(asked) != 1 || string(asked[0].Data) != `{"room_name":"blue"}` {
		t.Errorf("published %s, want a request to list the room", asked)
	}
}

// TestNeverReadable: a calendar that was never shared has a fault for a person, and a Thing that does not say that the
// room is free.
func TestNeverReadable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	msg := rooms.EventsMessage{
		RoomName: "blue", FetchedAt: f.now, Fault: &rooms.Fault{Code: "notFound", Detail: "Share it.", Since: f.now},
	}
	if code := post(t.Context(), h, "", msg); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	post(t.Context(), h, rooms.KindReconcile, struct{}{})
	s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil || s.CalendarFault == nil || !s.FetchedAt.IsZero() || len(f.sent.messages) != 0 {
		t.Errorf("snapshot = %+v, %v", s, err)
	}
	f.shows("No data yet")
	if busy := f.arduino.Values("blue")["busynow"]; busy != 1.0 {
		t.Errorf("busynow = %v of a room that nobody knows of", busy)
	}
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "A"))
	f.shows("A")
}

// later posts facts that are stored while Arduino does not take them: the large message is done, and a small one in its
// place.
func (f *fixture) later(h http.Handler, msg rooms.EventsMessage) (due json.RawMessage) {
	f.t.Helper()
	if code := post(f.t.Context(), h, "", msg); code != http.StatusNoContent {
		f.t.Errorf("answered %d, want 204", code)
	}
	handed := f.sent.take(rooms.TopicDue)
	if len(handed) != 1 || handed[0].Attributes["kind"] != rooms.KindDue || len(handed[0].Data) > 200 {
		f.t.Fatalf("handed on %s, want one small message", handed)
	}
	return json.RawMessage(handed[0].Data)
}

// TestArduinoOutage: what could not be told stays with a message, and with the next tick.
func TestArduinoOutage(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
		_ *http.Request,
	) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	t.Cleanup(down.Close)
	msg := f.facts(f.now, "A")
	due := f.later(f.instance(down.URL), msg)
	if code := post(t.Context(), f.instance(down.URL), rooms.KindDue, due); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d, want 503: the message must come again", code)
	}
	// What is known of the room is kept meanwhile: displays that ask have it at once.
	if s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue")); err != nil ||
		len(s.Events) != 1 {
		t.Errorf("snapshot = %+v, %v", s, err)
	}
	if code := post(t.Context(), f.instance(f.url), rooms.KindDue, due); code != http.StatusNoContent {
		t.Errorf("when it comes again: answered %d", code)
	}
	f.shows("A")
}

// TestAccountRefused: a wrong key is a fault for a person, and mended by itself once the key is right.
func TestAccountRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	wrong, err := f.arduino.Faults.Add(faults.Fault{Status: 401, Path: "^/iot/"})
	if err != nil {
		t.Fatal(err)
	}
	due := f.later(h, f.facts(f.now, "A"))
	// it may pass; later trying again mends nothing
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusNoContent} {
		if code := post(t.Context(), h, rooms.KindDue, due); code != want {
			t.Errorf("answered %d, want %d", code, want)
		}
		f.now = f.now.Add(2 * time.Minute)
	}
	s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil || s.Fault == nil || s.Fault.Code != "account_refused" || len(s.Events) != 1 {
		t.Errorf("snapshot = %+v, %v", s, err)
	}
	f.arduino.Faults.Clear(wrong.ID)
	for end := time.Now().Add(10 * time.Second); f.arduino.Values("blue")["curevmtg"] != "A" &&
		time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		f.minute(h) // a minute of the rooms' clock; on the machine's, the refusal is remembered for a second
	}
	f.shows("A")
}

// TestVariableOfAnotherType: one variable that takes no value of ours does not keep the others from theirs.
func TestVariableOfAnotherType(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	refuse, err := f.arduino.Faults.Add(faults.Fault{Status: 400, Path: "/publish$", Times: 1}) // busynow is the first
	if err != nil {
		t.Fatal(err)
	}
	h := f.instance(f.url)
	if code := post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "A")); code != http.StatusNoContent {
		t.Errorf("answered %d, want 204: trying again mends nothing", code)
	}
	f.shows("A")
	fault := func() *rooms.Fault {
		s, _, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
		if err != nil {
			t.Fatal(err)
		}
		return s.Fault
	}
	if got := fault(); got == nil || !strings.Contains(got.Detail, "busynow") {
		t.Errorf("fault = %+v, want one that names busynow", got)
	}
	f.arduino.Faults.Clear(refuse.ID)
	post(t.Context(), h, "", f.facts(f.now, "B"))
	if got := fault(); got != nil || f.arduino.Values("blue")["busynow"] != 1.0 {
		t.Errorf("fault = %+v, busynow %v after it was mended", got, f.arduino.Values("blue")["busynow"])
	}
}

// TestARefusedVariableIsToldOnce: the texts are looked at before they are told, and the colour that was refused is not
// told again.
func TestARefusedVariableIsToldOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Second)))
	if _, err := f.arduino.Faults.Add(faults.Fault{Status: 400, Path: "/publish$", Times: 2}); err != nil {
		t.Fatal(err)
	}
	post(t.Context(), h, "", f.facts(f.now, "A"))
	if s, _ := f.snapshot(); s.Fault == nil || !strings.Contains(s.Fault.Detail, ": busynow, curevmtg (") {
		t.Errorf("fault = %+v, want one that names busynow once, and then curevmtg", s.Fault)
	}
}

// TestGoesOnFromWhereItCame: when Arduino fails in the middle, what was told is not told again.
func TestGoesOnFromWhereItCame(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	msg := f.facts(f.now, "A")
	h := f.instance(f.url)
	if _, err := f.arduino.Faults.Add(faults.Fault{Status: 500, Path: "/publish$", PerMinute: 4, Times: 1}); err != nil {
		t.Fatal(err)
	}
	f.later(h, msg)
	post(t.Context(), h, "", msg)
	if got := len(f.arduino.Calls()); got != len(seedVariables) {
		t.Errorf("%d values told, want each of %d once", got, len(seedVariables))
	}
	f.shows("A")
}

// TestForeignValueBesideACrash: a publisher that died left a mark and, who knows,
// values; telling everything fails in the middle, and still every value is told in the end.
func TestForeignValueBesideACrash(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	msg := f.facts(f.now.Add(-time.Second), "A", "B")
	post(t.Context(), h, "", msg)
	s, gen, err := documents.Load[rooms.Snapshot](t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := f.settings.Get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := iotclient.New(f.url, settings).Publish(t.Context(), 0, s.Thing.ID,
		s.Thing.Properties["nextevmtg"], "WRONG"); err != nil {
		t.Fatal(err)
	}
	s.Pending = map[string]time.Time{"died": time.Now().Add(-time.Second)}
	if _, err := documents.Store(t.Context(), f.state, rooms.SnapshotName("blue"), gen, s, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := f.arduino.Faults.Add(faults.Fault{Status: 500, Path: "/publish$", PerMinute: 3, Times: 1}); err != nil {
		t.Fatal(err)
	}
	post(t.Context(), h, "due", rooms.RoomMessage{RoomName: "blue"})
	post(t.Context(), h, "due", rooms.RoomMessage{RoomName: "blue"})
	if got := f.arduino.Values("blue")["nextevmtg"]; got != "B" {
		t.Errorf("the Thing shows %v as next, want B", got)
	}
}

// TestOutageDoesNotMultiplyMessages: a due room is given back to the next tick after some attempts.
func TestOutageDoesNotMultiplyMessages(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now, "A"))
	f.now = f.now.Add(time.Hour)
	if _, err := f.arduino.Faults.Add(faults.Fault{Status: 500, Path: "^/iot/"}); err != nil {
		t.Fatal(err)
	}
	data, _ := json.Marshal(rooms.RoomMessage{RoomName: "blue"})
	for attempt, want := range []int{1: 503, 2: 503, 3: 503, 4: 204} {
		if attempt == 0 {
			continue
		}
		body, _ := json.Marshal(messages.Delivery{
			Attempt: attempt, Message: messages.Pushed{
				ID: "1", Message: messages.Message{Data: data, Attributes: map[string]string{"kind": "due"}},
			},
		})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		if w.Code != want {
			t.Errorf("attempt %d was answered %d, want %d", attempt, w.Code, want)
		}
	}
	f.arduino.Faults.Clear("")
	f.minute(h)
	f.shows("Free all day")
}

// page makes a list answer of whatever form a recording has: a list, an array of events, or one event.
func page(data []byte) []byte {
	text := strings.TrimSpace(string(data))
	switch {
	case strings.HasPrefix(text, "["):
		return []byte(`{"items":` + text + `}`)
	case strings.Contains(text, `"items"`):
		return data
	default:
		return []byte(`{"items":[` + text + `]}`)
	}
}

// recordings tells for each recording an instant and what the display shows then.
var recordings = map[string]struct {
	at       string
	busy     int
	curevmtg string
}{
	"event_allday_transparent.json":                  {"2022-02-22T12:00:00Z", 0, "Free all day"},
	"event_allday_zero_length.json":                  {"2022-11-24T12:00:00Z", 1, "Event #1"},
	"event_cancelled_id_only.json":                   {"2021-11-23T17:30:00Z", 0, "Free all day"},
	"event_cancelled_instance.json":                  {"2013-05-08T22:30:00Z", 0, "Free all day"},
	"event_cancelled_instance_split_series.json":     {"2015-07-01T01:30:00Z", 0, "Free all day"},
	"event_datetime_without_offset.json":             {"2022-04-12T22:45:00Z", 1, "Event summary"}, // 16:45 in Regina
	"event_missing_date_malformed.json":              {"2008-09-24T17:45:00Z", 0, "Free all day"},
	"event_unknown_timezone_name.json":               {"2022-11-12T10:30:00Z", 1, "Summary"}, // the room's zone, here UTC
	"events_list_empty.json":                         {"2022-11-12T10:30:00Z", 0, "Free all day"},
	"events_list_resource_allday_as_datetime.json":   {"2022-04-15T12:00:00Z", 1, "Event 2"},
	"events_list_self_response_statuses.json":        {"2020-11-02T18:15:00Z", 1, "no attendees[].self"},
	"events_incremental_mixed_cancelled_moved.json":  {"2021-10-27T16:30:00Z", 1, "(title removed)"},
	"events_list_recurring_master.json":              {"2014-11-16T01:30:00Z", 1, "Test Repeating Events"},
	"events_list_room_attendee_declined.json":        {"2020-11-02T18:15:00Z", 0, "Free all day"},
	"events_list_room_attendee_accepted_reader.json": {"2019-05-20T14:00:00Z", 1, "Orientation"},
	"events_recurring_master_and_instances.json":     {"2025-09-08T02:00:00Z", 1, "recurring event"},
}

// TestRecordedEvents takes every recorded event through listing, rules and display.
func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(recorded.Dir(t, "googlecalendar"), "event*.json"))
	if err != nil || len(files) != len(recordings) {
		t.Fatalf("%d recordings, %v; this test tells of %d", len(files), err, len(recordings))
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				_,
					_ = w.Write(page(data))
			}))
			t.Cleanup(google.Close)
			want, ok := recordings[name]
			if !ok {
				t.Fatal("say in this test what the display shows by this recording")
			}
			f := newFixture(t, seedVariables...)
			if f.now, err = time.Parse(time.RFC3339, want.at); err != nil {
				t.Fatal(err)
			}
			cal, err := googlecal.New(t.Context(), googlecal.Config{BaseURL: google.URL, Now: func() time.Time { return f.now }})
			if err != nil {
				t.Fatal(err)
			}
			msg, err := cal.Coming(t.Context(), rooms.Room{
				Name: "blue", CalendarID: "room-1@resource.calendar.google.com", Zone: time.UTC,
			})
			if err != nil {
				t.Fatal(err)
			}
			msg.TimeZone = cmp.Or(msg.TimeZone, "UTC")
			msg.FetchedAt = f.now // the recordings are older than the answer's Date
			post(t.Context(), f.instance(f.url), "", msg)
			got := f.arduino.Values("blue")
			if fmt.Sprint(got["busynow"]) != strconv.Itoa(want.busy) || got["curevmtg"] != want.curevmtg {
				t.Errorf("the Thing shows %v, want busynow %d, curevmtg %q", got, want.busy, want.curevmtg)
			}
		})
	}
}
