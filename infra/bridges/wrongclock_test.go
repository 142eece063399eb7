package bridges_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/functions/rooms/watch"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

// A stored is a place where an instant that was stored meets now: wait says what must not happen for its sake.
type stored struct {
	place string
	works func(w *wrongClock, ahead time.Time) error
}

// places are all of them. Rooms' snapshots have theirs in functions/rooms/status (TestClocksOfTheSnapshot), ages of
// exported files in functions/exports/transfer (TestAWrongClockDeletesNothing).
var places = []stored{
	{"a lease", func(w *wrongClock, ahead time.Time) error {
		w.put("state", "run", map[string]any{"lease": lease.Lease{ID: "left", Expires: ahead.Add(30 * time.Second)}})
		type state struct {
			Lease lease.Lease `json:"lease"`
		}
		s, ctx, err := lease.Take(w.t.Context(), w.db.Bucket("state"), "run", func(s *state) *lease.Lease { return &s.Lease },
			func(*state) error { return nil })
		if err == nil {
			err = s.Close(ctx)
		}
		return err
	}},
	{"the last run of a timetable", func(w *wrongClock, ahead time.Time) error {
		w.put("state", campus.StateName("lea"),
			campus.State{Version: 1, Run: &campus.Run{Instance: "lea", Began: ahead, Ended: ahead}})
		settings := settingsOf(w, "campus.json", campus.LoadSettings,
			`{"instances":[{"instance_name":"lea","moncampus_host":"http://127.0.0.1:1","moncampus_cas_url":"http://127.0.0.1:1/cas/login","moncampus_username":"l","moncampus_password":"p"}]}`)
		h := sync.New(sync.Config{Settings: settings, State: w.db.Bucket("state"), Publisher: nowhere{}, Now: time.Now})
		return w.runs(h, campus.SyncMessage{Instance: "lea"}, func() time.Time {
			s, err := documents.LoadIfAny[campus.State](w.t.Context(), w.db.Bucket("state"), campus.StateName("lea"))
			if err != nil || s.Run == nil {
				return time.Time{}
			}
			return s.Run.Began
		})
	}},
	{"the last run of a source", func(w *wrongClock, ahead time.Time) error {
		w.put("state", exports.StateName("paie"),
			exports.State{Version: 1, Runs: []exports.Transfer{{Source: "paie", Began: ahead, Ended: ahead}}})
		settings := settingsOf(w, "exports.json", exports.LoadSettings,
			`{"sources":[{"name":"paie","mode":"sas_url","sas_url":"http://127.0.0.1:1/a/b?sig=x&sp=rld"}]}`)
		folder := w.t.TempDir()
		h := transfer.New(transfer.Config{
			Settings: settings, State: w.db.Bucket("state"), Publisher: nowhere{},
			Now: time.Now, Destination: func(exports.Source) (files.Store, error) {
				return files.NewFolder(folder, folder+".carillon", true), nil
			},
		})
		return w.runs(h, exports.TransferMessage{Source: "paie"}, func() time.Time {
			s, err := documents.LoadIfAny[exports.State](w.t.Context(), w.db.Bucket("state"), exports.StateName("paie"))
			if err != nil || len(s.Runs) == 0 {
				return time.Time{}
			}
			return s.Runs[0].Began
		})
	}},
	{"a booking's claim", func(w *wrongClock, ahead time.Time) error {
		w.put("state", rooms.ClaimName("blue"),
			rooms.Claim{Version: 1, EventID: "left0", Holder: "another", Expires: ahead.Add(25 * time.Second)})
		return bookings.NewDesk(w.db.Bucket("state"), w.calendar(), false).Take(w.t.Context(), w.room(), "mine0", time.Now())
	}},
	{"a channel that is being opened", func(w *wrongClock, ahead time.Time) error {
		w.put("watches", rooms.WatchName("blue"), rooms.Watch{Version: 1, Pending: &rooms.Channel{ID: "left", Since: ahead}})
		settings := settingsOf(w, rooms.SettingsFile, rooms.LoadSettings,
			`{"iot_client_id":"i","iot_client_secret":"s","gcal_watch_function_url":"http://127.0.0.1:1","rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"}]}`)
		h := watch.New(watch.Config{
			Settings: settings, Watches: w.db.Bucket("watches"), Calendar: w.calendar(), Publisher: nowhere{},
			Key: "k", Now: time.Now,
		})
		if code := w.deliver(h, rooms.RoomMessage{RoomName: "blue"}); code >= http.StatusBadRequest {
			return fmt.Errorf("answered %d", code)
		}
		return nil
	}},
	{"a blob's time", func(_ *wrongClock, ahead time.Time) error {
		src := exports.Source{Name: "paie", MinAgeMinutes: 10}
		tasks := exports.Plan([]exports.Blob{{Name: "a.csv", ETag: "1", Modified: ahead}}, nil, nil, src, time.Now())
		if len(tasks) != 1 || tasks[0].Do != exports.Take {
			return fmt.Errorf("%+v", tasks)
		}
		return nil
	}},
	{"when a room's calendar was read", func(_ *wrongClock, ahead time.Time) error {
		if k := (&rooms.Snapshot{FetchedAt: ahead}).Knowledge(time.Now()); k.Known { // how old it is nobody knows
			return fmt.Errorf("%+v", k)
		}
		return nil
	}},
}

// TestStoredInstantsOfAWrongClock: the clock was ahead once (a machine without a battery, a wrong answer of a time
// server), and is right now. What it left behind keeps nothing from being done.
func TestStoredInstantsOfAWrongClock(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, ahead := range map[string]time.Time{
		"an hour": now.Add(time.Hour), "a month": now.AddDate(0, 1, 0),
		"2040": time.Date(2040, 12, 31, 23, 59, 0, 0, time.UTC), "a leap day": time.Date(2040, 2, 29, 12, 0, 0, 0, time.UTC),
	} {
		for _, place := range places {
			t.Run(place.place+", "+name, func(t *testing.T) {
				t.Parallel()
				db, err := machine.Open(t.Context(), t.TempDir())
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				if err := place.works(&wrongClock{t, db}, ahead); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestWithin is the rule of them all, over both changes of clocks and a leap day.
func TestWithin(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"2026-03-29T01:30:00Z", "2026-10-25T00:30:00Z", "2028-02-29T23:59:30Z", "2040-12-31T23:59:59Z",
	} {
		now, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		for age, want := range map[time.Duration]bool{
			0: true, time.Minute: true, time.Hour - 1: true, time.Hour: false, 30 * 24 * time.Hour: false,
			-time.Second: true, -calendar.Skew: true, -calendar.Skew - 1: false, -30 * 24 * time.Hour: false,
		} {
			if got := calendar.Within(now, now.Add(-age), time.Hour); got != want {
				t.Errorf("at %s, %s ago: %v, want %v", text, age, got, want)
			}
		}
	}
}

type wrongClock struct {
	t  *testing.T
	db *machine.DB
}

func (w *wrongClock) put(bucket, name string, v any) {
	w.t.Helper()
	if _, err := documents.Store(w.t.Context(), w.db.Bucket(bucket), name, 0, v, nil); err != nil {
		w.t.Fatal(err)
	}
}

func settingsOf[T any](
	w *wrongClock, name string, load func(documents.Bucket) (*config.Settings[T], error), text string,
) *config.Settings[T] {
	w.t.Helper()
	if _, err := w.db.Bucket("config").Put(w.t.Context(), name, 0, []byte(text), nil); err != nil {
		w.t.Fatal(err)
	}
	settings, err := load(w.db.Bucket("config"))
	if err != nil {
		w.t.Fatal(err)
	}
	return settings
}

func (w *wrongClock) deliver(h http.Handler, payload any) int {
	w.t.Helper()
	data, err := json.Marshal(payload)
	if err != nil {
		w.t.Fatal(err)
	}
	body, err := json.Marshal(messages.Delivery{
		Subscription: "s", Attempt: 1, Message: messages.Pushed{
			ID: "1", PublishTime: time.Now(), Message: messages.Message{Data: data},
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)).WithContext(ctx))
	return answer.Code
}

// runs delivers a message that was published now, and wants a run that began now.
func (w *wrongClock) runs(h http.Handler, payload any, began func() time.Time) error {
	w.t.Helper()
	before := time.Now().Add(-time.Second)
	code := w.deliver(h, payload)
	if got := began(); got.Before(before) || got.After(time.Now()) {
		return fmt.Errorf("answered %d; the last run began at %s", code, got)
	}
	return nil
}

func (w *wrongClock) room() rooms.Room {
	return rooms.Room{Name: "blue", CalendarID: "blue@example.com", Zone: time.UTC}
}

func (w *wrongClock) calendar() *googlecal.Client {
	w.t.Helper()
	google, err := simgoogle.New(sim.Options{})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(google.Close)
	if err := google.AddCalendar("blue@example.com", "Europe/Paris"); err != nil {
		w.t.Fatal(err)
	}
	server := httptest.NewServer(google)
	w.t.Cleanup(server.Close)
	c, err := googlecal.New(w.t.Context(), googlecal.Config{BaseURL: server.URL, Now: time.Now})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

type nowhere struct{}

func (nowhere) Publish(context.Context, string, messages.Message) error { return nil }
