package machine_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestOperatorsListenerRefusesOtherNames: a page elsewhere may have its own name point here. All that operators are
// served is guarded, where it has a listener of its own and where it shares one; the public paths are asked for by
// their public name.
func TestOperatorsListenerRefusesOtherNames(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, campus.SettingsFile), []byte(`{"instances":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]machine.Options{"sample": {}, "real": {Folder: folder, Operator: "127.0.0.1:0"}} {
		opts.Data, opts.Bridges = t.TempDir(), bridges.All()
		if opts.Folder == "" {
			opts.Only = []string{"campus"}
		}
		o := machinetest.Start(t, opts)
		data, err := os.ReadFile(filepath.Join(opts.Data, machine.RunFile))
		if err != nil {
			t.Fatal(err)
		}
		var at machine.RunInfo
		if err := json.Unmarshal(data, &at); err != nil {
			t.Fatal(err)
		}
		status := func(url, host string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			r.Host = host
			r.Header.Set("Authorization", "Bearer "+at.Key)
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return resp.StatusCode
		}
		for _, path := range []string{"/metrics", "/operator/dead", "/dashboard/overview", "/", "/style.css"} {
			for host, want := range map[string]int{
				"evil.example:8081": 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403,
				"xlocalhost": 403, "..": 403,
				"localhost:8081": 200, "LOCALHOST": 200, "localhost.": 200, "Localhost.:8081": 200, "127.0.0.1:8081": 200,
				"[::1]:8081": 200, "192.168.1.20": 200,
			} {
				if got := status(at.URL+path, host); got != want {
					t.Errorf("%s: %s asked for as %s: %d, want %d", name, path, host, got, want)
				}
			}
		}
		if got := status(o.URL+"/healthz", "rooms.example.com"); got != http.StatusOK {
			t.Errorf("%s: a public path asked for by its public name: %d", name, got)
		}
	}
}
