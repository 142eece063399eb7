package faults_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

func TestEachFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fault string
		path        string
		code        int // 0: the connection breaks
		served      int
	}{
		{"none", "", "/a", 200, 1},
		{"status", `{"status":429}`, "/a", 429, 0},
		{"other_path", `{"status":429,"path":"^/b"}`, "/a", 200, 1},
		{"other_method", `{"status":429,"method":"POST"}`, "/a", 200, 1},
		{"used_up", `{"status":500,"times":1}`, "/twice", 200, 1},
		{"over", `{"status":500,"seconds":0.000001}`, "/a", 200, 1},
		{"drop", `{"drop":true}`, "/a", 0, 0},
		{"lose_answer", `{"lose_answer":true}`, "/a", 0, 1},
		{"truncate", `{"truncate":true}`, "/a", 0, 1},
		{"latency", `{"latency_ms":50}`, "/a", 200, 1},
		{"quota", `{"status":403,"per_minute":1}`, "/twice", 403, 1},
		{"pushes_only", `{"pushes":"drop"}`, "/a", 200, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var set faults.Set
			var served atomic.Int32
			// it would try again on a kept connection
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			h := set.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				served.Add(1)
				_, _ = io.WriteString(w, `{"long":"enough"}`)
			}), func(w http.ResponseWriter, status int, _ string) { w.WriteHeader(status) })
			server := httptest.NewServer(h)
			t.Cleanup(server.Close)
			if tt.fault != "" {
				resp, err := client.Post(server.URL+"/_faults", "application/json", strings.NewReader(tt.fault))
				if err != nil || resp.StatusCode != http.StatusCreated {
					t.Fatalf("adding the fault: %v, %v", resp, err)
				}
				_ = resp.Body.Close()
			}
			get := func() int {
				resp, err := client.Get(server.URL + tt.path)
				if err != nil {
					return 0
				}
				defer resp.Body.Close()
				if _, err := io.ReadAll(resp.Body); err != nil {
					return 0
				}
				return resp.StatusCode
			}
			if tt.path == "/twice" {
				get()
			}
			began := time.Now()
			if got := get(); got != tt.code || int(served.Load()) != tt.served {
				t.Errorf("answered %d, served %d times; want %d and %d", got, served.Load(), tt.code, tt.served)
			}
			if tt.name == "latency" && time.Since(began) < 50*time.Millisecond {
				t.Error("the answer was not delayed")
			}
			set.Clear("")
			if got := get(); got != http.StatusOK {
				t.Errorf("without faults answered %d", got)
			}
		})
	}
}

func TestBadFaultsAreRefused(t *testing.T) {
	t.Parallel()
	var set faults.Set
	h := set.Wrap(http.NotFoundHandler(), nil)
	for _, body := range []string{`{`, `{"x":1}`, `{"path":"("}`, `{"status":200}`, `{"pushes":"lose"}`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_faults", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error"`) || len(set.List()) != 0 {
			t.Errorf("%s was answered %d %s", body, w.Code, w.Body)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/_faults", strings.NewReader(`{"drop":true}`))
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusForbidden || len(set.List()) != 0 {
		t.Errorf("another site's page was answered %d", w.Code)
	}
}
