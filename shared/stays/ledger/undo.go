package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// ErrNoChange is that the log has no change of a number.
var ErrNoChange = errors.New("there is no such change")

// A ChangedSince is a later change of the same days, for which a change can no longer be taken back.
type ChangedSince struct{ Number int64 }

func (e *ChangedSince) Error() string {
	return fmt.Sprintf("its days were changed since, by change %d", e.Number)
}

// Undo brings back what the days of a change held before it, by changes of the actor: one for each hold, and for each
// run of days that were free. It is refused with [*ChangedSince] where any of the days was changed since.
func (l *Ledger) Undo(ctx context.Context, number int64, actor stays.Origin) (results []Result, err error) {
	b := l.newBatch()
	err = l.db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
		c, err := b.unchanged(ask, number)
		if err != nil {
			return nil, err
		}
		var orders []Order
		for _, r := range stays.Undo(c, actor) {
			orders = append(orders, Order{Request: r, undoes: number})
		}
		if err := ask(b.load(orders)...); err != nil {
			return nil, err
		}
		for _, o := range orders {
			r, err := b.apply(o)
			if err != nil {
				return nil, err
			}
			results = append(results, r)
		}
		return b.write(), nil
	})
	if errors.Is(err, sqldb.ErrUnknown) && len(results) > 0 {
		err = l.settle(ctx, results[0].Change, err)
	}
	if err != nil {
		return nil, err
	}
	l.told(ctx)
	return results, nil
}

// unchanged takes the head, reads a change, and fails where its days were changed since.
func (b *batch) unchanged(ask sqldb.Ask, number int64) (c stays.Change, err error) {
	err = ask(b.takeHead(), sqldb.Statement{
		Query: "SELECT " + changeColumns + " FROM changes WHERE number = $1", Args: []any{number},
		Row: func(row sqldb.Row) (err error) {
			c, err = scanChange(row)
			return err
		},
	})
	if err == nil && c.Number == 0 {
		err = ErrNoChange
	}
	if err != nil {
		return c, err
	}
	var later sql.NullInt64
	query, args := laterChange(c)
	err = ask(sqldb.Statement{
		Query: query, Args: args, Row: func(row sqldb.Row) error { return row.Scan(&later) },
	})
	if err == nil && later.Valid {
		err = &ChangedSince{later.Int64}
	}
	return c, err
}

// Later is the number of the first later change of any of a change's days, or 0.
func (l *Ledger) Later(ctx context.Context, c stays.Change) (int64, error) {
	var later sql.NullInt64
	query, args := laterChange(c)
	err := l.db.Read.QueryRowContext(ctx, query, args...).Scan(&later)
	return later.Int64, l.db.Fault(err)
}

// laterChange selects the number of the first later change of a change's days, or NULL.
func laterChange(c stays.Change) (query string, args []any) {
	return "SELECT min(number) FROM changes WHERE unit = $1 AND number > $2 AND from_day < $3 AND to_day > $4",
		[]any{c.Unit, c.Number, c.To, c.From}
}
