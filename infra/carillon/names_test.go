package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/unicode/norm"
)

// TestRoomsOfEveryScript: calendar, channel, Thing, display, booking and operator's commands take any letters, however they are typed.
func TestRoomsOfEveryScript(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"Salle de réunion", "会議室 3", strings.Repeat("é", 64)}
	o := newOfficeWith(t, options{data: dir, speed: 1, names: names, limit: 1000})
	for _, room := range names {
		for _, typed := range []string{room, norm.NFD.String(room)} {
			status, answer := o.call(http.MethodGet, "/meetings?client_id="+demoClient+"&room_name="+url.QueryEscape(typed), demoSecret, nil)
			if status != http.StatusOK || answer["room_name"] != room {
				t.Errorf("%q: %d %v", typed, status, answer)
			}
		}
		now := time.Now().Truncate(time.Minute)
		if _, err := o.s.rooms.demo.google.Insert(calendarID(room), map[string]any{"summary": "Pushed", "start": dateTime(now.Add(20 * time.Hour)), "end": dateTime(now.Add(21 * time.Hour))}); err != nil {
			t.Fatal(err)
		}
	}
	o.eventually("Google's message is taken for every room", func() bool {
		for _, room := range names {
			s, _, err := o.s.rooms.documents(t.Context(), room)
			if err != nil || s.PushedAt.IsZero() || len(s.Published) == 0 || s.Fault != nil {
				return false
			}
		}
		return true
	})
	out, err := run(t, "rooms", "status", "--data", dir)
	if err != nil || !strings.Contains(out, names[0]) || !strings.Contains(out, " CET") && !strings.Contains(out, " CEST") {
		t.Errorf("%v\n%s", err, out)
	}
}
