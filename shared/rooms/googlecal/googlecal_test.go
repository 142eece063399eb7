package googlecal_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/api/googleapi"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/googlecal"
)

func client(t *testing.T, h http.Handler) *googlecal.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := googlecal.New(t.Context(), googlecal.Config{BaseURL: server.URL, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAllPagesEmptyOnesToo(t *testing.T) {
	t.Parallel()
	asked := 0
	date := func(days int) string { return time.Now().UTC().AddDate(0, 0, days).Format(time.DateOnly) }
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Query().Get("pageToken") {
		case "":
			_, _ = w.Write([]byte(`{"timeZone":"Europe/Paris","items":[],"nextPageToken":"2"}`))
		case "2":
			_, _ = w.Write([]byte(`{"items":[{"id":"a","start":{"date":"` + date(0) + `"},"end":{"date":"` + date(1) +
				`"}}],"nextPageToken":"3"}`))
		default:
			_, _ = w.Write([]byte(`{"items":[{"id":"b","start":{"date":"` + date(1) + `"},"end":{"date":"` + date(2) +
				`"}}],"nextPageToken":"4"}`))
		}
	}))
	room := rooms.Room{Name: "r", CalendarID: "c", Zone: time.UTC}
	msg, err := c.Coming(t.Context(), room)
	if err != nil || asked != 6 || len(msg.Events) != 2 || msg.TimeZone != "Europe/Paris" {
		t.Errorf("%d events in zone %s after %d pages, %v; want 2 after 3, asked for twice because the calendar's zone is "+
			"another", len(msg.Events), msg.TimeZone, asked, err)
	}
}

func TestErrorsNameNoCalendar(t *testing.T) {
	t.Parallel()
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}}`))
	}))
	_, err := c.Get(t.Context(), "secret@example.com", "abcdef")
	if reason, ok := googlecal.Permanent(err); !ok || reason != "notFound" || !googlecal.NotFound(err) ||
		strings.Contains(err.Error(), "secret") {
		t.Errorf("error = %v, reason %q", err, reason)
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"id":"a","start":{"dateTime":"2026-01-01T10:00:00","timeZone":"GMT+02:00"},"end":{"date":"2026-01-01"}}`))
	f.Add([]byte(`{"id":"a","summary":"\u2028x","start":{"date":"2026-13-01"},"visibility":"private"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var e calendar.Event
		if json.Unmarshal(data, &e) != nil {
			return
		}
		room := rooms.Room{Name: "r", CalendarID: "c", Zone: time.UTC}
		now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.UTC)
		f := room.FieldsAt([]calendar.Event{e}, now)
		if f.CurEvMtg == "" || strings.ContainsAny(f.CurEvMtg+f.NextEvMtg, "\n\r\u2028") {
			t.Errorf("fields = %+v", f)
		}
		if next := room.NextChange([]calendar.Event{e}, now); !next.IsZero() && !next.After(now) {
			t.Errorf("next change %s is not after %s", next, now)
		}
	})
}

// TestListingsAreOnGooglesClock: what was listed when is told by Google's clock, as far as its answers show it. Ours is
// believed within the second that an answer names, so that two listings keep their order.
func TestListingsAreOnGooglesClock(t *testing.T) {
	t.Parallel()
	google := time.Date(2026, 3, 2, 9, 0, 7, 0, time.UTC)
	for name, tt := range map[string]struct {
		ours time.Time
		date string // of the answer
		want time.Time
	}{
		"the_same": {
			google.Add(300 * time.Millisecond), google.Format(http.TimeFormat), google.Add(300 * time.Millisecond),
		},
		"half_a_minute_on": {
			google.Add(30 * time.Second), google.Format(http.TimeFormat), google.Add(time.Second - 1),
		},
		"half_a_minute_off": {google.Add(-30 * time.Second), google.Format(http.TimeFormat), google},
		"no_date":           {google.Add(30 * time.Second), "", google.Add(30 * time.Second)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if tt.date != "" {
					w.Header().Set("Date", tt.date)
				}
				_, _ = w.Write([]byte(`{"items":[]}`))
			}))
			t.Cleanup(server.Close)
			c, err := googlecal.New(
				t.Context(),
				googlecal.Config{BaseURL: server.URL, Now: func() time.Time { return tt.ours }},
			)
			if err != nil {
				t.Fatal(err)
			}
			for attempt := range 2 { // a correction holds
				l, err := c.List(
					t.Context(),
					"c",
					google,
					google.Add(time.Hour),
					func([]calendar.Event) bool { return true },
				)
				if err != nil || !l.FetchedAt.Equal(tt.want) {
					t.Errorf("listing %d: fetched at %s, want %s; %v", attempt+1, l.FetchedAt, tt.want, err)
				}
			}
		})
	}
}

// TestWhichErrorsPass: limits of the rate and Google's own failures are worth another try, and everything else needs a
// person.
func TestWhichErrorsPass(t *testing.T) {
	t.Parallel()
	answer := func(code int, reasons ...string) error {
		e := &googleapi.Error{Code: code}
		for _, reason := range reasons {
			e.Errors = append(e.Errors, googleapi.ErrorItem{Reason: reason})
		}
		return fmt.Errorf("listing: %w", e)
	}
	for name, tt := range map[string]struct {
		err    error
		reason string
		ok     bool
	}{
		"rate":             {answer(403, "rateLimitExceeded"), "", false},
		"rate_of_the_user": {answer(403, "userRateLimitExceeded"), "", false},
		"too_many":         {answer(429), "", false},
		"backend":          {answer(500, "backendError"), "", false},
		"unavailable":      {answer(503), "", false},
		"no_answer":        {errors.New("connection refused"), "", false},
		"quota":            {answer(403, "quotaExceeded"), "quotaExceeded", true},
		"forbidden":        {answer(403, "forbidden", "rateLimitExceeded"), "forbidden", true},
		"without_a_reason": {answer(403), "Forbidden", true},
		"not_found":        {answer(404, "notFound"), "notFound", true},
		"bad_request":      {answer(400, "invalid"), "invalid", true},
	} {
		if reason, ok := googlecal.Permanent(tt.err); reason != tt.reason || ok != tt.ok {
			t.Errorf("%s: permanent %v for %q, want %v for %q", name, ok, reason, tt.ok, tt.reason)
		}
	}
	if !googlecal.NotFound(answer(410)) || !googlecal.NotFound(answer(404)) || googlecal.NotFound(answer(409)) ||
		googlecal.NotFound(nil) {
		t.Error("404 and 410 alone tell that an event is gone")
	}
	if !googlecal.Duplicate(answer(409)) || googlecal.Duplicate(answer(404)) {
		t.Error("409 alone tells of a duplicate")
	}
	if googlecal.Answered(errors.New("reset")) || !googlecal.Answered(answer(500)) {
		t.Error("an answer is one whatever it says")
	}
}

// TestLimitedCallIsMadeAgain: Google refuses a call for the user's rate, and takes it a moment later.
func TestLimitedCallIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"rateLimitExceeded", "userRateLimitExceeded"} {
		asked := 0
		c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if asked++; asked == 1 {
				w.WriteHeader(http.StatusForbidden)
				_, _ = w.Write([]byte(`{"error":{"code":403,"message":"x","errors":[{"reason":"` + reason + `"}]}}`))
				return
			}
			_, _ = w.Write([]byte(`{"id":"a"}`))
		}))
		if e, err := c.Get(t.Context(), "c", "a"); err != nil || e.ID != "a" || asked != 2 {
			t.Errorf("%s: %+v, %v after %d calls", reason, e, err, asked)
		}
		asked = 0
		if _, err := c.Get(googlecal.Once(t.Context()), "c", "a"); err == nil || asked != 1 {
			t.Errorf("%s, once: %v after %d calls", reason, err, asked)
		}
	}
}
