package cli

import (
	"errors"
	"net/http"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// errMissing makes the exit status 1; the findings have said why.
var errMissing = errors.New("something is missing")

// Doctor is `carillon doctor`.
func Doctor(bridges []machine.Bridge) *cobra.Command {
	var o Remote
	var folder string
	cmd := &cobra.Command{
		Use: "doctor", Example: "carillon doctor                               # of the running system\n" +
			"carillon doctor --config /etc/carillon        # of settings, before they run",
		Short: "Check every setting, credential, calendar, Thing and variable, and say what to do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found []machine.Finding
			if folder != "" {
				found = machine.Say(machine.ExamineFolder(cmd.Context(), bridges, folder), "")
			} else if err := o.Call(cmd.Context(), http.MethodGet, "/operator/doctor", &found); err != nil {
				return err
			}
			missing := false
			err := o.Show(cmd.OutOrStdout(), found,
				func(t *tabwriter.Writer) { findingsTable(t, found, widthOf(cmd.OutOrStdout())) })
			for _, f := range found {
				missing = missing || f.State == machine.FindingMissing
			}
			if err == nil && missing {
				return errMissing
			}
			return err
		},
	}
	o.Flags(cmd)
	cmd.Flags().StringVar(&folder, "config", "", "folder of a real office's settings, checked without a running system")
	_ = cmd.MarkFlagDirname("config")
	return cmd
}
