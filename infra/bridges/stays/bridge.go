// Package stays is the stays bridge on one machine.
package stays

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/functions/stays/bookings"
	"github.com/carillon-calendar/carillon/functions/stays/feeds"
	"github.com/carillon-calendar/carillon/functions/stays/owners"
	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/cloudsql"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
	"github.com/carillon-calendar/carillon/shared/stays/secrets"
)

var (
	//go:embed web
	assets embed.FS
	//go:embed texts
	textFiles embed.FS
)

// texts are what people read of it, by language.
var texts = faults.Load(textFiles, "texts")

// databaseFile is the ledger in the data folder, where stays.json names no server.
const databaseFile = "stays.db"

// connections are to a database server where the settings do not say: all functions of this machine share them.
const connections = 8

// mostWait is how long a partner's request may wait for a change.
const mostWait = 25 * time.Second

// New returns the stays bridge.
func New() machine.Bridge { return new(bridge).definition() }

type bridge struct {
	*machine.Host

	settings *config.Settings[stays.Settings]
	db       *sqldb.DB
	ledger   *ledger.Ledger
	// The functions.
	bookings, relay, reservations, owners, feeds http.Handler

	key   string        // that seals, where the settings have none
	nudge chan struct{} // a change was made
}

func (b *bridge) definition() machine.Bridge {
	return machine.Bridge{
		Name: "stays", Texts: texts,

		Settings: stays.SettingsFile, Schema: "shared/stays/stays.schema.json",
		Database: databaseFile, Restored: restored,
		Open: b.open, Examine: examineFolder, Command: command, Page: assets,
	}
}

func (b *bridge) open(host *machine.Host) (_ *machine.Service, err error) {
	b.Host = host
	ctx := b.Context()
	if b.Sample {
		if err := b.WriteSample(stays.SettingsFile, []byte(sampleSettings)); err != nil {
			return nil, err
		}
	}
	if b.settings, err = stays.LoadSettings(b.Config()); err != nil {
		return nil, err
	}
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	if b.key, err = b.Setting("stays_key", secrets.New); err != nil {
		return nil, err
	}
	if b.db, err = openDatabase(ctx, settings, b.Data); err != nil {
		return nil, err
	}
	if err := b.take(ctx); err != nil {
		_ = b.db.Close()
		return nil, err
	}
	return &machine.Service{
		Subscriptions: []machine.Subscription{
			// messages that arrive during a run end at once: the run serves them
			{Name: "stays-relay", Topic: stays.TopicRelay, Handler: b.relay, Concurrency: 4},
			{Name: "stays-broker", Topic: stays.TopicBroker, Handler: b.relay, Attempts: brokerAttempts},
			{
				Name: "stays-reservations", Topic: stays.TopicNotifications, Handler: b.reservations, Concurrency: 8,
				Attempts: siteAttempts, MaxBackoff: siteBackoff,
			},
		},
		Jobs: []machine.Job{{
			Schedule: stays.RelaySchedule, Topic: stays.TopicRelay,
			Message: messages.Message{Attributes: messages.OfKind(messages.KindAll)}, // as the scheduler of the cloud
		}},
		Start: func() {
			b.Go(b.passOn)
			b.Go(func() { relay.Connect(b.Context(), b.relayConfig()) })
		},
		Public: b.public, Operations: b.operations(), Pages: b.pages, Parts: b.parts, Examine: b.examine, Zone: b.zone,
		Announce: b.announce, Collector: b, Close: func() { _ = b.db.Close() },
	}, nil
}

// Attempts at messages before they are dead letters: the website's database may be away for a day.
const (
	brokerAttempts = 5
	siteAttempts   = 3000
	siteBackoff    = 30 * time.Second
)

// passOn wakes the relay after changes. The answers to those changes do not wait for it.
func (b *bridge) passOn() {
	const pause = 10 * time.Millisecond // one look serves many changes
	for {
		select {
		case <-b.Context().Done():
			return
		case <-b.nudge:
		}
		if err := b.Publish(b.Context(), stays.TopicRelay, messages.Message{}); err != nil && b.Context().Err() == nil {
			slog.Warn("stays relay not woken, it looks each minute", slog.Any("error", err))
		}
		<-time.After(pause)
	}
}

func (b *bridge) relayConfig() relay.Config {
	return relay.Config{
		Settings: b.settings, Ledger: b.ledger, Publisher: b, Now: b.Clock.Now, Resident: true, PrivateHooks: b.Sample,
		Key: b.key, Address: b.own(),
	}
}

// own is the machine's address of the owners' pages, in the sample: elsewhere it is behind a proxy, whose address the
// settings name.
func (b *bridge) own() string {
	if b.Sample {
		return b.URL
	}
	return ""
}

// openDatabase opens the ledger's database: the server's that the settings name, else the file in the data folder.
func openDatabase(ctx context.Context, settings *stays.Settings, data string) (*sqldb.DB, error) {
	if settings.DatabaseFault != nil {
		return nil, settings.DatabaseFault
	}
	if settings.Database != "" {
		return cloudsql.Open(settings.Database, cmp.Or(settings.Connections, connections))
	}
	return sqlite.Open(ctx, filepath.Join(data, databaseFile))
}

// take brings the tables up to date and makes the functions.
func (b *bridge) take(ctx context.Context) (err error) {
	if _, err = migrations.Run(ctx, b.db); err != nil {
		return err
	}
	if b.ledger, err = ledger.Open(ctx, b.db, b.Clock.Now); err != nil {
		return err
	}
	if b.Sample {
		if err := fillSample(ctx, b.ledger, b.Clock.Now()); err != nil {
			return fmt.Errorf("filling the sample's ledger: %w", err)
		}
	}
	b.bookings = b.Function("stays-bookings", bookings.New(bookings.Config{
		Settings: b.settings, Ledger: b.ledger, Wait: mostWait, Now: b.Clock.Now,
	}))
	b.nudge = make(chan struct{}, 1)
	b.nudge <- struct{}{} // what was not delivered before
	b.ledger.Wake = func(context.Context) error {
		select {
		case b.nudge <- struct{}{}:
		default: // it will look anyway
		}
		return nil
	}
	b.owners = b.Function("stays-owners", owners.New(owners.Config{
		Settings: b.settings, Ledger: b.ledger, Now: b.Clock.Now, Key: b.key, Address: b.own(), Mails: b.Sample,
	}))
	b.feeds = b.Function("stays-feeds", feeds.New(feeds.Config{
		Settings: b.settings, Ledger: b.ledger, Now: b.Clock.Now,
	}))
	b.relay = b.Function("stays-relay", relay.New(b.relayConfig()))
	b.reservations = b.Function("stays-reservations", reservations.New(reservations.Config{
		Settings: b.settings, Ledger: b.ledger, Database: b.db, Now: b.Clock.Now,
	}))
	return nil
}

// restored gives a restored ledger another id: it repeats numbers, and whoever follows it must start over.
func restored(ctx context.Context, data string) error {
	file := filepath.Join(data, databaseFile)
	if !exists(file) {
		return nil
	}
	db, err := sqlite.Open(ctx, file)
	if err != nil {
		return err
	}
	defer db.Close()
	if version, _, err := ledger.Schema(ctx, db); err != nil || version == 0 {
		return err
	}
	return migrations.Renew(ctx, db, time.Now())
}

func (b *bridge) public(mux *http.ServeMux) {
	for _, pattern := range []string{"/calendar", "/++resource++booking.wsdl", "/stays/v1/"} {
		mux.Handle(pattern, b.bookings)
	}
	for _, pattern := range []string{"/owners", "/owners/", "/enter", "/selectedDays", "/addRange"} {
		mux.Handle(pattern, b.owners)
	}
	for _, pattern := range []string{"/calendars/", "/extern-calendar", "/extern-monthly-calendar"} {
		mux.Handle(pattern, b.feeds)
	}
}

// operations pass the operators' commands to the function as they are.
func (b *bridge) operations() map[string]web.HandlerFunc {
	pass := func(to http.Handler) web.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) error {
			http.StripPrefix("/operator/stays", to).ServeHTTP(w, r)
			return nil
		}
	}
	all := map[string]web.HandlerFunc{
		"GET /operator/stays/table": pass(b.reservations), "GET /operator/stays/verify": pass(b.reservations),
		"POST /operator/stays/repair": pass(b.reservations),
	}
	for _, pattern := range []string{
		"GET /operator/stays/status", "GET /operator/stays/changes", "POST /operator/stays/changes/{seq}/undo",
		"GET /operator/stays/units", "PUT /operator/stays/units",
		"DELETE /operator/stays/units/{unit}", "GET /operator/stays/partners",
		"PUT /operator/stays/partners/{name}", "POST /operator/stays/partners/{name}/secrets",
		"DELETE /operator/stays/partners/{name}", "POST /operator/stays/import",
		"GET /operator/stays/hooks", "POST /operator/stays/hooks", "POST /operator/stays/hooks/{id}/test",
		"POST /operator/stays/hooks/{id}/resume", "DELETE /operator/stays/hooks/{id}",
		"POST /operator/stays/destinations/{name}/pause", "POST /operator/stays/destinations/{name}/resume",
		"POST /operator/stays/destinations/{name}/export", "POST /operator/stays/units/{unit}/state",
		"GET /operator/stays/owners", "PUT /operator/stays/owners/{id}", "POST /operator/stays/owners/{id}/link",
		"GET /operator/stays/letters",
	} {
		all[pattern] = pass(b.relay)
	}
	return all
}

func (b *bridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return ""
	}
	return settings.Zone().String()
}

func (b *bridge) announce(w io.Writer) {
	fmt.Fprintf(w, "  partners' service    %s/calendar?wsdl and %s/stays/v1/", b.URL, b.URL)
	if b.Sample {
		fmt.Fprint(w, "  (channel:channel-key, portal:portal-key)")
	}
	fmt.Fprintf(w, "\n  owners' pages        %s/owners/\n", b.URL)
	if b.Sample {
		fmt.Fprintf(w, "  public calendars     %s/calendars/GFLX0001\n", b.URL)
	}
}

var (
	descNumber = prometheus.NewDesc("carillon_stays_changes", "Number of the ledger's newest change.", nil, nil)
	descUntold = prometheus.NewDesc("carillon_stays_untold",
		"Overwritten bookings of which nobody was told yet.", nil, nil)
	descUnits = prometheus.NewDesc("carillon_stays_unlisted_units", "Units that only a partner has named.", nil, nil)
)

// Describe implements [prometheus.Collector].
func (b *bridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descNumber
	ch <- descUntold
	ch <- descUnits
}

// Collect implements [prometheus.Collector]: it asks the ledger.
func (b *bridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.Context(), machine.CollectTime)
	defer cancel()
	var s relay.Status
	if err := machine.Ask(ctx, b.relay, "/status", &s); err != nil {
		return
	}
	machine.Gauge(ch, descNumber, float64(s.Number))
	machine.Gauge(ch, descUntold, float64(len(s.Untold)))
	machine.Gauge(ch, descUnits, float64(len(s.Unlisted)))
}
