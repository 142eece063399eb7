// Package faultstest checks catalogues against each other.
package faultstest

import (
	"encoding/json"
	"io/fs"
	"maps"
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

var placeholder = regexp.MustCompile(`\{\{[^}]*\}\}`)

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
	walk(tree, "", found)
	return found
}

func walk(tree map[string]any, under string, found map[string][]string) {
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch v := tree[key].(type) {
		case string:
			params := placeholder.FindAllString(v, -1)
			slices.Sort(params)
			found[under+key] = slices.Compact(params)
		case map[string]any:
			walk(v, under+key+".", found)
		}
	}
}
