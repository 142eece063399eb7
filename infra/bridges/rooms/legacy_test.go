package rooms

import (
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// What the system before Carillon got wrong, each by a name; the numbers are
// those of its list of faults. Where the fault is one of rules alone, the rules are asked.

func parisRoom(t *testing.T) (room rooms.Room, at func(string) time.Time) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return rooms.Room{Name: "blue_room", CalendarID: calendarID("blue_room"), Zone: zone}, func(clock string) time.Time {
		parsed, err := time.ParseInLocation("2006-01-02 15:04", clock, zone)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
}

func meetingAt(title string, start, end time.Time) calendar.Event {
	return calendar.Event{
		ID: title, Summary: title, Start: calendar.Date{DateTime: start.Format(time.RFC3339)},
		End: calendar.Date{DateTime: end.Format(time.RFC3339)},
	}
}

//nolint:tparallel // the cases share one office, in order
func TestOldBugsOfChannels(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newOffice(t, dir, 1)
	t.Run("01_one_channel_id_for_all", func(t *testing.T) {
		seen := map[string]string{}
		for _, room := range demoRooms {
			id := o.watch(room).Channel.ID
			if other := seen[id]; other != "" || id == "gcalwatch_v5" {
				t.Errorf("%s and %s share the channel id %s", room, other, id)
			}
			seen[id] = room
		}
	})
	t.Run("04_stray_requests_fail", func(t *testing.T) {
		before := o.listed("quiet_room")
		for _, header := range [][]string{
			nil,
			{"X-Goog-Channel-Id", "gcalwatch_v5"},
			{"X-Goog-Channel-Id", o.watch("quiet_room").Channel.ID, "X-Goog-Resource-State", "exists"},
		} {
			if code, got := o.Call("POST", "/webhook", "", nil, header...); code != http.StatusNoContent {
				t.Errorf("a request with %v was answered %d %v", header, code, got)
			}
		}
		if got := o.listed("quiet_room"); !got.Equal(before) {
			t.Error("the room was listed for requests that Google did not send")
		}
	})
	t.Run("05_room_found_by_cutting_the_resource_uri", func(t *testing.T) {
		key, err := o.DB.Setting(t.Context(), "webhook_key", func() string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		c := o.watch("white_room").Channel
		for i, uri := range []string{
			"", "https://www.googleapis.com/calendar/v3/calendars/primary/events",
			"https://www.googleapis.com/calendar/v3/calendars/a%40b/events?maxResults=250&alt=json",
		} {
			before := o.listed("white_room")
			code, _ := o.Call("POST", "/webhook", "", nil, "X-Goog-Channel-Id", c.ID, "X-Goog-Channel-Token",
				rooms.ChannelToken(key, c.ID, "white_room"),
				"X-Goog-Message-Number", strconv.Itoa(1000+i), "X-Goog-Resource-Id", c.ResourceID, "X-Goog-Resource-Uri", uri)
			if code != http.StatusNoContent || !o.listed("white_room").After(before) {
				t.Errorf("with URI %q: answered %d, and the room was not listed", uri, code)
			}
		}
	})
}

//nolint:tparallel // the office before must end first
func TestOldBug02ChannelsDieAfterAWeek(t *testing.T) {
	t.Parallel()
	for name, away := range map[string]time.Duration{
		"before_its_end": 6*24*time.Hour + time.Hour, "expired": 8 * 24 * time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			first := stopped(t, dir, func(o *office) string { return o.watch("quiet_room").Channel.ID })
			later(t, dir, away)
			o := newOffice(t, dir, 1)
			o.Eventually("the channel is replaced, and the old one stopped", func() bool {
				w := o.watch("quiet_room")
				return w.Channel.ID != first && len(w.Old) == 0 && w.Channel.Expiration.After(o.Clock.Now().Add(6*24*time.Hour))
			})
			o.Shows("quiet_room", "curevmtg", "Free all day")
			o.Add("quiet_room", "After a week", o.Clock.Now().Add(-time.Minute), o.Clock.Now().Add(time.Hour))
			o.Shows("quiet_room", "curevmtg", "After a week")
		})
	}
}

//nolint:tparallel // the cases share one office, in order
func TestOldBugsOfBookings(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	body := map[string]any{"client_id": demoClient, "room_name": "quiet_room", "duration_mins": 10}
	t.Run("11_empty_room_shows_unknown", func(*testing.T) {
		o.Shows("quiet_room", "curevmtg", "Free all day")
		if _, got := o.Call("GET", "/meetings?client_id=demo-client&room_name=quiet_room", demoSecret,
			nil); got["curevmtg"] != "Free all day" || got["busynow"] != 0.0 {
			t.Errorf("GET answered %v", got)
		}
	})
	t.Run("13_secret_is_not_checked", func(t *testing.T) {
		if code, _ := o.Call("POST", "/meetings", "anything", body); code != http.StatusUnauthorized {
			t.Errorf("a booking with a wrong secret was answered %d", code)
		}
		id := o.Add("quiet_room", "A person's", time.Now().Add(5*time.Hour), time.Now().Add(6*time.Hour))
		if code, _ := o.Call("DELETE", "/meetings/"+id, demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "quiet_room"}); code != http.StatusNotFound {
			t.Errorf("a deletion of a person's event was answered %d", code)
		}
	})
	t.Run("12_ten_minutes_become_none_busy_is_400_delete_is_201", func(t *testing.T) {
		code, got := o.Call("POST", "/meetings", demoSecret, body)
		if mins, _ := got["duration_mins"].(float64); code != http.StatusCreated || mins < 10 {
			t.Errorf("ten minutes were answered %d %v", code, got)
		}
		if again, _ := o.Call("POST", "/meetings", demoSecret, body); again != http.StatusConflict {
			t.Errorf("a busy room was answered %d, want 409", again)
		}
		if code, _ := o.Call("DELETE", "/meetings/"+got["id"].(string), demoSecret,
			map[string]any{"client_id": demoClient, "room_name": "quiet_room"}); code != http.StatusNoContent {
			t.Errorf("the deletion was answered %d, want 204", code)
		}
	})
	t.Run("08_all_day_events_crash", func(*testing.T) {
		today := o.Clock.Now().Format(time.DateOnly)
		code, got := o.Call("POST", o.Events("quiet_room", ""), "x", map[string]any{
			"summary": "Inventory", "start": map[string]string{"date": today},
			"end": map[string]string{"date": o.Clock.Now().AddDate(0, 0, 2).Format(time.DateOnly)},
		})
		if code != http.StatusOK {
			t.Fatalf("insert answered %d: %v", code, got)
		}
		o.Shows("quiet_room", "curevmtg", "Inventory")
	})
	t.Run("14_everything_asked_and_told_for_each_change", func(*testing.T) {
		told := func() (names []string) {
			for _, c := range o.b.demo.arduino.Calls() {
				if c.Thing == "quiet_room" {
					names = append(names, c.Variable)
				}
			}
			return names
		}
		o.EveryDoorIsRight() // the changes of the case before are published
		before := len(told())
		code, got := o.Call("GET", o.Events("quiet_room", "")+"?q=Inventory", "x", nil)
		if code != http.StatusOK {
			t.Fatalf("list answered %d", code)
		}
		items := got["items"].([]any)
		id := items[0].(map[string]any)["id"].(string)
		o.Call("PATCH", o.Events("quiet_room", "/"+id), "x", map[string]any{"summary": "Stocktaking"})
		o.Shows("quiet_room", "curevmtg", "Stocktaking")
		time.Sleep(200 * time.Millisecond)
		if got := told()[before:]; len(got) != 1 {
			t.Errorf("%v were told for one value that changed", got)
		}
	})
}

func TestOldBugsOfRules(t *testing.T) {
	t.Parallel()
	room, at := parisRoom(t)
	t.Run("06_the_end_is_never_looked_at", func(t *testing.T) {
		t.Parallel()
		events := []calendar.Event{meetingAt("Over", at("2026-03-02 09:00"), at("2026-03-02 10:00"))}
		if got := room.FieldsAt(events, at("2026-03-02 10:00")); got.BusyNow != 0 || got.CurEvMtg != "Free all day" {
			t.Errorf("after the meeting: %+v", got)
		}
	})
	t.Run("07_organizer_of_the_event_before", func(t *testing.T) {
		t.Parallel()
		first, second := meetingAt("A", at("2026-03-02 09:00"), at("2026-03-02 10:00")),
			meetingAt("B", at("2026-03-02 10:00"), at("2026-03-02 11:00"))
		first.Organizer.Email = "ada@example.com"
		if got := room.FieldsAt([]calendar.Event{first, second},
			at("2026-03-02 09:30")); got.CurOrganizer != "ada@example.com" || got.NextOrganizer != "" {
			t.Errorf("organizers = %q and %q, want the second to have none", got.CurOrganizer, got.NextOrganizer)
		}
	})
	t.Run("09_tomorrow_in_UTC", func(t *testing.T) {
		t.Parallel()
		// 23:30 UTC of the day before
		events := []calendar.Event{meetingAt("Late", at("2026-03-03 00:30"), at("2026-03-03 00:45"))}
		if got := room.FieldsAt(events, at("2026-03-02 23:00")).CurEvMtg; got != "Free all day" {
			t.Errorf("on the evening before: %q", got)
		}
		if got := room.FieldsAt(events, at("2026-03-03 00:00")).CurEvMtg; got != "Free until 00:30" {
			t.Errorf("on the day: %q", got)
		}
	})
	t.Run("10_events_that_do_not_block_and_ten_only", func(t *testing.T) {
		t.Parallel()
		events := make([]calendar.Event, 0, 14)
		for i := range 12 {
			e := meetingAt(fmt.Sprint("free ", i), at("2026-03-02 09:00"), at("2026-03-02 10:00"))
			switch i % 3 {
			case 0:
				e.Transparency = "transparent"
			case 1:
				e.Status = "cancelled"
			default:
				e.EventType = "workingLocation"
			}
			events = append(events, e)
		}
		events = append(events, meetingAt("Real", at("2026-03-02 09:10"), at("2026-03-02 09:40")),
			meetingAt("Beside", at("2026-03-02 09:20"), at("2026-03-02 09:50")))
		s := room.StatusAt(events, at("2026-03-02 09:30"))
		if s.Current == nil || s.Current.Title != "Real" || !s.BusyUntil.Equal(at("2026-03-02 09:50")) {
			t.Errorf("status = %+v", s)
		}
	})
}

// Faults 3 (no channel between stop and watch) and 15 (a message acknowledged
// before it is done) are held in functions/rooms/watch and functions/rooms/status,
// where the neighbour can be made to fail: TestFailedRenewalKeepsTheOldChannel, TestArduinoOutage.
