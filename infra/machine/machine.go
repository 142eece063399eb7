package machine

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

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// A Machine is everything that up has started.
type Machine struct {
	Options

	DB      *DB
	Clock   *Clock
	Queue   *Queue
	URL     string // of the public paths
	Running []Running

	config  documents.Bucket
	metrics *metrics
	began   time.Time
	servers []*http.Server
	failed  chan error
	ctx     context.Context //nolint:containedctx // the life of the whole process
	tasks   sync.WaitGroup
	cleanup []func()
}

// Running is a bridge that runs.
type Running struct {
	Bridge

	*Service
}

// Sample reports whether the outside systems are simulated.
func (m *Machine) Sample() bool { return m.Folder == "" }

// Start brings a machine up; it runs until ctx ends.
func Start(ctx context.Context, o Options) (*Machine, error) {
	log, err := newLog(os.Stderr, o.LogFormat)
	if err != nil {
		return nil, err
	}
	slog.SetDefault(keepLines(log))
	o.Attempts = cmp.Or(o.Attempts, 20)
	m := &Machine{Options: o, failed: make(chan error, 2), ctx: ctx, began: time.Now()}
	if err := m.open(); err != nil {
		m.close() //nolint:contextcheck // as above
		return nil, err
	}
	return m, nil
}

func (m *Machine) open() error {
	if !m.Sample() && m.Speed != 1 {
		return errors.New("--speed is for the sample office: with --config time is the machine's")
	}
	if err := os.MkdirAll(m.Data, 0o700); err != nil {
		return err
	}
	unlock, err := LockFolder(m.Data)
	if err != nil {
		return err
	}
	m.cleanup = append(m.cleanup, unlock)
	listener, err := listen(m.Listen, "--listen")
	if err != nil {
		return err
	}
	m.URL = "http://" + listener.Addr().String()
	m.cleanup = append(m.cleanup, func() { _ = listener.Close() })
	bridges, err := chosen(m.ctx, m.Bridges, m.Only, m.Folder)
	if err != nil {
		return err
	}
	if m.Fresh {
		if err := m.startOver(); err != nil {
			return err
		}
	}
	if m.DB, err = Open(m.ctx, m.Data); err != nil {
		return err
	}
	m.cleanup = append(m.cleanup, func() { _ = m.DB.Close() })
	if err := m.openClock(); err != nil {
		return err
	}
	if err := m.openBridges(bridges); err != nil {
		return err
	}
	return m.serve(listener)
}

// LockFolder takes a data folder for this process: two would make every call to the outside twice. The lock goes with
// the process, also with one that is killed.
func LockFolder(data string) (unlock func(), err error) {
	lock := flock.New(filepath.Join(data, LockFile))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("another carillon runs with the data folder %s: stop it first, or name another one with "+
			"--data", data)
	}
	return func() { _ = lock.Unlock() }, nil
}

// openBridges starts the chosen bridges over a folder's settings, or the sample's.
func (m *Machine) openBridges(bridges []Bridge) error {
	m.config = m.DB.Bucket("roomcal-config")
	if !m.Sample() {
		m.config = Folder(m.Folder)
	}
	m.metrics = newMetrics(m)
	host := &Host{
		Clock: m.Clock, URL: m.URL, Data: m.Data, Sample: m.Sample(), Speed: m.Speed, Alone: len(bridges) == 1,
		m: m,
	}
	var subscriptions []Subscription
	for _, b := range bridges {
		service, err := b.Open(host)
		if service != nil && service.Close != nil {
			m.cleanup = append(m.cleanup, service.Close)
		}
		if err != nil {
			return err
		}
		if service.Collector != nil {
			m.metrics.registry.MustRegister(service.Collector)
		}
		m.Running = append(m.Running, Running{b, service})
		for _, s := range service.Subscriptions {
			s.Attempts = cmp.Or(s.Attempts, m.Attempts)
			subscriptions = append(subscriptions, s)
		}
	}
	m.Queue = NewQueue(m.DB, m.Clock.Now, subscriptions...)
	return nil
}

// Kinds of offices that a data folder may be of.
const (
	officeSample = "sample"
	officeReal   = "real"
)

// openClock keeps a sample office's time, which may run ahead, and its documents away from a real one.
func (m *Machine) openClock() (err error) {
	kind := officeSample
	if !m.Sample() {
		kind = officeReal
	}
	found, err := m.DB.Setting(m.ctx, OfficeSetting, func() string { return kind })
	if err != nil {
		return err
	}
	if found != kind {
		return fmt.Errorf("the data folder %s is a %s office's: name another one with --data", m.Data, found)
	}
	if kind == officeReal {
		m.Clock = WallClock()
		return nil
	}
	m.Clock, err = OpenClock(m.ctx, m.DB, m.Speed)
	return err
}

func (m *Machine) serve(listener net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", m.health)
	var jobs []Job
	for _, b := range m.Running {
		if b.Public != nil {
			b.Public(mux)
		}
		for name, simulator := range b.Simulators {
			path := simulatorPath(name)
			mux.Handle(path+"/", m.metrics.function("sim-"+name, http.StripPrefix(path, simulator)))
		}
		jobs = append(jobs, b.Jobs...)
	}
	if m.Sample() {
		if err := m.operatorPaths(mux, m.URL); err != nil {
			return err
		}
	} else if err := m.operatorListener(); err != nil {
		return err
	}
	m.listenOn(listener, mux)
	m.Queue.Start(m.ctx)
	m.Go(func() { m.Clock.Keep(m.ctx) })
	m.Go(func() {
		if err := Schedule(m.ctx, m.Clock, m.Queue, jobs...); err != nil {
			m.failed <- err
		}
	})
	return m.catchUp()
}

// catchUp starts what the bridges have beside their functions, and does what should have happened while nothing ran
// now, not at the next scheduled time.
func (m *Machine) catchUp() error {
	for _, b := range m.Running {
		if b.Start != nil {
			b.Start()
		}
		if b.Overdue == nil {
			continue
		}
		topics, err := b.Overdue(m.ctx)
		if err != nil {
			return err
		}
		for _, topic := range topics {
			if err := m.Queue.Publish(m.ctx, topic, messages.Message{}); err != nil {
				return err
			}
		}
	}
	return nil
}

// operatorPaths serves the console and the metrics, to callers that use an IP address or localhost.
func (m *Machine) operatorPaths(mux *http.ServeMux, base string) error {
	inner := http.NewServeMux()
	mux.Handle("/", ownHost(inner))
	inner.Handle("GET /metrics", m.metrics.handler())
	if m.Console != nil {
		if err := m.Console(m, inner); err != nil {
			return err
		}
	}
	return m.writeRunFile(base)
}

// operatorListener keeps them on an address of their own, so that only the public paths can be put behind a proxy.
func (m *Machine) operatorListener() error {
	listener, err := listen(m.Operator, "--operator-listen")
	if err != nil {
		return err
	}
	m.Operator = listener.Addr().String()
	mux := http.NewServeMux()
	if err := m.operatorPaths(mux, "http://"+m.Operator); err != nil {
		return err
	}
	if addr, ok := listener.Addr().(*net.TCPAddr); ok && !addr.IP.IsLoopback() {
		slog.WarnContext(m.ctx, "the operators' address is not a loopback one: keep it from whoever must not see the "+
			"dashboard",
			slog.String("address", addr.String()))
	}
	m.listenOn(listener, mux)
	return nil
}

func (m *Machine) listenOn(listener net.Listener, h http.Handler) {
	if m.Wrap != nil {
		h = m.Wrap(h)
	}
	server := newServer(h)
	m.servers = append(m.servers, server)
	m.Go(func() {
		if err := server.Serve(readers{listener}); !errors.Is(err, http.ErrServerClosed) {
			m.failed <- err
		}
	})
}

// Go runs a task that ends with the machine's context; the machine waits for it when it stops.
func (m *Machine) Go(task func()) { m.tasks.Go(task) }

// Context ends when the machine stops.
func (m *Machine) Context() context.Context { return m.ctx }

// Zone is the zone of the office: the first that a bridge knows, or "".
func (m *Machine) Zone(ctx context.Context) string {
	for _, b := range m.Running {
		if b.Zone == nil {
			continue
		}
		if zone := b.Zone(ctx); zone != "" {
			return zone
		}
	}
	return ""
}

// Examine looks for what is missing, at every bridge that runs.
func (m *Machine) Examine(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, ExamineTime)
	defer cancel()
	found := []Finding{}
	for _, b := range m.Running {
		if b.Service.Examine != nil {
			found = append(found, b.Service.Examine(ctx)...)
		}
	}
	return found
}

// health is 200 once every bridge has come up, or has a fault that says why not.
func (m *Machine) health(w http.ResponseWriter, r *http.Request) {
	var waiting []string
	for _, b := range m.Running {
		if b.Waiting == nil {
			continue
		}
		names, err := b.Waiting(r.Context())
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

// Wait returns when ctx has ended and everything has stopped, or with what failed.
func (m *Machine) Wait() error {
	var err error
	select {
	case <-m.ctx.Done():
		if OnTerminal(os.Stderr) {
			fmt.Fprintln(os.Stderr, "\nStopping. Everything is kept; Ctrl-C again does not wait.")
		}
	case err = <-m.failed:
	}
	m.close()
	return err
}

const grace = 5 * time.Second

func (m *Machine) close() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(m.ctx), grace)
	defer cancel()
	started := m.Queue != nil && m.ctx.Err() != nil
	if started {
		m.Queue.Wait() // the functions call the simulators, which are served here
	}
	for _, server := range m.servers {
		if server.Shutdown(ctx) != nil {
			_ = server.Close()
		}
	}
	if started {
		m.tasks.Wait()
		_ = m.Clock.Save(ctx)
	}
	for _, v := range slices.Backward(m.cleanup) {
		v()
	}
}
