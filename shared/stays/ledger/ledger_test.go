package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// TestLedger is what the ledger does on either database.
func TestLedger(t *testing.T) {
	each(t, map[string]func(*fixture){
		"numbers": func(f *fixture) {
			for i := range 3 {
				r := f.change(ask("channel", july(3, 7), stays.Booked))
				if r.Number != int64(i)+1 || r.Ledger == "" || r.Again {
					f.Errorf("%+v", r)
				}
			}
			head, err := f.Head(f.Context())
			if f.must(err); head.Number != 3 || head.Ledger == "" {
				f.Errorf("%+v", head)
			}
			f.wantHeld(units[0], "3-7 booked channel")
		},
		"split": func(f *fixture) {
			o := ask("channel", july(1, 10), stays.Booked)
			o.Ref = "R-1"
			f.change(o)
			f.change(ask("channel", july(4, 5), stays.Available))
			f.wantHeld(units[0], "1-3 booked channel, 6-10 booked channel")
			f.change(ask("channel", july(7, 7), stays.Unavailable))
			f.wantHeld(units[0], "1-3 booked channel, 6-6 booked channel, 7-7 unavailable channel, 8-10 booked channel")
			holds, _ := f.Holds(f.Context(), units[0], july(8, 8))
			if len(holds) != 1 || holds[0].Ref != "R-1" || holds[0].Change != 1 ||
				!holds[0].At.Equal(f.now.Truncate(time.Microsecond)) {
				f.Errorf("%+v", holds)
			}
			f.change(ask("channel", july(1, 31), stays.Available))
			f.wantHeld(units[0], "")
		},
		"conflict": func(f *fixture) {
			f.change(ask("channel", july(3, 7), stays.Booked))
			f.change(ask("portal", july(10, 12), stays.Unavailable))
			for _, typ := range []stays.Type{stays.Booked, stays.Unavailable, stays.Available} {
				_, err := f.Change(f.Context(), ask("third", july(6, 11), typ))
				var c *stays.Conflict
				if !errors.As(err, &c) || text(c.Holds) != "6-7 booked channel, 10-11 unavailable portal" {
					f.Errorf("%s: %v", typ, err)
				}
			}
			f.wantHeld(units[0], "3-7 booked channel, 10-12 unavailable portal")
			o := ask("third", july(6, 11), stays.Booked)
			o.Replaces = []int64{1}
			_, err := f.Change(f.Context(), o)
			var c *stays.Conflict
			if !errors.As(err, &c) || text(c.Holds) != "10-11 unavailable portal" {
				f.Errorf("one of two is named: %v", err)
			}
			o.Replaces = []int64{1, 2}
			f.change(o)
			f.wantHeld(units[0], "3-5 booked channel, 6-11 booked third, 12-12 unavailable portal")
		},
		"overwrite": func(f *fixture) {
			f.change(ask("channel", july(3, 7), stays.Booked))
			o := ask("portal", july(7, 8), stays.Available)
			o.Overwrite = true
			r := f.change(o)
			f.wantHeld(units[0], "3-6 booked channel")
			notices, err := f.Notices(f.Context())
			if f.must(err); len(notices) != 1 || notices[0].Change != r.Number || notices[0].Kind != ledger.NoticeOverwritten ||
				text(notices[0].Holds) != "7-7 booked channel" {
				f.Errorf("notices %+v", notices)
			}
		},
		"no unit": func(f *fixture) {
			o := ask("channel", july(1, 2), stays.Booked)
			o.Unit = "GFLX9999"
			if _, err := f.Change(f.Context(), o); !errors.Is(err, ledger.ErrNoUnit) {
				f.Errorf("%v", err)
			}
			o.Adopt = true
			f.change(o)
			found, err := f.Units(f.Context(), []string{"GFLX9999"})
			if f.must(err); len(found) != 1 || found[0].Listed || found[0].Published {
				f.Errorf("%+v", found)
			}
			f.wantHeld("GFLX9999", "1-2 booked channel")
			if err := f.RemoveUnit(f.Context(), "GFLX9999"); !errors.Is(err, ledger.ErrInUse) {
				f.Errorf("with days: %v", err)
			}
			o.Type, o.Overwrite = stays.Available, false
			f.change(o)
			unit := ledger.Unit{Unit: "GFLX9999", Listed: true} // it was in a list, and used, and is there no more
			f.must(f.PutUnits(f.Context(), []ledger.Unit{unit}))
			f.must(f.SetState(f.Context(), []string{unit.Unit}, stays.Search, stays.Staff))
			f.must(f.SetRules(f.Context(), unit.Unit, []stays.Rule{{Range: july(1, 9), MinStay: 2}}))
			unit.Listed = false
			f.must(f.PutUnits(f.Context(), []ledger.Unit{unit}))
			f.must(f.RemoveUnit(f.Context(), "GFLX9999"))
			if err := f.RemoveUnit(f.Context(), "GFLX9999"); !errors.Is(err, ledger.ErrNoUnit) {
				f.Errorf("twice: %v", err)
			}
			if err := f.RemoveUnit(f.Context(), units[0]); !errors.Is(err, ledger.ErrInUse) {
				f.Errorf("a listed one: %v", err)
			}
		},
		"keys": func(f *fixture) {
			o := ask("channel", july(3, 7), stays.Booked)
			o.Key = "k-1"
			first := f.change(o)
			f.change(ask("channel", july(3, 7), stays.Available))
			again := f.change(o)
			if !again.Again || again.Number != first.Number || again.Range != first.Range {
				f.Errorf("%+v, want %+v again", again, first)
			}
			f.wantHeld(units[0], "")
			o.To++
			if _, err := f.Change(f.Context(), o); !errors.Is(err, ledger.ErrKeyTaken) {
				f.Errorf("another request with the key: %v", err)
			}
			other := ask("portal", july(3, 7), stays.Booked)
			other.Key = "k-1"
			if r := f.change(other); r.Again {
				f.Error("another partner's key was taken for the first one's")
			}
		},
		"rules": func(f *fixture) {
			f.must(f.SetRules(f.Context(), units[0], []stays.Rule{
				{Range: july(1, 31), MinStay: 7, Arrivals: []time.Weekday{time.Saturday, time.Sunday}},
			}))
			o := ask("channel", july(3, 8), stays.Booked) // the 3rd is a Saturday
			o.Rules = true
			var b *stays.Broken
			if _, err := f.Change(f.Context(), o); !errors.As(err, &b) || b.Code != stays.BrokenMinStay || b.MinStay != 7 {
				f.Errorf("six nights: %v", err)
			}
			o.Range = july(5, 20)
			if _, err := f.Change(f.Context(), o); !errors.As(err, &b) || b.Code != stays.BrokenArrival {
				f.Errorf("a Monday: %v", err)
			}
			o.Range = july(3, 9)
			f.change(o)
			o.Range, o.Type = july(5, 5), stays.Available
			f.change(o)
			rules, err := f.Rules(f.Context(), units, july(31, 40))
			if f.must(err); len(rules[units[0]]) != 1 || len(rules[units[0]][0].Arrivals) != 2 {
				f.Errorf("%+v", rules)
			}
			err = f.SetRules(f.Context(), units[0], []stays.Rule{{Range: july(1, 5)}, {Range: july(5, 6)}})
			if !errors.Is(err, ledger.ErrRules) {
				f.Errorf("periods that overlap: %v", err)
			}
		},
		"spans":       spans,
		"undo":        undo,
		"partners":    partners,
		"at once":     atOnce,
		"one unit":    oneUnit,
		"log":         logQueries,
		"two at once": twoProcesses,
		"renewed": func(f *fixture) {
			before, _ := f.Head(f.Context())
			if _, err := migrations.Run(f.Context(), f.db); err != nil {
				f.Fatal(err)
			}
			same, _ := f.Head(f.Context())
			f.must(migrations.Renew(f.Context(), f.db, f.now))
			after, _ := f.Head(f.Context())
			if before != same || after.Ledger == before.Ledger || after.Number != before.Number {
				f.Errorf("%v, %v, %v", before, same, after)
			}
		},
		"versions": func(f *fixture) {
			for set, want := range map[string]error{
				"version = 0":               ledger.ErrOld,
				"version = 9, min_code = 9": ledger.ErrNew,
				"version = 9, min_code = 1": nil,
			} {
				_, err := f.db.Write.ExecContext(f.Context(), "UPDATE ledger_schema SET "+set)
				f.must(err)
				if _, err := ledger.Open(f.Context(), f.db, time.Now); !errors.Is(err, want) {
					f.Errorf("%s: %v", set, err)
				}
			}
		},
	})
}

func spans(f *fixture) {
	ctx := f.Context()
	f.change(ask("channel", july(1, 3), stays.Booked))
	f.change(ask("portal", july(4, 6), stays.Booked))
	f.change(ask("portal", july(7, 7), stays.Unavailable))
	long := ask("owner", july(10, 900), stays.Unavailable)
	long.Unit = units[1]
	f.change(long)
	read := func(units []string, days stays.Range) string {
		var lines []string
		for s, err := range f.Spans(ctx, units, days) {
			f.must(err)
			lines = append(lines, fmt.Sprintf("%s %d-%d %s", s.Unit[7:], s.From-day(0), s.Last()-day(0), s.Type))
		}
		return strings.Join(lines, ", ")
	}
	for _, c := range []struct {
		units []string
		days  stays.Range
		want  string
	}{
		{nil, july(1, 31), "1 1-6 booked, 1 7-7 unavailable, 2 10-31 unavailable"},
		{nil, july(3, 4), "1 3-4 booked"},
		{nil, july(800, 850), "2 800-850 unavailable"},
		{[]string{units[1]}, july(1, 10), "2 10-10 unavailable"},
		{[]string{units[2], "GFLX7777"}, july(1, 31), ""},
		{[]string{}, july(1, 31), ""},
		{
			nil,
			stays.Through(stays.Date(1900, 1, 1), stays.Date(9999, 12, 31)),
			"1 1-6 booked, 1 7-7 unavailable, 2 10-900 unavailable",
		},
	} {
		if got := read(c.units, c.days); got != c.want {
			f.Errorf("%v %v: %s, want %s", c.units, c.days, got, c.want)
		}
	}
	for range f.Spans(ctx, nil, july(1, 31)) {
		break // who has enough may leave
	}
}

func undo(f *fixture) {
	ctx := f.Context()
	f.change(ask("channel", july(1, 5), stays.Booked))
	o := ask("portal", july(4, 8), stays.Unavailable)
	o.Overwrite = true
	over := f.change(o)
	other := ask("portal", july(20, 21), stays.Booked)
	f.change(other)
	results, err := f.Undo(ctx, over.Number, stays.Staff)
	f.must(err)
	if len(results) != 2 || results[0].Undoes != over.Number || results[0].Actor != stays.Staff ||
		results[0].Origin.Name() != "channel" {
		f.Errorf("%+v", results)
	}
	f.wantHeld(units[0], "1-3 booked channel, 4-5 booked channel, 20-21 booked portal")
	var since *ledger.ChangedSince
	if _, err := f.Undo(ctx, over.Number, stays.Staff); !errors.As(err, &since) || since.Number != results[0].Number {
		f.Errorf("a second time: %v", err)
	}
	if _, err := f.Undo(ctx, 99, stays.Staff); !errors.Is(err, ledger.ErrNoChange) {
		f.Errorf("an unknown number: %v", err)
	}
	free := f.change(ask("portal", july(20, 20), stays.Available))
	results, err = f.Undo(ctx, free.Number, stays.Staff)
	if f.must(err); len(results) != 1 {
		f.Errorf("%+v", results)
	}
	f.wantHeld(units[0], "1-3 booked channel, 4-5 booked channel, 20-20 booked portal, 21-21 booked portal")
	notices, err := f.Notices(ctx)
	f.must(err)
	var told []string
	for _, n := range notices {
		for _, h := range n.Holds {
			told = append(told, fmt.Sprint(n.Kind, " ", n.Change-over.Number, " ", h.Unit, " ", h.Range, " ", h.Origin))
		}
	}
	// channel loses days by portal's change, and gets them back by the two that undo it; portal gets back what it freed
	want := []string{
		"overwritten 0 GFLX0001 2027-07-04 to 2027-07-05 partner:channel",
		"overwritten 2 GFLX0001 2027-07-04 to 2027-07-05 partner:portal",
		"restored 2 GFLX0001 2027-07-04 to 2027-07-05 partner:channel",
		"overwritten 3 GFLX0001 2027-07-06 to 2027-07-08 partner:portal",
		"restored 5 GFLX0001 2027-07-20 partner:portal",
	}
	if !slices.Equal(told, want) {
		f.Errorf("notices: %q, expected %q", told, want)
	}
}

func partners(f *fixture) {
	ctx := f.Context()
	p := ledger.Partner{
		Name: "channel", Rights: []string{ledger.RightAdd, ledger.RightView}, Units: units[:2],
		Conflicts: ledger.ConflictsRefuse, Email: "ops@example.org",
	}
	f.must(f.PutPartner(ctx, p))
	f.must(f.AddSecret(ctx, "channel", ledger.Secret{ID: "a", Hash: "sha256:aa"}, time.Time{}))
	f.must(f.AddSecret(ctx, "channel", ledger.Secret{ID: "b", Hash: "sha256:bb"}, f.now.Add(time.Hour)))
	got, err := f.PartnerOf(ctx, "sha256:bb")
	f.must(err)
	if got.Name != "channel" || len(got.Secrets) != 2 || !got.Has(units[1]) || got.Has(units[2]) ||
		!got.May(ledger.RightAdd) || got.May("rule") || !got.Secrets[1].Ends.IsZero() {
		f.Errorf("%+v", got)
	}
	if ends := got.Secrets[0].Ends; !ends.Equal(f.now.Add(time.Hour).Truncate(time.Microsecond)) {
		f.Errorf("the first secret ends at %s", ends)
	}
	p.All, p.Units = true, nil
	f.must(f.PutPartner(ctx, p))
	if got, _ = f.Partner(ctx, "channel"); !got.Has(units[2]) || len(got.Units) != 0 {
		f.Errorf("%+v", got)
	}
	f.must(f.Revoke(ctx, "channel"))
	got, err = f.Partner(ctx, "channel")
	if f.must(err); got.Revoked.IsZero() || len(got.Secrets) != 0 {
		f.Errorf("%+v", got)
	}
	for _, err := range []error{
		f.Revoke(ctx, "nobody"), second(f.Partner(ctx, "nobody")), second(f.PartnerOf(ctx, "sha256:aa")),
	} {
		if !errors.Is(err, ledger.ErrNoPartner) {
			f.Errorf("%v", err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// atOnce: many callers at once each get a number, in the order in which the log has them.
func atOnce(f *fixture) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var numbers []int64
	for i := range 150 {
		wg.Go(func() {
			o := ask("channel", stays.Through(day(2*i), day(2*i)), stays.Booked)
			o.Unit = units[i%3]
			r, err := f.Change(f.Context(), o)
			if err != nil {
				f.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			numbers = append(numbers, r.Number)
		})
	}
	wg.Wait()
	for i, n := range sorted(numbers) {
		if n != int64(i)+1 {
			f.Fatalf("numbers %v", numbers)
		}
	}
	f.consistent()
}

// oneUnit: of two hundred bookings that overlap, by different partners, exactly one stands.
func oneUnit(f *fixture) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	var won []string
	for i := range 200 {
		wg.Go(func() {
			partner := fmt.Sprint("p", i)
			_, err := f.Change(f.Context(), ask(partner, july(10-i%7, 11+i%5), stays.Booked))
			var c *stays.Conflict
			if err != nil && !errors.As(err, &c) {
				f.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, partner)
			}
		})
	}
	wg.Wait()
	if len(won) != 1 || !strings.HasSuffix(f.held(units[0]), " "+won[0]) || strings.Contains(f.held(units[0]), ",") {
		f.Errorf("%v stand, the days say %s", won, f.held(units[0]))
	}
	f.consistent()
}

// twoProcesses: two ledgers on one database do not get into each other's way.
func twoProcesses(f *fixture) {
	other := f.open()
	var wg sync.WaitGroup
	for i := range 60 {
		wg.Go(func() {
			l := []*ledger.Ledger{f.Ledger, other}[i%2]
			o := ask("channel", july(1, 1+i%20), []stays.Type{stays.Booked, stays.Available}[i%3/2])
			o.Unit = units[i%3]
			if _, err := l.Change(f.Context(), o); err != nil {
				f.Error(err)
			}
		})
	}
	wg.Wait()
	f.consistent()
	if head, _ := f.Head(f.Context()); head.Number != 60 {
		f.Errorf("%+v", head)
	}
}

func logQueries(f *fixture) {
	start := f.now
	for i := range 6 {
		f.now = start.Add(time.Duration(i) * time.Hour)
		o := ask([]string{"channel", "portal"}[i%2], july(1+i, 1+i), stays.Booked)
		o.Unit, o.Note = units[i%3], "é"
		f.change(o)
	}
	for _, c := range []struct {
		q    ledger.Query
		want []int64
	}{
		{ledger.Query{}, []int64{1, 2, 3, 4, 5, 6}},
		{ledger.Query{After: 4}, []int64{5, 6}},
		{ledger.Query{After: 6}, nil},
		{ledger.Query{After: 600}, nil},
		{ledger.Query{Through: 2}, []int64{1, 2}},
		{ledger.Query{Units: units[:1]}, []int64{1, 4}},
		{ledger.Query{Units: []string{}}, nil},
		{ledger.Query{Origin: "partner:portal"}, []int64{2, 4, 6}},
		{ledger.Query{Origin: "partner", After: 4}, []int64{5, 6}},
		{ledger.Query{Origin: "owner"}, nil},
		{ledger.Query{Since: start.Add(4 * time.Hour)}, []int64{5, 6}},
		{ledger.Query{Newest: true, Limit: 2}, []int64{6, 5}},
	} {
		list, err := f.Changes(f.Context(), c.q)
		f.must(err)
		var numbers []int64
		for _, change := range list {
			numbers = append(numbers, change.Number)
		}
		if !slices.Equal(numbers, c.want) {
			f.Errorf("%+v: %v, want %v", c.q, numbers, c.want)
		}
	}
}

// TestGivenUp: who leaves before his request is taken has changed nothing; who leaves later gets to know what became of
// it.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, file(t))
	tx, err := f.db.Write.BeginTx(t.Context(), nil) // nobody can commit
	f.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := f.Change(t.Context(), ask("channel", july(1, 2), stays.Booked))
		first <- err
	}()
	time.Sleep(100 * time.Millisecond)
	go func() {
		_, err := f.Change(ctx, ask("channel", july(5, 6), stays.Booked))
		second <- err
	}()
	time.Sleep(100 * time.Millisecond)
	cancel()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("who left: %v", err)
	}
	f.must(tx.Rollback())
	f.must(<-first)
	f.wantHeld(units[0], "1-2 booked channel")
}
