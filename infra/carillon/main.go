// Command carillon is Carillon's one command: up starts everything on this machine.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// interrupted is the exit status of a command that Ctrl-C ended.
const interrupted = 130

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends it at once
	err := command().ExecuteContext(ctx)
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "carillon: interrupted")
		os.Exit(interrupted)
	case err != nil:
		fmt.Fprintln(os.Stderr, "carillon:", err)
		os.Exit(1)
	}
}

// release is set where a release is built.
var release string

// version is the release, or the commit that this was built of.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if release != "" || !ok {
		return cmp.Or(release, "unknown")
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "built from source"
}

func command() *cobra.Command {
	root := &cobra.Command{Use: "carillon", Version: version(), Short: "Keeps schedules in step between where they are written and where people look", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(upCommand(), doctorCommand(), roomsCommand(), campusCommand(), exportsCommand(), deadCommand(), backupCommand(), restoreCommand(), manCommand())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	finish(root)
	finishHelp(root)
	return root
}

func upCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use: "up", Short: "Start everything on this machine, with sample systems unless --config names real ones", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.validate(); err != nil {
				return err
			}
			o.sure = func(question string) error { return confirm(cmd, question) }
			boundMemory()
			s, err := start(cmd.Context(), o)
			if err != nil {
				return err
			}
			s.announce(cmd.OutOrStdout())
			return s.wait()
		},
	}
	cmd.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "address of the public paths and, without --config, of the dashboard and the simulators")
	cmd.Flags().StringVar(&o.operator, "operator-listen", "127.0.0.1:8081", "with --config: loopback address of the dashboard")
	cmd.Flags().StringVar(&o.data, "data", "data", "folder of everything that is kept")
	cmd.Flags().StringVar(&o.folder, "config", "", "folder of the settings of real systems: config.json and calendar_credentials.json, campus.json, exports.json")
	cmd.Flags().StringSliceVar(&o.only, "bridges", nil, "run these bridges only: "+strings.Join(bridgeNames(), ", ")+"; default all, with --config those that it has settings of")
	_, _ = cmd.MarkFlagDirname("data"), cmd.MarkFlagDirname("config")
	cmd.Flags().IntVar(&o.limit, "arduino-limit", 0, "requests a second that the sample Arduino account takes; default 10")
	cmd.Flags().IntVar(&o.size, "rooms", 0, "rooms of the sample office; default eight")
	cmd.Flags().IntVar(&o.speed, "speed", 1, "simulated seconds a second; the sample's clock stays ahead afterwards, until --fresh")
	cmd.Flags().BoolVar(&o.fresh, "fresh", false, "delete what the data folder holds and start over; asks first, unless it is the sample's")
	cmd.Flags().StringVar(&o.logFormat, "log-format", logAuto, "text: warnings and errors for a person; json: everything for programs; auto: text on a terminal, else json")
	_ = cmd.RegisterFlagCompletionFunc("log-format", cobra.FixedCompletions(logFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}
