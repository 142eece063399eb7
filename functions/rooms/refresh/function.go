// Package refresh lists rooms on schedule, because a small share of push messages never arrives.
//
// Trigger: push of roomcalendar_refresh: without a room (hourly, and with kind=poll each
// minute where Google cannot reach us), it hands all rooms on to itself, paced below Google's quota; with a room, it lists that one.
// Reads: config.json, calendars, booking claims. Writes: a claim that a crash left.
// Publishes: roomcalendar_events, roomcalendar_refresh, and after the last room
// one roomcalendar_due that asks rooms/status to compare all Things.
// Caller: its invoker account only. A repeat lists again and changes nothing.
package refresh

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/googleapis/gax-go/v2"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
	"github.com/carillon-calendar/carillon/shared/rooms/deployed"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("RoomsRefresh", web.Lazy(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	Calendar     googlecal.Environment
}

func setup(ctx context.Context) (http.Handler, error) {
	var env Environment
	if err := config.Env(ctx, &env); err != nil {
		return nil, err
	}
	cloud, err := deployed.Open(ctx, rooms.LoadWithoutAccount, env.ConfigBucket, env.StateBucket, env.TopicPrefix)
	if err != nil {
		return nil, err
	}
	cal, err := googlecal.FromBucket(ctx, cloud.Config, env.Calendar, time.Now) //nolint:forbidigo // the real clock
	if err != nil {
		return nil, err
	}
	return New(Config{Settings: cloud.Settings, State: cloud.Documents, Calendar: cal, Publisher: cloud.Publisher, Now: time.Now}), nil //nolint:forbidigo // the real clock
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[rooms.Settings]
	State     documents.Bucket
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
	var msg rooms.RoomMessage
	if err := d.Payload(&msg); err != nil {
		return err
	}
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return err
	}
	kind := d.Message.Attributes["kind"]
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
		f.poll(ctx, room)
		return nil
	}
	return f.one(ctx, room, slog.LevelInfo)
}

// poll lists a room once. What fails is asked again by the next poll: who tried again besides would ask more often the longer Google does not answer,
// and a refusal for the quota would make the calls more, not fewer.
func (f function) poll(ctx context.Context, room rooms.Room) {
	if err := f.one(googlecal.Once(ctx), room, slog.LevelDebug); err != nil {
		slog.WarnContext(ctx, "room not listed, the next poll asks again", slog.String("room", room.Name), slog.Any("error", err))
	}
}

// all hands on the rooms after `after`, in the order of their names. A poll does not compare the Things: that is a listing of the Arduino account.
func (f function) all(ctx context.Context, settings *rooms.Settings, after, kind string) error {
	var names []string
	for _, r := range settings.Rooms {
		if r.Name > after {
			names = append(names, r.Name)
		}
	}
	slices.Sort(names)
	for i, name := range names {
		if i == perTurn {
			return messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh, rooms.RoomMessage{After: names[i-1]}, map[string]string{"kind": kind})
		}
		if after != "" || i >= atOnce {
			if err := gax.Sleep(ctx, jitter(pace)); err != nil {
				return err
			}
		}
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh, rooms.RoomMessage{RoomName: name}, map[string]string{"kind": kind}); err != nil {
			return err
		}
	}
	if kind == rooms.KindPoll {
		return nil
	}
	return messages.PublishJSON(ctx, f.Publisher, rooms.TopicDue, rooms.RoomMessage{}, map[string]string{"kind": rooms.KindReconcile})
}

func (f function) one(ctx context.Context, room rooms.Room, level slog.Level) error {
	began := f.Now()
	if err := bookings.Resolve(ctx, f.State, f.Calendar, room, began); err != nil {
		return err
	}
	msg, err := f.Calendar.Facts(ctx, room, began, rooms.WhyRefresh)
	if err != nil {
		return err
	}
	if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicEvents, msg, nil); err != nil {
		return err
	}
	slog.Log(ctx, level, "room listed", slog.String("room", room.Name), slog.String("why", "refresh"),
		slog.Int("events", len(msg.Events)), slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
	return nil
}

// jitter spreads d by a quarter both ways.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2) //nolint:gosec // jitter is no secret
}
