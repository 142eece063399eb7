package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// TestFirstStartInterrupted: an empty HOME, three starts that end at different moments, one of them while the blob
// store is being installed; then a start to the end. All three bridges work, and the stops were quiet.
func TestFirstStartInterrupted(t *testing.T) {
	t.Parallel()
	modules := filepath.Join(peers.Dir(t), "node_modules")
	dir, listen := t.TempDir(), machinetest.FreeAddress(t)
	program, data, npm := filepath.Join(dir, "carillon"), filepath.Join(dir, "data"), filepath.Join(dir, "bin", "npm")
	build(t, program, "1.0.0")
	if err := os.MkdirAll(filepath.Dir(npm), 0o755); err != nil {
		t.Fatal(err)
	}
	// It installs slowly, as from a registry, and what it has laid before it was interrupted is half of it.
	const slowly = `#!/bin/sh
while [ $# -gt 0 ]; do [ "$1" = --prefix ] && prefix=$2; shift; done
blob="$prefix/node_modules/azurite/dist/src/blob"
mkdir -p "$blob" && echo "require('tslib')" >"$blob/main.js"
sleep 2
rm -r "$prefix/node_modules" && ln -s "$MODULES" "$prefix/node_modules"
`
	if err := os.WriteFile(npm, []byte(slowly), 0o755); err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(dir, "home")
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	var said *bytes.Buffer
	up := func() *exec.Cmd {
		said = &bytes.Buffer{}
		cmd := exec.CommandContext(t.Context(), program, "up", "--data", data, "--listen", listen, "--log-format", "text")
		cmd.Dir, cmd.Stdout, cmd.Stderr = dir, said, said
		cmd.Env = []string{"HOME=" + home, "MODULES=" + modules, "PATH=" + filepath.Dir(npm) + ":" + os.Getenv("PATH")}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	for _, cut := range []struct {
		after  time.Duration
		signal os.Signal
	}{
		{60 * time.Millisecond, os.Interrupt},
		{1500 * time.Millisecond, syscall.SIGKILL},
		{900 * time.Millisecond, os.Interrupt},
	} {
		cmd := up()
		time.Sleep(cut.after)
		if err := cmd.Process.Signal(cut.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if faults := faultLines(said.String()); cut.signal == os.Interrupt && len(faults) > 0 {
			t.Errorf("stopped after %s it told of faults, although all is well:\n%s", cut.after, strings.Join(faults, ""))
		}
	}
	cmd := up()
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	o := roomstest.Office{Running: machinetest.At(t, listen)}
	o.Eventually("every door shows its room", o.Healthy)
	o.Eventually("timetables and exports have arrived", func() bool {
		var timetables []sync.Status
		var sources []transfer.Status
		out, err := machinetest.Run(t, bridges.All(), "campus", "status", "--json", "--data", data)
		if err != nil || json.Unmarshal([]byte(out), &timetables) != nil {
			return false
		}
		if out, err = machinetest.Run(t, bridges.All(), "exports", "status", "--json", "--data", data); err != nil ||
			json.Unmarshal([]byte(out), &sources) != nil {
			return false
		}
		for _, s := range timetables {
			if s.Run == nil || s.Run.Fault != nil || s.Run.Classes == 0 {
				return false
			}
		}
		return len(timetables) == 2 && len(sources) == 1 && delivered(t, data) == 4
	})
	if out, err := machinetest.Run(t, bridges.All(), "doctor", "--data", data); err != nil {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if faults := faultLines(said.String()); len(faults) > 0 {
		t.Errorf("it told of faults, although all is well:\n%s", strings.Join(faults, ""))
	}
}

// delivered is how many files wait for the importer.
func delivered(t *testing.T, data string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(data, "exports", "paie", "*", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// faultLines are the lines of the log, but for those of a run that a killed process has left to end by itself.
func faultLines(said string) (lines []string) {
	for line := range strings.Lines(said) {
		if strings.Contains(line, "another run is at work") ||
			!strings.Contains(line, " ERROR ") && !strings.Contains(line, " WARN ") {
			continue
		}
		lines = append(lines, line)
	}
	return lines
}
