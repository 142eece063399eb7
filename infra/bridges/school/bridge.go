// Package school is the school bridge on one machine.
package school

import (
	"context"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/infra/machine"
	simpronote "github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/school"
)

var (
	//go:embed web
	assets embed.FS
	//go:embed texts
	textFiles embed.FS
)

// texts are what people read of it, by language.
var texts = faults.Load(textFiles, "texts")

// prefix is where the API is beside other bridges' paths.
const prefix = "/school"

// New returns the school bridge.
func New() machine.Bridge { return new(bridge).definition() }

type bridge struct {
	*machine.Host

	allow    []string // --school-allow
	settings *config.Settings[school.Settings]
	pronote  *simpronote.Server // nil with --config
	api      http.Handler
	calls    calls
}

func (b *bridge) definition() machine.Bridge {
	return machine.Bridge{
		Name: "school", Texts: texts,

		Settings: school.SettingsFile, Schema: "shared/school/school.schema.json",
		Open: b.open, Examine: examineFolder, Command: command, Page: assets,
		Flags: b.flags, Check: b.check,
	}
}

func (b *bridge) flags(f *pflag.FlagSet) {
	f.StringSliceVar(&b.allow, "school-allow", nil, allowUsage)
}

// allowUsage is said of --school-allow.
const allowUsage = "a PRONOTE server for tests that the school bridge may ask too, such as http://127.0.0.1:8400"

func (b *bridge) check() error {
	for _, address := range b.allow {
		s := school.Settings{AllowedHosts: []string{address}}
		if err := s.Validate(); err != nil || !strings.Contains(address, "://") {
			return fmt.Errorf("--school-allow %s: expected an address such as http://127.0.0.1:8400", address)
		}
	}
	return nil
}

func (b *bridge) open(host *machine.Host) (_ *machine.Service, err error) {
	b.Host = host
	if b.Sample {
		if err := b.WriteSample(school.SettingsFile, []byte(sampleSettings)); err != nil {
			return nil, err
		}
		b.pronote = simpronote.New(simpronote.Options{Options: b.Simulation("pronote"), URL: b.school()})
	}
	if b.settings, err = school.LoadSettings(b.Config()); err != nil {
		return nil, err
	}
	if _, err := b.settings.Get(b.Context()); err != nil {
		return nil, err
	}
	key, err := b.Setting("school_key", newKey)
	if err != nil {
		return nil, err
	}
	cfg := api.Config{
		Settings: b.settings, State: b.Bucket("school-state"), Now: b.Clock.Now, Key: key, Hosts: b.allow,
		Prefix: prefix, Called: b.calls.add,
	}
	if b.Alone {
		cfg.Prefix = ""
	}
	if b.Sample {
		cfg.Hosts = append(cfg.Hosts, b.school())
	}
	b.api = b.Function("school-api", api.New(cfg))
	b.noteSchedule()
	return &machine.Service{
		Public: b.public, Simulators: b.simulators(), Pages: b.pages, Parts: b.parts, Examine: b.examine, Zone: b.zone,
		Announce: b.announce, Collector: b,
	}, nil
}

// sampleSettings allow the simulated school alone.
const sampleSettings = `{"allowed_hosts": [], "limits": {"burst": 500, "calls_per_minute": 3000}}`

// school is the simulated PRONOTE.
func (b *bridge) school() string { return b.URL + "/sim/pronote" }

// newKey seals what is kept of sessions on this machine.
func newKey() string {
	data := make([]byte, 32)
	_, _ = rand.Read(data) // never fails (crypto/rand)
	return hex.EncodeToString(data)
}

// noteSchedule takes note of CRON, by which papillonserver was restarted: its sessions filled the memory.
func (b *bridge) noteSchedule() {
	if os.Getenv("CRON") != "" {
		slog.Info("CRON is not needed: ended sessions are removed as they end, and nothing is restarted")
	}
}

func (b *bridge) simulators() map[string]http.Handler {
	if b.pronote == nil {
		return nil
	}
	return map[string]http.Handler{"pronote": b.pronote}
}

// public serves the API below /school/, and where no other bridge runs at the root too, as the old server did.
func (b *bridge) public(mux *http.ServeMux) {
	mux.Handle(prefix+"/", http.StripPrefix(prefix, b.api))
	if !b.Alone {
		return
	}
	for _, path := range api.Paths() {
		mux.Handle(path, b.api)
	}
	if !b.Sample {
		mux.Handle("/", b.api)
	}
}

func (b *bridge) zone(ctx context.Context) string {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return ""
	}
	return settings.Zone().String()
}

func (b *bridge) announce(w io.Writer) {
	address := b.URL + prefix
	if b.Alone {
		address = b.URL
	}
	fmt.Fprintf(w, "  school API           %s/infos", address)
	if b.Sample {
		fmt.Fprintf(w, "  (%s/eleve.html, eleve and eleve)", b.school())
	}
	fmt.Fprintln(w)
}

// mostCalls is how many calls to PRONOTE the page shows.
const mostCalls = 30

// calls are those that were made to PRONOTE lately.
type calls struct {
	mu    sync.Mutex
	total int
	last  []made
}

// A made call has no data: what PRONOTE calls the function, and how long it took.
type made struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
	N    int    `json:"n"`
}

func (c *calls) add(name string, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total++
	c.last = append(c.last, made{name, took.Milliseconds(), c.total})
	if len(c.last) > mostCalls {
		c.last = c.last[1:]
	}
}

func (c *calls) list() []made {
	c.mu.Lock()
	defer c.mu.Unlock()
	newest := make([]made, 0, len(c.last))
	for i := range c.last {
		newest = append(newest, c.last[len(c.last)-1-i])
	}
	return newest
}

var descCalls = prometheus.NewDesc("carillon_school_pronote_calls_total", "Calls to PRONOTE.", nil, nil)

// Describe implements [prometheus.Collector].
func (b *bridge) Describe(ch chan<- *prometheus.Desc) { ch <- descCalls }

// Collect implements [prometheus.Collector].
func (b *bridge) Collect(ch chan<- prometheus.Metric) {
	b.calls.mu.Lock()
	defer b.calls.mu.Unlock()
	ch <- prometheus.MustNewConstMetric(descCalls, prometheus.CounterValue, float64(b.calls.total))
}
