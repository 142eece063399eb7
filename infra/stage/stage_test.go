package main

import (
	"archive/zip"
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
)

const root = "../.."

func TestSameSourceSameBytes(t *testing.T) {
	t.Parallel()
	first, second := staging(t, "rooms/meetings"), staging(t, "rooms/meetings")
	if first.File != second.File || !bytes.Equal(first.data, second.data) {
		t.Errorf("two zips of one source differ: %s, %s", first.File, second.File)
	}
	if !strings.HasPrefix(first.File, "rooms-meetings-") || !strings.Contains(first.File, first.SHA256[:16]) {
		t.Errorf("file = %s, want the function's name and its contents' hash", first.File)
	}
	// Compressed, they would be other bytes with another Go.
	archive, err := zip.NewReader(bytes.NewReader(first.data), int64(len(first.data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.File {
		if file.Method != zip.Store {
			t.Errorf("%s is compressed", file.Name)
		}
	}
}

func TestOnlyWhatAFunctionImports(t *testing.T) {
	t.Parallel()
	z := staging(t, "rooms/meetings")
	for _, name := range []string{
		"function.go", "go.mod", "go.sum", "functions/rooms/meetings/function.go", "shared/rooms/config.schema.json",
	} {
		if z.files[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	for name := range z.files {
		for _, bad := range []string{
			"_test.go", "test/", "infra/", "testdata/", "iotcloud", "shared/campus", "shared/exports", "functions/rooms/status",
		} {
			if strings.Contains(name, bad) {
				t.Errorf("%s is in the zip", name)
			}
		}
	}
	for _, bad := range []string{
		"github.com/arduino/iot-client-go", "modernc.org/sqlite", "fake-gcs-server", "azure-sdk-for-go", "chromedp",
	} {
		if bytes.Contains(z.files["go.mod"], []byte(bad)) {
			t.Errorf("go.mod requires %s", bad)
		}
	}
}

// What is left of go.mod has the versions that were tested.
func TestVersionsStay(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	ours := required(t, data)
	left := required(t, staging(t, "rooms/status").files["go.mod"])
	if len(left) < 5 || len(left) >= len(ours) {
		t.Fatalf("%d of %d modules are left", len(left), len(ours))
	}
	for path, version := range left {
		if tested, ok := ours[path]; ok && tested != version { // one that is not ours is Google's main's
			t.Errorf("%s %s, want %s", path, version, tested)
		}
	}
}

func required(t *testing.T, data []byte) map[string]string {
	t.Helper()
	file, err := modfile.Parse("go.mod", data, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range file.Require {
		found[r.Mod.Path] = r.Mod.Version
	}
	if file.Toolchain != nil {
		t.Errorf("go.mod names the toolchain %s, which Cloud Build would fetch", file.Toolchain.Name)
	}
	return found
}

// A function registers itself under the name that the manifest gives.
func TestEntryPoints(t *testing.T) {
	t.Parallel()
	list, err := names(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range list {
		file := filepath.Join(root, "functions", filepath.FromSlash(name), "function.go")
		if got := registered(t, file); !slices.Equal(got, []string{entryPoint(name)}) {
			t.Errorf("%s registers %v, want %s", name, got, entryPoint(name))
		}
	}
}

// registered are the first arguments of a file's calls of functions.HTTP.
func registered(t *testing.T, file string) (found []string) {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "HTTP" {
			if lit, ok := call.Args[0].(*ast.BasicLit); ok {
				name, _ := strconv.Unquote(lit.Value)
				found = append(found, name)
			}
		}
		return true
	})
	return found
}

func TestStagingAnewLeavesNothingOld(t *testing.T) {
	t.Parallel()
	out := t.TempDir()
	for _, name := range []string{"campus-feed-0123456789abcdef.zip", "gone-0123456789abcdef.zip"} {
		if err := os.WriteFile(filepath.Join(out, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := stageAll(t.Context(), root, out, "campus/feed"); err != nil {
		t.Fatal(err)
	}
	manifest, err := readManifest(out)
	if err != nil || len(manifest) != 1 {
		t.Fatalf("manifest = %v, %v", manifest, err)
	}
	zips, _ := filepath.Glob(filepath.Join(out, "*.zip"))
	if len(zips) != 1 || filepath.Base(zips[0]) != manifest["campus-feed"].File {
		t.Errorf("zips = %v, want %s", zips, manifest["campus-feed"].File)
	}
}

func TestUnknownFunctionIsNamed(t *testing.T) {
	t.Parallel()
	_, err := stageAll(t.Context(), root, t.TempDir(), "rooms/nothing")
	if err == nil || !strings.Contains(err.Error(), "rooms/nothing") || !strings.Contains(err.Error(), "rooms/webhook") {
		t.Errorf("error = %v", err)
	}
	if _, err := stageAll(context.Background(), t.TempDir(), t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "module's root") {
		t.Errorf("elsewhere: %v", err)
	}
}

type stagedZip struct {
	staged

	data  []byte
	files map[string][]byte
}

func staging(t *testing.T, name string) stagedZip {
	t.Helper()
	out := t.TempDir()
	f, err := stage(t.Context(), root, name, out)
	if err != nil {
		t.Fatal(err)
	}
	z := stagedZip{staged: f, files: map[string][]byte{}}
	if z.data, err = os.ReadFile(filepath.Join(out, f.File)); err != nil {
		t.Fatal(err)
	}
	r, err := zip.NewReader(bytes.NewReader(z.data), int64(len(z.data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range r.File {
		in, err := file.Open()
		if err != nil {
			t.Fatal(err)
		}
		if z.files[file.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
	return z
}
