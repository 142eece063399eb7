package main

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// An office behind a firewall, where Google cannot tell of changes: its calendars are polled, and it says so.
func TestOfficeBehindAFirewall(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newOfficeWith(t, options{data: dir, speed: 60, firewalled: true}) // a minute a second
	now := o.s.clock.Now()
	o.add("quiet_room", "Hello", now.Add(-time.Minute), now.Add(5*time.Hour))
	o.shows(10*time.Second, "quiet_room", "curevmtg", "Hello")
	if _, err := o.s.rooms.watches.Get(t.Context(), "quiet_room.json"); err == nil {
		t.Error("a channel was opened to an address that is none")
	}
	var said strings.Builder
	if o.s.announce(&said); !strings.Contains(said.String(), "no gcal_watch_function_url") || !strings.Contains(said.String(), "polled every minute") {
		t.Errorf("at its start it says:\n%s", &said)
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
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, firewalled: true})
	if late := o.s.clock.Now().Second() - 53; late > 0 {
		time.Sleep(time.Duration(10-late) * time.Second) // past the next poll
	}
	if code, got := o.call("POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": 30, "title": "Booked here"}); code != http.StatusCreated && code != http.StatusOK {
		t.Fatalf("answered %d: %v", code, got)
	}
	o.shows(5*time.Second, "quiet_room", "curevmtg", "Booked here")
}
