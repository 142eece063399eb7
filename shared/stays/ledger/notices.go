package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// Kinds of notices.
const (
	NoticeOverwritten = "overwritten" // days were taken from another origin
	NoticeRestored    = "restored"    // an undo has given days back to an origin that had let them go
)

// A Notice is an e-mail to be sent about a change: to the unit's owner, and to those who lost the days or have them
// again.
type Notice struct {
	Change int64
	Kind   string
	To     string       // who of them; "": all, each of whom gets a notice of his own
	Holds  []stays.Hold // that were lost, or came back: clipped to the change's days
}

// key is the notice's kind as the outbox has it: with whom it is for.
func (n Notice) key() string {
	if n.To == "" {
		return n.Kind
	}
	return n.Kind + " " + n.To
}

// Notices reads what waits in the outbox.
func (l *Ledger) Notices(ctx context.Context) ([]Notice, error) {
	return list(ctx, l, func(rows sqldb.Row) (n Notice, err error) {
		var data, unit string
		if err := rows.Scan(&n.Change, &n.Kind, &data, &unit); err != nil {
			return n, err
		}
		n.Kind, n.To, _ = strings.Cut(n.Kind, " ")
		err = json.Unmarshal([]byte(data), &n.Holds)
		for i := range n.Holds {
			n.Holds[i].Unit = unit
		}
		return n, err
	}, "SELECT o.change, o.kind, o.data, c.unit FROM outbox o JOIN changes c ON c.number = o.change ORDER BY o.change, "+
		"o.kind")
}

// Spread makes of a notice one for each of those who are told.
func (l *Ledger) Spread(ctx context.Context, n Notice, to []string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		for _, whom := range to {
			one := n
			one.To = whom
			_, err := tx.ExecContext(ctx, "INSERT INTO outbox (change, kind, data) SELECT change, CAST($1 AS text), data FROM "+
				"outbox WHERE change = $2 AND kind = $3 ON CONFLICT DO NOTHING", one.key(), n.Change, n.key())
			if err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM outbox WHERE change = $1 AND kind = $2", n.Change, n.key())
		return err
	})
}

// Told takes a notice out of the outbox.
func (l *Ledger) Told(ctx context.Context, n Notice) error {
	return l.do(ctx, "DELETE FROM outbox WHERE change = $1 AND kind = $2", n.Change, n.key())
}
