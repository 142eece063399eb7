package azurite_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim/azurite"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

func start(t *testing.T, dir string) *azurite.Server {
	t.Helper()
	script, err := azurite.Script(filepath.Join(peers.Dir(t), "node_modules"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := azurite.Start(t.Context(), script, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// TestStopKeepsWhatWasAcknowledged: also what was written just before.
func TestStopKeepsWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := start(t, dir)
	c, err := s.Container("paie")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.NewBlockBlobClient("a.csv").UploadBuffer(t.Context(), []byte("a;b"), nil); err != nil {
		t.Fatal(err)
	}
	if token, err := s.Token("paie", "rdl", time.Now().Add(time.Hour)); err != nil || token == "" {
		t.Errorf("token %q, %v", token, err)
	}
	s.Stop()
	if c, err = start(t, dir).Container("paie"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.NewBlobClient("a.csv").GetProperties(t.Context(), nil); err != nil {
		t.Errorf("the blob is gone: %v", err)
	}
}

// A machine has a cache of its own, and an npm that does what its script says. Installing takes the packages from those
// of the tests.
type machine struct {
	t           *testing.T
	cache, peer string
	npm, log    string
}

const installs = `while [ $# -gt 0 ]; do [ "$1" = --prefix ] && prefix=$2; shift; done; ln -s %s "$prefix/node_modules"`

func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{t: t, cache: t.TempDir(), peer: filepath.Join(peers.Dir(t), "node_modules")}
	bin := t.TempDir()
	m.npm, m.log = filepath.Join(bin, "npm"), filepath.Join(bin, "log")
	t.Setenv("XDG_CACHE_HOME", m.cache)
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	m.does(fmt.Sprintf(installs, m.peer))
	return m
}

func (m *machine) does(shell string) {
	m.t.Helper()
	if err := os.WriteFile(m.npm, []byte("#!/bin/sh\necho ran >>"+m.log+"\n"+shell+"\n"), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// runs is how often npm has run.
func (m *machine) runs() int {
	data, _ := os.ReadFile(m.log)
	return strings.Count(string(data), "ran")
}

// half lays half an installation: the program without what it needs.
func (m *machine) half(modules string) {
	m.t.Helper()
	dir := filepath.Join(modules, "azurite", "dist", "src", "blob")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.js"), []byte("require('tslib')"), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) opens(ctx context.Context, folders ...string) error {
	m.t.Helper()
	s, err := azurite.Open(ctx, folders, m.t.TempDir(), func() {})
	if err == nil {
		s.Stop()
	}
	return err
}

// TestBrokenInstallationsAreReplaced: one that was interrupted, by whatever, is passed over or made anew.
//
//nolint:paralleltest // they set the environment
func TestBrokenInstallationsAreReplaced(t *testing.T) {
	t.Run("the working copy's", func(t *testing.T) {
		m := newMachine(t)
		modules := filepath.Join(t.TempDir(), "node_modules")
		m.half(modules)
		if err := m.opens(t.Context(), modules, m.peer); err != nil || m.runs() != 0 {
			t.Errorf("the second folder is whole, but: %v, npm ran %d times", err, m.runs())
		}
	})
	t.Run("the cache's", func(t *testing.T) {
		m := newMachine(t)
		home := filepath.Join(m.cache, "carillon", "azurite-"+azurite.Version)
		m.half(filepath.Join(home, "node_modules"))
		m.half(filepath.Join(home+".new123", "node_modules"))
		for range 2 {
			if err := m.opens(t.Context()); err != nil || m.runs() != 1 {
				t.Errorf("%v, npm ran %d times, want once", err, m.runs())
			}
		}
		if left, _ := filepath.Glob(home + ".new*"); len(left) > 0 {
			t.Errorf("left over: %v", left)
		}
	})
	t.Run("a package is missing", func(t *testing.T) {
		m := newMachine(t)
		modules := filepath.Join(t.TempDir(), "node_modules")
		m.half(modules)
		if err := os.WriteFile(filepath.Join(modules, ".package-lock.json"),
			[]byte(`{"packages":{"node_modules/tslib":{}}}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if script, err := azurite.Script(modules); err == nil {
			t.Errorf("%s is taken for whole", script)
		}
	})
	t.Run("it does not start", func(t *testing.T) {
		m := newMachine(t)
		modules := filepath.Join(m.cache, "carillon", "azurite-"+azurite.Version, "node_modules")
		m.half(modules)
		if err := os.WriteFile(filepath.Join(modules, ".package-lock.json"), []byte(`{}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := m.opens(t.Context()); err != nil || m.runs() != 1 {
			t.Errorf("%v, npm ran %d times, want once", err, m.runs())
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		m := newMachine(t)
		m.does(fmt.Sprintf(installs, m.peer) + "; exec sleep 60")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := m.opens(ctx); err == nil {
			t.Error("an interrupted installation succeeds")
		}
		m.does(fmt.Sprintf(installs, m.peer))
		if err := m.opens(t.Context()); err != nil || m.runs() != 2 {
			t.Errorf("after it: %v, npm ran %d times", err, m.runs())
		}
	})
}

// TestReasonsAreTold: npm's own, Node's own, and what a person has to set.
//
//nolint:paralleltest // it sets the environment
func TestReasonsAreTold(t *testing.T) {
	tests := []struct {
		name, shell string
		set         func(*testing.T, *machine)
		want, never string
	}{
		{"no network", `echo "npm error code ENOTFOUND
npm error syscall getaddrinfo
npm error network request to a registry failed, reason: getaddrinfo ENOTFOUND
npm error A complete log of this run can be found in: /home/lea/.npm/_logs/x.log"; exit 1`, nil, "npm: network request to a registry failed, reason: getaddrinfo ENOTFOUND", "complete log"},
		{"an old Node.js", "", func(t *testing.T, m *machine) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(filepath.Dir(m.npm), "node"),
				[]byte("#!/bin/sh\necho v18.20.4\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}, "Node.js 20 or newer; this machine has v18.20.4", ""},
		{
			"no HOME", "", func(t *testing.T, _ *machine) { t.Helper(); t.Setenv("HOME", ""); t.Setenv("XDG_CACHE_HOME", "") },
			"set HOME", "",
		},
		{
			"HOME is not a folder", "",
			func(t *testing.T, m *machine) { t.Helper(); t.Setenv("XDG_CACHE_HOME", m.npm) }, "set HOME", "",
		},
		{"Node's own", `while [ $# -gt 0 ]; do [ "$1" = --prefix ] && prefix=$2; shift; done
blob="$prefix/node_modules/azurite/dist/src/blob"; mkdir -p "$blob"; echo "require('tslib')" >"$blob/main.js"
echo '{}' >"$prefix/node_modules/.package-lock.json"`, nil, "Error: Cannot find module 'tslib'", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			if tt.shell != "" {
				m.does(tt.shell)
			}
			if tt.set != nil {
				tt.set(t, m)
			}
			err := m.opens(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) ||
				tt.never != "" && strings.Contains(err.Error(), tt.never) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestEndsWithWhoStartedIt: the process that holds its standard input dies.
func TestEndsWithWhoStartedIt(t *testing.T) {
	t.Parallel()
	if os.Getenv("AZURITE_PARENT") != "" {
		s := start(t, os.Getenv("AZURITE_PARENT"))
		fmt.Println("at " + s.URL)
		time.Sleep(time.Minute)
	}
	peers.Dir(t)
	cmd := exec.Command(os.Args[0], "-test.run=^TestEndsWithWhoStartedIt$")
	cmd.Env = append(os.Environ(), "AZURITE_PARENT="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var url string
	if _, err := fmt.Fscanf(out, "at %s\n", &url); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := net.Dial("tcp", strings.Split(url, "/")[2])
		if err != nil {
			return
		}
		_ = conn.Close()
		if time.Now().After(deadline) {
			t.Fatal("Azurite lives on")
		}
	}
}
