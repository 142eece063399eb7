// Package refresh lists rooms on schedule, because a small share of push notifications never arrives.
//
// Trigger: push of roomcalendar_refresh: without a room, it hands rooms on to itself, paced below Google's quota: all
// of them hourly, and with kind=poll those whose changes Google does not report; with a room, it lists that one.
// Reads: config.json, calendars, channels, booking claims, which snapshots are to be polled. Writes: a claim that a
// crash left. Publishes: roomcalendar_events, roomcalendar_refresh, and after the last room of the hour one
// roomcalendar_due that asks rooms/status to compare all Things.
// Caller: its invoker account only. A repeat lists again and changes nothing.
package refresh

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/googleapis/gax-go/v2"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("RoomsRefresh", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
	WatchBucket  string `env:"WATCH_BUCKET,required"`  // bucket of the rooms' push channels
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	Calendar     googlecal.Environment
}

func setup(ctx context.Context, env Environment) (http.Handler, error) {
	cloud, err := gcloud.Open(ctx, rooms.LoadWithoutAccount, env.ConfigBucket, env.StateBucket, env.WatchBucket)
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
		Settings: cloud.Settings, State: cloud.Buckets[0], Watches: cloud.Buckets[1], Calendar: cal, Publisher: pub,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[rooms.Settings]
	State     documents.Bucket
	Watches   documents.Bucket
	Calendar  *googlecal.Client
	Publisher messages.Publisher
	Now       func() time.Time
}

const (
	budget = 55 * time.Second
	// The pace of handing on: 10 rooms at once, then 240 a minute, under half of
	// Google's 600 requests/min/user (developers.google.com/workspace/calendar/api/guides/quota).
	atOnce  = 10
	pace    = 250 * time.Millisecond
	perTurn = 120 // rooms that one request hands on: 30 s
)

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := function{cfg}
	return web.Function(messages.Handle(f.handle), budget)
}

type function struct{ Config }

func (f function) handle(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(messages.KindAll, rooms.KindPoll)
	if err != nil {
		return err
	}
	var msg rooms.RoomMessage
	if err := d.Payload(&msg); err != nil {
		return err
	}
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return err
	}
	if msg.RoomName == "" {
		if kind == rooms.KindPoll && msg.After == "" && !settings.PollDue(d.Message.PublishTime) {
			return nil
		}
		return f.all(ctx, settings, msg.After, kind)
	}
	room, ok := settings.Room(msg.RoomName)
	if !ok {
		return nil // taken out of the settings since
	}
	if kind == rooms.KindPoll {
		f.poll(ctx, settings, room)
		return nil
	}
	return f.one(ctx, settings, room, slog.LevelInfo)
}

// poll lists a room once. What fails is asked again by the next poll: who tried again besides would ask more often the
// longer Google does not answer, and a refusal for the quota would make the calls more, not fewer.
func (f function) poll(ctx context.Context, settings *rooms.Settings, room rooms.Room) {
	if err := f.one(googlecal.Once(ctx), settings, room, slog.LevelDebug); err != nil {
		slog.WarnContext(ctx, "room not listed, the next poll asks again",
			slog.String("room", room.Name), slog.Any("error", err))
	}
}

// all hands on the rooms after `after`, in the order of their names. A poll does not compare the Things: that is a
// listing of the Arduino account.
func (f function) all(ctx context.Context, settings *rooms.Settings, after, kind string) error {
	names, err := f.names(ctx, settings, kind)
	if err != nil {
		return err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name <= after })
	slices.Sort(names)
	for i, name := range names {
		if i == perTurn {
			rest := rooms.RoomMessage{After: names[i-1]}
			return messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh, rest, messages.OfKind(kind))
		}
		if after != "" || i >= atOnce {
			if err := gax.Sleep(ctx, jitter(pace)); err != nil {
				return err
			}
		}
		msg := rooms.RoomMessage{RoomName: name}
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh, msg, messages.OfKind(kind)); err != nil {
			return err
		}
	}
	if kind == rooms.KindPoll {
		return nil
	}
	compare := messages.OfKind(rooms.KindReconcile)
	return messages.PublishJSON(ctx, f.Publisher, rooms.TopicDue, rooms.RoomMessage{}, compare)
}

// names are the rooms to list: all, or in a poll those whose changes Google does not report.
func (f function) names(ctx context.Context, settings *rooms.Settings, kind string) (names []string, err error) {
	polled := map[string]bool{}
	if kind == rooms.KindPoll && !settings.Polls() {
		for info, err := range f.State.List(ctx, rooms.SnapshotPrefix) {
			if err != nil {
				return nil, err
			}
			polled[info.Name] = info.Metadata[rooms.MetaPoll] != ""
		}
	}
	for _, r := range settings.Rooms {
		if kind != rooms.KindPoll || settings.Polls() || polled[rooms.SnapshotName(r.Name)] {
			names = append(names, r.Name)
		}
	}
	return names, nil
}

func (f function) one(ctx context.Context, settings *rooms.Settings, room rooms.Room, level slog.Level) error {
	began := f.Now()
	if err := bookings.Resolve(ctx, f.State, f.Calendar, room, began); err != nil {
		slog.WarnContext(ctx, "claim not resolved, the next booking tries again",
			slog.String("room", room.Name), slog.Any("error", err))
	}
	watch, err := documents.LoadIfAny[rooms.Watch](ctx, f.Watches, rooms.WatchName(room.Name))
	if err != nil {
		return err
	}
	unwatched := settings.Polls() || !watch.Alive(began)
	msg, readErr := f.Calendar.Facts(ctx, room, rooms.WhyRefresh)
	msg.Unwatched = &unwatched
	if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicEvents, msg, nil); err != nil {
		return errors.Join(readErr, err)
	}
	if readErr != nil {
		return readErr
	}
	slog.Log(ctx, level, "room listed", slog.String("room", room.Name), slog.String("why", "refresh"),
		slog.Int("events", len(msg.Events)), slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
	return nil
}

// jitter spreads d by a quarter both ways.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2) //nolint:gosec // jitter is not a secret
}
