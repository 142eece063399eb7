package rooms

import (
	"testing"
	"time"

	cron "github.com/netresearch/go-cron"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// An office is a running sample office, seen from inside.
type office struct {
	roomstest.Office

	b *bridge
}

// newOffice is an office whose Arduino account takes ten times as many requests a second as a real one. With that, each
// start would publish for eight seconds.
func newOffice(t *testing.T, dir string, speed int) *office {
	t.Helper()
	return newOfficeWith(t, Options{ArduinoLimit: 100}, machine.Options{Data: dir, Speed: speed})
}

func newOfficeWith(t *testing.T, sample Options, o machine.Options) *office {
	t.Helper()
	b := newBridge(sample)
	o.Bridges = []machine.Bridge{b.definition()}
	return &office{roomstest.Office{Running: machinetest.Start(t, o)}, b}
}

// with is the same office, for another test.
func (o *office) with(t *testing.T) *office {
	t.Helper()
	return &office{o.With(t), o.b}
}

// run executes a command line of carillon.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return machinetest.Run(t, []machine.Bridge{New()}, args...)
}

func (o *office) watch(room string) rooms.Watch {
	o.T.Helper()
	w, _, err := documents.Load[rooms.Watch](o.T.Context(), o.b.watches, rooms.WatchName(room))
	if err != nil {
		o.T.Fatal(err)
	}
	return w
}

// listed is when a room was last listed.
func (o *office) listed(room string) time.Time {
	for _, m := range o.b.recent.of(room) {
		if m.Topic == rooms.TopicEvents {
			return m.At
		}
	}
	return time.Time{}
}

// stopped runs an office on dir, asks it something, and stops it.
func stopped(t *testing.T, dir string, ask func(*office) string) (answer string) {
	t.Helper()
	t.Run("before", func(t *testing.T) { answer = ask(newOffice(t, dir, 1)) }) //nolint:paralleltest // the office ends with it
	return answer
}

// later puts the clock of a stopped office forward.
func later(t *testing.T, dir string, d time.Duration) {
	t.Helper()
	machinetest.SetClock(t, dir, time.Now().Add(d))
}

// hurried runs an office at a minute a second, from just after an hourly refresh on.
func hurried(t *testing.T, sample Options, dir string) *office {
	t.Helper()
	schedule, err := cron.ParseStandard(rooms.RefreshSchedule)
	if err != nil {
		t.Fatal(err)
	}
	machinetest.SetClock(t, dir, schedule.Next(time.Now().UTC()).Add(time.Second))
	return newOfficeWith(t, sample, machine.Options{Data: dir, Speed: 60})
}

// makeAgain deletes a room's Thing and makes it again: the same names, other ids, no values.
func (o *office) makeAgain(room string) {
	o.T.Helper()
	if err := o.b.demo.arduino.RemoveThing(room); err != nil {
		o.T.Fatal(err)
	}
	if err := o.b.demo.arduino.AddThing(room, machine.SampleZone, demoVariables...); err != nil {
		o.T.Fatal(err)
	}
}

// mustZone is the sample office's.
func mustZone(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(machine.SampleZone)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}
