package campus_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

var paris = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return zone
}()

func read(t *testing.T, path string, v any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

// TestRecordedClock checks the conversion against times that other clients of MonCampus agree on.
func TestRecordedClock(t *testing.T) {
	t.Parallel()
	var file struct {
		Vectors []struct {
			Wigor     string `json:"wigor"`
			ParisWall string `json:"paris_wall"`
			UTC       time.Time
		}
	}
	read(t, filepath.Join(recorded.Dir(t, "wigor"), "tz_vectors.json"), &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		at, err := time.Parse(time.RFC3339, v.Wigor)
		if err != nil {
			t.Fatal(err)
		}
		got := campus.WallClockInUTC(at, paris)
		if !got.Equal(v.UTC) || got.In(paris).Format("2006-01-02T15:04") != v.ParisWall {
			t.Errorf("%s is %s, want %s", v.Wigor, got, v.UTC)
		}
	}
}

var inst = campus.Instance{Name: "lea", Host: campus.DefaultHost}

// TestRecordedTimetable reads a whole timetable in MonCampus's form.
func TestRecordedTimetable(t *testing.T) {
	t.Parallel()
	var answer struct{ Data []json.RawMessage }
	read(t, filepath.Join(recorded.Dir(t, "wigor"), "home_get_derived.json"), &answer)
	r := campus.Read(answer.Data, inst)
	if len(r.Classes) != 50 || len(r.Unreadable) != 0 {
		t.Fatalf("%d classes, unreadable %v", len(r.Classes), r.Unreadable)
	}
	first := r.Classes[0]
	if first.Title != "Rentrée" || first.Start.In(paris).Format(time.DateTime) != "2025-09-04 09:00:00" ||
		first.End.In(paris).Format(time.DateTime) != "2025-09-04 12:00:00" ||
		first.Room != "Cafétéria (BALMA B)" || first.Teacher != "" ||
		first.Details() != "Groupe : CC all B3 25/26 EPSI TLS\nModalité : En présentiel" {
		t.Errorf("the first class is %+v", first)
	}
	if len(first.Links) != 4 ||
		!strings.HasPrefix(first.Links[0].URL, "https://ws-edt-cd.wigorservices.net/WebPsDyn.aspx?") {
		t.Errorf("links = %+v", first.Links)
	}
	most := 0
	for _, c := range r.Classes {
		if hour := c.Start.In(paris).Hour(); hour < 7 || hour > 20 || strings.Contains(c.Room, "Aucune") ||
			!c.Start.Before(c.End) {
			t.Errorf("%+v", c)
		}
		most = max(most, len(c.Links))
	}
	if most != 4 {
		t.Errorf("at most %d links, want 4", most)
	}
	step := campus.Step{Zone: paris, Now: r.Classes[0].Start.AddDate(0, 0, -1)}
	step.Window.Start, step.Window.End = step.Now, step.Now.AddDate(1, 0, 0)
	a, err := step.Accept(nil, r)
	if err != nil || len(a.Timetable) != 50 {
		t.Fatalf("%d accepted, %v", len(a.Timetable), err)
	}
	ids := map[string]bool{}
	for _, c := range a.Timetable {
		ids[c.ID] = true
	}
	if len(ids) != 50 {
		t.Errorf("%d ids for 50 classes", len(ids))
	}
}

// item is a lesson in MonCampus's form with some fields replaced.
func item(t *testing.T, fields map[string]any) json.RawMessage {
	t.Helper()
	all := map[string]any{
		"NoCours": 1, "Commentaire": "Anglais", "Matiere": "COMMENTAIRE", "Title": "G1", "Salles": "BB-205(BALMA B)",
		"NomProf": "ENSEIGNANT 01", "LibelleGroupe": "B3 DS",
		"CoursMixteInfoBulle": "Présentiel", "Start": "2026-10-13T12:00:00+02:00", "End": "2026-10-13T14:00:00+02:00",
		"IsAllDay": false, "TeamsURL": nil, "TeamsUrl": nil,
	}
	maps.Copy(all, fields)
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fields map[string]any
		title  string
		room   string
		mode   string
	}{
		"plain": {nil, "Anglais", "BB-205 (BALMA B)", "En présentiel"},
		"subject_as_title": {
			map[string]any{"Commentaire": "COMMENTAIRE", "Matiere": "Réseaux"}, "Réseaux", "BB-205 (BALMA B)", "En présentiel",
		},
		"group_as_title":   {map[string]any{"Commentaire": nil}, "G1", "BB-205 (BALMA B)", "En présentiel"},
		"nothing_as_title": {map[string]any{"Commentaire": " ", "Title": nil}, "Cours", "BB-205 (BALMA B)", "En présentiel"},
		"lines_and_spaces": {
			map[string]any{"Commentaire": "  Projet\r\n\t fil \x00 rouge "},
			"Projet fil rouge",
			"BB-205 (BALMA B)", "En présentiel",
		},
		"no_room":   {map[string]any{"Salles": "Aucune"}, "Anglais", "", "En présentiel"},
		"null_room": {map[string]any{"Salles": nil}, "Anglais", "", "En présentiel"},
		"remote": {
			map[string]any{"Salles": "SALLE_19(DISTANCIEL)", "CoursMixteInfoBulle": "Distanciel"},
			"Anglais",
			"À distance", "À distance",
		},
		"remote_by_room": {map[string]any{"Salles": "SALLE_19(DISTANCIEL)"}, "Anglais", "À distance", "En présentiel"},
		"remote_without": {
			map[string]any{"Salles": "Aucune", "CoursMixteInfoBulle": "Distanciel"}, "Anglais", "À distance", "À distance",
		},
		"mixed": {
			map[string]any{"Salles": "M: BB-303, BB-307", "CoursMixteInfoBulle": "Mixte"},
			"Anglais",
			"BB-303, BB-307 et à distance", "Mixte : sur place et à distance",
		},
		"two_buildings": {
			map[string]any{"Salles": "BB-1(BALMA B), C-2(BALMA C, 1er)"},
			"Anglais",
			"BB-1 (BALMA B), C-2 (BALMA C, 1er)", "En présentiel",
		},
		"unbalanced": {map[string]any{"Salles": "BB-1(BALMA"}, "Anglais", "BB-1(BALMA", "En présentiel"},
		"without_accent": {
			map[string]any{"CoursMixteInfoBulle": "Presentiel"}, "Anglais", "BB-205 (BALMA B)", "En présentiel",
		},
		"another_mode": {map[string]any{"CoursMixteInfoBulle": "Hybride"}, "Anglais", "BB-205 (BALMA B)", "Hybride"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := campus.Read([]json.RawMessage{item(t, tt.fields)}, inst)
			if len(r.Classes) != 1 {
				t.Fatalf("unreadable: %v", r.Unreadable)
			}
			c := r.Classes[0]
			if c.Title != tt.title || c.Room != tt.room || c.Mode != tt.mode {
				t.Errorf("title %q, room %q, mode %q; want %q, %q, %q", c.Title, c.Room, c.Mode, tt.title, tt.room, tt.mode)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for fragment, want := range map[string][]string{
		`<a href="https://b.example/2">x</a><a href='https://a.example/1?x=1&amp;y=2'><img src="MTeams_G.png"></a>`: {
			"https://a.example/1?x=1&y=2", "https://b.example/2",
		},
		`<a href=https://a.example/1 target=_blank>`:                   {"https://a.example/1"},
		`<a href="/WebPsDyn.aspx?Action=x">`:                           {campus.DefaultHost + "/WebPsDyn.aspx?Action=x"},
		`<a href="javascript:alert(1)"><a href=""><a>`:                 nil,
		`<a href="https://a.example/1"><a href="https://a.example/1">`: {"https://a.example/1"},
		`not html < at > all`:                                          nil,
		strings.Repeat(`<a href="https://a.example/1">`, 500):          {"https://a.example/1"},
	} {
		c := campus.Read([]json.RawMessage{item(t, map[string]any{"TeamsUrl": fragment, "TeamsURL": fragment})},
			inst).Classes[0]
		got := make([]string, 0, len(c.Links))
		for _, l := range c.Links {
			got = append(got, l.URL)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%.60s: %v, want %v", fragment, got, want)
		}
	}
	many := ""
	var manySb185 strings.Builder
	for i := range 15 {
		manySb185.WriteString(`<a href="https://a.example/` + string(rune('a'+i)) + `">`)
	}
	many += manySb185.String()
	if c := campus.Read([]json.RawMessage{item(t, map[string]any{"TeamsUrl": many})},
		inst).Classes[0]; len(c.Links) != campus.MaxLinks {
		t.Errorf("%d links, want ECAL's %d", len(c.Links), campus.MaxLinks)
	}
}

func TestUnreadableItems(t *testing.T) {
	t.Parallel()
	for name, raw := range map[string]json.RawMessage{
		"null_start":    item(t, map[string]any{"Start": nil}),
		"no_offset":     item(t, map[string]any{"Start": "2026-10-13T12:00:00"}),
		"ends_first":    item(t, map[string]any{"End": "2026-10-13T11:00:00+02:00"}),
		"no_number":     item(t, map[string]any{"NoCours": nil}),
		"other_type":    item(t, map[string]any{"Commentaire": 7}),
		"not_an_object": json.RawMessage(`[1]`),
		"huge_date":     item(t, map[string]any{"Start": "/Date(99999999999999999999)/"}),
	} {
		r := campus.Read([]json.RawMessage{raw, item(t, map[string]any{"NoCours": 2})}, inst)
		if len(r.Classes) != 1 || len(r.Unreadable) != 1 || r.Unreadable[0].Why == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestSameRowTwice: a row that is there twice is one lesson.
func TestSameRowTwice(t *testing.T) {
	t.Parallel()
	other := item(t, map[string]any{"LibelleGroupe": "B3 ASRBD"})
	if r := campus.Read([]json.RawMessage{item(t, nil), other, item(t, nil)}, inst); len(r.Classes) != 2 {
		t.Errorf("%d classes", len(r.Classes))
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"NoCours":1,"Commentaire":"x","Start":"2026-10-13T12:00:00+02:00","End":"/Date(1794398400000)/","Salles":"M: a(b, c),d","TeamsUrl":"<a href=x>"}`))
	f.Add([]byte(`{"NoCours":"1"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := campus.Read([]json.RawMessage{raw}, inst)
		if len(r.Classes)+len(r.Unreadable) != 1 {
			t.Fatalf("one item became %+v", r)
		}
		for _, c := range r.Classes {
			if c.Title == "" || c.Course == 0 || c.End.Before(c.Start) {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestOddHours(t *testing.T) {
	t.Parallel()
	items := make([]json.RawMessage, 0, 10)
	for i := range 10 {
		fields := map[string]any{"NoCours": i + 1, "LibelleGroupe": fmt.Sprint("B", i)}
		if i < 3 {
			fields["Start"], fields["End"] = "2026-10-13T08:00:00+02:00", "2026-10-13T10:00:00+02:00" // 06:00
		}
		items = append(items, item(t, fields))
	}
	step := campus.Step{Zone: paris, Now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := step.Accept(nil, campus.Read(items, inst)); err == nil {
		t.Error("three classes of ten at six in the morning were believed")
	}
	step.ClockSet = true
	if _, err := step.Accept(nil, campus.Read(items, inst)); err != nil {
		t.Errorf("a clock that a person has chosen was doubted: %v", err)
	}
	step.ClockSet = false
	if _, err := step.Accept(nil, campus.Read(items[1:], inst)); err == nil { // two of nine
		t.Error("two of nine were believed")
	}
	if _, err := step.Accept(nil, campus.Read(items[2:], inst)); err != nil {
		t.Errorf("one of eight was doubted: %v", err)
	}
}

// TestOneNumberForSeveral: lessons that share a NoCours are told apart by their start, and keep their ids when one
// moves or goes.
func TestOneNumberForSeveral(t *testing.T) {
	t.Parallel()
	at := func(day string) json.RawMessage {
		return item(t, map[string]any{
			"NoCours": 7, "Start": "2026-10-" + day + "T12:00:00+02:00", "End": "2026-10-" + day + "T14:00:00+02:00",
		})
	}
	step := campus.Step{Zone: paris, Now: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), ByHand: true}
	step.Window.Start, step.Window.End = step.Now, step.Now.AddDate(0, 2, 0)
	known := []campus.Class{}
	ids := func(days ...string) (list []string) {
		items := make([]json.RawMessage, 0, len(days))
		for _, d := range days {
			items = append(items, at(d))
		}
		a, err := step.Accept(known, campus.Read(items, inst))
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
	at := func(day string) json.RawMessage {
		return item(t, map[string]any{
			"NoCours": 7, "Start": "2026-10-" + day + "T12:00:00+02:00", "End": "2026-10-" + day + "T14:00:00+02:00",
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
		items := make([]json.RawMessage, 0, len(days))
		for _, d := range days {
			items = append(items, at(d))
		}
		a, err := step.Accept(known, campus.Read(items, inst))
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
