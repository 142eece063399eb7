package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	pronotesim "github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school"
)

// monday is a day of lessons in the middle of a school year, at noon in Paris.
var monday = time.Date(2026, time.November, 30, 11, 0, 0, 0, time.UTC)

const sealingKey = "0123456789abcdef0123456789abcdef"

// A fixture is a school, and the function over a database.
type fixture struct {
	*testing.T

	school *pronotesim.Server
	server *httptest.Server
	db     *machine.DB
	state  documents.Bucket
	config api.Config
	h      http.Handler

	mu  sync.Mutex
	now time.Time
	off time.Duration // of the function's clock
}

func newFixture(t *testing.T, settings string, options ...func(*pronotesim.Options)) *fixture {
	t.Helper()
	f := &fixture{T: t, now: monday}
	o := pronotesim.Options{Options: sim.Options{Now: f.Now}}
	for _, set := range options {
		set(&o)
	}
	f.school = pronotesim.New(o)
	f.server = httptest.NewServer(f.school)
	t.Cleanup(f.server.Close)
	var err error
	f.db, err = machine.Open(t.Context(), t.TempDir())
	f.must(err)
	t.Cleanup(func() { _ = f.db.Close() })
	config := f.db.Bucket("config")
	_, err = config.Put(t.Context(), school.SettingsFile, 0, []byte(settings), nil)
	f.must(err)
	f.state = f.db.Bucket("state")
	load, err := school.LoadSettings(config)
	f.must(err)
	f.config = api.Config{
		Settings: load, State: f.state, Now: f.ownClock, Key: sealingKey, Hosts: []string{f.server.URL}, SweepNow: true,
	}
	f.restart()
	return f
}

// restart is another process over the same store.
func (f *fixture) restart() { f.h = api.New(f.config) }

// ownClock is the function's clock.
func (f *fixture) ownClock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now.Add(f.off)
}

// Now is the time in the test.
func (f *fixture) Now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// send makes a request. body is JSON, or a form.
func (f *fixture) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	f.Helper()
	r := httptest.NewRequestWithContext(context.WithoutCancel(f.Context()), method, path, strings.NewReader(body))
	if strings.HasPrefix(body, "{") {
		r.Header.Set("Content-Type", "application/json")
	} else if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	f.h.ServeHTTP(w, r)
	return w
}

// get is the JSON of a GET.
func (f *fixture) get(token, path string, values ...string) (int, any) {
	f.Helper()
	q := url.Values{"token": {token}}
	for i := 0; i+1 < len(values); i += 2 {
		q.Set(values[i], values[i+1])
	}
	return decoded(f.T, f.send(http.MethodGet, path+"?"+q.Encode(), ""))
}

// post is the JSON of a POST of members.
func (f *fixture) post(path string, members map[string]any) (int, any) {
	f.Helper()
	data, err := json.Marshal(members)
	f.must(err)
	return decoded(f.T, f.send(http.MethodPost, path, string(data)))
}

func decoded(t *testing.T, w *httptest.ResponseRecorder) (int, any) {
	t.Helper()
	data, _ := io.ReadAll(w.Body)
	if len(data) == 0 {
		return w.Code, nil
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%d %s: %v", w.Code, data, err)
	}
	return w.Code, v
}

// credentials are an account's, whose password is its name.
func (f *fixture) credentials(name, page string) map[string]any {
	return map[string]any{"url": f.server.URL + "/" + page, "username": name, "password": name}
}

// login is a token.
func (f *fixture) login(name, page string, more ...string) string {
	f.Helper()
	members := f.credentials(name, page)
	for i := 0; i+1 < len(more); i += 2 {
		members[more[i]] = more[i+1]
	}
	code, v := f.post("/generatetoken", members)
	got, _ := v.(map[string]any)
	token, _ := got["token"].(string)
	if code != http.StatusOK || len(token) != 22 || got["error"] != false {
		f.Fatalf("login of %s: %d %v", name, code, v)
	}
	return token
}

// list is a GET that answers a list.
func (f *fixture) list(token, path string, values ...string) []map[string]any {
	f.Helper()
	code, v := f.get(token, path, values...)
	items, ok := v.([]any)
	if code != http.StatusOK || !ok {
		f.Fatalf("%s: %d %v", path, code, v)
	}
	found := make([]map[string]any, len(items))
	for i, item := range items {
		found[i], _ = item.(map[string]any)
	}
	return found
}

// want compares a status and a body.
func (f *fixture) want(name string, code int, body any, gotCode int, got any) {
	f.Helper()
	a, _ := json.Marshal(body)
	b, _ := json.Marshal(got)
	if code != gotCode || string(a) != string(b) {
		f.Errorf("%s: answered %d %s, want %d %s", name, gotCode, b, code, a)
	}
}

// logins is how many logins the school has had.
func (f *fixture) logins() int { return f.school.Counts()["login"] }

// calls are how often the school's functions were called since the last look.
func (f *fixture) calls(before map[string]int) map[string]int {
	since := map[string]int{}
	for name, n := range f.school.Counts() {
		if n > before[name] {
			since[name] = n - before[name]
		}
	}
	return since
}

func span(from, to int) []string {
	return []string{
		"dateFrom", monday.AddDate(0, 0, from).Format(time.DateOnly),
		"dateTo", monday.AddDate(0, 0, to).Format(time.DateOnly),
	}
}

var today = monday.Format(time.DateOnly)

// reads are all routes that read, with what they need.
var reads = map[string][]string{
	"/user": nil, "/timetable": {"dateString", today}, "/homework": span(0, 14), "/grades": nil, "/evaluations": nil,
	"/absences": nil, "/delays": nil, "/punishments": nil, "/news": nil, "/discussions": nil, "/recipients": nil,
	"/menu": span(0, 10), "/export/ical": nil,
}
