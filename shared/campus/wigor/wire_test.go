package wigor_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
)

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
			r := wigor.Read([]json.RawMessage{item(t, tt.fields)}, inst)
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
		c := wigor.Read([]json.RawMessage{item(t, map[string]any{"TeamsUrl": fragment, "TeamsURL": fragment})},
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
	if c := wigor.Read([]json.RawMessage{item(t, map[string]any{"TeamsUrl": many})},
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
		r := wigor.Read([]json.RawMessage{raw, item(t, map[string]any{"NoCours": 2})}, inst)
		if len(r.Classes) != 1 || len(r.Unreadable) != 1 || r.Unreadable[0].Why == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestKendoDates: MonCampus's older form of a time is read by the same clock.
func TestKendoDates(t *testing.T) {
	t.Parallel()
	fields := map[string]any{"Start": "/Date(1794398400000)/", "End": "/Date(1794405600000+0100)/"}
	r := wigor.Read([]json.RawMessage{item(t, fields)}, inst)
	if len(r.Classes) != 1 {
		t.Fatalf("unreadable: %v", r.Unreadable)
	}
	start, end := r.Classes[0].Start.In(paris), r.Classes[0].End.In(paris)
	if start.Format(time.DateTime) != "2026-11-11 12:00:00" || end.Format(time.DateTime) != "2026-11-11 14:00:00" {
		t.Errorf("from %s to %s", start, end)
	}
}

// TestSameRowTwice: a row that is there twice is one lesson.
func TestSameRowTwice(t *testing.T) {
	t.Parallel()
	other := item(t, map[string]any{"LibelleGroupe": "B3 ASRBD"})
	if r := wigor.Read([]json.RawMessage{item(t, nil), other, item(t, nil)}, inst); len(r.Classes) != 2 {
		t.Errorf("%d classes", len(r.Classes))
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"NoCours":1,"Commentaire":"x","Start":"2026-10-13T12:00:00+02:00","End":"/Date(1794398400000)/","Salles":"M: a(b, c),d","TeamsUrl":"<a href=x>"}`))
	f.Add([]byte(`{"NoCours":"1"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := wigor.Read([]json.RawMessage{raw}, inst)
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
