package googlecal_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/recorded"
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

// page makes a list answer of whatever form a recording has: a list, an array of events, or one event.
func page(data []byte) []byte {
	text := strings.TrimSpace(string(data))
	switch {
	case strings.HasPrefix(text, "["):
		return []byte(`{"items":` + text + `}`)
	case strings.Contains(text, `"items"`):
		return data
	default:
		return []byte(`{"items":[` + text + `]}`)
	}
}

// busy tells for each recording an instant and whether the room is busy then.
var busy = map[string]struct {
	at   string
	want int
}{
	"event_allday_transparent.json":                  {"2022-02-22T12:00:00Z", 0},
	"event_allday_zero_length.json":                  {"2022-11-24T12:00:00Z", 1},
	"event_cancelled_id_only.json":                   {"2021-11-23T17:30:00Z", 0},
	"event_cancelled_instance.json":                  {"2013-05-08T22:30:00Z", 0},
	"event_cancelled_instance_split_series.json":     {"2015-07-01T01:30:00Z", 0},
	"event_datetime_without_offset.json":             {"2022-04-12T22:45:00Z", 1}, // 16:45 in Regina
	"event_missing_date_malformed.json":              {"2008-09-24T17:45:00Z", 0},
	"event_unknown_timezone_name.json":               {"2022-11-12T10:30:00Z", 1}, // the room's zone, here UTC
	"events_list_empty.json":                         {"2022-11-12T10:30:00Z", 0},
	"events_list_resource_allday_as_datetime.json":   {"2022-04-15T12:00:00Z", 1},
	"events_list_self_response_statuses.json":        {"2020-11-02T18:15:00Z", 1},
	"events_incremental_mixed_cancelled_moved.json":  {"2021-10-27T16:30:00Z", 1},
	"events_list_recurring_master.json":              {"2014-11-16T01:30:00Z", 1},
	"events_list_room_attendee_declined.json":        {"2020-11-02T18:15:00Z", 1},
	"events_list_room_attendee_accepted_reader.json": {"1970-01-01T00:00:00Z", 0},
	"events_recurring_master_and_instances.json":     {"1970-01-01T00:00:00Z", 0},
}

func TestRecordedEvents(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(recorded.Dir(t, "googlecalendar"), "event*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("recordings = %v, %v", files, err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page(data)) }))
			room := rooms.Room{Name: "r", CalendarID: "room@resource.calendar.google.com", Zone: time.UTC}
			l, err := c.List(t.Context(), room.CalendarID, time.Now(), time.Now().Add(time.Hour), func([]calendar.Event) bool { return false })
			if err != nil {
				t.Fatal(err)
			}
			tt, ok := busy[name]
			if !ok {
				t.Fatal("say in this test when the room is busy by this recording")
			}
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			fields := room.FieldsAt(l.Events, at)
			if fields.BusyNow != tt.want || fields.CurEvMtg == "" {
				t.Errorf("fields = %+v, want busynow %d and a text", fields, tt.want)
			}
		})
	}
}

func TestAllPagesEmptyOnesToo(t *testing.T) {
	t.Parallel()
	asked := 0
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch r.URL.Query().Get("pageToken") {
		case "":
			_, _ = w.Write([]byte(`{"timeZone":"Europe/Paris","items":[],"nextPageToken":"2"}`))
		case "2":
			_, _ = w.Write([]byte(`{"items":[{"id":"a","start":{"date":"2026-01-01"},"end":{"date":"2026-01-02"}}],"nextPageToken":"3"}`))
		default:
			_, _ = w.Write([]byte(`{"items":[{"id":"b","start":{"date":"2026-01-02"},"end":{"date":"2026-01-03"}}],"nextPageToken":"4"}`))
		}
	}))
	room := rooms.Room{Name: "r", CalendarID: "c", Zone: time.UTC}
	msg, err := c.Coming(t.Context(), room, time.Now())
	if err != nil || asked != 3 || len(msg.Events) != 2 || msg.TimeZone != "Europe/Paris" {
		t.Errorf("%d events in zone %s after %d pages, %v; want 2 after 3", len(msg.Events), msg.TimeZone, asked, err)
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
