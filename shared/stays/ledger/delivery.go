package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Cursor is how far a destination has got in the log. A destination is the website's table, the broker, or a hook.
type Cursor struct {
	Destination string
	Ledger      string // whose numbers it counts in
	Number      int64  // of the newest change that it has
	At          time.Time
	Paused      bool // an operator has stopped it

	Failing time.Time // since when it has been failing; zero: it is not
	Tries   int       // that have failed in a row
	Next    time.Time // not tried before; zero: at once
	Fault   string    // what the newest try said
}

// ErrMoved is that somebody else has moved a cursor.
var ErrMoved = errors.New("somebody else has moved the cursor")

const cursorColumns = "destination, ledger, number, at, paused, failing, tries, next, fault"

// Cursors reads all cursors.
func (l *Ledger) Cursors(ctx context.Context) ([]Cursor, error) {
	return list(ctx, l, func(rows sqldb.Row) (c Cursor, err error) {
		var at, failing, next sqldb.Instant
		err = rows.Scan(&c.Destination, &c.Ledger, &c.Number, &at, &c.Paused, &failing, &c.Tries, &next, &c.Fault)
		c.At, c.Failing, c.Next = at.Time, failing.Time, next.Time
		return c, err
	}, "SELECT "+cursorColumns+" FROM cursors ORDER BY destination")
}

// StartCursor gives a destination a cursor at a number of this ledger, unless it has one.
func (l *Ledger) StartCursor(ctx context.Context, destination string, number int64) error {
	return l.do(ctx, "INSERT INTO cursors ("+cursorColumns+") SELECT $1, ledger, CAST($2 AS bigint), $3, "+
		"CAST(0 AS boolean), NULL, 0, NULL, '' FROM head WHERE one = 1 ON CONFLICT (destination) DO NOTHING",
		destination, number, sqldb.At(l.now()))
}

// Advance moves a cursor from where it was read to a later number, or to a number of a ledger's other id. What was
// wrong with the destination is over. The cursor that it returns says whether an operator has stopped it meanwhile.
func (l *Ledger) Advance(ctx context.Context, c Cursor, id string, number int64) (Cursor, error) {
	at := sqldb.At(l.now())
	err := l.db.Write.QueryRowContext(ctx, "UPDATE cursors SET ledger = $1, number = $2, at = $3, failing = NULL, "+
		"tries = 0, next = NULL, fault = '' WHERE destination = $4 AND ledger = $5 AND number = $6 RETURNING paused",
		id, number, at, c.Destination, c.Ledger, c.Number).Scan(&c.Paused)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrMoved
	}
	if err != nil {
		return c, l.db.Fault(fmt.Errorf("moving a cursor: %w", err))
	}
	c.Ledger, c.Number, c.At = id, number, at.Time
	c.Failing, c.Tries, c.Next, c.Fault = time.Time{}, 0, time.Time{}, ""
	return c, nil
}

// Fail writes down that a destination has failed once more, and when it is tried again.
func (l *Ledger) Fail(ctx context.Context, c Cursor, fault string, next time.Time) error {
	since := c.Failing
	if since.IsZero() {
		since = l.now()
	}
	return l.do(ctx, "UPDATE cursors SET failing = $1, tries = $2, next = $3, fault = $4 WHERE destination = $5",
		sqldb.At(since), c.Tries+1, sqldb.At(next), fault, c.Destination)
}

// Pause stops a destination. false: there is none of that name.
func (l *Ledger) Pause(ctx context.Context, destination string) (bool, error) {
	n, err := l.affected(ctx, "UPDATE cursors SET paused = CAST(1 AS boolean) WHERE destination = $1", destination)
	return n > 0, err
}

// Go lets a destination that was paused go on, and forgets what was wrong with it.
func (l *Ledger) Go(ctx context.Context, destination string) (bool, error) {
	n, err := l.affected(ctx, "UPDATE cursors SET "+wellAgain+" WHERE destination = $1", destination)
	return n > 0, err
}

const wellAgain = "paused = CAST(0 AS boolean), failing = NULL, tries = 0, next = NULL, fault = ''"

// Skip lets a destination go on after a number of this ledger: what is before it, it is not sent.
func (l *Ledger) Skip(ctx context.Context, destination string, number int64) error {
	return l.do(ctx, "UPDATE cursors SET ledger = (SELECT ledger FROM head), number = $1, "+wellAgain+
		" WHERE destination = $2", number, destination)
}

// Restart has a destination sent everything once more, as it is now: its cursor is of no ledger.
func (l *Ledger) Restart(ctx context.Context, destination string) (bool, error) {
	n, err := l.affected(ctx,
		"UPDATE cursors SET ledger = '', number = 0, next = NULL WHERE destination = $1", destination)
	return n > 0, err
}

// A Hook is a partner's address to which changes are announced.
type Hook struct {
	ID      string
	Partner string
	URL     string
	Secret  string    // the key of its signatures: base64
	Added   time.Time // changes before it are not announced
	Ended   time.Time // its server has said that it is gone; zero: it is not
}

// Destination is the hook's name among the cursors.
func (h Hook) Destination() string { return HookPrefix + h.ID }

// HookPrefix begins a hook's name among the cursors.
const HookPrefix = "hook:"

// ErrNoHook is that there is no such hook.
var ErrNoHook = errors.New("there is no such hook")

// Hooks reads all hooks.
func (l *Ledger) Hooks(ctx context.Context) ([]Hook, error) {
	return list(ctx, l, func(rows sqldb.Row) (h Hook, err error) {
		var added, ended sqldb.Instant
		err = rows.Scan(&h.ID, &h.Partner, &h.URL, &h.Secret, &added, &ended)
		h.Added, h.Ended = added.Time, ended.Time
		return h, err
	}, "SELECT hook, partner, url, secret, added, ended FROM hooks ORDER BY hook")
}

// Hook reads a hook.
func (l *Ledger) Hook(ctx context.Context, id string) (Hook, error) {
	all, err := l.Hooks(ctx)
	for _, h := range all {
		if h.ID == id {
			return h, nil
		}
	}
	if err == nil {
		err = ErrNoHook
	}
	return Hook{}, err
}

// AddHook adds a hook, which is told of changes from now on.
func (l *Ledger) AddHook(ctx context.Context, h Hook) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		at := sqldb.At(l.now())
		_, err := tx.ExecContext(ctx, "INSERT INTO hooks (hook, partner, url, secret, added, ended) VALUES "+
			"($1, $2, $3, $4, $5, NULL)", h.ID, h.Partner, h.URL, h.Secret, at)
		if err == nil {
			_, err = tx.ExecContext(ctx, "INSERT INTO cursors ("+cursorColumns+") SELECT $1, ledger, number, $2, "+
				"CAST(0 AS boolean), NULL, 0, NULL, '' FROM head WHERE one = 1", h.Destination(), at)
		}
		return err
	})
}

// EndHook writes down that a hook's server is gone; with false it is there again.
func (l *Ledger) EndHook(ctx context.Context, id string, ended bool) error {
	at := any(nil)
	if ended {
		at = sqldb.At(l.now())
	}
	return l.do(ctx, "UPDATE hooks SET ended = $1 WHERE hook = $2", at, id)
}

// RemoveHook removes a hook and its cursor.
func (l *Ledger) RemoveHook(ctx context.Context, id string) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "DELETE FROM hooks WHERE hook = $1", id)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNoHook)
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM cursors WHERE destination = $1", HookPrefix+id)
		return err
	})
}

// A Waiting message is about a unit that the website does not have.
type Waiting struct {
	Unit   string
	Epoch  int64
	Number int64
	Data   string // a [stays.Notification] of one change
	At     time.Time
}

// Waiting reads what waits for its unit, the oldest first.
func (l *Ledger) Waiting(ctx context.Context) ([]Waiting, error) {
	return list(ctx, l, func(rows sqldb.Row) (w Waiting, err error) {
		var at sqldb.Instant
		err = rows.Scan(&w.Unit, &w.Epoch, &w.Number, &w.Data, &at)
		w.At = at.Time
		return w, err
	}, "SELECT unit, epoch, number, data, at FROM waiting ORDER BY epoch, number, unit")
}

// Await keeps messages until their units are there. One that is kept already stays as it is.
func (l *Ledger) Await(ctx context.Context, list []Waiting) error {
	rows := make([][]any, len(list))
	for i, w := range list {
		rows[i] = []any{w.Unit, w.Epoch, w.Number, w.Data, sqldb.At(l.now())}
	}
	return l.put(ctx, rows, "INSERT INTO waiting (unit, epoch, number, data, at) SELECT * FROM "+l.db.Rows(1, "unit text",
		"epoch bigint", "number bigint", "data text", "at timestamptz")+" AS r WHERE true ON CONFLICT DO NOTHING")
}

// Arrived removes messages that have been delivered.
func (l *Ledger) Arrived(ctx context.Context, list []Waiting) error {
	rows := make([][]any, len(list))
	for i, w := range list {
		rows[i] = []any{w.Unit, w.Epoch, w.Number}
	}
	return l.put(ctx, rows, "DELETE FROM waiting WHERE (unit, epoch, number) IN (SELECT unit, epoch, number FROM "+
		l.db.Rows(1, "unit text", "epoch bigint", "number bigint")+" AS r)")
}

// CounterHealed counts rows of the website's table that were one too many for a day, and were removed.
const CounterHealed = "healed"

// Count adds to a counter.
func (l *Ledger) Count(ctx context.Context, name string, n int64) error {
	return l.do(ctx, "INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET "+
		"value = counters.value + excluded.value", name, n)
}

// Counters reads all counters.
func (l *Ledger) Counters(ctx context.Context) (map[string]int64, error) {
	all := map[string]int64{}
	_, err := list(ctx, l, func(rows sqldb.Row) (struct{}, error) {
		var name string
		var n int64
		err := rows.Scan(&name, &n)
		all[name] = n
		return struct{}{}, err
	}, "SELECT name, value FROM counters")
	return all, err
}

// recent is how far back the newest change of an actor is looked for.
const recent = 50_000

// NewestKey reads the key of an actor's newest change, "" if he has made none of late.
func (l *Ledger) NewestKey(ctx context.Context, actor stays.Origin) (string, error) {
	keys, err := list(ctx, l, func(row sqldb.Row) (key string, err error) { return key, row.Scan(&key) },
		"SELECT key FROM changes WHERE actor = $1 AND key IS NOT NULL AND number > (SELECT number FROM head) - $2 "+
			"ORDER BY number DESC LIMIT 1", actor, recent)
	if err != nil || len(keys) == 0 {
		return "", err
	}
	return keys[0], nil
}

// A UnitDay is a day of a unit.
type UnitDay struct {
	Unit string
	Day  stays.Day
}

// Newest reads the number of the newest change of each of some days; a day that was never changed has none.
func (l *Ledger) Newest(ctx context.Context, days []UnitDay) (map[UnitDay]int64, error) {
	rows := make([][]any, len(days))
	for i, d := range days {
		rows[i] = []any{d.Unit, d.Day}
	}
	newest := map[UnitDay]int64{}
	_, err := list(ctx, l, func(row sqldb.Row) (struct{}, error) {
		var d UnitDay
		var number int64
		err := row.Scan(&d.Unit, &d.Day, &number)
		newest[d] = number
		return struct{}{}, err
	}, "SELECT r.unit, r.day, max(c.number) FROM "+l.db.Rows(1, "unit text", "day date")+" AS r JOIN changes c ON "+
		"c.unit = r.unit AND c.from_day <= r.day AND c.to_day > r.day GROUP BY 1, 2", sqldb.JSON(rows))
	return newest, err
}

// Alone does something that no other process does at the same time, and reports whether it did: false is that another
// is at it. A SQLite file is one process's alone anyway; on a server a lock of the session holds the right, and goes
// with a process that dies.
func (l *Ledger) Alone(ctx context.Context, do func(context.Context) error) (bool, error) {
	if l.db.Name != "postgres" {
		return true, do(ctx)
	}
	conn, err := l.db.Write.Conn(ctx)
	if err != nil {
		return false, l.db.Fault(err)
	}
	defer conn.Close()
	var got bool
	// the lock's number is our own: the letters "stays"
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock(495689196915)").Scan(&got); err != nil || !got {
		return false, l.db.Fault(err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(495689196915)")
	}()
	return true, do(ctx)
}

func (l *Ledger) do(ctx context.Context, query string, args ...any) error {
	_, err := l.affected(ctx, query, args...)
	return err
}

// affected executes a statement and returns how many rows it changed.
func (l *Ledger) affected(ctx context.Context, query string, args ...any) (int64, error) {
	done, err := l.db.Write.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, l.db.Fault(fmt.Errorf("writing to the ledger: %w", err))
	}
	return done.RowsAffected()
}

// Snapshot reads what units are on days, with the newest number of before that: what changes meanwhile may be in it,
// and comes again with its own number.
func (l *Ledger) Snapshot(ctx context.Context, days stays.Range) (Head, []stays.Span, error) {
	head, err := l.Head(ctx)
	if err != nil {
		return head, nil, err
	}
	units, err := l.Units(ctx, nil)
	if err != nil {
		return head, nil, err
	}
	held := map[string][]stays.Span{}
	for s, err := range l.Spans(ctx, nil, days) {
		if err != nil {
			return head, nil, err
		}
		held[s.Unit] = append(held[s.Unit], s)
	}
	var all []stays.Span
	for _, u := range units {
		for _, free := range stays.Free(held[u.Unit], days) {
			all = append(all, stays.Span{Unit: u.Unit, Range: free, Type: stays.Available})
		}
		all = append(all, held[u.Unit]...)
	}
	return head, all, nil
}
