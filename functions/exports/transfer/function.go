// Package transfer brings each source's exported files to the folder that the importer reads, and empties the source.
//
// Trigger: push of exports_transfer: without a source (hourly), it hands all
// sources on to itself; with one, it runs that one. By hand: POST /transfer, GET /status, and /quarantine.
// Reads: exports.json, Cegid's API, the container. Writes: sources/NAME.json and journal/NAME/ in the state bucket; the
// destination with its quarantine and archive; deletes blobs at the source; e-mails.
// Publishes: exports_transfer.
// Caller: its invoker account only. A repeat finds nothing to do; of two runs at once the second waits for the first;
// one that was killed is taken up where it was.
package transfer

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
	"github.com/carillon-calendar/carillon/shared/exports/files/gcs"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("ExportsTransfer", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket  string `env:"CONFIG_BUCKET,required"`  // bucket of the settings file
	StateBucket   string `env:"STATE_BUCKET,required"`   // bucket of what the bridge keeps
	ExportsBucket string `env:"EXPORTS_BUCKET,required"` // bucket that the importer reads
	TopicPrefix   string `env:"TOPIC_PREFIX"`            // what every topic's name begins with
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, exports.LoadSettings, env.ConfigBucket, env.StateBucket)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	destination := func(src exports.Source) (files.Store, error) {
		place, isBucket := strings.CutPrefix(src.Destination, exports.BucketScheme)
		if src.Destination != "" && !isBucket {
			return nil, errLocalInCloud
		}
		bucket, folder, _ := strings.Cut(place, "/")
		if bucket == "" {
			bucket, folder = env.ExportsBucket, src.Name
		}
		return gcs.New(cloud.Storage, bucket, folder, src.Name), nil
	}
	return New(Config{
		Settings: cloud.Settings, State: cloud.Buckets[0], Publisher: pub, Destination: destination,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

var errLocalInCloud = fmt.Errorf("%w: dossier_de_destination is a folder, and a function has no disk; name "+
	"gs://BUCKET/FOLDER", files.ErrUnusable)

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[exports.Settings]
	State     documents.Bucket
	Publisher messages.Publisher
	// Destination returns where a source's files go. It does no I/O.
	Destination func(exports.Source) (files.Store, error)
	Now         func() time.Time
}

// budget is how long a request may take: 30 s less than the longest acknowledgement deadline of a push.
const budget = 570 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := function{cfg}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", messages.Handle(f.schedule().Handle))
	mux.Handle("POST /transfer", web.HandlerFunc(f.byHand))
	mux.Handle("GET /status", web.HandlerFunc(f.status))
	mux.Handle("GET /quarantine", web.HandlerFunc(f.listQuarantine))
	mux.Handle("GET /quarantine/{source}/{id}", web.HandlerFunc(f.showQuarantined))
	mux.Handle("POST /quarantine/{source}/{id}/release", web.HandlerFunc(f.releaseQuarantined))
	return web.Function(web.Routes(mux), budget)
}

type function struct{ Config }

// schedule runs sources for messages.
func (f function) schedule() runs.Schedule[exports.TransferMessage] {
	return runs.Schedule[exports.TransferMessage]{
		Publisher: f.Publisher, Topic: exports.TopicTransfer,
		Part: func(msg exports.TransferMessage) string { return msg.Source },
		For:  func(source string) exports.TransferMessage { return exports.TransferMessage{Source: source} },
		Parts: func(ctx context.Context) (names []string, err error) {
			settings, err := f.Settings.Get(ctx)
			if err != nil {
				return nil, err
			}
			for _, src := range settings.Sources {
				names = append(names, src.Name)
			}
			return names, nil
		},
		Run: f.runScheduled,
	}
}

func (f function) runScheduled(ctx context.Context, source string, asked time.Time) (more bool, err error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return false, err
	}
	src, ok := settings.Source(source)
	if !ok {
		return false, nil // removed from the settings in the meantime
	}
	t, err := f.run(ctx, settings, src, options{asked: asked, progress: func(string, int, int) {}})
	return t.Late, err
}

// log writes the one line of a run. Names of files stay out of it: they tell whose payroll it is.
func log(ctx context.Context, t exports.Transfer) {
	attrs := []slog.Attr{
		slog.String("source", t.Source), slog.Bool("dry_run", t.DryRun), slog.Int("transferred", t.Transferred),
		slog.Int("deleted", t.Deleted), slog.Int("quarantined", t.Quarantined),
		slog.Int("archived", t.Archived), slog.Int("kept", t.Kept), slog.Int("failed", t.Failed),
		slog.Int64("bytes", t.Bytes), slog.Int64("duration_ms", t.Ended.Sub(t.Began).Milliseconds()),
	}
	if t.Fault != nil {
		slog.LogAttrs(ctx, slog.LevelError, "exports run failed",
			append(attrs, slog.String("fault", t.Fault.Code), slog.String("detail", t.Fault.Detail))...)
		return
	}
	slog.LogAttrs(ctx, slog.LevelInfo, "exports run done", attrs...)
}
