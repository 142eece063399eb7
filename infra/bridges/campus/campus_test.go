package campus

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
)

const leaCalendar = "64229d018723a1000e07da01"

// A running is a machine with the sample's students, seen from inside.
type running struct {
	*machinetest.Running

	b *bridge
}

func start(t *testing.T, o machine.Options) *running {
	t.Helper()
	b := new(bridge)
	o.Bridges = []machine.Bridge{b.definition()}
	return &running{machinetest.Start(t, o), b}
}

// run executes a command line of carillon.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return machinetest.Run(t, []machine.Bridge{New()}, args...)
}

func TestMain(m *testing.M) { machinetest.Main(m) }

// newCampus is `carillon up` with the sample students, whose first run is done.
func newCampus(t *testing.T, dir string) *running {
	t.Helper()
	o := start(t, machine.Options{Data: dir})
	o.Eventually("the first runs are done", func() bool {
		list, err := o.b.statuses(t.Context(), "")
		return err == nil && len(list) == 2 &&
			!slices.ContainsFunc(list, func(s sync.Status) bool { return s.Run == nil || s.Run.Fault != nil || s.Busy })
	})
	return o
}

// coming are a student's lessons that lie more than a day ahead.
func (o *running) coming(student string) []simwigor.Lesson {
	return slices.DeleteFunc(o.b.demo.wigor.Lessons(student),
		func(l simwigor.Lesson) bool { return l.Start.Before(time.Now().Add(24 * time.Hour)) })
}

// TestCampusStory: a class moved, cancelled and added in the timetable shows in ECAL after `carillon campus sync`, with
// as many writes as changes.
func TestCampusStory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newCampus(t, dir)
	before := o.b.demo.ecal.Counts()
	lessons := o.coming("lea")
	moved, cancelled := lessons[0], lessons[3]
	path := "/sim/wigor/_timetable/lea"
	later := map[string]any{"start": moved.Start.Add(30 * time.Minute), "end": moved.End.Add(30 * time.Minute)}
	if code, got := o.Call("PATCH", fmt.Sprint(path, "/", moved.ID), "", later); code != http.StatusOK {
		t.Fatalf("the move was answered %d: %v", code, got)
	}
	if code, _ := o.Call("DELETE", fmt.Sprint(path, "/", cancelled.ID), "", nil); code != http.StatusNoContent {
		t.Fatalf("the cancellation was answered %d", code)
	}
	added := map[string]any{"title": "Soutenance", "start": cancelled.Start, "end": cancelled.End, "rooms": "Aucune"}
	if code, _ := o.Call("POST", path, "", added); code != http.StatusCreated {
		t.Fatalf("the new class was answered %d", code)
	}

	out, err := run(t, "campus", "sync", "--data", dir, "--instance", "lea", "--dry-run")
	for _, want := range []string{
		"create", "update", "delete", "Soutenance", "time", "no longer in the timetable", "dry run: nothing was changed",
	} {
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%v: the plan has no %q:\n%s", err, want, out)
		}
	}
	if o.b.demo.ecal.Counts()[http.MethodPost] != before[http.MethodPost] {
		t.Error("the dry run wrote")
	}
	out, err = run(t, "campus", "sync", "--data", dir, "--json")
	var runs []map[string]any
	if uerr := json.Unmarshal([]byte(out), &runs); err != nil || uerr != nil || len(runs) != 2 {
		t.Fatalf("%v, %v\n%s", err, uerr, out)
	}
	lea := runs[0]
	if lea["instance"] != "lea" || lea["created"] != 1.0 || lea["updated"] != 1.0 || lea["deleted"] != 1.0 ||
		lea["held_back"] != 0.0 || lea["verified"] != true || lea["unchanged"] == 0.0 {
		t.Errorf("lea's run: %v", lea)
	}
	if hugo := runs[1]; hugo["created"] != 0.0 || hugo["verified"] != true {
		t.Errorf("hugo's run: %v", hugo)
	}
	if _, err := run(t, "campus", "sync", "--data", dir); err != nil {
		t.Error(err)
	}
	after := o.b.demo.ecal.Counts()
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		if after[method]-before[method] != 1 {
			t.Errorf("ECAL counted %v, then %v", before, after)
		}
	}
	paris, _ := time.LoadLocation("Europe/Paris")
	titles := map[string]string{}
	for _, e := range o.b.demo.ecal.Events(leaCalendar) {
		titles[e.StartDate+" "+e.StartTime] = e.Name
	}
	if titles[moved.Start.Add(30*time.Minute).In(paris).Format("2006-01-02 15:04")] != moved.Title ||
		titles[cancelled.Start.In(paris).Format("2006-01-02 15:04")] != "Soutenance" {
		t.Errorf("ECAL shows %v", titles)
	}
	if out, err := run(t, "campus", "sync", "--data", dir, "--instance", "nobody"); err == nil ||
		!strings.Contains(err.Error(), `No instance is named "nobody"`) {
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
		code, _ := o.Call("GET", made.Path, "", nil)
		if code != http.StatusOK {
			t.Errorf("the feed was answered %d", code)
		}
		if code, _ := o.Call("GET", "/feeds/campus/lea.ics?key=guess", "", nil); code != http.StatusNotFound {
			t.Errorf("a guess was answered %d", code)
		}
		out, err = run(t, "campus", "feed", "list", "--data", dir)
		if err != nil || !strings.Contains(out, made.ID) || !strings.Contains(out, "phone") ||
			strings.Contains(out, strings.SplitN(made.Path, "key=", 2)[1]) {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err = run(t, "campus", "feed", "revoke", made.ID, "--data", dir); err != nil {
			t.Error(err)
		}
		if code, _ := o.Call("GET", made.Path, "", nil); code != http.StatusNotFound {
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
		o.Fault("/sim/wigor", faults.Fault{Kind: "partial", Items: len(gone), Path: "Home/Get"})
		out, err := run(t, "campus", "sync", "--instance", "hugo", "--data", dir)
		if err == nil || !strings.Contains(out, "held back") ||
			!strings.Contains(out, fmt.Sprintf("--allow-deletes %d", len(gone))) {
			t.Errorf("%v\n%s", err, out)
		}
		o.b.demo.wigor.Faults.Clear("")
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
		r, err := http.Get(o.URL + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		families := machinetest.Metrics(t, r.Body)
		for _, name := range []string{
			"carillon_campus_read_age_seconds", "carillon_campus_failures", "carillon_campus_held_back",
		} {
			if families[name] == nil || len(families[name].GetMetric()) != 2 {
				t.Errorf("%s: %v", name, families[name])
			}
		}
	})
	t.Run("doctor", func(t *testing.T) {
		o.Fault("/sim/ecal", faults.Fault{Status: 403})
		o.Fault("/sim/wigor", faults.Fault{Status: 404})
		out, err := run(t, "doctor", "--data", dir)
		if err == nil || strings.Count(out, "ECAL refused the API key") != 2 ||
			strings.Count(out, "MonCampus answered 404") != 2 || strings.Contains(out, demoECALSecret) {
			t.Errorf("%v\n%s", err, out)
		}
	})
}

// TestNoLoginAtEachStart: starting again and again, as a machine that restarts does, logs nobody in before a run is
// due.
//
//nolint:tparallel // the first must end before the second starts
func TestNoLoginAtEachStart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	t.Run("before", func(t *testing.T) { newCampus(t, dir) }) //nolint:paralleltest // it ends with it
	o := start(t, machine.Options{Data: dir})
	time.Sleep(time.Second)
	next, err := o.b.statuses(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if time.Until(next[0].NextRun) > 5*time.Second && o.b.demo.wigor.Counts()[simwigor.Logins] != 0 {
		t.Errorf("%d logins at the second start", o.b.demo.wigor.Counts()[simwigor.Logins])
	}
}

// The operators' commands reach a deployed function, which has its part of the paths; who has no right to call is told
// so.
func TestCommandsOfADeployedFunction(t *testing.T) {
	t.Parallel()
	o := start(t, machine.Options{Data: t.TempDir()})
	sync := machinetest.Deployed(t, o.b.sync, "token")
	for command, want := range map[string]string{
		"campus sync": "lea", "campus sync --dry-run": "lea", "campus status": "lea",
		"campus feed create lea": "/feeds/campus/lea.ics?key=",
		"campus feed list":       "INSTANCE",
	} {
		args := append(strings.Fields(command), "--function", sync, "--key", "token")
		if out, err := run(t, args...); err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v\n%s", command, err, out)
		}
	}
	for key, want := range map[string]string{"another": "403", "": "print-identity-token"} {
		if out, err := run(t, "campus", "status", "--function", sync, "--key", key); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("with the key %q: %v\n%s", key, err, out)
		}
	}
}
