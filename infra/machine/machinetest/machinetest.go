// Package machinetest runs machines in tests.
package machinetest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/console"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// Patience is how long a loaded machine may take for what a quiet one does at once; infra/bench measures how fast
// Carillon is. A test in which something else would do the same within that time looks at what did it.
const Patience = 90 * time.Second

// A Running is a machine that runs, here or in a process of its own, with the test that it is for.
type Running struct {
	*machine.Machine

	T *testing.T
}

// Start starts a machine of some bridges and waits until they have come up. It stops with the test.
func Start(t *testing.T, o machine.Options) *Running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	o = Defaults(o)
	m, err := machine.Start(ctx, o)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := m.Wait(); err != nil {
			t.Error(err)
		}
	})
	r := &Running{m, t}
	r.Eventually("healthy", r.Healthy)
	return r
}

// Defaults are options with free addresses, the console and the machine's own speed.
func Defaults(o machine.Options) machine.Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Operator == "" {
		o.Operator = "127.0.0.1:0"
	}
	if o.Speed == 0 {
		o.Speed = 1
	}
	o.Console = console.Serve
	return o
}

// At is a machine that another process runs at an address.
func At(t *testing.T, address string) *Running {
	t.Helper()
	return &Running{&machine.Machine{URL: "http://" + address}, t}
}

// With is the same machine, for another test.
func (r *Running) With(t *testing.T) *Running { return &Running{r.Machine, t} }

// Eventually waits until something holds.
func (r *Running) Eventually(what string, ok func() bool) {
	r.T.Helper()
	const first, last = 10 * time.Millisecond, 100 * time.Millisecond // what takes long is looked for less often
	wait := first
	for deadline := time.Now().Add(Patience); !ok(); time.Sleep(wait) {
		if time.Now().After(deadline) {
			r.T.Fatalf("not within %s: %s", Patience, what)
		}
		wait = min(wait+wait/4, last)
	}
}

// Healthy reports whether /healthz answers that everything has come up.
func (r *Running) Healthy() bool {
	resp, err := http.Get(r.URL + "/healthz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Call makes a request and returns the answer's status and its JSON object, with its ETag as "etag". Answers of the
// public paths must be as docs/openapi.yaml says.
func (r *Running) Call(method, path, bearer string, body any, header ...string) (int, map[string]any) {
	r.T.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			r.T.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequest(method, r.URL+path, reader)
	if err != nil {
		r.T.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.T.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		r.T.Fatal(err)
	}
	if !strings.HasPrefix(path, "/sim/") && !strings.HasPrefix(path, "/dashboard/") {
		checkContract(r.T, req, resp, answer)
	}
	got := map[string]any{}
	_ = json.Unmarshal(answer, &got)
	got["etag"] = resp.Header.Get("ETag")
	return resp.StatusCode, got
}

// Fault makes a simulator, by its path such as /sim/googlecal, fail.
func (r *Running) Fault(path string, f faults.Fault) {
	r.T.Helper()
	if code, got := r.Call(http.MethodPost, path+"/_faults", "", f); code != http.StatusCreated {
		r.T.Fatalf("adding %+v was answered %d %v", f, code, got)
	}
}

// Run executes a command line of carillon.
func Run(t *testing.T, bridges []machine.Bridge, args ...string) (out string, err error) {
	t.Helper()
	cmd := cli.Root("test", bridges)
	var buf bytes.Buffer
	cmd.SetOut(&buf)
	cmd.SetErr(&buf)
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(context.Background())
	return buf.String(), err
}

// FreeAddress is an address of this machine that nothing uses.
func FreeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// Metrics reads Prometheus's text form.
func Metrics(t *testing.T, r io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(r)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// Long skips what takes minutes, unless make test asks for everything.
func Long(t *testing.T) {
	t.Helper()
	if !peers.Wanted() {
		t.Skip(peers.Long)
	}
}

// Main runs a package's tests, more of them at once than there are processors: they wait for each other's clocks and
// limits more than they compute.
func Main(m *testing.M) {
	parallel := "12"
	if peers.Wanted() { // also with the race detector, which makes them compute more
		parallel = "5"
	}
	_ = flag.Set("test.parallel", parallel)
	os.Exit(m.Run())
}

// SetClock puts the clock of a stopped sample forward.
func SetClock(t *testing.T, dir string, at time.Time) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := machine.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	text := at.UTC().Format(time.RFC3339Nano)
	if _, err := db.Setting(t.Context(), "clock", func() string { return text }); err != nil {
		t.Fatal(err)
	}
	if err := db.SetSetting(t.Context(), "clock", text); err != nil {
		t.Fatal(err)
	}
}

// SetMorning sets the sample's clock to ten of the next day, far from the hour at which its queries run by themselves.
func SetMorning(t *testing.T, dir string) (at time.Time) {
	t.Helper()
	at = time.Now().UTC().Truncate(24 * time.Hour).Add(34 * time.Hour)
	SetClock(t, dir, at)
	return at
}

// Deployed serves a function as Cloud Run does: who has not its key gets a page. It returns the address.
func Deployed(t *testing.T, h http.Handler, key string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+key {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// Flags are a bridge's own flags of `carillon up`.
func Flags(b machine.Bridge) *pflag.FlagSet {
	flags := pflag.NewFlagSet(b.Name, pflag.ContinueOnError)
	if b.Flags != nil {
		b.Flags(flags)
	}
	return flags
}
