// Package buildpack builds a function's source as Google's Go buildpack does: it puts a main beside the root package
// that links the function, and builds that (github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework and
// cmd/go/build).
package buildpack

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Flags are the build flags of every function. They are GOFLAGS in the cloud's build environment: without the tag,
// Cloud Storage's client links gRPC, which is not used here (cloud.google.com/go/storage, "gRPC").
const Flags = "-tags=disable_grpc_modules"

// main is what the buildpack generates for a root package that imports functions-framework-go/functions.
const main = `package main

import (
	"log"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"

	_ %q
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	if err := funcframework.Start(port); err != nil {
		log.Fatalf("funcframework.Start: %%v\n", err)
	}
}
`

// Unpack unpacks a zip into dir.
func Unpack(file, dir string) error {
	r, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	defer r.Close()
	return os.CopyFS(dir, r)
}

// Build builds the source in dir, which is changed, into the program out. The go command may fetch modules.
func Build(ctx context.Context, dir, out string) error {
	path, err := run(ctx, dir, "list", "-m")
	if err != nil {
		return err
	}
	app := filepath.Join(dir, "functions.local", "app")
	if err := os.MkdirAll(app, 0o750); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(app, "main.go"),
		fmt.Appendf(nil, main, bytes.TrimSpace(path)), 0o600); err != nil {
		return err
	}
	if _, err := run(ctx, dir, "mod", "tidy"); err != nil {
		return err
	}
	_, err = run(ctx, dir, "build", Flags, "-ldflags=-s -w", "-o", out, "./functions.local/app")
	return err
}

func run(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // our own arguments
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}
