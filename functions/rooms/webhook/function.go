// Package webhook receives Google Calendar's push notifications and publishes what changed to rooms/status.
//
// Trigger: POST /webhook, public, from Google; a notification is genuine when its
// channel token carries our signature.
// Reads: config.json, the room's watch record, the room's calendar. Writes nothing.
// Publishes: roomcalendar_events.
// A repeat is harmless: it lists again, with all that come within the same half second. Their numbers are not looked
// at: the token does not sign them, so anybody who has seen one notification could write the numbers of those to come.
package webhook

import (
	"context"
	"errors"
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
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("RoomsWebhook", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	WatchBucket  string `env:"WATCH_BUCKET,required"`  // bucket of the rooms' push channels
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	Key          string `env:"WEBHOOK_KEY,required"`   // signs channel tokens: any long random text
	PreviousKey  string `env:"WEBHOOK_KEY_PREVIOUS"`   // the key before, for a week after a change
	Calendar     googlecal.Environment
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, rooms.LoadWithoutAccount, env.ConfigBucket, env.WatchBucket)
	if err != nil {
		return nil, err
	}
	pub, err := pubsub.Open(ctx, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	cal, err := googlecal.FromBucket(ctx, cloud.Config, env.Calendar, time.Now) //nolint:forbidigo // the real clock
	if err != nil {
		return nil, err
	}
	return New(Config{
		Settings: cloud.Settings, Watches: cloud.Buckets[0], Calendar: cal, Publisher: pub,
		Keys: []string{env.Key, env.PreviousKey}, Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[rooms.Settings]
	Watches   documents.Bucket
	Calendar  *googlecal.Client
	Publisher messages.Publisher
	Keys      []string // the key that signs channel tokens, then the one before
	Now       func() time.Time
}

// budget is how long a request may take.
const budget = 50 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{Config: cfg, lists: newCoalescer()}
	mux := http.NewServeMux()
	mux.Handle("POST /webhook", web.HandlerFunc(f.push))
	return web.Function(web.Routes(mux), budget)
}

type function struct {
	Config

	lists *coalescer
}

// push answers a notification of Google's (developers.google.com/workspace/calendar/api/guides/push).
// 5xx makes Google send it again, so it is for our own failures only.
func (f *function) push(w http.ResponseWriter, r *http.Request) error {
	channel := r.Header.Get("X-Goog-Channel-Id")
	name, genuine := rooms.CheckChannelToken(r.Header.Get("X-Goog-Channel-Token"), channel, f.Keys...)
	if !genuine {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	why := rooms.WhyPush
	if r.Header.Get("X-Goog-Resource-State") == "sync" {
		why = rooms.WhyOpened
	}
	if err := f.take(r.Context(), name, channel, r.Header.Get("X-Goog-Resource-Id"), why); err != nil {
		return web.Unavailable(err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// take lists the room of a genuine notification, or ends a channel that is no longer needed.
func (f *function) take(ctx context.Context, name, channel, resource, why string) error {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return err
	}
	watch, err := documents.LoadIfAny[rooms.Watch](ctx, f.Watches, rooms.WatchName(name))
	if err != nil {
		return err
	}
	room, configured := settings.Room(name)
	if !configured || !watch.Has(channel) {
		err := f.Calendar.Stop(ctx, channel, resource)
		slog.InfoContext(ctx, "stopped a channel without a record", slog.String("room", name),
			slog.Bool("stopped", err == nil))
		return nil // its next notification tries again
	}
	return f.lists.do(ctx, why+" "+name, func(ctx context.Context) error { return f.tell(ctx, room, why) })
}

// tell lists the room and publishes what it found.
func (f *function) tell(ctx context.Context, room rooms.Room, why string) error {
	began := f.Now()
	msg, readErr := f.Calendar.Facts(ctx, room, why)
	unwatched := false // the notification came through the room's channel
	msg.Unwatched = &unwatched
	if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicEvents, msg, nil); err != nil || readErr != nil {
		return errors.Join(readErr, err)
	}
	slog.InfoContext(ctx, "room listed", slog.String("room", room.Name), slog.String("why", why),
		slog.Int("events", len(msg.Events)), slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
	return nil
}
