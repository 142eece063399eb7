package files_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
	"github.com/carillon-calendar/carillon/shared/exports/files/filestest"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	filestest.Run(t, files.NewFolder(filepath.Join(t.TempDir(), "paie"), "", true))
}

// TestFolderOfThePerson: a folder that was named must be there, for its drive may not be mounted.
func TestFolderOfThePerson(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	missing := filepath.Join(dir, "drive", "paie")
	if err := files.NewFolder(missing, "", false).Check(t.Context()); !errors.Is(err, files.ErrUnusable) ||
		!strings.Contains(err.Error(), missing) {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(missing)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the folder was made")
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := files.NewFolder(file, "", false).Check(t.Context()); !errors.Is(err, files.ErrUnusable) {
		t.Errorf("a file: %v", err)
	}
}

// TestOtherFileSystem: a name cannot be given across file systems, and the error says what to set.
func TestOtherFileSystem(t *testing.T) {
	t.Parallel()
	other, err := os.MkdirTemp("/dev/shm", "carillon") //nolint:usetesting // another file system
	if err != nil {
		t.Skip("there is no second file system here: ", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(other) })
	err = files.NewFolder(t.TempDir(), other, false).Check(t.Context())
	if !errors.Is(err, files.ErrUnusable) || !strings.Contains(err.Error(), "work_folder") {
		t.Errorf("error %v", err)
	}
}

// TestFullDisk: nothing of a file that does not fit is left, and the destination as a whole is said to be unusable.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full here")
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", filepath.Join(dir, "tmp", "x")); err != nil {
		t.Fatal(err)
	}
	w, err := files.NewFolder(filepath.Join(dir, "files"), dir, true).Create(t.Context(),
		exports.File{Place: exports.PlaceTemp, Path: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = w.Write([]byte("payroll")); !errors.Is(err, files.ErrUnusable) ||
		strings.Contains(err.Error(), "/dev/full") {
		t.Errorf("writing: %v", err)
	}
	if err := w.Commit(); err == nil {
		t.Error("it was committed")
	}
	if _, err := os.Lstat(filepath.Join(dir, "tmp", "x")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestPermissions: payrolls are nobody else's to read.
func TestPermissions(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "paie")
	d := files.NewFolder(dir, "", true)
	f := exports.File{Place: exports.PlaceTemp, Path: "a/b"}
	w, err := d.Create(t.Context(), f)
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "tmp", "tmp/a", "tmp/a/b"} {
		info, err := os.Stat(filepath.Join(dir+exports.WorkSuffix, name))
		if err != nil || info.Mode().Perm()&0o027 != 0 {
			t.Errorf("%q: %v, %v", name, info.Mode(), err)
		}
	}
}
