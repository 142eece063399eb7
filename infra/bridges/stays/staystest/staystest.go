// Package staystest opens settings and a ledger for tests of the stays functions.
package staystest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

// Parts are a function's settings and ledger, with the ledger's database.
type Parts struct {
	Settings *config.Settings[stays.Settings]
	Ledger   *ledger.Ledger
	DB       *sqldb.DB
}

// Open makes an empty ledger, and settings of the given JSON. Both are removed with the test.
func Open(t *testing.T, settings []byte, now func() time.Time) (p Parts) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	state, err := machine.Open(t.Context(), dir)
	must(err)
	t.Cleanup(func() { _ = state.Close() })
	_, err = state.Bucket("config").Put(t.Context(), stays.SettingsFile, 0, settings, nil)
	must(err)
	p.Settings, err = stays.LoadSettings(state.Bucket("config"))
	must(err)
	p.DB, err = sqlite.Open(t.Context(), filepath.Join(dir, "stays.db"))
	must(err)
	t.Cleanup(func() { _ = p.DB.Close() })
	_, err = migrations.Run(t.Context(), p.DB)
	must(err)
	p.Ledger, err = ledger.Open(t.Context(), p.DB, now)
	must(err)
	return p
}
