package bookings_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

// written is a bucket that calls after when a document has been written, before the writer knows.
type written struct {
	documents.Bucket

	after func()
}

func (w *written) Put(
	ctx context.Context, name string, gen int64, data []byte, metadata map[string]string,
) (int64, error) {
	got, err := w.Bucket.Put(ctx, name, gen, data, metadata)
	if after := w.after; after != nil && err == nil {
		w.after = nil
		after()
	}
	return got, err
}

// TestAClaimIsAtWorkFromTheMomentItCanBeRead: who comes between the writing of a claim and its writer's next step waits
// for it or is told that somebody books; that Google did not answer would not be true.
func TestAClaimIsAtWorkFromTheMomentItCanBeRead(t *testing.T) {
	t.Parallel()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	room, now := rooms.Room{Name: "blue"}, time.Now()
	for _, tc := range []struct {
		name, other string
		want        error
	}{{"another booking", "b", bookings.ErrClaimed}, {"the same booking", "a", bookings.ErrRepeated}} {
		bucket := &written{Bucket: db.Bucket(tc.other)}
		desk := bookings.NewDesk(bucket, nil, true)
		look := func(when string) {
			if err := desk.Take(t.Context(), room, tc.other, now); !errors.Is(err, tc.want) {
				t.Errorf("%s, %s: %v, want %v", tc.name, when, err, tc.want)
			}
		}
		bucket.after = func() { look("while it takes the room") }
		if err := desk.Take(t.Context(), room, "a", now); err != nil {
			t.Fatal(err)
		}
		bucket.after = func() { // the room is free again, and taken at once
			if err := desk.Take(t.Context(), room, "a", now); err != nil {
				t.Error(err)
			}
		}
		if err := desk.Close(t.Context(), room, "a", bookings.Absent); err != nil {
			t.Fatal(err)
		}
		look("after the one before has gone")
	}
}

// A fixture is a calendar that Google knows, and the claims of a database.
type fixture struct {
	t      *testing.T
	google *simgoogle.Server
	state  documents.Bucket
	cal    *googlecal.Client
	room   rooms.Room
	now    time.Time
	down   atomic.Bool // Google answers nothing but errors
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	f.room = rooms.Room{Name: "blue", CalendarID: "blue@example.com", Zone: time.UTC}
	clock := func() time.Time { return f.now }
	var err error
	if f.google, err = simgoogle.New(sim.Options{Now: clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.google.Close)
	if err := f.google.AddCalendar(f.room.CalendarID, "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.down.Load() {
			w.WriteHeader(http.StatusInternalServerError)
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
	f.state = db.Bucket("state")
	if f.cal, err = googlecal.New(t.Context(), googlecal.Config{BaseURL: server.URL, Now: clock}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) desk(alone bool) *bookings.Desk { return bookings.NewDesk(f.state, f.cal, alone) }

// insert puts an event of half an hour, from `after` from now, into the calendar.
func (f *fixture) insert(id string, after time.Duration) {
	f.t.Helper()
	date := func(t time.Time) map[string]any { return map[string]any{"dateTime": t.Format(time.RFC3339)} }
	start := f.now.Add(after)
	event := map[string]any{"id": id, "summary": id, "start": date(start), "end": date(start.Add(30 * time.Minute))}
	if _, err := f.google.Insert(f.room.CalendarID, event); err != nil {
		f.t.Fatal(err)
	}
}

// there reports whether the calendar has an event.
func (f *fixture) there(id string) bool {
	f.t.Helper()
	e, err := f.cal.Get(f.t.Context(), f.room.CalendarID, id)
	if err != nil && !googlecal.NotFound(err) {
		f.t.Fatal(err)
	}
	return err == nil && e.Status != "cancelled"
}

func (f *fixture) claim() rooms.Claim {
	f.t.Helper()
	c, err := documents.LoadIfAny[rooms.Claim](f.t.Context(), f.state, rooms.ClaimName(f.room.Name))
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

// leave stores the claim of a process that is at work, or has died.
func (f *fixture) leave(c rooms.Claim) {
	f.t.Helper()
	c.Version = 1
	if _, err := documents.Store(f.t.Context(), f.state, rooms.ClaimName(f.room.Name), 0, c, nil); err != nil {
		f.t.Fatal(err)
	}
}

const (
	ours   = "aaaaaa" // event ids
	theirs = "bbbbbb"
)

// TestTakeAnothersClaim: a claim keeps others out while its process may be at work, and no longer.
func TestTakeAnothersClaim(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		event, holder string
		left          time.Duration // of the claim's lease
		alone         bool
		want          error
	}{
		"none": {want: nil},
		"another_booking": {
			event: theirs, holder: "another", left: 20 * time.Second, want: bookings.ErrClaimed,
		},
		"the_same_booking": {
			event: ours, holder: "another", left: 20 * time.Second, want: bookings.ErrRepeated,
		},
		"another_booking_long_ago":  {event: theirs, holder: "another", left: -time.Second, want: nil},
		"the_same_booking_long_ago": {event: ours, holder: "another", left: -time.Second, want: nil},
		"of_a_wrong_clock":          {event: theirs, holder: "another", left: time.Hour, want: nil},
		"of_a_crash_where_we_are_alone": {
			event: theirs, holder: "another", left: 20 * time.Second, alone: true, want: nil,
		},
		"of_nobody_where_we_are_alone": {
			event: theirs, left: 20 * time.Second, alone: true, want: bookings.ErrClaimed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.event != "" {
				f.leave(rooms.Claim{EventID: tt.event, Holder: tt.holder, Expires: time.Now().Add(tt.left)})
			}
			if err := f.desk(tt.alone).
				Take(t.Context(), f.room, ours, f.now); !errors.Is(err, tt.want) ||
				(err == nil) != (tt.want == nil) {
				t.Fatalf("error = %v, want %v", err, tt.want)
			}
			c := f.claim()
			if tt.want != nil {
				if c.EventID != tt.event || c.Holder != tt.holder {
					t.Errorf("the claim has become %+v", c)
				}
				return
			}
			if left := time.Until(
				c.Expires,
			); c.EventID != ours || c.Holder == "" || left < 20*time.Second ||
				left > 25*time.Second {
				t.Errorf("claim = %+v, %s left; want ours for 25 s", c, left)
			}
		})
	}
}

// TestClaimsOfTwoRooms: a room's claim keeps nobody out of another.
func TestClaimsOfTwoRooms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	desk, red := f.desk(true), rooms.Room{Name: "red", CalendarID: "red@example.com", Zone: time.UTC}
	for _, room := range []rooms.Room{f.room, red} {
		if err := desk.Take(t.Context(), room, ours, f.now); err != nil {
			t.Errorf("room %s: %v", room.Name, err)
		}
	}
	if err := desk.Close(t.Context(), red, ours, bookings.Standing); err != nil || f.claim().EventID != ours {
		t.Errorf("%v; the other room's claim is %+v", err, f.claim())
	}
}

// TestUnsettledBookingKeepsTheRoom: while Google may yet make a booking of ours, nobody gets the room, and our own
// display is told why; the others only see that somebody books.
func TestUnsettledBookingKeepsTheRoom(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	desk, other := f.desk(false), f.desk(false)
	if err := desk.Take(t.Context(), f.room, ours, f.now); err != nil {
		t.Fatal(err)
	}
	if err := desk.Close(t.Context(), f.room, ours, bookings.Unanswered); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{ours, theirs} {
		if err := desk.Take(t.Context(), f.room, id, f.now); !errors.Is(err, bookings.ErrUnsettled) {
			t.Errorf("%s at the same process: %v, want ErrUnsettled", id, err)
		}
	}
	if err := other.Take(t.Context(), f.room, theirs, f.now); !errors.Is(err, bookings.ErrClaimed) {
		t.Errorf("at another process: %v, want ErrClaimed", err)
	}
}

// TestCloseReleasesItsOwnClaimOnly: a process that was stopped until somebody else had the room does not give that
// one's claim away.
func TestCloseReleasesItsOwnClaimOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.leave(rooms.Claim{EventID: theirs, Holder: "another", Expires: time.Now().Add(20 * time.Second)})
	if err := f.desk(false).Close(t.Context(), f.room, ours, bookings.Standing); err != nil ||
		f.claim().EventID != theirs {
		t.Errorf("%v; claim = %+v, want the other one's", err, f.claim())
	}
}

// TestResolve: what a process that died has left is found out from the calendar, when its lease is over.
func TestResolve(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		left            time.Duration // of the claim's lease
		inserted, taken bool          // our event is there, somebody else's overlaps it
		down            bool
		released, stays bool
	}{
		"at_work":                {left: 20 * time.Second, inserted: true, stays: true},
		"never_inserted":         {released: true},
		"inserted":               {inserted: true, released: true, stays: true},
		"inserted_beside_others": {inserted: true, taken: true, released: true},
		"google_is_down":         {inserted: true, taken: true, down: true, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.leave(rooms.Claim{EventID: ours, Holder: "died", Expires: time.Now().Add(tt.left)})
			if tt.inserted {
				f.insert(ours, 10*time.Minute)
			}
			if tt.taken {
				f.insert(theirs, 0)
			}
			f.down.Store(tt.down)
			err := bookings.Resolve(googlecal.Once(t.Context()), f.state, f.cal, f.room, f.now)
			f.down.Store(false)
			if (err != nil) != tt.down {
				t.Errorf("error = %v", err)
			}
			if released := f.claim().EventID == ""; released != tt.released || f.there(ours) != tt.stays {
				t.Errorf(
					"released %v, want %v; our event stays %v, want %v",
					released,
					tt.released,
					f.there(ours),
					tt.stays,
				)
			}
			if tt.taken && !f.there(theirs) {
				t.Error("somebody else's event was deleted")
			}
		})
	}
}

// TestStands: a booking stands if it is in the calendar with nobody beside it. One that is over needs no room any more.
func TestStands(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ours, theirs time.Duration // when they begin, from now; 0: they are not there
		removed      bool
		want         bool
	}{
		"missing":          {theirs: time.Minute},
		"alone":            {ours: time.Minute, want: true},
		"overlapped":       {ours: time.Minute, theirs: 30 * time.Minute},
		"next_to_another":  {ours: time.Minute, theirs: 31 * time.Minute, want: true},
		"over":             {ours: -time.Hour, theirs: time.Minute, want: true},
		"deleted_by_hand":  {ours: time.Minute, removed: true},
		"overlap_is_over":  {ours: -40 * time.Minute, theirs: -35 * time.Minute, want: true},
		"running_and_free": {ours: -10 * time.Minute, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			if tt.ours != 0 {
				f.insert(ours, tt.ours)
			}
			if tt.theirs != 0 {
				f.insert(theirs, tt.theirs)
			}
			if tt.removed {
				if err := f.cal.Delete(t.Context(), f.room.CalendarID, ours); err != nil {
					t.Fatal(err)
				}
			}
			got, err := bookings.Stands(t.Context(), f.cal, f.room, ours, f.now)
			if err != nil || got != tt.want {
				t.Errorf("stands = %v, %v; want %v", got, err, tt.want)
			}
		})
	}
	f := newFixture(t)
	f.insert(ours, time.Minute)
	f.down.Store(true)
	if stands, err := bookings.Stands(googlecal.Once(t.Context()), f.cal, f.room, ours, f.now); err == nil || stands {
		t.Errorf("without an answer it stands: %v, %v", stands, err)
	}
}
