package site

import (
	"context"
	"maps"
	"slices"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Difference is a day of a unit that is not as the ledger has it.
type Difference struct {
	Unit   string
	Day    stays.Day
	Ledger stays.Type
	Table  stays.Type
	Double bool // it has more than one row

	number last // the change that wrote it last
}

// last is which change wrote a day last; zero: none did.
type last struct{ epoch, number int64 }

// A Comparison is what comparing found.
type Comparison struct {
	Units       int      // that both have
	Days        int      // that were compared
	Unknown     []string // units that the website does not have
	Differences []Difference
}

// cell is a cottage's day.
type cell struct {
	unit string
	day  stays.Day
}

// Compare compares the ledger's days with the table.
func (t *Table) Compare(
	ctx context.Context, units []string, ledger []stays.Update, days stays.Range,
) (Comparison, error) {
	table, err := t.read(ctx, units, days)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{}
	want := map[cell]stays.Type{}
	for _, u := range ledger {
		for d := range u.Range().Clip(days).Each() {
			want[cell{u.Unit, d}] = u.Type
		}
	}
	for _, unit := range units {
		if _, ok := table.hebs[unit]; !ok {
			c.Unknown = append(c.Unknown, unit)
			continue
		}
		c.Units++
		c.Days += days.Days()
		for d := range days.Each() {
			at := cell{unit, d}
			ledger, there := orAvailable(want[at]), orAvailable(table.types[at])
			if double := table.rows[at] > 1; ledger != there || double {
				c.Differences = append(c.Differences, Difference{unit, d, ledger, there, double, table.last[at]})
			}
		}
	}
	return c, nil
}

func orAvailable(t stays.Type) stays.Type {
	if t == "" {
		return stays.Available
	}
	return t
}

// Older reports whether the table has an older change of the day than the ledger, whose newest change of it is given;
// 0: it has none.
func (d Difference) Older(epoch, newest int64) bool {
	return d.number.epoch < epoch && newest > 0 || d.number.epoch == epoch && d.number.number < newest
}

// Newer reports whether the table has a newer change of the day than a snapshot of the ledger.
func (d Difference) Newer(epoch, number int64) bool {
	return d.number.epoch > epoch || d.number.epoch == epoch && d.number.number > number
}

// Spans reads what the table has on days, merged, in the order of units and days.
func (t *Table) Spans(ctx context.Context, units []string, days stays.Range) ([]stays.Span, error) {
	table, err := t.read(ctx, units, days)
	if err != nil {
		return nil, err
	}
	var list []stays.Span
	for _, unit := range units {
		for d := range days.Each() {
			if typ, ok := table.types[cell{unit, d}]; ok {
				list = append(list, stays.Span{Unit: unit, Range: stays.Through(d, d), Type: typ})
			}
		}
	}
	return stays.Merge(list, days), nil
}

// content is what a table has.
type content struct {
	hebs  map[string]int64
	types map[cell]stays.Type
	rows  map[cell]int
	last  map[cell]last
}

// read reads the rows of units.
func (t *Table) read(ctx context.Context, units []string, days stays.Range) (c content, err error) {
	c = content{map[string]int64{}, map[cell]stays.Type{}, map[cell]int{}, map[cell]last{}}
	updates := make([]stays.Update, len(units))
	for i, u := range units {
		updates[i].Unit = u
	}
	err = t.db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
		if c.hebs, err = t.cottages(ask, updates); err != nil {
			return nil, err
		}
		names := map[int64]string{}
		rows := [][]any{}
		for _, unit := range slices.Sorted(maps.Keys(c.hebs)) {
			names[c.hebs[unit]] = unit
			rows = append(rows, []any{c.hebs[unit]})
		}
		hebs := sqldb.JSON(rows)
		list := t.db.Rows(1, "heb bigint")
		return nil, ask(
			sqldb.Statement{
				Query: "SELECT heb_fk, res_date, coalesce(res_type, '') FROM reservation_proprio WHERE heb_fk IN " +
					"(SELECT heb FROM " + list + " AS r) AND res_date >= $2 AND res_date < $3",
				Args: []any{hebs, days.From.String() + midnight, days.To.String() + midnight},
				Row: func(row sqldb.Row) error {
					var heb int64
					var at instant
					var typ string
					err := row.Scan(&heb, &at, &typ)
					k := cell{names[heb], at.day()}
					c.rows[k]++
					c.types[k] = stays.Booked
					if typ == unavailable {
						c.types[k] = stays.Unavailable
					}
					return err
				},
			},
			sqldb.Statement{
				Query: "SELECT heb, day, epoch, number FROM carillon_days WHERE heb IN (SELECT heb FROM " + list +
					" AS r) AND day >= $2 AND day < $3",
				Args: []any{hebs, days.From, days.To},
				Row: func(row sqldb.Row) error {
					var heb int64
					var day stays.Day
					var l last
					err := row.Scan(&heb, &day, &l.epoch, &l.number)
					c.last[cell{names[heb], day}] = l
					return err
				},
			})
	})
	return c, err
}
