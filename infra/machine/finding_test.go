package machine_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language, and every finding of the machine's own has its texts.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, os.DirFS("."), "texts")
	if n := machinetest.Findings(t, machine.Doctor{}, "settings.schema", "settings.unreadable"); n != 6 {
		t.Errorf("%d findings were found in the source", n)
	}
}

// TestAFindingIsSaid in the reader's language, of the bridge's catalogue or else of the machine's; its code and its
// parameters are the same in each.
func TestAFindingIsSaid(t *testing.T) {
	t.Parallel()
	doctor := machine.Doctor{Texts: faults.Load(fstest.MapFS{
		"texts/en.json": {Data: []byte(`{"finding":{"door":{"check":"door of {{.room}}","shut":{"found":"shut, {{.why}}",
			"do":"Open {{.room}}."}}}}`)},
		"texts/fr.json": {Data: []byte(`{"finding":{"door":{"check":"porte de {{.room}}","shut":{"found":"fermée, {{.why}}",
			"do":"Ouvrez {{.room}}."}}}}`)},
	}, "texts")}
	why := func(lang string) faults.Params { return faults.Params{"why": "why in “" + lang + "”"} }
	shut := doctor.Missing("door.shut", faults.Params{"room": "blue"}).Saying(why)
	for lang, want := range map[string][3]string{
		"en": {"door of blue", "shut, why in “en”", "Open blue."},
		"fr": {"porte de blue", "fermée, why in “fr”", "Ouvrez blue."},
		"":   {"door of blue", "shut, why in “”", "Open blue."},
	} {
		f := shut.In(lang)
		if got := [3]string{f.Check, f.Found, f.Do}; got != want {
			t.Errorf("in %q: %q", lang, got)
		}
		data, err := json.Marshal(f)
		if err != nil || !strings.HasPrefix(string(data), `{"code":"door.shut","params":{"room":"blue"},"state":"missing",`) {
			t.Errorf("in %q: %s, %v", lang, data, err)
		}
	}
	secret := doctor.Missing("secrets.unset", faults.Params{"name": "blue", "error": "no KEY"})
	if f := secret.In("fr"); f.Check != "secrets de blue" || f.Found != "un secret n’a pas pu être lu : no KEY" {
		t.Errorf("of the machine's catalogue: %+v", f)
	}
	if f := doctor.OK("door.unknown", nil).In("fr"); f.Found != "door.unknown" || f.Do != "" {
		t.Errorf("without a text: %+v", f)
	}
}

// TestAFolderThatCannotBeExamined is a finding, in the reader's language.
func TestAFolderThatCannotBeExamined(t *testing.T) {
	t.Parallel()
	bridges := []machine.Bridge{
		{Name: "a", Settings: "a.json"}, {Name: "b", Settings: "b.json"}, {Name: "c", Settings: "c.json"},
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string][3]string{
		dir: {
			"folder.empty", "the folder " + dir + " has none of a.json, b.json or c.json",
			"Écrivez a.json comme le montre docs/a.fr.md, b.json comme le montre docs/b.fr.md ou c.json comme le montre " +
				"docs/c.fr.md.",
		},
		file: {
			"folder.is_file", "--config " + file + " is a file: name the folder that it is in",
			"Nommez le dossier où se trouve a.json, b.json ou c.json.",
		},
		dir + "x": {
			"folder.missing", "--config " + dir + "x: there is no such folder",
			"Nommez le dossier où se trouve a.json, b.json ou c.json.",
		},
	} {
		found := machine.ExamineFolder(t.Context(), bridges, folder)
		if len(found) != 1 || found[0].State != machine.FindingMissing || found[0].Code != want[0] ||
			found[0].In("").Check != "settings" || found[0].In("").Found != want[1] || found[0].In("fr").Do != want[2] {
			t.Errorf("%s: %+v\n%+v", folder, machine.Say(found, ""), machine.Say(found, "fr"))
		}
	}
}

func TestAgo(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration][2]string{
		0:                {"0 min ago", "il y a 0 min"},
		59 * time.Minute: {"59 min ago", "il y a 59 min"},
		time.Hour:        {"1 h ago", "il y a 1 h"},
		47 * time.Hour:   {"47 h ago", "il y a 47 h"},
		48 * time.Hour:   {"2 days ago", "il y a 2 jours"},
		-time.Hour: {
			"how long ago is unknown: the clock was ahead", "depuis quand, on ne le sait pas : l’horloge était en avance",
		},
	} {
		got := [2]string{machine.Ago("en", now.Add(-ago), now), machine.Ago("fr", now.Add(-ago), now)}
		if got != want {
			t.Errorf("%s ago is %q", ago, got)
		}
	}
}
