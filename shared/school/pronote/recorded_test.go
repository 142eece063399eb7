package pronote

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carillon-calendar/carillon/shared/recorded"
)

// readRecorded decodes the data of a recorded answer.
func readRecorded(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "pronote"), name))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		Data json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Data == nil {
		answer.Data = data
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestRecordedParameters: the year, its periods and hours, and whose session it is, as real servers write them.
func TestRecordedParameters(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"students", "parents"} {
		var got struct {
			General object[general] `json:"General"`
		}
		readRecorded(t, "pawnote2025_FonctionParametres_"+kind+"_1.json", &got)
		y := got.General.V.year()
		if y.Monday.IsZero() || y.Last.IsZero() || y.Places == 0 || len(y.Periods) < 4 || len(y.Starts) < y.Places ||
			len(y.Ends) < y.Places {
			t.Errorf("%s: %+v", kind, y)
		}
		for _, p := range y.Periods {
			if p.ID == "" || p.Name == "" || p.Start == "0001-01-01" || p.End < p.Start {
				t.Errorf("%s: %+v", kind, p)
			}
		}
		for _, hour := range [][]string{y.Starts, y.Ends} {
			for place, text := range hour {
				if _, ok := clock(text); !ok {
					t.Errorf("%s: place %d is %q", kind, place, text)
				}
			}
		}
		var user struct {
			Resource object[resource]      `json:"ressource"`
			Tabs     list[json.RawMessage] `json:"listeOnglets"`
		}
		readRecorded(t, "pawnote2025_ParametresUtilisateur_"+kind+"_1.json", &user)
		people := []child{user.Resource.V.child}
		if kind == "parents" {
			people = user.Resource.V.Children
		}
		if len(people) == 0 {
			t.Errorf("%s: nobody", kind)
		}
		for _, r := range people {
			p := r.person()
			if p.ID == "" || p.Name == "" || p.Class == "" || p.Establishment == "" || p.Default == "" {
				t.Errorf("%s: %+v", kind, p)
			}
		}
		found := tabs(user.Tabs, nil)
		for _, tab := range []int{TabTimetable, TabHomework, TabGrades, TabPresence, TabMessages} {
			if !slices.Contains(found, tab) {
				t.Errorf("%s: no tab %d in %v", kind, tab, found)
			}
		}
	}
}

// TestRecordedTimetables: each lesson has its times, its subject, its people and its rooms.
func TestRecordedTimetables(t *testing.T) {
	t.Parallel()
	var places list[element]
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "pronote"), "pawnote2024_ListeHeuresFin.json"))
	if err == nil {
		err = json.Unmarshal(data, &places)
	}
	if err != nil {
		t.Fatal(err)
	}
	year := Year{Places: len(places) - 1, Ends: hours(places)}
	total := 0
	for _, name := range []string{
		"pawnote2024_PageEmploiDuTemps.json", "pawnote2025_PageEmploiDuTemps_students_1.json",
		"pawnote2025_PageEmploiDuTemps_students_2.json",
	} {
		var got struct {
			Lessons list[wireLesson] `json:"ListeCours"`
		}
		readRecorded(t, name, &got)
		var raw struct{ ListeCours []json.RawMessage }
		readRecorded(t, name, &raw)
		if len(got.Lessons) != len(raw.ListeCours) {
			t.Errorf("%s: %d of %d lessons", name, len(got.Lessons), len(raw.ListeCours))
		}
		total += len(got.Lessons)
		for _, w := range got.Lessons {
			l := w.lesson(year)
			if l.ID == "" || l.Start.IsZero() || !l.End.After(l.Start.Time) || l.Subject.Name == "" && !l.Outing &&
				len(l.Teachers) == 0 {
				t.Errorf("%s: %+v", name, l)
			}
		}
	}
	if total < 26 {
		t.Errorf("%d lessons", total)
	}
}
