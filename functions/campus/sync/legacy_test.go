package sync_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/ecal"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// The tests of this file are one for each fault of the program before Carillon; each shows what that program got wrong.

// Any error made the old program log in and begin again at once, without end.
func TestOldFault01RecursionOnError(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.fault(&f.ecal.Faults, faults.Fault{Status: 403})
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified false ecal_refused")
	if n := f.school.Counts()[wigor.Logins]; n != 1 {
		t.Errorf("%d logins for one run", n)
	}
	f.ecal.Faults.Clear("")
	f.did(f.sync(), "+3 ~0 -0 =0 held 0 verified true")
}

// An empty calendar made it begin again: a new calendar never got its first event.
func TestOldFault02NewCalendar(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified true") // neither side has any
	f.put(lesson(1))
	f.did(f.sync(), "+1 ~0 -0 =0 held 0 verified true")
}

// It compared counts only: one event more by hand, or two classes alike, and it never ended.
func TestOldFault03TwoClassesAlike(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	twin := lesson(2)
	twin.ID = 9_000_999
	f.put(append(lessons(1, 4), twin)...)
	if _, err := f.ecal.Put(ecal.Event{
		CalendarID: leaCalendar, Name: "By hand", Location: "x", StartDate: "2026-10-20", EndDate: "2026-10-20", AllDay: true,
		TimeZone: "Europe/Paris",
	}); err != nil {
		t.Fatal(err)
	}
	f.did(f.sync(), "+3 ~0 -0 =0 held 0 verified true") // to a person they are one
	f.did(f.sync(), "+0 ~0 -0 =3 held 0 verified true")
}

// It read every calendar of the key: two instances wiped each other's events.
func TestOldFault04OtherCalendars(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.file["instances"] = []any{f.lea(), f.instance("hugo", hugoCalendar)}
	f.configure()
	f.put(lessons(1, 4)...)
	if err := f.school.Put("hugo", lessons(10, 15)...); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		f.push("lea")
		f.push("hugo")
	}
	f.agrees(lessons(1, 4)...)
	if got := shown(f.ecal.Events(hugoCalendar)); !slices.Equal(got, wants(lessons(10, 15)...)) {
		t.Errorf("hugo has %v", got)
	}
}

// It took the same class in two calendars for a duplicate.
func TestOldFault05SameClassInTwoCalendars(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.file["instances"] = []any{f.lea(), f.instance("hugo", hugoCalendar)}
	f.configure()
	f.put(lessons(1, 4)...)
	if err := f.school.Put("hugo", lessons(1, 4)...); err != nil { // classmates: the same NoCours
		t.Fatal(err)
	}
	for range 2 {
		f.push("lea")
		f.push("hugo")
	}
	f.agrees(lessons(1, 4)...)
	if got := shown(f.ecal.Events(hugoCalendar)); !slices.Equal(got, wants(lessons(1, 4)...)) {
		t.Errorf("hugo has %v", got)
	}
}

// An empty or half-made answer deleted everything.
func TestOldFault06EmptyOrPartialReading(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fault faults.Fault
		code  string
	}{
		"empty":         {faults.Fault{Kind: "empty"}, "deletions_held"},
		"partial":       {faults.Fault{Kind: "partial", Items: 9}, "deletions_held"},
		"total_differs": {faults.Fault{Kind: "short", Items: 3}, "moncampus_incomplete"},
		"own_error":     {faults.Fault{Kind: "errors"}, "moncampus_incomplete"},
		"a_page":        {faults.Fault{Kind: "login_page"}, "moncampus_login"},
		"truncated":     {faults.Fault{Truncate: true, Path: "Home/Get"}, "moncampus_incomplete"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			f.put(lessons(1, 21)...)
			f.did(f.sync(), "+20 ~0 -0 =0 held 0 verified true")
			f.fault(&f.school.Faults, tt.fault)
			for range 3 {
				f.now = f.now.Add(time.Hour)
				f.scheduled()
				run := f.sync()
				if run.Fault == nil || run.Fault.Code != tt.code {
					t.Errorf("the run did %s, want %s", does(run), tt.code)
				}
			}
			f.agrees(lessons(1, 21)...)
			f.school.Faults.Clear("")
			f.did(f.sync(), "+0 ~0 -0 =20 held 0 verified true")
		})
	}
}

// Its references were random: a creation that was tried again made a second event.
func TestOldFault07LostAnswer(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPost, LoseAnswer: true, Times: 3})
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	f.agrees(lessons(1, 6)...)
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
	for _, e := range f.ecal.Events(leaCalendar) {
		if !strings.HasPrefix(e.Reference, "wigor-900000") {
			t.Errorf("reference %q", e.Reference)
		}
	}
}

// It compared with the server's form of a text, and replaced an event for any difference.
func TestOldFault08ServerTidiesTexts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.fault(&f.ecal.Faults, faults.Fault{Kind: "trim"})
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
	l := lesson(3)
	l.Teacher = "ENSEIGNANT 02"
	f.put(l)
	f.did(f.sync(), "+0 ~1 -0 =4 held 0 verified true")
	f.did(f.sync(), "+0 ~0 -0 =5 held 0 verified true")
}

// It looked for what to delete among the first hundred events only.
func TestOldFault09FarEvents(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 161)...)
	f.did(f.sync(), "+160 ~0 -0 =0 held 0 verified true")
	f.cancel(lesson(159).ID, lesson(160).ID)
	f.did(f.sync(), "+0 ~0 -2 =158 held 0 verified true")
	f.agrees(lessons(1, 159)...)
}

// Its arithmetic with offsets wrapped around, and ECAL was sent no zone.
func TestOldFault10Clock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["moncampus_start_date"], f.lea()["moncampus_end_date"] = "2026-10-01", "2027-04-30"
	f.configure()
	all := append(lessons(12, 15), lessons(167, 169)...) // around 2026-10-25 and 2027-03-28
	f.put(all...)
	raw := lesson(30)
	// 10:00 and 12:00 on UTC's clock
	raw.Raw = map[string]any{"Start": "2026-11-11T05:00:00-05:00", "End": "/Date(1794398400000)/"}
	f.put(raw)
	f.did(f.sync(), "+6 ~0 -0 =0 held 0 verified true")
	f.agrees(append(all, raw)...)
	for _, e := range f.ecal.Events(leaCalendar) {
		if e.TimeZone != "Europe/Paris" {
			t.Errorf("zone %q", e.TimeZone)
		}
	}
}

// One item that it could not read stopped the run half-way.
func TestOldFault11OneBadItem(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.put(lessons(30, 45)...)
	f.sync()
	for n, raw := range map[int]map[string]any{
		1: {"Start": nil}, 2: {"Salles": []any{1}}, 3: {"TeamsUrl": "<a href=https://teams.example/x>"},
		4: {"NomProf": nil, "End": "soon"},
	} {
		l := lesson(n)
		l.Raw = raw
		f.put(l)
	}
	changed := lesson(5)
	changed.Title = "Changed"
	f.put(changed, lesson(6))
	run := f.sync()
	f.did(run, "+1 ~1 -0 =19 held 3 verified true")
	f.agrees(append(lessons(30, 45), lesson(1), lesson(2), lesson(3), lesson(4), changed, lesson(6))...)
	if len(run.Unreadable) != 3 || !strings.Contains(strings.Join(run.Unreadable, ";"), "NoCours 9000001: its Start") {
		t.Errorf("unreadable = %q", run.Unreadable)
	}
}

// "Intervenant : None", "Aucune" as a room, and the first of several Teams links only.
func TestOldFault12Texts(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	l := lesson(0)
	l.Start, l.End = monday.Add(2*time.Hour), monday.Add(4*time.Hour)
	l.Teacher, l.Rooms, l.Mode = "", "Aucune", "Mixte"
	l.Links = []string{"https://teams.example/b", "https://teams.example/a", "https://teams.example/a&amp=1"}
	f.put(l)
	f.sync()
	e := f.ecal.Events(leaCalendar)[0]
	if e.Location != "Salle non précisée" || strings.Contains(e.Details, "Intervenant") ||
		e.Details != "Groupe : B3 DS\nModalité : Mixte : sur place et à distance" {
		t.Errorf("location %q, details %q", e.Location, e.Details)
	}
	if len(e.QuickLink) != 3 || e.QuickLink["1"].OriginalURL != "https://teams.example/a" ||
		e.QuickLink["1"].Name != "Rejoindre Teams 1" {
		t.Errorf("links = %+v", e.QuickLink)
	}
	l.Links = l.Links[:1]
	f.put(l)
	f.did(f.sync(), "+0 ~1 -0 =0 held 0 verified true")
	if e := f.ecal.Events(leaCalendar)[0]; len(e.QuickLink) != 1 ||
		e.QuickLink["1"].OriginalURL != "https://teams.example/b" {
		t.Errorf("links = %+v", e.QuickLink)
	}
}

// It did not look at the answers to its writes.
func TestOldFault13WriteAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPost, Status: 400, Times: 1})
	run := f.sync()
	f.did(run, "+4 ~0 -0 =0 held 0 verified false writes_failed")
	if i := slices.IndexFunc(run.Changes, func(c campus.Change) bool { return c.Error != "" }); i < 0 ||
		!strings.HasPrefix(run.Changes[i].Title, "Cours") {
		t.Errorf("changes = %+v", run.Changes)
	}
	f.did(f.sync(), "+1 ~0 -0 =4 held 0 verified true")
	f.agrees(lessons(1, 6)...)

	moved := lesson(3)
	moved.Start = moved.Start.Add(time.Hour)
	f.put(moved)
	// answered, and not done: the next run sees it
	f.fault(&f.ecal.Faults, faults.Fault{Method: http.MethodPut, Kind: "forget", Times: 1})
	f.sync()
	f.did(f.sync(), "+0 ~1 -0 =4 held 0 verified true")
}

// Its error file was overwritten at each step, and held names and passwords.
func TestOldFault14LogsHoldNoPersonalData(t *testing.T) { //nolint:paralleltest // it replaces the process's log
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	f := newFixture(t)
	l := lesson(0)
	l.Start, l.End, l.Links = monday.Add(2*time.Hour), monday.Add(4*time.Hour),
		[]string{"https://teams.example/secret-link"}
	f.put(append(lessons(1, 4), l)...)
	f.sync()
	for _, fault := range []faults.Fault{{Status: 400, Times: 9}, {Status: 403, Times: 9}, {Drop: true, Times: 2}} {
		f.put(lesson(4))
		f.fault(&f.ecal.Faults, fault)
		f.sync()
		f.ecal.Faults.Clear("")
	}
	f.lea()["moncampus_password"] = "another-password"
	f.configure()
	f.sync()
	for _, secret := range []string{
		"lea-password", "another-password", ecalKey, ecalSecret, "apiSign", "ticket=", "Cours", "ENSEIGNANT",
		"secret-link", "BB-205",
	} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log holds %q:\n%s", secret, log.String())
		}
	}
	if !strings.Contains(log.String(), `"fault":"ecal_refused"`) ||
		!strings.Contains(log.String(), `"fault":"moncampus_refused"`) {
		t.Errorf("the log does not tell the faults:\n%s", log.String())
	}
	if state, _ := json.Marshal(f.state("lea")); strings.Contains(string(state), "another-password") {
		t.Error("the state holds the password")
	}
}

// No time-outs, and nothing of 429.
func TestOldFault15SlowAndLimited(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 6)...)
	f.fault(&f.ecal.Faults, faults.Fault{Status: 429, Times: 4})
	f.did(f.sync(), "+5 ~0 -0 =0 held 0 verified true")
	if got := f.counts(); got != "5 created, 0 updated, 0 deleted" {
		t.Errorf("ECAL counted %s", got)
	}

	f.fault(&f.school.Faults, faults.Fault{LatencyMS: 60_000})
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	f.pushIn(ctx, "lea", f.now.Add(time.Second))
	if took := time.Since(began); took > 10*time.Second || f.state("lea").Lease.ID != "" {
		t.Errorf("a school that hangs kept the run for %s, lease %+v", took, f.state("lea").Lease)
	}
}

// Any cookie counted as a login; a wrong password was tried again and again.
func TestOldFault16WrongPasswordOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 4)...)
	f.sync()
	f.lea()["moncampus_password"] = "wrong"
	f.configure()
	for range 4 {
		f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
		f.sync(`"dry_run":true`)
	}
	if got := f.school.Counts()[wigor.Refused]; got != 1 {
		t.Errorf("a wrong password was tried %d times", got)
	}
	f.lea()["moncampus_password"] = "lea-password"
	f.configure()
	f.did(f.sync(), "+0 ~0 -0 =3 held 0 verified true")
	f.agrees(lessons(1, 4)...)
}

// A dry run that meets a wrong password keeps it from being tried again too.
func TestWrongPasswordInADryRun(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.lea()["moncampus_password"] = "wrong"
	f.configure()
	for range 3 {
		f.did(f.sync(`"dry_run":true`), "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
	}
	f.sync()
	if got := f.school.Counts()[wigor.Refused]; got != 1 {
		t.Errorf("a wrong password was tried %d times", got)
	}
}

// Passwords stood in a file in plain text.
func TestOldFault17SecretsElsewhere(t *testing.T) {
	f := newFixture(t)
	f.put(lesson(1))
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("CARILLON_TEST_ECAL_SECRET", ecalSecret)
	f.lea()["moncampus_password"], f.lea()["ecal_api_secret"] = "file:"+secret, "env:CARILLON_TEST_ECAL_SECRET"
	f.configure()
	f.did(f.sync(), "+0 ~0 -0 =0 held 0 verified false moncampus_refused")
	if err := os.WriteFile(secret, []byte("lea-password\n"), 0o600); err != nil { // campus.json itself stays
		t.Fatal(err)
	}
	f.did(f.sync(), "+1 ~0 -0 =0 held 0 verified true")
}

// Its schedule was in the container's UTC, and nothing kept two runs apart (TestTwoRunsAtOnce).
func TestOldFault18Schedule(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for now, next := range map[string]string{
		"2026-10-12T17:00:00Z": "2026-10-13T04:46:00Z", // 19:00 in Paris: the next is tomorrow, 06:46
		"2026-10-24T17:00:00Z": "2026-10-25T05:46:00Z", // over the change of the clocks
		"2026-12-01T17:00:00Z": "2026-12-01T17:46:00Z", // 18:00 in Paris
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		f.now = at
		if _, body := f.call(http.MethodGet, "/status", ""); !strings.Contains(body, `"next_run":"`+next+`"`) {
			t.Errorf("at %s: %s", now, body)
		}
	}
}

// A read for each event that was looked for: the number of reads must not grow with the changes.
func TestOldFault19Reads(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 101)...)
	f.sync()
	f.cancel(1, 2, lesson(3).ID, lesson(4).ID, lesson(5).ID)
	before := f.ecal.Counts()[http.MethodGet]
	f.did(f.sync(), "+0 ~0 -3 =97 held 0 verified true")
	if got := f.ecal.Counts()[http.MethodGet] - before; got != 2 { // one full page, and the end
		t.Errorf("%d reads", got)
	}
}

// The dates of a school year stood in the settings and went out of date.
func TestOldFault20Dates(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	delete(f.lea(), "moncampus_start_date")
	f.lea()["moncampus_end_date"] = "school-year"
	f.configure()
	f.put(lesson(-30), lesson(1), lesson(250), lesson(300)) // lesson(300) is in August
	f.did(f.sync(), "+3 ~0 -0 =0 held 0 verified true")
	f.agrees(lesson(-30), lesson(1), lesson(250))
	if got := fmt.Sprint(f.state("lea").Timetable[0].Start); !strings.HasPrefix(got, "2026-09-12") {
		t.Errorf("the first class is at %s", got)
	}
}
