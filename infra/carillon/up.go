package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

type options struct {
	listen, operator, data, folder string
	only                           []string // names of bridges; default all that have settings
	speed, size, limit             int
	logFormat                      string
	fresh                          bool
	sure                           func(question string) error     // asks the person, and fails unless the answer is yes
	attempts                       int                             // pushes before a message is a dead letter; default 20
	wrap                           func(http.Handler) http.Handler // around everything that is served; for tests
	firewalled                     bool                            // the sample office has no public address; for tests
	names                          []string                        // of the sample office's rooms; for tests
}

// A system is everything that up has started.
type system struct {
	options

	db      *local.DB
	clock   *local.Clock
	queue   *local.Queue
	config  documents.Bucket
	metrics *metrics
	bridges []bridge
	rooms   *officeBridge // nil where it does not run
	campus  *campusBridge
	exports *exportsBridge
	checkup checkup

	url     string // of the public paths
	began   time.Time
	servers []*http.Server
	failed  chan error
	ctx     context.Context //nolint:containedctx // the life of the whole process
	tasks   sync.WaitGroup
	cleanup []func()
}

// lockFile, in the data folder, is held while a system runs there.
const lockFile = "lock"

// sample reports whether the outside systems are simulated.
func (s *system) sample() bool { return s.folder == "" }

// start brings the system up; it runs until ctx ends.
func start(ctx context.Context, o options) (*system, error) {
	log, err := newLog(os.Stderr, o.logFormat)
	if err != nil {
		return nil, err
	}
	slog.SetDefault(keepLines(log))
	o.attempts = cmp.Or(o.attempts, 20)
	s := &system{options: o, failed: make(chan error, 2), ctx: ctx, began: time.Now()}
	if err := s.open(); err != nil {
		s.close() //nolint:contextcheck // as above
		return nil, err
	}
	return s, nil
}

func (s *system) open() error {
	if !s.sample() && s.speed != 1 {
		return errors.New("--speed is for the sample office: with --config time is the machine's")
	}
	if err := os.MkdirAll(s.data, 0o700); err != nil {
		return err
	}
	// Two would make every call to the outside twice. The lock goes with the process, also with one that is killed.
	lock := flock.New(filepath.Join(s.data, lockFile))
	locked, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("locking the data folder: %w", err)
	}
	if !locked {
		return fmt.Errorf("another carillon runs with the data folder %s: stop it first, or name another one with --data", s.data)
	}
	s.cleanup = append(s.cleanup, func() { _ = lock.Unlock() })
	listener, err := listen(s.listen, "--listen")
	if err != nil {
		return err
	}
	s.url = "http://" + listener.Addr().String()
	s.cleanup = append(s.cleanup, func() { _ = listener.Close() })
	names, err := chosen(s.ctx, s.only, s.folder)
	if err != nil {
		return err
	}
	if s.fresh {
		if err := s.startOver(); err != nil {
			return err
		}
	}
	if s.db, err = local.Open(s.ctx, s.data); err != nil {
		return err
	}
	s.cleanup = append(s.cleanup, func() { _ = s.db.Close() })
	if err := s.openClock(); err != nil {
		return err
	}
	if err := s.openBridges(names); err != nil {
		return err
	}
	return s.serve(listener)
}

// openBridges starts the chosen bridges over a folder's settings, or the sample's.
func (s *system) openBridges(names []string) error {
	s.config = s.db.Bucket("roomcal-config")
	if !s.sample() {
		s.config = local.Folder(s.folder)
	}
	s.metrics = newMetrics(s)
	if slices.Contains(names, "rooms") {
		s.rooms = newOfficeBridge(s)
		s.bridges = append(s.bridges, s.rooms)
	}
	if slices.Contains(names, "campus") {
		s.campus = &campusBridge{system: s}
		s.bridges = append(s.bridges, s.campus)
	}
	if slices.Contains(names, "exports") {
		s.exports = &exportsBridge{system: s}
		s.bridges = append(s.bridges, s.exports)
	}
	var subscriptions []local.Subscription
	for _, b := range s.bridges {
		s.cleanup = append(s.cleanup, b.close)
		if err := b.open(); err != nil {
			return err
		}
		s.metrics.registry.MustRegister(b)
		subscriptions = append(subscriptions, b.subscriptions()...)
	}
	s.queue = local.NewQueue(s.db, s.clock.Now, subscriptions...)
	return nil
}

// Kinds of offices that a data folder may be of.
const (
	officeSample = "sample"
	officeReal   = "real"
)

// openClock keeps a sample office's time, which may run ahead, and its documents away from a real one.
func (s *system) openClock() (err error) {
	kind := officeSample
	if !s.sample() {
		kind = officeReal
	}
	found, err := s.db.Setting(s.ctx, local.OfficeSetting, func() string { return kind })
	if err != nil {
		return err
	}
	if found != kind {
		return fmt.Errorf("the data folder %s is a %s office's: name another one with --data", s.data, found)
	}
	if kind == officeReal {
		s.clock = local.WallClock()
		return nil
	}
	s.clock, err = local.OpenClock(s.ctx, s.db, s.speed)
	return err
}

func (s *system) serve(listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", s.health)
	var jobs []local.Job
	for _, b := range s.bridges {
		b.public(mux)
		jobs = append(jobs, b.jobs()...)
	}
	if s.sample() {
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
		if err := local.Schedule(s.ctx, s.clock, s.queue, jobs...); err != nil {
			s.failed <- err
		}
	})
	// What should have happened while nothing ran is caught up with now, not at the next scheduled time.
	for _, b := range s.bridges {
		topics, err := b.overdue(s.ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if err := s.queue.Publish(s.ctx, topic, messages.Message{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// operatorPaths serves the dashboard, the operators' commands and the metrics, to callers that use an IP address or localhost.
func (s *system) operatorPaths(mux *http.ServeMux, base string) error {
	inner := http.NewServeMux()
	mux.Handle("/", ownHost(inner))
	s.dashboard(inner)
	return s.operate(inner, base)
}

// operatorListener keeps them on an address of their own, so that only the public paths can be put behind a proxy.
func (s *system) operatorListener() error {
	listener, err := listen(s.operator, "--operator-listen")
	if err != nil {
		return err
	}
	s.operator = listener.Addr().String()
	mux := http.NewServeMux()
	if err := s.operatorPaths(mux, "http://"+s.operator); err != nil {
		return err
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		slog.WarnContext(s.ctx, "the operators' address is not a loopback one: keep it from whoever must not see the dashboard", slog.String("address", addr.String()))
	}
	s.listenOn(listener, mux)
	return nil
}

func (s *system) listenOn(listener net.Listener, h http.Handler) {
	if s.wrap != nil {
		h = s.wrap(h)
	}
	server := newServer(h)
	s.servers = append(s.servers, server)
	s.tasks.Go(func() {
		if err := server.Serve(readers{listener}); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
}

// health is 200 once every bridge has come up, or has a fault that says why not.
func (s *system) health(w http.ResponseWriter, r *http.Request) {
	var waiting []string
	for _, b := range s.bridges {
		names, err := b.waiting(r.Context())
		if err != nil {
			http.Error(w, "state not readable", http.StatusServiceUnavailable)
			return
		}
		waiting = append(waiting, names...)
	}
	if len(waiting) > 0 {
		http.Error(w, "waiting for "+strings.Join(waiting, ", "), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ok\n")
}

// wait returns when ctx has ended and everything has stopped, or with what failed.
func (s *system) wait() error {
	var err error
	select {
	case <-s.ctx.Done():
		if onTerminal(os.Stderr) {
			fmt.Fprintln(os.Stderr, "\nStopping. Everything is kept; Ctrl-C again does not wait.")
		}
	case err = <-s.failed:
	}
	s.close()
	return err
}

const grace = 5 * time.Second

func (s *system) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), grace)
	defer cancel()
	started := s.queue != nil && s.ctx.Err() != nil
	if started {
		s.queue.Wait() // the functions call the simulators, which are served here
	}
	for _, server := range s.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	if started {
		s.tasks.Wait()
		_ = s.clock.Save(ctx)
	}
	for _, v := range slices.Backward(s.cleanup) {
		v()
	}
}
