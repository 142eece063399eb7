package main

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestThePackagesExamplesAreUsable, with a file for each secret that they name beside them.
func TestThePackagesExamplesAreUsable(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files, err := filepath.Glob(filepath.Join("..", "package", "examples", "*.json"))
	if err != nil || len(files) != len(bridgeFiles) {
		t.Fatalf("examples %v, %v", files, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "secrets"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"file:(secrets/[\w-]+)"`).FindAllSubmatch(data, -1) {
			if err := os.WriteFile(filepath.Join(dir, string(m[1])), []byte("a-secret-of-some-length"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := usable(t.Context(), campus.LoadSettings, dir); err != nil {
		t.Error(err)
	}
	if err := usable(t.Context(), exports.LoadSettings, dir); err != nil {
		t.Error(err)
	}
	loader, err := rooms.LoadSettings(local.Folder(dir))
	if err == nil {
		_, err = loader.Get(t.Context())
	}
	if err != nil {
		t.Error(err)
	}
}
