package status_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// change rewrites the room's snapshot, as another instance does.
func (f *fixture) change(to func(*rooms.Snapshot)) {
	f.t.Helper()
	s, gen, err := documents.Load[rooms.Snapshot](f.t.Context(), f.state, rooms.SnapshotName("blue"))
	if err != nil {
		f.t.Fatal(err)
	}
	to(&s)
	later := map[string]string{rooms.MetaTransition: f.now.Add(time.Hour).Format(time.RFC3339Nano)}
	if _, err := documents.Store(f.t.Context(), f.state, rooms.SnapshotName("blue"), gen, s, later); err != nil {
		f.t.Fatal(err)
	}
}

// due reports whether the room's next transition is now, so that the next tick hands it on.
func (f *fixture) due() bool {
	f.t.Helper()
	_, metadata := f.snapshot()
	at, err := time.Parse(time.RFC3339Nano, metadata[rooms.MetaTransition])
	return err == nil && !at.After(f.now)
}

// TestLostAnswerLeavesTheMarker: nobody knows whether a value whose answer was lost will still reach the Thing. The
// marker stays until it cannot any more, the ticks look again, and then every value is published.
func TestLostAnswerLeavesTheMarker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	h := f.instance(f.url)
	post(t.Context(), h, "", f.facts(f.now.Add(-time.Minute), "A"))
	if s, _ := f.snapshot(); len(s.Pending) != 0 {
		t.Fatalf("markers = %v after a good run", s.Pending)
	}
	if _, err := f.arduino.Faults.Add(faults.Fault{Path: "/publish$", LoseAnswer: true, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if code := post(t.Context(), h, "", f.facts(f.now.Add(-time.Second), "B")); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	s, _ := f.snapshot()
	if len(s.Pending) != 1 || !f.due() {
		t.Fatalf("markers = %v, due %v; want the one of the lost answer, and a tick that looks", s.Pending, f.due())
	}
	for id, until := range s.Pending {
		if left := time.Until(until); left < 30*time.Second || left > 2*time.Minute {
			t.Errorf("the marker %s lives for %s", id, left)
		}
	}
	f.change(func(s *rooms.Snapshot) {
		for id := range s.Pending {
			s.Pending[id] = time.Now().Add(-time.Second) // its time is over
		}
	})
	before := len(f.arduino.Calls())
	post(t.Context(), h, rooms.KindDue, rooms.RoomMessage{RoomName: "blue"})
	if got := len(f.arduino.Calls()) - before; got != len(seedVariables) {
		t.Errorf("%d values published after the marker's end, want all %d", got, len(seedVariables))
	}
	if s, _ := f.snapshot(); len(s.Pending) != 0 || f.due() {
		t.Errorf("markers = %v, due %v; want none", s.Pending, f.due())
	}
	f.shows("B")
}

// TestExpiredMarkerMeansEverything: a publisher that has just ended may have written after every value was last
// published, so all are published again.
func TestExpiredMarkerMeansEverything(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		until time.Duration // of the marker, from now
		want  int
	}{
		"none":            {0, 0},
		"ended":           {-time.Second, len(seedVariables)},
		"lives":           {20 * time.Second, 0}, // every value was published after it began
		"of_a_fast_clock": {10 * time.Minute, len(seedVariables)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			h := f.instance(f.url)
			post(t.Context(), h, "", f.facts(f.now.Add(-time.Minute), "A"))
			f.change(func(s *rooms.Snapshot) {
				s.ToldAll, s.ToldAt = time.Now(), time.Now()
				if tt.until != 0 {
					s.Pending = map[string]time.Time{"other": time.Now().Add(tt.until)}
				}
			})
			before := len(f.arduino.Calls())
			post(t.Context(), h, rooms.KindDue, rooms.RoomMessage{RoomName: "blue"})
			if got := len(f.arduino.Calls()) - before; got != tt.want {
				t.Errorf("%d values published, want %d", got, tt.want)
			}
		})
	}
}

// TestAnothersMarkerIsLookedAtAgain: a publisher that finishes while another is at work leaves the room due, because
// the other may yet write over its values.
func TestAnothersMarkerIsLookedAtAgain(t *testing.T) {
	t.Parallel()
	for _, other := range []bool{true, false} {
		f := newFixture(t, seedVariables...)
		h := f.instance(f.url)
		post(t.Context(), h, "", f.facts(f.now.Add(-time.Minute), "A"))
		f.change(func(s *rooms.Snapshot) {
			if other {
				s.Pending = map[string]time.Time{"other": time.Now().Add(30 * time.Second)}
			}
		})
		if code := post(t.Context(), h, "", f.facts(f.now, "B")); code != http.StatusNoContent {
			t.Fatalf("answered %d", code)
		}
		f.shows("B")
		if s, _ := f.snapshot(); f.due() != other || len(s.Pending) > 0 != other {
			t.Errorf("another at work %v: due %v, markers %v", other, f.due(), s.Pending)
		}
	}
}

// TestOldTickIsDropped: a tick that comes more than a minute late has a younger one behind it.
func TestOldTickIsDropped(t *testing.T) {
	t.Parallel()
	for late, want := range map[time.Duration]int{0: 1, time.Minute: 1, 61 * time.Second: 0, time.Hour: 0} {
		f := newFixture(t, seedVariables...)
		h := f.instance(f.url)
		post(t.Context(), h, "", f.facts(f.now, "A"))
		f.now = f.now.Add(62 * time.Minute) // the meeting is over
		f.sent.take(rooms.TopicDue)
		body, _ := json.Marshal(messages.Delivery{Message: messages.Pushed{
			ID:          "1",
			PublishTime: f.now.Add(-late),
			Message:     messages.Message{Attributes: messages.OfKind(rooms.KindTick)},
		}})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		handed := 0
		for _, m := range f.sent.take(rooms.TopicDue) {
			if m.Attributes["kind"] == rooms.KindDue {
				handed++
			}
		}
		if w.Code != http.StatusNoContent || handed != want {
			t.Errorf("a tick %s late was answered %d and handed on %d rooms, want %d", late, w.Code, handed, want)
		}
	}
}

// between is a way to Arduino on which something happens while the first list of Things is on its way back.
func (f *fixture) between(happens func()) (way string) {
	f.t.Helper()
	target, err := url.Parse(f.url)
	if err != nil {
		f.t.Fatal(err)
	}
	proxy, once := httputil.NewSingleHostReverseProxy(target), sync.Once{}
	proxy.ModifyResponse = func(resp *http.Response) error {
		if r := resp.Request; r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/things") {
			once.Do(happens)
		}
		return nil
	}
	server := httptest.NewServer(proxy)
	f.t.Cleanup(server.Close)
	return server.URL
}

// TestComparisonLeavesWhatIsBeingPublished: a value that was published after the Things were listed, or may be on its
// way, is not taken for one that the Thing has lost.
func TestComparisonLeavesWhatIsBeingPublished(t *testing.T) {
	t.Parallel()
	for name, marker := range map[string]bool{"published_since": false, "being_published": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, seedVariables...)
			direct := f.instance(f.url)
			post(t.Context(), direct, "", f.facts(f.now.Add(-time.Minute), "A"))
			compare := f.instance(f.between(func() {
				post(t.Context(), direct, "", f.facts(f.now, "B"))
				if marker {
					f.change(func(s *rooms.Snapshot) {
						s.ToldAt = time.Time{}
						s.Pending = map[string]time.Time{"other": time.Now().Add(30 * time.Second)}
					})
				}
			}))
			f.sent.take(rooms.TopicDue)
			if code := post(t.Context(), compare, rooms.KindReconcile, struct{}{}); code != http.StatusNoContent {
				t.Fatalf("answered %d", code)
			}
			s, _ := f.snapshot()
			if handed := f.sent.take(rooms.TopicDue); len(handed) != 0 || s.Published["curevmtg"] != "B" {
				t.Errorf("handed on %v, the values are thought to be %v", handed, s.Published)
			}
			f.shows("B")
		})
	}
}
