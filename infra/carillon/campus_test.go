package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/campus"
)

const leaCalendar = "64229d018723a1000e07da01"

// newCampus is `carillon up` with the sample students, whose first run is done.
func newCampus(t *testing.T, dir string) *office {
	t.Helper()
	o := newOfficeWith(t, options{data: dir, speed: 1, only: []string{"campus"}})
	o.eventually("the first runs are done", func() bool {
		list, err := o.s.campus.statuses(t.Context(), "")
		return err == nil && len(list) == 2 && !slices.ContainsFunc(list, func(s sync.Status) bool { return s.Run == nil || s.Run.Fault != nil || s.Busy })
	})
	return o
}

// coming are a student's lessons that lie more than a day ahead.
func (o *office) coming(student string) []simwigor.Lesson {
	return slices.DeleteFunc(o.s.campus.demo.wigor.Lessons(student), func(l simwigor.Lesson) bool { return l.Start.Before(time.Now().Add(24 * time.Hour)) })
}

// TestCampusStory: a class moved, cancelled and added in the timetable shows in ECAL after `carillon campus sync`, with as many writes as changes.
func TestCampusStory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newCampus(t, dir)
	before := o.s.campus.demo.ecal.Counts()
	lessons := o.coming("lea")
	moved, cancelled := lessons[0], lessons[3]
	path := "/sim/wigor/_timetable/lea"
	later := map[string]any{"start": moved.Start.Add(30 * time.Minute), "end": moved.End.Add(30 * time.Minute)}
	if code, got := o.call("PATCH", fmt.Sprint(path, "/", moved.ID), "", later); code != http.StatusOK {
		t.Fatalf("the move was answered %d: %v", code, got)
	}
	if code, _ := o.call("DELETE", fmt.Sprint(path, "/", cancelled.ID), "", nil); code != http.StatusNoContent {
		t.Fatalf("the cancellation was answered %d", code)
	}
	added := map[string]any{"title": "Soutenance", "start": cancelled.Start, "end": cancelled.End, "rooms": "Aucune"}
	if code, _ := o.call("POST", path, "", added); code != http.StatusCreated {
		t.Fatalf("the new class was answered %d", code)
	}

	out, err := run(t, "campus", "sync", "--data", dir, "--instance", "lea", "--dry-run")
	for _, want := range []string{"create", "update", "delete", "Soutenance", "time", "no longer in the timetable", "dry run: nothing was changed"} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: the plan has no %q:\n%s", err, want, out)
		}
	}
	if o.s.campus.demo.ecal.Counts().Creates != before.Creates {
		t.Error("the dry run wrote")
	}
	out, err = run(t, "campus", "sync", "--data", dir, "--json")
	var runs []map[string]any
	if uerr := json.Unmarshal([]byte(out), &runs); err != nil || uerr != nil || len(runs) != 2 {
		t.Fatalf("%v, %v\n%s", err, uerr, out)
	}
	lea := runs[0]
	if lea["instance"] != "lea" || lea["created"] != 1.0 || lea["updated"] != 1.0 || lea["deleted"] != 1.0 || lea["held_back"] != 0.0 || lea["verified"] != true || lea["unchanged"] == 0.0 {
		t.Errorf("lea's run: %v", lea)
	}
	if hugo := runs[1]; hugo["created"] != 0.0 || hugo["verified"] != true {
		t.Errorf("hugo's run: %v", hugo)
	}
	if _, err := run(t, "campus", "sync", "--data", dir); err != nil {
		t.Error(err)
	}
	after := o.s.campus.demo.ecal.Counts()
	if after.Creates-before.Creates != 1 || after.Updates-before.Updates != 1 || after.Deletes-before.Deletes != 1 {
		t.Errorf("ECAL counted %+v, then %+v", before, after)
	}
	paris, _ := time.LoadLocation("Europe/Paris")
	titles := map[string]string{}
	for _, e := range o.s.campus.demo.ecal.Events(leaCalendar) {
		titles[e.StartDate+" "+e.StartTime] = e.Name
	}
	if titles[moved.Start.Add(30*time.Minute).In(paris).Format("2006-01-02 15:04")] != moved.Title || titles[cancelled.Start.In(paris).Format("2006-01-02 15:04")] != "Soutenance" {
		t.Errorf("ECAL shows %v", titles)
	}
	if out, err := run(t, "campus", "sync", "--data", dir, "--instance", "nobody"); err == nil || !strings.Contains(err.Error(), `No instance is named "nobody"`) {
		t.Errorf("%v\n%s", err, out)
	}
}

//nolint:tparallel // the cases share one system, in order
func TestCampusCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newCampus(t, dir)
	t.Run("feed", func(t *testing.T) {
		var made sync.Feed
		out, err := run(t, "campus", "feed", "create", "lea", "--label", "phone", "--data", dir, "--json")
		if uerr := json.Unmarshal([]byte(out), &made); err != nil || uerr != nil || made.Path == "" || made.Hash != "" {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		// The contract's library reads no calendars: a text will do.
		openapi3filter.RegisterBodyDecoder("text/calendar", openapi3filter.FileBodyDecoder)
		code, _ := o.call("GET", made.Path, "", nil)
		if code != http.StatusOK {
			t.Errorf("the feed was answered %d", code)
		}
		if code, _ := o.call("GET", "/feeds/campus/lea.ics?key=guess", "", nil); code != http.StatusNotFound {
			t.Errorf("a guess was answered %d", code)
		}
		out, err = run(t, "campus", "feed", "list", "--data", dir)
		if err != nil || !strings.Contains(out, made.ID) || !strings.Contains(out, "phone") || strings.Contains(out, strings.SplitN(made.Path, "key=", 2)[1]) {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err = run(t, "campus", "feed", "revoke", made.ID, "--data", dir); err != nil {
			t.Error(err)
		}
		if code, _ := o.call("GET", made.Path, "", nil); code != http.StatusNotFound {
			t.Errorf("a revoked feed was answered %d", code)
		}
		if _, err = run(t, "campus", "feed", "revoke", made.ID, "--data", dir); err == nil {
			t.Error("revoking twice says nothing")
		}
	})
	t.Run("held_back", func(t *testing.T) {
		lessons := o.coming("hugo")
		gone := make([]int64, 0, len(lessons)/2)
		for _, l := range lessons[:len(lessons)/2] {
			gone = append(gone, l.ID)
		}
		o.fault("/sim/wigor", faults.Fault{Kind: "partial", Items: len(gone), Path: "Home/Get"})
		out, err := run(t, "campus", "sync", "--instance", "hugo", "--data", dir)
		if err == nil || !strings.Contains(out, "held back") || !strings.Contains(out, fmt.Sprintf("--allow-deletes %d", len(gone))) {
			t.Errorf("%v\n%s", err, out)
		}
		o.s.campus.demo.wigor.Faults.Clear("")
		out, err = run(t, "campus", "status", "--instance", "hugo", "--data", dir)
		if err != nil || strings.Count(out, "coming classes would be deleted") != len(gone) || strings.Contains(out, "lea") {
			t.Errorf("%v\n%s", err, out)
		}
		out, err = run(t, "doctor", "--data", dir)
		if err != nil || !strings.Contains(out, "last run of hugo") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err = run(t, "campus", "sync", "--instance", "hugo", "--data", dir); err != nil {
			t.Error(err)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		r, err := http.Get(o.s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		families := metricsOf(t, r.Body)
		for _, name := range []string{"carillon_campus_read_age_seconds", "carillon_campus_failures", "carillon_campus_held_back"} {
			if families[name] == nil || len(families[name].GetMetric()) != 2 {
				t.Errorf("%s: %v", name, families[name])
			}
		}
	})
	t.Run("doctor", func(t *testing.T) {
		o.fault("/sim/ecal", faults.Fault{Status: 403})
		o.fault("/sim/wigor", faults.Fault{Status: 404})
		out, err := run(t, "doctor", "--data", dir)
		if err == nil || strings.Count(out, "ECAL refused the API key") != 2 || strings.Count(out, "MonCampus answered 404") != 2 || strings.Contains(out, demoECALSecret) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestNoLoginAtEachStart: starting again and again, as a machine that restarts does, logs nobody in before a run is due.
//
//nolint:tparallel // the first must end before the second starts
func TestNoLoginAtEachStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { newCampus(t, dir) }) //nolint:paralleltest // it ends with it
	o := newOfficeWith(t, options{data: dir, speed: 1, only: []string{"campus"}})
	time.Sleep(time.Second)
	next, err := o.s.campus.statuses(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if time.Until(next[0].NextRun) > 5*time.Second && o.s.campus.demo.wigor.Counts().Logins != 0 {
		t.Errorf("%d logins at the second start", o.s.campus.demo.wigor.Counts().Logins)
	}
}

func TestImportConfig(t *testing.T) {
	t.Parallel()
	old := "moncampus_username: lea.martin@example.com  \nmoncampus_password: 0123456\nmoncampus_start_date: 2025-09-01  \nmoncampus_end_date: 2026-07-31\n" +
		"ecal_api_key: abc\necal_api_secret: 'def: x'\necal_calendar_id: 64229d018723a1000e07da01\nerror_file_path: /app/errors.txt\n"
	for name, text := range map[string]string{"with_first_line": "[CONFIG]\n" + old, "without": old, "windows": "\xef\xbb\xbf[CONFIG]\r\n" + strings.ReplaceAll(old, "\n", "\r\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "config.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "campus", "import-config", file, "--config", dir)
			if err != nil || strings.Contains(out, "0123456") {
				t.Fatalf("%v\n%s", err, out)
			}
			var got struct{ Instances []campus.Instance }
			data, err := os.ReadFile(filepath.Join(dir, campus.SettingsFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			want := campus.Instance{
				Name: "lea.martin", Username: "lea.martin@example.com", Password: "0123456", StartDate: "2025-09-01", EndDate: "2026-07-31",
				ECALKey: "abc", ECALSecret: "def: x", ECALCalendar: "64229d018723a1000e07da01",
			}
			if len(got.Instances) != 1 || fmt.Sprint(got.Instances[0]) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", got.Instances, want)
			}
			if _, err := run(t, "campus", "import-config", file, "--config", dir); err == nil || !strings.Contains(err.Error(), "--name") {
				t.Errorf("a second time: %v", err)
			}
			if _, err := run(t, "campus", "import-config", file, "--config", dir, "--name", "hugo"); err == nil || !strings.Contains(err.Error(), "each instance needs its own") {
				t.Errorf("the same calendar again: %v", err)
			}
		})
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"broken": "moncampus_password: [secret", "no_password": "moncampus_username: lea\n", "bad_date": strings.Replace(old, "2025-09-01", "september", 1)} {
		file := filepath.Join(dir, "config.yml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, "campus", "import-config", file, "--config", dir)
		if _, made := os.Stat(filepath.Join(dir, campus.SettingsFile)); err == nil || strings.Contains(err.Error(), "secret") || made == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestBridgesApart: a folder with one bridge's settings runs that one; an empty folder and an unknown name say what is missing.
func TestBridgesApart(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start := func(o options) (*system, error) {
		o.listen, o.operator, o.data, o.speed = "127.0.0.1:0", "127.0.0.1:0", t.TempDir(), 1
		return start(t.Context(), o)
	}
	if _, err := start(options{folder: folder}); err == nil || !strings.Contains(err.Error(), "config.json, campus.json") {
		t.Errorf("an empty folder: %v", err)
	}
	unreadable := t.TempDir()
	if err := os.Mkdir(filepath.Join(unreadable, "config.json"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := start(options{folder: unreadable}); err == nil || !strings.Contains(err.Error(), "reading the settings") || strings.Contains(err.Error(), "none of") {
		t.Errorf("settings that cannot be read: %v", err)
	}
	if _, err := start(options{only: []string{"kitchen"}}); err == nil || !strings.Contains(err.Error(), "rooms, campus") {
		t.Errorf("an unknown bridge: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, campus.SettingsFile), []byte(`{"instances":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := start(options{folder: folder})
	if err != nil {
		t.Fatal(err)
	}
	if s.rooms != nil || s.campus == nil {
		t.Errorf("rooms %v, campus %v", s.rooms != nil, s.campus != nil)
	}
	s.close()
}

func TestCampusPage(t *testing.T) {
	t.Parallel()
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, only: []string{"rooms", "campus"}})
	p := openPage(t, o)
	const lea = `article[data-instance="lea"] `
	p.do("opening the rooms", chromedp.Navigate(o.s.url+"/rooms.html"))
	p.shows("nav a", "Overview|Rooms|Campus")
	p.do("going over", chromedp.Click(chromedp.CSS(`nav a[href="campus.html"]`)))
	p.shows(lea+".state", "Up to date")
	p.shows(lea+".result", "both agree")
	settled(p.ctx, o)
	// A title is a text, whatever is in it.
	p.do("adding", chromedp.SendKeys(chromedp.CSS(lea+".title"), `<b onclick="x">Grand oral</b>`), chromedp.Click(chromedp.CSS(lea+".add button")))
	p.shows(lea+".school li.differs span", `<b onclick="x">Grand oral</b>`)
	p.do("synchronising", chromedp.Click(chromedp.CSS(lea+".sync")))
	p.shows(lea+".calendar li span", `<b onclick="x">Grand oral</b>`)
	p.shows(lea+".changes", "created")
	o.eventually("both sides agree", func() bool { return p.text(lea+".differs") == "" })
	p.do("a fault", chromedp.Click(chromedp.CSS("#faults summary")), chromedp.Click(chromedp.CSS("#faults form button")))
	p.shows("#faults li", `"kind":"partial"`)
	p.do("with it", chromedp.Click(chromedp.CSS(lea+".sync")))
	p.shows(lea+".result", "20 held back")
	p.shows(lea+".exceptions", "20 × more vanished at once than is deleted without your consent")
	if text := p.text(lea + ".result"); strings.Contains(text, "both agree") || !strings.Contains(text, "they do not agree: held back: 20") || !strings.Contains(text, "last seen to agree at ") {
		t.Errorf("with 20 held back the page says %q", text)
	}
	p.shows(lea+"footer", "MonCampus read just now (")
}

// TestCampusPageOfABegunClass: the first class on the page has begun and is not deleted; the page says so, and
// claims no agreement.
func TestCampusPageOfABegunClass(t *testing.T) {
	t.Parallel()
	o := newCampus(t, t.TempDir())
	now := time.Now().Truncate(time.Minute)
	begun := simwigor.Lesson{Title: "Déjà commencé", Start: now.Add(-time.Hour), End: now}
	if err := o.s.campus.demo.wigor.Put("lea", begun); err != nil {
		t.Fatal(err)
	}
	o.syncCampus()
	lessons := o.s.campus.demo.wigor.Lessons("lea")
	i := slices.IndexFunc(lessons, func(l simwigor.Lesson) bool { return l.Title == begun.Title })
	if err := o.s.campus.demo.wigor.Remove("lea", lessons[i].ID); err != nil {
		t.Fatal(err)
	}
	o.syncCampus()
	p := openPage(t, o)
	const lea = `article[data-instance="lea"] `
	p.do("opening", chromedp.Navigate(o.s.url+"/campus.html"))
	p.shows(lea+".state", "Differences")
	p.shows(lea+".exceptions", "no longer on MonCampus, and kept: what has begun is not deleted")
	p.shows(lea+".exceptions", begun.Title)
	if text := p.text(lea + ".result"); strings.Contains(text, "both agree") || !strings.Contains(text, "kept: 1") {
		t.Errorf("the page says %q", text)
	}
	for _, f := range o.s.campus.examine(t.Context()) {
		if f.Check == "timetable of lea" && (f.State != stateWarning || !strings.Contains(f.Found, "1 kept")) || f.Check == "timetable of hugo" && f.State != stateOK {
			t.Errorf("doctor finds %+v", f)
		}
	}
}

// syncCampus runs lea's instance.
func (o *office) syncCampus() {
	o.t.Helper()
	if code, got := o.call("POST", "/dashboard/campus/sync", "", map[string]any{"instance": "lea"}); code != http.StatusOK {
		o.t.Fatalf("the run was answered %d: %v", code, got)
	}
}

// TestPageShowsWhereSidesDiffer: of real systems, a class that MonCampus no longer has and that is held back stands in
// the calendar alone.
func TestPageShowsWhereSidesDiffer(t *testing.T) {
	t.Parallel()
	db, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	b := &campusBridge{system: &system{clock: local.WallClock()}, state: db.Bucket("campus-state")}
	config := db.Bucket("config")
	settings := `{"instances": [{"instance_name": "lea", "moncampus_username": "lea", "moncampus_password": "x"}]}`
	if _, err := config.Put(t.Context(), campus.SettingsFile, 0, []byte(settings), nil); err != nil {
		t.Fatal(err)
	}
	if b.settings, err = campus.LoadSettings(config); err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	class := func(id string) campus.Class {
		return campus.Class{ID: id, Title: id, Start: soon, End: soon.Add(time.Hour)}
	}
	timetable := []campus.Class{class("there"), class("held"), class("begun")}
	state := campus.State{Version: 1, Timetable: timetable, Sent: map[string]campus.Sent{}}
	for _, c := range state.Timetable {
		state.Sent[c.ID] = campus.Sent{Core: "x"}
	}
	state.Held, state.Kept = []campus.Held{{Class: class("held")}}, []campus.Held{{Class: class("begun")}}
	data, err := json.Marshal(state)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.state.Put(t.Context(), campus.StateName("lea"), 0, data, nil); err != nil {
		t.Fatal(err)
	}
	view, err := b.view(t.Context(), sync.Status{Instance: "lea"})
	if err != nil || len(view.School) != 1 || view.School[0].ID != "there" || len(view.Calendar) != 3 {
		t.Errorf("MonCampus shows %+v, the calendar %+v, %v", view.School, view.Calendar, err)
	}
}
