package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A cell is what a day is held as, in the plain model that the ledger is compared with.
type cell struct {
	typ    stays.Type
	origin stays.Origin
	change int64
}

type place struct {
	unit string
	day  stays.Day
}

// A model is the days that are held, kept in the simplest way.
type model map[place]cell

// apply does what a request should do, and reports whether it may.
func (m model) apply(o ledger.Order, number int64) bool {
	for d := o.From; d < o.To; d++ {
		c, held := m[place{o.Unit, d}]
		if held && c.origin != o.Origin && !o.Overwrite && !slices.Contains(o.Replaces, c.change) {
			return false
		}
	}
	for d := o.From; d < o.To; d++ {
		delete(m, place{o.Unit, d})
		if o.Type != stays.Available {
			m[place{o.Unit, d}] = cell{o.Type, o.Origin, number}
		}
	}
	return true
}

// TestAnyOrder: after any operations every day has one holder, which is who the plain model says; the log replayed
// gives the days, and numbers have no gap. Both databases do the same.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		anyOrder(t, newFixture(t, file(t)))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := postgres.Start(t)
		anyOrder(t, newFixture(t, schema(t, server.DSN)))
	})
}

func anyOrder(t *testing.T, f *fixture) {
	t.Helper()
	m, before := model{}, map[int64]model{}
	number := int64(0)
	rapid.Check(t, func(r *rapid.T) {
		o := drawOrder(r, number)
		old := maps.Clone(m)
		want := m.apply(o, number+1)
		result, err := f.Change(f.Context(), o)
		var c *stays.Conflict
		if (err == nil) != want || err != nil && !errors.As(err, &c) {
			r.Fatalf("%+v: %v, want it accepted: %v", o, err, want)
		}
		if err == nil {
			if number++; result.Number != number {
				r.Fatalf("number %d, want %d", result.Number, number)
			}
			before[number] = old
		}
		if rapid.IntRange(0, 5).Draw(r, "undo") == 0 && number > 0 {
			number = undoOne(r, f, m, before, rapid.Int64Range(max(1, number-3), number).Draw(r, "which"), number)
		}
		compare(r, f, m)
	})
	f.consistent()
}

func drawOrder(r *rapid.T, number int64) ledger.Order {
	first := rapid.IntRange(1, 25).Draw(r, "first")
	o := ask(rapid.SampledFrom([]string{"channel", "portal", "third"}).Draw(r, "partner"),
		july(first, first+rapid.IntRange(0, 9).Draw(r, "nights")),
		rapid.SampledFrom([]stays.Type{stays.Booked, stays.Unavailable, stays.Available}).Draw(r, "type"))
	o.Unit = rapid.SampledFrom(units).Draw(r, "unit")
	o.Overwrite = rapid.IntRange(0, 4).Draw(r, "overwrite") == 0
	if number > 0 && rapid.Bool().Draw(r, "replaces") {
		o.Replaces = []int64{rapid.Int64Range(1, number).Draw(r, "replaced")}
	}
	return o
}

// undoOne takes a change back in the ledger and, where that may be, in the model.
func undoOne(r *rapid.T, f *fixture, m model, before map[int64]model, which, number int64) int64 {
	log, err := f.Changes(f.Context(), ledger.Query{After: which - 1})
	f.must(err)
	touched := false
	for _, c := range log[1:] {
		touched = touched || c.Unit == log[0].Unit && c.Overlaps(log[0].Range)
	}
	results, err := f.Undo(f.Context(), which, stays.Staff)
	var since *ledger.ChangedSince
	if touched != errors.As(err, &since) || !touched && err != nil {
		r.Fatalf("undoing %d, changed since %v: %v", which, touched, err)
	}
	for _, result := range results {
		number++
		if result.Number != number {
			r.Fatalf("number %d, want %d", result.Number, number)
		}
		before[number] = maps.Clone(m)
		for d := result.From; d < result.To; d++ {
			at := place{result.Unit, d}
			was, held := before[which][at]
			if delete(m, at); held {
				m[at] = cell{was.typ, was.origin, number}
			}
		}
	}
	return number
}

// compare compares the ledger's holds with the model.
func compare(r *rapid.T, f *fixture, m model) {
	got := model{}
	for _, unit := range units {
		holds, err := f.Holds(f.Context(), unit, july(-100, 100))
		f.must(err)
		for _, h := range holds {
			for d := h.From; d < h.To; d++ {
				got[place{unit, d}] = cell{h.Type, h.Origin, h.Change}
			}
		}
	}
	if !maps.Equal(got, m) {
		r.Fatalf("the ledger has %v, want %v", got, m)
	}
}

// TestSameTables: both sets of migrations make the same tables with the same columns.
func TestSameTables(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	pg, lite := newFixture(t, schema(t, server.DSN)), newFixture(t, file(t))
	types := map[string]string{
		"bigint": "INTEGER", "smallint": "INTEGER", "integer": "INTEGER", "boolean": "INTEGER",
		"text": "TEXT", "date": "TEXT",
		"timestamp with time zone": "TEXT",
	}
	want := columns(pg, "SELECT table_name, column_name, data_type, is_nullable = 'NO' FROM information_schema.columns "+
		"WHERE table_schema = current_schema() AND table_name <> 'ledger_migrations'", types)
	got := columns(lite, `SELECT m.name, c.name, c.type, c."notnull" OR c.pk FROM sqlite_master m JOIN pragma_table_info(m.name) c `+
		"WHERE m.type = 'table' AND m.name NOT IN ('ledger_migrations', 'sqlite_sequence')", nil)
	if len(want) < 50 || !maps.Equal(got, want) {
		for name, typ := range want {
			if got[name] != typ {
				t.Errorf("%s is %q in SQLite, %q in PostgreSQL", name, got[name], typ)
			}
		}
		for name := range got {
			if want[name] == "" {
				t.Errorf("%s is not in PostgreSQL", name)
			}
		}
	}
}

func columns(f *fixture, query string, types map[string]string) map[string]string {
	f.Helper()
	found := map[string]string{}
	rows(f, query, func(r sqldb.Row) error {
		var table, column, typ string
		var needed bool
		err := r.Scan(&table, &column, &typ, &needed)
		if t, ok := types[typ]; ok {
			typ = t
		}
		found[table+"."+column] = fmt.Sprint(typ, " ", needed)
		return err
	})
	return found
}
