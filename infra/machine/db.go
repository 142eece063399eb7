// Package machine is the cloud on one machine: documents, messages with their
// dead letters, a pusher, a scheduler and a clock, all in one SQLite file.
package machine

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
)

const tables = `
CREATE TABLE IF NOT EXISTS documents (
	bucket TEXT NOT NULL, name TEXT NOT NULL, generation INTEGER NOT NULL, metadata TEXT NOT NULL, data BLOB NOT NULL,
	PRIMARY KEY (bucket, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS generations (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT OR IGNORE INTO generations VALUES (1, 0);
CREATE TABLE IF NOT EXISTS deliveries (
	id INTEGER PRIMARY KEY AUTOINCREMENT, subscription TEXT NOT NULL, message_id TEXT NOT NULL, data BLOB,
	attributes TEXT NOT NULL, ordering_key TEXT NOT NULL, published TEXT NOT NULL, expires INTEGER NOT NULL,
	attempt INTEGER NOT NULL DEFAULT 0, due INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (subscription, due);
CREATE TABLE IF NOT EXISTS dead_letters (
	id INTEGER PRIMARY KEY, subscription TEXT NOT NULL, message_id TEXT NOT NULL, data BLOB, attributes TEXT NOT NULL,
	ordering_key TEXT NOT NULL, published TEXT NOT NULL, attempt INTEGER NOT NULL, reason TEXT NOT NULL,
	died INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS records (
	owner TEXT NOT NULL, key TEXT NOT NULL, data BLOB NOT NULL, PRIMARY KEY (owner, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
`

// DB is the file that holds everything.
type DB struct {
	write *sql.DB // one connection: SQLite has one writer
	read  *sql.DB

	turn    sync.Mutex // of who commits
	mu      sync.Mutex
	waiting []*change
}

// Open opens carillon.db in dir, and makes it if need be. What a call has
// acknowledged survives kill -9 and a power cut: WAL with full sync.
func Open(ctx context.Context, dir string) (*DB, error) {
	db, err := sqlite.Open(ctx, filepath.Join(dir, DatabaseFile))
	if err != nil {
		return nil, err
	}
	if err := prepare(ctx, db.Write); err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("opening the database in %s: %w", dir, err)
	}
	return &DB{write: db.Write, read: db.Read}, nil
}

// format is the form of the tables (testdata has the first), kept in the file as user_version (sqlite.org/pragma.html).
// A change of theirs raises it, and brings older files to it here.
const format = 1

var errNewer = errors.New("it was written by a newer Carillon: install that version again, or restore a backup of " +
	"before")

func prepare(ctx context.Context, db *sql.DB) error {
	var found int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found); err != nil {
		return err
	}
	if found > format {
		return errNewer
	}
	_, err := db.ExecContext(ctx, tables+fmt.Sprintf("PRAGMA user_version = %d;", format))
	return err
}

// OfficeSetting names the setting that says whose data a folder has.
const OfficeSetting = "office"

// Office is whose data a folder has: "" where there is none, "unknown" where that cannot be read.
func Office(ctx context.Context, dir string) string {
	name := filepath.Join(dir, DatabaseFile)
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	office := "unknown"
	db, err := sql.Open("sqlite", "file:"+name+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return office
	}
	defer db.Close()
	// it stays unknown
	_ = db.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", OfficeSetting).Scan(&office)
	return office
}

// Close closes the file.
func (db *DB) Close() error {
	err := db.read.Close()
	if werr := db.write.Close(); werr != nil {
		return werr
	}
	return err
}

// Setting returns a value kept with the data; make is called for the first one.
func (db *DB) Setting(ctx context.Context, name string, first func() string) (string, error) {
	if _, err := db.write.ExecContext(ctx, "INSERT OR IGNORE INTO settings VALUES (?, ?)", name, first()); err != nil {
		return "", fmt.Errorf("keeping setting %s: %w", name, err)
	}
	var value string
	err := db.read.QueryRowContext(ctx, "SELECT value FROM settings WHERE name = ?", name).Scan(&value)
	return value, err
}

// SetSetting replaces a value kept with the data.
func (db *DB) SetSetting(ctx context.Context, name, value string) error {
	_, err := db.write.ExecContext(ctx, "INSERT OR REPLACE INTO settings VALUES (?, ?)", name, value)
	return err
}

// A change is one caller's part of a write transaction.
type change struct {
	ctx  context.Context //nolint:containedctx // of who waits for it
	f    func(context.Context, *sql.Tx) error
	done bool
	err  error
}

// inTx runs f in a write transaction, with the context that it passes. Those who ask while one is being committed share
// the next: the disk is waited for once for all of them. An error of f undoes f's own writes, and nobody else's.
func (db *DB) inTx(ctx context.Context, f func(context.Context, *sql.Tx) error) error {
	c := &change{ctx: ctx, f: f}
	db.mu.Lock()
	db.waiting = append(db.waiting, c)
	db.mu.Unlock()

	db.turn.Lock()
	defer db.turn.Unlock()
	if !c.done {
		db.mu.Lock()
		together := db.waiting
		db.waiting = nil
		db.mu.Unlock()
		db.commit(together) //nolint:contextcheck // it is of several callers
	}
	return c.err
}

// commit makes changes in one transaction. They are not interrupted: SQLite would undo all of them.
func (db *DB) commit(changes []*change) {
	err := errBroken // if one of them panics
	defer func() {
		for _, c := range changes {
			c.done = true
			if c.err == nil {
				c.err = err
			}
		}
	}()
	err = db.together(changes)
}

// errBroken says that a change was not made because another one, beside it, panicked.
var errBroken = errors.New("the transaction broke off")

func (db *DB) together(changes []*change) error {
	ctx := context.Background()
	tx, err := db.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing to roll back
	for _, c := range changes {
		if c.err = c.ctx.Err(); c.err != nil {
			continue
		}
		if _, err := tx.ExecContext(ctx, "SAVEPOINT one"); err != nil {
			return err
		}
		if c.err = c.f(context.WithoutCancel(c.ctx), tx); c.err != nil {
			if _, err := tx.ExecContext(ctx, "ROLLBACK TO one"); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "RELEASE one"); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// Records keeps a simulator's records by key.
type Records struct {
	db    *DB
	owner string
}

// Records returns the records of one simulator.
func (db *DB) Records(owner string) Records { return Records{db, owner} }

// Save keeps a record.
func (r Records) Save(key string, data []byte) error {
	_, err := r.db.write.ExecContext(context.Background(),
		"INSERT OR REPLACE INTO records VALUES (?, ?, ?)", r.owner, key, data)
	return err
}

// Load reads all records.
func (r Records) Load() (map[string][]byte, error) {
	rows, err := r.db.read.QueryContext(context.Background(), "SELECT key, data FROM records WHERE owner = ?", r.owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string][]byte{}
	for rows.Next() {
		var key string
		var data []byte
		if err := rows.Scan(&key, &data); err != nil {
			return nil, err
		}
		all[key] = data
	}
	return all, rows.Err()
}
