package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/bridges"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
)

// TestMistypedCommandsAreErrors: with what may have been meant, and no help text that looks like success.
func TestMistypedCommandsAreErrors(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"exports transferr":      `carillon exports has no command "transferr": did you mean "transfer"?`,
		"rooms statu":            `did you mean "status"?`,
		"campus synk":            `did you mean "sync"?`,
		"dead lst":               `did you mean "list"?`,
		"exports quarantine shw": `did you mean "show"?`,
		"campus feed kitchen":    "there are create, list, revoke",
		"uup":                    `carillon has no command "uup": did you mean "up"?`,
		"up --speeed 60":         `carillon up has no flag --speeed: did you mean "--speed"?`,
		"up --speed fast":        "--speed fast: expected a whole number",
		"up --rooms -3":          "--rooms -3: expected a number from 0 to 10000",
		"up --speed 0":           "--speed 0: expected a number from 1",
		"up --log-format xml":    "--log-format xml: expected auto, json, text",
		"help exprots":           `carillon has no command "exprots": did you mean "exports"?`,
		"help exports transferr": `carillon exports has no command "transferr": did you mean "transfer"?`,
		"completion bsah":        `did you mean "bash"?`,
		"campus synk --dry-run":  `carillon campus has no command "synk"`,
		"backup":                 "carillon backup takes FILE, and got 0 arguments; for example: carillon backup",
		"dead drop":              "carillon dead drop takes ID...",
		"exports transfer paie":  `takes flags only, and got "paie"`,
		"rooms things create":    "--config is missing",
		"up -x":                  "carillon up has no flag -x",
		"up --config /nowhere":   "--config /nowhere: there is no such folder",
	} {
		out, err := run(t, strings.Fields(typed)...)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(out, "Usage:") {
			t.Errorf("%s: error %v, want %s\n%s", typed, err, want, out)
		}
	}
	if out, err := run(t, "exports"); err != nil || !strings.Contains(out, "quarantine") {
		t.Errorf("a command without its subcommand has no help: %v\n%s", err, out)
	}
}

// TestEveryCommandHasAnExample of itself in its help.
func TestEveryCommandHasAnExample(t *testing.T) {
	t.Parallel()
	used := 0
	var look func(*cobra.Command)
	look = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			look(sub)
		}
		if cmd.HasSubCommands() {
			return
		}
		used++
		if !strings.Contains(cmd.Example, "  "+cmd.CommandPath()) {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
	}
	look(cli.Root("test", bridges.All()))
	if used < 30 {
		t.Errorf("%d commands were looked at", used)
	}
}

// TestWhatToDoIsSaid where an address, a key, a folder or a file cannot be used.
func TestWhatToDoIsSaid(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"up --data " + dir + "/data --listen " + taken.Addr().String(): "another program uses the address " +
			taken.Addr().String() + ": stop it, or choose another port with --listen",
		"up --data " + dir + "/data --listen nowhere": "--listen nowhere cannot be used: expected " +
			"HOST:PORT",
		"rooms status --url http://127.0.0.1:1 --data " + dir:             "--url needs that system's key",
		"up --config " + dir + "/file":                                    "is a file: name the folder",
		"rooms things create --config " + dir + "/none":                   "there is no such folder",
		"campus import-config " + dir + "/file --config " + dir + "/none": "moncampus_username",
	} {
		if _, err := run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", args, err, want)
		}
	}
}

// TestAnOperatorKeyStaysAtHome: the data folder's key is sent to the address that it was written with, and nowhere
// else.
func TestAnOperatorKeyStaysAtHome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, machine.RunFile),
		[]byte(`{"url":"http://127.0.0.1:1","key":"home"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, "rooms", "status", "--data", dir, "--url", "http://127.0.0.1:2"); err == nil ||
		!strings.Contains(err.Error(), "--url needs that system's key") {
		t.Errorf("another address: %v", err)
	}
	if _, err := run(t, "rooms", "status", "--data", dir, "--url", "http://127.0.0.1:1"); err == nil ||
		!strings.Contains(err.Error(), "no system answers") {
		t.Errorf("its own: %v", err)
	}
}
