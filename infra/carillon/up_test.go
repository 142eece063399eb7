package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// An office is a running `carillon up` with the sample office.
type office struct {
	t *testing.T
	s *system
}

func newOffice(t *testing.T, dir string, speed int) *office {
	t.Helper()
	return newOfficeWith(t, options{data: dir, speed: speed})
}

func newOfficeWith(t *testing.T, opts options) *office {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	opts.listen = "127.0.0.1:0"
	if opts.only == nil && opts.folder == "" {
		opts.only = []string{"rooms"}
	}
	s, err := start(ctx, opts)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := s.wait(); err != nil {
			t.Error(err)
		}
	})
	o := &office{t, s}
	o.eventually("healthy", o.healthy)
	return o
}

// patience is how long a loaded machine may take for what a quiet one does at once; infra/bench measures how fast
// Carillon is. A test in which something else would do the same within that time looks at what did it, as those with
// [office.beforeRefresh] do.
const patience = 90 * time.Second

func (o *office) eventually(what string, ok func() bool) {
	o.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

func (o *office) call(method, path, bearer string, body any, header ...string) (int, map[string]any) {
	o.t.Helper()
	var reader io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			o.t.Fatal(err)
		}
		reader = bytes.NewReader(data)
	}
	r, err := http.NewRequest(method, o.s.url+path, reader)
	if err != nil {
		o.t.Fatal(err)
	}
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	if !strings.HasPrefix(path, "/sim/") && !strings.HasPrefix(path, "/dashboard/") {
		checkContract(o.t, r, resp, answer)
	}
	got := map[string]any{}
	_ = json.Unmarshal(answer, &got)
	got["etag"] = resp.Header.Get("ETag")
	return resp.StatusCode, got
}

func (o *office) events(room, rest string) string {
	return "/sim/googlecal/calendar/v3/calendars/" + url.PathEscape(calendarID(room)) + "/events" + rest
}

func (o *office) add(room, title string, start, end time.Time) string {
	o.t.Helper()
	code, got := o.call("POST", o.events(room, ""), "x", map[string]any{
		"summary": title, "start": map[string]string{"dateTime": start.Format(time.RFC3339)}, "end": map[string]string{"dateTime": end.Format(time.RFC3339)},
	})
	if code != http.StatusOK {
		o.t.Fatalf("insert answered %d: %v", code, got)
	}
	return got["id"].(string)
}

func (o *office) value(room, variable string) any {
	return o.s.rooms.demo.arduino.Values(room)[variable]
}

func (o *office) shows(room, variable string, want any) {
	o.t.Helper()
	o.eventually(fmt.Sprintf("%s of %s is %v", variable, room, want), func() bool {
		return fmt.Sprint(o.value(room, variable)) == fmt.Sprint(want)
	})
}

func TestFromCalendarToThing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	now := time.Now()
	id := o.add("quiet_room", "Hello", now.Add(-time.Minute), now.Add(time.Hour))
	o.shows("quiet_room", "busynow", 1)
	o.shows("quiet_room", "curevmtg", "Hello")
	time.Sleep(1100 * time.Millisecond) // the Arduino account's second
	if code, got := o.call("PATCH", o.events("quiet_room", "/"+id), "x", map[string]any{"summary": "Moved"}); code != http.StatusOK {
		t.Fatalf("patch answered %d: %v", code, got)
	}
	o.shows("quiet_room", "curevmtg", "Moved")
	if code, _ := o.call("DELETE", o.events("quiet_room", "/"+id), "x", nil); code != http.StatusNoContent {
		t.Fatalf("delete answered %d", code)
	}
	o.shows("quiet_room", "busynow", 0)
	o.shows("quiet_room", "curevmtg", "Free all day")
}

func TestMeetingEndsByItself(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 60) // a minute a second
	refresh := o.beforeRefresh()
	now := o.s.clock.Now()
	o.add("quiet_room", "Short", now.Add(-time.Minute), now.Truncate(time.Minute).Add(20*time.Minute))
	o.shows("quiet_room", "busynow", 1)
	o.shows("quiet_room", "busynow", 0)
	if !o.s.clock.Now().Before(refresh) {
		t.Error("the end was shown only after the hourly refresh")
	}
	if end := now.Truncate(time.Minute).Add(20 * time.Minute); o.s.clock.Now().Before(end.Add(-10 * time.Second)) {
		t.Errorf("free at %s, before the meeting's end at %s", o.s.clock.Now(), end)
	}
}

func TestTwoHundredBookingsAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	body := map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": "30"}
	var wg sync.WaitGroup
	codes := make([]int, 200)
	for i := range codes {
		wg.Go(func() { codes[i], _ = o.call("POST", "/meetings", demoSecret, body) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, code := range codes {
		count[code]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusConflict] != 199 {
		t.Errorf("answers = %v, want one 201 and 199 409", count)
	}
	_, got := o.call("GET", o.events("quiet_room", ""), "x", nil)
	if items := got["items"].([]any); len(items) != 1 {
		t.Errorf("%d events in the calendar, want 1", len(items))
	}
	o.shows("quiet_room", "busynow", 1)
}

//nolint:tparallel // the cases share one office, in order
func TestMeetingsAPI(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	const get = "/meetings?client_id=demo-client&room_name=quiet_room"
	ok := map[string]any{"client_id": demoClient, "room_name": "quiet_room"}
	tests := []struct {
		name, method, path, bearer string
		body                       any
		want                       int
	}{
		{"get", "GET", get, demoSecret, nil, 200},
		{"get_without_secret", "GET", get, "", nil, 401},
		{"get_wrong_secret", "GET", get, "nope", nil, 401},
		{"get_wrong_client", "GET", "/meetings?client_id=x&room_name=quiet_room", demoSecret, nil, 401},
		{"get_unknown_room", "GET", "/meetings?client_id=demo-client&room_name=x", demoSecret, nil, 404},
		{"get_no_room", "GET", "/meetings?client_id=demo-client", demoSecret, nil, 400},
		{"post_wrong_secret", "POST", "/meetings", "nope", ok, 401},
		{"post_no_object", "POST", "/meetings", demoSecret, "text", 400},
		{"post_unknown_field", "POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "x", "x": 1}, 404}, // as without it
		{"post_bad_duration", "POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": "soon"}, 400},
		{"post_too_long", "POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": 481}, 400},
		{"post_unknown_room", "POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "x"}, 404},
		{"put", "PUT", "/meetings", demoSecret, ok, 405},
		{"start_watching", "POST", "/start_watching", demoSecret, ok, 202},
		{"start_watching_wrong_secret", "POST", "/start_watching", "nope", ok, 401},
		{"forged_push", "POST", "/webhook", "", nil, 204},
		{"delete_unknown", "DELETE", "/meetings/abcdef?client_id=demo-client&room_name=quiet_room", demoSecret, nil, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if code, got := o.call(tt.method, tt.path, tt.bearer, tt.body); code != tt.want {
				t.Errorf("status = %d, want %d: %v", code, tt.want, got)
			}
		})
	}
	t.Run("person's_event_stays", func(t *testing.T) {
		id := o.add("quiet_room", "A person's", time.Now().Add(3*time.Hour), time.Now().Add(4*time.Hour))
		if code, _ := o.call("DELETE", "/meetings/"+id+"?client_id=demo-client&room_name=quiet_room", demoSecret, nil); code != http.StatusNotFound {
			t.Errorf("delete of a person's event answered %d, want 404", code)
		}
	})
	t.Run("book_again_with_the_key_and_delete", func(t *testing.T) {
		code, first := o.call("POST", "/meetings", demoSecret, ok, "Idempotency-Key", "k1")
		if code != http.StatusCreated {
			t.Fatalf("booking answered %d: %v", code, first)
		}
		if code, again := o.call("POST", "/meetings", demoSecret, ok, "Idempotency-Key", "k1"); code != http.StatusCreated || again["id"] != first["id"] {
			t.Errorf("retry answered %d with %v, want the same meeting %v", code, again["id"], first["id"])
		}
		if code, busy := o.call("POST", "/meetings", demoSecret, ok); code != http.StatusConflict || busy["available_mins"] != 0.0 {
			t.Errorf("second booking answered %d: %v", code, busy)
		}
		if code, _ := o.call("DELETE", "/meeting/"+first["id"].(string), demoSecret, ok); code != http.StatusNoContent {
			t.Errorf("delete answered %d", code)
		}
	})
	t.Run("not_modified", func(*testing.T) {
		o.eventually("a stable answer", func() bool {
			_, got := o.call("GET", get, demoSecret, nil)
			code, _ := o.call("GET", get, demoSecret, nil, "If-None-Match", got["etag"].(string))
			return code == http.StatusNotModified
		})
	})
}

func TestStartAgainOnTheSameData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := start(ctx, options{listen: "127.0.0.1:0", data: dir, speed: 1, only: []string{"rooms"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := start(t.Context(), options{listen: "127.0.0.1:0", data: dir, speed: 1, only: []string{"rooms"}}); err == nil || !strings.Contains(err.Error(), "another carillon runs with the data folder "+dir) {
		t.Errorf("a second one on the same data: %v", err)
	}
	time.Sleep(time.Second) // in the middle of the first publishing
	cancel()
	if err := s.wait(); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, dir, 1)
	for _, room := range demoRooms {
		_, got := o.call("GET", "/meetings?client_id=demo-client&room_name="+room, demoSecret, nil)
		o.shows(room, "curevmtg", got["curevmtg"])
	}
	if strings.Contains(fmt.Sprint(o.value("quiet_room", "curevmtg")), "unknown") {
		t.Error("a room without meetings is shown as unknown")
	}
}
