// Package deployed opens what the deployed functions of stays share: the settings, and the PostgreSQL database that
// they name.
package deployed

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/cloudsql"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// Open reads the settings in a config bucket and prepares the use of their database, of which nothing is read yet.
func Open(ctx context.Context, configBucket string) (*config.Settings[stays.Settings], *sqldb.DB, error) {
	cloud, err := gcloud.Open(ctx, stays.LoadSettings, configBucket)
	if err != nil {
		return nil, nil, err
	}
	settings, err := cloud.Settings.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	dsn, err := settings.Server()
	if err != nil {
		return nil, nil, err
	}
	db, err := cloudsql.Open(dsn, settings.Pool())
	return cloud.Settings, db, err
}

// Ledger opens the ledger in that database, which must have its tables.
func Ledger(ctx context.Context, configBucket string, now func() time.Time) (
	*config.Settings[stays.Settings], *sqldb.DB, *ledger.Ledger, error,
) {
	settings, db, err := Open(ctx, configBucket)
	if err != nil {
		return nil, nil, nil, err
	}
	book, err := ledger.Open(ctx, db, now)
	if err != nil {
		_ = db.Close()
		return nil, nil, nil, fmt.Errorf("opening the ledger: %w", err)
	}
	return settings, db, book, nil
}
