package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/functions/exports/queries"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// An exportsBridge is the exports bridge.
type exportsBridge struct {
	*system

	settings *config.Settings[exports.Settings]
	state    documents.Bucket
	demo     *exportsDemo // nil with --config
	key      string       // the operator's, for the queries
	// The functions.
	transfer, queries http.Handler
}

func (b *exportsBridge) open() (err error) {
	b.state = b.db.Bucket("exports-state")
	if b.sample() {
		if b.demo, err = openExportsDemo(b); err != nil {
			return err
		}
	}
	if b.settings, err = exports.LoadSettings(b.config); err != nil {
		return err
	}
	if _, err = b.settings.Get(b.ctx); err != nil {
		return err
	}
	key := make([]byte, 24)
	_, _ = rand.Read(key) // never fails
	b.key = hex.EncodeToString(key)
	pub := publisher{b.system, func(string, messages.Message, time.Time) {}}
	// Blobs, files and access live in real time, also where the sample's clock runs ahead.
	b.transfer = b.metrics.function("exports-transfer", transfer.New(transfer.Config{Settings: b.settings, State: b.state, Publisher: pub, Destination: b.destination, Now: time.Now}))
	if b.demo != nil {
		b.transfer = b.demo.ready(b.transfer)
	}
	b.queries = b.metrics.function("exports-queries", queries.New(queries.Config{Settings: b.settings, State: b.state, Key: b.key, Now: b.clock.Now}))
	return nil
}

// destination is where a source's files go: its folder, or exports/NAME in the data folder.
func (b *exportsBridge) destination(src exports.Source) (files.Store, error) {
	if src.Destination == "" {
		return files.NewFolder(b.defaultFolder(src.Name), src.Work(), true), nil
	}
	return namedFolder(src)
}

func (b *exportsBridge) defaultFolder(source string) string {
	folder := filepath.Join(b.data, "exports", source)
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

func (b *exportsBridge) close() {
	if b.demo != nil {
		b.demo.close()
	}
}

func (b *exportsBridge) subscriptions() []local.Subscription {
	return []local.Subscription{{Name: "exports-transfer", Topic: exports.TopicTransfer, Handler: b.transfer, Attempts: b.attempts, Concurrency: 4}}
}

func (b *exportsBridge) jobs() []local.Job {
	return []local.Job{{Schedule: "CRON_TZ=UTC " + exports.Schedule, Topic: exports.TopicTransfer}}
}

// overdue is a run at each start: it takes up what a run that died has left. The sample's asks for it itself, when its blob store answers.
func (b *exportsBridge) overdue(context.Context) ([]string, error) {
	if b.demo != nil {
		b.tasks.Go(func() { b.demo.run(b) })
		return nil, nil
	}
	return []string{exports.TopicTransfer}, nil
}

func (b *exportsBridge) public(mux *http.ServeMux) {
	mux.Handle("/queries", b.queries)
	mux.Handle("/queries/", b.queries)
	if b.demo != nil {
		mux.Handle("/sim/cegid/", b.metrics.function("sim-cegid", b.demo.cegid))
	}
}

// operations pass the operators' commands to the functions as they are.
func (b *exportsBridge) operations() map[string]web.HandlerFunc {
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
		"POST /operator/exports/transfer": transfer, "GET /operator/exports/status": transfer, "GET /operator/exports/quarantine": transfer,
		"GET /operator/exports/quarantine/{source}/{id}": transfer, "POST /operator/exports/quarantine/{source}/{id}/release": transfer,
		"GET /operator/exports/queries": queries, "POST /operator/exports/queries/force": queries,
		"POST /operator/exports/queries/{id}/enable": queries, "POST /operator/exports/queries/{id}/disable": queries,
		"GET /operator/exports/queries/providers": queries, "POST /operator/exports/queries/providers": queries,
	}
}

// waiting is nothing: a source that does not answer keeps nobody else waiting.
func (b *exportsBridge) waiting(context.Context) ([]string, error) { return nil, nil }

func (b *exportsBridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil || len(settings.Sources) == 0 {
		return ""
	}
	return settings.Sources[0].TimeZone
}

func (b *exportsBridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  queries       %s/queries\n", b.url)
		return
	}
	fmt.Fprintf(w, "  simulated Cegid      %s/sim/cegid/  (%s)\n  scheduled queries    %s/queries  (bearer %s)\n", b.url, b.demo.state(), b.url, demoQueriesKey)
	fmt.Fprintf(w, "  exported files       %s\n", b.defaultFolder(demoSource))
}

var (
	descExportsRun        = prometheus.NewDesc("carillon_exports_run_age_seconds", "Time since the source's last run without a fault ended.", []string{"source"}, nil)
	descExportsFailures   = prometheus.NewDesc("carillon_exports_failures", "Runs that failed in a row.", []string{"source"}, nil)
	descExportsQuarantine = prometheus.NewDesc("carillon_exports_quarantine", "Files in the quarantine.", []string{"source"}, nil)
)

// Describe implements [prometheus.Collector].
func (b *exportsBridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descExportsRun
	ch <- descExportsFailures
	ch <- descExportsQuarantine
}

// Collect implements [prometheus.Collector]: it asks the function how its sources do.
func (b *exportsBridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.ctx, collectTime)
	defer cancel()
	list, err := b.statuses(ctx, "")
	if err != nil {
		return
	}
	for _, s := range list {
		gauge(ch, descExportsFailures, float64(s.Failures), s.Source)
		gauge(ch, descExportsQuarantine, float64(s.Quarantine), s.Source)
		for _, run := range s.Runs {
			if run.Fault == nil {
				gauge(ch, descExportsRun, ageOf(run.Ended, time.Now()), s.Source)
				break
			}
		}
	}
}
