package cli

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
)

// examples are of the commands that cobra adds, by their paths. Each of ours has its own.
var examples = map[string]string{
	"help":                  "carillon help backup",
	"completion bash":       "carillon completion bash | sudo tee /etc/bash_completion.d/carillon",
	"completion zsh":        `carillon completion zsh > "${fpath[1]}/_carillon"`,
	"completion fish":       "carillon completion fish > ~/.config/fish/completions/carillon.fish",
	"completion powershell": "carillon completion powershell | Out-String | Invoke-Expression",
}

// finish indents every command's examples, and makes mistyped subcommands and flags errors with a suggestion.
func finish(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(flagError)
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	cmd.Example = "  " + strings.ReplaceAll(cmp.Or(examples[path], cmd.Example), "\n", "\n  ")
	if !cmd.HasSubCommands() {
		finishArgs(cmd)
		return
	}
	itself := cmd.RunE
	if itself == nil {
		cmd.Example = ""
		itself = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, sub := range cmd.Commands() {
		finish(sub)
	}
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return itself(cmd, args)
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
		return fmt.Errorf("--%s %s: expected %s", invalid.GetFlag().Name, invalid.GetValue(),
			valueOf(invalid.GetFlag().Value.Type()))
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
