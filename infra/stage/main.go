// Command stage writes one source zip a function, for Google's buildpack: go run ./infra/stage [-out DIR]
// [rooms/webhook ...].
//
// Google's Go buildpack builds the root package of the source that it is given, and nothing below it
// (github.com/GoogleCloudPlatform/buildpacks, cmd/go/functions_framework). So a function's zip holds the packages that
// it imports, a root package that links it, and a go.mod and go.sum with what these need. Same source, same bytes: only
// what changed is deployed again.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
)

func main() {
	out := flag.String("out", filepath.Join("build", "functions"), "folder of the zips and of "+manifestFile)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	manifest, err := stageAll(ctx, ".", *out, flag.Args()...)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "stage:", err)
		os.Exit(1)
	}
	for _, name := range slices.Sorted(maps.Keys(manifest)) {
		fmt.Println(filepath.Join(*out, manifest[name].File))
	}
}
