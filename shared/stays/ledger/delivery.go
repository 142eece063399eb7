package ledger

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Cursor is the position of a destination in the log. A destination is the website's table, the broker, or a hook.
type Cursor struct {
	Destination string
	Ledger      string // whose numbers it counts in; "": everything is sent anew
	Number      int64  // of the newest delivered change
	At          time.Time
	Paused      bool // an operator has stopped it

	Failing time.Time // of the first failure in a row; zero: the newest try succeeded
	Tries   int       // that have failed in a row
	Next    time.Time // not retried before; zero: at once
	Code    string    // of the newest failure, where it has one
	Fault   string    // text of the newest failure
}

// DestinationSite is the website's table among the destinations. Two functions know it: one publishes to it, one writes
// it.
const DestinationSite = "site"

// Errors of cursors.
var (
	ErrNoCursor = errors.New("there is no such destination")
	ErrMoved    = errors.New("another run has moved the cursor")
)

const cursorColumns = "destination, ledger, number, at, paused, failing, tries, next, code, fault"

// well are the values of a cursor whose newest try succeeded.
const well = "failing = NULL, tries = 0, next = NULL, code = '', fault = ''"

// newCursor selects a cursor named $1, of the time $2, which begins after a number of this ledger.
func newCursor(number string) string {
	return "INSERT INTO cursors (" + cursorColumns + ") SELECT $1, ledger, " + number +
		", $2, CAST(0 AS boolean), NULL, 0, NULL, '', '' FROM head WHERE one = 1 ON CONFLICT (destination) DO NOTHING"
}

// Cursors reads all cursors.
func (l *Ledger) Cursors(ctx context.Context) ([]Cursor, error) { return l.cursors(ctx, "") }

// Cursor reads the cursor of a destination.
func (l *Ledger) Cursor(ctx context.Context, destination string) (Cursor, error) {
	found, err := l.cursors(ctx, " WHERE destination = $1", destination)
	switch {
	case err != nil:
		return Cursor{}, err
	case len(found) == 0:
		return Cursor{}, ErrNoCursor
	}
	return found[0], nil
}

func (l *Ledger) cursors(ctx context.Context, where string, args ...any) ([]Cursor, error) {
	return list(ctx, l, func(rows sqldb.Row) (c Cursor, err error) {
		var at, failing, next sqldb.Instant
		err = rows.Scan(&c.Destination, &c.Ledger, &c.Number, &at, &c.Paused, &failing, &c.Tries, &next, &c.Code, &c.Fault)
		c.At, c.Failing, c.Next = at.Time, failing.Time, next.Time
		return c, err
	}, "SELECT "+cursorColumns+" FROM cursors"+where+" ORDER BY destination", args...)
}

// StartCursor gives a destination a cursor at a number of this ledger, unless it has one.
func (l *Ledger) StartCursor(ctx context.Context, destination string, number int64) error {
	return l.do(ctx, newCursor("CAST($3 AS bigint)"), destination, sqldb.At(l.now()), number)
}

// Advance moves a cursor from where it was read to a later number, or to a number of a ledger's other id, and clears
// its failure. The error is [ErrMoved] where another run has moved it. The returned cursor says whether an operator has
// paused it in the meantime.
func (l *Ledger) Advance(ctx context.Context, c Cursor, id string, number int64) (Cursor, error) {
	at := sqldb.At(l.now())
	err := l.db.Write.QueryRowContext(ctx, "UPDATE cursors SET ledger = $1, number = $2, at = $3, "+well+
		" WHERE destination = $4 AND ledger = $5 AND number = $6 RETURNING paused",
		id, number, at, c.Destination, c.Ledger, c.Number).Scan(&c.Paused)
	if errors.Is(err, sql.ErrNoRows) {
		return c, ErrMoved
	}
	if err != nil {
		return c, l.db.Fault(fmt.Errorf("moving a cursor: %w", err))
	}
	return Cursor{Destination: c.Destination, Ledger: id, Number: number, At: at.Time, Paused: c.Paused}, nil
}

// Fail records one more failure of a destination, and when it is retried. The error is [ErrMoved] where the cursor is
// no longer as it was read.
func (l *Ledger) Fail(ctx context.Context, c Cursor, code, fault string, next time.Time) error {
	since := c.Failing
	if since.IsZero() {
		since = l.now()
	}
	n, err := l.affected(ctx, "UPDATE cursors SET failing = $1, tries = $2, next = $3, code = $4, fault = $5 "+
		"WHERE destination = $6 AND ledger = $7 AND number = $8 AND tries = $9", sqldb.At(since), c.Tries+1,
		sqldb.At(next), code, fault, c.Destination, c.Ledger, c.Number, c.Tries)
	if err == nil && n == 0 {
		err = ErrMoved
	}
	return err
}

// Well clears the failure of a destination.
func (l *Ledger) Well(ctx context.Context, destination string) error {
	return l.do(ctx, "UPDATE cursors SET "+well+" WHERE destination = $1 AND tries > 0", destination)
}

// Pause stops a destination; false: there is none of that name.
func (l *Ledger) Pause(ctx context.Context, destination string) (bool, error) {
	n, err := l.affected(ctx, "UPDATE cursors SET paused = CAST(1 AS boolean) WHERE destination = $1", destination)
	return n > 0, err
}

const resumed = "paused = CAST(0 AS boolean), " + well

// Go resumes a destination and clears its failure; false: there is none of that name.
func (l *Ledger) Go(ctx context.Context, destination string) (bool, error) {
	n, err := l.affected(ctx, "UPDATE cursors SET "+resumed+" WHERE destination = $1", destination)
	return n > 0, err
}

// Skip resumes a destination after a number of this ledger. Changes up to that number are not delivered.
func (l *Ledger) Skip(ctx context.Context, destination string, number int64) error {
	return l.do(ctx, "UPDATE cursors SET ledger = (SELECT ledger FROM head), number = $1, "+resumed+
		" WHERE destination = $2", number, destination)
}

// Restart makes a destination receive everything anew; false: there is none of that name.
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
	Ended   time.Time // when its server answered 410; zero: it is in use
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

// AddHook adds a hook, to which later changes are announced.
func (l *Ledger) AddHook(ctx context.Context, h Hook) error {
	return l.db.Tx(ctx, func(tx *sql.Tx) error {
		at := sqldb.At(l.now())
		_, err := tx.ExecContext(ctx, "INSERT INTO hooks (hook, partner, url, secret, added, ended) VALUES "+
			"($1, $2, $3, $4, $5, NULL)", h.ID, h.Partner, h.URL, h.Secret, at)
		if err == nil {
			_, err = tx.ExecContext(ctx, newCursor("number"), h.Destination(), at)
		}
		return err
	})
}

// EndHook records that a hook's server is gone; with false, that it is in use again.
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

// Waiting is changes of a unit that the website does not have.
type Waiting struct {
	Unit   string
	Epoch  int64
	Number int64
	Data   string // a [stays.Notification] of that number
	At     time.Time
}

// part tells messages of one number apart: a ledger that is sent anew has one number for all of its days.
func (w Waiting) part() string {
	sum := sha256.Sum256([]byte(w.Data))
	return hex.EncodeToString(sum[:8])
}

// Waiting reads what waits for its unit, the oldest first.
func (l *Ledger) Waiting(ctx context.Context) ([]Waiting, error) {
	return list(ctx, l, func(rows sqldb.Row) (w Waiting, err error) {
		var at sqldb.Instant
		err = rows.Scan(&w.Unit, &w.Epoch, &w.Number, &w.Data, &at)
		w.At = at.Time
		return w, err
	}, "SELECT unit, epoch, number, data, at FROM waiting ORDER BY epoch, number, unit, part")
}

// Await keeps changes until their units appear. A redelivered one is kept once.
func (l *Ledger) Await(ctx context.Context, list []Waiting) error {
	rows := make([][]any, len(list))
	for i, w := range list {
		rows[i] = []any{w.Unit, w.Epoch, w.Number, w.part(), w.Data, sqldb.At(l.now())}
	}
	return l.put(ctx, rows, "INSERT INTO waiting (unit, epoch, number, part, data, at) SELECT * FROM "+
		l.db.Rows(1, "unit text", "epoch bigint", "number bigint", "part text", "data text", "at timestamptz")+
		" AS r WHERE true ON CONFLICT DO NOTHING")
}

// Arrived removes changes that have been delivered.
func (l *Ledger) Arrived(ctx context.Context, list []Waiting) error {
	rows := make([][]any, len(list))
	for i, w := range list {
		rows[i] = []any{w.Unit, w.Epoch, w.Number, w.part()}
	}
	return l.put(ctx, rows, "DELETE FROM waiting WHERE (unit, epoch, number, part) IN (SELECT unit, epoch, number, part "+
		"FROM "+l.db.Rows(1, "unit text", "epoch bigint", "number bigint", "part text")+" AS r)")
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

// Stands reports whether the newest change of an actor has a key that begins with a prefix, and none of its days was
// changed since: the same request would change nothing.
func (l *Ledger) Stands(ctx context.Context, actor stays.Origin, prefix string) (bool, error) {
	var key string
	newest, err := list(ctx, l, func(row sqldb.Row) (c stays.Change, err error) {
		err = row.Scan(&c.Number, &key, &c.Unit, &c.From, &c.To)
		return c, err
	}, "SELECT number, key, unit, from_day, to_day FROM changes WHERE actor = $1 AND key IS NOT NULL AND number > "+
		"(SELECT number FROM head) - $2 ORDER BY number DESC LIMIT 1", actor, recent)
	if err != nil || len(newest) == 0 || !strings.HasPrefix(key, prefix) {
		return false, err
	}
	later, err := l.Later(ctx, newest[0])
	return later == 0, err
}

// A UnitDay is a day of a unit.
type UnitDay struct {
	Unit string
	Day  stays.Day
}

// A Mark is the number and the time of a change.
type Mark struct {
	Number int64
	At     time.Time
}

// Newest reads the newest change of each of some days; a day that was never changed has none.
func (l *Ledger) Newest(ctx context.Context, days []UnitDay) (map[UnitDay]Mark, error) {
	rows := make([][]any, len(days))
	for i, d := range days {
		rows[i] = []any{d.Unit, d.Day}
	}
	newest := map[UnitDay]Mark{}
	_, err := list(ctx, l, func(row sqldb.Row) (struct{}, error) {
		var d UnitDay
		var m Mark
		var at sqldb.Instant
		err := row.Scan(&d.Unit, &d.Day, &m.Number, &at)
		m.At = at.Time
		newest[d] = m
		return struct{}{}, err
	}, "SELECT m.unit, m.day, m.number, c.at FROM (SELECT r.unit, r.day, max(c.number) AS number FROM "+
		l.db.Rows(1, "unit text", "day date")+" AS r JOIN changes c ON c.unit = r.unit AND c.from_day <= r.day AND "+
		"c.to_day > r.day GROUP BY 1, 2) AS m JOIN changes c ON c.number = m.number", sqldb.JSON(rows))
	return newest, err
}

// aloneLock is the number of the lock of [Ledger.Alone]: the letters "stays".
const aloneLock = 495689196915

// Alone does something that no other process does at the same time; false: another process does it. A SQLite file is
// one process's anyway. On a server a lock of the session holds the right, which ends with the process.
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
	if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", aloneLock).Scan(&got); err != nil || !got {
		return false, l.db.Fault(err)
	}
	defer func() {
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", aloneLock)
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

// Snapshot reads every unit's days: held ones with their origin and time, free ones without. All have the newest number
// that was committed before the reading. Changes that are committed during it may be in it, and come with their own
// numbers too.
func (l *Ledger) Snapshot(ctx context.Context, days stays.Range) (Head, []stays.Update, error) {
	head, err := l.Head(ctx)
	if err != nil {
		return head, nil, err
	}
	units, err := l.Units(ctx, nil)
	if err != nil {
		return head, nil, err
	}
	holds, err := list(ctx, l, scanHold, window(holdColumns, "")+" ORDER BY 2, 3", windowArgs(days)...)
	if err != nil {
		return head, nil, err
	}
	held := map[string][]stays.Update{}
	spans := map[string][]stays.Span{}
	for _, h := range holds {
		r := h.Clip(days)
		spans[h.Unit] = append(spans[h.Unit], stays.Span{Unit: h.Unit, Range: r, Type: h.Type})
		held[h.Unit] = append(held[h.Unit], stays.Update{
			Number: head.Number, Unit: h.Unit, From: r.From, To: r.Last(), Type: h.Type, Origin: h.Origin, At: h.At,
		})
	}
	var all []stays.Update
	for _, u := range units {
		for _, r := range stays.Free(spans[u.Unit], days) {
			all = append(all, stays.Update{
				Number: head.Number, Unit: u.Unit, From: r.From, To: r.Last(), Type: stays.Available,
			})
		}
		all = append(all, held[u.Unit]...)
	}
	return head, all, nil
}
