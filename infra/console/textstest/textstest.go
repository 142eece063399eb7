// Package textstest checks that what pages show to people is in the catalogues.
package textstest

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

var (
	textUsed   = regexp.MustCompile(`\b(t|shared|texts\.page)\.([a-z_]+)`)
	textFilled = regexp.MustCompile(`fill\((?:t|shared|texts\.page)\.([a-z_]+), \{ ([^{}]*) \}\)`)
	preset     = regexp.MustCompile(`(?m)^  \['([^']*)', 'sim/`)
	parameter  = regexp.MustCompile(`\{\{\.(\w+)\}\}`)
	key        = regexp.MustCompile(`(?:^|, )(\w+)`)
)

// PageTexts checks a page's script: each text that it shows is in the catalogue, with the parameters it is given, and
// it has none of its own by language. id is where its texts are.
func PageTexts(t *testing.T, texts *faults.Catalogue, id string, files fs.FS, script string) {
	t.Helper()
	data, err := fs.ReadFile(files, script)
	if err != nil {
		t.Fatal(err)
	}
	source := string(data)
	has := texts.Templates(faults.English, id)
	used := map[string]bool{}
	for _, found := range textUsed.FindAllStringSubmatch(source, -1) {
		if id == "shared" != (found[1] == "shared") {
			continue // of the other catalogue
		}
		used[found[2]] = true
		if _, ok := has[found[2]]; !ok {
			t.Errorf("%s shows %s, which the catalogue lacks", script, found[0])
		}
	}
	for _, found := range textFilled.FindAllStringSubmatch(source, -1) {
		keys := key.FindAllStringSubmatch(found[2], -1)
		given := make([]string, len(keys))
		for i, k := range keys {
			given[i] = k[1]
		}
		for _, text := range forms(has[found[1]]) {
			for _, p := range parameter.FindAllStringSubmatch(text, -1) {
				if !slices.Contains(given, p[1]) {
					t.Errorf("%s shows %s without %s", script, found[1], p[1])
				}
			}
		}
	}
	presets, _ := has["presets"].(map[string]any)
	for _, found := range preset.FindAllStringSubmatch(source, -1) {
		if _, ok := presets[found[1]]; !ok {
			t.Errorf("%s has the preset %s, which the catalogue lacks", script, found[1])
		}
	}
	for name := range has {
		if !used[name] && !strings.Contains(source, "'"+name+"'") && name != "presets" {
			t.Errorf("%s does not show %s", script, name)
		}
	}
	if strings.Contains(source, "TEXT[") || strings.Contains(source, "lang ===") {
		t.Errorf("%s has texts by language of its own", script)
	}
}

// forms are a text, or its plural forms.
func forms(text any) (list []string) {
	switch text := text.(type) {
	case string:
		list = append(list, text)
	case map[string]any:
		for _, one := range text {
			list = append(list, forms(one)...)
		}
	}
	return list
}
