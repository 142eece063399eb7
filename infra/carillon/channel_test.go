package main

import (
	"net/http"
	"testing"
	"time"
)

// stopAtGoogle ends a room's channel as Google may at any time: nobody here is told.
func (o *office) stopAtGoogle(room string) (id string) {
	o.t.Helper()
	c := o.watch(room).Channel
	if code, got := o.call("POST", "/sim/googlecal/calendar/v3/channels/stop", "x", map[string]any{"id": c.ID, "resourceId": c.ResourceID}); code != http.StatusNoContent {
		o.t.Fatalf("stopping the channel was answered %d %v", code, got)
	}
	return c.ID
}

// TestAChannelThatGoogleDropped: the next listing finds what no message told of, shows it, and has the channel replaced; from then on
// a change is at the door at once again.
func TestAChannelThatGoogleDropped(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 60) // a minute a second
	const room = "quiet_room"
	o.beforeRefresh()
	o.eventually("the start's refresh is done", func() bool {
		return o.s.queue.Counts(t.Context())["rooms-refresh"].Waiting == 0
	})
	dropped := o.stopAtGoogle(room)
	now := o.s.clock.Now()
	id := o.add(room, "Untold", now.Add(-time.Minute), now.Add(5*time.Hour))
	time.Sleep(4 * time.Second) // four minutes, in which no message comes
	if o.value(room, "curevmtg") == "Untold" {
		t.Fatal("the door followed without a message: this test shows nothing")
	}
	o.refresh()
	o.shows(room, "curevmtg", "Untold")
	o.eventually("the channel is replaced", func() bool {
		c := o.watch(room).Channel
		return c != nil && c.ID != dropped
	})
	now = o.s.clock.Now()
	o.call("PATCH", o.events(room, "/"+id), "x", map[string]any{"summary": "Told"})
	o.shows(room, "curevmtg", "Told")
	o.eventually("no longer polled, for a message has come", func() bool {
		s, _, err := o.s.rooms.documents(t.Context(), room)
		return err == nil && !s.Polled() && s.PushedAt.After(now)
	})
}

// TestStartWatchingOpensAChannel: as the address promises, also where a channel seems to live.
func TestStartWatchingOpensAChannel(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	const room = "quiet_room"
	o.eventually("watched", func() bool { return o.watch(room).Channel != nil })
	dropped := o.stopAtGoogle(room)
	if code, got := o.call("POST", "/start_watching", demoSecret, map[string]any{"client_id": demoClient, "room_name": room}); code != http.StatusAccepted {
		t.Fatalf("answered %d %v", code, got)
	}
	o.eventually("another channel", func() bool {
		c := o.watch(room).Channel
		return c != nil && c.ID != dropped
	})
	now := o.s.clock.Now()
	o.add(room, "Told", now.Add(-time.Minute), now.Add(time.Hour))
	o.shows(room, "curevmtg", "Told")
}
