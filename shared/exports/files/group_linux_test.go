package files_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// TestGroup: what the importer is to read has its folder's group, the folders on the way too.
func TestGroup(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const importer = 60
	if err := os.Chown(dir, -1, importer); err != nil {
		t.Skip("this account may not give a folder another group")
	}
	d := files.NewFolder(dir, filepath.Join(t.TempDir(), "work"), false)
	from, to := exports.File{Place: exports.PlaceTemp, Path: "a.csv"},
		exports.File{Place: exports.PlaceFiles, Path: "DB/2026/a.csv"}
	w, err := d.Create(t.Context(), from)
	if err == nil {
		err = w.Commit()
	}
	if err == nil {
		err = d.Move(t.Context(), from, to)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"DB", "DB/2026", "DB/2026/a.csv"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Gid != importer {
			t.Errorf("%s has the group %d", name, stat.Gid)
		}
	}
}
