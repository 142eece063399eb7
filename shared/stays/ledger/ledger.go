// Package ledger keeps which unit is held on which days by whom, and every change of that, in SQLite or PostgreSQL. It
// is the one truth: what is shown elsewhere is made from it.
//
// A change is a transaction that takes the one row of head first, so that numbers follow the order of commits and have
// no gap. Requests that wait are taken together, each judged after the one before it.
//
//	head       the ledger's id, the newest change's number, the newest hold's
//	units      what may be held, with its owner; rules are what it asks of bookings
//	partners   who may change and read, with secrets and, where they have not all, units
//	holds      runs of days that belong together
//	days       the hold of each day that has one: the truth about occupancy
//	changes    every accepted request, with what its days held before
//	outbox     what people are to be told
//	cursors    how far each destination has got in the log
//	hooks      partners' addresses to which changes are announced
//	waiting    changes of units that the website does not have yet
//	counters   what delivery has mended
//	states     what each unit's calendar was used for, and who changed that
//	links      sign-in links of owners, each for one use
package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
)

// Version is the version of the tables that this code writes.
const Version = 3

// Errors of opening.
var (
	ErrOld = errors.New("the ledger's tables are older than this Carillon, or not there: run `carillon stays migrate`")
	ErrNew = errors.New("the ledger's tables are for a newer Carillon: install that one again, or restore a backup of " +
		"before")
)

// A Ledger is an open ledger. Its methods' errors are [sqldb.ErrUnreachable] where the database cannot be asked just
// now.
type Ledger struct {
	// Wake is called after each group of changes, before they are answered, and given a moment: it tells who delivers
	// them. It is set before the ledger is used.
	Wake func(context.Context) error

	db  *sqldb.DB
	now func() time.Time

	mu      sync.Mutex
	waiting []*order
	busy    bool
	news    chan struct{} // closed when there is a new change
}

// Open takes a database into use, which must have the tables.
func Open(ctx context.Context, db *sqldb.DB, now func() time.Time) (*Ledger, error) {
	if err := CheckCode(ctx, db); err != nil {
		return nil, err
	}
	if version, _, err := Schema(ctx, db); err != nil {
		return nil, err
	} else if version < Version {
		return nil, fmt.Errorf("%w (version %d)", ErrOld, version)
	}
	return &Ledger{db: db, now: now, news: make(chan struct{})}, nil
}

// CheckCode returns [ErrNew] where this program is too old for the tables.
func CheckCode(ctx context.Context, db *sqldb.DB) error {
	version, minCode, err := Schema(ctx, db)
	if err == nil && minCode > Version {
		return fmt.Errorf("%w (version %d)", ErrNew, version)
	}
	return err
}

// Schema is the version of the tables, 0 where there are none, and that of the oldest code that may use them.
func Schema(ctx context.Context, db *sqldb.DB) (version, minCode int, err error) {
	const there = "SELECT version, min_code FROM ledger_schema"
	tables := map[string]string{
		"sqlite":   "SELECT count(*) FROM sqlite_master WHERE name = 'ledger_schema'",
		"postgres": "SELECT count(*) FROM pg_class WHERE oid = to_regclass('ledger_schema')",
	}
	var n int
	if err := db.Read.QueryRowContext(ctx, tables[db.Name]).Scan(&n); err != nil || n == 0 {
		return 0, 0, db.Fault(err)
	}
	err = db.Read.QueryRowContext(ctx, there).Scan(&version, &minCode)
	return version, minCode, db.Fault(err)
}

// Head is what a ledger is at.
type Head struct {
	Ledger string // its id: numbers of another id mean nothing in this one
	Epoch  int64  // grows with each new id
	Number int64  // of the newest change
}

// Head reads the ledger's id and newest number.
func (l *Ledger) Head(ctx context.Context) (h Head, err error) {
	err = l.db.Read.QueryRowContext(ctx, "SELECT ledger, epoch, number FROM head WHERE one = 1").
		Scan(&h.Ledger, &h.Epoch, &h.Number)
	return h, l.db.Fault(err)
}

// News returns a channel that is closed when this process has made a change.
func (l *Ledger) News() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.news
}

// waking is how long the delivery of news may be waited for.
const waking = 200 * time.Millisecond

// told tells those who wait for news, and whoever delivers them.
func (l *Ledger) told(ctx context.Context) {
	if l.Wake != nil {
		ctx, cancel := context.WithTimeout(ctx, waking)
		defer cancel()
		if err := l.Wake(ctx); err != nil {
			slog.WarnContext(ctx, "nobody was told of changes, they are delivered within a minute", slog.Any("error", err))
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.news)
	l.news = make(chan struct{})
}

// list reads rows, each by scan.
func list[T any](
	ctx context.Context, l *Ledger, scan func(sqldb.Row) (T, error), query string, args ...any,
) ([]T, error) {
	rows, err := l.db.Read.QueryContext(ctx, query, args...)
	found := []T{}
	err = l.db.Each(rows, err, func(rows sqldb.Row) error {
		v, err := scan(rows)
		found = append(found, v)
		return err
	})
	return found, err
}
