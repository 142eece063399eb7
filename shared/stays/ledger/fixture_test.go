package ledger_test

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	pgdb "github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// A fixture is a ledger with units, and its database.
type fixture struct {
	*testing.T
	*ledger.Ledger

	db  *sqldb.DB
	now time.Time
}

// units of a fixture.
var units = []string{"GFLX0001", "GFLX0002", "GFLX0003"}

// A maker makes the database of a test, empty.
type maker func(t *testing.T) *sqldb.DB

// each runs the suite's tests on both databases; they must give the same answers.
func each(t *testing.T, tests map[string]func(*fixture)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, tests, file)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := postgres.Start(t)
		run(t, tests, func(t *testing.T) *sqldb.DB { t.Helper(); return schema(t, server.DSN) })
	})
}

func run(t *testing.T, tests map[string]func(*fixture), open maker) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFixture(t, open(t)))
		})
	}
}

// file is a database in a file of its own.
func file(t *testing.T) *sqldb.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "stays.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// schema is a part of a server's database of the test's own.
func schema(t *testing.T, dsn string) *sqldb.DB {
	t.Helper()
	name := fmt.Sprintf("t%x", time.Now().UnixNano())
	first, err := pgdb.Open(dsn, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := first.Write.ExecContext(t.Context(), "CREATE SCHEMA "+name); err != nil {
		t.Fatal(err)
	}
	db, err := pgdb.Open(dsn+" search_path="+name, 4)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newFixture(t *testing.T, db *sqldb.DB) *fixture {
	t.Helper()
	f := &fixture{T: t, db: db, now: time.Date(2027, 3, 1, 12, 0, 0, 123456789, time.UTC)}
	if _, err := migrations.Run(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	f.Ledger = f.open()
	list := make([]ledger.Unit, 0, len(units))
	for _, u := range units {
		list = append(list, ledger.Unit{Unit: u, Name: "Gîte " + u, Listed: true, Published: true, Capacity: 4})
	}
	f.must(f.PutUnits(t.Context(), list))
	return f
}

// open opens the ledger once more, as another process would.
func (f *fixture) open() *ledger.Ledger {
	f.Helper()
	l, err := ledger.Open(f.Context(), f.db, func() time.Time { return f.now })
	f.must(err)
	return l
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// day is a day of July 2027.
func day(n int) stays.Day { return stays.Date(2027, time.July, n) }

// july are days of July 2027, both ends included.
func july(first, last int) stays.Range { return stays.Through(day(first), day(last)) }

// ask is an order of a partner for the first unit.
func ask(partner string, days stays.Range, typ stays.Type) ledger.Order {
	return ledger.Order{Request: stays.Request{
		Unit: units[0], Range: days, Type: typ, Origin: stays.OriginOf(stays.KindPartner, partner),
	}}
}

func (f *fixture) change(o ledger.Order) ledger.Result {
	f.Helper()
	r, err := f.Change(f.Context(), o)
	f.must(err)
	return r
}

// held is a unit's holds as text: 3-7 booked channel.
func (f *fixture) held(unit string) string {
	f.Helper()
	holds, err := f.Holds(f.Context(), unit, stays.Range{From: day(1) - 400, To: day(1) + 1200})
	f.must(err)
	return text(holds)
}

func text(holds []stays.Hold) string {
	lines := make([]string, len(holds))
	for i, h := range holds {
		lines[i] = fmt.Sprintf("%d-%d %s %s", h.From-day(0), h.Last()-day(0), h.Type, h.Origin.Name())
	}
	return strings.Join(lines, ", ")
}

func (f *fixture) wantHeld(unit, want string) {
	f.Helper()
	if got := f.held(unit); got != want {
		f.Errorf("%s is held %q, want %q", unit, got, want)
	}
	f.consistent()
}

// consistent checks that days, holds and the log tell the same.
func (f *fixture) consistent() {
	f.Helper()
	days := f.days()
	spread := map[string]int64{}
	rows(f, "SELECT hold, unit, from_day, to_day FROM holds", func(r sqldb.Row) error {
		var h stays.Hold
		err := r.Scan(&h.ID, &h.Unit, &h.From, &h.To)
		for d := h.From; d < h.To; d++ {
			at := h.Unit + " " + d.String()
			if other, ok := spread[at]; ok {
				f.Errorf("%s is held by %d and %d", at, other, h.ID)
			}
			spread[at] = h.ID
		}
		return err
	})
	if len(days) != len(spread) {
		f.Errorf("%d days, but holds of %d", len(days), len(spread))
	}
	for at, hold := range spread {
		if days[at] != hold {
			f.Errorf("%s is of hold %d, but the days say %d", at, hold, days[at])
		}
	}
	f.replay(days)
}

// days are the days that are held, with their holds.
func (f *fixture) days() map[string]int64 {
	f.Helper()
	days := map[string]int64{}
	rows(f, "SELECT unit, day, hold FROM days", func(r sqldb.Row) error {
		var unit string
		var d stays.Day
		var hold int64
		err := r.Scan(&unit, &d, &hold)
		days[unit+" "+d.String()] = hold
		return err
	})
	return days
}

// replay checks that the log, from its beginning, gives the days that are held, and has no gap.
func (f *fixture) replay(days map[string]int64) {
	f.Helper()
	log, err := f.Changes(f.Context(), ledger.Query{})
	f.must(err)
	held := map[string]bool{}
	for i, c := range log {
		if c.Number != int64(i)+1 {
			f.Fatalf("change %d is the log's line %d", c.Number, i+1)
		}
		if i > 0 && c.At.Before(log[i-1].At) {
			f.Errorf("change %d is of %s, before change %d", c.Number, c.At, c.Number-1)
		}
		for d := c.From; d < c.To; d++ {
			at := c.Unit + " " + d.String()
			if delete(held, at); c.Type != stays.Available {
				held[at] = true
			}
		}
	}
	for at := range days {
		if !held[at] {
			f.Errorf("%s is held, but not by the log", at)
		}
	}
	if len(held) != len(days) {
		f.Errorf("the log holds %d days, the table has %d", len(held), len(days))
	}
}

func rows(f *fixture, query string, scan func(sqldb.Row) error) {
	f.Helper()
	found, err := f.db.Read.QueryContext(context.Background(), query)
	f.must(f.db.Each(found, err, scan))
}

// sorted is a slice in order.
func sorted[T cmp.Ordered](s []T) []T {
	slices.Sort(s)
	return s
}
