package logging_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
)

func TestLine(t *testing.T) {
	t.Parallel()
	var buf bytes.Buffer
	ctx := logging.WithTrace(t.Context(), "p", http.Header{"Traceparent": {"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}})
	logging.New(&buf, slog.LevelInfo).With("function", "greet").WarnContext(ctx, "slow", slog.Int("ms", 7))
	var got map[string]any
	if err := json.Unmarshal(buf.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]any{
		"severity": "WARNING", "message": "slow", "function": "greet", "ms": 7.0,
		"logging.googleapis.com/trace": "projects/p/traces/4bf92f3577b34da6a3ce929d0e0e4736",
	} {
		if got[k] != want {
			t.Errorf("%s = %v, want %v", k, got[k], want)
		}
	}
}

func FuzzWithTrace(f *testing.F) {
	f.Add("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "105445aa7843bc8bf206b120001000/1;o=1")
	f.Fuzz(func(t *testing.T, tp, xc string) {
		logging.WithTrace(t.Context(), "p", http.Header{"Traceparent": {tp}, "X-Cloud-Trace-Context": {xc}})
	})
}
