// Package postgres opens a PostgreSQL database.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
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
// (postgresql.org/docs/current/libpq-connect.html), with at most so many connections. It does no I/O.
func Open(dsn string, connections int) (*sqldb.DB, error) {
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
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(idle)
	return &sqldb.DB{Read: db, Write: db, Dialect: dialect}, nil
}

var dialect = sqldb.Dialect{
	Name:  "postgres",
	Lock:  " FOR UPDATE",
	Table: func(param string) string { return "json_array_elements(CAST(" + param + " AS json)) AS r(v)" },
	Element: func(i int, typ string) string {
		return fmt.Sprintf("CAST(v ->> %d AS %s)", i, typ)
	},
	Unreachable: unreachable,
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
