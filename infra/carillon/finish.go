package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
)

// examples are of every command that does something, by its path.
var examples = map[string]string{
	"up": `carillon up                                   # a sample office
carillon up --speed 60                        # where a minute passes each second
carillon up --config /etc/carillon --data /var/lib/carillon`,
	"doctor": `carillon doctor                               # of the running system
carillon doctor --config /etc/carillon        # of settings, before they run`,
	"backup":                     "carillon backup carillon-backup.tar.gz --data /var/lib/carillon --config /etc/carillon",
	"restore":                    "carillon restore carillon-backup.tar.gz --data /var/lib/carillon --config /etc/carillon",
	"rooms status":               "carillon rooms status --json",
	"rooms things create":        "carillon rooms things create --config /etc/carillon --dry-run",
	"campus sync":                "carillon campus sync --instance lea --dry-run",
	"campus status":              "carillon campus status --instance lea",
	"campus feed create":         "carillon campus feed create lea --label \"Léa's phone\"",
	"campus feed list":           "carillon campus feed list",
	"campus feed revoke":         "carillon campus feed revoke 1f0c2d3e",
	"campus import-config":       "carillon campus import-config old/config.yml --config /etc/carillon",
	"exports transfer":           "carillon exports transfer --dry-run",
	"exports status":             "carillon exports status --source paie",
	"exports quarantine list":    "carillon exports quarantine list",
	"exports quarantine show":    "carillon exports quarantine show 3fa9",
	"exports quarantine release": "carillon exports quarantine release 3fa9",
	"exports list":               "carillon exports list --sql",
	"exports force":              "carillon exports force --name ECRITURE --time 14:30 --wait",
	"exports enable":             "carillon exports enable 00000000-0000-4000-8000-000000000301",
	"exports disable":            "carillon exports disable 00000000-0000-4000-8000-000000000301",
	"exports discover":           "carillon exports discover --save",
	"exports import-config":      "carillon exports import-config old/config.py --config /etc/carillon --name paie",
	"dead list":                  "carillon dead list",
	"dead show":                  "carillon dead show 12",
	"dead send":                  "carillon dead send 12 13",
	"dead drop":                  "carillon dead drop 12",
	"man":                        "carillon man build/man",
	"help":                       "carillon help exports force",
	"completion bash":            "carillon completion bash | sudo tee /etc/bash_completion.d/carillon",
	"completion zsh":             `carillon completion zsh > "${fpath[1]}/_carillon"`,
	"completion fish":            "carillon completion fish > ~/.config/fish/completions/carillon.fish",
	"completion powershell":      "carillon completion powershell | Out-String | Invoke-Expression",
}

// finish gives every command its examples, and makes mistyped subcommands and flags errors with a suggestion.
func finish(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	cmd.Example = "  " + strings.ReplaceAll(examples[path], "\n", "\n  ")
	if !cmd.HasSubCommands() {
		finishArgs(cmd)
		return
	}
	cmd.Example = ""
	for _, sub := range cmd.Commands() {
		finish(sub)
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return cmd.Help()
		}
		return noCommand(cmd, args[0])
	}
}

// noCommand says that a command has no such subcommand, and which may have been meant.
func noCommand(cmd *cobra.Command, typed string) error {
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("%s has no command %q%s", cmd.CommandPath(), typed, config.Suggest(typed, names))
}

// finishArgs says in a command's own words what it takes where it got something else.
func finishArgs(cmd *cobra.Command) {
	takes := cmd.Args
	if takes == nil {
		return
	}
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		err := takes(cmd, args)
		_, wanted, takesAny := strings.Cut(cmd.Use, " ")
		switch {
		case err == nil:
			return nil
		case !takesAny:
			return fmt.Errorf("%s takes flags only, and got %q; see: %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
		default:
			example := strings.TrimSpace(cmd.Example)
			return fmt.Errorf("%s takes %s, and got %d arguments; for example: %s",
				cmd.CommandPath(), wanted, len(args), example)
		}
	}
}

// finishHelp makes a mistyped topic an error, as a mistyped command is.
func finishHelp(root *cobra.Command) {
	help, _, _ := root.Find([]string{"help"}) // cobra has made it
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, rest, _ := root.Find(args)
		if len(rest) > 0 {
			return noCommand(cmd, rest[0])
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// flagError adds what may have been meant.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	if cmd.HasSubCommands() && cmd.Flags().NArg() > 0 {
		return noCommand(cmd, cmd.Flags().Arg(0)) // the flag is the mistyped command's
	}
	switch {
	case errors.As(err, &unknown):
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
		typed := "--" + unknown.GetSpecifiedName()
		if short := unknown.GetSpecifiedShortnames(); short != "" {
			typed = "-" + short
		}
		return fmt.Errorf("%s has no flag %s%s", cmd.CommandPath(), typed, config.Suggest(typed, names))
	case errors.As(err, &invalid):
		return fmt.Errorf("--%s %s: expected %s", invalid.GetFlag().Name, invalid.GetValue(), valueOf(invalid.GetFlag().Value.Type()))
	default:
		return err
	}
}

// valueOf says what a flag of a type takes.
func valueOf(kind string) string {
	switch kind {
	case "int":
		return "a whole number"
	case "duration":
		return "a length of time such as 90s, 30m or 2h"
	case "bool":
		return "true or false"
	default:
		return "another value"
	}
}
