package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/school"
)

// settings puts other settings in the place of the function's.
func (f *fixture) settings(text string) *config.Settings[school.Settings] {
	f.Helper()
	bucket := f.db.Bucket("other-" + text[:min(len(text), 20)])
	_, err := bucket.Put(f.Context(), school.SettingsFile, 0, []byte(text), nil)
	f.must(err)
	load, err := school.LoadSettings(bucket)
	f.must(err)
	return load
}

// TestKnownAnswers: who has an answer gets 304 until a fact in it changes.
func TestKnownAnswers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":100}}`)
	token := f.login("eleve", "eleve.html")
	path := "/homework?" + span(0, 14)[0] + "=" + span(0, 14)[1] + "&" + span(0, 14)[2] + "=" + span(0, 14)[3] +
		"&token=" + token
	etag := f.send(http.MethodGet, path, "").Header().Get("ETag")
	if w := f.send(http.MethodGet, path, "", "If-None-Match", etag); w.Code != http.StatusNotModified || w.Body.Len() > 0 {
		t.Errorf("%d with the ETag %q", w.Code, etag)
	}
	first := f.list(token, "/homework", span(0, 14)...)[0]
	f.post("/homework/changeState", map[string]any{
		"token": token, "homeworkId": first["id"], "dateFrom": span(0, 14)[1], "dateTo": span(0, 14)[3],
	})
	if w := f.send(http.MethodGet, path, "", "If-None-Match", etag); w.Code != http.StatusOK {
		t.Errorf("after a change: %d", w.Code)
	}
}

// TestPace: an account that calls too often is asked to wait; another is served.
func TestPace(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":8,"calls_per_minute":1}}`)
	token := f.login("eleve", "eleve.html")
	last := 0
	for _, path := range []string{"/grades", "/evaluations", "/recipients", "/export/ical", "/absences"} {
		w := f.send(http.MethodGet, path+"?token="+token, "")
		if last = w.Code; last != http.StatusOK && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d without Retry-After", path, w.Code)
		}
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("the last one: %d", last)
	}
	f.login("parent", "parent.html")
}

// TestPreviousKey: what the key before has sealed is read while it stands in the settings.
func TestPreviousKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	old, fresh := strings.Repeat("o", 32), strings.Repeat("n", 32)
	f.config.Key = ""
	f.config.Settings = f.settings(`{"key":"` + old + `"}`)
	f.restart()
	token := f.login("eleve", "eleve.html")
	f.config.Settings = f.settings(`{"previous_key":"` + old + `","key":"` + fresh + `"}`)
	f.restart()
	f.list(token, "/timetable", "dateString", today)
	f.config.Settings = f.settings(`{"time_zone":"Europe/Paris","key":"` + fresh + `"}`)
	f.restart()
	code, v := f.get(token, "/grades")
	f.want("without it", api.StatusToken, "notfound", code, v)
	f.config.Settings = f.settings(`{"address":"https://ecole.example.org"}`)
	f.restart()
	if code, _ := f.get(token, "/grades"); code != http.StatusServiceUnavailable {
		t.Errorf("without any key: %d", code)
	}
}

// TestRedirects are followed to allowed servers alone, and cookies stay with their server.
func TestRedirects(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	t.Cleanup(other.Close)
	hops := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		to := map[string]string{
			"/a/eleve.html": other.URL + "/eleve.html", "/b/eleve.html": "http://169.254.169.254/eleve.html",
			"/c/eleve.html": "/c/eleve.html", "/d/eleve.html": f.server.URL + "/eleve.html",
		}[r.URL.Path]
		http.Redirect(w, r, to, http.StatusFound)
	}))
	t.Cleanup(hops.Close)
	f.config.Hosts = append(f.config.Hosts, hops.URL)
	f.restart()
	for _, path := range []string{"/a/", "/b/", "/c/"} {
		code, v := f.post("/generatetoken", map[string]any{
			"url": hops.URL + path + "eleve.html", "username": "eleve", "password": "eleve",
		})
		if code != api.StatusToken || reached {
			t.Errorf("%s: %d %v, reached %v", path, code, v, reached)
		}
	}
	code, v := f.post("/generatetoken", map[string]any{
		"url": hops.URL + "/d/eleve.html", "username": "eleve", "password": "eleve",
	})
	if code != http.StatusOK {
		t.Errorf("to an allowed server: %d %v", code, v)
	}
}

// TestLargeFiles: a file that is too large is refused, and one that does not say so is broken off.
func TestLargeFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	var length string
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/FichiersExternes/") {
			f.school.ServeHTTP(w, r)
			return
		}
		if length != "" {
			w.Header().Set("Content-Length", length)
		}
		block := make([]byte, 1<<20)
		for range 52 {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	t.Cleanup(files.Close)
	f.config.Hosts = append(f.config.Hosts, files.URL)
	f.server.URL = files.URL
	f.restart()
	token := f.login("eleve", "eleve.html")
	length = "54525952"
	w := f.send(http.MethodGet, "/file?id=x&name=a..b.pdf&token="+token, "")
	if w.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("a large one: %d", w.Code)
	}
	length = ""
	api := httptest.NewServer(f.h)
	t.Cleanup(api.Close)
	resp, err := http.Get(api.URL + "/file?id=x&name=x.pdf&token=" + token)
	f.must(err)
	defer resp.Body.Close()
	total, err := 0, error(nil)
	for buf := make([]byte, 1<<20); err == nil; {
		var n int
		n, err = resp.Body.Read(buf)
		total += n
	}
	if err.Error() == "EOF" || total > 51<<20 {
		t.Errorf("%d bytes, ended by %v", total, err)
	}
}

// TestManyDiscussions: what one answer lacks the next has, and is not kept as if it were all.
func TestManyDiscussions(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000,"calls_per_minute":6000}}`)
	token := f.login("eleve", "eleve.html")
	to := f.list(token, "/recipients")[0]["id"]
	for range 40 {
		f.post("/discussion/create", map[string]any{"token": token, "recipientId": to, "content": "Bonjour"})
	}
	without := func() (n int) {
		for _, d := range f.list(token, "/discussions") {
			if len(d["messages"].([]any)) == 0 {
				n++
			}
		}
		return n
	}
	if first, second := without(), without(); first == 0 || second != 0 {
		t.Errorf("%d without messages, then %d", first, second)
	}
}

// TestAttente: a challenge is answered once, also where PRONOTE says that its answer is not ready.
func TestAttente(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	n := 0
	waiting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			if n++; n == 3 { // after FonctionParametres and Identification
				f.must(f.school.Break("attente", 5))
			}
		}
		f.school.ServeHTTP(w, r)
	}))
	t.Cleanup(waiting.Close)
	f.config.Hosts = append(f.config.Hosts, waiting.URL)
	f.restart()
	code, _ := f.post("/generatetoken", map[string]any{
		"url": waiting.URL + "/eleve.html", "username": "eleve", "password": "eleve",
	})
	if n != 3 || code != http.StatusServiceUnavailable {
		t.Errorf("%d calls, answered %d", n, code)
	}
}

// TestNotForgotten: an account whose session is used every day is not logged in anew after two days.
func TestNotForgotten(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("double", "eleve.html", "pin", "1234", "deviceName", "Papillon")
	for range 9 {
		f.pass(8 * time.Hour)
		f.list(token, "/timetable", "dateString", today)
	}
	f.login("parent", "parent.html") // sweeps
	before := f.logins()
	f.login("double", "eleve.html", "pin", "1234", "deviceName", "Papillon")
	f.login("double", "eleve.html")
	if n := f.logins() - before; n > 0 {
		t.Errorf("%d logins", n)
	}
	f.list(token, "/homework", span(0, 7)...)
}
