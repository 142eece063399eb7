package campus_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/campus"
)

var paris = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return zone
}()

// lesson is a class as it is read, from 10:00 to 12:00 on the 13th of October, with some fields replaced.
func lesson(number int64, change func(*campus.Class)) campus.Class {
	c := campus.Class{
		Course: number, Title: "Anglais", Room: "BB-205 (BALMA B)", Teacher: "ENSEIGNANT 01", Group: "B3 DS",
		Mode: "En présentiel", Start: wall("2026-10-13 10:00"), End: wall("2026-10-13 12:00"),
	}
	change(&c)
	return c
}

// wall is an instant of the campus's clock.
func wall(text string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", text, paris)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func TestOddHours(t *testing.T) {
	t.Parallel()
	lessons := make([]campus.Class, 0, 10)
	for i := range 10 {
		lessons = append(lessons, lesson(int64(i+1), func(c *campus.Class) {
			c.Group = fmt.Sprint("B", i)
			if i < 3 {
				c.Start, c.End = wall("2026-10-13 06:00"), wall("2026-10-13 08:00")
			}
		}))
	}
	step := campus.Step{Zone: paris, Now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := step.Accept(nil, campus.NewReading(lessons, nil)); err == nil {
		t.Error("three classes of ten at six in the morning were believed")
	}
	step.ClockSet = true
	if _, err := step.Accept(nil, campus.NewReading(lessons, nil)); err != nil {
		t.Errorf("a clock that a person has chosen was doubted: %v", err)
	}
	step.ClockSet = false
	if _, err := step.Accept(nil, campus.NewReading(lessons[1:], nil)); err == nil { // two of nine
		t.Error("two of nine were believed")
	}
	if _, err := step.Accept(nil, campus.NewReading(lessons[2:], nil)); err != nil {
		t.Errorf("one of eight was doubted: %v", err)
	}
}

// TestOneNumberForSeveral: lessons that share a number are told apart by their start, and keep their ids when one
// moves or goes.
func TestOneNumberForSeveral(t *testing.T) {
	t.Parallel()
	at := func(day string) campus.Class {
		return lesson(7, func(c *campus.Class) {
			c.Start, c.End = wall("2026-10-"+day+" 10:00"), wall("2026-10-"+day+" 12:00")
		})
	}
	step := campus.Step{Zone: paris, Now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), ByHand: true}
	step.Window.Start, step.Window.End = step.Now, step.Now.AddDate(0, 2, 0)
	known := []campus.Class{}
	ids := func(days ...string) (list []string) {
		lessons := make([]campus.Class, 0, len(days))
		for _, d := range days {
			lessons = append(lessons, at(d))
		}
		a, err := step.Accept(known, campus.NewReading(lessons, nil))
		if err != nil {
			t.Fatal(err)
		}
		known = a.Timetable
		for _, c := range a.Timetable {
			if c.Missing == 0 {
				list = append(list, c.ID)
			}
		}
		return list
	}
	steps := [][]string{ids("13", "14"), ids("13", "15"), ids("15"), ids("15"), ids("15", "20")}
	want := [][]string{
		{"wigor-7-20261013T0800", "wigor-7-20261014T0800"},
		{"wigor-7-20261013T0800", "wigor-7-20261014T0800"},
		{"wigor-7-20261014T0800"},
		{"wigor-7-20261014T0800"},
		{"wigor-7-20261014T0800", "wigor-7-20261020T0800"},
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("ids (-want +got):\n%s", diff)
	}
}

// TestPastLessonsKeepTheirEvents: the lessons of one number come week by week; a new one is no move of one that is
// over.
func TestPastLessonsKeepTheirEvents(t *testing.T) {
	t.Parallel()
	at := func(day string) campus.Class {
		return lesson(7, func(c *campus.Class) {
			c.Start, c.End = wall("2026-10-"+day+" 10:00"), wall("2026-10-"+day+" 12:00")
		})
	}
	var known []campus.Class
	ids := func(now string, days ...string) string {
		today, err := time.ParseInLocation(time.DateOnly, now, paris)
		if err != nil {
			t.Fatal(err)
		}
		step := campus.Step{Zone: paris, Now: today.Add(8 * time.Hour)}
		step.Window.Start, step.Window.End = today.AddDate(0, 0, -1), today.AddDate(0, 0, 8)
		lessons := make([]campus.Class, 0, len(days))
		for _, d := range days {
			lessons = append(lessons, at(d))
		}
		a, err := step.Accept(known, campus.NewReading(lessons, nil))
		if err != nil {
			t.Fatal(err)
		}
		known = a.Timetable
		list := make([]string, 0, len(known))
		for _, c := range known {
			list = append(list, c.ID+"@"+c.Start.In(paris).Format("02"))
		}
		return strings.Join(list, " ")
	}
	for _, tt := range []struct{ now, got, want string }{
		{"2026-10-05", ids("2026-10-05", "06"), "wigor-7@06"},
		{"2026-10-06", ids("2026-10-06", "06", "13"), "wigor-7@06 wigor-7-20261013T0800@13"},
		{"2026-10-12", ids("2026-10-12", "13", "20"), "wigor-7-20261013T0800@13 wigor-7-20261020T0800@20"},
		{"2026-10-14", ids("2026-10-14", "20", "21"), "wigor-7-20261020T0800@20 wigor-7-20261021T0800@21"},
	} {
		if !strings.HasSuffix(tt.got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.now, tt.got, tt.want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 28, 23, 30, 0, 0, time.UTC) // the 29th in Paris, a day of 23 hours
	for _, tt := range []struct{ start, end, want string }{
		{"-7d", "+1d", "2026-03-22T00:00:00+01:00 2026-03-31T00:00:00+02:00"},
		{"", "", "2025-08-01T00:00:00+02:00 2026-08-01T00:00:00+02:00"},
		{"school-year", "school-year", "2025-08-01T00:00:00+02:00 2026-08-01T00:00:00+02:00"},
		{"2025-09-01", "2026-07-31", "2025-09-01T00:00:00+02:00 2026-08-01T00:00:00+02:00"},
		{"+2d", "+1d", "error"},
		{"tomorrow", "+1d", "error"},
		{"2026-02-30", "+1d", "error"},
	} {
		window, err := campus.Instance{StartDate: tt.start, EndDate: tt.end}.Window(now)
		got := window.Start.Format(time.RFC3339) + " " + window.End.Format(time.RFC3339)
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("%s to %s: %s, want %s", tt.start, tt.end, got, tt.want)
		}
	}
	august := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	if w, _ := (campus.Instance{}).Window(august); w.Start.Format(time.DateOnly) != "2026-08-01" {
		t.Errorf("the school year of August begins %s", w.Start)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	const ok = `"instance_name":"lea","moncampus_username":"u","moncampus_password":"p"`
	for name, tt := range map[string]struct{ file, want string }{
		"least":           {`{"instances":[{` + ok + `}]}`, ""},
		"no_password":     {`{"instances":[{"instance_name":"lea","moncampus_username":"u"}]}`, "moncampus_password"},
		"unknown_key":     {`{"instances":[{` + ok + `,"x":1}]}`, "/instances/0"},
		"half_of_ecal":    {`{"instances":[{` + ok + `,"ecal_api_key":"k"}]}`, "ecal_calendar_id"},
		"bad_date":        {`{"instances":[{` + ok + `,"moncampus_end_date":"soon"}]}`, "/instances/0/moncampus_end_date"},
		"plain_http":      {`{"instances":[{` + ok + `,"moncampus_host":"http://school.example"}]}`, "https"},
		"user_in_address": {`{"instances":[{` + ok + `,"ecal_url":"https://a:b@ecal.example"}]}`, "ecal_url"},
		"two_of_a_name":   {`{"instances":[{` + ok + `},{` + ok + `}]}`, "the name of /instances/0"},
		"shared_calendar": {
			`{"instances":[{` + ok +
				`,"ecal_api_key":"k","ecal_api_secret":"s","ecal_calendar_id":"c"},{"instance_name":"hugo","moncampus_username":"u","moncampus_password":"p","ecal_api_key":"k","ecal_api_secret":"s","ecal_calendar_id":"c"}]}`, "each instance needs its own",
		},
		"bad_zone": {`{"instances":[{` + ok + `,"time_zone":"Paris"}]}`, "IANA"},
		"path_as_name": {
			`{"instances":[{"instance_name":"../x","moncampus_username":"u","moncampus_password":"p"}]}`, "instance_name",
		},
		"mail_in_clear": {
			`{"instances":[],"smtp":{"host":"mail.example","security":"none","password":"p","from":"a@example.com","to":["b@example.com"]}}`, "in the clear",
		},
		"mail": {`{"instances":[],"smtp":{"host":"h","from":"a@example.com","to":[]}}`, "/smtp/to"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, campus.SettingsFile), []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			settings, err := campus.LoadSettings(machine.Folder(dir))
			if err != nil {
				t.Fatal(err)
			}
			_, err = settings.Get(t.Context())
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestSchemaIsInTheDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/campus.md")
	if err != nil || !bytes.Contains(page,
		append(append([]byte("```json\n"), bytes.TrimSpace(campus.Schema)...), "\n```\n"...)) {
		t.Errorf("docs/campus.md (%v) does not show campus.schema.json as it is", err)
	}
}

func TestFeedKeys(t *testing.T) {
	t.Parallel()
	now := time.Now()
	first, kept := campus.NewFeedKey("phone", now)
	second, other := campus.NewFeedKey("", now)
	feeds := campus.Feeds{Keys: []campus.FeedKey{kept}}
	if !feeds.Opens(first) || feeds.Opens(second) || feeds.Opens("") || feeds.Opens(kept.Hash) || len(first) < 40 ||
		strings.Contains(kept.Hash, first) || kept.ID == other.ID {
		t.Errorf("keys %q %+v, %q %+v", first, kept, second, other)
	}
}
