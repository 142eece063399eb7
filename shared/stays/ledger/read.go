package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// Columns of tables in the order of their rows, and the types of these.
const (
	holdColumns   = "hold, unit, from_day, to_day, type, origin, ref, note, change, at"
	changeColumns = "number, unit, from_day, to_day, type, origin, actor, ref, note, at, before, undoes"
)

var (
	holdTypes = []string{
		"hold bigint", "unit text", "from_day date", "to_day date", "type text", "origin text", "ref text", "note text",
		"change bigint", "at timestamptz",
	}
	changeTypes = []string{
		"number bigint", "unit text", "from_day date", "to_day date", "type text", "origin text", "actor text", "ref text",
		"note text", "at timestamptz", "before text", "undoes bigint",
	}
)

// longHold is the most days of a hold that is found by its first day.
const longHold = 31

func holdRow(h stays.Hold) []any {
	return []any{h.ID, h.Unit, h.From, h.To, h.Type, h.Origin, h.Ref, h.Note, h.Change, sqldb.At(h.At)}
}

func scanHold(rows sqldb.Row) (h stays.Hold, err error) {
	var at sqldb.Instant
	err = rows.Scan(&h.ID, &h.Unit, &h.From, &h.To, &h.Type, &h.Origin, &h.Ref, &h.Note, &h.Change, &at)
	h.At = at.Time
	return h, err
}

// scanChange scans the columns of a change, and more after them.
func scanChange(rows sqldb.Row, more ...any) (c stays.Change, err error) {
	var at sqldb.Instant
	var before string
	err = rows.Scan(append([]any{
		&c.Number, &c.Unit, &c.From, &c.To, &c.Type, &c.Origin, &c.Actor, &c.Ref, &c.Note, &at, &before, &c.Undoes,
	}, more...)...)
	if err != nil {
		return c, err
	}
	c.At = at.Time
	if err := json.Unmarshal([]byte(before), &c.Before); err != nil {
		return c, fmt.Errorf("change %d: what was before: %w", c.Number, err)
	}
	for i := range c.Before {
		c.Before[i].Unit = c.Unit
	}
	return c, nil
}

// lastDay is the last that both databases compare alike: text has no order beyond it.
var lastDay = stays.Date(9999, time.December, 31)

// windowArgs are the parameters $1 to $3 of [window].
func windowArgs(days stays.Range) []any {
	return []any{days.From, min(days.To, lastDay), days.From - longHold}
}

// window is the condition for holds that touch the days $1 to $2, and two queries with it, of which the second finds
// those that are long: an index on the first days cannot.
func window(columns, also string) string {
	const touches = " AND from_day < $2 AND to_day > $1"
	return "SELECT " + columns + " FROM holds WHERE from_day > $3" + touches + also + " UNION ALL SELECT " + columns +
		" FROM holds WHERE long AND from_day <= $3" + touches + also
}

// errEnough ends a reading whose caller has left.
var errEnough = errors.New("the caller has left")

// Spans reads what units are on days, merged, in the order of unit and day. No units are all of them.
func (l *Ledger) Spans(ctx context.Context, units []string, days stays.Range) iter.Seq2[stays.Span, error] {
	return func(yield func(stays.Span, error) bool) {
		args := windowArgs(days)
		also := ""
		if units != nil {
			also = " AND unit IN (SELECT unit FROM " + l.db.Rows(4, "unit text") + " AS r)"
			args = append(args, names(units))
		}
		rows, err := l.db.Read.QueryContext(ctx, window("unit, from_day, to_day, type", also)+" ORDER BY 1, 2", args...)
		var last []stays.Span // one, which may go on
		err = l.db.Each(rows, err, func(rows sqldb.Row) error {
			var s stays.Span
			if err := rows.Scan(&s.Unit, &s.From, &s.To, &s.Type); err != nil {
				return err
			}
			if last = stays.Merge(append(last, s), days); len(last) == 2 {
				if !yield(last[0], nil) {
					return errEnough
				}
				last = last[1:]
			}
			return nil
		})
		switch {
		case errors.Is(err, errEnough):
		case err != nil:
			yield(stays.Span{}, err)
		case len(last) > 0:
			yield(last[0], nil)
		}
	}
}

// names is a list of names as a parameter for [sqldb.Dialect.Rows].
func names(list []string) string {
	rows := make([][]any, len(list))
	for i, name := range list {
		rows[i] = []any{name}
	}
	return sqldb.JSON(rows)
}

// Holds reads a unit's holds on days, whole, in order.
func (l *Ledger) Holds(ctx context.Context, unit string, days stays.Range) ([]stays.Hold, error) {
	return list(ctx, l, scanHold, window(holdColumns, " AND unit = $4")+" ORDER BY 3",
		append(windowArgs(days), unit)...)
}

// A Query says which changes are wanted. Its zero value wants all.
type Query struct {
	After   int64    // numbers above it
	Through int64    // numbers up to it; 0: no bound
	Units   []string // nil: all
	Origin  string   // an origin, or a kind of origins; ""
	Actor   stays.Origin
	Since   time.Time // made at it or later
	Newest  bool      // the newest first
	Limit   int       // at most so many; 0: no limit
}

// Changes reads changes in the order of their numbers.
func (l *Ledger) Changes(ctx context.Context, q Query) ([]stays.Change, error) {
	where, args := []string{"number > $1"}, []any{q.After}
	also := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, strings.ReplaceAll(condition, "$n", fmt.Sprint("$", len(args))))
	}
	if q.Through > 0 {
		also("number <= $n", q.Through)
	}
	if q.Units != nil {
		also("unit IN (SELECT unit FROM "+l.db.Rows(len(args)+1, "unit text")+" AS r)", names(q.Units))
	}
	if q.Origin != "" {
		also("(origin = $n OR substr(origin, 1, length($n) + 1) = $n || ':')", q.Origin)
	}
	if q.Actor != "" {
		also("actor = $n", q.Actor)
	}
	if !q.Since.IsZero() {
		also("at >= $n", sqldb.At(q.Since))
	}
	text := "SELECT " + changeColumns + " FROM changes WHERE " + strings.Join(where, " AND ") + " ORDER BY number"
	if q.Newest {
		text += " DESC"
	}
	if q.Limit > 0 {
		text += fmt.Sprint(" LIMIT ", q.Limit)
	}
	return list(ctx, l, func(rows sqldb.Row) (stays.Change, error) { return scanChange(rows) }, text, args...)
}
