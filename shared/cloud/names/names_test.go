package names_test

import (
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"

	"github.com/carillon-calendar/carillon/shared/cloud/names"
)

func TestNamesOfEveryScript(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"blue_room", "Room 3.1-b", "Salle de réunion", "Léa", "会議室", "Переговорная", "غرفة الاجتماعات", "कक्षा ३",
		"L’atelier (2ᵉ étage)", "Nº 5 & co",
	} {
		if err := names.Check(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
		if got := names.FromObject(names.Object(name)); got != name {
			t.Errorf("%q came back as %q", name, got)
		}
	}
}

func TestNamesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"": "empty", "a/b": "separates folders", `a\b`: "separates folders", "a\nb": "U+000A", "a\u202eb": "direction",
		"a\u2066b": "direction",
		"a\u00a0b": "unusual space", "a\u200bb": "invisible", "a\ufeffb": "invisible",
		"a\u00adb": "invisible", "a\xffb": "UTF-8",
		strings.Repeat("a", 65): "65 characters", strings.Repeat("会", 43): "129 bytes",
	} {
		if err := names.Check(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
}

// TestObjectsOfPlainNamesAreTheNames: documents of before are found.
func TestObjectsOfPlainNamesAreTheNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"blue_room", "Room 3.1-b", "..", " x "} {
		if got := names.Object(name); got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
	if got := names.Object("Salle de re\u0301union"); got != "Salle de r%C3%A9union" {
		t.Errorf("the object is %q", got)
	}
	inverse := func(name string) bool {
		object := names.Object(name)
		return names.FromObject(object) == names.Normal(name) &&
			!strings.ContainsFunc(object, func(r rune) bool { return r < ' ' || r > '~' || r == '/' })
	}
	if err := quick.Check(func(name string) bool { return !utf8.ValidString(name) || inverse(name) }, nil); err != nil {
		t.Error(err)
	}
}
