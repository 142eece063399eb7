// Package postgres opens a PostgreSQL database.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
)

// idle is how long an unused connection is kept: servers and networks forget it later than that.
const idle = 5 * time.Minute

// connecting is how long a connection may take to be made.
const connecting = 5 * time.Second

// Open prepares the use of a database by a URL or by keywords and values
// (postgresql.org/docs/current/libpq-connect.html), with at most so many connections, made in another way where a
// caller says so. It does no I/O.
func Open(dsn string, connections int, with ...func(*pgx.ConnConfig)) (*sqldb.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		// pgx's own words may have the password in them
		return nil, errors.New("the address of the PostgreSQL database cannot be read: it must be of the form " +
			"postgres://USER:PASSWORD@HOST:PORT/DATABASE")
	}
	cfg.ConnectTimeout = connecting
	cfg.RuntimeParams["timezone"] = "UTC"
	// Plans are made while tables are small, and kept while they grow: what has an index is read by it from the first row
	// on (postgresql.org/docs/current/runtime-config-query.html).
	cfg.RuntimeParams["enable_seqscan"] = "off"
	cfg.RuntimeParams["jit"] = "off" // compiling a plan takes longer than any statement here
	for _, change := range with {
		change(cfg)
	}
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idle)
	return &sqldb.DB{Read: db, Write: db, Dialect: dialect}, nil
}

var dialect = sqldb.Dialect{
	Name:  "postgres",
	Lock:  " FOR UPDATE",
	Table: func(param string) string { return "jsonb_array_elements(CAST(" + param + " AS jsonb)) AS r(v)" },
	Element: func(i int, typ string) string {
		return fmt.Sprintf("CAST(v ->> %d AS %s)", i, typ)
	},
	Rounds:      rounds,
	Unreachable: unreachable,
}

// rounds does a transaction in pipelines, one for each round, of which the first begins it and the last commits it.
func rounds(ctx context.Context, db *sqldb.DB, do func(sqldb.Ask) ([]sqldb.Statement, error)) error {
	conn, err := db.Write.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		pg := c.(*stdlib.Conn).Conn() //nolint:errcheck,forcetypeassert // Open has made it
		err := transaction(ctx, pg, do)
		if err != nil && pg.PgConn().TxStatus() != 'I' {
			undo(pg) //nolint:contextcheck // the caller's may have ended
		}
		return err
	})
}

func transaction(ctx context.Context, pg *pgx.Conn, do func(sqldb.Ask) ([]sqldb.Statement, error)) error {
	begun := false
	begin := func(list []sqldb.Statement) []sqldb.Statement {
		if begun {
			return list
		}
		begun = true
		return slices.Insert(list, 0, sqldb.Statement{Query: "BEGIN"})
	}
	last, err := do(func(list ...sqldb.Statement) error { return pipeline(ctx, pg, begin(list)) })
	if err != nil {
		return err
	}
	err = pipeline(ctx, pg, append(begin(last), sqldb.Statement{Query: "COMMIT"}))
	if err != nil && unreachable(err) && !pgconn.SafeToRetry(err) {
		return fmt.Errorf("%w: %w", sqldb.ErrUnknown, err)
	}
	return err
}

// pipeline sends statements at once, and reads their answers in order up to the first fault.
func pipeline(ctx context.Context, pg *pgx.Conn, list []sqldb.Statement) (err error) {
	var b pgx.Batch
	for _, s := range list {
		b.Queue(s.Query, s.Args...)
	}
	answers := pg.SendBatch(ctx, &b)
	defer func() {
		if closed := answers.Close(); err == nil {
			err = closed
		}
	}()
	for _, s := range list {
		rows, err := answers.Query()
		if err != nil {
			return err
		}
		for s.Row != nil && rows.Next() {
			if err := s.Row(rows); err != nil {
				rows.Close()
				return err
			}
		}
		rows.Close()
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// undo gives a connection back as it was, or not at all.
func undo(pg *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), connecting)
	defer cancel()
	if _, err := pg.Exec(ctx, "ROLLBACK"); err != nil {
		_ = pg.Close(ctx)
	}
}

// unreachable reports a server that is away, is stopping or starting, has no connection left, or has broken off a
// transaction for another's sake (postgresql.org/docs/current/errcodes-appendix.html).
func unreachable(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch server.Code[:2] {
		case "08", "53", "57", "58", "40":
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) ||
		errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, sql.ErrConnDone) ||
		pgconn.SafeToRetry(err) || errors.Is(err, context.DeadlineExceeded)
}
