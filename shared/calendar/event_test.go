package calendar_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.UTC()
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestEventInterval(t *testing.T) {
	t.Parallel()
	dates := func(start, end string) calendar.Event {
		return calendar.Event{Start: calendar.Date{Date: start}, End: calendar.Date{Date: end}}
	}
	times := func(start, end, zone string) calendar.Event {
		return calendar.Event{
			Start: calendar.Date{DateTime: start, TimeZone: zone},
			End:   calendar.Date{DateTime: end, TimeZone: zone},
		}
	}
	for name, tt := range map[string]struct {
		event      calendar.Event
		start, end string // "" where it has none
	}{
		"times": {
			times("2026-03-02T10:00:00+01:00", "2026-03-02T11:30:00+01:00", ""), "2026-03-02T09:00:00Z",
			"2026-03-02T10:30:00Z",
		},
		"fractions": {
			times("2026-03-02T10:00:00.5+01:00", "2026-03-02T11:00:00+01:00", ""), "2026-03-02T09:00:00.5Z",
			"2026-03-02T10:00:00Z",
		},
		"spaces": {
			times(" 2026-03-02T10:00:00Z ", "2026-03-02T11:00:00Z", ""), "2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z",
		},
		"an_offset_beats_a_zone": {
			times("2026-03-02T10:00:00Z", "2026-03-02T11:00:00Z", "Asia/Tokyo"), "2026-03-02T10:00:00Z",
			"2026-03-02T11:00:00Z",
		},
		"a_zone_without_offset": {
			times("2026-03-02T10:00:00", "2026-03-02T11:00:00", "Asia/Tokyo"), "2026-03-02T01:00:00Z",
			"2026-03-02T02:00:00Z",
		},
		"neither": {
			times("2026-03-02T10:00:00", "2026-03-02T11:00:00", ""), "2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z",
		},
		"an_unknown_zone": {
			times("2026-03-02T10:00:00", "2026-03-02T11:00:00", "GMT+02:00"), "2026-03-02T09:00:00Z",
			"2026-03-02T10:00:00Z",
		},
		"no_end": {
			times("2026-03-02T10:00:00Z", "", ""), "2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z",
		},
		"an_unreadable_end": {
			times("2026-03-02T10:00:00Z", "soon", ""), "2026-03-02T10:00:00Z", "2026-03-02T10:00:00Z",
		},
		"an_unreadable_start":    {times("soon", "2026-03-02T10:00:00Z", ""), "", ""},
		"nothing":                {calendar.Event{}, "", ""},
		"a_day":                  {dates("2026-03-02", "2026-03-03"), "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		"a_day_without_end":      {dates("2026-03-02", ""), "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		"a_day_that_ends_on_it":  {dates("2026-03-02", "2026-03-02"), "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		"a_day_of_23_hours":      {dates("2026-03-29", "2026-03-30"), "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"a_month_of_no_calendar": {dates("2026-13-01", "2026-13-02"), "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := tt.event.Interval(zone(t, "Europe/Paris"))
			if ok != (tt.start != "") {
				t.Fatalf("readable: %v", ok)
			}
			if ok && (!got.Start.Equal(at(t, tt.start)) || !got.End.Equal(at(t, tt.end))) {
				t.Errorf("from %s to %s, want %s to %s", got.Start, got.End, tt.start, tt.end)
			}
		})
	}
}

// TestIntervalsAreHalfOpen: two meetings that touch do not overlap, and the end is no longer within.
func TestIntervalsAreHalfOpen(t *testing.T) {
	t.Parallel()
	span := func(from, to int) calendar.Interval {
		start := at(t, "2026-03-02T00:00:00Z")
		return calendar.Interval{
			Start: start.Add(time.Duration(from) * time.Hour),
			End:   start.Add(time.Duration(to) * time.Hour),
		}
	}
	i := span(10, 12)
	for hour, want := range map[int]bool{9: false, 10: true, 11: true, 12: false} {
		if got := i.Contains(span(hour, hour).Start); got != want {
			t.Errorf("hour %d is within: %v", hour, got)
		}
	}
	for name, tt := range map[string]struct {
		other calendar.Interval
		want  bool
	}{
		"before": {span(8, 10), false}, "after": {span(12, 14), false}, "itself": {i, true},
		"inside": {span(11, 12), true},
		"around": {span(9, 13), true}, "over_the_start": {span(9, 11), true}, "over_the_end": {span(11, 13), true},
	} {
		if got := i.Overlaps(tt.other); got != tt.want || tt.other.Overlaps(i) != tt.want {
			t.Errorf("%s: overlaps %v, want %v both ways", name, got, tt.want)
		}
	}
}

// TestAllDay: resource calendars write whole days as times, from one midnight of the calendar's zone to another.
func TestAllDay(t *testing.T) {
	t.Parallel()
	paris := zone(t, "Europe/Paris")
	times := func(start, end string) calendar.Event {
		return calendar.Event{ID: "a", Start: calendar.Date{DateTime: start}, End: calendar.Date{DateTime: end}}
	}
	days := func(start, end string) calendar.Event {
		return calendar.Event{ID: "a", Start: calendar.Date{Date: start}, End: calendar.Date{Date: end}}
	}
	for name, tt := range map[string]struct {
		event calendar.Event
		want  bool
		dated calendar.Event
	}{
		"as_dates": {days("2026-03-02", "2026-03-03"), true, days("2026-03-02", "2026-03-03")},
		"from_midnight": {
			times("2026-03-02T00:00:00+01:00", "2026-03-04T00:00:00+01:00"), true, days("2026-03-02", "2026-03-04"),
		},
		"over_summer_time": {
			times("2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"), true, days("2026-03-29", "2026-03-30"),
		},
		"of_no_length": {
			times("2026-03-02T00:00:00+01:00", "2026-03-02T00:00:00+01:00"), false, calendar.Event{},
		},
		"begins_at_one": {
			times("2026-03-02T01:00:00+01:00", "2026-03-03T00:00:00+01:00"), false, calendar.Event{},
		},
		"ends_at_one": {
			times("2026-03-02T00:00:00+01:00", "2026-03-03T01:00:00+01:00"), false, calendar.Event{},
		},
		"midnight_in_greece": {
			times("2026-03-02T00:00:00+02:00", "2026-03-03T00:00:00+02:00"), false, calendar.Event{},
		},
		"that_cannot_be_read": {times("soon", "later"), false, calendar.Event{}},
		"a_date_and_then_time": {
			calendar.Event{
				ID: "a", Start: calendar.Date{DateTime: "2026-03-02T00:00:00+01:00"},
				End: calendar.Date{Date: "2026-03-03"},
			},
			true,
			calendar.Event{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.event.AllDay(paris); got != tt.want {
				t.Errorf("all day: %v, want %v", got, tt.want)
			}
			want := tt.dated
			if want.ID == "" {
				want = tt.event
			}
			if diff := cmp.Diff(want, tt.event.Dated(paris)); diff != "" {
				t.Errorf("dated (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.event, tt.event.Dated(nil)); diff != "" {
				t.Errorf("without a zone (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMidnight: a day begins with its first instant, which is 01:00 where the clocks go forward at midnight.
func TestMidnight(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ zone, during, start, next string }{
		"plain":              {"Europe/Paris", "2026-03-02T12:00:00Z", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		"just_before":        {"Europe/Paris", "2026-03-02T22:59:59Z", "2026-03-01T23:00:00Z", "2026-03-02T23:00:00Z"},
		"at_midnight":        {"Europe/Paris", "2026-03-02T23:00:00Z", "2026-03-02T23:00:00Z", "2026-03-03T23:00:00Z"},
		"23_hours":           {"Europe/Paris", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		"25_hours":           {"Europe/Paris", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"},
		"no_midnight":        {"Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00Z"},
		"the_end_of_a_month": {"UTC", "2026-02-28T12:00:00Z", "2026-02-28T00:00:00Z", "2026-03-01T00:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loc, during := zone(t, tt.zone), at(t, tt.during)
			if got := calendar.DayStart(during, loc); !got.Equal(at(t, tt.start)) || got.Location() != time.UTC {
				t.Errorf("the day begins at %s, want %s", got, tt.start)
			}
			if got := calendar.NextMidnight(during, loc); !got.Equal(at(t, tt.next)) {
				t.Errorf("the next begins at %s, want %s", got, tt.next)
			}
		})
	}
}

func TestZone(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		names []string
		want  string
	}{
		"first":                {[]string{"Europe/Paris", "Asia/Tokyo"}, "Europe/Paris"},
		"first_that_is_one":    {[]string{"", "Nowhere/City", "Asia/Tokyo"}, "Asia/Tokyo"},
		"the_machine's_is_not": {[]string{"Local", "Asia/Tokyo"}, "Asia/Tokyo"},
		"none":                 {[]string{"", "GMT+02:00"}, "UTC"},
		"no_names":             {nil, "UTC"},
	} {
		for range 2 { // the second comes from memory
			if got := calendar.Zone(time.UTC, tt.names...); got.String() != tt.want {
				t.Errorf("%s: zone %s, want %s", name, got, tt.want)
			}
		}
	}
}

// TestMasked: of a private event nobody learns more than its time.
func TestMasked(t *testing.T) {
	t.Parallel()
	for visibility, hidden := range map[string]bool{
		"private": true, "confidential": true, "public": false, "default": false, "": false,
	} {
		e := calendar.Event{
			ID:         "a",
			Summary:    "Board",
			Visibility: visibility,
			Organizer:  calendar.Person{Email: "a@x", DisplayName: "A", Self: true},
		}
		want := e
		if hidden {
			want.Summary, want.Organizer = "", calendar.Person{Self: true}
		}
		if diff := cmp.Diff(want, e.Masked()); diff != "" || e.Private() != hidden {
			t.Errorf("visibility %q (-want +got):\n%s", visibility, diff)
		}
	}
}

func TestWritten(t *testing.T) {
	t.Parallel()
	if got := calendar.Written(at(t, "2026-11-26T13:30:00Z"), zone(t, "Europe/Paris")); got != "2026-11-26 14:30 CET" {
		t.Errorf("written %q", got)
	}
}
