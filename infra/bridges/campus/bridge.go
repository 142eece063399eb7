// Package campus is the campus bridge on one machine.
package campus

import (
	"context"
	"embed"
	"fmt"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/functions/campus/feed"
	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
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

// New returns the campus bridge.
func New() machine.Bridge { return new(bridge).definition() }

type bridge struct {
	*machine.Host

	settings *config.Settings[campus.Settings]
	state    documents.Bucket
	demo     *campusDemo // nil with --config
	// The functions.
	sync, feed http.Handler
}

func (b *bridge) definition() machine.Bridge {
	return machine.Bridge{
		Name: "campus", Texts: texts,

		Settings: campus.SettingsFile, Schema: "shared/campus/campus.schema.json",
		Open: b.open, Examine: examineCampus, Command: command, Page: assets,
	}
}

func (b *bridge) open(host *machine.Host) (_ *machine.Service, err error) {
	b.Host, b.state = host, host.Bucket("campus-state")
	if b.Sample {
		if b.demo, err = openCampusDemo(b); err != nil {
			return nil, err
		}
	}
	if b.settings, err = campus.LoadSettings(b.Config()); err != nil {
		return nil, err
	}
	if _, err = b.settings.Get(b.Context()); err != nil {
		return nil, err
	}
	b.sync = b.Function("campus-sync", sync.New(sync.Config{
		Settings: b.settings, State: b.state, Publisher: b.Host, Now: b.Clock.Now,
	}))
	b.feed = b.Function("campus-feed", feed.New(feed.Config{State: b.state, Now: b.Clock.Now}))
	return &machine.Service{
		Subscriptions: []machine.Subscription{
			{Name: "campus-sync", Topic: campus.TopicSync, Handler: b.sync, Concurrency: 4},
		},
		Jobs:   []machine.Job{{Schedule: campus.CronSchedule, Topic: campus.TopicSync}},
		Public: b.public, Simulators: b.demo.simulators(), Operations: b.operations(), Pages: b.pages, Start: b.start,
		Overdue: b.overdue,
		Parts:   b.parts, Examine: b.examine, Zone: b.zone, Announce: b.announce, Collector: b,
	}, nil
}

func (b *bridge) start() {
	if b.demo != nil {
		b.StayAlive(func() error { return b.demo.keepAlive(b) })
	}
}

// overdue is a run that the schedule had for an instance since its last one. Starting again and again logs nobody in.
func (b *bridge) overdue(ctx context.Context) ([]string, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	for _, inst := range settings.Instances {
		state, err := b.stateOf(ctx, inst.Name)
		if err != nil {
			return nil, err
		}
		if state.Run == nil {
			return []string{campus.TopicSync}, nil
		}
		now := b.Clock.Now()
		if next, err := campus.NextRun(state.Run.Began); err != nil || !next.After(now) ||
			calendar.Ahead(now, state.Run.Began) {
			return []string{campus.TopicSync}, err
		}
	}
	return nil, nil
}

func (b *bridge) stateOf(ctx context.Context, instance string) (campus.State, error) {
	return documents.LoadIfAny[campus.State](ctx, b.state, campus.StateName(instance))
}

func (b *bridge) public(mux *http.ServeMux) { mux.Handle("/feeds/campus/", b.feed) }

// operations pass the operators' commands to the function as they are.
func (b *bridge) operations() map[string]web.HandlerFunc {
	pass := func(w http.ResponseWriter, r *http.Request) error {
		http.StripPrefix("/operator/campus", b.sync).ServeHTTP(w, r)
		return nil
	}
	return map[string]web.HandlerFunc{
		"POST /operator/campus/sync": pass, "GET /operator/campus/status": pass,
		"GET /operator/campus/feeds": pass, "POST /operator/campus/feeds": pass, "DELETE /operator/campus/feeds/{id}": pass,
	}
}

func (b *bridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil || len(settings.Instances) == 0 {
		return ""
	}
	return settings.Instances[0].Zone().String()
}

func (b *bridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  campus        %s/feeds/campus/\n", b.URL)
		return
	}
	fmt.Fprintf(w, "  simulated MonCampus  %s/sim/wigor/cas/login  (lea, hugo)\n  simulated ECAL       "+
		"%s/sim/ecal/apiv2/\n", b.URL, b.URL)
}

var (
	descRun = prometheus.NewDesc("carillon_campus_read_age_seconds",
		"Time since the instance's timetable was read whole.", []string{"instance"}, nil)
	descFailures = prometheus.NewDesc("carillon_campus_failures", "Runs that failed in a row.", []string{"instance"}, nil)
	descHeld     = prometheus.NewDesc("carillon_campus_held_back", "Deletions that are held back.",
		[]string{"instance"}, nil)
)

// Describe implements [prometheus.Collector].
func (b *bridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descRun
	ch <- descFailures
	ch <- descHeld
}

// Collect implements [prometheus.Collector]: it reads what is kept of instances.
func (b *bridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.Context(), machine.CollectTime)
	defer cancel()
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return
	}
	for _, inst := range settings.Instances {
		state, err := b.stateOf(ctx, inst.Name)
		if err != nil {
			continue
		}
		machine.Gauge(ch, descFailures, float64(state.Alert.Failures), inst.Name)
		machine.Gauge(ch, descHeld, float64(len(state.Held)), inst.Name)
		if !state.ReadAt.IsZero() {
			machine.Gauge(ch, descRun, machine.Age(state.ReadAt, b.Clock.Now()), inst.Name)
		}
	}
}
