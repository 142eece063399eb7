package wigor_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	simwigor "github.com/carillon-calendar/carillon/infra/sim/wigor"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

var window = calendar.Interval{
	Start: time.Date(2026, 10, 11, 22, 0, 0, 0, time.UTC), End: time.Date(2026, 10, 18, 22, 0, 0, 0, time.UTC),
}

type fixture struct {
	t    *testing.T
	sim  *simwigor.Server
	inst campus.Instance
	now  time.Time
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	f := &fixture{t: t, now: window.Start}
	var err error
	if f.sim, err = simwigor.New(sim.Options{Now: func() time.Time { return f.now }, Prefix: "/sim/wigor"}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/sim/wigor", f.sim))
	t.Cleanup(server.Close)
	f.inst = campus.Instance{
		Host: server.URL + "/sim/wigor", CAS: server.URL + "/sim/wigor/cas/login", Username: "lea", Password: "pass & wörd",
	}
	if err := f.sim.AddStudent("lea", "pass & wörd", "B3 DS"); err != nil {
		t.Fatal(err)
	}
	start := window.Start.Add(58 * time.Hour) // the 14th, 10:00
	if err := f.sim.Put("lea",
		simwigor.Lesson{
			ID: 1, Title: "In", Start: start, End: start.Add(time.Hour), Links: []string{"https://teams.example/?a=1&b=2"},
		},
		simwigor.Lesson{ID: 2, Title: "Last evening", Start: window.End.Add(-2 * time.Hour), End: window.End.Add(-time.Hour)},
		simwigor.Lesson{
			ID: 3, Title: "After", Start: window.End.Add(time.Hour), End: window.End.Add(2 * time.Hour),
		}); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) client() *wigor.Client {
	f.t.Helper()
	c, err := wigor.New(f.inst)
	if err != nil {
		f.t.Fatal(err)
	}
	return c
}

func (f *fixture) fault(fault faults.Fault) {
	f.t.Helper()
	if _, err := f.sim.Faults.Add(fault); err != nil {
		f.t.Fatal(err)
	}
}

// recordAnswer serves the simulator at another address, and keeps what it answers of the timetable.
func (f *fixture) recordAnswer() *bytes.Buffer {
	var answer bytes.Buffer
	server := httptest.NewServer(http.StripPrefix("/sim/wigor", http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			recorder := httptest.NewRecorder()
			f.sim.ServeHTTP(recorder, r)
			if strings.HasSuffix(r.URL.Path, "/Home/Get") && recorder.Code == http.StatusOK {
				answer.Write(recorder.Body.Bytes())
			}
			maps.Copy(w.Header(), recorder.Header())
			w.WriteHeader(recorder.Code)
			_, _ = recorder.Body.WriteTo(w)
		})))
	f.t.Cleanup(server.Close)
	f.inst.Host, f.inst.CAS = server.URL+"/sim/wigor", server.URL+"/sim/wigor/cas/login"
	return &answer
}

func TestLoginAndSession(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	if err := f.client().Reach(t.Context()); err != nil {
		t.Errorf("the login page: %v", err)
	}
	c := f.client()
	check := func(what string, logins int) {
		t.Helper()
		got, err := c.Timetable(t.Context(), window)
		if err != nil || len(got.Classes) != 2 || f.sim.Counts()[simwigor.Logins] != logins {
			t.Fatalf("%s: %d classes, %v, %d logins", what, len(got.Classes), err, f.sim.Counts()[simwigor.Logins])
		}
		if got.Classes[0].Title != "In" ||
			!got.Classes[0].Start.Equal(window.Start.Add(58*time.Hour)) ||
			got.Classes[0].Links[0].URL != "https://teams.example/?a=1&b=2" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	check("first", 1)
	check("in the session", 1)
	f.now = f.now.Add(2 * time.Hour) // the timetable server's session is over; CAS's goes on
	check("with CAS's cookie", 1)
	f.sim.EndSessions()
	check("after a restart at the school", 2)
	f.fault(faults.Fault{Path: "Home/Get", Kind: "login_page", Times: 1}) // an expired session that is answered 200
	check("after a page in place of data", 2)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.inst.Password = "wrong"
	if _, err := f.client().Timetable(t.Context(), window); !errors.Is(err, wigor.ErrRefused) ||
		f.sim.Counts()[simwigor.Refused] != 1 {
		t.Errorf("%v after %d tries", err, f.sim.Counts()[simwigor.Refused])
	}
	// Some builds show the form again with 200.
	twice := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		http.SetCookie(w, &http.Cookie{Name: "JSESSIONID", Value: "1"}) // a cookie is no login
		if r.Method == http.MethodPost {
			twice++
		}
		_, _ = w.Write([]byte(`<form id="fm1"><input type="hidden" name="execution" value="e1s1"></form>`))
	}))
	t.Cleanup(server.Close)
	f.inst.CAS = server.URL + "/cas/login"
	if _, err := f.client().Timetable(t.Context(), window); !errors.Is(err, wigor.ErrRefused) || twice != 1 {
		t.Errorf("a form with 200: %v after %d tries", err, twice)
	}
}

// TestPasswordStaysHome: the password goes to the sign-on page of the settings and nowhere else.
func TestPasswordStaysHome(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	stolen := 0
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.FormValue("password") != "" {
			stolen++
		}
	}))
	t.Cleanup(thief.Close)
	for name, page := range map[string]string{
		"action": `<form id="fm1" action="` + thief.URL +
			`/cas/login"><input type="hidden" name="execution" value="x"></form>`,
		"no_form": `<p>maintenance</p>`,
		"no_flow": `<form id="fm1"></form>`,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(page))
		}))
		f.inst.CAS = server.URL + "/cas/login"
		if _, err := f.client().Timetable(t.Context(), window); !errors.Is(err, wigor.ErrLogin) || stolen > 0 {
			t.Errorf("%s: %v, password sent %d times", name, err, stolen)
		}
		server.Close()
	}
	moved := httptest.NewServer(http.RedirectHandler(thief.URL+"/cas/login", http.StatusFound))
	t.Cleanup(moved.Close)
	f.inst.CAS = moved.URL + "/cas/login"
	if _, err := f.client().Timetable(t.Context(), window); err == nil || stolen > 0 {
		t.Errorf("a redirect: %v, password sent %d times", err, stolen)
	}
}

// TestOtherForms: a form that is sent to its own address with Tomcat's session in it is the sign-on page's; an answer
// without Total is not whole.
func TestOtherForms(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	posted := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			posted = r.URL.Path
			http.Redirect(w, r, "/Home/Get?ticket=ST-1", http.StatusFound)
		case r.URL.Path == "/Home/Get":
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"Data":[]}`))
		default:
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte(`<form id="fm1" action="/cas/login;jsessionid=1"><input type="hidden" name="execution" value="x"></form>`))
		}
	}))
	t.Cleanup(server.Close)
	f.inst.CAS, f.inst.Host = server.URL+"/cas/login", server.URL
	if _, err := f.client().Timetable(t.Context(), window); !errors.Is(err, wigor.ErrIncomplete) ||
		posted != "/cas/login;jsessionid=1" {
		t.Errorf("%v, posted to %q", err, posted)
	}
}

func TestRedirectCircle(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	calls := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(w, r, "/?ticket=ST-1", http.StatusFound)
	}))
	t.Cleanup(server.Close)
	f.inst.CAS = server.URL
	if _, err := f.client().Timetable(t.Context(), window); err == nil || calls > 20 ||
		strings.Contains(err.Error(), "ST-1") {
		t.Errorf("%v after %d calls", err, calls)
	}
}

func TestIncomplete(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]faults.Fault{
		"short": {Kind: "short", Items: 1}, "errors": {Kind: "errors"}, "truncated": {Path: "Home/Get", Truncate: true},
	} {
		f := newFixture(t)
		f.fault(fault)
		if r, err := f.client().Timetable(t.Context(), window); !errors.Is(err, wigor.ErrIncomplete) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	f := newFixture(t)
	f.fault(faults.Fault{Status: 503, Times: 2})
	if r, err := f.client().Timetable(t.Context(), window); err != nil || len(r.Classes) != 2 {
		t.Errorf("after two 503: %+v, %v", r, err)
	}
}

// TestSimulatorsFields: an item has the 31 recorded fields, and no other.
func TestSimulatorsFields(t *testing.T) {
	t.Parallel()
	var file struct{ Fields []struct{ Name string } }
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "wigor"), "home_get_fields.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	want := make([]string, 0, len(file.Fields))
	for _, field := range file.Fields {
		want = append(want, field.Name)
	}
	f := newFixture(t)
	answer := f.recordAnswer()
	if _, err := f.client().Timetable(t.Context(), window); err != nil {
		t.Fatal(err)
	}
	var timetable struct{ Data []map[string]any }
	if err := json.Unmarshal(answer.Bytes(), &timetable); err != nil || len(timetable.Data) == 0 {
		t.Fatalf("%s: %v", answer, err)
	}
	got := slices.Sorted(maps.Keys(timetable.Data[0]))
	slices.Sort(want)
	if len(want) != 31 || !slices.Equal(got, want) {
		t.Errorf("fields %v, want %v", got, want)
	}
}

// TestTicketThatComesBack: some servers redirect to their own address with the ticket still in it. It is good once, so
// the timetable is asked for without it.
func TestTicketThatComesBack(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	asked := []string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/cas/login" {
			http.Redirect(w, r, r.URL.Query().Get("service")+"&ticket=ST-1", http.StatusFound)
			return
		}
		asked = append(asked, r.URL.Query().Get("ticket"))
		_, err := r.Cookie("session")
		switch {
		case r.URL.Query().Has("ticket"):
			http.SetCookie(w, &http.Cookie{Name: "session", Value: "1"})
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		case err != nil || r.URL.Query().Get("dateDebut") != "2026-10-12T00:00:00.000Z":
			w.WriteHeader(http.StatusUnauthorized)
		default:
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"Data":[{"NoCours":1}],"Total":1}`))
		}
	}))
	t.Cleanup(server.Close)
	f.inst.CAS, f.inst.Host = server.URL+"/cas/login", server.URL
	if r, err := f.client().Timetable(t.Context(), window); err != nil || len(r.Unreadable) != 1 {
		t.Errorf("%+v, %v; asked with the tickets %q", r, err, asked)
	}
	if !slices.Equal(asked, []string{"ST-1", ""}) {
		t.Errorf("asked with the tickets %q, want it once", asked)
	}
}
