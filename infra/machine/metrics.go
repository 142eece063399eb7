package machine

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// metrics are what GET /metrics tells, in Prometheus's text form.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
}

func newMetrics(of *Machine) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(), duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "carillon_request_duration_seconds", Help: "Time that a function took for a request, outside calls included.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	}, []string{"function", "code", "method"})}
	m.registry.MustRegister(m.duration, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), messageCounts{of})
	return m
}

// function measures a function's requests.
func (m *metrics) function(name string, h http.Handler) http.Handler {
	return promhttp.InstrumentHandlerDuration(m.duration.MustCurryWith(prometheus.Labels{"function": name}), h)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

var (
	descWaiting = prometheus.NewDesc("carillon_messages_waiting", "Messages that are not taken yet.",
		[]string{"subscription"}, nil)
	descDead = prometheus.NewDesc("carillon_messages_dead", "Messages that could not be taken after all attempts.",
		[]string{"subscription"}, nil)
)

// CollectTime bounds the reading of what is kept, when metrics are asked for.
const CollectTime = 10 * time.Second

// Age is how long ago an instant was, in seconds: endless where a wrong clock has written it, so that an alert on old
// data fires.
func Age(t, now time.Time) float64 {
	if calendar.Ahead(now, t) {
		return math.Inf(1)
	}
	return now.Sub(t).Seconds()
}

// Gauge adds a value, by its one label.
func Gauge(ch chan<- prometheus.Metric, desc *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

// messageCounts reads, when asked, which messages wait.
type messageCounts struct{ m *Machine }

// Describe implements [prometheus.Collector].
func (c messageCounts) Describe(ch chan<- *prometheus.Desc) { ch <- descWaiting; ch <- descDead }

// Collect implements [prometheus.Collector].
func (c messageCounts) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(c.m.ctx, CollectTime)
	defer cancel()
	for name, n := range c.m.Queue.Counts(ctx) {
		Gauge(ch, descWaiting, float64(n.Waiting), name)
		Gauge(ch, descDead, float64(n.Dead), name)
	}
}
