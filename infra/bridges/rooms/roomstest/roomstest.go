// Package roomstest is a sample office in tests, seen from outside: its simulated calendars, its Things, its displays.
package roomstest

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// What the sample office has.
const (
	Client  = "demo-client"
	Secret  = "demo-secret"
	Google  = "/sim/googlecal"
	Arduino = "/sim/iotcloud"
)

// Rooms are those of the sample office. Nothing is in quiet_room's calendar; red_room's display is French.
var Rooms = []string{
	"blue_room", "green_room", "red_room", "yellow_room", "orange_room", "violet_room", "white_room", "quiet_room",
}

// An Office is a running machine with the sample office.
type Office struct{ *machinetest.Running }

// With is the same office, for another test.
func (o Office) With(t *testing.T) Office { return Office{o.Running.With(t)} }

// Events is the path of a room's simulated events, with a rest such as /ID.
func (o Office) Events(room, rest string) string {
	return Google + "/calendar/v3/calendars/" + url.PathEscape(room+"@resource.calendar.google.com") + "/events" + rest
}

// Add puts a meeting into a room's calendar and returns its id.
func (o Office) Add(room, title string, start, end time.Time) string {
	o.T.Helper()
	at := func(t time.Time) map[string]string { return map[string]string{"dateTime": t.Format(time.RFC3339)} }
	code, got := o.Call(http.MethodPost, o.Events(room, ""), "x",
		map[string]any{"summary": title, "start": at(start), "end": at(end)})
	if code != http.StatusOK {
		o.T.Fatalf("insert answered %d: %v", code, got)
	}
	id, _ := got["id"].(string)
	return id
}

// Meet adds a meeting that is going on.
func (o Office) Meet(room, title string) {
	o.T.Helper()
	now := o.Clock.Now()
	o.Add(room, title, now.Add(-2*time.Minute), now.Add(2*time.Hour))
}

// Empty takes everything out of a room's calendar, and waits until its display says so.
func (o Office) Empty(room string) {
	o.T.Helper()
	o.Clean(room)
	o.Shows(room, "curevmtg", map[bool]string{true: "Libre toute la journée", false: "Free all day"}[room == "red_room"])
}

// Clean takes everything out of a room's calendar.
func (o Office) Clean(room string) {
	o.T.Helper()
	_, list := o.Call(http.MethodGet, o.Events(room, ""), "x", nil)
	items, _ := list["items"].([]any)
	for _, item := range items {
		item, _ := item.(map[string]any)
		o.Call(http.MethodDelete, o.Events(room, "/"+fmt.Sprint(item["id"])), "x", nil)
	}
}

// Refresh does what the hourly schedule does.
func (o Office) Refresh() {
	o.T.Helper()
	if err := o.Queue.Publish(o.T.Context(), rooms.TopicRefresh, messages.Message{}); err != nil {
		o.T.Fatal(err)
	}
}

// BeforeRefresh waits until the next hourly refresh is far, and returns when that is: what a test waits for must not be
// its doing.
func (o Office) BeforeRefresh() time.Time {
	o.T.Helper()
	schedule, err := cron.ParseStandard(rooms.RefreshSchedule)
	if err != nil {
		o.T.Fatal(err)
	}
	for {
		now := o.Clock.Now()
		next := schedule.Next(now.UTC())
		if next.Sub(now) > 40*time.Minute {
			return next
		}
		time.Sleep(o.Clock.Real(next.Sub(now)) + time.Second)
	}
}

// Forget removes all that is known of a room whose calendar can no longer be read, also what earlier messages still
// bring.
func (o Office) Forget(room string) {
	o.T.Helper()
	state := o.DB.Bucket("roomcal-state")
	quiet := 0
	o.Eventually(room+" is forgotten", func() bool {
		snapshot, generation, err := documents.Load[rooms.Snapshot](o.T.Context(), state, rooms.SnapshotName(room))
		if err == nil && !snapshot.FetchedAt.IsZero() {
			_ = state.Delete(o.T.Context(), rooms.SnapshotName(room), generation)
			quiet = -1
		}
		counts := o.Queue.Counts(o.T.Context())
		if counts["rooms-status-events"].Waiting+counts["rooms-refresh"].Waiting+counts["rooms-watch"].Waiting > 0 {
			quiet = -1
		}
		quiet++
		return quiet > 10
	})
}

// Count is how many events a room's calendar has.
func (o Office) Count(room string) int {
	o.T.Helper()
	_, list := o.Call(http.MethodGet, o.Events(room, ""), "x", nil)
	items, _ := list["items"].([]any)
	return len(items)
}

// Clear ends all faults of a simulator.
func (o Office) Clear(path string) {
	o.T.Helper()
	if code, got := o.Call(http.MethodDelete, path+"/_faults", "", nil); code >= http.StatusBadRequest {
		o.T.Fatalf("ending the faults was answered %d %v", code, got)
	}
}

// Things are what the dashboard says that each room's Thing shows.
func (o Office) Things() map[string]map[string]any {
	o.T.Helper()
	_, view := o.Call(http.MethodGet, "/dashboard/rooms", "", nil)
	found := map[string]map[string]any{}
	list, _ := view["rooms"].([]any)
	for _, r := range list {
		r, _ := r.(map[string]any)
		thing, _ := r["thing"].(map[string]any)
		found[fmt.Sprint(r["name"])] = thing
	}
	return found
}

// Value is what a room's Thing shows in a variable.
func (o Office) Value(room, variable string) any {
	o.T.Helper()
	return o.Things()[room][variable]
}

// Shows waits until a room's Thing shows something.
func (o Office) Shows(room, variable string, want any) {
	o.T.Helper()
	o.Eventually(fmt.Sprintf("%s of %s is %v", variable, room, want), func() bool {
		return fmt.Sprint(o.Value(room, variable)) == fmt.Sprint(want)
	})
}

// EveryDoorIsRight waits until each room's Thing shows what its calendar says.
func (o Office) EveryDoorIsRight() {
	o.T.Helper()
	o.Eventually("every door is right", func() bool {
		things := o.Things()
		for _, room := range Rooms {
			code, want := o.Call(http.MethodGet, "/meetings?client_id="+Client+"&room_name="+room, Secret, nil)
			for _, v := range rooms.Variables {
				if code != http.StatusOK || !v.Optional && fmt.Sprint(things[room][v.Name]) != fmt.Sprint(want[v.Name]) {
					return false
				}
			}
		}
		return true
	})
}
