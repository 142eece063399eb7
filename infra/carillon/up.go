package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/functions/rooms/meetings"
	"github.com/carillon-calendar/carillon/functions/rooms/refresh"
	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/functions/rooms/watch"
	"github.com/carillon-calendar/carillon/functions/rooms/webhook"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

type options struct {
	listen, operator, data, config string
	speed, rooms, limit            int
	attempts                       int                             // pushes before a message is a dead letter; default 20
	wrap                           func(http.Handler) http.Handler // around everything that is served; for tests
}

// A system is everything that up has started.
type system struct {
	options

	db       *local.DB
	clock    *local.Clock
	queue    *local.Queue
	settings *config.Settings[rooms.Settings]
	config   documents.Bucket
	state    documents.Bucket
	watches  documents.Bucket
	demo     *demo // nil with --config
	recent   recent
	metrics  *metrics
	// The functions.
	webhook, watch, status, refresh, meetings http.Handler

	url     string // of the public paths
	servers []*http.Server
	failed  chan error
	ctx     context.Context //nolint:containedctx // the life of the whole process
	tasks   sync.WaitGroup
	cleanup []func()
}

// start brings the system up; it runs until ctx ends.
func start(ctx context.Context, o options) (*system, error) {
	slog.SetDefault(logging.New(os.Stderr, slog.LevelInfo, ""))
	s := &system{options: o, failed: make(chan error, 2), ctx: ctx, recent: recent{rooms: map[string][]viewMessage{}}}
	if err := s.open(); err != nil {
		s.close() //nolint:contextcheck // as above
		return nil, err
	}
	return s, nil
}

func (s *system) open() error {
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	var err error
	if s.db, err = local.Open(s.ctx, s.data); err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() { _ = s.db.Close() })
	if err := s.openClock(); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", s.listen) //nolint:noctx // listening does not wait
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	s.url = "http://" + listener.Addr().String()
	s.cleanup = append(s.cleanup, func() { _ = listener.Close() })
	if err := s.buckets(); err != nil {
		return err
	}
	if err := s.functions(); err != nil {
		return err
	}
	return s.serve(listener)
}

// openClock keeps a sample office's time, which may run ahead, and its documents away from a real one.
func (s *system) openClock() (err error) {
	kind := "sample"
	if s.options.config != "" {
		kind = "real"
		if s.speed != 1 {
			return errors.New("--speed is for the sample office: with --config time is the machine's")
		}
	}
	kept, err := s.db.Setting(s.ctx, "office", func() string { return kind })
	if err != nil {
		return err
	}
	if kept != kind {
		return fmt.Errorf("the data folder %s is a %s office's: name another one with --data", s.data, kept)
	}
	if kind == "real" {
		s.clock = local.WallClock()
		return nil
	}
	s.clock, err = local.OpenClock(s.ctx, s.db, s.speed)
	return err
}

// buckets opens the documents: of a folder's real office, or of the sample one.
func (s *system) buckets() (err error) {
	s.state, s.watches = s.db.Bucket("roomcal-state"), s.db.Bucket("roomcal-watch-ids")
	if s.options.config != "" {
		s.config = local.Folder(s.options.config)
	} else {
		s.config = s.db.Bucket("roomcal-config")
		if s.demo, err = openDemo(s); err != nil {
			return err
		}
		s.cleanup = append(s.cleanup, s.demo.close)
	}
	s.settings, err = rooms.LoadSettings(s.config)
	if err != nil {
		return err
	}
	_, err = s.settings.Get(s.ctx)
	return err
}

// waiting is how many rooms may wait for the Arduino account's limit at once: only
// among those that wait do the colours go before the texts.
const waiting = 500

func (s *system) functions() error {
	key, err := s.db.Setting(s.ctx, "webhook_key", func() string {
		b := make([]byte, 32)
		_, _ = rand.Read(b) // never fails
		return hex.EncodeToString(b)
	})
	if err != nil {
		return err
	}
	s.metrics = newMetrics(s)
	now, pub, attempts := s.clock.Now, publisher{s}, cmp.Or(s.attempts, 20)
	cal, err := s.calendar()
	if err != nil {
		return err
	}
	s.webhook = s.metrics.function("rooms-webhook", webhook.New(webhook.Config{Settings: s.settings, Watches: s.watches, Calendar: cal, Publisher: pub, Keys: []string{key}, Now: now}))
	s.watch = s.metrics.function("rooms-watch", watch.New(watch.Config{Settings: s.settings, Watches: s.watches, Calendar: cal, Publisher: pub, Key: key, Now: now}))
	s.refresh = s.metrics.function("rooms-refresh", refresh.New(refresh.Config{Settings: s.settings, State: s.state, Calendar: cal, Publisher: pub, Now: now}))
	s.status = s.metrics.function("rooms-status", status.New(status.Config{Settings: s.settings, State: s.state, ArduinoURL: s.arduinoURL(), Publisher: pub, Now: now}))
	s.meetings = s.metrics.function("rooms-meetings", meetings.New(meetings.Config{Settings: s.settings, State: s.state, Calendar: cal, Publisher: pub, Now: now}))
	s.queue = local.NewQueue(s.db, now,
		local.Subscription{Name: "rooms-status-events", Topic: rooms.TopicEvents, Handler: s.status, Attempts: attempts, Concurrency: waiting},
		local.Subscription{Name: "rooms-status-tick", Topic: rooms.TopicTick, Handler: s.status, Retention: 10 * time.Minute},
		local.Subscription{Name: "rooms-status-due", Topic: rooms.TopicDue, Handler: s.status, Attempts: attempts, Concurrency: waiting},
		local.Subscription{Name: "rooms-refresh", Topic: rooms.TopicRefresh, Handler: s.refresh, Attempts: attempts},
		local.Subscription{Name: "rooms-watch", Topic: rooms.TopicWatch, Handler: s.watch, Attempts: attempts},
	)
	return nil
}

func (s *system) arduinoURL() string {
	if s.demo != nil {
		return s.url + "/sim/iotcloud"
	}
	return iotcloud.DefaultURL
}

func (s *system) calendar() (*googlecal.Client, error) {
	if s.demo != nil {
		return googlecal.New(s.ctx, googlecal.Config{BaseURL: s.url + "/sim/googlecal", Now: s.clock.Now})
	}
	return googlecal.FromBucket(s.ctx, s.config, s.clock.Now)
}

// jobs are the schedules of the cloud's Scheduler.
func jobs() []local.Job {
	return []local.Job{
		{Schedule: "* * * * *", Topic: rooms.TopicTick, Message: messages.Message{Attributes: map[string]string{"kind": "tick"}}},
		{Schedule: "7 * * * *", Topic: rooms.TopicRefresh},
		{Schedule: "23 */6 * * *", Topic: rooms.TopicWatch},
	}
}

func (s *system) serve(listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/webhook", s.webhook)
	mux.Handle("/start_watching", s.webhook)
	mux.Handle("/meetings", s.meetings)
	mux.Handle("/meetings/", s.meetings)
	mux.Handle("/meeting/", s.meetings)
	mux.HandleFunc("GET /healthz", s.health)
	if s.demo != nil {
		mux.Handle("/calendar/v3/", s.demo.google) // Google's Node client drops a prefix from its rootUrl
		mux.Handle("/sim/googlecal/", s.metrics.function("sim-googlecal", http.StripPrefix("/sim/googlecal", s.demo.google)))
		mux.Handle("/sim/iotcloud/", s.metrics.function("sim-iotcloud", http.StripPrefix("/sim/iotcloud", s.demo.arduino)))
		if err := s.operatorPaths(mux, s.url); err != nil {
			return err
		}
	} else if err := s.operatorListener(); err != nil {
		return err
	}
	s.listenOn(listener, mux)
	s.queue.Start(s.ctx)
	s.tasks.Go(func() { s.clock.Keep(s.ctx) })
	s.tasks.Go(func() {
		if err := local.Schedule(s.ctx, s.clock, s.queue, jobs()...); err != nil {
			s.failed <- err
		}
	})
	// What happened while nothing ran is caught up with now, not at the next scheduled time.
	for _, topic := range []string{rooms.TopicWatch, rooms.TopicRefresh} {
		if err := s.queue.Publish(s.ctx, topic, messages.Message{}); err != nil {
			return err
		}
	}
	return nil
}

// operatorPaths serves the dashboard and the operators' commands.
func (s *system) operatorPaths(mux *http.ServeMux, base string) error {
	s.dashboard(mux)
	return s.operate(mux, base)
}

// operatorListener keeps them on an address of their own, so that only the public paths can be put behind a proxy.
func (s *system) operatorListener() error {
	listener, err := net.Listen("tcp", s.operator) //nolint:noctx // listening does not wait
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	mux := http.NewServeMux()
	if err := s.operatorPaths(mux, "http://"+listener.Addr().String()); err != nil {
		return err
	}
	s.listenOn(listener, mux)
	return nil
}

func (s *system) listenOn(listener net.Listener, h http.Handler) {
	if s.wrap != nil {
		h = s.wrap(h)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	s.servers = append(s.servers, server)
	s.tasks.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

// health is 200 once every room has shown its first status, or has a fault that says why not.
func (s *system) health(w http.ResponseWriter, r *http.Request) {
	waiting, err := s.waiting(r.Context())
	if err != nil {
		http.Error(w, "state not readable", http.StatusServiceUnavailable)
		return
	}
	if len(waiting) > 0 {
		http.Error(w, "waiting for "+strings.Join(waiting, ", "), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

func (s *system) waiting(ctx context.Context) ([]string, error) {
	settings, err := s.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	var waiting []string
	for _, r := range settings.Rooms {
		snapshot, _, err := documents.Load[rooms.Snapshot](ctx, s.state, rooms.SnapshotName(r.Name))
		if err != nil && !errors.Is(err, documents.ErrNotFound) {
			return nil, err
		}
		if snapshot.Fault == nil && snapshot.CalendarFault == nil && len(snapshot.Published) == 0 {
			waiting = append(waiting, r.Name)
		}
	}
	return waiting, nil
}

func (s *system) announce(w io.Writer) {
	fmt.Fprintf(w, "Carillon is up. Ctrl-C stops it.\n\n")
	if s.demo == nil {
		fmt.Fprintf(w, "  dashboard     http://%s/\n  public paths  %s/webhook /start_watching /meetings\n", s.operator, s.url)
		return
	}
	fmt.Fprintf(w, "  dashboard          %s/\n  a display asks     %s/meetings?client_id=%s&room_name=blue_room  (bearer %s)\n", s.url, s.url, demoClient, demoSecret)
	fmt.Fprintf(w, "  simulated Google   %s/sim/googlecal/calendar/v3/  (any bearer)\n  simulated Arduino  %s/sim/iotcloud/iot/v2/\n", s.url, s.url)
}

// wait returns when ctx has ended and everything has stopped, or with what failed.
func (s *system) wait() error {
	var err error
	select {
	case <-s.ctx.Done():
	case err = <-s.failed:
	}
	s.close()
	return err
}

const grace = 5 * time.Second

func (s *system) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), grace)
	defer cancel()
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	if s.queue != nil && s.ctx.Err() != nil {
		s.queue.Wait()
		s.tasks.Wait()
		_ = s.clock.Save(ctx)
	}
	for _, v := range slices.Backward(s.cleanup) {
		v()
	}
}
