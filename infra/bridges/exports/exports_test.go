package exports

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	told "github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// A running is a machine with the sample's source, seen from inside.
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

// newExports is `carillon up` with the sample source, whose first run is done.
func newExports(t *testing.T, dir string, speed int) *running {
	t.Helper()
	machinetest.SetMorning(t, dir)
	peers.Dir(t)
	o := start(t, machine.Options{Data: dir, Speed: speed})
	o.Eventually("the first run is done", func() bool {
		list, err := o.b.statuses(t.Context(), "")
		return err == nil && len(list) == 1 && len(list[0].Runs) > 0 && list[0].Runs[0].Transferred == 4 && !list[0].Busy
	})
	return o
}

// delivered are the files that wait for the importer.
func delivered(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "exports", demoSource, "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestExports is an accountant's day: the night's files are there, one is held; a query is forced, runs, and its file
// arrives; faults lose nothing.
//
//nolint:tparallel // the cases share one system, in order
func TestExports(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newExports(t, dir, 60)
	if got := delivered(t, dir); len(got) != 4 || strings.Contains(strings.Join(got, " "), "annee") {
		t.Errorf("delivered %v", got)
	}
	t.Run("quarantine", func(t *testing.T) {
		var held []transfer.Quarantined
		out, err := run(t, "exports", "quarantine", "list", "--data", dir, "--json")
		if uerr := json.Unmarshal([]byte(out), &held); err != nil || uerr != nil || len(held) != 1 ||
			!strings.Contains(held[0].Blob, "histocumsal_annee") {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		out, err = run(t, "exports", "quarantine", "show", held[0].ID[:6], "--data", dir)
		if err != nil || !strings.Contains(out, "50    PHC_SALARIE, PHC_CUMULPAIE  line 2 has the same") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := run(t, "exports", "quarantine", "release", held[0].ID, "--data", dir); err != nil ||
			len(delivered(t, dir)) != 5 {
			t.Errorf("release: %v", err)
		}
		if _, err := run(t, "exports", "quarantine", "release", held[0].ID, "--data", dir); err == nil {
			t.Error("a second release says nothing")
		}
	})
	t.Run("force", func(t *testing.T) {
		if _, err := run(t, "exports", "force", "--name", "CUMSAL", "--data", dir); err == nil ||
			!strings.Contains(err.Error(), "HISTOCUMSAL, HISTOCUMSAL_ANNEE") {
			t.Errorf("a part of two names: %v", err)
		}
		out, err := run(t, "exports", "force", "--name", "ecriture", "--wait", "--timeout", "2m", "--data", dir)
		if err != nil || !strings.Contains(out, "ECRITURE has run") ||
			!strings.Contains(out, "ECRITURE: take DB000001/DB000001-cpa-ecriture-") {
			t.Errorf("%v\n%s", err, out)
		}
		if got := delivered(t, dir); len(got) != 5 { // the run before has given way to it
			t.Errorf("delivered %v", got)
		}
		out, err = run(t, "exports", "list", "--data", dir)
		if err != nil || !strings.Contains(out, "10 4 * * *") {
			t.Errorf("the cron has changed: %v\n%s", err, out)
		}
	})
	t.Run("switch_and_discover", func(t *testing.T) {
		id := demoQueries[0].ID
		if out, err := run(t, "exports", "disable", demoQueries[0].Name, "--data", dir); err != nil ||
			!strings.Contains(out, "no") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := run(t, "exports", "disable", "HISTO", "--data", dir); err == nil ||
			!strings.Contains(err.Error(), "HISTOCUMSAL_ANNEE ("+demoQueries[1].ID+")") {
			t.Errorf("a part of two names: %v", err)
		}
		if _, err := run(t, "exports", "force", "--name", "HISTOCUMSAL", "--data", dir); err == nil {
			t.Error("a disabled query was forced")
		}
		if _, err := run(t, "exports", "enable", id, "--data", dir); err != nil {
			t.Error(err)
		}
		if out, err := run(t, "exports", "discover", "--save", "--data", dir); err != nil ||
			!strings.Contains(out, demoAccount.Provider) || strings.Contains(out, "not-to-be-shown") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("faults", func(t *testing.T) {
		o.Fault("/sim/cegid", faults.Fault{Method: "GET", Path: "^/blobs/.*csv", Truncate: true, Times: 2})
		o.Fault("/sim/cegid", faults.Fault{Path: "^/blobs/", Status: 503, Times: 2})
		if err := o.b.demo.cegid.Execute(t.Context(), demoQueries[0].ID); err != nil {
			t.Fatal(err)
		}
		out, err := run(t, "exports", "transfer", "--data", dir, "--json")
		var list []map[string]any
		if uerr := json.Unmarshal([]byte(out), &list); err != nil || uerr != nil || len(list) != 1 {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		for key, want := range map[string]any{
			"source": "paie", "transferred": 1.0, "deleted": 1.0, "quarantined": 0.0, "kept": 0.0, "failed": 0.0,
		} {
			if list[0][key] != want {
				t.Errorf("%s is %v, want %v", key, list[0][key], want)
			}
		}
		if list[0]["bytes"].(float64) == 0 {
			t.Error("no bytes")
		}
		o.Fault("/sim/cegid", faults.Fault{Path: "tokenprovider", Status: 401})
		o.Fault("/sim/cegid", faults.Fault{Path: "GetSAS", Status: 401})
		out, err = run(t, "exports", "transfer", "--data", dir)
		if err == nil || !strings.Contains(out, "API key was refused") || strings.Contains(out, demoAccount.KeySecret) {
			t.Errorf("%v\n%s", err, out)
		}
		out, err = run(t, "doctor", "--data", dir)
		if err == nil || !strings.Contains(out, "container of paie") || !strings.Contains(out, "last run of paie") {
			t.Errorf("%v\n%s", err, out)
		}
		o.b.demo.cegid.Faults.Clear("")
		if out, err := run(t, "exports", "transfer", "--data", dir); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := run(t, "exports", "status", "--data", dir); err != nil || !strings.Contains(out, "ok") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("http", func(t *testing.T) {
		if code, _ := o.Call("GET", "/queries", "guess", nil); code != http.StatusUnauthorized {
			t.Errorf("a guessed key: %d", code)
		}
		for path, code := range map[string]int{"/queries": 0, "/queries?sql=true": 0, "/queries/providers": 0} {
			if got, answer := o.Call("GET", path, demoQueriesKey, nil); got != http.StatusOK {
				t.Errorf("%s: %d %v, %d", path, got, answer, code)
			}
		}
		if code, answer := o.Call("POST", "/queries/force", demoQueriesKey,
			map[string]any{"name": "ECRITURE", "time": "06:00", "zone": "Europe/Paris"}); code != http.StatusOK {
			t.Errorf("%d %v", code, answer)
		}
		if code, _ := o.Call("POST", "/queries/force", demoQueriesKey,
			map[string]any{"name": "CUMSAL"}); code != http.StatusConflict {
			t.Errorf("%d", code)
		}
		if code, _ := o.Call("POST", "/queries/"+demoQueries[0].ID+"/disable", demoQueriesKey,
			map[string]any{}); code != http.StatusOK {
			t.Errorf("%d", code)
		}
		if code, _ := o.Call("POST", "/queries/"+demoQueries[0].ID+"/enable", demoQueriesKey,
			map[string]any{}); code != http.StatusOK {
			t.Errorf("%d", code)
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
			"carillon_exports_run_age_seconds", "carillon_exports_failures", "carillon_exports_quarantine",
		} {
			if families[name] == nil || len(families[name].GetMetric()) != 1 {
				t.Errorf("%s: %v", name, families[name])
			}
		}
	})
}

// TestDoctorSaysWhatItSaw: a container is good only as far as it was tried, and a last run only while it is not long
// ago.
func TestDoctorSaysWhatItSaw(t *testing.T) {
	t.Parallel()
	blobs := "<Blob><Name>x.csv</Name><Properties><Etag>1</Etag><Content-Length>1</Content-Length></Properties></Blob>"
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "x.csv") && r.URL.Query().Get("sp") == "":
			w.Header().Set("X-Ms-Error-Code", "AuthorizationPermissionMismatch")
			w.WriteHeader(http.StatusForbidden)
		case strings.HasSuffix(r.URL.Path, "x.csv"):
			_, _ = io.WriteString(w, "x")
		case strings.Contains(r.URL.Path, "full"):
			fmt.Fprintf(w, "<EnumerationResults><Blobs>%s</Blobs><NextMarker/></EnumerationResults>", blobs)
		default:
			_, _ = io.WriteString(w, "<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>")
		}
	}))
	t.Cleanup(store.Close)
	for _, tt := range []struct{ container, rights, state, found string }{
		{"full", "&sp=rdl", machine.FindingOK, "listed and read"},
		{"full", "&sp=dl", machine.FindingMissing, "does not include reading"},
		{"empty", "&sp=dl", machine.FindingMissing, "does not include reading"},
		{"full", "", machine.FindingMissing, "reading a blob"},
		{"empty", "&sp=rdl", machine.FindingOK, "could be tried"},
	} {
		src := exports.Source{
			Name: "paie", Mode: exports.ModeSASURL, SASURL: store.URL + "/account/" + tt.container + "?sig=x" + tt.rights,
		}
		if got := examineContainer(t.Context(), src).In(""); got.State != tt.state || !strings.Contains(got.Found, tt.found) {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
	for name, tt := range map[string]struct {
		runs    []exports.Transfer
		overdue bool
		state   string
	}{
		"never":    {nil, false, machine.FindingWarning},
		"just_now": {[]exports.Transfer{{Ended: time.Now()}}, false, machine.FindingOK},
		"long_ago": {[]exports.Transfer{{Ended: time.Now().Add(-3 * time.Hour)}}, true, machine.FindingWarning},
		"failed":   {[]exports.Transfer{{Ended: time.Now(), Fault: &told.Fault{}}}, false, machine.FindingWarning},
	} {
		got := examineRuns(transfer.Status{Source: "paie", Runs: tt.runs, Overdue: tt.overdue}).In("")
		if got.State != tt.state || len(tt.runs) > 0 && !strings.Contains(got.Found, "at ") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestTimesHaveAZone: each time that the exports commands print is on the source's clock, with its zone.
func TestTimesHaveAZone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	newExports(t, dir, 1)
	clock := regexp.MustCompile(`\d\d:\d\d\S*\s+(\S*)`)
	for _, args := range [][]string{
		{"list"}, {"status"}, {"force", "--name", "ECRITURE"}, {"enable", "ECRITURE"}, {"quarantine", "list"},
	} {
		out, err := run(t, append(append([]string{"exports"}, args...), "--data", dir)...)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out) {
			for _, at := range clock.FindAllStringSubmatch(line, -1) {
				if at[1] != "CET" && at[1] != "CEST" && at[1] != "UTC" {
					t.Errorf("%v: a time without a zone: %s", args, line)
				}
			}
			if args[0] != "quarantine" && strings.Contains(line, "UTC") {
				t.Errorf("%v: not on the clock of %s: %s", args, machine.SampleZone, line)
			}
		}
	}
}

// TestTheSampleWithoutItsBlobStore says so: nothing is wrong with Cegid or an address.
//
//nolint:paralleltest // it sets the environment
func TestTheSampleWithoutItsBlobStore(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	start(t, machine.Options{Data: dir, Speed: 1})
	_, err := run(t, "exports", "transfer", "--data", dir)
	if err == nil || !strings.Contains(err.Error(),
		"The sample's blob store does not run: Azurite needs Node.js 20 or newer") {
		t.Errorf("transfer: %v", err)
	}
	out, err := run(t, "doctor", "--data", dir)
	if err != nil || !strings.Contains(out, "Azurite needs Node.js 20") || strings.Contains(out, "portal") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}

// The operators' commands reach deployed functions, each of which has its part of the paths.
func TestCommandsOfDeployedFunctions(t *testing.T) {
	t.Parallel()
	peers.Dir(t)
	o := start(t, machine.Options{Data: t.TempDir()})
	transfer, queries := machinetest.Deployed(t, o.b.transfer, "token"),
		machinetest.Deployed(t, o.b.queries, demoQueriesKey)
	o.Eventually("the sample's blob store is there", func() bool { return o.b.demo.needs() == nil })
	for _, test := range []struct{ command, function, key, want string }{
		{"exports transfer", transfer, "token", ""},
		{"exports status", transfer, "token", demoSource},
		{"exports quarantine list", transfer, "token", ""},
		{"exports list", queries, demoQueriesKey, demoQueries[0].Name},
		{"exports force --all", queries, demoQueriesKey, ""},
	} {
		args := append(strings.Fields(test.command), "--function", test.function, "--key", test.key)
		if out, err := run(t, args...); err != nil || !strings.Contains(out, test.want) {
			t.Errorf("%s: %v\n%s", test.command, err, out)
		}
	}
}
