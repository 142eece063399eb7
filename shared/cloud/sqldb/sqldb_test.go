package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pgserver "github.com/carillon-calendar/carillon/infra/sim/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
)

// TestDatabases: the same statements give the same on both.
func TestDatabases(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		same(t, file(t, "a.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := pgserver.Start(t)
		db, err := postgres.Open(server.DSN, 2)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		same(t, db)
		thawed(t, server.DSN)
		if err := server.Down(pgserver.Fast); err != nil {
			t.Fatal(err)
		}
		err = db.Tx(t.Context(), func(*sql.Tx) error { return nil })
		if !errors.Is(err, sqldb.ErrUnreachable) || errors.Is(err, sqldb.ErrUnknown) {
			t.Errorf("a server that is away: %v", err)
		}
	})
}

// thawed: connections that the server has ended while a process was frozen are found out before they are used.
func thawed(t *testing.T, dsn string) {
	t.Helper()
	db, err := postgres.Open(dsn, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	other, err := postgres.Open(dsn, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	ask := sqldb.Statement{Query: "SELECT 1", Row: func(r sqldb.Row) error { var n int; return r.Scan(&n) }}
	once := func() error {
		return db.Together(t.Context(), func(do sqldb.Ask) ([]sqldb.Statement, error) { return nil, do(ask) })
	}
	if err := once(); err != nil {
		t.Fatal(err)
	}
	_, err = other.Write.ExecContext(t.Context(),
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname IS NOT NULL")
	if err != nil {
		t.Fatal(err)
	}
	<-time.After(1200 * time.Millisecond) // a connection that was used a moment ago is not looked at
	if err := once(); err != nil {
		t.Errorf("the first transaction after it: %v", err)
	}
	if err := db.Read.QueryRowContext(t.Context(), "SELECT 1").Scan(new(int)); err != nil {
		t.Errorf("the first reading after it: %v", err)
	}
}

func file(t *testing.T, name string) *sqldb.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func same(t *testing.T, db *sqldb.DB) {
	t.Helper()
	ctx := t.Context()
	now := time.Date(2027, 7, 3, 23, 59, 59, 123456789, time.FixedZone("", 7200))
	rows := [][]any{
		{"é'\"", 1 << 40, "2027-07-03", true, sqldb.At(now), nil},
		{"", -1, "1900-01-01", false, sqldb.At(now.Add(time.Hour)), "x"},
	}
	found, err := db.Read.QueryContext(ctx, "SELECT * FROM "+db.Rows(1, "a text", "b bigint", "c date", "d boolean",
		"e timestamptz", "f text")+" AS r ORDER BY b DESC", sqldb.JSON(rows))
	n := 0
	err = db.Each(found, err, func(r sqldb.Row) error {
		var a string
		var b int64
		var c any
		var d bool
		var e sqldb.Instant
		var f sql.NullString
		if err := r.Scan(&a, &b, &c, &d, &e, &f); err != nil {
			return err
		}
		want := now.Truncate(time.Microsecond)
		if n == 0 && (a != "é'\"" || b != 1<<40 || !d || !e.Equal(want) || f.Valid) ||
			n == 1 && (a != "" || b != -1 || d || !e.Equal(want.Add(time.Hour)) || f.String != "x") {
			t.Errorf("row %d: %q %d %v %v %v %v", n, a, b, c, d, e, f)
		}
		n++
		return nil
	})
	if err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
	undone(ctx, t, db)
	together(ctx, t, db)
}

// together: statements of several rounds are one transaction; what fails in the first round, between rounds or in the
// last leaves nothing, and the connections are as they were.
func together(ctx context.Context, t *testing.T, db *sqldb.DB) {
	t.Helper()
	mine := errors.New("mine")
	insert := func(id int) sqldb.Statement {
		return sqldb.Statement{Query: "INSERT INTO one VALUES ($1)", Args: []any{id}}
	}
	var seen []int64
	look := sqldb.Statement{Query: "SELECT id FROM one WHERE id > 20 ORDER BY id", Row: func(r sqldb.Row) error {
		var id int64
		err := r.Scan(&id)
		seen = append(seen, id)
		return err
	}}
	for name, test := range map[string]struct {
		first, last []sqldb.Statement
		fails       bool
		err         error
	}{
		"all":     {first: []sqldb.Statement{insert(21), look, insert(22)}, last: []sqldb.Statement{insert(23)}},
		"first":   {first: []sqldb.Statement{insert(31), insert(31), insert(32)}, fails: true},
		"between": {first: []sqldb.Statement{insert(33)}, err: mine, fails: true},
		"last": {
			first: []sqldb.Statement{insert(34)}, last: []sqldb.Statement{insert(35), insert(34), insert(36)}, fails: true,
		},
		"no reading": {last: []sqldb.Statement{insert(19)}},
		"nothing":    {},
	} {
		err := db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) {
			if test.first != nil {
				if err := ask(test.first...); err != nil {
					return nil, err
				}
			}
			return test.last, test.err
		})
		if (err != nil) != test.fails || errors.Is(err, sqldb.ErrUnreachable) ||
			test.err != nil && !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !slices.Equal(seen, []int64{21}) {
		t.Errorf("seen within the transaction: %v", seen)
	}
	seen = nil
	err := db.Together(ctx, func(ask sqldb.Ask) ([]sqldb.Statement, error) { return nil, ask(look) })
	if err != nil || !slices.Equal(seen, []int64{21, 22, 23}) {
		t.Errorf("left: %v, %v", seen, err)
	}
}

// undone: what fails in a transaction leaves nothing, and its error is the caller's.
func undone(ctx context.Context, t *testing.T, db *sqldb.DB) {
	t.Helper()
	if _, err := db.Write.ExecContext(ctx, "CREATE TABLE one (id integer PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	err := db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO one VALUES (1)")
		return errors.Join(err, mine)
	})
	var left int
	if rerr := db.Read.QueryRowContext(ctx, "SELECT count(*) FROM one").Scan(&left); rerr != nil || left != 0 ||
		!errors.Is(err, mine) || errors.Is(err, sqldb.ErrUnreachable) {
		t.Errorf("%d left, %v, %v", left, err, rerr)
	}
	for i := range 2 {
		err = db.Tx(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO one VALUES (7)")
			return err
		})
		if (err != nil) != (i == 1) || errors.Is(err, sqldb.ErrUnreachable) {
			t.Errorf("time %d: %v", i+1, err)
		}
	}
}

// TestFileNames: a file's name may have what means something in an address; a copy of it is whole.
func TestFileNames(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "a?b#c%41é.db")
	db, err := sqlite.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(), "CREATE TABLE one (id integer)"); err != nil {
		t.Fatal(err)
	}
	to := filepath.Join(t.TempDir(), "copy.db")
	if err := sqlite.Snapshot(t.Context(), name, to); err != nil {
		t.Fatal(err)
	}
	other, err := sqlite.Open(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.Read.ExecContext(t.Context(), "SELECT id FROM one"); err != nil {
		t.Error(err)
	}
}

// TestAddresses that cannot be read are refused without quoting them: there is a password in them.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"postgres://carillon:secret-word@host:port/x", "mysql://secret-word", "secret-word"} {
		if _, err := postgres.Open(dsn, 1); err == nil || strings.Contains(err.Error(), "secret-word") {
			t.Errorf("%v", err)
		}
	}
}
