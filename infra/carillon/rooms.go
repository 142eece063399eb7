package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/meetings"
	"github.com/carillon-calendar/carillon/functions/rooms/refresh"
	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/functions/rooms/watch"
	"github.com/carillon-calendar/carillon/functions/rooms/webhook"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// An officeBridge is the rooms bridge.
type officeBridge struct {
	*system

	settings *config.Settings[rooms.Settings]
	state    documents.Bucket
	watches  documents.Bucket
	demo     *demo // nil with --config
	recent   recent
	// The functions.
	webhook, watch, status, refresh, meetings http.Handler
}

func newOfficeBridge(s *system) *officeBridge {
	return &officeBridge{system: s, recent: recent{rooms: map[string][]viewMessage{}}}
}

func (b *officeBridge) open() (err error) {
	b.state, b.watches = b.db.Bucket("roomcal-state"), b.db.Bucket("roomcal-watch-ids")
	if b.sample() {
		if b.demo, err = openDemo(b); err != nil {
			return err
		}
	}
	if b.settings, err = rooms.LoadSettings(b.config); err != nil {
		return err
	}
	if _, err = b.settings.Get(b.ctx); err != nil {
		return err
	}
	return b.functions()
}

func (b *officeBridge) close() {
	if b.demo != nil {
		b.demo.close()
	}
}

// waiting is how many rooms may wait for the Arduino account's limit at once: only
// among those that wait do the colours go before the texts.
const waiting = 500

func (b *officeBridge) functions() error {
	key, err := b.db.Setting(b.ctx, "webhook_key", func() string {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		return hex.EncodeToString(key)
	})
	if err != nil {
		return err
	}
	now, pub := b.clock.Now, publisher{b.system, b.recent.add}
	cal, err := b.calendar()
	if err != nil {
		return err
	}
	b.webhook = b.metrics.function("rooms-webhook", webhook.New(webhook.Config{Settings: b.settings, Watches: b.watches, Calendar: cal, Publisher: pub, Keys: []string{key}, Now: now}))
	b.watch = b.metrics.function("rooms-watch", watch.New(watch.Config{Settings: b.settings, Watches: b.watches, Calendar: cal, Publisher: pub, Key: key, Now: now}))
	b.refresh = b.metrics.function("rooms-refresh", refresh.New(refresh.Config{Settings: b.settings, State: b.state, Watches: b.watches, Calendar: cal, Publisher: pub, Now: now}))
	b.status = b.metrics.function("rooms-status", status.New(status.Config{Settings: b.settings, State: b.state, ArduinoURL: b.arduinoURL(), Publisher: pub, Now: now}))
	b.meetings = b.metrics.function("rooms-meetings", meetings.New(meetings.Config{Settings: b.settings, State: b.state, Calendar: cal, Publisher: pub, Now: now, Alone: true}))
	return nil
}

func (b *officeBridge) subscriptions() []local.Subscription {
	return []local.Subscription{
		{Name: "rooms-status-events", Topic: rooms.TopicEvents, Handler: b.status, Attempts: b.attempts, Concurrency: waiting},
		{Name: "rooms-status-tick", Topic: rooms.TopicTick, Handler: b.status, Retention: 10 * time.Minute},
		{Name: "rooms-status-due", Topic: rooms.TopicDue, Handler: b.status, Attempts: b.attempts, Concurrency: waiting},
		{Name: "rooms-refresh", Topic: rooms.TopicRefresh, Handler: b.refresh, Attempts: b.attempts},
		{Name: "rooms-watch", Topic: rooms.TopicWatch, Handler: b.watch, Attempts: b.attempts},
	}
}

// jobs are the schedules of the cloud's Scheduler.
func (b *officeBridge) jobs() []local.Job {
	return []local.Job{
		{Schedule: rooms.TickSchedule, Topic: rooms.TopicTick, Message: messages.Message{Attributes: map[string]string{"kind": rooms.KindTick}}},
		{Schedule: rooms.RefreshSchedule, Topic: rooms.TopicRefresh},
		{Schedule: rooms.WatchSchedule, Topic: rooms.TopicWatch},
	}
}

func (b *officeBridge) overdue(context.Context) ([]string, error) {
	if b.demo != nil {
		b.tasks.Go(func() { b.stayAlive(func() error { return b.demo.keepAlive(b) }) })
	}
	return []string{rooms.TopicWatch, rooms.TopicRefresh}, nil
}

func (b *officeBridge) arduinoURL() string {
	if b.demo != nil {
		return b.url + "/sim/iotcloud"
	}
	return iotcloud.DefaultURL
}

func (b *officeBridge) calendar() (*googlecal.Client, error) {
	if b.demo != nil {
		return googlecal.New(b.ctx, googlecal.Config{BaseURL: b.url + "/sim/googlecal", Now: b.clock.Now})
	}
	return googlecal.FromBucket(b.ctx, b.config, googlecal.Environment{}, b.clock.Now)
}

func (b *officeBridge) public(mux *http.ServeMux) {
	mux.Handle("/webhook", b.webhook)
	mux.Handle("/start_watching", b.meetings)
	mux.Handle("/meetings", b.meetings)
	mux.Handle("/meetings/", b.meetings)
	mux.Handle("/meeting/", b.meetings)
	if b.demo == nil {
		return
	}
	mux.Handle("/calendar/v3/", b.demo.google) // Google's Node client drops a prefix from its rootUrl
	mux.Handle("/sim/googlecal/", b.metrics.function("sim-googlecal", http.StripPrefix("/sim/googlecal", b.demo.google)))
	mux.Handle("/sim/iotcloud/", b.metrics.function("sim-iotcloud", http.StripPrefix("/sim/iotcloud", b.demo.arduino)))
}

// waiting names the rooms that have neither shown a first status nor a fault that says why not.
func (b *officeBridge) waiting(ctx context.Context) ([]string, error) {
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

func (b *officeBridge) zone(ctx context.Context) string {
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

func (b *officeBridge) announce(w io.Writer) {
	if b.demo == nil {
		fmt.Fprintf(w, "  rooms         %s/webhook /start_watching /meetings\n", b.url)
		if settings, err := b.settings.Get(b.ctx); err == nil && settings.Polls() {
			fmt.Fprintf(w, "                no gcal_watch_function_url, so Google cannot tell of changes: calendars are polled %s\n", every(settings.PollInterval()))
		}
		return
	}
	fmt.Fprintf(w, "  a display asks       %s/meetings?client_id=%s&room_name=blue_room  (bearer %s)\n", b.url, demoClient, demoSecret)
	fmt.Fprintf(w, "  simulated Google     %s/sim/googlecal/calendar/v3/  (any bearer)\n  simulated Arduino    %s/sim/iotcloud/iot/v2/\n", b.url, b.url)
}
