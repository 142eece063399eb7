package school

import (
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/infra/console/textstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim"
	simpronote "github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
	"github.com/carillon-calendar/carillon/shared/school"
)

func TestMain(m *testing.M) { machinetest.Main(m) }

func start(t *testing.T, o machine.Options) *machinetest.Running {
	t.Helper()
	o.Bridges = []machine.Bridge{New()}
	return machinetest.Start(t, o)
}

func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return machinetest.Run(t, []machine.Bridge{New()}, args...)
}

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

// TestFindingsAreSaid in every language.
func TestFindingsAreSaid(t *testing.T) {
	t.Parallel()
	if n := machinetest.Findings(t, doctor); n < 6 {
		t.Errorf("%d findings were found in the source", n)
	}
}

// TestPageShowsTheCatalogue, and no text of its own.
func TestPageShowsTheCatalogue(t *testing.T) {
	t.Parallel()
	textstest.PageTexts(t, texts, "page", assets, "web/school.js")
}

// TestSample: the simulated school is served, and asked, through the API at the root and below /school/.
func TestSample(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	login := map[string]any{"url": r.URL + "/sim/pronote/eleve.html", "username": "eleve", "password": "eleve"}
	for _, at := range []string{"", "/school"} {
		code, got := r.Call(http.MethodPost, at+"/generatetoken", "", login)
		token, _ := got["token"].(string)
		if code != http.StatusOK || token == "" {
			t.Fatalf("%s: %d %v", at, code, got)
		}
		code, user := r.Call(http.MethodGet, at+"/user?token="+token, "", nil)
		picture, _ := user["profile_picture"].(string)
		if code != http.StatusOK || !strings.HasPrefix(picture, r.URL+"/file?") {
			t.Errorf("%s: %d %v", at, code, user)
		}
		code, _ = r.Call(http.MethodGet, strings.TrimPrefix(picture, r.URL), "", nil)
		if code != http.StatusOK {
			t.Errorf("the picture: %d", code)
		}
	}
	other := map[string]any{
		"url": "https://demo.index-education.net/pronote/eleve.html", "username": "x",
		"password": "x",
	}
	if code, got := r.Call(http.MethodPost, "/generatetoken", "", other); code != api.StatusToken {
		t.Errorf("a real school is asked by the sample: %d %v", code, got)
	}
}

// TestContract: every route answers as docs/openapi.yaml says, which each call is checked against; also what is wrong.
func TestContract(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	day := r.Clock.Now().Format("2006-01-02")
	later := r.Clock.Now().AddDate(0, 0, 7).Format("2006-01-02")
	for _, name := range []string{"eleve", "parent", "sansphoto"} {
		page := map[string]string{"parent": "parent.html"}[name]
		_, got := r.Call(http.MethodPost, "/generatetoken", "", map[string]any{
			"url": r.URL + "/sim/pronote/" + cmp.Or(page, "eleve.html"), "username": name, "password": name,
		})
		token, _ := got["token"].(string)
		q := "?token=" + token
		for _, path := range []string{
			"/infos", "/info", "/user" + q, "/timetable" + q + "&dateString=" + day,
			"/homework" + q + "&dateFrom=" + day + "&dateTo=" + later, "/grades" + q, "/evaluations" + q, "/absences" + q,
			"/delays" + q, "/punishments" + q + "&allPeriods=false", "/news" + q, "/discussions" + q, "/recipients" + q,
			"/menu" + q + "&dateFrom=" + day + "&dateTo=" + later, "/export/ical" + q,
		} {
			if code, got := r.Call(http.MethodGet, path, "", nil); code != http.StatusOK {
				t.Errorf("%s %s: %d %v", name, strings.ReplaceAll(path, token, "…"), code, got)
			}
		}
		for path, body := range map[string]map[string]any{
			"/changePeriod":         {"token": token, "periodName": "Trimestre 1"},
			"/homework/changeState": {"token": token, "homeworkId": "x", "dateFrom": day, "dateTo": later},
			"/discussion/delete":    {"token": token, "discussionId": "x"},
			"/discussion/readState": {"token": token, "discussionId": "x"},
			"/discussion/reply":     {"token": token, "discussionId": "x", "content": "x"},
			"/discussion/create":    {"token": token, "content": "x", "recipients": []string{"x"}},
			"/generatetoken":        {"url": "x"},
		} {
			r.Call(http.MethodPost, path, "", body)
		}
		r.Call(http.MethodGet, "/grades?token=unknown", "", nil)
		r.Call(http.MethodGet, "/timetable"+q, "", nil)
		r.Call(http.MethodPost, "/logout", "", map[string]any{"token": token})
	}
}

// TestPage: a person signs in, sees the week, marks homework as done, and signs out.
func TestPage(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	p := machinetest.Open(t, r)
	p.Do("opening", chromedp.Navigate(r.URL+"/school.html"))
	p.Becomes("the form is filled in", `document.querySelector(".login .username").value === "eleve"`)
	p.Press("signing in", ".login form button")
	p.Shows(".login .answer", "Signed in as ")
	p.Becomes("a week of lessons", `document.querySelectorAll(".days li").length > 5`)
	p.Becomes("homework", `document.querySelectorAll(".homework input").length > 0`)
	p.Becomes("grades", `document.querySelectorAll(".grades tbody tr").length > 0`)
	p.Shows(".calls ol", "PageEmploiDuTemps")
	p.JS(`(document.querySelector(".homework input").click(), "clicked")`)
	p.Shows(".homework .answer", "Noted in PRONOTE.")
	p.Shows(".calls ol", "SaisieTAFFaitEleve")
	before := p.Text(".weeks .shown")
	p.Press("the next week", ".weeks .after")
	p.Becomes("another week", `document.querySelector(".weeks .shown").textContent !== "`+before+`"`)
	p.Press("signing out", ".out")
	p.Shows(".login .answer", "Signed out.")
	p.JS(`(document.querySelector(".login .password").value = "faux", "typed")`)
	p.Press("a wrong password", ".login form button")
	p.Shows(".login .answer.error", "the username or the password is wrong")
}

// TestServedAlone over a folder without settings: at the root, as the old server was; a test server is allowed by name.
func TestServedAlone(t *testing.T) {
	t.Parallel()
	pronote := httptest.NewServer(simpronote.New(simpronote.Options{Options: sim.Options{}}))
	t.Cleanup(pronote.Close)
	b := New()
	bridge := []machine.Bridge{b}
	flags := machinetest.Flags(b)
	if err := flags.Parse([]string{"--school-allow", pronote.URL}); err != nil {
		t.Fatal(err)
	}
	r := machinetest.Start(t, machine.Options{
		Bridges: bridge, Only: []string{"school"}, Folder: t.TempDir(), Data: t.TempDir(),
	})
	code, got := r.Call(http.MethodPost, "/generatetoken", "", map[string]any{
		"url": pronote.URL + "/eleve.html", "username": "eleve", "password": "eleve",
	})
	if token, _ := got["token"].(string); code != http.StatusOK || token == "" {
		t.Errorf("%d %v", code, got)
	}
	resp, err := http.Get(r.URL + "/nowhere")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusNotFound ||
		!strings.Contains(string(text), "documentation") {
		t.Errorf("an unknown path: %d %s, %v", resp.StatusCode, text, err)
	}
	code, got = r.Call(http.MethodPost, "/generatetoken", "", map[string]any{
		"url": "http://127.0.0.1:1/eleve.html", "username": "eleve", "password": "eleve",
	})
	if code != api.StatusToken || !strings.Contains(got["error"].(string), "may not be asked") {
		t.Errorf("another server of this machine: %d %v", code, got)
	}
}

// TestDoctor says what a server is, and what is wrong with settings.
func TestDoctor(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(simpronote.New(simpronote.Options{Options: sim.Options{}}))
	t.Cleanup(server.Close)
	out, err := run(t, "school", "doctor", server.URL+"/eleve.html")
	if err != nil || !strings.Contains(out, "2026.2") || !strings.Contains(out, "mobile.eleve.html") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, address := range []string{"nothing", server.URL + "/x/eleve.html", "http://127.0.0.1:1/eleve.html"} {
		if _, err := run(t, "school", "doctor", address); err == nil {
			t.Errorf("%s is a PRONOTE", address)
		}
	}
	dir := t.TempDir()
	write := func(v any) {
		data, err := json.Marshal(v)
		if err := errors.Join(err, os.WriteFile(filepath.Join(dir, school.SettingsFile), data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write(map[string]any{"allowed_hosts": []string{"*.index-education.net"}})
	if out, err := run(t, "doctor", "--config", dir); err != nil || !strings.Contains(out, "*.index-education.net") {
		t.Errorf("%v\n%s", err, out)
	}
	write(map[string]any{"key": "env:CARILLON_NO_SUCH_KEY"})
	if out, _ := run(t, "doctor", "--config", dir); !strings.Contains(out, "CARILLON_NO_SUCH_KEY") {
		t.Error(out)
	}
	if _, err := run(t, "up", "--school-allow", "x"); err == nil || !strings.Contains(err.Error(), "--school-allow x") {
		t.Errorf("%v", err)
	}
}
