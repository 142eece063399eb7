package campus_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// october is a step of a school year's window.
func october() campus.Step {
	at := func(text string) time.Time {
		t, err := time.ParseInLocation(time.DateOnly, text, paris)
		if err != nil {
			panic(err)
		}
		return t
	}
	return campus.Step{
		Zone: paris, Now: at("2026-10-01"), Window: calendar.Interval{Start: at("2026-08-01"), End: at("2027-08-01")},
	}
}

// TestMistypedYearIsPutAside: a lesson whose dates cannot be right is put aside with the reason; long ones that can
// be are kept.
func TestMistypedYearIsPutAside(t *testing.T) {
	t.Parallel()
	step := october()
	for name, tt := range map[string]struct {
		start, end time.Time
		why        string
	}{
		"plain":      {wall("2026-10-13 10:00"), wall("2026-10-13 12:00"), ""},
		"internship": {wall("2027-01-04 08:00"), wall("2027-07-02 17:00"), ""},
		"ends_next_year": {
			wall("2026-10-13 10:00"), wall("2027-10-13 12:00"), "lasts from 2026-10-13 to 2027-10-13",
		},
		"ends_in_2042": {
			wall("2026-10-13 10:00"), wall("2042-10-13 12:00"), "lasts from 2026-10-13 to 2042-10-13",
		},
		"begins_in_1926": {wall("1926-10-13 11:00"), wall("2026-10-13 12:00"), "lasts from 1926-10-13"},
		"is_in_2062": {
			wall("2062-10-13 10:00"), wall("2062-10-13 12:00"), "2062-10-13, more than a year outside",
		},
		"is_in_2012": {
			wall("2012-10-13 10:00"), wall("2012-10-13 12:00"), "2012-10-13, more than a year outside",
		},
		"year_of_five_digits": {
			time.UnixMilli(999999999999999), time.UnixMilli(999999999999999), "more than a year outside",
		},
		"began_before_window":  {wall("2026-07-20 07:00"), wall("2026-08-03 17:00"), ""},
		"leap_day_of_a_window": {wall("2028-02-29 11:00"), wall("2028-02-29 13:00"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := campus.NewReading([]campus.Class{
				lesson(1, func(c *campus.Class) { c.Start, c.End = tt.start, tt.end }),
				lesson(2, func(c *campus.Class) { c.Title = "Maths" }),
			}, nil).Within(step.Window, paris)
			aside := ""
			if len(r.Unreadable) > 0 {
				aside = r.Unreadable[0].Why
			}
			if !strings.Contains(aside, tt.why) || len(r.Classes)+len(r.Unreadable) != 2 ||
				(tt.why == "") != (aside == "") || !r.Whole() {
				t.Errorf("put aside: %q, want %q; %d classes, whole %v", aside, tt.why, len(r.Classes), r.Whole())
			}
		})
	}
}

// TestMisdatedClassesLeave: a class from before lessons were checked leaves the timetable; one that is mistyped now
// stays as it was.
func TestMisdatedClassesLeave(t *testing.T) {
	t.Parallel()
	step := october()
	class := func(course int64, end time.Time) campus.Class {
		start := time.Date(2026, 10, 13, 8, 0, 0, 0, time.UTC)
		return campus.Class{
			ID: "wigor-" + string(rune('0'+course)), Course: course, Title: "Anglais",
			Room: string(rune('A' + course)), Start: start, End: end,
		}
	}
	good := time.Date(2026, 10, 13, 10, 0, 0, 0, time.UTC)
	known := []campus.Class{class(1, good.AddDate(16, 0, 0)), class(2, good)}
	mistyped := func(n int64) campus.Class {
		return lesson(n, func(c *campus.Class) { c.End = wall("2042-10-13 12:00") })
	}
	r := campus.NewReading([]campus.Class{mistyped(1), mistyped(2)}, nil).Within(step.Window, paris)
	a, err := step.Accept(known, r)
	if err != nil || len(a.Timetable) != 1 || a.Timetable[0].ID != "wigor-2" || len(a.Removed) != 1 || len(a.Held) != 1 ||
		a.Held[0].Code != campus.HeldUnreadable {
		t.Errorf("timetable %v, removed %v, held %v, %v", a.Timetable, a.Removed, a.Held, err)
	}
}

// TestWindowIsBounded: a window of more years than a timetable has is a mistake in the settings.
func TestWindowIsBounded(t *testing.T) {
	t.Parallel()
	for dates, ok := range map[[2]string]bool{
		{"2026-09-01", "2027-07-31"}: true, {"2021-09-01", "2031-08-31"}: true,
		{"2026-09-01", "2206-07-31"}: false, {"0001-01-01", "2027-07-31"}: false, {"-9999d", "+9999d"}: false,
	} {
		_, err := campus.Instance{StartDate: dates[0], EndDate: dates[1]}.Window(october().Now)
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "10 years") {
			t.Errorf("%v: %v", dates, err)
		}
	}
}

// TestStale: a reading is old once two scheduled runs should have made a newer one, whatever the hour, the season
// and the clock.
func TestStale(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		read, now string
		want      bool
	}{
		{"2026-10-12 10:46", "2026-10-12 11:50", false},
		{"2026-10-12 10:46", "2026-10-12 12:50", false},
		{"2026-10-12 10:46", "2026-10-12 12:57", true},
		{"2026-10-12 18:46", "2026-10-13 06:40", false},
		{"2026-10-12 18:46", "2026-10-13 08:00", true}, // the night
		{"2026-10-24 18:46", "2026-10-25 07:50", false},
		{"2027-03-27 18:46", "2027-03-28 07:50", false}, // the clocks change
		{"2028-12-31 10:46", "2028-12-31 11:50", false},
		{"2040-12-31 18:46", "2041-01-01 06:40", false},
		{"2040-12-31 18:46", "2041-01-01 08:00", true},
		{"2026-10-13 10:46", "2026-10-12 10:46", true}, // the clock was ahead
	} {
		at := func(text string) time.Time {
			at, err := time.ParseInLocation("2006-01-02 15:04", text, paris)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		if got := campus.Stale(at(tt.read), at(tt.now)); got != tt.want {
			t.Errorf("read %s, at %s: stale %v", tt.read, tt.now, got)
		}
	}
	if !campus.Stale(time.Time{}, time.Now()) {
		t.Error("what was never read is not stale")
	}
}
