// Package peers finds the clients and servers of others, from npm, that the simulators and our clients are held against.
package peers

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Required is set by `make test`, which installs the packages; without it their tests are skipped where they are missing.
const Required = "CARILLON_PEERS"

// Dir returns the folder with the installed packages.
func Dir(t *testing.T) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Dir(file)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", ".package-lock.json")); err == nil {
		return dir
	}
	if os.Getenv(Required) != "" {
		t.Fatal("the npm packages of infra/sim/peers are not installed")
	}
	t.Skip("the npm packages of infra/sim/peers are not installed; make test installs them")
	return ""
}
