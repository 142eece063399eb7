package main

import (
	"strings"
	"testing"
	"time"
)

// An office behind a firewall, where Google cannot tell of changes: its calendars are polled, it says so, and bookings are as quick as ever.
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
	out, err := run(t, "rooms", "status", "--data", dir)
	if err != nil || !strings.Contains(out, "every minute") {
		t.Errorf("rooms status: %v\n%s", err, out)
	}
	if out, _ = run(t, "doctor", "--data", dir); !strings.Contains(out, "calendars are polled every minute") {
		t.Errorf("doctor:\n%s", out)
	}
}
