package faults_test

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"testing"
	"testing/fstest"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

var (
	errShut    = errors.New("the door is shut")
	errStuck   = errors.New("the key is stuck")
	errUnknown = errors.New("something else")
)

func catalogue() *faults.Catalogue {
	return faults.Load(fstest.MapFS{
		"words/en.json": {Data: []byte(`{
			"shut": {"what": "The door of {{.room}} is shut.", "do": "Open {{.room}}."},
			"only_english": {"what": "It is so."},
			"keys": {"one": "{{.n}} key", "other": "{{.n}} keys"},
			"mail": {"lost": {"subject": "A key of {{.room}}", "text": "It is lost."}}
		}`)},
		"words/fr.json": {Data: []byte(`{
			"shut": {"what": "La porte de {{.room}} est fermée.", "do": "Ouvrez {{.room}}."},
			"keys": {"one": "{{.n}} clé", "other": "{{.n}} clés"},
			"mail": {"lost": {"subject": "Une clé de {{.room}}", "text": "Elle est perdue."}}
		}`)},
	}, "words")
}

var rules = []faults.Rule{{Err: errShut, Code: "shut"}, {Err: errStuck, Code: "stuck"}}

func TestText(t *testing.T) {
	t.Parallel()
	blue := faults.Params{"room": "blue"}
	tests := []struct {
		lang, id string
		params   faults.Params
		want     string
	}{
		{"en", "shut.what", blue, "The door of blue is shut."},
		{"fr", "shut.what", blue, "La porte de blue est fermée."},
		{"fr-CA", "shut.do", blue, "Ouvrez blue."},
		{"de", "shut.what", blue, "The door of blue is shut."},
		{"", "shut.what", blue, "The door of blue is shut."},
		{"fr", "only_english.what", nil, "It is so."},
		{"fr", "shut.what", nil, ""},
		{"fr", "shut.what", faults.Params{"door": "blue"}, ""},
		{"fr", "nothing.what", blue, ""},
		{"en", "keys", faults.Params{"n": "1"}, "1 key"},
		{"en", "keys", faults.Params{"n": "2"}, "2 keys"},
		{"fr", "keys", faults.Params{"n": "0"}, "0 clé"},
		{"fr", "shut.do", faults.Params{"room": "blue", "n": "0"}, "Ouvrez blue."},
		{"en", "shut.what", faults.Params{"room": "{{.room}} <b>"}, "The door of {{.room}} <b> is shut."},
	}
	for _, tt := range tests {
		if got := catalogue().Text(tt.lang, tt.id, tt.params); got != tt.want {
			t.Errorf("%s in %q with %v = %q, want %q", tt.id, tt.lang, tt.params, got, tt.want)
		}
	}
	if subject, text := catalogue().Mail("fr", "lost", blue); subject != "Une clé de blue" || text != "Elle est perdue." {
		t.Errorf("mail: %q, %q", subject, text)
	}
}

// TestFault: the error's own code, else that of the first rule; what was met stays what the error says.
func TestFault(t *testing.T) {
	t.Parallel()
	blue := faults.Params{"room": "blue"}
	for _, tt := range []struct {
		err              error
		code, detail, do string
	}{
		{fmt.Errorf("entering: %w", errShut), "shut", "entering: the door is shut", "Open blue."},
		{errors.Join(errStuck, errShut), "shut", "the key is stuck\nthe door is shut", "Open blue."},
		{errStuck, "stuck", "the key is stuck", ""},
		{errUnknown, faults.Failed, "something else", ""},
		{fmt.Errorf("%w: %w", faults.Error{Code: "own", Detail: "mine"}, errShut), "own", "mine: the door is shut", ""},
	} {
		got := catalogue().Fault(tt.err, rules, blue)
		if got.Code != tt.code || got.Detail != tt.detail || got.Do != tt.do || got.Params["room"] != "blue" {
			t.Errorf("%v is %+v", tt.err, got)
		}
	}
	if got := catalogue().Fault(nil, rules, nil); got != nil {
		t.Errorf("no error is %+v", got)
	}
	if code := faults.CodeOf(errUnknown, rules); code != "" {
		t.Errorf("an unknown error's code is %q", code)
	}
}

// TestIn: a fault says in a language what its code means; what the catalogue lacks stays as it was met.
func TestIn(t *testing.T) {
	t.Parallel()
	met := &faults.Fault{Code: "shut", Params: faults.Params{"room": "blue"}, Detail: "met", Do: "do"}
	if got := catalogue().In("fr", met); got.Detail != "La porte de blue est fermée." || got.Do != "Ouvrez blue." {
		t.Errorf("in French: %+v", got)
	}
	if met.Detail != "met" {
		t.Error("the fault itself was changed")
	}
	if got := catalogue().In("", met); got != met {
		t.Errorf("without a language: %+v", got)
	}
	old := &faults.Fault{Code: "shut", Detail: "met", Do: "do"} // of a version that kept no parameters
	if got := catalogue().In("fr", old); got.Detail != "met" || got.Do != "do" {
		t.Errorf("without parameters: %+v", got)
	}
	if got := catalogue().In("fr", nil); got != nil {
		t.Errorf("no fault: %+v", got)
	}
}

// TestLoadRefusesWhatIsBroken, for a broken catalogue is a broken program.
func TestLoadRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]fstest.MapFS{
		"no language": {"words/README": {}},
		"no JSON":     {"words/en.json": {Data: []byte(`{`)}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", name)
				}
			}()
			faults.Load(files, "words")
		}()
	}
}

// TestTemplates: the texts as they are in the file, for a page's script; what a language lacks is in English.
func TestTemplates(t *testing.T) {
	t.Parallel()
	texts := faults.Load(fstest.MapFS{
		"words/en.json": {Data: []byte(`{"page":{"hello":"Hello {{.name}}","bye":"Bye","n":{"one":"a key","other":"keys"},
			"part":{"ok":"fine","bad":"bad"}}}`)},
		"words/fr.json": {Data: []byte(`{"page":{"hello":"Bonjour {{.name}}","part":{"ok":"bien"}}}`)},
	}, "words")
	for _, tt := range []struct{ lang, id, want string }{
		{"fr", "page", "map[bye:Bye hello:Bonjour {{.name}} n:map[one:a key other:keys] part:map[bad:bad ok:bien]]"},
		{"en", "page", "map[bye:Bye hello:Hello {{.name}} n:map[one:a key other:keys] part:map[bad:bad ok:fine]]"},
		{"de", "page", "map[bye:Bye hello:Hello {{.name}} n:map[one:a key other:keys] part:map[bad:bad ok:fine]]"},
		{"fr", "nothing", "map[]"},
	} {
		if got := fmt.Sprint(texts.Templates(tt.lang, tt.id)); got != tt.want {
			t.Errorf("%s in %s: %s", tt.id, tt.lang, got)
		}
	}
}

// TestEveryCatalogueHasTheSameLanguages: a new language is a file in each.
func TestEveryCatalogueHasTheSameLanguages(t *testing.T) {
	t.Parallel()
	root := os.DirFS("../../..")
	found := map[string][]string{}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if path.Base(path.Dir(name)) == "texts" && path.Ext(name) == ".json" {
			found[path.Dir(name)] = append(found[path.Dir(name)], d.Name())
		}
		return err
	})
	if err != nil || len(found) < 2 {
		t.Fatalf("%d catalogues, %v", len(found), err)
	}
	const operators, guests = "infra/console/texts", "shared/stays/almanac/texts"
	// owners of cottages and their guests read more languages than operators
	read := map[string]string{
		guests: guests, "functions/stays/owners/texts": guests, "functions/stays/feeds/texts": guests,
		"functions/stays/relay/texts": guests,
	}
	for folder, languages := range found {
		like := cmp.Or(read[folder], operators)
		if !slices.Equal(languages, found[like]) {
			t.Errorf("%s has %v, %s %v", folder, languages, like, found[like])
		}
	}
}
