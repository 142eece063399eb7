// Package migrations makes and changes the ledger's tables, in SQLite and PostgreSQL.
//
// A migration adds, so that older code goes on working; one that does not raises ledger_schema.min_code to its own
// number. Each sets ledger_schema.version to its number.
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
)

//go:embed sqlite/*.sql postgres/*.sql
var files embed.FS

// table is where goose writes down what it has run.
const table = "ledger_migrations"

// Run brings the tables of a database to the newest version, and returns that. Where several run at once on PostgreSQL,
// one does it; a SQLite file must be this process's alone.
func Run(ctx context.Context, db *sqldb.DB) (version int64, err error) {
	dialect := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres}[db.Name]
	options := []goose.ProviderOption{goose.WithTableName(table), goose.WithDisableGlobalRegistry(true)}
	if db.Name == "postgres" {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return 0, err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	folder, err := fs.Sub(files, db.Name)
	if err != nil {
		return 0, err
	}
	provider, err := goose.NewProvider(dialect, db.Write, folder, options...)
	if err != nil {
		return 0, fmt.Errorf("the ledger's migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return 0, fmt.Errorf("bringing the ledger's tables up to date: %w", db.Fault(err))
	}
	if version, err = provider.GetDBVersion(ctx); err != nil {
		return 0, db.Fault(err)
	}
	return version, First(ctx, db)
}

// First gives a new ledger its id; one that has an id keeps it.
func First(ctx context.Context, db *sqldb.DB) error {
	return db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO head (one, ledger, number, hold) VALUES (1, $1, 0, 0) "+
			"ON CONFLICT (one) DO NOTHING", uuid.NewString())
		return err
	})
}

// Renew gives a ledger another id: a restored one repeats numbers, and whoever has followed it must start over. Its
// epoch grows, beyond that of an id that the backup does not know either.
func Renew(ctx context.Context, db *sqldb.DB, now time.Time) error {
	return db.Tx(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE head SET ledger = $1, epoch = CASE WHEN epoch < $2 THEN $2 ELSE epoch + 1 "+
			"END", uuid.NewString(), now.Unix())
		return err
	})
}
