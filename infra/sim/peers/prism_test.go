package peers_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/recorded"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// prism serves the vendor's OpenAPI document and returns its address.
func prism(t *testing.T) *url.URL {
	t.Helper()
	dir := peers.Dir(t)
	spec := filepath.Join(recorded.Dir(t, "arduino"), "openapi.yaml")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	host, port, _ := net.SplitHostPort(listener.Addr().String())
	_ = listener.Close()
	cmd := exec.CommandContext(context.Background(), "node",
		filepath.Join(dir, "node_modules/@stoplight/prism-cli/dist/index.js"), "mock", "-h", host, "-p", port, spec)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), "Prism is listening") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port)}
		}
	}
	t.Fatal("Prism did not start")
	return nil
}

// TestArduinoClientAgainstPrism: what our client sends is what the vendor's document allows, and it reads what the
// document promises.
func TestArduinoClientAgainstPrism(t *testing.T) {
	t.Parallel()
	proxy := httputil.NewSingleHostReverseProxy(prism(t))
	var mu sync.Mutex
	status := map[string]int{}
	proxy.ModifyResponse = func(r *http.Response) error {
		mu.Lock()
		defer mu.Unlock()
		status[r.Request.Method+" "+r.Request.URL.Path[strings.LastIndexByte(r.Request.URL.Path, '/'):]] = r.StatusCode
		return nil
	}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	// it is not in the document
	mux.HandleFunc("POST /iot/v1/clients/token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("organization_id") != "o1" || r.Header.Get("X-Organization") != "o1" {
			t.Error("the token request names no organisation")
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"x","expires_in":300,"token_type":"Bearer"}`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // Prism may never answer
	defer cancel()
	client := iotcloud.New(server.URL, &rooms.Settings{
		ClientID: "i", ClientSecret: "s", OrganizationID: "o1", RequestsPerSecond: 100,
	})
	things, err := client.Things(ctx)
	if err != nil || len(things) == 0 || things[0].ID == "" || things[0].Name == "" {
		t.Errorf("things = %+v, %v", things, err)
	}
	const id = "5b1e7c12-2f0b-4d4e-9a3f-7f3b3c2d1e0a"
	for _, value := range []any{1, "Stand-up", ""} {
		if err := client.Publish(ctx, 0, id, id, value); err != nil {
			t.Errorf("publishing %v: %v", value, err)
		}
	}
	if status["GET /things"] != http.StatusOK || status["PUT /publish"] != http.StatusOK {
		t.Errorf("Prism answered %v", status)
	}
}
