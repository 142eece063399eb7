package rooms

import (
	"net/http"
	"testing"
	"time"
)

// stopAtGoogle ends a room's channel as Google may at any time: nobody here is told.
func (o *office) stopAtGoogle(room string) (id string) {
	o.T.Helper()
	c := o.watch(room).Channel
	if code, got := o.Call("POST", "/sim/googlecal/calendar/v3/channels/stop", "x",
		map[string]any{"id": c.ID, "resourceId": c.ResourceID}); code != http.StatusNoContent {
		o.T.Fatalf("stopping the channel was answered %d %v", code, got)
	}
	return c.ID
}

// untold drops a room's channel and adds a meeting of which no message tells. On a busy machine a refresh may come in
// between: then it is tried again.
func (o *office) untold(room string) (channel, event string) {
	o.T.Helper()
	const times = 4
	for range times {
		o.BeforeRefresh()
		o.Eventually("the start's refresh is done", func() bool {
			return o.Queue.Counts(o.T.Context())["rooms-refresh"].Waiting == 0 && o.watch(room).Channel != nil
		})
		channel = o.stopAtGoogle(room)
		now := o.Clock.Now()
		event = o.Add(room, "Untold", now.Add(-time.Minute), now.Add(5*time.Hour))
		time.Sleep(4 * time.Second) // four minutes, in which no message comes
		if o.Value(room, "curevmtg") != "Untold" {
			return channel, event
		}
		o.Call("DELETE", o.Events(room, "/"+event), "x", nil)
	}
	o.T.Fatal("the door followed without a message each time: this test shows nothing")
	return "", ""
}

// TestAChannelThatGoogleDropped: the next listing finds what no message told of, shows it, and has the channel
// replaced; from then on a change is at the door at once again.
func TestAChannelThatGoogleDropped(t *testing.T) {
	t.Parallel()
	o := hurried(t, Options{}, t.TempDir())
	const room = "quiet_room"
	dropped, id := o.untold(room)
	o.Refresh()
	o.Shows(room, "curevmtg", "Untold")
	o.Eventually("the channel is replaced", func() bool {
		c := o.watch(room).Channel
		return c != nil && c.ID != dropped
	})
	now := o.Clock.Now()
	o.Call("PATCH", o.Events(room, "/"+id), "x", map[string]any{"summary": "Told"})
	o.Shows(room, "curevmtg", "Told")
	o.Eventually("no longer polled, for a message has come", func() bool {
		s, _, err := o.b.documents(t.Context(), room)
		return err == nil && !s.Polled() && s.PushedAt.After(now)
	})
}

// TestStartWatchingOpensAChannel: as the address promises, also where a channel seems to live.
func TestStartWatchingOpensAChannel(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	const room = "quiet_room"
	o.Eventually("watched", func() bool { return o.watch(room).Channel != nil })
	dropped := o.stopAtGoogle(room)
	if code, got := o.Call("POST", "/start_watching", demoSecret,
		map[string]any{"client_id": demoClient, "room_name": room}); code != http.StatusAccepted {
		t.Fatalf("answered %d %v", code, got)
	}
	o.Eventually("another channel", func() bool {
		c := o.watch(room).Channel
		return c != nil && c.ID != dropped
	})
	now := o.Clock.Now()
	o.Add(room, "Told", now.Add(-time.Minute), now.Add(time.Hour))
	o.Shows(room, "curevmtg", "Told")
}
