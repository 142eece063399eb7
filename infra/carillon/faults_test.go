package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// refresh does what the hourly schedule does.
func (o *office) refresh() {
	o.t.Helper()
	if err := o.s.queue.Publish(o.t.Context(), rooms.TopicRefresh, messages.Message{}); err != nil {
		o.t.Fatal(err)
	}
}

// beforeRefresh waits until the next hourly refresh is far, and returns when that is: what a test waits for must not be
// its doing.
func (o *office) beforeRefresh() time.Time {
	o.t.Helper()
	schedule, err := cron.ParseStandard(rooms.RefreshSchedule)
	if err != nil {
		o.t.Fatal(err)
	}
	for {
		now := o.s.clock.Now()
		next := schedule.Next(now.UTC())
		if next.Sub(now) > 40*time.Minute {
			return next
		}
		time.Sleep(o.s.clock.Real(next.Sub(now)) + time.Second)
	}
}

func (o *office) fault(path string, f faults.Fault) {
	o.t.Helper()
	if code, got := o.call("POST", path+"/_faults", "", f); code != http.StatusCreated {
		o.t.Fatalf("adding %+v was answered %d %v", f, code, got)
	}
}

const (
	simGoogle  = "/sim/googlecal"
	simArduino = "/sim/iotcloud"
)

// meet adds a meeting that is going on, in a room of its own kind of trouble.
func (o *office) meet(room, title string) {
	o.t.Helper()
	now := o.s.clock.Now()
	o.add(room, title, now.Add(-2*time.Minute), now.Add(2*time.Hour))
}

// empty takes everything out of a room's calendar.
func (o *office) empty(room string) {
	o.t.Helper()
	_, list := o.call("GET", o.events(room, ""), "x", nil)
	items, _ := list["items"].([]any)
	for _, item := range items {
		item, _ := item.(map[string]any)
		o.call("DELETE", o.events(room, "/"+fmt.Sprint(item["id"])), "x", nil)
	}
	o.shows(room, "curevmtg", map[bool]string{true: "Libre toute la journée", false: "Free all day"}[room == "red_room"])
}

// makeAgain deletes a room's Thing and makes it again: the same names, other ids, no values.
func (o *office) makeAgain(room string) {
	o.t.Helper()
	if err := o.s.rooms.demo.arduino.RemoveThing(room); err != nil {
		o.t.Fatal(err)
	}
	if err := o.s.rooms.demo.arduino.AddThing(room, demoZone, demoVariables...); err != nil {
		o.t.Fatal(err)
	}
}

// TestNeighboursFail: whatever Google and Arduino do for a while, each door is
// right when they are well again, after one refresh at most, and no room waits for another's trouble.
//
//nolint:tparallel // the cases share one office, in order
func TestNeighboursFail(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	o.fault(simArduino, faults.Fault{LimitOff: true})
	for _, room := range []string{"blue_room", "green_room", "white_room"} {
		o.empty(room)
	}
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
			o := &office{t, o.s}
			f.Method, f.Path = http.MethodGet, listing
			o.fault(simGoogle, f)
			o.meet("blue_room", "During")
			o.meet("green_room", "Elsewhere")
			o.shows("green_room", "curevmtg", "Elsewhere") // no room suffers for another
			if f.LatencyMS == 0 && o.value("blue_room", "curevmtg") == "During" {
				t.Error("the fault did not strike")
			}
			o.s.rooms.demo.google.Faults.Clear("")
			o.shows("blue_room", "curevmtg", "During")
			o.empty("blue_room")
			o.empty("green_room")
		})
	}
	for _, f := range []faults.Fault{{Status: 429}, {Status: 500}, {LoseAnswer: true}, {Drop: true}, {Status: 401}} {
		t.Run(fmt.Sprintf("arduino_%d_%v_%v", f.Status, f.LoseAnswer, f.Drop), func(t *testing.T) {
			o := &office{t, o.s}
			f.Path, f.Seconds = "^/iot/", 2
			o.fault(simArduino, f)
			o.meet("blue_room", "During")
			time.Sleep(2 * time.Second)
			o.shows("blue_room", "curevmtg", "During")
			o.empty("blue_room")
		})
	}
	t.Run("push_lost", func(t *testing.T) {
		o := &office{t, o.s}
		o.fault(simGoogle, faults.Fault{Pushes: "drop", Path: "white_room", Times: 1})
		o.meet("white_room", "Untold")
		time.Sleep(time.Second)
		if got := o.value("white_room", "curevmtg"); got == "Untold" {
			t.Fatal("the push was not lost")
		}
		o.refresh()
		o.shows("white_room", "curevmtg", "Untold")
	})
	t.Run("push_late_and_twice", func(t *testing.T) {
		o := &office{t, o.s}
		o.fault(simGoogle, faults.Fault{Pushes: "delay", LatencyMS: 1500, Path: "white_room", Times: 1})
		o.fault(simGoogle, faults.Fault{Pushes: "duplicate", Path: "white_room", Times: 2})
		o.empty("white_room")
	})
	t.Run("channel_stopped_behind_our_back", func(t *testing.T) {
		o := &office{t, o.s}
		c := o.watch("white_room").Channel
		if code, got := o.call("POST", simGoogle+"/calendar/v3/channels/stop", "x", map[string]string{"id": c.ID, "resourceId": c.ResourceID}); code != http.StatusNoContent {
			t.Fatalf("stop answered %d %v", code, got)
		}
		o.meet("white_room", "Unheard")
		o.refresh()
		o.shows("white_room", "curevmtg", "Unheard")
	})
	t.Run("calendar_unshared", func(t *testing.T) {
		o := &office{t, o.s}
		o.meet("blue_room", "Known")
		o.shows("blue_room", "curevmtg", "Known")
		o.fault(simGoogle, faults.Fault{ID: "", Status: 404, Path: "calendars/blue_room@"})
		o.refresh()
		faultsOf := func(room string) string {
			_, view := o.call("GET", "/dashboard/rooms", "", nil)
			list, _ := view["rooms"].([]any)
			for _, r := range list {
				if r, _ := r.(map[string]any); r["name"] == room {
					return fmt.Sprint(r["faults"])
				}
			}
			return ""
		}
		o.eventually("the fault is shown", func() bool {
			return strings.Contains(faultsOf("blue_room"), "Share the room's calendar")
		})
		if got := o.value("blue_room", "curevmtg"); got != "Known" {
			t.Errorf("the door shows %v, want what was last known", got)
		}
		if got := faultsOf("green_room"); got != "[]" {
			t.Errorf("another room has %s", got)
		}
		o.s.rooms.demo.google.Faults.Clear("")
		o.refresh()
		o.eventually("the fault is gone", func() bool { return faultsOf("blue_room") == "[]" })
	})
	t.Run("thing_made_again", func(t *testing.T) {
		o := &office{t, o.s}
		o.makeAgain("blue_room")
		o.empty("blue_room")
		for _, name := range []string{"busynow", "nextevmtg", "nextevtm"} {
			o.eventually(name+" of the new Thing is published", func() bool { return o.value("blue_room", name) != nil })
		}
	})
	t.Run("thing_made_again_without_a_change", func(t *testing.T) {
		o := &office{t, o.s}
		o.makeAgain("green_room")
		o.refresh()
		o.shows("green_room", "curevmtg", "Free all day")
	})
}

// TestAMinuteWithoutGoogle: three rooms whose listings fail for a whole minute, each in its way; after it one refresh is enough.
func TestAMinuteWithoutGoogle(t *testing.T) {
	t.Parallel()
	long(t)
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, limit: 1000})
	cases := map[string]faults.Fault{"blue_room": {Status: 429}, "green_room": {Status: 403, Reason: "rateLimitExceeded"}, "white_room": {Status: 500}}
	for room, f := range cases {
		o.empty(room)
		f.Method, f.Path = http.MethodGet, "calendars/"+room+"@.*/events$"
		o.fault(simGoogle, f)
		o.meet(room, "Meanwhile")
	}
	o.meet("quiet_room", "Elsewhere")
	o.shows("quiet_room", "curevmtg", "Elsewhere")
	time.Sleep(time.Minute)
	o.s.rooms.demo.google.Faults.Clear("")
	o.refresh()
	for room := range cases {
		o.shows(room, "curevmtg", "Meanwhile")
	}
}
