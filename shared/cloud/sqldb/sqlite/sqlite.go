// Package sqlite opens a file as a database: embedded, without a server.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"modernc.org/sqlite"
	sqlitelib "modernc.org/sqlite/lib"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
)

// Open opens a file, and makes it if need be, readable by nobody else. What a transaction has committed survives kill
// -9 and a power cut: WAL with full sync.
func Open(ctx context.Context, file string) (*sqldb.DB, error) {
	if err := private(file); err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	dsn := "file:" + escape.Replace(file) + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&_pragma=cache_size(-16384)&_txlock=immediate"
	write, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	write.SetMaxOpenConns(1) // SQLite has one writer
	if err := write.PingContext(ctx); err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	read, err := sql.Open("sqlite", dsn)
	if err != nil {
		_ = write.Close()
		return nil, fmt.Errorf("opening %s: %w", file, err)
	}
	read.SetMaxOpenConns(2 * runtime.NumCPU())
	return &sqldb.DB{Read: read, Write: write, Dialect: dialect}, nil
}

// escape writes a file's name into a URI (sqlite.org/uri.html).
var escape = strings.NewReplacer("%", "%25", "?", "%3f", "#", "%23")

// Snapshot writes the file as it is at this moment to another one, which must not be there. Who writes meanwhile is not
// kept waiting.
func Snapshot(ctx context.Context, file, to string) error {
	if _, err := os.Stat(file); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:"+escape.Replace(file)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// private makes a database and the files that SQLite lays beside it, which get its rights, readable by nobody else.
func private(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the caller's
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Chmod(name+suffix, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

var dialect = sqldb.Dialect{
	Name:  "sqlite",
	Table: func(param string) string { return "(SELECT value AS v FROM json_each(" + param + "))" },
	Element: func(i int, _ string) string {
		return fmt.Sprintf("v ->> %d", i)
	},
	Unreachable: unreachable,
}

// unreachable reports a file that others keep locked, or a disk that fails for now.
func unreachable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff { // sqlite.org/rescode.html: the primary code
	case sqlitelib.SQLITE_BUSY, sqlitelib.SQLITE_LOCKED, sqlitelib.SQLITE_FULL, sqlitelib.SQLITE_IOERR,
		sqlitelib.SQLITE_CANTOPEN:
		return true
	}
	return false
}
