package wigor_test

import (
	"cmp"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

var paris = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		panic(err)
	}
	return zone
}()

var inst = campus.Instance{Name: "lea", Host: campus.DefaultHost}

func readFile(t *testing.T, path string, v any) {
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
	readFile(t, filepath.Join(recorded.Dir(t, "wigor"), "tz_vectors.json"), &file)
	if len(file.Vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range file.Vectors {
		fields := map[string]any{"Start": v.Wigor, "End": v.Wigor, "IsAllDay": true}
		r := wigor.Read([]json.RawMessage{item(t, fields)}, inst)
		if len(r.Classes) != 1 {
			t.Fatalf("%s: %+v", v.Wigor, r)
		}
		got := r.Classes[0].Start
		if !got.Equal(v.UTC) || got.In(paris).Format("2006-01-02T15:04") != v.ParisWall {
			t.Errorf("%s is %s, want %s", v.Wigor, got, v.UTC)
		}
	}
}

// TestRecordedTimetable reads a whole timetable in MonCampus's form.
func TestRecordedTimetable(t *testing.T) {
	t.Parallel()
	var answer struct{ Data []json.RawMessage }
	readFile(t, filepath.Join(recorded.Dir(t, "wigor"), "home_get_derived.json"), &answer)
	r := wigor.Read(answer.Data, inst)
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

// TestRecordedLessonsAreRecreated: in a recorded timetable, whichever lessons get another number and label, and
// whichever are listed twice, no class gets another ID, none is held and none is removed.
func TestRecordedLessonsAreRecreated(t *testing.T) {
	t.Parallel()
	var answer struct{ Data []map[string]any }
	readFile(t, filepath.Join(recorded.Dir(t, "wigor"), "home_get_derived.json"), &answer)
	classes := func(rows []map[string]any) campus.Reading {
		items := make([]json.RawMessage, 0, len(rows))
		for _, one := range rows {
			data, err := json.Marshal(one)
			if err != nil {
				t.Fatal(err)
			}
			items = append(items, data)
		}
		return wigor.Read(items, inst)
	}
	before := classes(answer.Data)
	step := campus.Step{Zone: paris, Now: before.Classes[0].Start.AddDate(0, 0, -1)}
	step.Window.Start, step.Window.End = step.Now, step.Now.AddDate(1, 0, 0)
	known, err := step.Accept(nil, before)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(r *rapid.T) {
		rows := make([]map[string]any, 0, 2*len(answer.Data))
		by := rapid.SampledFrom([]float64{1, 500, -1}).Draw(r, "by") // 1 and -1: numbers of other lessons
		for _, one := range answer.Data {
			one = maps.Clone(one)
			number := one["NoCours"].(float64)
			switch rapid.SampledFrom([]string{"same", "recreated", "twice"}).Draw(r, "row") {
			case "recreated":
				one["NoCours"], one["LibelleGroupe"], one["Title"] = number+by, "Tronc commun B3", "Tronc commun B3"
			case "twice":
				other := maps.Clone(one)
				other["NoCours"] = number + 100_000
				rows = append(rows, other)
			}
			rows = append(rows, one)
		}
		rows = rapid.Permutation(rows).Draw(r, "order")
		a, err := step.Accept(known.Timetable, classes(rows))
		if err != nil || len(a.Held) > 0 || len(a.Removed) > 0 || len(a.Timetable) != len(known.Timetable) {
			r.Fatalf("%d classes, %d held, %d removed, %v", len(a.Timetable), len(a.Held), len(a.Removed), err)
		}
		byID := func(x, y campus.Class) int { return cmp.Compare(x.ID, y.ID) }
		want := slices.SortedFunc(slices.Values(known.Timetable), byID)
		for i, c := range slices.SortedFunc(slices.Values(a.Timetable), byID) {
			if c.ID != want[i].ID || !c.Start.Equal(want[i].Start) || c.Title != want[i].Title {
				r.Fatalf("%s %s %s became %s %s %s", want[i].ID, want[i].Title, want[i].Start, c.ID, c.Title, c.Start)
			}
		}
	})
}
