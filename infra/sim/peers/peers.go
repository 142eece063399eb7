// Package peers finds third-party clients and servers, from npm and from the system, that the simulators and our
// clients are tested with. They are needed by `make test` alone: without it their tests are skipped.
package peers

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Required is set by `make test`, which installs what these tests need.
const Required = "CARILLON_PEERS"

// Needed and Long are what skipped tests say; `make test-short` counts them by these words.
const (
	Needed = "needs third-party clients; make test runs it"
	Long   = "takes minutes; make test runs it"
)

// Wanted reports whether third-party clients are to be tested with, and long tests to be run whole.
func Wanted() bool { return os.Getenv(Required) != "" }

// Need skips a test that needs third-party clients, unless they are wanted.
func Need(t *testing.T) {
	t.Helper()
	if !Wanted() {
		t.Skip(Needed)
	}
}

// A Server is a process that others wrote.
type Server interface{ Remove() }

// Start runs a server for a test that needs it, and removes it with the test.
func Start[S Server](t *testing.T, run func() (S, error)) S {
	t.Helper()
	Need(t)
	s, err := run()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Remove)
	return s
}

// Dir returns the folder with the installed npm packages, for a test that needs them.
func Dir(t *testing.T) string {
	t.Helper()
	Need(t)
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err != nil {
		t.Fatal("the npm packages of infra/sim/peers are not installed")
	}
	return dir
}
