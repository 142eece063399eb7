package rooms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

// An office behind a firewall, where Google cannot tell of changes: its calendars are polled, and it says so.
func TestOfficeBehindAFirewall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := hurried(t, Options{Firewalled: true}, dir)
	refresh := o.BeforeRefresh()
	now := o.Clock.Now()
	o.Add("quiet_room", "Hello", now.Add(-time.Minute), now.Add(5*time.Hour))
	o.Shows("quiet_room", "curevmtg", "Hello")
	if !o.Clock.Now().Before(refresh) {
		t.Error("the change was shown only after the hourly refresh")
	}
	if _, err := o.b.watches.Get(t.Context(), "quiet_room.json"); err == nil {
		t.Error("a channel was opened to an address that is none")
	}
	out, err := run(t, "rooms", "status", "--data", dir)
	if err != nil || !strings.Contains(out, "every minute") {
		t.Errorf("rooms status: %v\n%s", err, out)
	}
	if out, _ = run(t, "doctor", "--data", dir); !strings.Contains(out, "calendars are polled every minute") {
		t.Errorf("doctor:\n%s", out)
	}
}

// A booking at the door is there at once, whenever the next poll is.
func TestBookingBehindAFirewall(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, Options{Firewalled: true}, machine.Options{Data: t.TempDir()})
	for _, room := range []string{"quiet_room", "blue_room", "green_room"} {
		o.Empty(room)
		poll := o.Clock.Now().Truncate(time.Minute).Add(time.Minute)
		booking := map[string]any{"client_id": demoClient, "room_name": room, "duration_mins": 30}
		code, got := o.Call("POST", "/meetings", demoSecret, booking)
		if code != http.StatusCreated && code != http.StatusOK {
			t.Fatalf("answered %d: %v", code, got)
		}
		o.Shows(room, "busynow", 1.0)
		if o.Clock.Now().Before(poll) {
			return
		}
	}
	t.Error("three bookings were shown only when the next poll had found them")
}

// A real system without a public address says at its start what that means.
func TestPollingIsAnnounced(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": "rooms@example.iam.gserviceaccount.com",
		"token_uri":   "https://oauth2.googleapis.com/token",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"config.json":               []byte(`{"iot_client_id":"i","iot_client_secret":"s","gcal_poll_minutes":3,"rooms":[]}`),
		"calendar_credentials.json": key,
	} {
		if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	s, err := machine.Start(ctx, machinetest.Defaults(machine.Options{
		Bridges: []machine.Bridge{New()}, Folder: folder, Data: t.TempDir(),
	}))
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	s.Announce(&said)
	stop()
	if err := s.Wait(); err != nil {
		t.Error(err)
	}
	if !strings.Contains(said.String(),
		"no gcal_watch_function_url, so Google cannot tell of changes: calendars are polled every 3 minutes") {
		t.Errorf("at its start it says:\n%s", &said)
	}
}
