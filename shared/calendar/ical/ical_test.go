package ical_test

import (
	"archive/zip"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	ics "github.com/arran4/golang-ical"

	"github.com/carillon-calendar/carillon/shared/calendar/ical"
)

// slim reads a zone as Go's own data holds it: a rule in place of the changes of years to come.
func slim(t *testing.T, name string) *time.Location {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	all, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	file, err := all.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// european are the changes of the European Union's clocks between two instants, by its rule: the last Sundays of
// March and October, at 01:00 UTC.
func european(from, until time.Time) []string {
	list := []string{"19700101T000000"}
	for year := from.Year(); year <= until.Year(); year++ {
		for _, change := range []struct {
			month  time.Month
			before time.Duration
		}{{time.March, time.Hour}, {time.October, 2 * time.Hour}} {
			at := time.Date(year, change.month, 31, 1, 0, 0, 0, time.UTC)
			at = at.AddDate(0, 0, -int(at.Weekday()))
			if at.After(from) && !at.After(until) {
				list = append(list, at.Add(change.before).Format("20060102T150405"))
			}
		}
	}
	return list
}

// TestTimezoneListsEachChangeOnce: with full and slim zone data, for days on which the zone's own bounds mislead, the
// list ends, and has each change of the clocks once.
func TestTimezoneListsEachChangeOnce(t *testing.T) {
	t.Parallel()
	full, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	paris := slim(t, "Europe/Paris")
	howe := []string{"19700101T000000", "20280402T020000", "20281001T020000", "20290401T020000"} // half an hour
	auckland := []string{"19700101T000000", "20280402T030000", "20280924T020000"}
	for name, tt := range map[string]struct {
		zone        *time.Location
		from, until string
		want        []string // nil: by the European rule
	}{
		"school_year":              {full, "2026-09-01T06:00:00Z", "2027-07-09T15:00:00Z", nil},
		"school_year_slim":         {paris, "2026-09-01T06:00:00Z", "2027-07-09T15:00:00Z", nil},
		"end_of_2027":              {paris, "2027-12-31T23:30:00Z", "2028-12-31T23:30:00Z", nil},
		"leap_year_slim":           {paris, "2028-09-01T06:00:00Z", "2029-07-09T15:00:00Z", nil},
		"from_31_december_slim":    {paris, "2028-12-31T08:00:00Z", "2029-12-31T08:00:00Z", nil},
		"from_31_december_2040":    {full, "2040-12-31T08:00:00Z", "2041-12-31T08:00:00Z", nil},
		"over_2040":                {full, "2026-10-14T08:00:00Z", "2042-10-14T10:00:00Z", nil},
		"over_2040_slim":           {paris, "2026-10-14T08:00:00Z", "2042-10-14T10:00:00Z", nil},
		"century_without_leap_day": {paris, "2099-12-31T08:00:00Z", "2101-06-01T08:00:00Z", nil},
		"29_february":              {paris, "2028-02-29T08:00:00Z", "2028-02-29T10:00:00Z", nil},
		"over_spring_forward":      {paris, "2028-03-26T00:59:59Z", "2028-03-26T01:30:00Z", nil},
		"after_spring_forward":     {paris, "2028-03-26T01:00:00Z", "2028-03-26T02:00:00Z", nil},
		"over_fall_back":           {full, "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", nil},
		"one_instant":              {paris, "2028-12-31T08:00:00Z", "2028-12-31T08:00:00Z", nil},
		"ends_before_it_begins":    {paris, "2028-12-31T08:00:00Z", "2027-12-31T08:00:00Z", nil},
		"half_an_hour":             {slim(t, "Australia/Lord_Howe"), "2028-01-01T00:00:00Z", "2029-05-01T00:00:00Z", howe},
		"south":                    {slim(t, "Pacific/Auckland"), "2027-12-31T12:00:00Z", "2028-12-31T12:00:00Z", auckland},
		"no_change": {
			slim(t, "Asia/Tokyo"), "2027-12-31T12:00:00Z", "2040-12-31T12:00:00Z", []string{"19700101T000000"},
		},
		"utc": {time.UTC, "2027-12-31T12:00:00Z", "2040-12-31T12:00:00Z", []string{"19700101T000000"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, until := instant(t, tt.from), instant(t, tt.until)
			want := tt.want
			if want == nil {
				want = european(from, until)
			}
			got := starts(t, tt.zone, from, until)
			if !slices.Equal(got, want) {
				t.Errorf("changes %v, want %v", got, want)
			}
		})
	}
}

// TestTimezoneIsBounded: a year that cannot be right makes no longer list.
func TestTimezoneIsBounded(t *testing.T) {
	t.Parallel()
	got := starts(t, slim(t, "Europe/Paris"), instant(t, "2026-10-14T08:00:00Z"), instant(t, "9999-12-31T23:59:59Z"))
	if len(got) < 40 || len(got) > 42 {
		t.Errorf("%d changes in twenty years", len(got))
	}
}

func instant(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// starts are the DTSTARTs of a zone's observances. It ends the whole test program when the list does not end.
func starts(t *testing.T, zone *time.Location, from, until time.Time) []string {
	t.Helper()
	watch := time.AfterFunc(5*time.Second,
		func() { panic(fmt.Sprintf("%s: the changes from %s to %s do not end", zone, from, until)) })
	defer watch.Stop()
	var list []string
	for _, c := range ical.Timezone(zone, from, until).Components {
		for _, property := range c.UnknownPropertiesIANAProperties() {
			if property.IANAToken == string(ics.PropertyDtstart) {
				list = append(list, property.Value)
			}
		}
	}
	return list
}

// TestObservances: each says since when, on the clock before, which clock holds, and whether it is summer's.
func TestObservances(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone, from, until string
		want              []string
	}{
		"europe": {"Europe/Paris", "2026-10-01T08:00:00Z", "2027-04-01T08:00:00Z", []string{
			"DAYLIGHT 19700101T000000 +0200 to +0200 CEST", "STANDARD 20261025T030000 +0200 to +0100 CET",
			"DAYLIGHT 20270328T020000 +0100 to +0200 CEST",
		}},
		"west_by_half_an_hour": {"America/St_Johns", "2026-12-01T08:00:00Z", "2027-04-01T08:00:00Z", []string{
			"STANDARD 19700101T000000 -0330 to -0330 NST", "DAYLIGHT 20270314T020000 -0330 to -0230 NDT",
		}},
		"east_by_three_quarters": {"Asia/Kathmandu", "2026-12-01T08:00:00Z", "2027-12-01T08:00:00Z", []string{
			"STANDARD 19700101T000000 +0545 to +0545 +0545",
		}},
		"utc": {
			"UTC", "2026-12-01T08:00:00Z", "2027-12-01T08:00:00Z",
			[]string{"STANDARD 19700101T000000 +0000 to +0000 UTC"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			tz := ical.Timezone(zone, instant(t, tt.from), instant(t, tt.until))
			if id := tz.GetProperty(ics.ComponentProperty(ics.PropertyTzid)); id == nil || id.Value != tt.zone {
				t.Errorf("TZID %v, want %s", id, tt.zone)
			}
			got := make([]string, 0, len(tz.Components))
			for _, c := range tz.Components {
				kind := "STANDARD"
				if _, summer := c.(*ics.Daylight); summer {
					kind = "DAYLIGHT"
				}
				is := map[string]string{}
				for _, property := range c.UnknownPropertiesIANAProperties() {
					is[property.IANAToken] = property.Value
				}
				got = append(
					got,
					kind+" "+is["DTSTART"]+" "+is["TZOFFSETFROM"]+" to "+is["TZOFFSETTO"]+" "+is["TZNAME"],
				)
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("observances\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(tt.want, "\n"))
			}
		})
	}
}

// TestTimesAreOfTheirZone: an event's time is written on its zone's clock, also in the hour that the clocks repeat.
func TestTimesAreOfTheirZone(t *testing.T) {
	t.Parallel()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]string{
		"2026-10-24T22:30:00Z": "20261025T003000", "2026-10-25T00:30:00Z": "20261025T023000",
		"2026-10-25T01:30:00Z": "20261025T023000",
		"2026-12-31T23:00:00Z": "20270101T000000",
	} {
		e := ics.NewEvent("x")
		ical.SetTime(e, ics.ComponentPropertyDtStart, instant(t, at), zone)
		got := e.GetProperty(ics.ComponentPropertyDtStart)
		if got == nil || got.Value != want || !slices.Equal(got.ICalParameters["TZID"], []string{"Europe/Paris"}) {
			t.Errorf("%s is written %+v, want %s", at, got, want)
		}
	}
}
