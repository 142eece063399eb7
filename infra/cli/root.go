// Package cli is the carillon command: its root, the commands of every bridge, and what bridges make their own with.
package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/console"
	"github.com/carillon-calendar/carillon/infra/machine"
)

// Root is the whole command, with what the bridges add.
func Root(version string, bridges []machine.Bridge) *cobra.Command {
	root := &cobra.Command{
		Use: "carillon", Version: version,
		Short:        "Keeps schedules in step between where they are written and where people look",
		SilenceUsage: true, SilenceErrors: true,
	}
	root.AddCommand(Up(bridges), Doctor(bridges))
	for _, b := range bridges {
		if b.Command != nil {
			root.AddCommand(b.Command())
		}
	}
	root.AddCommand(Dead(), Backup(bridges), Restore(bridges), man())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	finish(root)
	finishHelp(root)
	return root
}

// Up is `carillon up`.
func Up(bridges []machine.Bridge) *cobra.Command {
	o := machine.Options{Bridges: bridges, Console: console.Serve}
	cmd := &cobra.Command{
		Use: "up", Short: "Start everything on this machine, with sample systems unless --config names real ones",
		Args: cobra.NoArgs,
		Example: "carillon up                                   # a sample office\n" +
			"carillon up --speed 60                        # where a minute passes each second\n" +
			"carillon up --config /etc/carillon --data /var/lib/carillon",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Validate(); err != nil {
				return err
			}
			o.Sure = func(question string) error { return Confirm(cmd, question) }
			machine.BoundMemory()
			m, err := machine.Start(cmd.Context(), o)
			if err != nil {
				return err
			}
			m.Announce(cmd.OutOrStdout())
			return m.Wait()
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:8080",
		"address of the public paths and, without --config, of the dashboard and the simulators")
	flags.StringVar(&o.Operator, "operator-listen", "127.0.0.1:8081", "with --config: loopback address of the dashboard")
	flags.StringVar(&o.Data, "data", "data", "folder of everything that is kept")
	flags.StringVar(&o.Folder, "config", "", "folder of the settings of real systems: "+settingsFiles(bridges))
	flags.StringSliceVar(&o.Only, "bridges", nil, "run these bridges only: "+strings.Join(machine.Names(bridges), ", ")+
		"; default all, with --config those that it has settings of")
	_, _ = cmd.MarkFlagDirname("data"), cmd.MarkFlagDirname("config")
	for _, b := range bridges {
		if b.Flags != nil {
			b.Flags(flags)
		}
	}
	flags.IntVar(&o.Speed, "speed", 1,
		"simulated seconds a second; the sample's clock stays ahead afterwards, until --fresh")
	flags.BoolVar(&o.Fresh, "fresh", false,
		"delete what the data folder holds and start over; asks first, unless it is the sample's")
	flags.StringVar(&o.LogFormat, "log-format", machine.LogAuto,
		"text: warnings and errors for a person; json: everything for programs; auto: text on a terminal, else json")
	_ = cmd.RegisterFlagCompletionFunc("log-format",
		cobra.FixedCompletions(machine.LogFormats, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// settingsFiles lists the files of a folder of settings.
func settingsFiles(bridges []machine.Bridge) string {
	list := make([]string, 0, len(bridges))
	for _, b := range bridges {
		file := b.Settings
		if b.Keys != "" {
			file = fmt.Sprintf("%s and %s", b.Settings, b.Keys)
		}
		list = append(list, file)
	}
	return strings.Join(list, ", ")
}
