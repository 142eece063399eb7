package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
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
	look(command())
	if used != len(examples) {
		t.Errorf("%d commands, %d examples", used, len(examples))
	}
}
