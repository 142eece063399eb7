package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	campussync "github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simecal "github.com/carillon-calendar/carillon/infra/sim/ecal"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// A school year: 400 classes in a calendar of 1,000 events, of which 5 % change.
const (
	classes  = 400
	others   = 600 // of other people, in the same calendar
	moved    = 12
	added    = 4
	removed  = 4
	campRuns = 5
)

// campusYear measures a run over a school year, and counts its calls beside those of the program before Carillon.
func campusYear(ctx context.Context) error {
	var took, first, idle []time.Duration
	var calls counts
	for range campRuns {
		y, err := newYear(ctx)
		if err != nil {
			return err
		}
		times, c, err := y.measure(ctx)
		y.close()
		if err != nil {
			return err
		}
		first, took, idle, calls = append(first, times[0]), append(took, times[1]), append(idle, times[2]), c
	}
	for _, list := range [][]time.Duration{first, took, idle} {
		slices.Sort(list)
	}
	fmt.Printf("%d classes, %d events in the calendar, %d of them other people's\n", classes, classes+others, others)
	fmt.Printf("first run: median %s; %d changes: median %s; nothing to do: median %s (own time and the simulators')\n",
		ms(at(first, .5)), moved+added+removed, ms(at(took, .5)), ms(at(idle, .5)))
	fmt.Printf("calls for %d changes: %s\n", moved+added+removed, calls)
	fmt.Printf("the program before, counted from its code: %s\n", before(classes+others))
	fmt.Printf("the same without other people's events: %s\n", before(classes))
	return nil
}

// counts are calls to the outside.
type counts struct{ logins, readings, pages, writes int }

func (c counts) String() string {
	return fmt.Sprintf("%d login, %d reading, %d pages, %d writes", c.logins, c.readings, c.pages, c.writes)
}

// before counts what app/agenda.py of MonCampus_Ecal_Docker (035747f) does for these changes in a calendar of so many
// events: it logs in and reads twice (main, check_same_number_of_events), lists the calendar three times to the page
// that is 204, makes a new event for each class that differs, and for each event that it does not find in the
// timetable, other people's too, asks for its day and deletes it.
func before(events int) counts {
	pages := func(n int) int { return (n+99)/100 + 1 }
	creates := moved + added
	deletes := events - (classes - moved - removed)
	left := events + creates - deletes
	return counts{logins: 2, readings: 2, pages: pages(events) + deletes + 2*pages(left), writes: creates + deletes}
}

// A year is a school and an ECAL account over HTTP, and the function.
type year struct {
	school *simwigor.Server
	ecal   *simecal.Server
	server *httptest.Server
	h      http.Handler
	now    time.Time
	remove func()

	mu    sync.Mutex
	calls counts
}

func (y *year) close() { y.server.Close(); y.remove() }

const yearCalendar = "64229d018723a1000e07da01"

func newYear(ctx context.Context) (*year, error) {
	db, remove, err := openDB(ctx)
	if err != nil {
		return nil, err
	}
	y := &year{now: time.Date(2026, 9, 1, 6, 0, 0, 0, time.UTC), remove: remove}
	now := func() time.Time { return y.now }
	y.school, err = simwigor.New(sim.Options{Now: now, Prefix: "/sim/wigor"})
	if err == nil {
		y.ecal, err = simecal.New(sim.Options{Now: now})
	}
	if err == nil {
		err = errors.Join(y.school.AddStudent("lea", "password", "B3"),
			y.ecal.AddAccount(simecal.Account{Key: "k", Secret: "s"}, map[string]string{yearCalendar: "Lea"}))
	}
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/sim/wigor/", http.StripPrefix("/sim/wigor", y.school))
	mux.Handle("/sim/ecal/", http.StripPrefix("/sim/ecal", y.ecal))
	y.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		y.count(r)
		mux.ServeHTTP(w, r)
	}))
	return y, y.configure(ctx, db)
}

func (y *year) count(r *http.Request) {
	y.mu.Lock()
	defer y.mu.Unlock()
	switch {
	case r.URL.Path == "/sim/wigor/cas/login" && r.Method == http.MethodPost:
		y.calls.logins++
	case r.URL.Path == "/sim/wigor/Home/Get" && !strings.Contains(r.URL.RawQuery, "ticket="):
		y.calls.readings++
	case strings.HasPrefix(r.URL.Path, "/sim/ecal/") && r.Method == http.MethodGet:
		y.calls.pages++
	case strings.HasPrefix(r.URL.Path, "/sim/ecal/"):
		y.calls.writes++
	}
}

func (y *year) configure(ctx context.Context, db *machine.DB) error {
	data, err := json.Marshal(map[string]any{"instances": []any{map[string]any{
		"instance_name": "lea", "moncampus_username": "lea", "moncampus_password": "password",
		"moncampus_host": y.server.URL + "/sim/wigor", "moncampus_cas_url": y.server.URL + "/sim/wigor/cas/login",
		"ecal_url": y.server.URL + "/sim/ecal/apiv2", "ecal_api_key": "k", "ecal_api_secret": "s",
		"ecal_calendar_id": yearCalendar,
	}}})
	if err != nil {
		return err
	}
	if _, err := db.Bucket("config").Put(ctx, campus.SettingsFile, 0, data, nil); err != nil {
		return err
	}
	settings, err := campus.LoadSettings(db.Bucket("config"))
	if err != nil {
		return err
	}
	y.h = campussync.New(campussync.Config{
		Settings: settings, State: db.Bucket("state"), Now: func() time.Time { return y.now },
	})
	return nil
}

// lesson is the n-th class of the year: two a day.
func (y *year) lesson(n int) simwigor.Lesson {
	start := y.now.AddDate(0, 0, 1+n/2).Add(time.Duration(2+5*(n%2)) * time.Hour)
	return simwigor.Lesson{
		ID: int64(9_000_000 + n), Title: fmt.Sprintf("Cours %d", n), Rooms: "BB-205(BALMA B)",
		Teacher: "ENSEIGNANT 01", Mode: "Présentiel",
		Start: start, End: start.Add(3 * time.Hour), Links: []string{fmt.Sprintf("https://teams.example/l/%d", n)},
	}
}

func (y *year) put(from, until int, delay time.Duration) error {
	for n := from; n < until; n++ {
		l := y.lesson(n)
		l.Start, l.End = l.Start.Add(delay), l.End.Add(delay)
		if err := y.school.Put("lea", l); err != nil {
			return err
		}
	}
	return nil
}

// measure runs the year's beginning, then its changes (the deletions seen by a reading of the hour before), then
// nothing.
func (y *year) measure(ctx context.Context) (took [3]time.Duration, calls counts, err error) {
	for n := range others {
		day := y.now.AddDate(0, 0, n/2).Format(time.DateOnly)
		if _, err := y.ecal.Put(simecal.Event{
			CalendarID: yearCalendar, Name: fmt.Sprintf("Other %d", n), Location: "x", StartDate: day, StartTime: "19:00",
			EndDate: day, EndTime: "20:00", TimeZone: "Europe/Paris",
		}); err != nil {
			return took, calls, err
		}
	}
	if err := y.put(0, classes, 0); err != nil {
		return took, calls, err
	}
	if took[0], err = y.run(ctx, classes); err != nil {
		return took, calls, err
	}
	for n := classes - removed; n < classes; n++ {
		if err := y.school.Remove("lea", y.lesson(n).ID); err != nil {
			return took, calls, err
		}
	}
	y.now = y.now.Add(time.Hour)
	if _, err = y.run(ctx, 0); err != nil {
		return took, calls, err
	}
	y.now = y.now.Add(-time.Hour) // lesson counts from it
	if err := errors.Join(y.put(0, moved, 30*time.Minute), y.put(classes, classes+added, 0)); err != nil {
		return took, calls, err
	}
	y.now = y.now.Add(2 * time.Hour)
	y.calls = counts{}
	if took[1], err = y.run(ctx, moved+added+removed); err != nil {
		return took, calls, err
	}
	calls = y.calls
	y.now = y.now.Add(time.Hour)
	took[2], err = y.run(ctx, 0)
	return took, calls, err
}

// run makes one scheduled run and checks how much it changed.
func (y *year) run(ctx context.Context, changes int) (time.Duration, error) {
	// {"instance":"lea"}
	body := fmt.Sprintf(`{"message":{"messageId":"1","publishTime":%q,"data":"eyJpbnN0YW5jZSI6ImxlYSJ9"}}`,
		y.now.Format(time.RFC3339))
	writes := func() int {
		c := y.ecal.Counts()
		return c[http.MethodPost] + c[http.MethodPut] + c[http.MethodDelete]
	}
	was, began := writes(), time.Now()
	w := httptest.NewRecorder()
	y.h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader([]byte(body))))
	took := time.Since(began)
	if got := writes() - was; w.Code != http.StatusNoContent || got != changes {
		return took, fmt.Errorf("the run was answered %d and made %d writes, want %d", w.Code, got, changes)
	}
	return took, nil
}
