// Package faultstest checks catalogues against each other.
package faultstest

import (
	"encoding/json"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// Codes checks that each code has the texts CODE.what and CODE.do in English and French. params are those of all texts.
func Codes(t *testing.T, c *faults.Catalogue, params faults.Params, codes ...string) {
	t.Helper()
	for _, code := range codes {
		for _, id := range []string{code + ".what", code + ".do"} {
			if c.Text("fr", id, params) == "" || c.Text("en", id, params) == "" {
				t.Errorf("no text of %s", id)
			}
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)
	halfBraced  = regexp.MustCompile(`\{\w+\}`) // what was meant as a placeholder, and would be shown as it is
)

// Complete reports what a language of a catalogue lacks or has more than English, in texts and in their parameters.
func Complete(t *testing.T, files fs.FS, folder string) {
	t.Helper()
	files, err := fs.Sub(files, folder)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.json")
	if err != nil || !slices.Contains(names, "en.json") || !slices.Contains(names, "fr.json") {
		t.Fatalf("languages %v, %v", names, err)
	}
	english := texts(t, files, "en.json")
	for _, name := range names {
		other := texts(t, files, name)
		for id, params := range english {
			if got, ok := other[id]; !ok {
				t.Errorf("%s has no %s", name, id)
			} else if !slices.Equal(got, params) {
				t.Errorf("%s: %s has the parameters %v, in English %v", name, id, got, params)
			}
		}
		for id := range other {
			if _, ok := english[id]; !ok {
				t.Errorf("%s has %s, which English lacks", name, id)
			}
		}
	}
}

// texts are a file's ids with the parameters of their texts.
func texts(t *testing.T, files fs.FS, name string) map[string][]string {
	t.Helper()
	data, err := fs.ReadFile(files, name)
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(data, &tree); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	found := map[string][]string{}
	walk(tree, "", func(id, text string) {
		if text == "" { // and would be said in English
			t.Errorf("%s: %s is empty", name, id)
		}
		if lone := halfBraced.FindString(placeholder.ReplaceAllString(text, "")); lone != "" {
			t.Errorf("%s: %s has %s, which nothing fills in", name, id, lone)
		}
		params := placeholder.FindAllString(text, -1)
		slices.Sort(params)
		found[id] = slices.Compact(params)
	})
	return found
}

func walk(tree map[string]any, under string, visit func(id, text string)) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch v := tree[key].(type) {
		case string:
			visit(under+key, v)
		case map[string]any:
			walk(v, under+key+".", visit)
		}
	}
}

// Offered checks that each setting "locale" of a JSON Schema, a file, offers the languages of a catalogue.
func Offered(t *testing.T, c *faults.Catalogue, schema string) {
	t.Helper()
	data, err := os.ReadFile(schema) //nolint:gosec // the test's
	if err != nil {
		t.Fatal(err)
	}
	offers := regexp.MustCompile(`"locale": \{"enum": (\[[^\]]*\])`).FindAllSubmatch(data, -1)
	if len(offers) == 0 {
		t.Errorf("%s has no locale", schema)
	}
	for _, found := range offers {
		var languages []string
		if err := json.Unmarshal(found[1], &languages); err != nil || !slices.Equal(languages, c.Languages()) {
			t.Errorf("%s offers the languages %v, the catalogue has %v: %v", schema, languages, c.Languages(), err)
		}
	}
}
