// Package rooms is the rooms bridge on one machine.
package rooms

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/functions/rooms/meetings"
	"github.com/carillon-calendar/carillon/functions/rooms/refresh"
	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/functions/rooms/watch"
	"github.com/carillon-calendar/carillon/functions/rooms/webhook"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
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

// Options are the sample office's.
type Options struct {
	Rooms        int // default eight
	ArduinoLimit int // requests a second that the Arduino account takes; default 10

	Names      []string // of the rooms; for tests
	Firewalled bool     // it has no public address; for tests
}

// New returns the rooms bridge.
func New() machine.Bridge { return newBridge(Options{}).definition() }

type bridge struct {
	*machine.Host

	options  Options
	settings *config.Settings[rooms.Settings]
	state    documents.Bucket
	watches  documents.Bucket
	demo     *demo // nil with --config
	recent   recent
	// The functions.
	webhook, watch, status, refresh, meetings http.Handler
}

func newBridge(o Options) *bridge {
	return &bridge{options: o, recent: recent{rooms: map[string][]viewMessage{}}}
}

func (b *bridge) definition() machine.Bridge {
	return machine.Bridge{
		Name: "rooms", Texts: texts,

		Settings: rooms.SettingsFile, Schema: "shared/rooms/config.schema.json", Keys: rooms.CredentialsFile,
		Open: b.open, Examine: examineOffice, Command: command, Page: assets, Flags: b.flags, Check: b.check,
	}
}

func (b *bridge) flags(flags *pflag.FlagSet) {
	flags.IntVar(&b.options.ArduinoLimit, "arduino-limit", 0,
		"requests a second that the sample Arduino account takes; default 10")
	flags.IntVar(&b.options.Rooms, "rooms", 0, "rooms of the sample office; default eight")
}

// Bounds of the flags: more than any office has, and what a sample still starts with.
const (
	maxRooms = 10_000
	maxLimit = 1_000_000
)

func (b *bridge) check() error {
	if err := machine.InRange("rooms", b.options.Rooms, 0, maxRooms); err != nil {
		return err
	}
	return machine.InRange("arduino-limit", b.options.ArduinoLimit, 0, maxLimit)
}

func (b *bridge) open(host *machine.Host) (*machine.Service, error) {
	b.Host = host
	b.state, b.watches = b.Bucket("roomcal-state"), b.Bucket("roomcal-watch-ids")
	service := &machine.Service{
		Jobs: jobs, Public: b.public, Operations: b.operations(), Pages: b.pages, Start: b.start,
		Overdue: b.overdue, Waiting: b.waiting,
		Parts: b.parts, Examine: b.examine, Zone: b.zone, Announce: b.announce, Collector: b, Close: b.close,
	}
	var err error
	if b.Sample {
		if b.demo, err = openDemo(b); err != nil {
			return service, err
		}
		service.Simulators = b.demo.simulators()
	}
	if b.settings, err = rooms.LoadSettings(b.Config()); err != nil {
		return service, err
	}
	if _, err = b.settings.Get(b.Context()); err != nil {
		return service, err
	}
	if err := b.functions(); err != nil {
		return service, err
	}
	service.Subscriptions = b.subscriptions()
	return service, nil
}

func (b *bridge) close() {
	if b.demo != nil {
		b.demo.close()
	}
}

func (b *bridge) operations() map[string]web.HandlerFunc {
	return map[string]web.HandlerFunc{"GET /operator/rooms": b.roomsStatus}
}

// waiting is how many rooms may wait for the Arduino account's limit at once: only
// among those that wait do the colours go before the texts.
const waiting = 500

func (b *bridge) functions() error {
	key, err := b.Setting("webhook_key", func() string {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		return hex.EncodeToString(key)
	})
	if err != nil {
		return err
	}
	now, pub := b.Clock.Now, listener{b}
	cal, err := b.calendar()
	if err != nil {
		return err
	}
	b.webhook = b.Function("rooms-webhook", webhook.New(webhook.Config{
		Settings: b.settings, Watches: b.watches, Calendar: cal, Publisher: pub, Keys: []string{key}, Now: now,
	}))
	b.watch = b.Function("rooms-watch", watch.New(watch.Config{
		Settings: b.settings, Watches: b.watches, Calendar: cal, Publisher: pub, Key: key, Now: now,
	}))
	b.refresh = b.Function("rooms-refresh", refresh.New(refresh.Config{
		Settings: b.settings, State: b.state, Watches: b.watches, Calendar: cal, Publisher: pub, Now: now,
	}))
	b.status = b.Function("rooms-status", status.New(status.Config{
		Settings: b.settings, State: b.state, ArduinoURL: b.arduinoURL(), Publisher: pub, Now: now,
	}))
	b.meetings = b.Function("rooms-meetings",
		meetings.New(meetings.Config{
			Settings: b.settings, State: b.state, Calendar: cal, Publisher: pub, Now: now, Alone: true,
		}))
	return nil
}

func (b *bridge) subscriptions() []machine.Subscription {
	return []machine.Subscription{
		{Name: "rooms-status-events", Topic: rooms.TopicEvents, Handler: b.status, Concurrency: waiting},
		{
			Name: "rooms-status-tick", Topic: rooms.TopicTick, Handler: b.status,
			Retention: 10 * time.Minute, Attempts: machine.Never,
		},
		{Name: "rooms-status-due", Topic: rooms.TopicDue, Handler: b.status, Concurrency: waiting},
		{Name: "rooms-refresh", Topic: rooms.TopicRefresh, Handler: b.refresh},
		{Name: "rooms-watch", Topic: rooms.TopicWatch, Handler: b.watch},
	}
}

// jobs are the schedules of the cloud's Scheduler.
var jobs = []machine.Job{
	{
		Schedule: rooms.TickSchedule, Topic: rooms.TopicTick,
		Message: messages.Message{Attributes: messages.OfKind(rooms.KindTick)},
	},
	{Schedule: rooms.RefreshSchedule, Topic: rooms.TopicRefresh},
	{Schedule: rooms.WatchSchedule, Topic: rooms.TopicWatch},
}

func (b *bridge) start() {
	if b.demo != nil {
		b.StayAlive(func() error { return b.demo.keepAlive(b) })
	}
}

func (b *bridge) overdue(context.Context) ([]string, error) {
	return []string{rooms.TopicWatch, rooms.TopicRefresh}, nil
}

func (b *bridge) arduinoURL() string {
	if b.demo != nil {
		return b.URL + "/sim/iotcloud"
	}
	return iotcloud.DefaultURL
}

func (b *bridge) calendar() (*googlecal.Client, error) {
	if b.demo != nil {
		return googlecal.New(b.Context(), googlecal.Config{BaseURL: b.URL + "/sim/googlecal", Now: b.Clock.Now})
	}
	return googlecal.FromBucket(b.Context(), b.Config(), googlecal.Environment{}, b.Clock.Now)
}

func (b *bridge) public(mux *http.ServeMux) {
	mux.Handle("/webhook", b.webhook)
	mux.Handle("/start_watching", b.meetings)
	mux.Handle("/meetings", b.meetings)
	mux.Handle("/meetings/", b.meetings)
	mux.Handle("/meeting/", b.meetings)
	if b.demo != nil {
		mux.Handle("/calendar/v3/", b.demo.google) // Google's Node client drops a prefix from its rootUrl
	}
}

// waiting names the rooms that have neither shown a first status nor a fault that says why not.
func (b *bridge) waiting(ctx context.Context) ([]string, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	var waiting []string
	for _, r := range settings.Rooms {
		snapshot, err := documents.LoadIfAny[rooms.Snapshot](ctx, b.state, rooms.SnapshotName(r.Name))
		if err != nil {
			return nil, err
		}
		if snapshot.Fault == nil && snapshot.CalendarFault == nil && len(snapshot.Published) == 0 {
			waiting = append(waiting, r.Name)
		}
	}
	return waiting, nil
}

// every is an interval of whole minutes in words.
func every(d time.Duration) string {
	if d == time.Minute {
		return "every minute"
	}
	return fmt.Sprintf("every %d minutes", int(d.Minutes()))
}

func (b *bridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil || len(settings.Rooms) == 0 {
		return ""
	}
	first := settings.Rooms[0].Name
	snapshot, _, err := b.documents(ctx, first)
	room, _ := settings.Room(first, snapshot.TimeZone, snapshot.Thing.TimeZone)
	if err != nil || room.ZoneGuessed && snapshot.TimeZone == "" {
		return settings.TimeZone
	}
	return room.Zone.String()
}

func (b *bridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  rooms         %s/webhook /start_watching /meetings\n", b.URL)
		if settings, err := b.settings.Get(b.Context()); err == nil && settings.Polls() {
			fmt.Fprintf(w, "                no gcal_watch_function_url, so Google cannot tell of changes: calendars are "+
				"polled %s\n", every(settings.PollInterval()))
		}
		return
	}
	fmt.Fprintf(w, "  a display asks       %s/meetings?client_id=%s&room_name=blue_room  (bearer %s)\n",
		b.URL, demoClient, demoSecret)
	fmt.Fprintf(w, "  simulated Google     %s/sim/googlecal/calendar/v3/  (any bearer)\n  simulated Arduino    "+
		"%s/sim/iotcloud/iot/v2/\n", b.URL, b.URL)
}
