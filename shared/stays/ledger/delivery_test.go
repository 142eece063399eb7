package ledger_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// TestDelivery is the suite of what delivery keeps in the ledger.
func TestDelivery(t *testing.T) {
	each(t, map[string]func(*fixture){
		"a cursor moves forward only, from where it was read": func(f *fixture) {
			f.book("GFLX0001", 1)
			f.must(f.StartCursor(f.Context(), "site", 0))
			f.must(f.StartCursor(f.Context(), "site", 7)) // it has one
			head, err := f.Head(f.Context())
			f.must(err)
			c := f.cursor("site")
			if c.Number != 0 || c.Ledger != head.Ledger || c.Paused {
				f.Errorf("%+v", c)
			}
			next, err := f.Advance(f.Context(), c, head.Ledger, 1)
			f.must(err)
			if got := f.cursor("site"); got != next || got.Number != 1 {
				f.Errorf("%+v, expected %+v", got, next)
			}
			if _, err := f.Advance(f.Context(), c, head.Ledger, 1); !errors.Is(err, ledger.ErrMoved) {
				f.Errorf("%v", err)
			}
		},
		"a failure is kept with its first time until one goes well": func(f *fixture) {
			f.must(f.StartCursor(f.Context(), "site", 0))
			began := f.now
			for range 3 {
				f.must(f.Fail(f.Context(), f.cursor("site"), "code", "away", f.now.Add(time.Minute)))
				f.now = f.now.Add(time.Hour)
			}
			c := f.cursor("site")
			if c.Tries != 3 || c.Fault != "away" || c.Code != "code" ||
				!c.Failing.Equal(began.UTC().Truncate(time.Microsecond)) {
				f.Errorf("%+v", c)
			}
			// a try that began before the newest failure does not record its own
			stale := c
			stale.Tries--
			if err := f.Fail(f.Context(), stale, "", "late", f.now); !errors.Is(err, ledger.ErrMoved) {
				f.Errorf("%v", err)
			}
			c, err := f.Advance(f.Context(), c, c.Ledger, 0)
			f.must(err)
			if got := f.cursor("site"); got != c || !got.Failing.IsZero() || !got.Next.IsZero() ||
				got.Tries != 0 || got.Fault != "" {
				f.Errorf("%+v", got)
			}
		},
		"a pause lasts until it is ended": func(f *fixture) {
			f.must(f.StartCursor(f.Context(), "site", 0))
			for _, step := range []struct {
				do   func(context.Context, string) (bool, error)
				want bool
			}{{f.Pause, true}, {f.Go, false}} {
				if there, err := step.do(f.Context(), "site"); !there || err != nil {
					f.Errorf("%v, %v", there, err)
				}
				if c := f.cursor("site"); c.Paused != step.want {
					f.Errorf("%+v", c)
				}
			}
			if there, err := f.Pause(f.Context(), "other"); there || err != nil {
				f.Errorf("%v, %v", there, err)
			}
		},
		"a hook is told of what comes after it": func(f *fixture) {
			f.must(f.PutPartner(f.Context(), ledger.Partner{Name: "channel", All: true}))
			f.book("GFLX0001", 1)
			h := ledger.Hook{ID: "abc", Partner: "channel", URL: "https://example.org/", Secret: "c2VjcmV0"}
			f.must(f.AddHook(f.Context(), h))
			if c := f.cursor("hook:abc"); c.Number != 1 {
				f.Errorf("%+v", c)
			}
			f.must(f.EndHook(f.Context(), "abc", true))
			got, err := f.Hook(f.Context(), "abc")
			if err != nil || got.Ended.IsZero() || got.URL != h.URL || got.Secret != h.Secret {
				f.Errorf("%+v, %v", got, err)
			}
			f.must(f.RemoveHook(f.Context(), "abc"))
			list, err := f.Cursors(f.Context())
			if err != nil || len(list) > 0 {
				f.Errorf("%+v, %v", list, err)
			}
			if err := f.RemoveHook(f.Context(), "abc"); !errors.Is(err, ledger.ErrNoHook) {
				f.Errorf("%v", err)
			}
		},
		"what waits for its cottage is kept once, in the order of its numbers": func(f *fixture) {
			one, two := ledger.Waiting{Unit: "A", Epoch: 1, Number: 2, Data: "x"},
				ledger.Waiting{Unit: "B", Epoch: 1, Number: 1, Data: "y"}
			f.must(f.Await(f.Context(), []ledger.Waiting{one, two}))
			f.must(f.Await(f.Context(), []ledger.Waiting{one}))
			list, err := f.Waiting(f.Context())
			if err != nil || len(list) != 2 || list[0].Unit != "B" || list[1].Data != "x" {
				f.Errorf("%+v, %v", list, err)
			}
			other := one
			other.Data = "another part of the same number"
			f.must(f.Await(f.Context(), []ledger.Waiting{other}))
			if all, err := f.Waiting(f.Context()); err != nil || len(all) != 3 {
				f.Errorf("%+v, %v", all, err)
			}
			f.must(f.Arrived(f.Context(), []ledger.Waiting{other}))
			f.must(f.Arrived(f.Context(), list[:1]))
			if list, err = f.Waiting(f.Context()); err != nil || len(list) != 1 || list[0].Unit != "A" {
				f.Errorf("%+v, %v", list, err)
			}
		},
		"counters add up": func(f *fixture) {
			f.must(f.Count(f.Context(), ledger.CounterHealed, 2))
			f.must(f.Count(f.Context(), ledger.CounterHealed, 3))
			if all, err := f.Counters(f.Context()); err != nil || all[ledger.CounterHealed] != 5 {
				f.Errorf("%v, %v", all, err)
			}
		},
		"a snapshot has every day of every unit": func(f *fixture) {
			f.book("GFLX0002", 1)
			from := stays.DayOf(f.now)
			head, updates, err := f.Snapshot(f.Context(), stays.Range{From: from, To: from + 40})
			days := map[string]int{}
			for _, u := range updates {
				days[u.Unit] += u.Range().Days()
				if held := u.Type != stays.Available; held != (u.Origin == "partner:channel") || held == u.At.IsZero() {
					f.Errorf("%+v", u)
				}
			}
			if err != nil || head.Number != 1 || len(days) != len(units) || days["GFLX0002"] != 40 || days["GFLX0003"] != 40 {
				f.Errorf("%v %v, %v", head, days, err)
			}
		},
		"the newest change of a day, and of an actor": func(f *fixture) {
			c := f.book("GFLX0001", 3)
			f.book("GFLX0002", 3)
			day := ledger.UnitDay{Unit: "GFLX0001", Day: c.From}
			free := ledger.UnitDay{Unit: "GFLX0001", Day: c.To}
			newest, err := f.Newest(f.Context(), []ledger.UnitDay{day, free})
			if err != nil || len(newest) != 1 || newest[day].Number != 1 || !newest[day].At.Equal(c.At) {
				f.Errorf("%v, %v", newest, err)
			}
			for _, key := range []string{"one", "two"} {
				_, err := f.Change(f.Context(), ledger.Order{Request: stays.Request{
					Unit: "GFLX0003", Range: c.Range, Type: stays.Booked, Origin: stays.Website,
				}, Key: key})
				f.must(err)
			}
			for _, want := range []struct {
				actor  stays.Origin
				prefix string
				stands bool
			}{{stays.Website, "tw", true}, {stays.Website, "on", false}, {stays.Service, "", false}} {
				if got, err := f.Stands(f.Context(), want.actor, want.prefix); err != nil || got != want.stands {
					f.Errorf("%+v: %v, %v", want, got, err)
				}
			}
			_, err = f.Change(f.Context(), ledger.Order{Request: stays.Request{
				Unit: "GFLX0003", Range: stays.Range{From: c.From, To: c.From + 1}, Type: stays.Available, Origin: stays.Staff,
				Overwrite: true,
			}})
			f.must(err)
			if got, err := f.Stands(f.Context(), stays.Website, "tw"); err != nil || got {
				f.Errorf("after another has freed a day: %v, %v", got, err)
			}
		},
		"another id has a later epoch": func(f *fixture) {
			epochs := make([]int64, 0, 3)
			for range 3 {
				head, err := f.Head(f.Context())
				f.must(err)
				epochs = append(epochs, head.Epoch)
				f.must(migrations.Renew(f.Context(), f.db, f.now))
			}
			if !slices.IsSorted(epochs) || epochs[0] == epochs[1] || epochs[1] == epochs[2] || epochs[1] < f.now.Unix() {
				f.Errorf("%v", epochs)
			}
		},
		"one is alone, and who comes meanwhile is told so": func(f *fixture) {
			other := f.open()
			ran, err := f.Alone(f.Context(), func(ctx context.Context) error {
				if f.db.Name != "postgres" {
					return nil
				}
				if ran, err := other.Alone(ctx, func(context.Context) error { return errors.New("two at once") }); ran ||
					err != nil {
					f.Errorf("%v, %v", ran, err)
				}
				return nil
			})
			if !ran || err != nil {
				f.Errorf("%v, %v", ran, err)
			}
			if ran, err := other.Alone(f.Context(), func(context.Context) error { return nil }); !ran || err != nil {
				f.Errorf("%v, %v", ran, err)
			}
		},
		"who delivers is woken before the answer, and not waited for long": func(f *fixture) {
			woken := make(chan struct{}, 1)
			f.Wake = func(ctx context.Context) error {
				woken <- struct{}{}
				<-ctx.Done()
				return ctx.Err()
			}
			f.book("GFLX0001", 1)
			select {
			case <-woken:
			default:
				f.Error("nobody was woken")
			}
		},
	})
}

// book books days of a unit for a partner.
func (f *fixture) book(unit string, nights stays.Day) stays.Change {
	f.Helper()
	from := stays.DayOf(f.now) + 10
	r, err := f.Change(f.Context(), ledger.Order{Request: stays.Request{
		Unit: unit, Range: stays.Range{From: from, To: from + nights}, Type: stays.Booked, Origin: "partner:channel",
	}})
	f.must(err)
	return r.Change
}

func (f *fixture) cursor(name string) ledger.Cursor {
	f.Helper()
	list, err := f.Cursors(f.Context())
	f.must(err)
	for _, c := range list {
		if c.Destination == name {
			return c
		}
	}
	f.Fatal("there is no cursor " + name)
	return ledger.Cursor{}
}
