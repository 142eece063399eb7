package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// newExports is `carillon up` with the sample source, whose first run is done.
func newExports(t *testing.T, dir string, speed int) *office {
	t.Helper()
	morning(t, dir)
	peers.Dir(t)
	o := newOfficeWith(t, options{data: dir, speed: speed, only: []string{"exports"}})
	o.eventually("the first run is done", func() bool {
		list, err := o.s.exports.statuses(t.Context(), "")
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

// morning sets the sample's clock to ten of the next day, far from the hour at which its queries run by themselves.
func morning(t *testing.T, dir string) (at time.Time) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := local.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	at = time.Now().UTC().Truncate(24 * time.Hour).Add(34 * time.Hour)
	if _, err = db.Setting(t.Context(), "clock", func() string { return at.Format(time.RFC3339Nano) }); err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestExports is an accountant's day: the night's files are there, one is held; a query is forced, runs, and its file arrives; faults lose nothing.
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
		if uerr := json.Unmarshal([]byte(out), &held); err != nil || uerr != nil || len(held) != 1 || !strings.Contains(held[0].Blob, "histocumsal_annee") {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		out, err = run(t, "exports", "quarantine", "show", held[0].ID[:6], "--data", dir)
		if err != nil || !strings.Contains(out, "50    PHC_SALARIE, PHC_CUMULPAIE  line 2 has the same") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := run(t, "exports", "quarantine", "release", held[0].ID, "--data", dir); err != nil || len(delivered(t, dir)) != 5 {
			t.Errorf("release: %v", err)
		}
		if _, err := run(t, "exports", "quarantine", "release", held[0].ID, "--data", dir); err == nil {
			t.Error("a second release says nothing")
		}
	})
	t.Run("force", func(t *testing.T) {
		if _, err := run(t, "exports", "force", "--name", "CUMSAL", "--data", dir); err == nil || !strings.Contains(err.Error(), "HISTOCUMSAL, HISTOCUMSAL_ANNEE") {
			t.Errorf("a part of two names: %v", err)
		}
		out, err := run(t, "exports", "force", "--name", "ecriture", "--wait", "--timeout", "2m", "--data", dir)
		if err != nil || !strings.Contains(out, "ECRITURE has run") || !strings.Contains(out, "ECRITURE: take DB000001/DB000001-cpa-ecriture-") {
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
		if out, err := run(t, "exports", "disable", demoQueries[0].Name, "--data", dir); err != nil || !strings.Contains(out, "no") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := run(t, "exports", "disable", "HISTO", "--data", dir); err == nil || !strings.Contains(err.Error(), "HISTOCUMSAL_ANNEE ("+demoQueries[1].ID+")") {
			t.Errorf("a part of two names: %v", err)
		}
		if _, err := run(t, "exports", "force", "--name", "HISTOCUMSAL", "--data", dir); err == nil {
			t.Error("a disabled query was forced")
		}
		if _, err := run(t, "exports", "enable", id, "--data", dir); err != nil {
			t.Error(err)
		}
		if out, err := run(t, "exports", "discover", "--save", "--data", dir); err != nil || !strings.Contains(out, demoAccount.Provider) || strings.Contains(out, "not-to-be-shown") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("faults", func(t *testing.T) {
		o.fault("/sim/cegid", faults.Fault{Method: "GET", Path: "^/blobs/.*csv", Truncate: true, Times: 2})
		o.fault("/sim/cegid", faults.Fault{Path: "^/blobs/", Status: 503, Times: 2})
		if err := o.s.exports.demo.cegid.Execute(t.Context(), demoQueries[0].ID); err != nil {
			t.Fatal(err)
		}
		out, err := run(t, "exports", "transfer", "--data", dir, "--json")
		var list []map[string]any
		if uerr := json.Unmarshal([]byte(out), &list); err != nil || uerr != nil || len(list) != 1 {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		for key, want := range map[string]any{"source": "paie", "transferred": 1.0, "deleted": 1.0, "quarantined": 0.0, "kept": 0.0, "failed": 0.0} {
			if list[0][key] != want {
				t.Errorf("%s is %v, want %v", key, list[0][key], want)
			}
		}
		if list[0]["bytes"].(float64) == 0 {
			t.Error("no bytes")
		}
		o.fault("/sim/cegid", faults.Fault{Path: "tokenprovider", Status: 401})
		o.fault("/sim/cegid", faults.Fault{Path: "GetSAS", Status: 401})
		out, err = run(t, "exports", "transfer", "--data", dir)
		if err == nil || !strings.Contains(out, "API key was refused") || strings.Contains(out, demoAccount.KeySecret) {
			t.Errorf("%v\n%s", err, out)
		}
		out, err = run(t, "doctor", "--data", dir)
		if err == nil || !strings.Contains(out, "container of paie") || !strings.Contains(out, "last run of paie") {
			t.Errorf("%v\n%s", err, out)
		}
		o.s.exports.demo.cegid.Faults.Clear("")
		if out, err := run(t, "exports", "transfer", "--data", dir); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if out, err := run(t, "exports", "status", "--data", dir); err != nil || !strings.Contains(out, "ok") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("http", func(t *testing.T) {
		if code, _ := o.call("GET", "/queries", "guess", nil); code != http.StatusUnauthorized {
			t.Errorf("a guessed key: %d", code)
		}
		for path, code := range map[string]int{"/queries": 0, "/queries?sql=true": 0, "/queries/providers": 0} {
			if got, answer := o.call("GET", path, demoQueriesKey, nil); got != http.StatusOK {
				t.Errorf("%s: %d %v, %d", path, got, answer, code)
			}
		}
		if code, answer := o.call("POST", "/queries/force", demoQueriesKey, map[string]any{"name": "ECRITURE", "time": "06:00", "zone": "Europe/Paris"}); code != http.StatusOK {
			t.Errorf("%d %v", code, answer)
		}
		if code, _ := o.call("POST", "/queries/force", demoQueriesKey, map[string]any{"name": "CUMSAL"}); code != http.StatusConflict {
			t.Errorf("%d", code)
		}
		if code, _ := o.call("POST", "/queries/"+demoQueries[0].ID+"/disable", demoQueriesKey, map[string]any{}); code != http.StatusOK {
			t.Errorf("%d", code)
		}
		if code, _ := o.call("POST", "/queries/"+demoQueries[0].ID+"/enable", demoQueriesKey, map[string]any{}); code != http.StatusOK {
			t.Errorf("%d", code)
		}
	})
	t.Run("metrics", func(t *testing.T) {
		r, err := http.Get(o.s.url + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		families := metricsOf(t, r.Body)
		for _, name := range []string{"carillon_exports_run_age_seconds", "carillon_exports_failures", "carillon_exports_quarantine"} {
			if families[name] == nil || len(families[name].GetMetric()) != 1 {
				t.Errorf("%s: %v", name, families[name])
			}
		}
	})
}

// TestExportsPage shows the source, what is held and why, and the runs; a query runs and its file is transferred by clicks.
func TestExportsPage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newExports(t, dir, 1)
	p := openPage(t, o)
	const card = `article[data-source="paie"] `
	p.do("opening the rooms, which do not run", chromedp.Navigate(o.s.url+"/rooms.html"))
	p.shows("#bridge-exports", "1 in quarantine")
	p.do("going over", chromedp.Click(chromedp.CSS(`nav a[href="exports.html"]`)))
	p.shows(card+".state", "Transferred; 1 in quarantine")
	p.shows(card+".files li", "DB000001/DB000001-cpa-ecriture-")
	p.shows(card+".held", "line 50 : PHC_SALARIE, PHC_CUMULPAIE : line 2 has the same")
	settled(p.ctx, o)
	p.do("the report", chromedp.Click(chromedp.CSS(card+".held button")))
	p.shows(card+".report li", "line 51")
	p.shows(card+".report li", "and 28 more")
	var released []transfer.Quarantined
	if out, err := run(t, "exports", "quarantine", "list", "--data", dir, "--json"); err != nil || json.Unmarshal([]byte(out), &released) != nil || len(released) != 1 {
		t.Fatalf("%v\n%s", err, out)
	}
	if _, err := run(t, "exports", "quarantine", "release", released[0].ID, "--data", dir); err != nil {
		t.Fatal(err)
	}
	p.shows(card+".held li", "Nothing")
	if got := p.text(card + ".held"); strings.Contains(got, "passed") { // a person let it through
		t.Errorf("the quarantine says %q", got)
	}
	settled(p.ctx, o)
	p.do("running a query", chromedp.Click(chromedp.CSS(card+".queries button")))
	p.shows(card+".blobs ol", "histocumsal")
	p.do("transferring", chromedp.Click(chromedp.CSS(card+".sync")))
	p.shows(card+".result", "1 transferred, 1 deleted at the source")
	p.shows(card+".held li", "Nothing. 1 file passed the check, ")
	if got := delivered(t, dir); len(got) != 5 { // the run before has given way to it
		t.Errorf("delivered %v", got)
	}
	p.do("a fault", chromedp.Click(chromedp.CSS("#faults summary")), chromedp.Click(chromedp.CSS("#faults form button")))
	p.shows("#faults li", "tokenprovider")
}

// TestDoctorSaysWhatItSaw: a container is good only as far as it was tried, and a last run only while it is not long ago.
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
		{"full", "&sp=rdl", stateOK, "listed and read"},
		{"full", "&sp=dl", stateMissing, "does not include reading"},
		{"empty", "&sp=dl", stateMissing, "does not include reading"},
		{"full", "", stateMissing, "reading a blob"},
		{"empty", "&sp=rdl", stateOK, "could be tried"},
	} {
		src := exports.Source{Name: "paie", Mode: exports.ModeSASURL, SASURL: store.URL + "/account/" + tt.container + "?sig=x" + tt.rights}
		if got := examineContainer(t.Context(), src); got.State != tt.state || !strings.Contains(got.Found, tt.found) {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
	for name, tt := range map[string]struct {
		runs    []exports.Transfer
		overdue bool
		state   string
	}{
		"never":    {nil, false, stateWarning},
		"just_now": {[]exports.Transfer{{Ended: time.Now()}}, false, stateOK},
		"long_ago": {[]exports.Transfer{{Ended: time.Now().Add(-3 * time.Hour)}}, true, stateWarning},
		"failed":   {[]exports.Transfer{{Ended: time.Now(), Fault: &exports.Fault{}}}, false, stateWarning},
	} {
		if got := examineRuns(transfer.Status{Source: "paie", Runs: tt.runs, Overdue: tt.overdue}); got.State != tt.state || len(tt.runs) > 0 && !strings.Contains(got.Found, "at ") {
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
	for _, args := range [][]string{{"list"}, {"status"}, {"force", "--name", "ECRITURE"}, {"enable", "ECRITURE"}, {"quarantine", "list"}} {
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
				t.Errorf("%v: not on the clock of %s: %s", args, demoZone, line)
			}
		}
	}
}

// TestWithoutNode: the sample says what it needs, and the rest runs.
func TestWithoutNode(t *testing.T) {
	t.Setenv("PATH", "")
	o := newOfficeWith(t, options{data: t.TempDir(), speed: 1, only: []string{"campus", "exports"}})
	var view struct{ Need string }
	r, err := http.Get(o.s.url + "/dashboard/exports")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if err := json.NewDecoder(r.Body).Decode(&view); err != nil || !strings.Contains(view.Need, "Node.js") {
		t.Errorf("%+v, %v", view, err)
	}
}

func TestImportExports(t *testing.T) {
	t.Parallel()
	old := "# -*- coding: utf-8 -*-\n\"\"\"Configuration\"\"\"\nmode = \"api\"  # \"api\" ou \"sas_url\"\nsas_url = ''\ncegid_tenant_id = '98537347'\ncegid_api_key_id = \"id\"\n" +
		"cegid_api_key_secret = \"hunter2 \\\"#x\"  # secret\ncegid_subscription_key = r'sub\\key'\ncegid_provider_id = None\ncegid_force_time = \"06:00\"\ndossier_de_destintion = \"/srv/odoo/import\"\nother = [1, 2]\n"
	for name, text := range map[string]string{"as_it_is": old, "windows": "\xef\xbb\xbf" + strings.ReplaceAll(old, "\n", "\r\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "config.py")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "exports", "import-config", file, "--config", dir, "--name", "paie")
			if err != nil || strings.Contains(out, "hunter2") {
				t.Fatalf("%v\n%s", err, out)
			}
			var got struct{ Sources []exports.Source }
			data, err := os.ReadFile(filepath.Join(dir, exports.SettingsFile))
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &got); err != nil {
				t.Fatal(err)
			}
			want := exports.Source{
				Name: "paie", Mode: "api", TenantID: "98537347", KeyID: "id", KeySecret: `hunter2 "#x`, SubscriptionKey: `sub\key`, ForceTime: "06:00", OldDestination: "/srv/odoo/import", Flatten: true,
			}
			if len(got.Sources) != 1 || fmt.Sprint(got.Sources[0]) != fmt.Sprint(want) {
				t.Errorf("got %+v, want %+v", got.Sources, want)
			}
			if _, err := run(t, "exports", "import-config", file, "--config", dir, "--name", "paie"); err == nil || !strings.Contains(err.Error(), "--name") {
				t.Errorf("a second time: %v", err)
			}
		})
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"expression": "cegid_api_key_secret = 'hunter2' + x\n", "call": "sas_url = secret('hunter2')\n", "not_closed": "sas_url = 'hunter2\n", "empty": "print('hunter2')\n",
		"incomplete": "mode = 'api'\ncegid_api_key_secret = 'hunter2'\n",
	} {
		file := filepath.Join(dir, "config.py")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := run(t, "exports", "import-config", file, "--config", dir)
		if _, made := os.Stat(filepath.Join(dir, exports.SettingsFile)); err == nil || strings.Contains(err.Error(), "hunter2") || made == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTheSampleWithoutItsBlobStore says so: nothing is wrong with Cegid or an address.
//
//nolint:paralleltest // it sets the environment
func TestTheSampleWithoutItsBlobStore(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	dir := t.TempDir()
	newOfficeWith(t, options{data: dir, speed: 1, only: []string{"exports"}})
	_, err := run(t, "exports", "transfer", "--data", dir)
	if err == nil || !strings.Contains(err.Error(), "The sample's blob store does not run: Azurite needs Node.js 20 or newer") {
		t.Errorf("transfer: %v", err)
	}
	out, err := run(t, "doctor", "--data", dir)
	if err != nil || !strings.Contains(out, "Azurite needs Node.js 20") || strings.Contains(out, "portal") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
}
