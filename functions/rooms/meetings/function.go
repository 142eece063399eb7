// Package meetings tells displays a room's status and books the room for them.
//
// Trigger: GET and POST /meetings, GET and DELETE /meetings/{id} (alias DELETE /meeting/{id}),
// public, with the Arduino client id and its secret as bearer token. POST /start_watching,
// with the same, as displays' installers of the old system called it.
// Reads: config.json, rooms/<room_name>.json. Writes: bookings/<room_name>.json; the room's calendar.
// Publishes: roomcalendar_events after a booking or a deletion; roomcalendar_watch for /start_watching.
// A POST repeated with the same Idempotency-Key answers the same meeting.
package meetings

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/rs/cors"

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
func init() { functions.HTTP("RoomsMeetings", gcloud.Handler(setup)) }

// Environment is what setup reads.
type Environment struct {
	ConfigBucket string `env:"CONFIG_BUCKET,required"` // bucket of the settings file
	StateBucket  string `env:"STATE_BUCKET,required"`  // bucket of what the bridge keeps
	TopicPrefix  string `env:"TOPIC_PREFIX"`           // what every topic's name begins with
	Calendar     googlecal.Environment
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
	cal, err := googlecal.FromBucket(ctx, cloud.Config, env.Calendar, time.Now) //nolint:forbidigo // the real clock
	if err != nil {
		return nil, err
	}
	return New(Config{
		Settings: cloud.Settings, State: cloud.Buckets[0], Calendar: cal, Publisher: pub,
		Now: time.Now, //nolint:forbidigo // the real clock
	}), nil
}

// Config is what the function works with.
type Config struct {
	Settings  *config.Settings[rooms.Settings]
	State     documents.Bucket
	Calendar  *googlecal.Client
	Publisher messages.Publisher
	Now       func() time.Time
	// Alone says that no other process books rooms.
	Alone bool
}

// budget is shorter than a claim's lease.
const budget = 20 * time.Second

// New returns the function's handler. It does no I/O.
func New(cfg Config) http.Handler {
	f := &function{
		Config: cfg, desk: bookings.NewDesk(cfg.State, cfg.Calendar, cfg.Alone), pages: map[string]page{},
		changed: map[string]time.Time{},
	}
	mux := http.NewServeMux()
	mux.Handle("GET /meetings", web.HandlerFunc(f.get))
	mux.Handle("POST /meetings", web.HandlerFunc(f.post))
	mux.Handle("GET /meetings/{id}", web.HandlerFunc(f.getBooked))
	mux.Handle("DELETE /meetings/{id}", web.HandlerFunc(f.delete))
	mux.Handle("DELETE /meeting/{id}", web.HandlerFunc(f.delete))
	mux.Handle("POST /start_watching", web.HandlerFunc(f.startWatching))
	return web.Function(f.crossOrigin(web.Routes(mux)), budget)
}

// crossOrigin lets pages of the settings' cors_origins call, and no others.
func (f *function) crossOrigin(h http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowOriginVaryRequestFunc: func(r *http.Request, origin string) (bool, []string) {
			settings, err := f.Settings.Get(r.Context())
			return err == nil && slices.Contains(settings.CORSOrigins, origin), nil
		},
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodDelete},
		AllowedHeaders: []string{"Authorization", "Content-Type", "Idempotency-Key", "If-None-Match"},
		ExposedHeaders: []string{"ETag", "Location", "Retry-After"},
		MaxAge:         3600,
	}).Handler(h)
}

// room checks the caller and returns the settings of the room.
func (f *function) room(ctx context.Context, clientID, secret, name string) (*rooms.Settings, rooms.Room, error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return nil, rooms.Room{}, web.Unavailable(err)
	}
	if !settings.Authorized(clientID, secret) {
		return nil, rooms.Room{},
			web.NewProblem(http.StatusUnauthorized, "Give the Arduino client_id, and its secret as the bearer token.", nil)
	}
	if name == "" {
		return nil, rooms.Room{}, web.NewProblem(http.StatusBadRequest, "room_name is missing.", nil)
	}
	room, ok := settings.Room(name)
	if !ok {
		return nil, rooms.Room{}, web.NewProblem(http.StatusNotFound, "config.json has no room of this name.", nil)
	}
	return settings, room, nil
}

// startWatching asks rooms/watch for a room's channel.
func (f *function) startWatching(w http.ResponseWriter, r *http.Request) error {
	secret := web.Bearer(r)
	var body struct {
		ClientID string `json:"client_id"`
		RoomName string `json:"room_name"`
	}
	if err := web.DecodeKnown(w, r, &body); err != nil {
		return err
	}
	if _, _, err := f.room(r.Context(), body.ClientID, secret, body.RoomName); err != nil {
		return err
	}
	msg, open := rooms.RoomMessage{RoomName: body.RoomName}, messages.OfKind(rooms.KindOpen)
	if err := messages.PublishJSON(r.Context(), f.Publisher, rooms.TopicWatch, msg, open); err != nil {
		return web.Unavailable(err)
	}
	return web.WriteJSON(w, http.StatusAccepted, map[string]string{"room_name": body.RoomName, "status": "requested"})
}
