package ledger

import (
	"context"
	"database/sql"
	"encoding/json"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// NoticeOverwritten is a notice that days were taken from another origin.
const NoticeOverwritten = "overwritten"

// A Notice is what people are to be told about a change: the unit's owner, and who lost days by it.
type Notice struct {
	Change int64
	Kind   string
	Lost   []stays.Hold // clipped to the change's days
}

// Notices reads what waits in the outbox.
func (l *Ledger) Notices(ctx context.Context) ([]Notice, error) {
	return list(ctx, l, func(rows sqldb.Row) (n Notice, err error) {
		var data string
		if err := rows.Scan(&n.Change, &n.Kind, &data); err != nil {
			return n, err
		}
		return n, json.Unmarshal([]byte(data), &n.Lost)
	}, "SELECT change, kind, data FROM outbox ORDER BY change, kind")
}

// Told takes a notice out of the outbox.
func (l *Ledger) Told(ctx context.Context, n Notice) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE change = $1 AND kind = $2", n.Change, n.Kind)
		return err
	})
}
