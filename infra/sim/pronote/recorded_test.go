package pronote_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/pronote"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

// own are keys that no recorded answer has: they come from clients that others wrote.
var own = []string{
	"avecPhoto", "estDelegue", "listeVisios", "memo", "estAnnule", "Statut", "estRetenue", "estSortiePedagogique",
	"motif",
	"accompagnateurs", "strGenreRess", "strRess", "dispenseEleve", "DateDuCoursFin", "estServiceGroupe",
	"listeClassesDelegue",
}

// TestRecorded: what the simulator answers has the form of the recorded answers.
func TestRecorded(t *testing.T) {
	t.Parallel()
	dir := recorded.Dir(t, "pronote")
	read := func(name string) obj {
		data, err := os.ReadFile(filepath.Join(dir, name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var out obj
		if err := json.Unmarshal(data, &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	f := newFixture(t, pronote.Options{Generation: pronote.Year2025})
	pupil := f.enter(t, "eleve.html", "eleve")
	sameForm(t, "General", pupil.general, at(read("pawnote2025_FonctionParametres_students_1"), "data", "General"))
	sameForm(t, "ressource", pupil.user, at(read("pawnote2025_ParametresUtilisateur_students_1"), "data", "ressource"))
	week := pupil.must("PageEmploiDuTemps", 16, obj{"ressource": pupil.user, "NumeroSemaine": 21})
	sameForm(t, "PageEmploiDuTemps", week, at(read("pawnote2025_PageEmploiDuTemps_students_2"), "data"))
	parent := f.enter(t, "parent.html", "parent")
	sameForm(t, "ressource", parent.user, at(read("pawnote2025_ParametresUtilisateur_parents_1"), "data", "ressource"))
	var info obj
	text := fetch(t, f.url+"/infoMobileApp.json?id=0D264427-EEFC-4810-A9E9-346942A862A4")
	if err := json.Unmarshal([]byte(text), &info); err != nil {
		t.Fatal(err)
	}
	sameForm(t, "infoMobileApp", info, read("pawnote2025_infoMobileApp"))
}

// TestRecordedEnvelope: the tests' client reads the recorded envelope, whose order is the one after the first.
func TestRecordedEnvelope(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "pronote"), "pawnote2025_envelope_FonctionParametres.json"))
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		ID, No  string
		Session int
		DataSec json.RawMessage
	}
	if err := json.Unmarshal(data, &in); err != nil {
		t.Fatal(err)
	}
	out, err := (&client{}).decode(in.DataSec)
	version := str(out, "data", "General", "versionPN")
	if err != nil || in.ID != "FonctionParametres" || len(in.No) != 32 || version != "2025.2.6" {
		t.Errorf("%s %s %v", in.ID, in.No, err)
	}
}

// sameForm compares the kinds of values that both have, and reports keys that the recorded answer lacks. Of lists it
// compares each element with all the keys that the recorded elements have.
func sameForm(t *testing.T, path string, ours, theirs any) {
	t.Helper()
	if kind(ours) != kind(theirs) {
		t.Errorf("%s is %s, recorded %s", path, kind(ours), kind(theirs))
		return
	}
	switch ours := ours.(type) {
	case obj:
		theirs, _ := theirs.(obj)
		for key, value := range ours {
			if other, ok := theirs[key]; ok {
				sameForm(t, path+"."+key, value, other)
			} else if !slices.Contains(own, key) {
				t.Errorf("%s.%s is recorded nowhere", path, key)
			}
		}
	case []any:
		theirs, _ := theirs.([]any)
		merged := obj{}
		for _, one := range theirs {
			if one, ok := one.(obj); ok {
				maps.Copy(merged, one)
			}
		}
		for i, one := range ours {
			if _, ok := one.(obj); ok && len(theirs) > 0 {
				sameForm(t, fmt.Sprintf("%s[%d]", path, i), one, merged)
			}
		}
	}
}

// kind names a JSON value's kind, with its tag.
func kind(v any) string {
	switch v := v.(type) {
	case obj:
		if v["_T"] != nil {
			return fmt.Sprintf("_T %v", v["_T"])
		}
		return "object"
	case []any:
		return "list"
	}
	return fmt.Sprintf("%T", v)
}
