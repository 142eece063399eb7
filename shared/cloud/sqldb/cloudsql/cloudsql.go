// Package cloudsql opens PostgreSQL databases, those of Cloud SQL by their connection names: the connector asks the
// Cloud SQL Admin API for the instance's address and a certificate of its own
// (docs.cloud.google.com/sql/docs/postgres/connect-connectors), for which the account needs roles/cloudsql.client.
package cloudsql

import (
	"context"
	"net"
	"regexp"
	"sync"

	"cloud.google.com/go/cloudsqlconn"
	"github.com/jackc/pgx/v5"

	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
)

// Open is [postgres.Open], whose DSN may also have a connection name, PROJECT:REGION:INSTANCE, for its host, as in
// "host=office:europe-west1:main-stays user=carillon password=… dbname=carillon". It does no I/O.
func Open(dsn string, connections int) (*sqldb.DB, error) {
	return postgres.Open(dsn, connections, theConnector.use)
}

// connectionName is the project, which may be of a domain, with the region and the instance.
var connectionName = regexp.MustCompile(`^([a-z0-9.-]+:)?[a-z0-9-]+:[a-z0-9-]+:[a-z0-9-]+$`)

// A connector makes connections to instances. Certificates are renewed when a connection is made, because a function
// has no processor time between requests.
type connector struct {
	options []cloudsqlconn.Option

	once   sync.Once
	dialer *cloudsqlconn.Dialer
	err    error
}

var theConnector connector

// use has a database's connections made by the connector, where its host is a connection name.
func (c *connector) use(cfg *pgx.ConnConfig) {
	instance := cfg.Host
	if !connectionName.MatchString(instance) {
		return
	}
	cfg.TLSConfig, cfg.Fallbacks = nil, nil // the connector has its own
	cfg.LookupFunc = func(context.Context, string) ([]string, error) { return []string{instance}, nil }
	cfg.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		c.once.Do(func() {
			c.dialer, c.err = cloudsqlconn.NewDialer(context.WithoutCancel(ctx), append([]cloudsqlconn.Option{
				cloudsqlconn.WithLazyRefresh(), cloudsqlconn.WithBuiltInMetrics(false),
			}, c.options...)...)
		})
		if c.err != nil {
			return nil, c.err
		}
		return c.dialer.Dial(ctx, instance)
	}
}
