package rooms

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

func TestFromCalendarToThing(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	now := time.Now()
	id := o.Add("quiet_room", "Hello", now.Add(-time.Minute), now.Add(time.Hour))
	o.Shows("quiet_room", "busynow", 1)
	o.Shows("quiet_room", "curevmtg", "Hello")
	if code, got := o.Call("PATCH", o.Events("quiet_room", "/"+id), "x",
		map[string]any{"summary": "Moved"}); code != http.StatusOK {
		t.Fatalf("patch answered %d: %v", code, got)
	}
	o.Shows("quiet_room", "curevmtg", "Moved")
	if code, _ := o.Call("DELETE", o.Events("quiet_room", "/"+id), "x", nil); code != http.StatusNoContent {
		t.Fatalf("delete answered %d", code)
	}
	o.Shows("quiet_room", "busynow", 0)
	o.Shows("quiet_room", "curevmtg", "Free all day")
}

func TestMeetingEndsByItself(t *testing.T) {
	t.Parallel()
	o := hurried(t, Options{}, t.TempDir())
	refresh := o.BeforeRefresh()
	now := o.Clock.Now()
	o.Add("quiet_room", "Short", now.Add(-time.Minute), now.Truncate(time.Minute).Add(10*time.Minute))
	o.Shows("quiet_room", "busynow", 1)
	o.Shows("quiet_room", "busynow", 0)
	if !o.Clock.Now().Before(refresh) {
		t.Error("the end was shown only after the hourly refresh")
	}
	if end := now.Truncate(time.Minute).Add(10 * time.Minute); o.Clock.Now().Before(end.Add(-10 * time.Second)) {
		t.Errorf("free at %s, before the meeting's end at %s", o.Clock.Now(), end)
	}
}

func TestTwoHundredBookingsAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	body := map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": "30"}
	var wg sync.WaitGroup
	codes := make([]int, 200)
	for i := range codes {
		wg.Go(func() { codes[i], _ = o.Call("POST", "/meetings", demoSecret, body) })
	}
	wg.Wait()
	count := map[int]int{}
	for _, code := range codes {
		count[code]++
	}
	if count[http.StatusCreated] != 1 || count[http.StatusConflict] != 199 {
		t.Errorf("answers = %v, want one 201 and 199 409", count)
	}
	_, got := o.Call("GET", o.Events("quiet_room", ""), "x", nil)
	if items := got["items"].([]any); len(items) != 1 {
		t.Errorf("%d events in the calendar, want 1", len(items))
	}
	o.Shows("quiet_room", "busynow", 1)
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
		// as without it
		{
			"post_unknown_field", "POST", "/meetings", demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "x", "x": 1},
			404,
		},
		{
			"post_bad_duration", "POST", "/meetings", demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": "soon"},
			400,
		},
		{
			"post_too_long", "POST", "/meetings", demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": 481},
			400,
		},
		{
			"post_unknown_room", "POST", "/meetings", demoSecret, map[string]any{"client_id": demoClient, "room_name": "x"}, 404,
		},
		{"put", "PUT", "/meetings", demoSecret, ok, 405},
		{"start_watching", "POST", "/start_watching", demoSecret, ok, 202},
		{"start_watching_wrong_secret", "POST", "/start_watching", "nope", ok, 401},
		{"forged_push", "POST", "/webhook", "", nil, 204},
		{"delete_unknown", "DELETE", "/meetings/abcdef?client_id=demo-client&room_name=quiet_room", demoSecret, nil, 404},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if code, got := o.Call(tt.method, tt.path, tt.bearer, tt.body); code != tt.want {
				t.Errorf("status = %d, want %d: %v", code, tt.want, got)
			}
		})
	}
	t.Run("person's_event_stays", func(t *testing.T) {
		id := o.Add("quiet_room", "A person's", time.Now().Add(3*time.Hour), time.Now().Add(4*time.Hour))
		if code, _ := o.Call("DELETE", "/meetings/"+id+"?client_id=demo-client&room_name=quiet_room", demoSecret,
			nil); code != http.StatusNotFound {
			t.Errorf("delete of a person's event answered %d, want 404", code)
		}
	})
	t.Run("book_again_with_the_key_and_delete", func(t *testing.T) {
		code, first := o.Call("POST", "/meetings", demoSecret, ok, "Idempotency-Key", "k1")
		if code != http.StatusCreated {
			t.Fatalf("booking answered %d: %v", code, first)
		}
		if code, again := o.Call("POST", "/meetings", demoSecret, ok, "Idempotency-Key", "k1"); code != http.StatusCreated ||
			again["id"] != first["id"] {
			t.Errorf("retry answered %d with %v, want the same meeting %v", code, again["id"], first["id"])
		}
		if code, busy := o.Call("POST", "/meetings", demoSecret, ok); code != http.StatusConflict ||
			busy["available_mins"] != 0.0 {
			t.Errorf("second booking answered %d: %v", code, busy)
		}
		if code, _ := o.Call("DELETE", "/meeting/"+first["id"].(string), demoSecret, ok); code != http.StatusNoContent {
			t.Errorf("delete answered %d", code)
		}
	})
	t.Run("not_modified", func(*testing.T) {
		o.Eventually("a stable answer", func() bool {
			_, got := o.Call("GET", get, demoSecret, nil)
			code, _ := o.Call("GET", get, demoSecret, nil, "If-None-Match", got["etag"].(string))
			return code == http.StatusNotModified
		})
	})
}

func TestStartAgainOnTheSameData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	options := machinetest.Defaults(machine.Options{Bridges: []machine.Bridge{New()}, Data: dir})
	s, err := machine.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	_, err = machine.Start(t.Context(), options)
	if err == nil || !strings.Contains(err.Error(), "another carillon runs with the data folder "+dir) {
		t.Errorf("a second one on the same data: %v", err)
	}
	time.Sleep(time.Second) // in the middle of the first publishing
	cancel()
	if err := s.Wait(); err != nil {
		t.Fatal(err)
	}
	o := newOffice(t, dir, 1)
	for _, room := range demoRooms {
		_, got := o.Call("GET", "/meetings?client_id=demo-client&room_name="+room, demoSecret, nil)
		o.Shows(room, "curevmtg", got["curevmtg"])
	}
	if strings.Contains(fmt.Sprint(o.Value("quiet_room", "curevmtg")), "unknown") {
		t.Error("a room without meetings is shown as unknown")
	}
}

// TestRoomsOfEveryScript: calendar, channel, Thing, display, booking and operator's commands take any letters, however
// they are typed.
func TestRoomsOfEveryScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"Salle de réunion", "会議室 3", strings.Repeat("é", 64)}
	o := newOfficeWith(t, Options{Names: names, ArduinoLimit: 1000}, machine.Options{Data: dir})
	for _, room := range names {
		for _, typed := range []string{room, norm.NFD.String(room)} {
			status, answer := o.Call(http.MethodGet,
				"/meetings?client_id="+demoClient+"&room_name="+url.QueryEscape(typed), demoSecret, nil)
			if status != http.StatusOK || answer["room_name"] != room {
				t.Errorf("%q: %d %v", typed, status, answer)
			}
		}
		now := time.Now().Truncate(time.Minute)
		if _, err := o.b.demo.google.Insert(calendarID(room),
			map[string]any{
				"summary": "Pushed", "start": dateTime(now.Add(20 * time.Hour)), "end": dateTime(now.Add(21 * time.Hour)),
			}); err != nil {
			t.Fatal(err)
		}
	}
	o.Eventually("Google's message is taken for every room", func() bool {
		for _, room := range names {
			s, _, err := o.b.documents(t.Context(), room)
			if err != nil || s.PushedAt.IsZero() || len(s.Published) == 0 || s.Fault != nil {
				return false
			}
		}
		return true
	})
	out, err := run(t, "rooms", "status", "--data", dir)
	if err != nil || !strings.Contains(out, names[0]) ||
		!strings.Contains(out, " CET") && !strings.Contains(out, " CEST") {
		t.Errorf("%v\n%s", err, out)
	}
}
