package rooms

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestHostileRequests sends what somebody without a key, or with bad intent, would.
//
//nolint:tparallel // the cases share one office, in order
func TestHostileRequests(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	channel := o.watch("quiet_room").Channel
	before := o.listed("quiet_room")
	for name, tt := range map[string]struct {
		token string
		body  string
		want  int
	}{
		"forged_with_another_key": {rooms.ChannelToken("guess", channel.ID, "quiet_room"), "", 204},
		"oversized":               {"room=quiet_room&sig=x", strings.Repeat("x", 8<<20), 204},
		"large_token":             {"room=" + strings.Repeat("a", 8_000), "", 204},
		"huge_token":              {"room=" + strings.Repeat("a", 60_000), "", 431}, // refused before it is read
		"path_in_room":            {url.Values{"room": {"../../roomcal-config/config"}, "sig": {"x"}}.Encode(), "", 204},
	} {
		t.Run("webhook_"+name, func(t *testing.T) {
			r, err := http.NewRequest(http.MethodPost, o.URL+"/webhook", strings.NewReader(tt.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Goog-Channel-Id", channel.ID)
			r.Header.Set("X-Goog-Channel-Token", tt.token)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tt.want || !o.listed("quiet_room").Equal(before) {
				t.Errorf("answered %d; listed %v", resp.StatusCode, !o.listed("quiet_room").Equal(before))
			}
		})
	}
	t.Run("webhook_replayed", func(t *testing.T) {
		other := o.watch("yellow_room").Channel
		key, err := o.DB.Setting(t.Context(), "webhook_key", func() string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		header := []string{
			"X-Goog-Channel-Id", other.ID, "X-Goog-Channel-Token", rooms.ChannelToken(key, other.ID, "yellow_room"),
			"X-Goog-Message-Number", "5000", "X-Goog-Resource-Id", other.ResourceID,
		}
		began := time.Now()
		for range 3 {
			if code, _ := o.Call("POST", "/webhook", "", nil, header...); code != http.StatusNoContent {
				t.Errorf("answered %d", code)
			}
		}
		if time.Since(began) < 900*time.Millisecond {
			t.Error("three replays were listed faster than twice a second")
		}
		now := o.Clock.Now()
		o.Add("yellow_room", "After the replays", now.Add(-3*time.Hour), now.Add(3*time.Hour))
		o.Shows("yellow_room", "curevmtg", "After the replays") // and they silence nobody
	})
	for name, room := range map[string]string{
		"path": "../roomcal-config/config", "header": "a\r\nX-Evil: 1", "null": "a\x00b",
		"long": strings.Repeat("x", 10_000), "sql": "' OR 1=1 --",
	} {
		t.Run("room_name_"+name, func(t *testing.T) {
			code, _ := o.Call("GET", "/meetings?client_id=demo-client&room_name="+url.QueryEscape(room), demoSecret, nil)
			if code != http.StatusNotFound {
				t.Errorf("GET answered %d, want 404", code)
			}
			code, _ = o.Call("POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": room})
			if code != http.StatusNotFound {
				t.Errorf("POST answered %d, want 404", code)
			}
		})
	}
	t.Run("event_id_with_a_path", func(t *testing.T) {
		for _, id := range []string{"..%2F..%2F..%2Fcalendars%2Fblue_room", "a%0d%0ab", strings.Repeat("v", 5000)} {
			if code, _ := o.Call("DELETE", "/meetings/"+id+"?client_id=demo-client&room_name=quiet_room", demoSecret,
				nil); code != http.StatusNotFound {
				t.Errorf("%.20s was answered %d, want 404", id, code)
			}
		}
	})
	t.Run("title_with_headers_and_controls", func(t *testing.T) {
		o := o.with(t)
		now := time.Now()
		o.Add("quiet_room", "Evil\r\nX-Evil: 1\x1b[31m\u202etitle", now.Add(-time.Minute), now.Add(time.Hour))
		o.Shows("quiet_room", "busynow", 1)
		o.Eventually("the title", func() bool {
			return strings.HasPrefix(fmt.Sprint(o.Value("quiet_room", "curevmtg")), "Evil")
		})
		if got := fmt.Sprint(o.Value("quiet_room", "curevmtg")); strings.ContainsAny(got, "\r\n\x1b\u202e") {
			t.Errorf("the Thing shows %q", got)
		}
	})
	t.Run("idempotency_key", func(t *testing.T) {
		code, got := o.Call("POST", "/meetings", demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "white_room", "fit": true}, "Idempotency-Key",
			strings.Repeat("../", 2000))
		if id, _ := got["id"].(string); code == http.StatusCreated && len(id) > 64 ||
			code != http.StatusCreated && code != http.StatusConflict {
			t.Errorf("answered %d %v", code, got)
		}
	})
}

func TestDashboardIsLockedDown(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	resp, err := http.Get(o.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	csp := resp.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(csp, part) {
			t.Errorf("policy %q lacks %s", csp, part)
		}
	}
	if strings.Contains(csp, "unsafe") || resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers = %v", resp.Header)
	}
	// A name that points here must not make a page of another site one of ours.
	for host, want := range map[string]int{
		"evil.example:8080": 403, "localhost:8080": 200, "127.0.0.1": 200, "[::1]:8080": 200,
	} {
		r := httptest.NewRequest(http.MethodGet, o.URL+"/dashboard/rooms", nil)
		r.RequestURI, r.Host = "", host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("asked as %s: %d, want %d", host, resp.StatusCode, want)
		}
	}
	// Another site's page may not book, add an event or switch a fault on.
	for path, body := range map[string]string{
		"/dashboard/rooms/quiet_room/list": ``, "/dashboard/doctor": ``, "/dashboard/dead/1/send": ``,
		"/dashboard/book": `{"room_name":"quiet_room","duration_mins":30}`, "/sim/googlecal/_faults": `{"drop":true}`,
		"/dashboard/calendar/calendar/v3/calendars/x/events": `{}`,
	} {
		r := httptest.NewRequest(http.MethodPost, o.URL+path, strings.NewReader(body))
		r.RequestURI = ""
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.example")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s from another site was answered %d, want 403", path, resp.StatusCode)
		}
	}
}

// TestNothingSecretIsLogged runs an office through faults of its neighbours in a
// process of its own and looks through all that it wrote.
func TestNothingSecretIsLogged(t *testing.T) {
	t.Parallel()
	if os.Getenv("CARILLON_TEST_LOGS") == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestNothingSecretIsLogged$", "-test.v")
		keys := filepath.Join(t.TempDir(), "keys")
		cmd.Env = append(os.Environ(), "CARILLON_TEST_LOGS="+keys)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if lines := bytes.Count(out, []byte(`"severity":"ERROR"`)); lines == 0 {
			t.Error("nothing failed: nothing was shown")
		}
		made, err := os.ReadFile(keys)
		if err != nil || len(strings.Fields(string(made))) != 2 {
			t.Fatalf("the office's own keys: %q, %v", made, err)
		}
		for _, secret := range append(strings.Fields(string(made)), demoSecret, "Bearer ", "Secret title", "boss@example.com",
			"@resource.calendar.google.com", "sig=", "access_token", "http://127.0.0.1") {
			if i := bytes.Index(out, []byte(secret)); i >= 0 {
				t.Errorf("%q was written: %s", secret, out[max(0, i-200):min(len(out), i+100)])
			}
		}
		return
	}
	o := newOffice(t, t.TempDir(), 1)
	slog.InfoContext(context.Background(), "the log is on")
	for _, f := range []faults.Fault{
		{Status: 500, Times: 3},
		{Status: 404, Times: 1},
		{Drop: true, Times: 2},
		{Truncate: true, Times: 1},
		{Status: 401, Times: 1},
	} {
		f.Path = "/(calendar|iot)/"
		o.Fault(roomstest.Google, f)
		o.Fault(roomstest.Arduino, f)
		now := time.Now()
		event := map[string]any{
			"summary": "Secret title", "organizer": map[string]any{"email": "boss@example.com"},
			"attendees": []any{map[string]any{"email": "boss@example.com"}},
			"start":     dateTime(now), "end": dateTime(now.Add(time.Hour)),
		}
		if _, err := o.b.demo.google.Insert(calendarID("quiet_room"), event); err != nil {
			t.Fatal(err)
		}
		o.Call("POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "white_room"})
		o.Call("GET", "/meetings?client_id=demo-client&room_name=quiet_room", "wrong-secret", nil)
		o.Refresh()
		time.Sleep(time.Second)
	}
	var keys []string
	for _, name := range []string{"webhook_key", "operator_key"} {
		key, err := o.DB.Setting(t.Context(), name, func() string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if err := os.WriteFile(os.Getenv("CARILLON_TEST_LOGS"), []byte(strings.Join(keys, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}
