package rooms

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// failing is an office whose neighbours can fail: three of its rooms are empty, and Arduino takes any number of calls.
func failing(t *testing.T) *office {
	t.Helper()
	o := newOffice(t, t.TempDir(), 1)
	for _, room := range []string{"blue_room", "green_room", "white_room"} {
		o.Empty(room)
	}
	return o
}

// TestGoogleFails: whatever Google does for a while, each door is right when it is well again, after one refresh at
// most, and no room waits for another's trouble. So it is in the two tests below.
//
//nolint:tparallel // the cases share one office, in order
func TestGoogleFails(t *testing.T) {
	t.Parallel()
	o := failing(t)
	listing := "calendars/blue_room@.*/events$"
	for _, f := range []faults.Fault{
		{Status: 429, Reason: "rateLimitExceeded"},
		{Status: 403, Reason: "userRateLimitExceeded"},
		{Status: 500},
		{Truncate: true},
		{Drop: true},
		{LatencyMS: 1500},
	} {
		t.Run(fmt.Sprintf("google_%d_%s_%v_%v_%d", f.Status, f.Reason, f.Truncate, f.Drop, f.LatencyMS), func(t *testing.T) {
			o := o.with(t)
			f.Method, f.Path = http.MethodGet, listing
			o.Fault(roomstest.Google, f)
			o.Meet("blue_room", "During")
			o.Meet("green_room", "Elsewhere")
			o.Shows("green_room", "curevmtg", "Elsewhere") // no room suffers for another
			if f.LatencyMS == 0 && o.Value("blue_room", "curevmtg") == "During" {
				t.Error("the fault did not strike")
			}
			o.Clear(roomstest.Google)
			o.Shows("blue_room", "curevmtg", "During")
			o.Empty("blue_room")
			o.Empty("green_room")
		})
	}
}

// TestArduinoFails: whatever Arduino does for a while.
//
//nolint:tparallel // the cases share one office, in order
func TestArduinoFails(t *testing.T) {
	t.Parallel()
	o := failing(t)
	for _, f := range []faults.Fault{{Status: 429}, {Status: 500}, {LoseAnswer: true}, {Drop: true}, {Status: 401}} {
		t.Run(fmt.Sprintf("arduino_%d_%v_%v", f.Status, f.LoseAnswer, f.Drop), func(t *testing.T) {
			o := o.with(t)
			f.Path, f.Seconds = "^/iot/", 2
			o.Fault(roomstest.Arduino, f)
			o.Meet("blue_room", "During")
			time.Sleep(2 * time.Second)
			o.Shows("blue_room", "curevmtg", "During")
			o.Empty("blue_room")
		})
	}
}

// TestPushesAndThingsAreLost: pushes, channels, shares and Things that go, without a word to Carillon.
//
//nolint:tparallel // the cases share one office, in order
func TestPushesAndThingsAreLost(t *testing.T) {
	t.Parallel()
	o := failing(t)
	t.Run("push_lost", func(t *testing.T) {
		o := o.with(t)
		o.Fault(roomstest.Google, faults.Fault{Pushes: "drop", Path: "white_room"})
		title := ""
		for i := 0; title == "" || o.Value("white_room", "curevmtg") == title; i++ { // an earlier push may be under way
			if i == 10 {
				t.Fatal("pushes are not lost")
			}
			o.Clean("white_room")
			title = fmt.Sprint("Untold ", i)
			o.Meet("white_room", title)
			time.Sleep(time.Second)
		}
		o.Clear(roomstest.Google)
		o.Refresh()
		o.Shows("white_room", "curevmtg", title)
	})
	t.Run("push_late_and_twice", func(t *testing.T) {
		o := o.with(t)
		o.Fault(roomstest.Google, faults.Fault{Pushes: "delay", LatencyMS: 1500, Path: "white_room", Times: 1})
		o.Fault(roomstest.Google, faults.Fault{Pushes: "duplicate", Path: "white_room", Times: 2})
		o.Empty("white_room")
	})
	t.Run("channel_stopped_behind_our_back", func(t *testing.T) {
		o := o.with(t)
		c := o.watch("white_room").Channel
		if code, got := o.Call("POST", roomstest.Google+"/calendar/v3/channels/stop", "x",
			map[string]string{"id": c.ID, "resourceId": c.ResourceID}); code != http.StatusNoContent {
			t.Fatalf("stop answered %d %v", code, got)
		}
		o.Meet("white_room", "Unheard")
		o.Refresh()
		o.Shows("white_room", "curevmtg", "Unheard")
	})
	t.Run("calendar_unshared", func(t *testing.T) {
		o := o.with(t)
		o.Meet("blue_room", "Known")
		o.Shows("blue_room", "curevmtg", "Known")
		o.Fault(roomstest.Google, faults.Fault{ID: "", Status: 404, Path: "calendars/blue_room@"})
		o.Refresh()
		faultsOf := func(room string) string {
			_, view := o.Call("GET", "/dashboard/rooms", "", nil)
			list, _ := view["rooms"].([]any)
			for _, r := range list {
				if r, _ := r.(map[string]any); r["name"] == room {
					return fmt.Sprint(r["faults"])
				}
			}
			return ""
		}
		o.Eventually("the fault is shown", func() bool {
			return strings.Contains(faultsOf("blue_room"), "Share the room's calendar")
		})
		if got := o.Value("blue_room", "curevmtg"); got != "Known" {
			t.Errorf("the door shows %v, want what was last known", got)
		}
		if got := faultsOf("green_room"); got != "[]" {
			t.Errorf("another room has %s", got)
		}
		o.Clear(roomstest.Google)
		o.Refresh()
		o.Eventually("the fault is gone", func() bool { return faultsOf("blue_room") == "[]" })
	})
	t.Run("thing_made_again", func(t *testing.T) {
		o := o.with(t)
		o.makeAgain("blue_room")
		o.Empty("blue_room")
		for _, name := range []string{"busynow", "nextevmtg", "nextevtm"} {
			o.Eventually(name+" of the new Thing is published", func() bool { return o.Value("blue_room", name) != nil })
		}
	})
	t.Run("thing_made_again_without_a_change", func(t *testing.T) {
		o := o.with(t)
		o.makeAgain("green_room")
		o.Refresh()
		o.Shows("green_room", "curevmtg", "Free all day")
	})
}

// TestAMinuteWithoutGoogle: three rooms whose listings fail for a whole minute, each in its way; after it one refresh
// is enough.
func TestAMinuteWithoutGoogle(t *testing.T) {
	t.Parallel()
	machinetest.Long(t)
	o := newOfficeWith(t, Options{ArduinoLimit: 1000}, machine.Options{Data: t.TempDir()})
	cases := map[string]faults.Fault{
		"blue_room": {Status: 429}, "green_room": {Status: 403, Reason: "rateLimitExceeded"}, "white_room": {Status: 500},
	}
	for room, f := range cases {
		o.Empty(room)
		f.Method, f.Path = http.MethodGet, "calendars/"+room+"@.*/events$"
		o.Fault(roomstest.Google, f)
		o.Meet(room, "Meanwhile")
	}
	o.Meet("quiet_room", "Elsewhere")
	o.Shows("quiet_room", "curevmtg", "Elsewhere")
	time.Sleep(time.Minute)
	o.Clear(roomstest.Google)
	o.Refresh()
	for room := range cases {
		o.Shows(room, "curevmtg", "Meanwhile")
	}
}
