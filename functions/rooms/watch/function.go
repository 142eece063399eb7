// Package watch keeps one push channel open on every room's calendar.
//
// Trigger: push of roomcalendar_watch: without a room (every 6 hours), it hands
// all rooms on to itself; with a room, it opens, renews or ends that room's channel, and with kind=open it replaces one
// that seems to live. Without a public address there are none.
// Reads: config.json. Writes: <room_name>.json in the watch bucket, alone.
// Publishes: roomcalendar_watch. Caller: its invoker account only.
// A repeat finds a healthy channel and does nothing; of two runs at once one goes on.
package watch

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

//nolint:gochecknoinits // the Functions Framework finds functions through init
func init() { functions.HTTP("RoomsWatch", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	WatchBucket  string `env:"WATCH_BUCKET,required"`  // bucket of the rooms' push channels
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	Key          string `env:"WEBHOOK_KEY,required"`   // signs channel tokens: any long random text
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
		Settings: cloud.Settings, Watches: cloud.Buckets[0], Calendar: cal, Publisher: pub, Key: env.Key,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[rooms.Settings]
	Watches   documents.Bucket
	Calendar  *googlecal.Client
	Publisher messages.Publisher
	Key       string // signs channel tokens
	Now       func() time.Time
}

const (
	budget = 55 * time.Second
	// renewBefore is how long before its end a channel is replaced; they last 7 days by default.
	renewBefore = 24 * time.Hour
	// alarmBefore is when there were two scheduled attempts to replace it.
	alarmBefore = 12 * time.Hour
	// openingTime is longer than an opening takes, so that an older pending channel was left by a crash.
	openingTime = budget + 5*time.Second
)

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := function{cfg}
	return web.Function(messages.Handle(f.handle), budget)
}

type function struct{ Config }

func (f function) handle(ctx context.Context, d messages.Delivery) error {
	kind, err := d.Kind(messages.KindAll, rooms.KindOpen)
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
		return f.all(ctx, settings)
	}
	room, ok := settings.Room(msg.RoomName)
	if !ok || settings.Polls() {
		return f.remove(ctx, msg.RoomName)
	}
	return f.keep(ctx, room, settings.WebhookURL(), wanted(kind, d.Message.PublishTime))
}

// wanted is since when a channel must have been opened: a message of kind open asks for one that is younger than it is.
// A repeat finds that one.
func wanted(kind string, published time.Time) time.Time {
	if kind != rooms.KindOpen {
		return time.Time{}
	}
	return published
}

// all hands on each room, and each record of a room that is no longer configured: one room's failure is its own
// message's.
func (f function) all(ctx context.Context, settings *rooms.Settings) error {
	wanted := map[string]bool{}
	for _, r := range settings.Rooms {
		wanted[r.Name] = !settings.Polls()
	}
	for info, err := range f.Watches.List(ctx, "") {
		if err != nil {
			return err
		}
		if object, ok := strings.CutSuffix(info.Name, ".json"); ok && info.Metadata["removed"] == "" {
			wanted[names.FromObject(object)] = true
		}
	}
	for name, todo := range wanted {
		if !todo {
			continue
		}
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicWatch,
			rooms.RoomMessage{RoomName: name}, nil); err != nil {
			return err
		}
	}
	slog.InfoContext(ctx, "watches looked at", slog.Int("rooms", len(wanted))) // an alert waits for its absence
	return nil
}

// keep sees to it that the room has a channel with enough life left.
func (f function) keep(ctx context.Context, room rooms.Room, address string, since time.Time) error {
	w, gen, err := f.load(ctx, room.Name)
	if err != nil {
		return err
	}
	if f.healthy(w, room, address) && (since.IsZero() || w.Channel.Since.After(since)) {
		if len(w.Old) == 0 {
			return nil
		}
		return f.stopOld(ctx, room.Name, w, gen)
	}
	if w.Pending != nil && calendar.Within(f.Now(), w.Pending.Since, openingTime) {
		// it comes again
		return web.NewProblem(http.StatusConflict, "The channel of room "+room.Name+" is being opened by another run.", nil)
	}
	return f.open(ctx, room, address, w, gen)
}

func (f function) load(ctx context.Context, room string) (rooms.Watch, int64, error) {
	w, gen, err := documents.Load[rooms.Watch](ctx, f.Watches, rooms.WatchName(room))
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return w, 0, err
	}
	w.Upgrade()
	return w, gen, nil
}

func (f function) healthy(w rooms.Watch, room rooms.Room, address string) bool {
	c := w.Channel
	return c != nil && c.CalendarID == room.CalendarID && c.Address == address && c.Expiration.Sub(f.Now()) >= renewBefore
}

// open makes a new channel: recorded before the call, because its first notification
// may come before the call returns; the old one is stopped when the new one stands.
func (f function) open(ctx context.Context, room rooms.Room, address string, w rooms.Watch, gen int64) error {
	began := f.Now()
	c := rooms.Channel{ID: uuid.NewString(), CalendarID: room.CalendarID, Address: address, Since: began}
	w.Pending, w.Removed = &c, false // a pending one of a crash is forgotten: its notifications will end it
	gen, err := f.store(ctx, room.Name, gen, w)
	if err != nil {
		return err
	}
	granted, err := f.Calendar.Watch(ctx, room.CalendarID, c.ID, rooms.ChannelToken(f.Key, c.ID, room.Name), address)
	w.Pending = nil
	if err != nil {
		return f.failed(ctx, room.Name, w, gen, err)
	}
	if w.Channel != nil {
		w.Old = append(w.Old, *w.Channel)
	}
	c.ResourceID, c.Expiration, c.Since = granted.ResourceID, granted.Expiration, began
	w.Channel, w.Fault = &c, nil
	if gen, err = f.store(ctx, room.Name, gen, w); err != nil {
		return err
	}
	slog.InfoContext(ctx, "channel opened", slog.String("room", room.Name), slog.Time("expiration", c.Expiration),
		slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
	return f.stopOld(ctx, room.Name, w, gen)
}

// failed keeps why a room has no new channel. What a person must mend is
// acknowledged: the next scheduled run tries again.
func (f function) failed(ctx context.Context, room string, w rooms.Watch, gen int64, cause error) error {
	reason, permanent := googlecal.Permanent(cause)
	if !permanent {
		reason = "unavailable"
	}
	w.Fault = rooms.NewFault(reason, nil, f.Now().UTC())
	if _, err := f.store(ctx, room, gen, w); err != nil {
		return errors.Join(cause, err)
	}
	if w.Channel != nil && w.Channel.Expiration.Sub(f.Now()) < alarmBefore {
		// an alert waits for it
		slog.ErrorContext(ctx, "watch near expiry", slog.String("room", room), slog.String("reason", reason),
			slog.Time("expiration", w.Channel.Expiration))
	}
	if !permanent {
		return cause
	}
	slog.ErrorContext(ctx, "calendar cannot be watched", slog.String("room", room), slog.String("reason", reason))
	return nil
}

// stopOld stops the channels that were replaced; one that cannot be stopped now stays for the next run.
func (f function) stopOld(ctx context.Context, room string, w rooms.Watch, gen int64) error {
	var left []rooms.Channel
	var faults []error
	for _, c := range w.Old {
		if err := f.Calendar.Stop(ctx, c.ID, c.ResourceID); err != nil {
			left, faults = append(left, c), append(faults, err)
		}
	}
	w.Old = left
	if _, err := f.store(ctx, room, gen, w); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// remove ends the channels of a room that is no longer configured.
func (f function) remove(ctx context.Context, room string) error {
	w, gen, err := f.load(ctx, room)
	if err != nil || gen == 0 || w.Removed && len(w.Old) == 0 {
		return err
	}
	if w.Channel != nil {
		w.Old = append(w.Old, *w.Channel)
	}
	w.Channel, w.Pending, w.Fault, w.Removed = nil, nil, nil, true
	return f.stopOld(ctx, room, w, gen)
}

func (f function) store(ctx context.Context, room string, gen int64, w rooms.Watch) (int64, error) {
	metadata := map[string]string{}
	if w.Removed && len(w.Old) == 0 {
		metadata["removed"] = "true"
	}
	return documents.Store(ctx, f.Watches, rooms.WatchName(room), gen, w, metadata)
}
