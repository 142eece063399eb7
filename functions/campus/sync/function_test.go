package sync_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// TestFewestWrites: as many writes as changes, in place, and none the second time.
func TestFewestWrites(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	all := lessons(1, 11)
	f.put(all...)
	f.did(f.sync(), "+10 ~0 -0 =0 held 0 verified true")
	f.agrees(all...)
	f.did(f.sync(), "+0 ~0 -0 =10 held 0 verified true")
	ids := map[string]string{}
	for _, e := range f.ecal.Events(leaCalendar) {
		ids[e.Name] = e.ID
	}

	moved := all[2]
	moved.Start, moved.End = moved.Start.Add(3*time.Hour), moved.End.Add(3*time.Hour)
	f.put(moved, lesson(20))
	f.cancel(all[5].ID)
	f.did(f.sync(), "+1 ~1 -1 =8 held 0 verified true")
	want := slices.Clone(all)
	want[2] = moved
	f.agrees(append(slices.Delete(want, 5, 6), lesson(20))...)
	f.did(f.sync(), "+0 ~0 -0 =10 held 0 verified true")
	if got := f.counts(); got != "11 created, 1 updated, 1 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
	for _, e := range f.ecal.Events(leaCalendar) {
		if e.Name == moved.Title && e.ID != ids[e.Name] {
			t.Error("the class that moved is another event now: its subscribers lost their reminders")
		}
	}
}

// TestCallsOutside: over a school year, 400 classes in a calendar of 1,000 events, 5 % changes are a login, a reading,
// the pages, and a call each.
func TestCallsOutside(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["moncampus_end_date"] = "+500d"
	f.configure()
	f.put(lessons(1, 401)...)
	f.sync()
	for n := range 600 {
		day := monday.AddDate(0, 0, n/2).Format(time.DateOnly)
		if _, err := f.ecal.Put(ecal.Event{
			CalendarID: leaCalendar, Name: fmt.Sprint("Other ", n), Location: "x", StartDate: day, StartTime: "19:00",
			EndDate: day, EndTime: "20:00", TimeZone: "Europe/Paris",
		}); err != nil {
			t.Fatal(err)
		}
	}
	f.now = f.now.Add(time.Minute)
	f.cancel(lesson(300).ID, lesson(301).ID, lesson(302).ID, lesson(303).ID)
	f.did(f.scheduled(), "+0 ~0 -0 =400 held 4 verified true")
	for n := 1; n < 13; n++ {
		l := lesson(n)
		l.Title += " bis"
		f.put(l)
	}
	f.put(lessons(401, 405)...)
	f.now = f.now.Add(time.Hour)
	f.calls = nil
	f.did(f.scheduled(), "+4 ~12 -4 =384 held 0 verified true")
	logins, readings, pages, writes := 0, 0, 0, 0
	for _, c := range f.calls {
		switch {
		case strings.HasSuffix(c, "POST /sim/wigor/cas/login"):
			logins++
		case c == "GET /sim/wigor/Home/Get":
			readings++
		case c == "GET /sim/ecal/apiv2/event/":
			pages++
		case strings.Contains(c, "/sim/ecal/"):
			writes++
		}
	}
	// a reading's address is asked with the ticket, then without
	if logins != 1 || readings != 2 || f.school.Counts()[wigor.Readings] != 3 || pages != 11 || writes != 20 {
		t.Errorf("%d logins, %d readings, %d pages, %d writes: %v", logins, readings, pages, writes, f.calls)
	}
}

// TestOthersEventsStay: what a person made, what another calendar has, and what another program made are not ours.
func TestOthersEventsStay(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	foreign := []ecal.Event{
		{
			CalendarID: leaCalendar, Name: "Anniversaire", Location: "Maison", StartDate: "2026-10-20", EndDate: "2026-10-20",
			AllDay: true, TimeZone: "Europe/Paris",
		},
		{
			CalendarID: leaCalendar, Name: "Cours 3", Location: "x", StartDate: "2026-10-15", StartTime: "10:00",
			EndDate: "2026-10-15", EndTime: "12:00", TimeZone: "Europe/Paris", Reference: "mine",
		},
		{
			CalendarID: leaCalendar, Name: "Sport", Location: "x", StartDate: "2026-10-15", StartTime: "18:00",
			EndDate: "2026-10-15", EndTime: "19:00", TimeZone: "Europe/Paris", Reference: "4711",
		},
		{
			CalendarID: hugoCalendar, Name: "Cours 3", Location: "x", StartDate: "2026-10-15", StartTime: "10:00",
			EndDate: "2026-10-15", EndTime: "12:00", TimeZone: "Europe/Paris", Reference: "wigor-9000003",
		},
	}
	for i := range foreign {
		var err error
		if foreign[i], err = f.ecal.Put(foreign[i]); err != nil {
			t.Fatal(err)
		}
	}
	f.put(lessons(1, 6)...)
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	f.cancel(9_000_001, 9_000_002)
	f.did(f.sync(), "+0 ~0 -2 =3 held 0 verified true")
	after := map[string]ecal.Event{}
	for _, e := range append(f.ecal.Events(leaCalendar), f.ecal.Events(hugoCalendar)...) {
		after[e.ID] = e
	}
	for _, e := range foreign {
		got, ok := after[e.ID]
		if !ok || got.Name != e.Name || got.StartTime != e.StartTime || got.Reference != e.Reference {
			t.Errorf("%q became %+v", e.Name, got)
		}
	}
}

// TestManyInstances: the schedule's message is handed on to each, and one that fails touches no other.
func TestManyInstances(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	hugo := f.instance("hugo", hugoCalendar)
	f.file["instances"] = []any{f.lea(), hugo}
	f.lea()["moncampus_password"] = "wrong"
	f.open(t.TempDir())
	if err := f.school.Put("hugo", lessons(1, 4)...); err != nil {
		t.Fatal(err)
	}
	if code := f.push(""); code != http.StatusNoContent || len(f.published) != 2 || f.published[0].Instance != "lea" ||
		f.published[1].Instance != "hugo" {
		t.Fatalf("answered %d, published %v", code, f.published)
	}
	f.did(f.scheduled(), "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
	if code := f.push("hugo"); code != http.StatusNoContent {
		t.Errorf("answered %d", code)
	}
	f.did(*f.state("hugo").Run, "+3 ~0 -0 =0 held 0 verified true")
	if code := f.push("nobody"); code != http.StatusNoContent {
		t.Errorf("a message for an instance that is gone was answered %d", code)
	}
}

// TestTwoRunsAtOnce: the second waits; a message that an already finished run has answered makes no other.
func TestTwoRunsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 31)...)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPost, LatencyMS: 100})
	codes := make(chan int)
	for range 3 {
		go func() { codes <- f.push("lea") }()
	}
	busy := 0
	for range 3 {
		if code := <-codes; code == http.StatusServiceUnavailable {
			busy++
		}
	}
	if busy == 0 {
		t.Error("no run met another: nothing was shown")
	}
	f.agrees(lessons(1, 31)...)
	if got := f.counts(); got != "30 created, 0 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}
	before := len(f.calls)
	f.now = f.now.Add(time.Minute)
	if code := f.pushAt("lea", monday.Add(-time.Minute)); code != http.StatusNoContent || len(f.calls) != before {
		t.Errorf("a message from before the last run was answered %d after %d calls", code, len(f.calls)-before)
	}
	f.did(f.sync(), "+0 ~0 -0 =30 held 0 verified true")
}

// TestRateLimit: an account that takes ten calls a second gets all of a first timetable.
func TestRateLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.ecal.AddAccount(ecal.Account{Key: ecalKey, Secret: ecalSecret, PerSecond: 10}, nil); err != nil {
		t.Fatal(err)
	}
	f.put(lessons(1, 41)...)
	f.did(f.sync(), "+40 ~0 -0 =0 held 0 verified true")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.sync()
	code, body := f.call(http.MethodGet, "/status", "")
	if code != http.StatusOK || !strings.Contains(body, `"instance":"lea"`) || !strings.Contains(body, `"created":3`) ||
		!strings.Contains(body, `"next_run":"2026-10-12T06:46:00Z"`) {
		t.Errorf("answered %d: %s", code, body)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for _, tt := range []struct {
		method, path, body string
		want               int
	}{
		{"POST", "/", "no envelope", 400},
		{"POST", "/", `{"message":{"messageId":"1","data":"W10="}}`, 400},
		{"POST", "/sync", `{"instance":"nobody"}`, 404},
		{"POST", "/sync", `{"what":1}`, 400},
		{"POST", "/sync", `{"allow_deletes":-1}`, 400},
		{"GET", "/sync", "", 405},
		{"POST", "/feeds", `{"instance":"nobody"}`, 404},
		{"DELETE", "/feeds/x", "", 404},
		{"GET", "/nothing", "", 404},
	} {
		if code, body := f.call(tt.method, tt.path, tt.body); code != tt.want ||
			!strings.Contains(body, "urn:carillon:problem:") {
			t.Errorf("%s %s %s was answered %d: %s", tt.method, tt.path, tt.body, code, body)
		}
	}
}

// TestUnknownKindIsRefused: such a message is answered with an error at every attempt, so that it becomes a dead
// letter. The scheduled message's kind is known.
func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for kind, want := range map[string]int{"later": http.StatusBadRequest, messages.KindAll: http.StatusNoContent} {
		code, body := f.call(http.MethodPost, "/", `{"message":{"messageId":"1","attributes":{"kind":"`+kind+`"}}}`)
		if code != want || (len(f.published) > 0) != (want == http.StatusNoContent) {
			t.Errorf("kind %q was answered %d %s, want %d; handed on %v", kind, code, body, want, f.published)
		}
		f.published = nil
	}
}
