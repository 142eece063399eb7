package rooms_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

func TestKnowledge(t *testing.T) {
	t.Parallel()
	read := at(t, "2026-03-02T14:05:00+01:00")
	fault := &rooms.Fault{Code: "notFound"}
	for _, tc := range []struct {
		name         string
		s            rooms.Snapshot
		now          time.Time
		known, stale bool
		free         string // what a door without meetings shows
	}{
		{"never read", rooms.Snapshot{}, read, false, false, "No data yet"},
		{"never readable", rooms.Snapshot{CalendarFault: fault}, read, false, false, "No data yet"},
		{"just read", rooms.Snapshot{FetchedAt: read}, read, true, false, "Free all day"},
		{"an hour ago", rooms.Snapshot{FetchedAt: read}, read.Add(time.Hour), true, false, "Free all day"},
		{"a listing was missed", rooms.Snapshot{FetchedAt: read}, read.Add(80 * time.Minute), true, true, "Free all day"},
		{
			"unreadable since",
			rooms.Snapshot{FetchedAt: read, CalendarFault: fault},
			read.Add(time.Minute),
			true, true, "Free all day",
		},
		{"too long ago", rooms.Snapshot{FetchedAt: read}, read.Add(rooms.TrustTime), false, true, "No data since 14:05"},
		{
			"on Friday",
			rooms.Snapshot{FetchedAt: read, CalendarFault: fault},
			read.AddDate(0, 0, 4), false,
			true, "No data since Mar 02",
		},
		{"our clock is slow", rooms.Snapshot{FetchedAt: read}, read.Add(-time.Minute), true, false, "Free all day"},
		{"our clock is wrong", rooms.Snapshot{FetchedAt: read}, read.Add(-time.Hour), false, false, "No data since 14:05"},
	} {
		k := tc.s.Knowledge(tc.now)
		f := paris(t).FieldsOf(&tc.s, tc.now)
		if k.Known != tc.known || k.Stale != tc.stale || f.CurEvMtg != tc.free || (f.BusyNow == 0) != tc.known {
			t.Errorf("%s: %+v, busynow %d, %q; want known %v, stale %v, %q", tc.name, k, f.BusyNow, f.CurEvMtg,
				tc.known, tc.stale, tc.free)
		}
	}
}

// The display turns by itself when the calendar was not read for too long, and when "since 14:05" becomes a date.
func TestNextChangeOfKnowledge(t *testing.T) {
	t.Parallel()
	read := at(t, "2026-03-02T14:05:00+01:00")
	s := &rooms.Snapshot{FetchedAt: read}
	var changes []string
	for now := paris(t).NextChangeOf(s, read); !now.IsZero() && len(changes) < 10; now = paris(t).NextChangeOf(s, now) {
		changes = append(changes, now.In(paris(t).Zone).Format("15:04 ")+paris(t).FieldsOf(s, now).CurEvMtg)
	}
	if got, want := strings.Join(changes, ", "), "16:20 No data since 14:05, 00:00 No data since Mar 02"; got != want {
		t.Errorf("changes: %s; want %s", got, want)
	}
}

func TestMeetingsOverMidnight(t *testing.T) {
	t.Parallel()
	night := timed("n", "Night", "2026-11-25T23:00:00+01:00", "2026-11-26T00:30:00+01:00")
	fair := timed("f", "Fair", "2026-11-25T14:00:00+01:00", "2026-11-27T12:00:00+01:00")
	for _, tc := range []struct {
		event                 calendar.Event
		now, start, end, span string
	}{
		{night, "2026-11-25T23:10:00+01:00", "23:00", "00:30", "23:00-00:30"},
		{night, "2026-11-26T00:10:00+01:00", "23:00", "00:30", "23:00-00:30"},
		{fair, "2026-11-25T15:00:00+01:00", "Nov 25", "Nov 27", "Nov 25-Nov 27"},
		{fair, "2026-11-26T15:00:00+01:00", "Nov 25", "Nov 27", "Nov 25-Nov 27"},
		{fair, "2026-11-27T09:00:00+01:00", "Nov 25", "12:00", "until 12:00"},
		{dated("a", "2026-11-25", "2026-11-28"), "2026-11-27T09:00:00+01:00", "Nov 25", "Nov 27", "Nov 25-Nov 27"},
	} {
		f := paris(t).FieldsAt([]calendar.Event{tc.event}, at(t, tc.now))
		if f.CurEvStart != tc.start || f.CurEvEnd != tc.end || f.CurEvTm != tc.span {
			t.Errorf("%s at %s: %q, %q, %q; want %q, %q, %q", tc.event.ID, tc.now, f.CurEvStart, f.CurEvEnd, f.CurEvTm,
				tc.start, tc.end, tc.span)
		}
	}
	next := paris(t).FieldsAt([]calendar.Event{night}, at(t, "2026-11-24T09:00:00+01:00"))
	if next.NextEvTm != "Wed 25 Nov 23:00-00:30" {
		t.Errorf("on another day: %q", next.NextEvTm)
	}
	if at1 := paris(t).NextChange([]calendar.Event{fair},
		at(t, "2026-11-26T15:00:00+01:00")); !at1.Equal(at(t, "2026-11-27T00:00:00+01:00")) {
		t.Errorf("the last day's text begins at %s", at1)
	}
}

// A door never goes red without words, and no text harms a device or the text beside it.
func TestTitlesThatNobodySees(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"\u200b":                     "Private Meeting",
		"\u200b\u200d \ufe0f":        "Private Meeting",
		"\u2800\u3164":               "Private Meeting",
		"\u00a0\u202f\u3000":         "Private Meeting",
		"\U000e0041\U000e0042":       "Private Meeting",
		"A\U000e0041B\ufff9C\ufffbD": "ABCD",
		"a\u202eb\u2066c":            "abc",
		"x\u00ad\u200by":             "xy",
		"👨\u200d👩\u200d👧":            "👨\u200d👩\u200d👧",
		"e\u0301te\u0301":            "e\u0301te\u0301",
		"می\u200cخواهم":              "می\u200cخواهم",
	} {
		e := timed("e", title, "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
		if got := paris(t).FieldsAt([]calendar.Event{e}, at(t, "2026-03-02T10:30:00+01:00")).CurEvMtg; got != want {
			t.Errorf("%+q is shown as %+q, want %+q", title, got, want)
		}
	}
	e := timed("e", strings.Repeat("é", 100_000), "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
	if got := paris(t).FieldsAt([]calendar.Event{e},
		at(t, "2026-03-02T10:30:00+01:00")).CurEvMtg; utf8.RuneCountInString(got) != 250 {
		t.Errorf("a title of 100,000 characters is shown with %d", utf8.RuneCountInString(got))
	}
}

func TestLongIDsFitADevice(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, id := range []string{
		"short", strings.Repeat("a", 64), strings.Repeat("a", 65), strings.Repeat("a", 300) + "1",
		strings.Repeat("a", 300) + "2", strings.Repeat("é", 500),
	} {
		e := timed(id, "T", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
		got := paris(t).FieldsAt([]calendar.Event{e}, at(t, "2026-03-02T10:30:00+01:00")).CurEvID
		if len(got) > 64 || seen[got] || len(id) <= 64 && got != id || !utf8.ValidString(got) {
			t.Errorf("id of %d bytes: %q", len(id), got)
		}
		seen[got] = true
	}
}

// Whole days of a calendar are whole days of a room in another zone, in both forms in which Google writes them.
func TestAllDayInAnotherZone(t *testing.T) {
	t.Parallel()
	honolulu, err := time.LoadLocation("Pacific/Honolulu")
	if err != nil {
		t.Fatal(err)
	}
	room := rooms.Room{Name: "blue", Zone: honolulu}.In("Europe/Paris")
	for _, e := range []calendar.Event{
		dated("e", "2026-11-25", "2026-11-26"), timed("e", "e", "2026-11-25T00:00:00+01:00", "2026-11-26T00:00:00+01:00"),
	} {
		for now, busy := range map[string]int{
			"2026-11-24T23:59:00-10:00": 0, "2026-11-25T00:00:00-10:00": 1, "2026-11-25T23:59:00-10:00": 1,
			"2026-11-26T00:00:00-10:00": 0,
		} {
			f := room.FieldsAt([]calendar.Event{e}, at(t, now))
			if f.BusyNow != busy || busy == 1 && f.CurEvTm != "All day" {
				t.Errorf("%+v at %s: busynow %d, %q", e.Start, now, f.BusyNow, f.CurEvTm)
			}
		}
	}
}

// An invitation that the room has not answered shows nobody's title, and blocks the room as the settings say.
func TestPendingInvitations(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"needsAction", "tentative"} {
		e := timed("e", "Buy now", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00")
		e.Organizer = calendar.Person{Email: "stranger@example.com"}
		e.Attendees = []calendar.Attendee{{Email: roomMail, Self: true, ResponseStatus: answer}}
		for pending, want := range map[string]struct {
			busy     int
			cur      string
			next     string // an hour before
			bookable bool
		}{
			"":                     {1, "Not confirmed yet", "Not confirmed yet", false},
			rooms.PendingBusy:      {1, "Not confirmed yet", "Not confirmed yet", false},
			rooms.PendingFree:      {0, "Free all day", "", true},
			rooms.PendingTentative: {0, "Free all day", "Not confirmed yet", true},
		} {
			room := paris(t)
			room.Pending = pending
			now := at(t, "2026-03-02T10:30:00+01:00")
			f := room.FieldsAt([]calendar.Event{e}, now)
			before := room.FieldsAt([]calendar.Event{e}, now.Add(-time.Hour))
			plan := room.PlanBooking([]calendar.Event{e}, now, 15*time.Minute, false)
			if f.BusyNow != want.busy || f.CurEvMtg != want.cur || before.NextEvMtg != want.next ||
				f.CurOrganizer+before.NextOrganizer != "" || plan.Fits != want.bookable {
				t.Errorf("%s, %q: %+v; before %+v; bookable %v", answer, pending, f, before, plan.Fits)
			}
		}
		room, now := paris(t), at(t, "2026-03-02T10:30:00+01:00")
		room.Pending = rooms.PendingTentative
		// who sees it there takes the room for busy
		if coming := room.StatusAt([]calendar.Event{e}, now).Coming; len(coming) > 0 {
			t.Errorf("%s: while it goes on and takes nothing, there is %+v", answer, coming)
		}
		e.Organizer.Self = true // the room's own
		if f := paris(t).FieldsAt([]calendar.Event{e}, at(t, "2026-03-02T10:30:00+01:00")); f.CurEvMtg != "Buy now" {
			t.Errorf("the room's own event is shown as %q", f.CurEvMtg)
		}
	}
}

// FuzzStatus: whatever a calendar holds, a display's texts are short, the colour agrees with them, and the next change
// is a change.
func FuzzStatus(f *testing.F) {
	f.Add("Board", "2026-03-02T10:00:00+01:00", "2026-03-02T11:00:00+01:00", "accepted", int64(0))
	f.Add("\u200b", "2026-03-29T02:30:00", "2026-10-25", "needsAction", int64(3600))
	f.Add("x", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "declined", int64(-1<<40))
	f.Fuzz(func(t *testing.T, title, start, end, answer string, offset int64) {
		base := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		now := base.Add(time.Duration(offset%(1<<32)) * time.Second)
		dates := func(s string) calendar.Date {
			if len(s) <= len(time.DateOnly) {
				return calendar.Date{Date: s}
			}
			return calendar.Date{DateTime: s}
		}
		e := calendar.Event{
			ID: title, Summary: title, Start: dates(start), End: dates(end),
			Attendees: []calendar.Attendee{{Self: true, ResponseStatus: answer}},
		}
		for _, pending := range []string{rooms.PendingBusy, rooms.PendingFree, rooms.PendingTentative} {
			room := paris(t)
			room.Pending = pending
			s := &rooms.Snapshot{FetchedAt: base, Events: []calendar.Event{e}}
			got := room.FieldsOf(s, now)
			for _, v := range rooms.Variables {
				if text, ok := v.Value(got).(string); ok && len(text) > 64 {
					t.Errorf("%s has %d bytes", v.Name, len(text))
				}
			}
			if status := room.StatusOf(s, now); (got.BusyNow == 0) != (status.Current == nil && !status.Unknown) ||
				got.CurEvMtg == "" {
				t.Errorf("busynow %d, %q of %+v", got.BusyNow, got.CurEvMtg, status)
			}
			if next := room.NextChangeOf(s, now); !next.IsZero() && (!next.After(now) || room.FieldsOf(s, next) == got) {
				t.Errorf("nothing changes at %s", next)
			}
		}
	})
}

// FuzzChannelToken: only a token that our key signed for this channel opens anything.
func FuzzChannelToken(f *testing.F) {
	f.Add(rooms.ChannelToken("key", "channel", "Salle de réunion"), "channel")
	f.Add("room=a&sig=", "channel")
	f.Add("room=%zz;sig=0", "")
	f.Fuzz(func(t *testing.T, token, channel string) {
		room, ok := rooms.CheckChannelToken(token, channel, "key", "")
		if !ok {
			return
		}
		if again, same := rooms.CheckChannelToken(rooms.ChannelToken("key", channel, room), channel, "key"); !same ||
			again != room {
			t.Errorf("token %q of channel %q is taken for room %q", token, channel, room)
		}
		if _, other := rooms.CheckChannelToken(token, channel+"x", "key"); other {
			t.Errorf("token %q is taken for another channel", token)
		}
	})
}
