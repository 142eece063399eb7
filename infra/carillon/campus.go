package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-calendar/carillon/functions/campus/feed"
	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A campusBridge is the campus bridge.
type campusBridge struct {
	*system

	settings *config.Settings[campus.Settings]
	state    documents.Bucket
	demo     *campusDemo // nil with --config
	// The functions.
	sync, feed http.Handler
}

func (b *campusBridge) open() (err error) {
	b.state = b.db.Bucket("campus-state")
	if b.sample() {
		if b.demo, err = openCampusDemo(b); err != nil {
			return err
		}
	}
	if b.settings, err = campus.LoadSettings(b.config); err != nil {
		return err
	}
	if _, err = b.settings.Get(b.ctx); err != nil {
		return err
	}
	pub := publisher{b.system, func(string, messages.Message, time.Time) {}}
	b.sync = b.metrics.function("campus-sync", sync.New(sync.Config{Settings: b.settings, State: b.state, Publisher: pub, Now: b.clock.Now}))
	b.feed = b.metrics.function("campus-feed", feed.New(feed.Config{State: b.state, Now: b.clock.Now}))
	return nil
}

func (b *campusBridge) close() {}

func (b *campusBridge) subscriptions() []local.Subscription {
	return []local.Subscription{{Name: "campus-sync", Topic: campus.TopicSync, Handler: b.sync, Attempts: b.attempts, Concurrency: 4}}
}

func (b *campusBridge) jobs() []local.Job {
	return []local.Job{{Schedule: campus.CronSchedule, Topic: campus.TopicSync}}
}

// overdue is a run that the schedule had for an instance since its last one. Starting again and again logs nobody in.
func (b *campusBridge) overdue(ctx context.Context) ([]string, error) {
	if b.demo != nil {
		b.tasks.Go(func() { b.stayAlive(func() error { return b.demo.keepAlive(b) }) })
	}
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
		now := b.clock.Now()
		if next, err := campus.NextRun(state.Run.Began); err != nil || !next.After(now) || calendar.Ahead(now, state.Run.Began) {
			return []string{campus.TopicSync}, err
		}
	}
	return nil, nil
}

func (b *campusBridge) stateOf(ctx context.Context, instance string) (campus.State, error) {
	return documents.LoadIfAny[campus.State](ctx, b.state, campus.StateName(instance))
}

func (b *campusBridge) public(mux *http.ServeMux) {
	mux.Handle("/feeds/campus/", b.feed)
	if b.demo != nil {
		mux.Handle("/sim/wigor/", b.metrics.function("sim-wigor", http.StripPrefix("/sim/wigor", b.demo.wigor)))
		mux.Handle("/sim/ecal/apiv2/", b.metrics.function("sim-ecal", http.StripPrefix("/sim/ecal/apiv2", b.demo.ecal)))
		mux.Handle("/sim/ecal/_faults", http.StripPrefix("/sim/ecal", b.demo.ecal))
		mux.Handle("/sim/ecal/_faults/", http.StripPrefix("/sim/ecal", b.demo.ecal))
	}
}

// operations pass the operators' commands to the function as they are.
func (b *campusBridge) operations() map[string]web.HandlerFunc {
	pass := func(w http.ResponseWriter, r *http.Request) error {
		http.StripPrefix("/operator/campus", b.sync).ServeHTTP(w, r)
		return nil
	}
	return map[string]web.HandlerFunc{
		"POST /operator/campus/sync": pass, "GET /operator/campus/status": pass,
		"GET /operator/campus/feeds": pass, "POST /operator/campus/feeds": pass, "DELETE /operator/campus/feeds/{id}": pass,
	}
}

// waiting is nothing: a school that does not answer keeps nobody else waiting.
func (b *campusBridge) waiting(context.Context) ([]string, error) { return nil, nil }

func (b *campusBridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil || len(settings.Instances) == 0 {
		return ""
	}
	return settings.Instances[0].Zone().String()
}

func (b *campusBridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  campus        %s/feeds/campus/\n", b.url)
		return
	}
	fmt.Fprintf(w, "  simulated MonCampus  %s/sim/wigor/cas/login  (lea, hugo)\n  simulated ECAL       %s/sim/ecal/apiv2/\n", b.url, b.url)
}

var (
	descRun      = prometheus.NewDesc("carillon_campus_read_age_seconds", "Time since the instance's timetable was read whole.", []string{"instance"}, nil)
	descFailures = prometheus.NewDesc("carillon_campus_failures", "Runs that failed in a row.", []string{"instance"}, nil)
	descHeld     = prometheus.NewDesc("carillon_campus_held_back", "Deletions that are held back.", []string{"instance"}, nil)
)

// Describe implements [prometheus.Collector].
func (b *campusBridge) Describe(ch chan<- *prometheus.Desc) {
	ch <- descRun
	ch <- descFailures
	ch <- descHeld
}

// Collect implements [prometheus.Collector]: it reads what is kept of instances.
func (b *campusBridge) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(b.ctx, collectTime)
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
		gauge(ch, descFailures, float64(state.Alert.Failures), inst.Name)
		gauge(ch, descHeld, float64(len(state.Held)), inst.Name)
		if !state.ReadAt.IsZero() {
			gauge(ch, descRun, ageOf(state.ReadAt, b.clock.Now()), inst.Name)
		}
	}
}
