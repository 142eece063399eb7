package rooms

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/calendar"
)

// meetingsOf are those of a room's simulated calendar.
func meetingsOf(t *testing.T, d *demo, room string) (list []calendar.Interval) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet,
		"/calendar/v3/calendars/"+calendarID(room)+"/events?maxResults=2500", http.NoBody)
	r.Header.Set("Authorization", "Bearer test")
	w := httptest.NewRecorder()
	d.google.ServeHTTP(w, r)
	var answer struct {
		Items []struct {
			Start, End struct{ DateTime time.Time }
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for _, e := range answer.Items {
		list = append(list, calendar.Interval{Start: e.Start.DateTime, End: e.End.DateTime})
	}
	return list
}

// TestTheSampleIsAliveEveryDay: on the next day, after half a day, after two months, and where nothing was stopped in
// between.
//
//nolint:tparallel // the cases share a folder, in order
func TestTheSampleIsAliveEveryDay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for _, later := range []time.Duration{0, time.Minute, 11 * time.Hour, 30 * time.Hour, 60 * 24 * time.Hour} {
		t.Run(fmt.Sprint(later), func(t *testing.T) {
			machinetest.SetClock(t, dir, now.Add(later))
			office := newOfficeWith(t, Options{ArduinoLimit: 1000}, machine.Options{Data: dir})
			at := office.Clock.Now()
			for _, room := range demoRooms[:len(demoRooms)-1] {
				events := meetingsOf(t, office.b.demo, room)
				coming := 0
				for i, e := range events {
					if e.End.After(at) && e.Start.Before(at.Add(4*time.Hour)) {
						coming++
					}
					for _, other := range events[:i] {
						if e.Start.Before(other.End) && other.Start.Before(e.End) {
							t.Errorf("%s has two meetings at once: %v and %v", room, e, other)
						}
					}
				}
				if coming < 2 {
					t.Errorf("%s has %d meetings in the next hours, want 2 or more", room, coming)
				}
			}
		})
	}
}
