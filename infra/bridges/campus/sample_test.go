package campus

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

// TestTheSampleIsAliveEveryDay: on the next day, after half a day, after two months, and where nothing was stopped in
// between.
//
//nolint:paralleltest // the cases share a folder, in order
func TestTheSampleIsAliveEveryDay(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for _, later := range []time.Duration{0, time.Minute, 11 * time.Hour, 30 * time.Hour, 60 * 24 * time.Hour} {
		t.Run(fmt.Sprint(later), func(t *testing.T) {
			machinetest.SetClock(t, dir, now.Add(later))
			o := start(t, machine.Options{Data: dir})
			at := o.Clock.Now()
			for _, s := range demoStudents {
				days, ids := map[string]int{}, map[int64]bool{}
				for _, l := range o.b.demo.wigor.Lessons(s.name) {
					if ids[l.ID] {
						t.Errorf("two lessons have the number %d", l.ID)
					}
					ids[l.ID] = true
					days[l.Start.Format(time.DateOnly)]++
				}
				for d := range 30 {
					day := at.AddDate(0, 0, d)
					if want := 2; day.Weekday() != time.Saturday && day.Weekday() != time.Sunday &&
						days[day.Format(time.DateOnly)] != want {
						t.Errorf("%s has %d lessons on %s, want %d", s.name, days[day.Format(time.DateOnly)],
							day.Format(time.DateOnly), want)
					}
				}
			}
		})
	}
}
