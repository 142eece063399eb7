package webhook_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/webhook"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

const config = `{"iot_client_id":"id","iot_client_secret":"file:/nowhere/arduino","rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"}]}`

type counter struct {
	n    atomic.Int32
	last atomic.Pointer[messages.Message]
}

func (c *counter) Publish(_ context.Context, _ string, m messages.Message) error {
	c.n.Add(1)
	c.last.Store(&m)
	return nil
}

type fixture struct {
	handler   http.Handler
	published counter
	listings  atomic.Int32
	stops     atomic.Int32
	broken    atomic.Bool
	refused   atomic.Bool
}

// newFixture runs the function over a real store and a calendar that counts.
func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{}
	google := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/calendar/v3/channels/stop":
			f.stops.Add(1)
			w.WriteHeader(http.StatusNoContent)
		case f.refused.Load():
			w.WriteHeader(http.StatusNotFound)
		case f.broken.Load():
			w.WriteHeader(http.StatusInternalServerError)
		default:
			f.listings.Add(1)
			time.Sleep(20 * time.Millisecond)
			_, _ = w.Write([]byte(`{"items":[]}`))
		}
	}))
	t.Cleanup(google.Close)
	ctx := context.Background()
	db, err := machine.Open(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	settingsBucket, watches := db.Bucket("config"), db.Bucket("watches")
	if _, err := settingsBucket.Put(ctx, rooms.SettingsFile, 0, []byte(config), nil); err != nil {
		t.Fatal(err)
	}
	record := rooms.Watch{Version: 1, Channel: &rooms.Channel{ID: "channel"}}
	if _, err := documents.Store(ctx, watches, rooms.WatchName("blue"), 0, record, nil); err != nil {
		t.Fatal(err)
	}
	settings, err := rooms.LoadWithoutAccount(settingsBucket)
	if err != nil {
		t.Fatal(err)
	}
	cal, err := googlecal.New(ctx, googlecal.Config{BaseURL: google.URL, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	f.handler = webhook.New(webhook.Config{
		Settings: settings, Watches: watches, Calendar: cal, Publisher: &f.published,
		Keys: []string{"key", "old"}, Now: time.Now,
	})
	return f
}

func (f *fixture) push(channel, token, number string) int {
	return f.pushState(channel, token, number, "exists")
}

func (f *fixture) pushState(channel, token, number, state string) int {
	r := httptest.NewRequest(http.MethodPost, "/webhook", http.NoBody)
	r.Header.Set("X-Goog-Channel-ID", channel)
	r.Header.Set("X-Goog-Channel-Token", token)
	r.Header.Set("X-Goog-Message-Number", number)
	r.Header.Set("X-Goog-Resource-ID", "resource")
	r.Header.Set("X-Goog-Resource-State", state)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	return w.Code
}

func TestPush(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, channel, token     string
		code, published, stopped int
	}{
		{"genuine", "channel", rooms.ChannelToken("key", "channel", "blue"), 204, 1, 0},
		{"previous_key", "channel", rooms.ChannelToken("old", "channel", "blue"), 204, 1, 0},
		{"forged", "channel", rooms.ChannelToken("guess", "channel", "blue"), 204, 0, 0},
		{"token_of_another_channel", "channel", rooms.ChannelToken("key", "other", "blue"), 204, 0, 0},
		{"no_token", "gcalwatch_v5", "", 204, 0, 0},
		{"genuine_without_record", "orphan", rooms.ChannelToken("key", "orphan", "blue"), 204, 0, 1},
		{"room_not_configured", "orphan", rooms.ChannelToken("key", "orphan", "red"), 204, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if code := f.push(tt.channel, tt.token, "2"); code != tt.code {
				t.Errorf("status = %d, want %d", code, tt.code)
			}
			if p, s := int(f.published.n.Load()), int(f.stops.Load()); p != tt.published || s != tt.stopped {
				t.Errorf("published %d, stopped %d; want %d, %d", p, s, tt.published, tt.stopped)
			}
		})
	}
}

// TestTheFirstMessageOfAChannelTellsOfNoChange: it comes from each channel that is opened, also from one that will be
// silent.
func TestTheFirstMessageOfAChannelTellsOfNoChange(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for state, want := range map[string]string{"sync": rooms.WhyOpened, "exists": rooms.WhyPush} {
		f.pushState("channel", rooms.ChannelToken("key", "channel", "blue"), "1", state)
		var msg rooms.EventsMessage
		if err := json.Unmarshal(f.published.last.Load().Data, &msg); err != nil || msg.Why != want {
			t.Errorf("%s: the room was listed because of %q, %v; want %q", state, msg.Why, err, want)
		}
	}
}

func TestBurstIsCoalesced(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := rooms.ChannelToken("key", "channel", "blue")
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() {
			if code := f.push("channel", token, string(rune('1'+i%9))+"00"); code != http.StatusNoContent {
				t.Errorf("status = %d", code)
			}
		})
	}
	wg.Wait()
	if n := f.listings.Load(); n < 1 || n > 10 {
		t.Errorf("%d listings for 100 messages at once", n)
	}
}

// TestAMessageNumberSilencesNothing: the token does not sign it, so whoever has a token could write any.
func TestAMessageNumberSilencesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := rooms.ChannelToken("key", "channel", "blue")
	for i, number := range []string{"7", "18446744073709551616", "18446744073709551615", "8", ""} {
		f.push("channel", token, number)
		if n := f.listings.Load(); n != int32(i)+1 {
			t.Errorf("%d listings after message %q, want %d", n, number, i+1)
		}
	}
}

// TestReplaysAreCoalescedByTime: messages that come one after the other list a room twice a second at most.
func TestReplaysAreCoalescedByTime(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := rooms.ChannelToken("key", "channel", "blue")
	var wg sync.WaitGroup
	began := time.Now()
	for range 100 {
		wg.Go(func() { f.push("channel", token, "") })
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	if n, most := f.listings.Load(), int32(time.Since(began)/(400*time.Millisecond))+2; n < 2 || n > most {
		t.Errorf("%d listings in %s, want at most %d", n, time.Since(began), most)
	}
}

func TestOurOwnFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	token := rooms.ChannelToken("key", "channel", "blue")
	f.broken.Store(true)
	if code := f.push("channel", token, "7"); code != http.StatusServiceUnavailable {
		t.Errorf("status = %d, want 503", code)
	}
	f.broken.Store(false)
	if code := f.push("channel", token, "7"); code != http.StatusNoContent || f.published.n.Load() != 2 {
		t.Errorf("the same message again: status %d, published %d; want the fault, then the events",
			code, f.published.n.Load())
	}
}

// TestUnreadableCalendarIsNoReasonToComeAgain: it is told as a fault, once a message.
func TestUnreadableCalendarIsNoReasonToComeAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.refused.Store(true)
	if code := f.push("channel", rooms.ChannelToken("key", "channel", "blue"), "7"); code != http.StatusNoContent ||
		f.published.n.Load() != 1 {
		t.Errorf("status = %d, published %d; want 204 and the fault", code, f.published.n.Load())
	}
}

func FuzzHeaders(f *testing.F) {
	fix := newFixture(f)
	f.Add("channel", rooms.ChannelToken("guess", "channel", "blue"), "1")
	f.Add("", "room=%zz&sig=", "-1")
	f.Fuzz(func(t *testing.T, channel, token, number string) {
		if _, genuine := rooms.CheckChannelToken(token, channel, "key", "old"); genuine {
			return
		}
		if code := fix.push(channel, token, number); code != http.StatusNoContent || fix.listings.Load() > 0 {
			t.Errorf("status = %d, %d listings", code, fix.listings.Load())
		}
	})
}
