package exports_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

func TestNewestOfTheRecordedNames(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "cegid"), "blob_names.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var blobs []exports.Blob
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !exports.Marker(line, 0) {
			names, blobs = append(names, line), append(blobs, exports.Blob{Name: line, Size: 1})
		}
	}
	var newest, older []string
	for _, t := range exports.Plan(blobs, nil, nil, exports.Source{}, time.Now()) {
		switch t.Do {
		case exports.Take:
			newest = append(newest, t.Blob.Name)
		case exports.Archive:
			older = append(older, t.Blob.Name)
		}
	}
	want := []string{
		"DB000001/DB000001-cpa-analytiq-20250831094209.csv", "DB000001/DB000001-paie-absencesalarie;-20250830040013.csv",
		"DB000001/DB000001-paie-histocumsal-20250830040012.csv",
		"DB000001/sub/same-name.csv", "DB000001/vide-20250830.csv", "DB000002/DB000002-cpa-analytiq-20250830094213.csv",
		"DB000002/sub/same-name.csv",
	}
	if diff := cmp.Diff(want, newest); diff != "" || len(older) != 1 ||
		older[0] != "DB000001/DB000001-cpa-analytiq-20250830094213.csv" {
		t.Errorf("older %v, newest (-want +got):\n%s", older, diff)
	}
	for _, name := range names {
		if got, err := exports.Path(name, false); err != nil || got != name {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestPath(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		blob string
		flat bool
		want string // "" is refused
	}{
		{"DB1/a b;é.csv", false, "DB1/a b;é.csv"},
		{"DB1/sub/x.csv", true, "x.csv"},
		{`DB1\x.csv`, true, "x.csv"},
		{`DB1\x.csv`, false, ""},
		{"../x.csv", false, ""},
		{"a/../../x.csv", false, ""},
		{"/etc/passwd", false, ""},
		{"C:/x.csv", false, ""},
		{"x.csv:stream", false, ""},
		{"a//b.csv", false, ""},
		{"a/./b.csv", false, ""},
		{"a/", false, ""},
		{"", false, ""},
		{"a\x00.csv", false, ""},
		{"a\nb.csv", false, ""},
		{"\xff.csv", false, ""},
		{"NUL", false, ""},
		{"nul.csv", false, ""},
		{"DB/COM1.txt", false, ""},
		{"com.csv", false, "com.csv"},
		{"x.csv.", false, ""},
		{" x.csv", false, ""},
		{"a?.csv", false, ""},
		{"quarantine/x.csv", false, ""},
		{"Archive/x.csv", false, ""},
		{"archive.csv", false, "archive.csv"},
		{"DB1/archive/x.csv", false, "DB1/archive/x.csv"},
		{strings.Repeat("x", 201), false, ""},
		{"..", true, ""},
	} {
		got, err := exports.Path(tt.blob, tt.flat)
		if got != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q flat %v: %q, %v, want %q", tt.blob, tt.flat, got, err, tt.want)
		}
	}
}

// FuzzPath: what is not refused lies below the destination, is the same name on every system, and is taken as it is a
// second time.
func FuzzPath(f *testing.F) {
	for _, seed := range []string{
		"DB1/x.csv", "../x", "/x", `a\..\b`, "a/b/../../../c", "C:x", "NUL.csv", "a\x00b", "é/;.csv",
	} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	f.Fuzz(func(t *testing.T, blob string, flat bool) {
		got, err := exports.Path(blob, flat)
		if err != nil {
			return
		}
		if !filepath.IsLocal(got) || path.Clean(got) != got || strings.ContainsAny(got, "\\:\x00") {
			t.Errorf("%q became %q", blob, got)
		}
		if again, err := exports.Path(got, flat); err != nil || again != got {
			t.Errorf("%q became %q, then %q, %v", blob, got, again, err)
		}
	})
}
