// Package sync brings each instance's ECAL calendar to the state of its MonCampus timetable.
//
// Trigger: push of campus_sync: without an instance (hourly), it hands all
// instances on to itself; with one, it runs that one. By hand: POST /sync, GET /status, and /feeds for the feeds' keys.
// Reads: campus.json, MonCampus. Writes: instances/<instance_name>.json, feeds/<instance_name>.json and refusals.json
// in the state bucket; ECAL; e-mails. Publishes: campus_sync.
// Caller: its invoker account only. A repeat finds nothing to change; of two runs at once the second waits for the
// first.
package sync

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("CampusSync", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, campus.LoadSettings, env.ConfigBucket, env.StateBucket)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	return New(Config{
		Settings: cloud.Settings, State: cloud.Buckets[0], Publisher: pub,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[campus.Settings]
	State     documents.Bucket
	Publisher messages.Publisher
	Now       func() time.Time
}

// budget is how long a request may take: 30 s less than the longest acknowledgement deadline of a push.
const budget = 570 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := function{cfg, &keyed{}}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", messages.Handle(f.schedule().Handle))
	mux.Handle("POST /sync", web.HandlerFunc(f.byHand))
	mux.Handle("GET /status", web.HandlerFunc(f.status))
	mux.Handle("GET /feeds", web.HandlerFunc(f.listFeeds))
	mux.Handle("POST /feeds", web.HandlerFunc(f.createFeed))
	mux.Handle("DELETE /feeds/{id}", web.HandlerFunc(f.revokeFeed))
	return web.Function(web.Routes(mux), budget)
}

type function struct {
	Config

	accounts *keyed // one login at a time with each: a refused password is then tried once
}

// schedule runs instances for messages.
func (f function) schedule() runs.Schedule[campus.SyncMessage] {
	return runs.Schedule[campus.SyncMessage]{
		Publisher: f.Publisher, Topic: campus.TopicSync,
		Part: func(msg campus.SyncMessage) string { return msg.Instance },
		For:  func(instance string) campus.SyncMessage { return campus.SyncMessage{Instance: instance} },
		Parts: func(ctx context.Context) (names []string, err error) {
			settings, err := f.Settings.Get(ctx)
			if err != nil {
				return nil, err
			}
			for _, inst := range settings.Instances {
				names = append(names, inst.Name)
			}
			return names, nil
		},
		Run: f.runScheduled,
	}
}

func (f function) runScheduled(ctx context.Context, instance string, asked time.Time) (more bool, err error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return false, err
	}
	inst, ok := settings.Instance(instance)
	if !ok {
		return false, nil // removed from the settings in the meantime
	}
	run, err := f.run(ctx, settings, inst, options{asked: asked, progress: func(string, int, int) {}})
	return run.Fault != nil && run.Fault.Code == codeOutOfTime, err
}

// log writes the one line of a run. Titles and names stay out of it.
func log(ctx context.Context, run campus.Run) {
	attrs := []slog.Attr{
		slog.String("instance", run.Instance), slog.Bool("dry_run", run.DryRun), slog.Int("classes", run.Classes),
		slog.Int("created", run.Created), slog.Int("updated", run.Updated),
		slog.Int("deleted", run.Deleted), slog.Int("unchanged", run.Unchanged), slog.Int("held_back", run.HeldBack),
		slog.Int("kept", run.Kept), slog.Int("unreadable", len(run.Unreadable)),
		slog.Bool("verified", run.Verified), slog.Bool("agree", run.Agree),
		slog.Int64("duration_ms", run.Ended.Sub(run.Began).Milliseconds()),
	}
	if run.Fault != nil {
		slog.LogAttrs(ctx, slog.LevelError, "campus run failed",
			append(attrs, slog.String("fault", run.Fault.Code), slog.String("detail", run.Fault.Detail))...)
		return
	}
	slog.LogAttrs(ctx, slog.LevelInfo, "campus run done", attrs...)
}
