package googlecal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

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
			_, _ = w.Write([]byte(`{"items":[{"id":"a","start":{"date":"` + date(0) + `"},"end":{"date":"` + date(1) + `"}}],"nextPageToken":"3"}`))
		default:
			_, _ = w.Write([]byte(`{"items":[{"id":"b","start":{"date":"` + date(1) + `"},"end":{"date":"` + date(2) + `"}}],"nextPageToken":"4"}`))
		}
	}))
	room := rooms.Room{Name: "r", CalendarID: "c", Zone: time.UTC}
	msg, err := c.Coming(t.Context(), room)
	if err != nil || asked != 6 || len(msg.Events) != 2 || msg.TimeZone != "Europe/Paris" {
		t.Errorf("%d events in zone %s after %d pages, %v; want 2 after 3, asked for twice because the calendar's zone is another", len(msg.Events), msg.TimeZone, asked, err)
	}
}

func TestErrorsNameNoCalendar(t *testing.T) {
	t.Parallel()
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte(`{"error":{"code":404,"message":"Not Found","errors":[{"reason":"notFound"}]}}`))
	}))
	_, err := c.Get(t.Context(), "secret@example.com", "abcdef")
	if reason, ok := googlecal.Permanent(err); !ok || reason != "notFound" || !googlecal.NotFound(err) || strings.Contains(err.Error(), "secret") {
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
