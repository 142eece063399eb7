package feed

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	ics "github.com/arran4/golang-ical"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
)

// TestFeedOfAMistypedYearIsSmall: a class that ends in another century, in a state from before such lessons were put
// aside, makes no large feed.
func TestFeedOfAMistypedYearIsSmall(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 10, 14, 8, 0, 0, 0, time.UTC)
	for _, year := range []int{2028, 2041, 2126, 9999} {
		state := campus.State{
			TimeZone: "Europe/Paris", Timetable: []campus.Class{
				{ID: "wigor-1", Title: "Anglais", Start: start, End: time.Date(year, 12, 31, 10, 0, 0, 0, time.UTC)},
			},
		}
		body, err := calendarOf(t.Context(), state)
		if err != nil || len(body) > 10_000 {
			t.Errorf("%d: %d bytes, %v", year, len(body), err)
		}
	}
}

// TestFeedStopsWithItsClient: nothing is written for a client that has gone.
func TestFeedStopsWithItsClient(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if body, err := calendarOf(ctx, campus.State{Timetable: make([]campus.Class, 3)}); !errors.Is(err, context.Canceled) ||
		body != "" {
		t.Errorf("%d bytes, %v", len(body), err)
	}
}

func calendarOf(ctx context.Context, state campus.State) (string, error) {
	return write(ctx, "lea", state, state.ReadAt)
}

// FuzzFeed: whatever MonCampus writes of a lesson, the feed is short, its lines are well formed, and a reader finds
// in it each class that was read, at its time.
func FuzzFeed(f *testing.F) {
	f.Add("Anglais", "BB-205(BALMA B)", "ENSEIGNANT 01", "B3 DS", "2026-10-25T01:30:00+02:00", "2026-10-25T04:00:00+01:00",
		false, `<a href="https://teams.example/?a=1;b,c">`)
	f.Add("Pendant; la, nuit \\n du\r\nBEGIN:VEVENT", "M: a(b, c),d", "", "", "2026-10-13T12:00:00+02:00",
		"2042-10-13T14:00:00+02:00", false, "<a href=x")
	f.Add("\u202e\x00é", "Aucune", "", "", "/Date(1861833600000)/", "/Date(1861920000000)/", true, "")
	f.Add("31 décembre", "", "", "", "2028-12-31T23:00:00+01:00", "2029-01-01T01:00:00+01:00", false, "")
	inst := campus.Instance{Name: "lea", Host: campus.DefaultHost, TimeZone: "Europe/Paris"}
	step := campus.Step{Zone: inst.Zone(), Now: time.Date(2028, 2, 29, 12, 0, 0, 0, time.UTC), ClockSet: true}
	step.Window = calendar.Interval{Start: step.Now.AddDate(-2, 0, 0), End: step.Now.AddDate(2, 0, 0)}
	f.Fuzz(func(t *testing.T, title, room, teacher, group, start, end string, allDay bool, links string) {
		raw, err := json.Marshal(map[string]any{
			"NoCours": 7, "Commentaire": title, "Salles": room, "NomProf": teacher, "LibelleGroupe": group, "Start": start,
			"End": end, "IsAllDay": allDay, "TeamsUrl": links,
		})
		if err != nil {
			t.Skip()
		}
		accepted, err := step.Accept(nil, wigor.Read([]json.RawMessage{raw}, inst).Within(step.Window, step.Zone))
		if err != nil {
			t.Fatal(err)
		}
		body, err := calendarOf(t.Context(), campus.State{
			TimeZone: inst.TimeZone, ReadAt: step.Now, Timetable: accepted.Timetable,
		})
		if err != nil {
			t.Fatal(err)
		}
		checkFeed(t, body, accepted.Timetable, 20_000+20*len(raw))
	})
}

func checkFeed(t *testing.T, body string, classes []campus.Class, most int) {
	t.Helper()
	if len(body) > most || strings.Count(body, "\r\nBEGIN:VEVENT\r\n") != len(classes) {
		t.Fatalf("%d bytes for %d classes:\n%.3000s", len(body), len(classes), body)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\r\n"), "\r\n") {
		if len(line) > 75 || strings.ContainsAny(line, "\r\n\x00") || line == "" {
			t.Fatalf("a line %q", line)
		}
	}
	cal, err := ics.ParseCalendar(strings.NewReader(body))
	if err != nil || len(cal.Events()) != len(classes) {
		t.Fatalf("%d events, %v:\n%s", len(cal.Events()), err, body)
	}
	for i, c := range classes {
		got := cal.Events()[i]
		at, err := got.GetStartAt()
		if !c.AllDay && (err != nil || !at.Equal(c.Start)) {
			t.Errorf("it begins at %s (%v), not %s", at, err, c.Start)
		}
		if summary := got.GetProperty(ics.ComponentPropertySummary); summary == nil || summary.Value != c.Title {
			t.Errorf("title %v, not %q", summary, c.Title)
		}
	}
}
