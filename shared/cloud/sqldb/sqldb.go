// Package sqldb is a database to which the same statements are given, whether it is SQLite or PostgreSQL. The packages
// sqlite and postgres open one; a function links the one that it uses.
//
// Statements have the parameters $1, $2 and so on, which both read. Many rows go to the database in one parameter, as
// [DB.Rows] says.
package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// A DB is an open database.
type DB struct {
	Read  *sql.DB // for single statements that read
	Write *sql.DB // for transactions; it may be the same

	Dialect
}

// A Dialect is what two databases write differently.
type Dialect struct {
	Name string // "sqlite" or "postgres"
	Lock string // after a SELECT: its rows are this transaction's until it ends

	// Table is an expression for the elements, named v, of the JSON array that is a parameter; Element is one of the
	// element's own elements, as a type.
	Table   func(param string) string
	Element func(i int, typ string) string
	// Rounds is how [DB.Together] is done where it is not one statement after the other.
	Rounds func(context.Context, *DB, func(Ask) ([]Statement, error)) error

	// Unreachable reports whether an error says that the database could not be asked, or not to the end, and may be asked
	// again later.
	Unreachable func(error) bool
}

// ErrUnreachable is that a database cannot be asked just now; of a transaction nothing was written, unless the error is
// ErrUnknown too: the answer to the commit was lost.
var (
	ErrUnreachable = errors.New("the database cannot be reached")
	ErrUnknown     = errors.New("whether the database has it is not known")
)

// Rows is a table to select from: the rows of the JSON text that [JSON] makes of a slice of slices, which is parameter
// number n. columns are names with types: "unit text", "day date", "hold bigint", "long boolean".
func (d Dialect) Rows(n int, columns ...string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		name, typ, _ := strings.Cut(c, " ")
		list[i] = d.Element(i, typ) + " AS " + name
	}
	return "(SELECT " + strings.Join(list, ", ") + " FROM " + d.Table(fmt.Sprint("$", n)) + ")"
}

// JSON is rows as a parameter.
func JSON(rows [][]any) string {
	if rows == nil {
		return "[]"
	}
	text, err := json.Marshal(rows)
	if err != nil { // of what callers give, everything can be written
		panic(err)
	}
	return string(text)
}

// Tx does something in a transaction, which is undone where it fails. An error that says that the database cannot be
// asked is [ErrUnreachable].
func (db *DB) Tx(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := db.Write.BeginTx(ctx, nil)
	if err != nil {
		return db.Fault(err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback()
		return db.Fault(ended(ctx, err))
	}
	if err := db.Fault(ended(ctx, tx.Commit())); errors.Is(err, ErrUnreachable) {
		return fmt.Errorf("%w: %w", ErrUnknown, err)
	} else if err != nil {
		return err
	}
	return nil
}

// ended is the context's error where a transaction ended with it, and was undone.
func ended(ctx context.Context, err error) error {
	if errors.Is(err, sql.ErrTxDone) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// A Statement is one of several that go to the database together.
type Statement struct {
	Query string
	Args  []any
	Row   func(Row) error // takes each row of the answer; nil: it has none
}

// A Row is scanned.
type Row interface{ Scan(into ...any) error }

// Ask gives statements to the database within a transaction, and their rows to those who wait for them.
type Ask func(...Statement) error

// Together does something in a transaction whose statements go to the database several at a time: in as many rounds as
// do asks in, and a last one with those that it returns. Errors are as [DB.Tx] has them.
func (db *DB) Together(ctx context.Context, do func(Ask) (last []Statement, err error)) error {
	if db.Rounds != nil {
		return db.Fault(db.Rounds(ctx, db, do))
	}
	return db.Tx(ctx, func(tx *sql.Tx) error {
		ask := func(list ...Statement) error {
			for _, s := range list {
				if err := db.ask(ctx, tx, s); err != nil {
					return err
				}
			}
			return nil
		}
		last, err := do(ask)
		if err != nil {
			return err
		}
		return ask(last...)
	})
}

func (db *DB) ask(ctx context.Context, tx *sql.Tx, s Statement) error {
	if s.Row == nil {
		_, err := tx.ExecContext(ctx, s.Query, s.Args...)
		return err
	}
	rows, err := tx.QueryContext(ctx, s.Query, s.Args...)
	return db.Each(rows, err, s.Row)
}

// Fault is an error as callers see it: those that may pass are [ErrUnreachable].
func (db *DB) Fault(err error) error {
	if err != nil && !errors.Is(err, ErrUnreachable) && (errors.Is(err, driver.ErrBadConn) || db.Unreachable(err)) {
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return err
}

// Each calls do for each row of a SELECT; do scans it.
func (db *DB) Each(rows *sql.Rows, err error, do func(Row) error) error {
	if err != nil {
		return db.Fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows); err != nil {
			return err
		}
	}
	return db.Fault(rows.Err())
}

// Close closes the database.
func (db *DB) Close() error {
	err := db.Read.Close()
	if db.Write != db.Read {
		err = errors.Join(err, db.Write.Close())
	}
	return err
}

// An Instant is a time as both databases keep it, in UTC to the microsecond.
type Instant struct{ time.Time }

// At makes an Instant; PostgreSQL keeps microseconds.
func At(t time.Time) Instant { return Instant{t.UTC().Truncate(time.Microsecond)} }

const instantForm = "2006-01-02T15:04:05.000000Z"

// Text is how statements get it.
func (i Instant) Text() string { return i.UTC().Format(instantForm) }

// MarshalText writes it for [JSON].
func (i Instant) MarshalText() ([]byte, error) { return []byte(i.Text()), nil }

// MarshalJSON is as [Instant.MarshalText]: without it the embedded time's would be taken.
func (i Instant) MarshalJSON() ([]byte, error) { return json.Marshal(i.Text()) }

// Value is how a database takes it.
func (i Instant) Value() (driver.Value, error) { return i.Text(), nil }

// Scan reads a database's instant; NULL is the zero time.
func (i *Instant) Scan(v any) (err error) {
	switch v := v.(type) {
	case nil:
		i.Time = time.Time{}
	case time.Time:
		i.Time = v.UTC()
	case string:
		i.Time, err = time.Parse(time.RFC3339Nano, v)
	default:
		err = fmt.Errorf("an instant of the type %T", v)
	}
	return err
}
