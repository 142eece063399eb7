package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// manifestFile, beside the zips, tells Terraform what there is.
const manifestFile = "functions.json"

// A staged is a staged function.
type staged struct {
	File       string `json:"file"` // holds the hash of the contents
	SHA256     string `json:"sha256"`
	EntryPoint string `json:"entry_point"`
}

// rootPackage links one function. funcframework is what Google's main imports: named here, go.sum has what that needs.
const rootPackage = `// Package carillon links one function.
package carillon

import (
	_ "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	_ "github.com/GoogleCloudPlatform/functions-framework-go/functions" // Google's buildpack looks for it here

	_ %q
)
`

// names returns the functions of the module at dir, as in "rooms/webhook".
func names(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "functions", "*", "*", "function.go"))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no function is below %s: run it in the module's root", filepath.Join(dir, "functions"))
	}
	list := make([]string, 0, len(found))
	for _, file := range found {
		folder := filepath.Dir(file)
		list = append(list, filepath.Base(filepath.Dir(folder))+"/"+filepath.Base(folder))
	}
	return list, nil
}

// deployed is the name under which a function is deployed: rooms-webhook.
func deployed(name string) string { return strings.ReplaceAll(name, "/", "-") }

// entryPoint is the name under which a function registers itself: RoomsWebhook.
func entryPoint(name string) string {
	var b strings.Builder
	for word := range strings.SplitSeq(name, "/") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// stage writes the zip of a function of the module at dir into out.
func stage(ctx context.Context, dir, name, out string) (staged, error) {
	files, err := sources(ctx, dir, name)
	if err != nil {
		return staged{}, fmt.Errorf("%s: %w", name, err)
	}
	if err := prune(ctx, files); err != nil {
		return staged{}, fmt.Errorf("%s: %w", name, err)
	}
	data, err := pack(files)
	if err != nil {
		return staged{}, fmt.Errorf("%s: %w", name, err)
	}
	sum := sha256.Sum256(data)
	f := staged{SHA256: hex.EncodeToString(sum[:]), EntryPoint: entryPoint(name)}
	f.File = deployed(name) + "-" + f.SHA256[:16] + ".zip"
	return f, os.WriteFile(filepath.Join(out, f.File), data, 0o600)
}

// stageAll stages functions of the module at dir, all without names, and takes away what is no longer current in out.
func stageAll(ctx context.Context, dir, out string, asked ...string) (map[string]staged, error) {
	all, err := names(dir)
	if err != nil {
		return nil, err
	}
	manifest := map[string]staged{}
	if len(asked) == 0 {
		asked = all
	} else if manifest, err = readManifest(out); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(out, 0o750); err != nil {
		return nil, err
	}
	for _, name := range asked {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("there is no function %q; there are %s", name, strings.Join(all, ", "))
		}
		if manifest[deployed(name)], err = stage(ctx, dir, name, out); err != nil {
			return nil, err
		}
	}
	return manifest, errors.Join(writeManifest(out, manifest), tidy(out, manifest))
}

func readManifest(out string) (map[string]staged, error) {
	manifest := map[string]staged{}
	data, err := os.ReadFile(filepath.Join(out, manifestFile)) //nolint:gosec // the caller's folder
	if errors.Is(err, os.ErrNotExist) {
		return manifest, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &manifest)
	}
	return manifest, err
}

func writeManifest(out string, manifest map[string]staged) error {
	data, err := json.MarshalIndent(manifest, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, manifestFile), append(data, '\n'), 0o600)
}

// tidy removes the zips of an earlier source.
func tidy(out string, manifest map[string]staged) error {
	zips, err := filepath.Glob(filepath.Join(out, "*.zip"))
	for _, file := range zips {
		current := func(f staged) bool { return f.File == filepath.Base(file) }
		if !slices.ContainsFunc(slices.Collect(maps.Values(manifest)), current) {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}

// A pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath, Dir     string
	GoFiles, EmbedFiles []string
	Module              *struct {
		Main bool
		Dir  string
	}
}

// sources are the files of a function and of what it imports of this module, by their path, and the root package.
func sources(ctx context.Context, dir, name string) (map[string][]byte, error) {
	out, err := run(ctx, dir, "list", "-deps", "-json=ImportPath,Dir,GoFiles,EmbedFiles,Module", "./functions/"+name)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	var last pkg // the function: what it imports comes before it
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("go list: %w", err)
		}
		if p.Module == nil || !p.Module.Main {
			continue
		}
		last = p
		for _, file := range slices.Concat(p.GoFiles, p.EmbedFiles) {
			if err := add(files, p.Module.Dir, filepath.Join(p.Dir, file)); err != nil {
				return nil, err
			}
		}
	}
	files["function.go"] = fmt.Appendf(nil, rootPackage, last.ImportPath)
	return files, errors.Join(add(files, dir, filepath.Join(dir, "go.mod")), add(files, dir, filepath.Join(dir, "go.sum")))
}

func add(files map[string][]byte, dir, file string) error {
	rel, err := filepath.Rel(dir, file)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(file) //nolint:gosec // a file of this module
	files[filepath.ToSlash(rel)] = data
	return err
}

// prune leaves in go.mod and go.sum what the files need, so that a new version of a module deploys only those who use
// it.
func prune(ctx context.Context, files map[string][]byte) error {
	dir, err := os.MkdirTemp("", "carillon-stage")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := write(dir, files); err != nil {
		return err
	}
	if _, err := run(ctx, dir, "mod", "tidy"); err != nil {
		return err
	}
	return errors.Join(add(files, dir, filepath.Join(dir, "go.mod")), add(files, dir, filepath.Join(dir, "go.sum")))
}

func write(dir string, files map[string][]byte) error {
	for name, data := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// run runs the go command as for Google's machines.
func run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "GOWORK=off")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

// pack makes a zip of files. Times are fixed, and nothing is compressed, because another Go may compress otherwise.
func pack(files map[string][]byte) ([]byte, error) {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !staysInside(name) {
			return nil, fmt.Errorf("%s lies outside the module", name)
		}
		out, err := w.CreateHeader(&zip.FileHeader{
			Name: name, Method: zip.Store, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err != nil {
			return nil, err
		}
		if _, err := out.Write(files[name]); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return buf.Bytes(), err
}

// staysInside reports whether a path stays where it is unpacked.
func staysInside(name string) bool {
	return name == path.Clean(name) && !path.IsAbs(name) && !strings.HasPrefix(name, "../")
}
