package ledger

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Unit is what may be held: a cottage.
type Unit struct {
	Unit      string // its id, as GFLX1234
	Name      string
	Owner     int64 // 0: not known
	Site      int64 // its number on the association's site; 0
	Listed    bool  // it was entered, and not only named by a partner
	Published bool
	Capacity  int // guests; 0: not known
	Added     time.Time

	// State is what its calendar is used for; "" where nobody has said: as [stays.Active]. It is changed by SetState.
	State stays.State
}

// Called is what people call the unit.
func (u Unit) Called() string { return cmp.Or(u.Name, u.Unit) }

// Uses is the unit's state, as those who show it take it.
func (u Unit) Uses() stays.State { return cmp.Or(u.State, stays.Active) }

// An Owner is whose units are.
type Owner struct {
	ID       int64
	Name     string
	Email    string
	Language string
	Active   bool
	Epoch    int64 // sessions of an earlier one are ended
}

// Units reads some units, or with nil all, in the order of their ids.
func (l *Ledger) Units(ctx context.Context, ids []string) ([]Unit, error) {
	return l.UnitsAfter(ctx, ids, "", 0)
}

// UnitsAfter reads at most so many units whose ids come after one; 0 is all of them.
func (l *Ledger) UnitsAfter(ctx context.Context, ids []string, after string, limit int) ([]Unit, error) {
	query, args := " WHERE unit > $1", []any{after}
	if ids != nil {
		query += " AND unit IN (SELECT unit FROM " + l.db.Rows(2, "unit text") + " AS r)"
		args = append(args, names(ids))
	}
	query += " ORDER BY unit"
	if limit > 0 {
		query += fmt.Sprint(" LIMIT ", limit)
	}
	return list(ctx, l, scanUnit, unitsFrom+query, args...)
}

const unitsFrom = "SELECT unit, name, owner, site, listed, published, capacity, added, state FROM units"

func scanUnit(rows sqldb.Row) (u Unit, err error) {
	var owner, site sql.NullInt64
	var added sqldb.Instant
	var state sql.NullString
	err = rows.Scan(&u.Unit, &u.Name, &owner, &site, &u.Listed, &u.Published, &u.Capacity, &added, &state)
	u.Owner, u.Site, u.Added, u.State = owner.Int64, site.Int64, added.Time, stays.State(state.String)
	return u, err
}

// PutUnits adds units, or changes those that are there. Holds stay.
func (l *Ledger) PutUnits(ctx context.Context, units []Unit) error {
	rows := make([][]any, len(units))
	for i, u := range units {
		rows[i] = []any{
			u.Unit, u.Name, null(u.Owner), null(u.Site), u.Listed, u.Published, u.Capacity, sqldb.At(l.now()),
		}
	}
	return l.put(ctx, rows, "INSERT INTO units (unit, name, owner, site, listed, published, capacity, added) SELECT * "+
		"FROM "+
		l.db.Rows(1, "unit text", "name text", "owner bigint", "site bigint", "listed boolean", "published boolean",
			"capacity integer", "added timestamptz")+" AS r WHERE true ON CONFLICT (unit) DO UPDATE SET "+
		"name = excluded.name, owner = excluded.owner, site = excluded.site, listed = excluded.listed, "+
		"published = excluded.published, capacity = excluded.capacity")
}

// ErrInUse is a unit that cannot be removed: it was entered, or it has days.
var ErrInUse = errors.New("the unit was entered, or has days that are held")

// RemoveUnit removes a unit that is in no list any more, or that only a partner has named, and that has no days. Its
// changes stay in the log.
func (l *Ledger) RemoveUnit(ctx context.Context, unit string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		var number int64
		if err := tx.QueryRowContext(ctx, "SELECT number FROM head WHERE one = 1"+l.db.Lock).Scan(&number); err != nil {
			return err
		}
		var inUse bool
		err := tx.QueryRowContext(ctx, "SELECT listed OR EXISTS (SELECT 1 FROM days WHERE days.unit = units.unit) FROM "+
			"units WHERE unit = $1"+l.db.Lock, unit).Scan(&inUse)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrNoUnit
		case err != nil:
			return err
		case inUse:
			return ErrInUse
		}
		for _, table := range []string{"rules", "states", "units"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE unit = $1", unit); err != nil {
				return err
			}
		}
		return nil
	})
}

// put executes a statement whose parameter are rows.
func (l *Ledger) put(ctx context.Context, rows [][]any, query string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, sqldb.JSON(rows))
		return err
	})
}

func null(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

const ruleColumns = "unit, from_day, to_day, min_stay, arrivals"

func scanRule(rows sqldb.Row) (unit string, r stays.Rule, err error) {
	var days stays.Range
	var minStay int
	var arrivals string
	if err := rows.Scan(&unit, &days.From, &days.To, &minStay, &arrivals); err != nil {
		return "", r, err
	}
	r, err = ruleOf(unit, days, minStay, arrivals)
	return unit, r, err
}

// ruleOf is a rule as it is kept: arrivals are the numbers of weekdays, Sunday being 0.
func ruleOf(unit string, days stays.Range, minStay int, arrivals string) (stays.Rule, error) {
	r := stays.Rule{Range: days, MinStay: minStay}
	for day := range strings.FieldsSeq(arrivals) {
		n, err := strconv.Atoi(day)
		if err != nil || n < 0 || n > 6 {
			return r, fmt.Errorf("arrival days of %s: %q", unit, arrivals)
		}
		r.Arrivals = append(r.Arrivals, time.Weekday(n))
	}
	return r, nil
}

// Rules reads the rules of some units whose periods touch days.
func (l *Ledger) Rules(ctx context.Context, units []string, days stays.Range) (map[string][]stays.Rule, error) {
	rules := map[string][]stays.Rule{}
	_, err := list(ctx, l, func(rows sqldb.Row) (struct{}, error) {
		unit, rule, err := scanRule(rows)
		rules[unit] = append(rules[unit], rule)
		return struct{}{}, err
	}, "SELECT "+ruleColumns+" FROM rules WHERE unit IN (SELECT unit FROM "+l.db.Rows(1, "unit text")+
		" AS r) AND from_day < $2 AND to_day > $3 ORDER BY unit, from_day", names(units),
		min(days.To, lastDay), days.From)
	return rules, err
}

// ErrRules are rules whose periods overlap, or that cannot be kept.
var ErrRules = errors.New("the periods of a unit's rules must not overlap, and must have days")

// SetRules replaces a unit's rules.
func (l *Ledger) SetRules(ctx context.Context, unit string, rules []stays.Rule) error {
	return l.EditRules(ctx, unit, func([]stays.Rule) []stays.Rule { return rules })
}

// EditRules changes a unit's rules from what they are, so that two who do it at once lose nothing.
func (l *Ledger) EditRules(ctx context.Context, unit string, edit func([]stays.Rule) []stays.Rule) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		var there string
		err := tx.QueryRowContext(ctx, "SELECT unit FROM units WHERE unit = $1"+l.db.Lock, unit).Scan(&there)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoUnit
		}
		if err != nil {
			return err
		}
		var rules []stays.Rule
		rows, err := tx.QueryContext(ctx, "SELECT "+ruleColumns+" FROM rules WHERE unit = $1 ORDER BY from_day", unit)
		err = l.db.Each(rows, err, func(row sqldb.Row) error {
			_, r, err := scanRule(row)
			rules = append(rules, r)
			return err
		})
		if err != nil {
			return err
		}
		list, err := ruleRows(unit, edit(rules))
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM rules WHERE unit = $1", unit); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO rules ("+ruleColumns+") SELECT * FROM "+
			l.db.Rows(1, "unit text", "from_day date", "to_day date", "min_stay integer", "arrivals text")+" AS r",
			sqldb.JSON(list))
		return err
	})
}

// ruleRows are rules as they are kept; the error is [ErrRules].
func ruleRows(unit string, rules []stays.Rule) (rows [][]any, err error) {
	for i, r := range rules {
		for _, other := range rules[:i] {
			if r.Overlaps(other.Range) {
				return nil, ErrRules
			}
		}
		if r.Days() < 1 || r.MinStay < 0 {
			return nil, ErrRules
		}
		arrivals := make([]string, len(r.Arrivals))
		for i, day := range r.Arrivals {
			arrivals[i] = strconv.Itoa(int(day))
		}
		rows = append(rows, []any{unit, r.From, r.To, r.MinStay, strings.Join(arrivals, " ")})
	}
	return rows, nil
}
