package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/calendar"
)

// sampleAt opens the sample's simulators as they would be at an instant, as a start of that day does.
func sampleAt(t *testing.T, dir string, at time.Time) (*officeBridge, *campusBridge) {
	t.Helper()
	db, err := local.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	clock, err := local.OpenClock(t.Context(), db, 1)
	if err != nil {
		t.Fatal(err)
	}
	if ahead := at.Sub(clock.Now()); ahead > 0 { // as after --speed
		if err := db.SetSetting(t.Context(), "clock", at.UTC().Format(time.RFC3339Nano)); err != nil {
			t.Fatal(err)
		}
		if clock, err = local.OpenClock(t.Context(), db, 1); err != nil {
			t.Fatal(err)
		}
	}
	s := &system{options: options{data: dir, speed: 1}, db: db, clock: clock, ctx: t.Context(), url: "http://127.0.0.1:1", config: db.Bucket("roomcal-config")}
	office, campus := newOfficeBridge(s), &campusBridge{system: s}
	if office.demo, err = openDemo(office); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(office.close)
	if campus.demo, err = openCampusDemo(campus); err != nil {
		t.Fatal(err)
	}
	return office, campus
}

// meetingsOf are those of a room's simulated calendar.
func meetingsOf(t *testing.T, d *demo, room string) (list []calendar.Interval) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/calendar/v3/calendars/"+calendarID(room)+"/events?maxResults=2500", http.NoBody)
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

// TestTheSampleIsAliveEveryDay: on the next day, after half a day, after two months, and where nothing was stopped in between.
//
//nolint:paralleltest // the cases share a folder, in order
func TestTheSampleIsAliveEveryDay(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for _, later := range []time.Duration{0, time.Minute, 11 * time.Hour, 30 * time.Hour, 60 * 24 * time.Hour} {
		t.Run(fmt.Sprint(later), func(t *testing.T) {
			at := now.Add(later)
			office, campus := sampleAt(t, dir, at)
			for _, room := range demoRooms[:len(demoRooms)-1] {
				events := meetingsOf(t, office.demo, room)
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
			for _, s := range demoStudents {
				days, ids := map[string]int{}, map[int64]bool{}
				for _, l := range campus.demo.wigor.Lessons(s.name) {
					if ids[l.ID] {
						t.Errorf("two lessons have the number %d", l.ID)
					}
					ids[l.ID] = true
					days[l.Start.Format(time.DateOnly)]++
				}
				for d := range 30 {
					day := at.AddDate(0, 0, d)
					if want := 2; day.Weekday() != time.Saturday && day.Weekday() != time.Sunday && days[day.Format(time.DateOnly)] != want {
						t.Errorf("%s has %d lessons on %s, want %d", s.name, days[day.Format(time.DateOnly)], day.Format(time.DateOnly), want)
					}
				}
			}
		})
	}
}

// TestFreshStartsOver: a sample is deleted without a question, and its clock is the machine's again; a real office's is asked about.
func TestFreshStartsOver(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	opts := options{data: dir, speed: 3600, listen: "127.0.0.1:0", only: []string{"campus"}}
	up := func(o options) (*system, func(), error) {
		ctx, cancel := context.WithCancel(context.Background())
		s, err := start(ctx, o)
		return s, func() {
			cancel()
			if s != nil {
				_ = s.wait()
			}
		}, err
	}
	s, stop, err := up(opts)
	if err != nil {
		t.Fatal(err)
	}
	(&office{t, s}).eventually("the clock is ahead", func() bool { return time.Until(s.clock.Now()) > time.Hour })
	stop()
	opts.speed, opts.fresh = 1, true
	if s, stop, err = up(opts); err != nil {
		t.Fatal(err)
	}
	if ahead := time.Until(s.clock.Now()); ahead > time.Minute {
		t.Errorf("the clock is still %s ahead", ahead)
	}
	if err := s.db.SetSetting(t.Context(), local.OfficeSetting, officeReal); err != nil {
		t.Fatal(err)
	}
	stop()
	asked := ""
	opts.sure = func(question string) error { asked = question; return errNotSure }
	if _, stop, err = up(opts); err == nil || asked == "" {
		t.Errorf("a real office's data was deleted unasked (%q, %v)", asked, err)
	}
	stop()
	if local.Office(t.Context(), dir) != officeReal {
		t.Error("it was deleted although the answer was no")
	}
}

// TestFreshDeletesNothingThatItCannotReplace: --fresh asks before it deletes what is not a sample's, and deletes
// nothing where the system cannot start.
func TestFreshDeletesNothingThatItCannotReplace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	waiting := filepath.Join(dir, "exports", "paie", "keep.csv")
	if err := firstError(os.MkdirAll(filepath.Dir(waiting), 0o750), os.WriteFile(waiting, []byte("a"), 0o600)); err != nil {
		t.Fatal(err)
	}
	there := func() bool { _, err := os.Stat(waiting); return err == nil }
	opts := options{data: dir, speed: 1, listen: "127.0.0.1:0", only: []string{"campus"}, fresh: true}
	opts.sure = func(string) error { return errNotSure }
	if _, err := start(t.Context(), opts); !errors.Is(err, errNotSure) || !there() {
		t.Errorf("a folder without a database: %v, its files are there: %v", err, there())
	}
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	opts.listen, opts.sure = busy.Addr().String(), func(string) error { return nil }
	if _, err := start(t.Context(), opts); err == nil || !there() {
		t.Errorf("the address is in use: %v, files are there: %v", err, there())
	}
	opts.listen, opts.folder = "127.0.0.1:0", t.TempDir()
	if _, err := start(t.Context(), opts); err == nil && !there() {
		t.Errorf("no settings: %v, files are there: %v", err, there())
	}
}
