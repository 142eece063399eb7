package rooms_test

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func timed(id, summary, start, end string) calendar.Event {
	return calendar.Event{
		ID: id, Summary: summary, Start: calendar.Date{DateTime: start}, End: calendar.Date{DateTime: end},
	}
}

func dated(id, start, end string) calendar.Event {
	return calendar.Event{ID: id, Summary: id, Start: calendar.Date{Date: start}, End: calendar.Date{Date: end}}
}

const roomMail = "blue@resource.calendar.google.com"

func paris(t *testing.T) rooms.Room {
	return rooms.Room{Name: "blue_room", CalendarID: roomMail, Locale: "en", Zone: zone(t, "Europe/Paris")}
}

func with(e calendar.Event, change func(*calendar.Event)) calendar.Event {
	change(&e)
	return e
}

func TestWhichEventsBlock(t *testing.T) {
	t.Parallel()
	base := timed("e", "Budget", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
	self := func(answer string) func(*calendar.Event) {
		return func(e *calendar.Event) {
			e.Attendees = []calendar.Attendee{{Email: "x", Self: true, ResponseStatus: answer}}
		}
	}
	tests := []struct {
		name  string
		event calendar.Event
		want  int
	}{
		{"plain", base, 1},
		{"tentative", with(base, func(e *calendar.Event) { e.Status = "tentative" }), 1},
		{"cancelled", with(base, func(e *calendar.Event) { e.Status = "cancelled" }), 0},
		{"cancelled_id_only", calendar.Event{ID: "e", Status: "cancelled"}, 0},
		{"transparent", with(base, func(e *calendar.Event) { e.Transparency = "transparent" }), 0},
		{"working_location", with(base, func(e *calendar.Event) { e.EventType = "workingLocation" }), 0},
		{"birthday", with(base, func(e *calendar.Event) { e.EventType = "birthday" }), 0},
		{"unknown_type", with(base, func(e *calendar.Event) { e.EventType = "somethingNew" }), 1},
		{"room_declined", with(base, self("declined")), 0},
		{"room_needs_action", with(base, self("needsAction")), 1},
		{"declined_by_mail", with(base, func(e *calendar.Event) {
			e.Attendees = []calendar.Attendee{{Email: "Blue@resource.calendar.google.com", ResponseStatus: "declined"}}
		}), 0},
		{"another_resource_declined", with(base, func(e *calendar.Event) { // a projector, say
			e.Organizer = calendar.Person{Email: roomMail, Self: true}
			e.Attendees = []calendar.Attendee{
				{
					Email: "c_beamer@resource.calendar.google.com", Resource: true, ResponseStatus: "declined",
				}, {Email: "ada@example.com", ResponseStatus: "accepted"},
			}
		}), 1},
		{"one_of_two_resources_declined", with(base, func(e *calendar.Event) {
			e.Attendees = []calendar.Attendee{
				{Email: "r@x", Resource: true, ResponseStatus: "declined"}, {Email: "s@x", Resource: true},
			}
		}), 1},
		{"no_end", with(base, func(e *calendar.Event) { e.End = calendar.Date{} }), 0},
		{"no_start", with(base, func(e *calendar.Event) { e.Start = calendar.Date{} }), 0},
		{"zero_length_all_day", dated("e", "2026-03-02", "2026-03-02"), 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := paris(t).FieldsAt([]calendar.Event{tt.event}, at(t, "2026-03-02T10:30:00+01:00")).BusyNow; got != tt.want {
				t.Errorf("busynow = %d, want %d", got, tt.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	morning := timed("a", " Stand-up\n", "2026-03-02T09:00:00+01:00", "2026-03-02T09:30:00+01:00")
	noon := timed("b", "", "2026-03-02T12:00:00+01:00", "2026-03-02T13:00:00+01:00")
	tomorrow := timed("c", "Review", "2026-03-03T15:00:00+01:00", "2026-03-03T16:00:00+01:00")
	tests := []struct {
		name, locale, now string
		events            []calendar.Event
		want              rooms.Fields
	}{
		{"empty", "en", "2026-03-02T08:00:00+01:00", nil, rooms.Fields{CurEvMtg: "Free all day"}},
		{"free_until", "en", "2026-03-02T08:00:00+01:00", []calendar.Event{morning, noon}, rooms.Fields{
			CurEvMtg: "Free until 09:00", NextEvMtg: "Stand-up", NextEvStart: "09:00", NextEvEnd: "09:30",
			NextEvTm: "09:00-09:30", NextEvID: "a",
		}},
		{"busy", "en", "2026-03-02T09:00:00+01:00", []calendar.Event{morning, noon}, rooms.Fields{
			BusyNow: 1, CurEvMtg: "Stand-up", CurEvStart: "09:00", CurEvEnd: "09:30", CurEvTm: "09:00-09:30", CurEvID: "a",
			NextEvMtg: "Private Meeting", NextEvStart: "12:00", NextEvEnd: "13:00", NextEvTm: "12:00-13:00", NextEvID: "b",
		}},
		{"ended_exactly_now", "fr", "2026-03-02T09:30:00+01:00", []calendar.Event{morning, noon}, rooms.Fields{
			CurEvMtg: "Libre jusqu’à 12:00", NextEvMtg: "Réunion privée", NextEvStart: "12:00", NextEvEnd: "13:00",
			NextEvTm: "12:00-13:00", NextEvID: "b",
		}},
		{"next_is_tomorrow", "en", "2026-03-02T14:00:00+01:00", []calendar.Event{tomorrow}, rooms.Fields{
			CurEvMtg: "Free all day", NextEvMtg: "Review", NextEvStart: "2026-03-03 15:00", NextEvEnd: "16:00",
			NextEvTm: "Tue 03 Mar 15:00-16:00", NextEvID: "c",
		}},
		{
			"several_days", "en", "2026-03-02T14:00:00+01:00",
			[]calendar.Event{dated("d", "2026-03-01", "2026-03-04")},
			rooms.Fields{
				BusyNow: 1, CurEvMtg: "d", CurEvStart: "Mar 01", CurEvEnd: "Mar 03", CurEvTm: "Mar 01-Mar 03", CurEvID: "d",
			},
		},
		{
			"all_day_as_times", "fr", "2026-03-02T14:00:00+01:00",
			[]calendar.Event{timed("d", "Séminaire", "2026-03-02T00:00:00+01:00", "2026-03-03T00:00:00+01:00")},
			rooms.Fields{
				BusyNow: 1, CurEvMtg: "Séminaire", CurEvStart: "00:00", CurEvEnd: "00:00",
				CurEvTm: "Toute la journée", CurEvID: "d",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			room := paris(t)
			room.Locale = tt.locale
			if diff := cmp.Diff(tt.want, room.FieldsAt(tt.events, at(t, tt.now))); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllDayIsTheRoomsDay(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Pacific/Honolulu", "Pacific/Tongatapu", "Europe/Paris"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			room := rooms.Room{Zone: zone(t, name)}
			events := []calendar.Event{dated("d", "2026-03-29", "2026-03-30")} // Paris puts its clocks forward
			begins := time.Date(2026, 3, 29, 0, 0, 0, 0, room.Zone)
			ends := time.Date(2026, 3, 30, 0, 0, 0, 0, room.Zone)
			for _, tt := range []struct {
				at   time.Time
				want int
			}{{begins.Add(-time.Second), 0}, {begins, 1}, {ends.Add(-time.Second), 1}, {ends, 0}} {
				if got := room.FieldsAt(events, tt.at).BusyNow; got != tt.want {
					t.Errorf("at %s busynow = %d, want %d", tt.at, got, tt.want)
				}
			}
			if got := room.NextChange(events, begins); !got.Equal(ends) {
				t.Errorf("next change = %s, want %s", got, ends)
			}
		})
	}
}

func TestOrganizerIsNeverTheRoom(t *testing.T) {
	t.Parallel()
	for mail, want := range map[string]string{
		"ada@example.com": "ada@example.com", roomMail: "", "other@resource.calendar.google.com": "",
		"unknownorganizer@calendar.google.com": "", "c_1@group.calendar.google.com": "",
	} {
		e := timed("a", "x", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z")
		e.Organizer.Email = mail
		if got := paris(t).FieldsAt([]calendar.Event{e}, at(t, "2026-03-02T09:00:00Z")).CurOrganizer; got != want {
			t.Errorf("organizer of %s = %q, want %q", mail, got, want)
		}
	}
}

func TestPrivateEventTellsNothing(t *testing.T) {
	t.Parallel()
	e := timed("a", "Layoffs", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z")
	e.Visibility, e.Organizer = "confidential", calendar.Person{Email: "ada@example.com", DisplayName: "Ada"}
	f := paris(t).FieldsAt([]calendar.Event{e}, at(t, "2026-03-02T09:00:00Z"))
	if f.CurEvMtg != "Private Meeting" || f.CurOrganizer != "" || f.BusyNow != 1 {
		t.Errorf("fields = %+v, want a private meeting without organizer", f)
	}
	e.Organizer.Self, e.Attendees = true, []calendar.Attendee{{Self: true, ResponseStatus: "needsAction"}}
	room := paris(t)
	room.Pending = rooms.PendingFree
	if f := room.FieldsAt([]calendar.Event{e.Masked()}, at(t, "2026-03-02T09:00:00Z")); f.BusyNow != 1 ||
		f.CurOrganizer != "" {
		t.Errorf("fields = %+v: what the room itself has organized is no invitation to it", f)
	}
}

func TestBusyUntilEndsTheChain(t *testing.T) {
	t.Parallel()
	events := []calendar.Event{
		timed("a", "a", "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"),
		timed("b", "b", "2026-03-02T09:30:00Z", "2026-03-02T11:00:00Z"),
		timed("c", "c", "2026-03-02T11:00:00Z", "2026-03-02T12:00:00Z"),
		timed("d", "d", "2026-03-02T12:15:00Z", "2026-03-02T13:00:00Z"),
	}
	s := paris(t).StatusAt(events, at(t, "2026-03-02T09:45:00Z"))
	if s.Current.ID != "a" || s.Next.ID != "c" || !s.BusyUntil.Equal(at(t, "2026-03-02T12:00:00Z")) {
		t.Errorf("current %s, next %s, busy until %s", s.Current.ID, s.Next.ID, s.BusyUntil)
	}
}

func TestNextChangeIncludesMidnight(t *testing.T) {
	t.Parallel()
	events := []calendar.Event{timed("c", "Review", "2026-03-03T15:00:00+01:00", "2026-03-03T16:00:00+01:00")}
	got := paris(t).NextChange(events, at(t, "2026-03-02T14:00:00+01:00"))
	if want := at(t, "2026-03-03T00:00:00+01:00"); !got.Equal(want) {
		t.Errorf("next change = %s, want midnight %s: the meeting is then today's", got, want)
	}
}

func TestPlanBooking(t *testing.T) {
	t.Parallel()
	ev := func(start, end string) calendar.Event {
		return timed("x", "x", "2026-03-02T"+start+":00Z", "2026-03-02T"+end+":00Z")
	}
	tests := []struct {
		name, now  string
		events     []calendar.Event
		mins       int
		fit        bool
		start, end string // "" when it does not fit
		available  int
	}{
		{"on_the_quarter", "10:00", nil, 60, false, "10:00", "11:00", 60},
		{"rounded_down", "10:05", nil, 30, false, "10:00", "10:30", 30},
		{"rounded_up_duration", "10:00", nil, 10, false, "10:00", "10:15", 15},
		{"little_left_of_the_slot", "10:09", nil, 30, false, "10:00", "10:45", 30},
		{"after_a_meeting_that_just_ended", "10:07", []calendar.Event{ev("09:00", "10:05")}, 30, false, "10:05", "10:30", 30},
		{"busy", "10:00", []calendar.Event{ev("09:00", "10:30")}, 30, false, "", "", 0},
		{"gets_busy", "10:00", []calendar.Event{ev("10:45", "11:30")}, 60, false, "", "", 45},
		{"fit", "10:00", []calendar.Event{ev("10:45", "11:30")}, 60, true, "10:00", "10:45", 45},
		{"fit_less_than_a_slot", "10:00", []calendar.Event{ev("10:10", "11:30")}, 60, true, "10:00", "10:10", 0},
		{"ends_where_the_next_starts", "10:00", []calendar.Event{ev("10:30", "11:30")}, 30, false, "10:00", "10:30", 30},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := paris(t).PlanBooking(tt.events, at(t, "2026-03-02T"+tt.now+":00Z"), time.Duration(tt.mins)*time.Minute, tt.fit)
			if p.Fits != (tt.start != "") {
				t.Fatalf("fits = %v", p.Fits)
			}
			if got := int(p.Available.Minutes()); got != tt.available {
				t.Errorf("available = %d, want %d", got, tt.available)
			}
			if p.Fits && (!p.Start.Equal(at(t, "2026-03-02T"+tt.start+":00Z")) ||
				!p.End.Equal(at(t, "2026-03-02T"+tt.end+":00Z"))) {
				t.Errorf("plan = %s to %s, want %s to %s", p.Start, p.End, tt.start, tt.end)
			}
		})
	}
}

func TestChannelToken(t *testing.T) {
	t.Parallel()
	token := rooms.ChannelToken("new", "channel", "blue room")
	if room, ok := rooms.CheckChannelToken(token, "channel", "newer", "new"); !ok || room != "blue room" {
		t.Errorf("token under the previous key = %q, %v", room, ok)
	}
	if len(token) > 256 {
		t.Errorf("token has %d characters, the API takes 256", len(token))
	}
	for name, check := range map[string]func() (string, bool){
		"other_channel": func() (string, bool) { return rooms.CheckChannelToken(token, "other", "new") },
		"other_key":     func() (string, bool) { return rooms.CheckChannelToken(token, "channel", "x", "") },
		"no_token":      func() (string, bool) { return rooms.CheckChannelToken("", "channel", "new") },
		"other_room": func() (string, bool) {
			return rooms.CheckChannelToken("room=red&sig="+token[len(token)-64:], "channel", "new")
		},
	} {
		if _, ok := check(); ok {
			t.Errorf("%s is taken for genuine", name)
		}
	}
}

// TestNextChangeIsTheFirst compares NextChange with a walk minute by minute, over both changes of the clocks.
// TestNextChangeOnTheLastDay: a meeting of days that ends at midnight tells so from the midnight before, however far
// off that is.
func TestNextChangeOnTheLastDay(t *testing.T) {
	t.Parallel()
	events := []calendar.Event{timed("c", "Fair", "2026-03-02T12:00:00+01:00", "2026-03-06T00:00:00+01:00")}
	got := paris(t).NextChange(events, at(t, "2026-03-02T13:00:00+01:00"))
	if want := at(t, "2026-03-05T00:00:00+01:00"); !got.Equal(want) {
		t.Errorf("next change = %s, want %s", got, want)
	}
}

// TestEnough: a part of a calendar is enough where no later event could be the current or the next meeting.
func TestEnough(t *testing.T) {
	t.Parallel()
	room, now := paris(t), at(t, "2026-03-02T10:30:00+01:00")
	room.Pending = rooms.PendingTentative
	current := timed("a", "A", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
	beside := timed("b", "B", "2026-03-02T10:15:00+01:00", "2026-03-02T11:15:00+01:00")
	next := timed("c", "C", "2026-03-02T11:00:00+01:00", "2026-03-02T12:00:00+01:00")
	invited := with(next, func(e *calendar.Event) {
		e.Attendees = []calendar.Attendee{{Self: true, ResponseStatus: "needsAction"}}
	})
	for _, tc := range []struct {
		name   string
		events []calendar.Event
		want   bool
	}{
		{"current and next", []calendar.Event{current, next}, true},
		{"two at once, and the next is not known", []calendar.Event{current, beside}, false},
		{"two at once and the next", []calendar.Event{current, beside, next}, true},
		{"an invitation is next, and what takes the room is not known", []calendar.Event{current, invited}, false},
	} {
		if got := room.Enough(tc.events, now); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

func TestNextChangeIsTheFirst(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 7))
			room := rooms.Room{
				Name: "r", Locale: "en",
				Zone: zone(t, []string{"Europe/Paris", "Pacific/Honolulu", "Pacific/Tongatapu", "America/Asuncion"}[seed%4]),
			}
			from := time.Date(2026, []time.Month{3, 10}[seed%2], []int{27, 23}[seed%2], 12, 0, 0, 0, time.UTC)
			events := make([]calendar.Event, 0, 4)
			for i := range 1 + r.IntN(4) {
				start := from.Add(time.Duration(r.IntN(72*4)) * 15 * time.Minute)
				e := timed(strconv.Itoa(i), "m", start.Format(time.RFC3339),
					start.Add(time.Duration(1+r.IntN(200))*15*time.Minute).Format(time.RFC3339))
				if r.IntN(4) == 0 {
					day := start.In(room.Zone)
					e = dated(strconv.Itoa(i), day.Format(time.DateOnly), day.AddDate(0, 0, 1+r.IntN(2)).Format(time.DateOnly))
				}
				events = append(events, e)
			}
			next := from
			for now := from; now.Before(from.Add(100 * time.Hour)); now = now.Add(5 * time.Minute) {
				if room.FieldsAt(events, now) == room.FieldsAt(events, next) {
					continue
				}
				if got := room.NextChange(events, next); !got.Equal(now) {
					t.Fatalf("after %s the next change is told for %s; it is at %s (%+v)", next.In(room.Zone), got.In(room.Zone),
						now.In(room.Zone), events)
				}
				next = now
			}
		})
	}
}

func TestSettingsThatTheSchemaCannotCheck(t *testing.T) {
	t.Parallel()
	s := rooms.Settings{
		TimeZone: "Mars/Olympus", Rooms: []rooms.RoomSettings{{Name: "blue"}, {Name: "blue", TimeZone: "Paris"}},
	}
	err := s.Validate()
	for _, part := range []string{
		"/time_zone", "Mars/Olympus", "/rooms/1/room_name", "/rooms/0", "/rooms/1/time_zone", "Paris",
	} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not name %q", err, part)
		}
	}
}

func TestZoneOfTheCalendar(t *testing.T) {
	t.Parallel()
	s := rooms.Settings{Rooms: []rooms.RoomSettings{{Name: "guessed"}, {Name: "set", TimeZone: "Europe/Paris"}}}
	guessed, _ := s.Room("guessed", "", "Asia/Tokyo")
	set, _ := s.Room("set", "Asia/Tokyo")
	for _, tt := range []struct {
		room rooms.Room
		want string
	}{
		{guessed, "Asia/Tokyo"},
		{guessed.In("Pacific/Honolulu"), "Pacific/Honolulu"},
		{guessed.In("nowhere"), "Asia/Tokyo"},
		{set, "Europe/Paris"},
		{set.In("Pacific/Honolulu"), "Europe/Paris"},
	} {
		if got := tt.room.Zone.String(); got != tt.want {
			t.Errorf("zone = %s, want %s", got, tt.want)
		}
	}
}
