// Package reservations is the one writer of the website's table that says which days of its cottages are taken.
//
// Trigger: messages of stays_notifications, accepted changes; of the kind "all", each minute, for those that wait for
// their cottage; HTTP for operators: GET /table and /verify, POST /repair.
// Reads: stays.json, the ledger, the website's tables. Writes: the website's table with ours beside it; in the ledger
// what waits, and counters. Publishes: nothing.
// Caller: Pub/Sub and operators, by its invoker account. A repeat writes nothing, and neither does a change that comes
// after a later one.
package reservations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/cloudsql"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/deployed"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/site"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("StaysReservations", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	now := time.Now //nolint:forbidigo // the real clock
	settings, db, book, err := deployed.Ledger(ctx, env.ConfigBucket, now)
	if err != nil {
		return nil, err
	}
	return New(Config{Settings: settings, Ledger: book, Database: db, Now: now}), nil
}

// Config is what the function works with.
type Config struct {
	Settings *config.Settings[stays.Settings]
	Ledger   *ledger.Ledger
	Database *sqldb.DB // the ledger's, which has the table where the settings name no database of a website
	Now      func() time.Time
}

// budget is how long a request may take: comparing reads three years of every cottage.
const budget = 4 * time.Minute

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", messages.Handle(f.message))
	mux.Handle("GET /table", web.HandlerFunc(f.rows))
	mux.Handle("GET /verify", web.HandlerFunc(f.verify))
	mux.Handle("POST /repair", web.HandlerFunc(f.repair))
	return web.Function(web.Routes(mux), budget)
}

type function struct {
	Config

	mu    sync.Mutex
	dsn   string // of the table
	site  *sqldb.DB
	table *site.Table
}

// open returns the website's table. It is opened once, and again where the settings name another.
func (f *function) open(ctx context.Context) (*site.Table, *stays.Settings, error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return nil, nil, err
	}
	if settings.SiteFault != nil {
		return nil, nil, settings.SiteFault
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.table != nil && f.dsn == settings.SiteDSN {
		return f.table, settings, nil
	}
	db, own := f.Database, settings.SiteDSN == ""
	if !own {
		if db, err = cloudsql.Open(settings.SiteDSN, settings.Pool()); err != nil {
			return nil, nil, fmt.Errorf("site_dsn: %w", err)
		}
	}
	table, err := site.Open(ctx, db, own)
	if err != nil {
		if !own {
			_ = db.Close()
		}
		return nil, nil, fmt.Errorf("the website's database: %w", err)
	}
	if f.site != nil {
		_ = f.site.Close()
	}
	f.table, f.dsn, f.site = table, settings.SiteDSN, nil
	if !own {
		f.site = db
	}
	return table, settings, nil
}

func (f *function) manner(settings *stays.Settings) site.Manner {
	return site.Manner{Now: f.Now(), Zone: settings.Zone(), Partners: settings.PartnersUpdate()}
}

// message applies what a delivery says, or looks at what waits.
func (f *function) message(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(messages.KindAll)
	if err != nil {
		return err
	}
	table, settings, err := f.open(ctx)
	if kind == messages.KindAll {
		if err == nil {
			err = errors.Join(f.arrived(ctx, table, f.manner(settings)), f.uses(ctx, table, settings))
		}
		if err != nil { // the next minute's message comes anyway
			slog.WarnContext(ctx, "the website's table was not looked at", slog.Any("error", err))
		}
		return nil
	}
	if err != nil {
		return err
	}
	var n stays.Notification
	if err := json.Unmarshal(d.Message.Data, &n); err != nil || !readable(n) {
		return web.NewProblem(http.StatusBadRequest, "The message is not a notification that this function can read.", err)
	}
	result, err := f.apply(ctx, table, n, f.manner(settings))
	if err != nil {
		return err
	}
	slog.InfoContext(ctx, "stays reservations done", slog.Int("changes", len(n.Changes)), slog.Int("days", result.Days),
		slog.Int("unknown", len(result.Unknown)), slog.Int("healed", result.Healed))
	return nil
}

func readable(n stays.Notification) bool {
	for _, u := range n.Changes {
		if u.Number < 0 || u.Unit == "" || !u.Type.Known() || u.Range().Days() < 1 {
			return false
		}
	}
	return n.Version == stays.NotificationVersion && n.Epoch > 0
}

// apply writes the table; what is of a cottage that the website does not have is kept.
func (f *function) apply(
	ctx context.Context, table *site.Table, n stays.Notification, m site.Manner,
) (site.Result, error) {
	result, err := table.Apply(ctx, n.Epoch, n.Changes, m)
	if err != nil {
		return result, err
	}
	if len(result.Unknown) > 0 {
		if err := f.Ledger.Await(ctx, waiting(n, result.Unknown)); err != nil {
			return result, err
		}
	}
	return result, f.count(ctx, result.Healed)
}

func (f *function) count(ctx context.Context, healed int) error {
	if healed == 0 {
		return nil
	}
	slog.WarnContext(ctx, "the website's table had several rows for a day", slog.Int("removed", healed))
	return f.Ledger.Count(ctx, ledger.CounterHealed, int64(healed))
}

// waiting is updates as they are kept: those of one number and unit, which are a ledger that is sent as it is,
// together.
func waiting(n stays.Notification, updates []stays.Update) (list []ledger.Waiting) {
	type key struct {
		unit   string
		number int64
	}
	together := map[key][]stays.Update{}
	var order []key
	for _, u := range updates {
		k := key{u.Unit, u.Number}
		if together[k] == nil {
			order = append(order, k)
		}
		together[k] = append(together[k], u)
	}
	for _, k := range order {
		n.Changes = together[k]
		data, _ := json.Marshal(n)
		list = append(list, ledger.Waiting{Unit: k.unit, Epoch: n.Epoch, Number: k.number, Data: string(data)})
	}
	return list
}

// arrived delivers what waits for cottages that have appeared.
func (f *function) arrived(ctx context.Context, table *site.Table, m site.Manner) error {
	list, err := f.Ledger.Waiting(ctx)
	if err != nil || len(list) == 0 {
		return err
	}
	units := make([]string, len(list))
	for i, w := range list {
		units[i] = w.Unit
	}
	slices.Sort(units)
	known, err := table.Known(ctx, slices.Compact(units))
	if err != nil {
		return err
	}
	var done []ledger.Waiting
	updates := map[int64][]stays.Update{} // by epoch
	for _, w := range list {
		var n stays.Notification
		if !slices.Contains(known, w.Unit) {
			continue
		}
		if err := json.Unmarshal([]byte(w.Data), &n); err != nil {
			slog.ErrorContext(ctx, "waiting change not readable", slog.String("unit", w.Unit), slog.Any("error", err))
			continue
		}
		updates[w.Epoch] = append(updates[w.Epoch], n.Changes...)
		done = append(done, w)
	}
	for epoch, list := range updates {
		result, err := table.Apply(ctx, epoch, list, m)
		if err != nil {
			return err
		}
		if err := f.count(ctx, result.Healed); err != nil {
			return err
		}
	}
	if len(done) == 0 {
		return nil
	}
	slog.InfoContext(ctx, "waiting changes delivered to their cottages", slog.Int("changes", len(done)))
	return f.Ledger.Arrived(ctx, done)
}

// uses writes what the calendars are used for.
func (f *function) uses(ctx context.Context, table *site.Table, settings *stays.Settings) error {
	states, err := f.Ledger.StatesSet(ctx)
	if err != nil {
		return err
	}
	list := make([]site.Use, len(states))
	for i, s := range states {
		list[i] = site.Use(s)
	}
	return table.Uses(ctx, list, settings.Zone())
}

// tell tells operators of a database that cannot be asked just now, and of one that is not the website's.
func tell(err error) error {
	switch {
	case errors.Is(err, site.ErrTables):
		return web.NewProblem(http.StatusServiceUnavailable,
			"The database that site_dsn names does not have the website's tables.", err)
	case errors.Is(err, site.ErrOthers):
		return web.NewProblem(http.StatusServiceUnavailable, "The ledger's database has the website's tables. To have them "+
			"written, name it as site_dsn in stays.json too.", err)
	case errors.Is(err, sqldb.ErrUnreachable):
		return web.NewProblem(http.StatusServiceUnavailable, "The database cannot be reached just now.", err)
	}
	return err
}
