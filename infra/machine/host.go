package machine

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// A Host is what a bridge has of the machine.
type Host struct {
	Clock  *Clock // of the sample, or the machine's
	URL    string // of the public paths
	Data   string // the data folder
	Sample bool   // the outside systems are simulated
	Speed  int    // simulated seconds a second
	Alone  bool   // no other bridge runs: its public paths may stand at the root

	m *Machine
}

// Context ends when the machine stops.
func (h *Host) Context() context.Context { return h.m.ctx }

// Config is where the settings are.
func (h *Host) Config() documents.Bucket { return h.m.config }

// Bucket is a bucket of documents, by the name that it has in the cloud without its prefix.
func (h *Host) Bucket(name string) documents.Bucket { return h.m.DB.Bucket(name) }

// Simulation returns the options of a simulator, which [Service.Simulators] has under the name.
func (h *Host) Simulation(name string) sim.Options {
	path := simulatorPath(name)
	return sim.Options{Now: h.Clock.Now, Store: h.m.DB.Records(strings.TrimPrefix(path, "/")), Prefix: path}
}

// simulatorPath is where a simulator is served; below that name it keeps its records.
func simulatorPath(name string) string { return "/sim/" + name }

// Setting returns a value that is kept with the data; first makes it.
func (h *Host) Setting(name string, first func() string) (string, error) {
	return h.m.DB.Setting(h.m.ctx, name, first)
}

// SetSetting replaces a value that is kept with the data.
func (h *Host) SetSetting(name, value string) error { return h.m.DB.SetSetting(h.m.ctx, name, value) }

// Function measures a function's requests.
func (h *Host) Function(name string, f http.Handler) http.Handler {
	return h.m.metrics.function(name, f)
}

// Publish implements [messages.Publisher]. The messages of all bridges are in one queue.
func (h *Host) Publish(ctx context.Context, topic string, m messages.Message) error {
	return h.m.Queue.Publish(ctx, topic, m)
}

// Go runs a task that the machine waits for when it stops: it ends with [Host.Context].
func (h *Host) Go(task func()) { h.m.Go(task) }

// SampleZone is the zone that the sample's people live in.
const SampleZone = "Europe/Paris"

// aliveAgain is how often the sample is looked at, in its own time.
const aliveAgain = 15 * time.Minute

// StayAlive has keep called as the sample's time passes.
func (h *Host) StayAlive(keep func() error) {
	h.Go(func() {
		for pause := h.Clock.Real(aliveAgain); ; {
			select {
			case <-h.Context().Done():
				return
			case <-time.After(min(max(pause, time.Second), time.Minute)): // a machine that slept has not waited
			}
			if err := keep(); err != nil && h.Context().Err() == nil {
				slog.ErrorContext(h.Context(), "the sample does not go on", slog.Any("error", err))
			}
		}
	})
}

// WriteSample replaces a document of the sample's settings.
func (h *Host) WriteSample(name string, data []byte) error {
	doc, err := h.Config().Get(h.Context(), name)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return err
	}
	_, err = h.Config().Put(h.Context(), name, doc.Generation, data, nil)
	return err
}
