package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/school/api"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/school/pronote"
)

// TestADayOfRenewals: a client that asks for a new token every five minutes for a day logs in once.
func TestADayOfRenewals(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	for i := range 24 * 12 {
		token := f.login("eleve", "eleve.html")
		if i%3 == 0 {
			f.list(token, "/timetable", "dateString", today)
		}
		if i == 100 {
			f.restart()
		}
		f.pass(5 * time.Minute)
	}
	if n := f.logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestAnotherPassword is not let into the living session, and does not end it.
func TestAnotherPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	wrong := f.credentials("eleve", "eleve.html")
	wrong["password"] = "faux"
	code, v := f.post("/generatetoken", wrong)
	f.want("a wrong password", api.StatusToken, map[string]any{
		"token": false, "error": "the username or the password is wrong",
	}, code, v)
	f.list(token, "/timetable", "dateString", today)
}

// TestExpiry: a session that nobody used for too long is answered "expired" once, and then is not known.
func TestExpiry(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(f *fixture){
		"idle":                 func(f *fixture) { f.pass(26 * time.Minute) },
		"idle, and a restart":  func(f *fixture) { f.pass(26 * time.Minute); f.restart() },
		"the school restarted": func(f *fixture) { f.school.Restart() },
		"replaced by another login": func(f *fixture) {
			_, err := (&pronote.Client{Hosts: pronote.Hosts{f.server.URL}}).Login(f.Context(), pronote.Credentials{
				URL: f.server.URL + "/eleve.html", Username: "eleve", Password: "eleve",
			}, nil)
			f.must(err)
		},
	} {
		f := newFixture(t, `{}`)
		token := f.login("eleve", "eleve.html")
		f.list(token, "/homework", span(0, 7)...)
		end(f)
		code, v := f.get(token, "/timetable", "dateString", today)
		f.want(name, api.StatusToken, "expired", code, v)
		code, v = f.get(token, "/timetable", "dateString", today)
		f.want(name+", again", api.StatusToken, "notfound", code, v)
		f.list(f.login("eleve", "eleve.html"), "/timetable", "dateString", today)
		if left := f.names("orders/"); len(left) > 2 {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

// names are those of documents in the store.
func (f *fixture) names(prefix string) (found []string) {
	f.Helper()
	for info, err := range f.state.List(f.Context(), prefix) {
		f.must(err)
		found = append(found, info.Name)
	}
	return found
}

// TestRestart: a session goes on in the next process, with the next number.
func TestRestart(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	for range 4 {
		f.list(token, "/timetable", "dateString", today)
		f.restart()
		f.list(token, "/homework", span(0, 7)...)
	}
	if n := f.logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestParallelReads of one session are made one after the other, each once.
func TestParallelReads(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":100}}`)
	token := f.login("eleve", "eleve.html")
	before := f.school.Counts()
	var wg sync.WaitGroup
	for range 5 {
		for _, path := range []string{"/grades", "/news", "/user", "/evaluations"} {
			wg.Go(func() {
				if code, v := f.get(token, path); code != http.StatusOK {
					t.Errorf("%s: %d %v", path, code, v)
				}
			})
		}
	}
	wg.Wait()
	for name, n := range f.calls(before) {
		if n > 1 && name != "PageActualites" { // a call for each news
			t.Errorf("%s was called %d times", name, n)
		}
	}
}

// slow is a store like a distant one: each operation takes its time, and a name takes one write a second.
type slow struct {
	documents.Bucket

	took time.Duration
	mu   sync.Mutex
	last map[string]time.Time
}

func (s *slow) Get(ctx context.Context, name string) (documents.Document, error) {
	time.Sleep(s.took)
	return s.Bucket.Get(ctx, name)
}

func (s *slow) Put(ctx context.Context, name string, gen int64, data []byte, meta map[string]string) (int64, error) {
	time.Sleep(s.took)
	s.mu.Lock()
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	if at, written := s.last[name]; written && gen > 0 && time.Since(at) < time.Second {
		s.mu.Unlock()
		return 0, errors.New("rate limit of a name exceeded")
	}
	s.last[name] = time.Now()
	s.mu.Unlock()
	return s.Bucket.Put(ctx, name, gen, data, meta)
}

// TestTwoProcesses over one slow store: no number is used twice, no answer is wrong, and at most one is 498.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	f.config.State = &slow{Bucket: f.state, took: 40 * time.Millisecond}
	first, second := api.New(f.config), api.New(f.config)
	f.h = first
	token := f.login("eleve", "eleve.html")
	refused := 0
	for i := range 10 {
		f.h = first
		if i%2 == 1 {
			f.h = second
		}
		f.pass(6 * time.Minute) // past the caches
		code, v := f.get(token, "/timetable", "dateString", today)
		switch {
		case code == api.StatusToken:
			refused++
			token = f.login("eleve", "eleve.html")
		case code != http.StatusOK || len(v.([]any)) == 0:
			t.Errorf("%d: %d %v", i, code, v)
		}
	}
	if refused > 1 {
		t.Errorf("%d were refused", refused)
	}
}

// TestSuspended: where PRONOTE has suspended the network address, nothing is asked of that school for hours, by
// whatever account, and after a restart neither.
func TestSuspended(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"suspended_hours":6}}`)
	token := f.login("eleve", "eleve.html")
	f.must(f.school.Break("5", 1))
	refusedFor := func(name string, hours time.Duration) {
		f.Helper()
		before := f.school.Counts()
		w := f.send(http.MethodGet, "/grades?token="+token, "")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != fmt.Sprint(hours.Seconds()) {
			t.Errorf("%s: %d, Retry-After %q", name, w.Code, w.Header().Get("Retry-After"))
		}
		if made := f.calls(before); name != "first" && len(made) > 0 {
			t.Errorf("%s: %v were called", name, made)
		}
	}
	refusedFor("first", 6*time.Hour)
	f.pass(10 * time.Minute)
	refusedFor("later", 6*time.Hour-10*time.Minute)
	f.restart()
	before := f.school.Counts()
	data, _ := json.Marshal(f.credentials("parent", "parent.html"))
	w := f.send(http.MethodPost, "/generatetoken", string(data))
	if w.Code != http.StatusServiceUnavailable || len(f.calls(before)) > 0 {
		t.Errorf("another account: %d %s", w.Code, w.Body)
	}
	f.pass(6 * time.Hour)
	f.login("parent", "parent.html")
}

// TestManyWrongLogins: after three wrong passwords in an hour, or PRONOTE's own error 25, an account is left in peace.
func TestManyWrongLogins(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	wrong := f.credentials("eleve", "eleve.html")
	wrong["password"] = "faux"
	for range 3 {
		if code, v := f.post("/generatetoken", wrong); code != api.StatusToken {
			t.Errorf("%d %v", code, v)
		}
	}
	before := f.school.Counts()
	for range 5 {
		if code, v := f.post("/generatetoken", wrong); code != http.StatusTooManyRequests {
			t.Errorf("the fourth: %d %v", code, v)
		}
	}
	if made := f.calls(before); len(made) > 0 {
		t.Errorf("%v were called", made)
	}
	f.pass(61 * time.Minute)
	f.login("eleve", "eleve.html")
	f.must(f.school.Break("25", 1))
	w, _ := json.Marshal(f.credentials("parent", "parent.html"))
	if r := f.send(http.MethodPost, "/generatetoken", string(w)); r.Code != http.StatusTooManyRequests ||
		r.Header().Get("Retry-After") != "7200" {
		t.Errorf("error 25: %d %v", r.Code, r.Header())
	}
	before = f.school.Counts()
	if r := f.send(http.MethodPost, "/generatetoken", string(w)); r.Code != http.StatusTooManyRequests ||
		len(f.calls(before)) > 0 {
		t.Errorf("after error 25: %d", r.Code)
	}
}

// TestLoginsADay are bounded for an account.
func TestLoginsADay(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"logins_per_day":3,"burst":100}}`)
	for range 3 {
		f.login("eleve", "eleve.html")
		f.pass(30 * time.Minute)
	}
	data, _ := json.Marshal(f.credentials("eleve", "eleve.html"))
	w := f.send(http.MethodPost, "/generatetoken", string(data))
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") == "" {
		t.Errorf("the fourth: %d %s", w.Code, w.Body)
	}
	f.login("parent", "parent.html")
	f.pass(24 * time.Hour)
	f.login("eleve", "eleve.html")
}

// TestFaults that PRONOTE answers are told as what they are.
func TestFaults(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string]int{
		"21": http.StatusBadGateway, "22": http.StatusConflict, "8": api.StatusToken, "10": api.StatusToken,
		"wrongkey": api.StatusToken, "attente": http.StatusOK,
	} {
		f := newFixture(t, `{}`)
		token := f.login("eleve", "eleve.html")
		f.must(f.school.Break(kind, 1))
		if code, v := f.get(token, "/timetable", "dateString", today); code != want {
			t.Errorf("%s: %d %v, want %d", kind, code, v, want)
		}
	}
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	f.must(f.school.Break("cut", 1))
	f.list(token, "/timetable", "dateString", today)
	f.server.Close()
	if code, v := f.get(token, "/news"); code != http.StatusServiceUnavailable {
		t.Errorf("no server: %d %v", code, v)
	}
}

// TestLogout ends the session in PRONOTE too.
func TestLogout(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	code, v := f.post("/logout", map[string]any{"token": token})
	f.want("logout", 200, "ok", code, v)
	code, v = f.get(token, "/grades")
	f.want("after it", api.StatusToken, "notfound", code, v)
	if f.school.Counts()["SaisieDeconnexion"] != 1 {
		t.Error("PRONOTE does not know of it")
	}
	for _, prefix := range []string{"sessions/", "orders/", "tokens/", "choices/", "chains/"} {
		if left := f.names(prefix); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// qr asks for a token by a QR code.
func (f *fixture) qr(account string) string {
	f.Helper()
	var q struct{ URL, Login, Jeton string }
	f.must(json.Unmarshal(f.school.QR(account, "4321"), &q))
	code, v := f.post("/generatetoken?method=qrcode", map[string]any{
		"url": f.server.URL + "/mobile.eleve.html", "qrToken": q.Jeton, "login": q.Login, "checkCode": "4321",
	})
	token, _ := v.(map[string]any)["token"].(string)
	if code != http.StatusOK || token == "" {
		f.Fatalf("QR code: %d %v", code, v)
	}
	return token
}

// TestChain: a token that a QR code gave goes on for weeks, over restarts of both sides, with one login each time.
func TestChain(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.qr("eleve")
	code, v := f.post("/changePeriod", map[string]any{"token": token, "periodName": "Trimestre 2"})
	f.want("a choice", 200, map[string]any{"status": "ok", "period": "Trimestre 2"}, code, v)
	for day := range 20 {
		logins := f.logins()
		f.list(token, "/timetable", "dateString", today)
		f.list(token, "/homework", span(0, 7)...)
		if n := f.logins() - logins; n > 1 {
			t.Errorf("day %d: %d logins", day, n)
		}
		if day%3 == 0 {
			f.restart()
		}
		if day%5 == 0 {
			f.pass(3 * time.Minute)
			f.school.Restart()
			f.list(token, "/news")
		}
		f.pass(24 * time.Hour)
	}
	_, v = f.get(token, "/user")
	for _, p := range v.(map[string]any)["periods"].([]any) {
		if period := p.(map[string]any); (period["name"] == "Trimestre 2") != (period["actual"] == true) {
			t.Errorf("the choice was forgotten: %v", period)
		}
	}
	f.pass(61 * 24 * time.Hour)
	f.login("parent", "parent.html") // sweeps
	code, v = f.get(token, "/news")
	if code != api.StatusToken {
		t.Errorf("after two months: %d %v", code, v)
	}
}

// TestChainByPassword: a password with a device's name begins a chain too, and two-factor security asks once.
func TestChainByPassword(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	code, v := f.post("/generatetoken", f.credentials("double", "eleve.html"))
	f.want("no PIN", api.StatusToken, map[string]any{
		"token": false, "error": "a PIN is required for this account: send it as pin",
	}, code, v)
	token := f.login("double", "eleve.html", "pin", "1234", "deviceName", "Papillon")
	f.list(token, "/timetable", "dateString", today)
	f.pass(3 * time.Hour)
	f.list(token, "/timetable", "dateString", today)
	if n := f.logins(); n != 3 { // the first one was let in, and then asked for the PIN
		t.Errorf("%d logins", n)
	}
}

// dying is a store whose process is killed at one write: that one and all after it are lost.
type dying struct {
	documents.Bucket

	mu   sync.Mutex
	left int // writes before it
	on   func(name string)
}

var errKilled = errors.New("killed")

func (d *dying) take(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left--; d.left < 0 {
		if d.left == -1 && d.on != nil {
			d.on(name)
		}
		return errKilled
	}
	return nil
}

func (d *dying) Put(ctx context.Context, name string, gen int64, data []byte, meta map[string]string) (int64, error) {
	if err := d.take(name); err != nil {
		return 0, err
	}
	return d.Bucket.Put(ctx, name, gen, data, meta)
}

func (d *dying) Delete(ctx context.Context, name string, gen int64) error {
	if err := d.take(name); err != nil {
		return err
	}
	return d.Bucket.Delete(ctx, name, gen)
}

// TestKilledInAChain: killed at whatever write of a chain's login, the person goes on in the next process, but where
// PRONOTE's answer with the next token was lost: then the chain is broken, which is said, and a new QR code helps.
func TestKilledInAChain(t *testing.T) {
	t.Parallel()
	broken := 0
	for left := 0; ; left++ {
		f := newFixture(t, `{"limits":{"burst":1000}}`)
		token := f.qr("eleve")
		f.list(token, "/timetable", "dateString", today)
		f.pass(2 * time.Hour)
		at := ""
		store := &dying{Bucket: f.state, left: left, on: func(name string) { at = name }}
		f.config.State = store
		f.restart()
		code, v := f.get(token, "/timetable", "dateString", today)
		if at == "" {
			if code != http.StatusOK || left < 5 {
				t.Fatalf("not killed after %d writes: %d %v", left, code, v)
			}
			break
		}
		if code != http.StatusServiceUnavailable {
			t.Errorf("killed at %s: %d %v", at, code, v)
		}
		f.config.State = f.state
		f.restart()
		f.pass(3 * time.Second)
		code, v = f.get(token, "/timetable", "dateString", today)
		if code == api.StatusToken {
			broken++
			f.want("killed at "+at, api.StatusToken, "expired", code, v)
			if !strings.HasPrefix(at, "chains/") {
				t.Errorf("killed at %s the chain is broken", at)
			}
			token = f.qr("eleve")
			f.list(token, "/timetable", "dateString", today)
		} else if code != http.StatusOK || len(v.([]any)) == 0 {
			t.Errorf("after being killed at %s: %d %v", at, code, v)
		}
	}
	if broken != 1 {
		t.Errorf("the chain was broken by %d writes, not by the one of the next token alone", broken)
	}
}

// TestSweep: what nobody comes back for is removed.
func TestSweep(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	for _, name := range []string{"eleve", "sansphoto", "vide"} {
		f.login(name, "eleve.html")
	}
	f.pass(3 * 24 * time.Hour)
	f.login("parent", "parent.html")
	if left := append(f.names("sessions/"), f.names("tokens/")...); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	left := map[string]bool{}
	for _, name := range f.names("accounts/") {
		left[strings.Split(name, "/")[1]] = true
	}
	if len(left) != 1 {
		t.Errorf("accounts left: %v", left)
	}
}

// TestClockOff: a clock that is ten minutes off, or goes back, ends no session and locks nobody out.
func TestClockOff(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	for _, by := range []time.Duration{10 * time.Minute, -20 * time.Minute, 10 * time.Minute, -48 * time.Hour} {
		f.mu.Lock()
		f.off += by // the school's clock is right
		f.mu.Unlock()
		f.list(token, "/timetable", "dateString", today)
		f.restart()
		f.list(token, "/homework", span(0, 7)...)
	}
	f.login("parent", "parent.html")
}

// TestPasswordChanged: the living session goes on; the old password lets nobody in once it has ended.
func TestPasswordChanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("eleve", "eleve.html")
	f.must(f.school.SetPassword("eleve", "nouveau"))
	f.list(token, "/timetable", "dateString", today)
	f.pass(30 * time.Minute)
	code, v := f.post("/generatetoken", f.credentials("eleve", "eleve.html"))
	f.want("the old password", api.StatusToken, map[string]any{
		"token": false, "error": "the username or the password is wrong",
	}, code, v)
	renewed := f.credentials("eleve", "eleve.html")
	renewed["password"] = "nouveau"
	if code, v := f.post("/generatetoken", renewed); code != http.StatusOK {
		t.Errorf("the new password: %d %v", code, v)
	}
}

// TestHolidays: on a day of no period the nearest one before it is shown.
func TestHolidays(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":100}}`)
	f.pass(time.Date(2027, time.August, 10, 10, 0, 0, 0, time.UTC).Sub(monday))
	token := f.login("eleve", "eleve.html")
	for _, path := range []string{"/grades", "/evaluations", "/absences", "/user"} {
		if code, v := f.get(token, path); code != http.StatusOK {
			t.Errorf("%s: %d %v", path, code, v)
		}
	}
	code, v := f.post("/changePeriod", map[string]any{"token": token, "periodName": ""})
	if code != http.StatusBadRequest {
		t.Errorf("no name: %d %v", code, v)
	}
}

// TestNothingInTheLog: neither secrets nor pupils' data, whatever goes wrong.
func TestNothingInTheLog(t *testing.T) { // not parallel: it has the default logger
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	defer slog.SetDefault(before)
	f := newFixture(t, `{"limits":{"burst":1000,"logins_per_day":100}}`)
	names := make([]string, 0, 30)
	for _, kind := range []string{"8", "10", "21", "22", "cut", "wrongkey", "attente", "slow", "closed"} {
		token := f.login("eleve", "eleve.html")
		_, v := f.get(token, "/user")
		names = append(names, token, fmt.Sprint(v.(map[string]any)["name"]))
		f.must(f.school.Break(kind, 2))
		for path, values := range reads {
			f.get(token, path, values...)
		}
		f.pass(10 * time.Minute)
		resp, err := http.Post(f.server.URL+"/_break", "application/json", strings.NewReader(`{"times":0}`))
		f.must(err)
		_ = resp.Body.Close()
	}
	wrong := f.credentials("eleve", "eleve.html")
	wrong["password"] = "un secret à taire"
	f.post("/generatetoken", wrong)
	f.post("/generatetoken", map[string]any{
		"url": "https://user:pw@127.0.0.1:1/x?secret=1", "username": "u",
		"password": "p",
	})
	for _, secret := range append(names, "un secret à taire", "user:pw", "secret=1", "PROF", "Mme", sealingKey) {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	if log.Len() == 0 {
		t.Error("nothing was logged")
	}
}

// TestSealed: what is kept can be read with the key alone, and no document stands in for another.
func TestSealed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	mine, other := f.login("eleve", "eleve.html"), f.login("parent", "parent.html")
	var tokens []documents.Document
	for _, prefix := range []string{"tokens/", "sessions/", "accounts/", "orders/", "chains/", "choices/"} {
		for _, name := range f.names(prefix) {
			doc, err := f.state.Get(t.Context(), name)
			f.must(err)
			for _, secret := range []string{"eleve", "parent", "ÉLÈVE", "PROF", "pupils", mine, other} {
				if bytes.Contains(doc.Data, []byte(secret)) || strings.Contains(name, secret) {
					t.Errorf("%s has %q", name, secret)
				}
			}
			if prefix == "tokens/" {
				tokens = append(tokens, doc)
			}
		}
	}
	if len(tokens) != 2 {
		t.Fatalf("%d tokens", len(tokens))
	}
	for i, doc := range tokens { // each with the contents of the other
		_, err := f.state.Put(t.Context(), doc.Name, doc.Generation, tokens[1-i].Data, nil)
		f.must(err)
	}
	f.restart()
	for _, token := range []string{mine, other} {
		code, v := f.get(token, "/user")
		f.want("swapped", api.StatusToken, "notfound", code, v)
	}
	f.config.Key = strings.Repeat("z", 32)
	f.restart()
	again := f.login("sansphoto", "eleve.html")
	f.config.Key = sealingKey
	f.restart()
	code, v := f.get(again, "/user")
	f.want("another key", api.StatusToken, "notfound", code, v)
}

// TestFiles: images are shown, all else is a download; pages and drawings are never opened as this API's.
func TestFiles(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	token := f.login("eleve", "eleve.html")
	_, v := f.get(token, "/user")
	photo, _ := v.(map[string]any)["profile_picture"].(string)
	kinds := map[string]bool{}
	open := func(address string) {
		f.Helper()
		at := strings.Index(address, "/file?")
		if at < 0 {
			t.Fatalf("an address that is not ours: %s", address)
		}
		w := f.send(http.MethodGet, address[at:], "")
		kind, disposition := w.Header().Get("Content-Type"), w.Header().Get("Content-Disposition")
		if kinds[kind] = true; w.Code != http.StatusOK || w.Body.Len() == 0 ||
			w.Header().Get("Cache-Control") != "no-store" ||
			w.Header().Get("X-Content-Type-Options") != "nosniff" ||
			!strings.HasPrefix(w.Header().Get("Content-Security-Policy"), "sandbox") ||
			strings.HasPrefix(disposition, "inline") != (strings.HasPrefix(kind, "image/") && !strings.Contains(kind,
				"svg")) ||
			strings.Contains(kind, "html") || strings.Contains(kind, "svg") {
			t.Errorf("%s: %d %v", address, w.Code, w.Header())
		}
	}
	open(photo)
	names := ""
	for _, path := range []string{"/homework", "/news", "/grades"} {
		_, v := f.get(token, path, reads[path]...)
		walk(v, func(file map[string]any) {
			names += fmt.Sprint(file["name"], " ")
			if file["type"] == 1.0 {
				open(fmt.Sprint(file["url"]))
			}
		})
	}
	for _, end := range []string{".html", ".svg", ".pdf"} {
		if !strings.Contains(strings.ToLower(names), end) {
			t.Errorf("the school has no file %s: %s", end, names)
		}
	}
	if !kinds["application/octet-stream"] || !kinds["application/pdf"] {
		t.Errorf("types %v", kinds)
	}
	w := f.send(http.MethodGet, "/file?id=nothing&name=x.pdf&token="+token, "")
	if w.Code != http.StatusNotFound {
		t.Errorf("an unknown file: %d", w.Code)
	}
}

// walk visits all files in an answer.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			walk(item, visit)
		}
	case map[string]any:
		if _, isFile := v["url"]; isFile && v["type"] != nil {
			visit(v)
		}
		for _, item := range v {
			walk(item, visit)
		}
	}
}
