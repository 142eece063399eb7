package googlecal_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// TestGooglesNodeClient: npm's @googleapis/calendar finds in the simulator what it knows of the API.
func TestGooglesNodeClient(t *testing.T) {
	t.Parallel()
	dir := peers.Dir(t)
	f := newFixture(t)
	address, got := f.receiver()
	server := httptest.NewServer(f.sim)
	t.Cleanup(server.Close)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(dir, "calendar.mjs"), server.URL+"/", room, address)
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != "all agreed\n" {
		t.Fatalf("%v\n%s", err, out)
	}
	if sync, exists := f.next(got),
		f.next(got); sync.Get("X-Goog-Resource-State") != "sync" || exists.Get("X-Goog-Resource-State") != "exists" {
		t.Errorf("messages = %v, %v", sync, exists)
	}
}
