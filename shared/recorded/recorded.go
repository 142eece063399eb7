// Package recorded finds recorded answers of the outside systems for tests:
// below CARILLON_DATA, else ../shared/data seen from the module's root.
package recorded

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Dir returns a folder of recordings; where it is absent the test is skipped, and says so.
func Dir(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("CARILLON_DATA")
	if root == "" {
		_, file, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(file), "../../../shared/data")
	}
	dir := filepath.Join(root, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recorded answers: %s is absent (set CARILLON_DATA)", dir)
	}
	return dir
}
