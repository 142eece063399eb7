package setup_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// script runs test.sh in a copy of the tree, on a machine whose commands are those given: name and shell text. It
// returns what was printed.
func script(t *testing.T, commands map[string]string) (string, error) {
	t.Helper()
	root := t.TempDir()
	bin := filepath.Join(root, "bin")
	for _, dir := range []string{
		bin, filepath.Join(root, "infra", "setup"), filepath.Join(root, "infra", "sim", "peers"),
	} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("test.sh")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "infra", "setup", "test.sh")
	if err := os.WriteFile(path, text, 0o755); err != nil {
		t.Fatal(err)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"dirname", "grep", "env", "touch", "mkdir"} {
		found, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(found, filepath.Join(bin, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, shell := range commands {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!"+bash+"\n"+shell+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(bash, path)
	release := filepath.Join(root, "os-release")
	if err := os.WriteFile(release, []byte("ID=debian\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Env = []string{
		"PATH=" + bin, "PYTHON3=python3", "POSTGRES=" + filepath.Join(bin, "postgres"),
		"RABBITMQ=" + filepath.Join(bin, "rabbitmq-server"), "OS_RELEASE=" + release,
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// whole is a machine that has everything.
func whole() map[string]string {
	return map[string]string{
		"gcc": "", "chromium": "", "python3": "", "node": "", "postgres": "", "rabbitmq-server": "", "id": "echo 1000",
		"npm":  `echo "npm $*"; mkdir -p infra/sim/peers/node_modules && touch infra/sim/peers/node_modules/.package-lock.json`,
		"sudo": `echo "sudo $*"; "$@"`, "apt-get": `echo "apt-get $*"`,
	}
}

// TestInstallsOnlyWhatIsMissing: with sudo where one is not root, after saying what; where there is no apt-get, or no
// right, it says what to install.
func TestInstallsOnlyWhatIsMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		change      map[string]string // "-" takes a command away
		want, never []string
		fails       bool
	}{
		{"all is there", nil, []string{"npm ci"}, []string{"apt-get", "sudo"}, false},
		{
			"not root",
			map[string]string{"chromium": "-", "python3": "exit 1"},
			[]string{
				"Installing what the tests need, with apt-get: chromium python3 python3-icalendar python3-zeep\n",
				"sudo apt-get update",
				"apt-get install -y -q --no-install-recommends chromium python3 python3-icalendar python3-zeep\n",
			},
			[]string{"gcc", "nodejs"},
			false,
		},
		{"root", map[string]string{"chromium": "-", "id": "echo 0"}, []string{"apt-get install"}, []string{"sudo"}, false},
		{
			"no sudo",
			map[string]string{"chromium": "-", "sudo": "-"},
			[]string{"Run this as root", "apt-get install chromium"},
			[]string{"npm ci"},
			true,
		},
		{
			"not Debian",
			map[string]string{"chromium": "-", "apt-get": "-", "gcc": "-"},
			[]string{"gcc libc6-dev chromium"},
			[]string{"npm ci"},
			true,
		},
		{
			"an old Node.js",
			map[string]string{"node": `[ "$1" = --version ] && echo v18.20.4; exit 1`},
			[]string{"nodejs", "Node.js 20 or newer", "v18.20.4"},
			[]string{"npm ci"},
			true,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			commands := whole()
			for name, shell := range tt.change {
				if commands[name] = shell; shell == "-" {
					delete(commands, name)
				}
			}
			out, err := script(t, commands)
			if (err != nil) != tt.fails {
				t.Errorf("ended with %v", err)
			}
			for _, text := range tt.want {
				if !strings.Contains(out, text) {
					t.Errorf("%q is missing in\n%s", text, out)
				}
			}
			for _, text := range tt.never {
				if strings.Contains(out, text) {
					t.Errorf("%q is in\n%s", text, out)
				}
			}
		})
	}
}
