package api_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/school/api"
)

// sealed is a text of a QR code, as anybody can make it.
func sealed(pin, text string) string {
	key := md5.Sum([]byte(pin))
	block, _ := aes.NewCipher(key[:])
	pad := 16 - len(text)%16
	data := []byte(text + strings.Repeat(string(rune(pad)), pad))
	cipher.NewCBCEncrypter(block, make([]byte, 16)).CryptBlocks(data, data)
	return hex.EncodeToString(data)
}

// answers is how many challenges the school has seen answered.
func (f *fixture) answers() int { return f.school.Counts()["Authentification"] }

// TestMadeUpQRCodes count as wrong passwords of the account that they name.
func TestMadeUpQRCodes(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	for i := range 10 {
		pin := fmt.Sprintf("%04d", i)
		f.post("/generatetoken?method=qrcode", map[string]any{
			"url": f.server.URL + "/mobile.eleve.html", "checkCode": pin, "login": sealed(pin, "eleve"),
			"qrToken": sealed(pin, "made up"),
		})
	}
	if n := f.answers(); n > 3 {
		t.Errorf("%d wrong answers were sent", n)
	}
	f.pass(61 * time.Minute)
	f.login("eleve", "eleve.html")
}

// TestWhatNeverReachesPRONOTE is not counted: neither a wrong address nor a closed school locks an account out.
func TestWhatNeverReachesPRONOTE(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	wrong := f.credentials("eleve", "eleve.html")
	wrong["url"] = strings.Replace(f.server.URL, "http:", "ftp:", 1) + "/eleve.html"
	for range 30 {
		if code, v := f.post("/generatetoken", wrong); code != api.StatusToken {
			t.Fatalf("%d %v", code, v)
		}
	}
	if left := f.names("accounts/"); len(left) > 0 {
		t.Errorf("written: %v", left)
	}
	f.must(f.school.Break("closed", 10))
	for range 40 {
		f.post("/generatetoken", f.credentials("eleve", "eleve.html"))
		f.pass(2 * time.Minute)
	}
	if pages := f.school.Counts()["page"]; pages > 45 {
		t.Errorf("a closed school was asked %d times", pages)
	}
	f.login("eleve", "eleve.html")
}

// TestSpellings of an address are one school's and one account's.
func TestSpellings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	for _, path := range []string{
		"/eleve.html", "//eleve.html", "/./eleve.html", "/eleve.html?x=1", "/eleve.html#x",
		"/mobile.eleve.html",
	} {
		wrong := f.credentials("eleve", "eleve.html")
		wrong["url"], wrong["password"] = f.server.URL+path, "faux"
		f.post("/generatetoken", wrong)
		wrong["username"] = " ELEVE "
		f.post("/generatetoken", wrong)
	}
	if n := f.answers(); n > 3 {
		t.Errorf("%d wrong answers were sent", n)
	}
	f.must(f.school.Break("5", 1))
	f.post("/generatetoken", f.credentials("parent", "parent.html"))
	before := f.school.Counts()
	other := f.credentials("sansphoto", "eleve.html")
	other["url"] = f.server.URL + "//eleve.html"
	if code, _ := f.post("/generatetoken", other); code != http.StatusServiceUnavailable || len(f.calls(before)) > 0 {
		t.Errorf("a school that has suspended this address is asked by another spelling: %d", code)
	}
}

// TestGuessing: many wrong passwords of many accounts do not get this network address suspended.
func TestGuessing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	token := f.login("parent", "parent.html")
	for i := range 100 {
		f.post("/generatetoken", map[string]any{
			"url": f.server.URL + "/eleve.html", "username": fmt.Sprint("guess", i), "password": "faux",
		})
	}
	if n := f.answers(); n > 21 {
		t.Errorf("%d wrong answers were sent", n)
	}
	f.list(token, "/homework", span(0, 7)...)
	f.pass(11 * time.Minute)
	f.login("eleve", "eleve.html")
}

// TestChildOfAToken: what one token's holder looks at is not another's.
func TestChildOfAToken(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	_, v := f.get(f.login("parent", "parent.html"), "/user")
	children := v.(map[string]any)["children"].([]any)
	names := [2]string{}
	tokens := [2]string{}
	for i := range names {
		names[i] = fmt.Sprint(children[i].(map[string]any)["name"])
		tokens[i] = f.login("parent", "parent.html", "child", names[i])
	}
	f.post("/changePeriod", map[string]any{"token": tokens[0], "periodName": "Trimestre 3"})
	for range 3 {
		for i, token := range tokens {
			_, v := f.get(token, "/user")
			user := v.(map[string]any)
			if user["name"] != names[i] {
				t.Errorf("token %d is about %v", i, user["name"])
			}
			for _, p := range user["periods"].([]any) {
				p := p.(map[string]any)
				if p["actual"] == true && (p["name"] == "Trimestre 3") != (i == 0) {
					t.Errorf("token %d looks at %v", i, p["name"])
				}
			}
		}
		f.restart()
		f.pass(6 * time.Minute)
	}
	wrong := f.credentials("parent", "parent.html")
	wrong["child"] = "nobody"
	before := f.logins()
	for range 10 {
		f.post("/generatetoken", wrong)
	}
	if n := f.logins() - before; n > 1 {
		t.Errorf("a child that is not there made %d logins", n)
	}
}

// TestClockFarAhead: a pause that was written by a clock years ahead does not last.
func TestClockFarAhead(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"5", "25"} {
		f := newFixture(t, `{}`)
		f.mu.Lock()
		f.off = 4 * 365 * 24 * time.Hour
		f.mu.Unlock()
		f.must(f.school.Break(kind, 1))
		f.post("/generatetoken", f.credentials("eleve", "eleve.html"))
		f.mu.Lock()
		f.off = 0
		f.mu.Unlock()
		f.restart()
		f.pass(time.Minute)
		f.login("eleve", "eleve.html")
	}
}

// TestTwoPhones of one pupil, each by a QR code of its own, go on side by side.
func TestTwoPhones(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	first, second := f.qr("eleve"), f.qr("eleve")
	for range 5 {
		f.pass(30 * time.Minute)
		f.list(first, "/timetable", "dateString", today)
		f.pass(30 * time.Minute)
		f.list(second, "/timetable", "dateString", today)
	}
}

// TestLeftInTheMiddle: a client that goes away while its chain logs in loses nothing.
func TestLeftInTheMiddle(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(30 * time.Millisecond)
		f.school.ServeHTTP(w, r)
	}))
	t.Cleanup(slow.Close)
	f.config.Hosts = append(f.config.Hosts, slow.URL)
	f.server.URL = slow.URL
	f.restart()
	token := f.qr("eleve")
	for wait := range 12 {
		f.pass(2 * time.Hour)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(wait)*25*time.Millisecond)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/timetable?dateString="+today+"&token="+token, nil)
		f.h.ServeHTTP(httptest.NewRecorder(), r)
		cancel()
		f.pass(3 * time.Minute)
		f.list(token, "/homework", span(0, 7)...)
	}
}

// TestFailedLoginLeavesNothing: neither a session nor a token for a next login.
func TestFailedLoginLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	members := f.credentials("double", "eleve.html")
	members["deviceName"] = "Papillon"
	if code, _ := f.post("/generatetoken", members); code != api.StatusToken {
		t.Errorf("without a PIN: %d", code)
	}
	for _, prefix := range []string{"chains/", "sessions/", "orders/", "tokens/"} {
		if left := f.names(prefix); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
}

// TestOneBadGateway costs an answer and not the session.
func TestOneBadGateway(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{}`)
	var fail atomic.Bool
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if fail.Swap(false) {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		f.school.ServeHTTP(w, r)
	}))
	t.Cleanup(gateway.Close)
	f.config.Hosts = append(f.config.Hosts, gateway.URL)
	f.server.URL = gateway.URL
	f.restart()
	token := f.login("eleve", "eleve.html")
	for range 3 {
		fail.Store(true)
		if code, _ := f.get(token, "/timetable", "dateString", today); code != http.StatusServiceUnavailable {
			t.Errorf("answered %d", code)
		}
		f.list(token, "/timetable", "dateString", today)
		f.pass(time.Minute)
	}
	if n := f.logins(); n != 1 {
		t.Errorf("%d logins", n)
	}
}

// TestProcessesAtOnce over one slow store, with different pages: no number reaches PRONOTE twice, and nothing that one
// process uses is taken away by the other.
func TestProcessesAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `{"limits":{"burst":1000}}`)
	var mu sync.Mutex
	bodies := map[string]string{}
	watched := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/appelfonction/") {
			var body struct{ ID string }
			data := make([]byte, 1<<20)
			n, _ := r.Body.Read(data)
			_ = json.Unmarshal(data[:n], &body)
			mu.Lock()
			if before, there := bodies[r.URL.Path]; there && before != body.ID {
				t.Errorf("the number of %s was sent again with %s", before, body.ID)
			}
			bodies[r.URL.Path] = body.ID
			mu.Unlock()
			inner := r.Clone(r.Context())
			inner.Body = http.NoBody
			r.Body = readCloser{strings.NewReader(string(data[:n]))}
		}
		f.school.ServeHTTP(w, r)
	}))
	t.Cleanup(watched.Close)
	f.config.Hosts = append(f.config.Hosts, watched.URL)
	f.config.State = &slow{Bucket: f.state, took: 40 * time.Millisecond}
	f.server.URL = watched.URL
	first, second := api.New(f.config), api.New(f.config)
	f.h = first
	token := f.login("eleve", "eleve.html")
	var wg sync.WaitGroup
	var refused atomic.Int32
	for i, path := range []string{"/grades", "/evaluations", "/recipients", "/export/ical"} {
		wg.Go(func() {
			h := []http.Handler{first, second}[i%2]
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, path+"?token="+token, nil))
			if w.Code == api.StatusToken {
				refused.Add(1)
			} else if w.Code != http.StatusOK && w.Code != http.StatusServiceUnavailable {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		})
	}
	wg.Wait()
	if n := refused.Load(); n > 1 {
		t.Errorf("%d were refused", n)
	}
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }
