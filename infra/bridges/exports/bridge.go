// Package exports is the exports bridge on one machine.
package exports

import (
	"context"
	"crypto/rand"
	"embed"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/functions/exports/queries"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

var (
	//go:embed web
	assets embed.FS
	//go:embed texts
	textFiles embed.FS
)

// texts are what is said of parts on the overview, and of what doctor finds, by language.
var texts = faults.Load(textFiles, "texts")

// doctor makes findings.
var doctor = machine.Doctor{Texts: texts}

// New returns the exports bridge.
func New() machine.Bridge { return new(bridge).definition() }

type bridge struct {
	*machine.Host

	settings *config.Settings[exports.Settings]
	state    documents.Bucket
	demo     *exportsDemo // nil with --config
	key      string       // the operator's, for the queries
	// The functions.
	transfer, queries http.Handler
}

func (b *bridge) definition() machine.Bridge {
	return machine.Bridge{
		Name: "exports", Texts: texts,

		Settings: exports.SettingsFile, Schema: "shared/exports/exports.schema.json", Folders: []string{"azurite", "exports"},
		Open: b.open, Examine: examineFolder, Command: command, Page: assets,
	}
}

func (b *bridge) open(host *machine.Host) (_ *machine.Service, err error) {
	b.Host, b.state = host, host.Bucket("exports-state")
	if b.Sample {
		if b.demo, err = openExportsDemo(b); err != nil {
			return nil, err
		}
	}
	if b.settings, err = exports.LoadSettings(b.Config()); err != nil {
		return nil, err
	}
	if _, err = b.settings.Get(b.Context()); err != nil {
		return nil, err
	}
	b.functions()
	return &machine.Service{
		Subscriptions: []machine.Subscription{
			{Name: "exports-transfer", Topic: exports.TopicTransfer, Handler: b.transfer, Concurrency: 4},
		},
		Jobs:   []machine.Job{{Schedule: "CRON_TZ=UTC " + exports.Schedule, Topic: exports.TopicTransfer}},
		Public: b.public, Simulators: b.demo.simulators(), Operations: b.operations(), Pages: b.pages, Start: b.start,
		Overdue: b.overdue,
		Parts:   b.parts, Examine: b.examine, Zone: b.zone, Announce: b.announce, Collector: b, Close: b.close,
	}, nil
}

func (b *bridge) functions() {
	b.key = rand.Text()
	// Blobs, files and access live in real time, also where the sample's clock runs ahead.
	b.transfer = b.Function("exports-transfer", transfer.New(transfer.Config{
		Settings: b.settings, State: b.state, Publisher: b.Host, Destination: b.destination, Now: time.Now,
	}))
	if b.demo != nil {
		b.transfer = b.demo.ready(b.transfer)
	}
	b.queries = b.Function("exports-queries",
		queries.New(queries.Config{Settings: b.settings, State: b.state, Key: b.key, Now: b.Clock.Now}))
}

// destination is where a source's files go: its folder, or exports/NAME in the data folder.
func (b *bridge) destination(src exports.Source) (files.Store, error) {
	if src.Destination == "" {
		return files.NewFolder(b.defaultFolder(src.Name), src.Work(), true), nil
	}
	return namedFolder(src)
}

func (b *bridge) defaultFolder(source string) string {
	folder := filepath.Join(b.Data, "exports", source)
	if abs, err := filepath.Abs(folder); err == nil {
		return abs // as a person needs it for the importer
	}
	return folder
}

// namedFolder is the folder that a source's settings name.
func namedFolder(src exports.Source) (files.Store, error) {
	if strings.HasPrefix(src.Destination, exports.BucketScheme) {
		return nil, fmt.Errorf("%w: a bucket is for the cloud; name a folder", files.ErrUnusable)
	}
	return files.NewFolder(src.Destination, src.Work(), false), nil
}

func (b *bridge) close() {
	if b.demo != nil {
		b.demo.close()
	}
}

func (b *bridge) start() {
	if b.demo != nil {
		b.Go(func() { b.demo.run(b) })
	}
}

// overdue is a run at each start: it takes up what a run that died has left. The sample's asks for it itself, when its
// blob store answers.
func (b *bridge) overdue(context.Context) ([]string, error) {
	if b.demo != nil {
		return nil, nil
	}
	return []string{exports.TopicTransfer}, nil
}

func (b *bridge) public(mux *http.ServeMux) {
	mux.Handle("/queries", b.queries)
	mux.Handle("/queries/", b.queries)
}

// operations pass the operators' commands to the functions as they are.
func (b *bridge) operations() map[string]web.HandlerFunc {
	transfer := func(w http.ResponseWriter, r *http.Request) error {
		http.StripPrefix("/operator/exports", b.transfer).ServeHTTP(w, r)
		return nil
	}
	queries := func(w http.ResponseWriter, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+b.key)
		http.StripPrefix("/operator/exports", b.queries).ServeHTTP(w, r)
		return nil
	}
	return map[string]web.HandlerFunc{
		"POST /operator/exports/transfer": transfer, "GET /operator/exports/status": transfer,
		"GET /operator/exports/quarantine":                        transfer,
		"GET /operator/exports/quarantine/{source}/{id}":          transfer,
		"POST /operator/exports/quarantine/{source}/{id}/release": transfer,
		"GET /operator/exports/queries":                           queries, "POST /operator/exports/queries/force": queries,
		"POST /operator/exports/queries/{id}/enable": queries, "POST /operator/exports/queries/{id}/disable": queries,
		"GET /operator/exports/queries/providers": queries, "POST /operator/exports/queries/providers": queries,
	}
}

func (b *bridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil || len(settings.Sources) == 0 {
		return ""
	}
	return settings.Sources[0].TimeZone
}

func (b *bridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  queries       %s/queries\n", b.URL)
		return
	}
	fmt.Fprintf(w, "  simulated Cegid      %s/sim/cegid/  (%s)\n  scheduled queries    %s/queries  (bearer %s)\n", b.URL,
		b.demo.state(), b.URL, demoQueriesKey)
	fmt.Fprintf(w, "  exported files       %s\n", b.defaultFolder(demoSource))
}

var (
	descExportsRun = prometheus.NewDesc("carillon_exports_run_age_seconds",
		"Time since the source's last run without a fault ended.", []string{"source"}, nil)
	descExportsFailures = prometheus.NewDesc("carillon_exports_failures", "Runs that failed in a row.",
		[]string{"source"}, nil)
	descExportsQuarantine = prometheus.NewDesc("carillon_exports_quarantine", "Files in the quarantine.",
		[]string{"source"}, nil)
)

// Describe implements [prometheus.Collector].
func (b *bridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descExportsRun
	ch <- descExportsFailures
	ch <- descExportsQuarantine
}

// Collect implements [prometheus.Collector]: it asks the function how its sources do.
func (b *bridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.Context(), machine.CollectTime)
	defer cancel()
	list, err := b.statuses(ctx, "")
	if err != nil {
		return
	}
	for _, s := range list {
		machine.Gauge(ch, descExportsFailures, float64(s.Failures), s.Source)
		machine.Gauge(ch, descExportsQuarantine, float64(s.Quarantine), s.Source)
		for _, run := range s.Runs {
			if run.Fault == nil {
				machine.Gauge(ch, descExportsRun, machine.Age(run.Ended, time.Now()), s.Source)
				break
			}
		}
	}
}
