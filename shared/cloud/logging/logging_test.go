package logging_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
)

const trace = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestLine(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		header, value, project, key, want string
	}{
		"w3c_in_a_project": {
			"Traceparent", "00-" + trace + "-00f067aa0ba902b7-01", "p", "logging.googleapis.com/trace",
			"projects/p/traces/" + trace,
		},
		"cloud_run": {
			"X-Cloud-Trace-Context", trace + "/1;o=1", "p", "logging.googleapis.com/trace", "projects/p/traces/" + trace,
		},
		"w3c_on_one_machine": {"Traceparent", "00-" + trace + "-00f067aa0ba902b7-01", "", "trace", trace},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var buf bytes.Buffer
			ctx := logging.WithTrace(t.Context(), http.Header{tt.header: {tt.value}})
			logging.New(&buf, slog.LevelInfo, tt.project).With("function", "greet").WarnContext(ctx, "slow", slog.Int("ms", 7))
			var got map[string]any
			if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			for k, want := range map[string]any{
				"severity": "WARNING", "message": "slow", "function": "greet", "ms": 7.0, tt.key: tt.want,
			} {
				if got[k] != want {
					t.Errorf("%s = %v, want %v", k, got[k], want)
				}
			}
		})
	}
}

func TestTraceIsHandedOn(t *testing.T) {
	t.Parallel()
	first := logging.TraceparentOf(logging.WithTrace(t.Context(), http.Header{})) // a new one
	id, ok := logging.ParseTraceparent(first)
	if !ok || id == trace {
		t.Fatalf("traceparent = %q", first)
	}
	again, ok := logging.ParseTraceparent(logging.TraceparentOf(logging.SetTrace(t.Context(), id)))
	if !ok || again != id || logging.TraceparentOf(t.Context()) != "" {
		t.Errorf("trace = %s, want %s", again, id)
	}
}

func FuzzWithTrace(f *testing.F) {
	f.Add("00-"+trace+"-00f067aa0ba902b7-01", "105445aa7843bc8bf206b120001000/1;o=1")
	f.Fuzz(func(t *testing.T, tp, xc string) {
		ctx := logging.WithTrace(t.Context(), http.Header{"Traceparent": {tp}, "X-Cloud-Trace-Context": {xc}})
		if _, ok := logging.ParseTraceparent(logging.TraceparentOf(ctx)); !ok {
			t.Errorf("%q, %q: no trace to hand on", tp, xc)
		}
	})
}
