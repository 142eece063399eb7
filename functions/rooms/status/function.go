// Package status turns a room's events into what its Arduino Thing shows.
//
// Trigger: pushes of roomcalendar_events (a room's events), roomcalendar_tick
// (each minute) and roomcalendar_due (a room whose time has come; or, with
// kind=reconcile, compare all Things). It runs as one instance: one limiter, one
// token, one lock per room; preconditions cover the moment when there are two.
// Reads: config.json. Writes: rooms/<room_name>.json in the state bucket, alone; Things.
// Publishes: roomcalendar_due; roomcalendar_refresh where a partial listing has run out, and with kind=poll for rooms
// that are polled; roomcalendar_watch with kind=open where notifications are missed. Caller: its invoker account only.
// A repeat finds the Thing as it should be and publishes nothing.
package status

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("RoomsStatus", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	// another Arduino IoT Cloud API's address, for tests
	ArduinoURL string `env:"ARDUINO_URL,default=https://api2.arduino.cc"`
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, rooms.LoadSettings, env.ConfigBucket, env.StateBucket)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	return New(Config{
		Settings: cloud.Settings, State: cloud.Buckets[0], ArduinoURL: env.ArduinoURL, Publisher: pub,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings   *config.Settings[rooms.Settings]
	State      documents.Bucket
	ArduinoURL string
	Publisher  messages.Publisher
	Now        func() time.Time
}

// budget is how long a request may take, and so a publisher: longer than any of its calls.
const budget = 55 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg, locks: newLocks(), things: &directory{url: cfg.ArduinoURL}}
	mux := http.NewServeMux()
	mux.Handle("POST /{$}", messages.Handle(f.handle))
	return web.Function(mux, budget)
}

// dueAttempts is how often a room that a tick handed on is tried before the next
// tick hands it on again; were it more, an outage would multiply them.
const dueAttempts = 4

type function struct {
	Config

	locks  *locks
	things *directory
}

// handle tells the three subscriptions' messages apart by what they carry.
func (f *function) handle(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(rooms.KindTick, rooms.KindReconcile, rooms.KindDue)
	if err != nil {
		return err
	}
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return err
	}
	switch kind {
	case rooms.KindTick:
		return f.tick(ctx, settings, d.Message.PublishTime)
	case rooms.KindReconcile:
		return f.reconcile(ctx, settings)
	case rooms.KindDue:
		var msg rooms.RoomMessage
		if err := d.Payload(&msg); err != nil {
			return err
		}
		err := f.due(ctx, settings, msg)
		if err != nil && d.Attempt >= dueAttempts {
			slog.WarnContext(ctx, "given back to the next tick", slog.String("room", msg.RoomName), slog.Any("error", err))
			return nil
		}
		return err
	}
	var msg rooms.EventsMessage
	if err := d.Payload(&msg); err != nil {
		return err
	}
	if msg.RoomName == "" {
		return web.NewProblem(http.StatusBadRequest, "room_name is missing.", nil)
	}
	return f.events(ctx, settings, msg)
}
