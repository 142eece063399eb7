package status_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
	iotclient "github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

func (f *fixture) snapshot() (s rooms.Snapshot, metadata map[string]string) {
	f.t.Helper()
	doc, err := f.state.Get(f.t.Context(), rooms.SnapshotName("blue"))
	if err == nil {
		err = json.Unmarshal(doc.Data, &s)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return s, doc.Metadata
}

// TestUnreadableCalendarIsNeverFree: a calendar that was read on Monday and cannot be read since leaves no door green
// on Friday.
func TestUnreadableCalendarIsNeverFree(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	f.now = time.Date(2026, 3, 2, 7, 0, 0, 0, time.UTC) // Monday, 08:00 in Paris
	post(t.Context(), h, "", rooms.EventsMessage{
		RoomName: "blue", FetchedAt: f.now, TimeZone: "Europe/Paris",
		Events: []calendar.Event{timed("Board", "2026-03-02T09:00:00+01:00", "2026-03-02T10:00:00+01:00")},
	})
	f.shows("Free until 09:00")
	post(t.Context(), h, "", rooms.EventsMessage{
		RoomName: "blue", FetchedAt: f.now.Add(time.Minute),
		Fault: &rooms.Fault{Code: "notFound", Detail: "Share it.", Since: f.now},
	})
	end := f.now.Add(rooms.TrustTime)
	for ; f.now.Before(end.Add(10 * time.Minute)); f.now = f.now.Add(time.Minute) {
		f.minute(h)
		values := f.arduino.Values("blue")
		if known := f.now.Before(end.Add(-10 * time.Second)); !known &&
			(values["busynow"] != 1.0 || values["curevmtg"] != "No data since 08:00" || values["nextevmtg"] != "") {
			t.Fatalf("at %s the Thing shows %v", f.now, values)
		} else if known && strings.Contains(values["curevmtg"].(string), "No data") {
			t.Fatalf("at %s the Thing shows %v already", f.now, values)
		}
	}
	f.now = time.Date(2026, 3, 6, 11, 0, 0, 0, time.UTC) // Friday
	f.minute(h)
	f.shows("No data since Mar 02")
	// Read again, it is right at once.
	post(t.Context(), h, "", f.facts(f.now, "Lunch"))
	f.shows("Lunch")
}

// TestDisplayThatRestarts: a device writes its own first values to its Thing. The room's next value mends all of them
// at once, and without one the next comparison does, within five minutes.
func TestDisplayThatRestarts(t *testing.T) {
	t.Parallel()
	for _, changes := range []bool{false, true} {
		f := newFixture(t, seedVariables...)
		h := f.instance(f.url)
		post(t.Context(), h, "", f.facts(f.now, "A", "B"))
		s, _ := f.snapshot()
		settings, err := f.settings.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		device := iotclient.New(f.url, settings)
		for _, v := range rooms.Variables {
			if id, has := s.Thing.Properties[v.Name]; has {
				start := any("")
				if v.Name == "busynow" {
					start = 0
				}
				if err := device.Publish(t.Context(), 0, s.Thing.ID, id, start); err != nil {
					t.Fatal(err)
				}
			}
		}
		if changes {
			post(t.Context(), h, "", f.facts(f.now.Add(time.Second), "A", "C"))
		} else {
			for range rooms.ReconcileMinutes + 1 {
				f.now = f.now.Add(time.Minute)
				f.minute(h)
				f.minute(h) // what the comparison handed on
			}
		}
		got := f.arduino.Values("blue")
		if got["busynow"] != 1.0 || got["curevmtg"] != "A" || got["curevtm"] == "" || got["nextevmtg"] == "" {
			t.Errorf("with a change %v: the Thing shows %v", changes, got)
		}
	}
}

// TestTwoThingsOfOneName: the one that the room had is kept, and a person is told of both.
func TestTwoThingsOfOneName(t *testing.T) {
	t.Parallel()
	for _, late := range []bool{false, true} {
		f := newFixture(t)
		h := f.instance(f.url)
		settings, err := f.settings.Get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		account := iotclient.New(f.url, settings)
		add := func(zone string) {
			made, err := account.CreateThing(t.Context(), "blue", zone)
			for _, v := range rooms.Variables {
				if err == nil {
					err = account.CreateVariable(t.Context(), made.ID, v)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		add("Europe/Paris")
		if late {
			post(t.Context(), h, "", f.facts(f.now, "A"))
		}
		add("Europe/London")
		list, err := account.Things(t.Context())
		if err != nil || len(list) != 2 {
			t.Fatalf("%d Things, %v", len(list), err)
		}
		if !late {
			post(t.Context(), h, "", f.facts(f.now, "A"))
		}
		had, _ := f.snapshot()
		for range 2 {
			post(t.Context(), h, rooms.KindReconcile, struct{}{})
			f.minute(h)
		}
		s, _ := f.snapshot()
		if s.Thing.ID != had.Thing.ID || s.Fault == nil || s.Fault.Code != "thing_ambiguous" ||
			!strings.Contains(s.Fault.Detail, list[0].ID) || !strings.Contains(s.Fault.Detail, list[1].ID) {
			t.Errorf("late %v: the Thing %s has become %s, fault %+v", late, had.Thing.ID, s.Thing.ID, s.Fault)
		}
		stored := len(f.sent.take(rooms.TopicDue))
		post(t.Context(), h, rooms.KindReconcile, struct{}{})
		if again := len(f.sent.take(rooms.TopicDue)); again != 0 {
			t.Errorf("late %v: handed on again (%d, %d), though nothing changed", late, stored, again)
		}
		other := list[0].ID
		if other == s.Thing.ID {
			other = list[1].ID
		}
		f.removeThing(other)
		post(t.Context(), h, rooms.KindReconcile, struct{}{})
		f.minute(h)
		if s, _ := f.snapshot(); s.Fault != nil || s.Thing.ID != had.Thing.ID {
			t.Errorf("late %v: when one was deleted the fault is %+v", late, s.Fault)
		}
	}
}

// removeThing deletes a Thing as a person does on Arduino's page.
func (f *fixture) removeThing(id string) {
	f.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"id"}, "client_secret": {"secret"},
		"audience": {"https://api2.arduino.cc/iot"},
	}
	resp, err := http.PostForm(f.url+"/iot/v1/clients/token", form)
	if err != nil {
		f.t.Fatal(err)
	}
	var token struct {
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(resp.Body).Decode(&token)
	_ = resp.Body.Close()
	if err != nil {
		f.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodDelete, f.url+"/iot/v2/things/"+id, http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token.AccessToken)
	if resp, err = http.DefaultClient.Do(r); err != nil || resp.StatusCode >= http.StatusMultipleChoices {
		f.t.Fatalf("deleting a Thing: %v %v", resp, err)
	}
	_ = resp.Body.Close()
}

// TestTokenOutageIsOneAsker: while Arduino gives no token, sixty rooms that have something to publish ask for one now
// and then.
func TestTokenOutageIsOneAsker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	target, err := url.Parse(f.url)
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	var seen []time.Time
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/clients/token") {
			asked++
			seen = append(seen, time.Now())
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		http.Redirect(w, r, target.String(), http.StatusTemporaryRedirect)
	}))
	t.Cleanup(server.Close)
	h := f.instance(server.URL)
	began := time.Now()
	for i := 0; time.Since(began) < 3*time.Second; i++ {
		post(t.Context(), h, "", f.facts(f.now.Add(time.Duration(i)*time.Millisecond-time.Minute), "A"))
	}
	if asked > 4 { // at 0, 0.5, 1.5 and 3.5 s
		t.Errorf("%d requests for tokens in three seconds: %v", asked, seen)
	}
}

// TestASilentChannelIsReplaced: a listing that finds a change of which no push told has the channel replaced and the
// room polled until a push comes; a push that is on its way, or a window that moved, is none.
func TestASilentChannelIsReplaced(t *testing.T) {
	t.Parallel()
	base := func(f *fixture) []calendar.Event {
		return []calendar.Event{{
			ID: "old", Summary: "Old", Updated: f.now.Add(-24 * time.Hour).Format(time.RFC3339),
			Start: calendar.Date{DateTime: f.now.Add(time.Hour).Format(time.RFC3339)},
			End:   calendar.Date{DateTime: f.now.Add(2 * time.Hour).Format(time.RFC3339)},
		}}
	}
	event := func(f *fixture, id string, updated time.Duration) calendar.Event {
		return calendar.Event{
			ID: id, Summary: id, Updated: f.now.Add(updated).Format(time.RFC3339),
			Start: calendar.Date{DateTime: f.now.Add(3 * time.Hour).Format(time.RFC3339)},
			End:   calendar.Date{DateTime: f.now.Add(4 * time.Hour).Format(time.RFC3339)},
		}
	}
	unwatched := true
	for name, tc := range map[string]struct {
		change func(*fixture, *rooms.EventsMessage)
		missed bool
		polled bool
	}{
		"nothing changed": {func(*fixture, *rooms.EventsMessage) {}, false, false},
		"an event of 40 minutes": {
			func(f *fixture, m *rooms.EventsMessage) { m.Events = append(m.Events, event(f, "new", 20*time.Minute)) }, true,
			true,
		},
		"an event of a minute": {
			func(f *fixture, m *rooms.EventsMessage) { m.Events = append(m.Events, event(f, "new", 59*time.Minute)) }, false,
			false,
		},
		"the window has moved": {
			func(f *fixture, m *rooms.EventsMessage) { m.Events = append(m.Events, event(f, "new", -time.Hour)) }, false, false,
		},
		"an event is gone": {func(_ *fixture, m *rooms.EventsMessage) { m.Events = nil }, true, true},
		"found by a push": {
			func(_ *fixture, m *rooms.EventsMessage) { m.Why = rooms.WhyPush; m.Events = nil },
			false, false,
		},
		"found by a booking": {
			func(_ *fixture, m *rooms.EventsMessage) { m.Why = rooms.WhyBooking; m.Events = nil },
			false, false,
		},
		"there is no channel": {
			func(_ *fixture, m *rooms.EventsMessage) { m.Events, m.Unwatched = nil, &unwatched }, false, true,
		},
		"a listing that stops early": {
			func(_ *fixture, m *rooms.EventsMessage) { m.Events, m.Partial = nil, true }, false, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			h := f.instance(f.url)
			first := rooms.EventsMessage{
				RoomName: "blue", FetchedAt: f.now, TimeZone: "Europe/Paris", Why: rooms.WhyRefresh, Events: base(f),
			}
			post(t.Context(), h, "", first)
			next := first
			next.FetchedAt = f.now.Add(time.Hour)
			tc.change(f, &next)
			f.now = f.now.Add(time.Hour)
			post(t.Context(), h, "", next)
			s, metadata := f.snapshot()
			asked := f.sent.take(rooms.TopicWatch)
			if s.PushMissed.IsZero() == tc.missed || s.Polled() != tc.polled || (metadata[rooms.MetaPoll] != "") != tc.polled {
				t.Errorf("missed = %s, polled %v, metadata %v; want %v", s.PushMissed, s.Polled(), metadata, tc.missed)
			}
			if (len(asked) == 1 && asked[0].Attributes["kind"] == rooms.KindOpen) != tc.missed {
				t.Errorf("asked for channels: %+v, want %v", asked, tc.missed)
			}
			if !tc.polled {
				return
			}
			f.now = f.now.Add(time.Minute)
			f.minute(h)
			if polls := f.sent.take(rooms.TopicRefresh); len(polls) != 1 || polls[0].Attributes["kind"] != rooms.KindPoll {
				t.Errorf("the tick asked for %+v, want a poll", polls)
			}
			f.now = f.now.Add(time.Minute)
			post(t.Context(), h, "", rooms.EventsMessage{
				RoomName: "blue", FetchedAt: f.now, Why: rooms.WhyOpened, Events: next.Events,
			})
			if s, _ := f.snapshot(); !s.Polled() {
				t.Error("no longer polled when the new channel was opened: it has told of no change yet")
			}
			f.now = f.now.Add(time.Minute)
			watched := false
			post(t.Context(), h, "", rooms.EventsMessage{
				RoomName: "blue", FetchedAt: f.now, Why: rooms.WhyPush, Events: next.Events, Unwatched: &watched,
			})
			if s, metadata := f.snapshot(); s.Polled() || metadata[rooms.MetaPoll] != "" {
				t.Errorf("still polled after a push: %v, %v", s.PushMissed, metadata)
			}
		})
	}
}

// TestANewChannelIsNotBlamedForChangesBeforeIt: nobody could tell of a change that was made while the room had no
// channel.
func TestANewChannelIsNotBlamedForChangesBeforeIt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	without, with := true, false
	post(t.Context(), h, "", rooms.EventsMessage{
		RoomName: "blue", FetchedAt: f.now, TimeZone: "Europe/Paris", Why: rooms.WhyRefresh, Unwatched: &without,
	})
	f.now = f.now.Add(10 * time.Minute)
	made := timed("Made meanwhile", f.now.Add(time.Hour).Format(time.RFC3339), f.now.Add(2*time.Hour).Format(time.RFC3339))
	made.Updated = f.now.Add(-5 * time.Minute).Format(time.RFC3339)
	post(t.Context(), h, "", rooms.EventsMessage{
		RoomName: "blue", FetchedAt: f.now, TimeZone: "Europe/Paris", Why: rooms.WhyRefresh, Unwatched: &with,
		Events: []calendar.Event{made},
	})
	if s, _ := f.snapshot(); s.Polled() {
		t.Errorf("missed at %s, unwatched %v: the channel is as new as the change", s.PushMissed, s.Unwatched)
	}
	if asked := f.sent.take(rooms.TopicWatch); len(asked) > 0 {
		t.Errorf("asked for channels: %+v", asked)
	}
}

// TestClocksOfTheSnapshot: instants that a wrong clock has left in the snapshot keep no room from being published.
func TestClocksOfTheSnapshot(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{time.Hour, 30 * 24 * time.Hour, 14 * 365 * 24 * time.Hour} {
		f := newFixture(t, seedVariables...)
		h := f.instance(f.url)
		post(t.Context(), h, "", f.facts(f.now.Add(-time.Minute), "A"))
		doc, err := f.state.Get(t.Context(), rooms.SnapshotName("blue"))
		if err != nil {
			t.Fatal(err)
		}
		s, _ := f.snapshot()
		ahead, wall := f.now.Add(by), time.Now().Add(by)
		s.FetchedAt, s.AsOf, s.ToldAt, s.ToldAll = ahead, ahead, wall, wall
		s.Pending = map[string]time.Time{"left": wall}
		s.Fault = &rooms.Fault{Code: "variable_refused", Since: ahead}
		_, err = documents.Store(t.Context(), f.state, rooms.SnapshotName("blue"), doc.Generation, s,
			map[string]string{rooms.MetaTransition: ahead.Add(time.Hour).Format(time.RFC3339Nano)})
		if err != nil {
			t.Fatal(err)
		}
		f.now = f.now.Add(2 * time.Minute)
		f.minute(h)
		if by > rooms.LongestChange { // how old the data is nobody knows
			if got := f.arduino.Values("blue"); !strings.HasPrefix(got["curevmtg"].(string), "No data since") {
				t.Errorf("%s ahead: the Thing shows %v", by, got["curevmtg"])
			}
		}
		post(t.Context(), h, "", f.facts(f.now, "B"))
		f.shows("B")
		if s, _ := f.snapshot(); len(s.Pending) > 0 || s.FetchedAt.After(f.now) {
			t.Errorf("%s ahead: pending %v, read at %s", by, s.Pending, s.FetchedAt)
		}
	}
}

// TestAFaultThatLastsIsComparedInSilence: a Thing that is missing, or lacks a variable, is looked at each five minutes,
// and nothing is stored or handed on while it is as it was.
func TestAFaultThatLastsIsComparedInSilence(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string][]string{"thing_missing": nil, "variable_missing": seedVariables[:5]} {
		f := newFixture(t, variables...)
		h := f.instance(f.url)
		post(t.Context(), h, "", f.facts(f.now, "A"))
		if s, _ := f.snapshot(); s.Fault == nil || s.Fault.Code != name {
			t.Fatalf("fault = %+v, want %s", s.Fault, name)
		}
		doc, err := f.state.Get(t.Context(), rooms.SnapshotName("blue"))
		if err != nil {
			t.Fatal(err)
		}
		f.sent.take(rooms.TopicDue)
		post(t.Context(), h, rooms.KindReconcile, struct{}{})
		again, err := f.state.Get(t.Context(), rooms.SnapshotName("blue"))
		if handed := f.sent.take(rooms.TopicDue); err != nil || len(handed) > 0 || again.Generation != doc.Generation {
			t.Errorf("%s: handed on %s, stored again %v, %v", name, handed, again.Generation != doc.Generation, err)
		}
	}
}
