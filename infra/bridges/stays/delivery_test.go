package stays

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
)

// delivered waits until the website's table has all of the ledger.
func delivered(t *testing.T, data string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; <-time.After(50 * time.Millisecond) {
		s := asked[relay.Status](t, "stays", "status", "--data", data)
		v := asked[reservations.Verification](t, "stays", "verify", "--data", data)
		if v.Pending == 0 && len(s.Destinations) > 0 && s.Destinations[0].Lag == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%+v, %+v", s.Destinations, v)
		}
	}
}

// TestDeliveryCommands: an operator stops the delivery and lets it go on, compares the table and repairs it, and is
// told what to do.
func TestDeliveryCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, machine.Options{Data: dir})
	delivered(t, dir)
	must(t, "stays", "pause", "site", "--data", dir)
	r.Call("PUT", r.path("GFLX0006", 3, 9), "channel-key", map[string]any{"type": "booked"})
	if out := must(t, "stays", "status", "--data", dir); !strings.Contains(out, "paused") ||
		!strings.Contains(out, "carillon stays resume site") {
		t.Error(out)
	}
	v := asked[reservations.Verification](t, "stays", "verify", "--data", dir) // under way: it does not fail
	if v.Pending != 7 || v.Differences != 0 || v.Units != 6 {
		t.Errorf("%+v", v)
	}
	must(t, "stays", "resume", "site", "--data", dir)
	delivered(t, dir)

	db, err := sqlite.Open(t.Context(), filepath.Join(dir, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Write.ExecContext(t.Context(),
		"DELETE FROM reservation_proprio WHERE res_type = 'indisp'"); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, "stays", "verify", "--data", dir); err == nil || !strings.Contains(err.Error(), "--repair") ||
		!strings.Contains(out, "unavailable") {
		t.Errorf("%v\n%s", err, out)
	}
	if v := asked[reservations.Verification](t, "stays", "verify", "--repair", "--data", dir); v.Repaired == 0 ||
		v.Repaired != v.Differences {
		t.Errorf("%+v", v)
	}
	must(t, "stays", "verify", "--data", dir)
	must(t, "stays", "export", "site", "--data", dir)
	delivered(t, dir)
	if _, err := run(t, "stays", "pause", "nowhere", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "no such destination") {
		t.Errorf("%v", err)
	}
}

// TestHookCommands: a hook is added with a key that is shown once, tried, and removed; a booking reaches it.
func TestHookCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, machine.Options{Data: dir})
	got := make(chan string, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Webhook-Id")
	}))
	t.Cleanup(server.Close)
	h := asked[relay.Hook](t, "stays", "hooks", "add", "portal", server.URL+"/secret-path", "--data", dir)
	if out := must(t, "stays", "hooks", "list", "--data", dir); strings.Contains(out, "secret-path") ||
		strings.Contains(out, h.Secret) || !strings.Contains(out, h.ID) {
		t.Error(out)
	}
	if out := must(t, "stays", "hooks", "test", h.ID, "--data", dir); !strings.Contains(out, "200") {
		t.Error(out)
	}
	r.Call("PUT", r.path("GFLX0006", 3, 9), "channel-key", map[string]any{"type": "booked"})
	for range 2 {
		select {
		case <-got:
		case <-time.After(30 * time.Second):
			t.Fatal("nothing comes")
		}
	}
	must(t, "stays", "hooks", "resume", h.ID, "--data", dir)
	must(t, "stays", "hooks", "remove", h.ID, "--data", dir)
	if _, err := run(t, "stays", "hooks", "remove", h.ID, "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "no such hook") {
		t.Errorf("%v", err)
	}
}
