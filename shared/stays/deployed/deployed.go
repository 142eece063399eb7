// Package deployed opens what the deployed functions of stays share: the settings, and the PostgreSQL database that
// they name.
package deployed

import (
	"context"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/stays"
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
	db, err := postgres.Open(dsn, settings.Pool())
	return cloud.Settings, db, err
}
