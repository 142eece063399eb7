package rooms

import (
	"cmp"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/cli"
)

func command() *cobra.Command {
	var o cli.Remote
	parent := &cobra.Command{Use: "rooms", Short: "The rooms of the running system"}
	o.Flags(parent)
	parent.AddCommand(&cobra.Command{
		Use: "status", Example: "carillon rooms status --json",
		Short: "Per room: age of the data, end of the watch, last push and publish, faults", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []roomStatus{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/rooms", &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				cli.Row(t, "ROOM", "STATE", "DATA AGE", "WATCHED UNTIL / POLLED", "LAST PUSH", "LAST PUBLISH", "FAULT")
				for _, r := range list {
					at := func(t time.Time) string { return cli.When(t, cmp.Or(r.TimeZone, o.Zone)) }
					cli.Row(t, r.Room, r.State, cmp.Or(r.DataAge, "unread"), cmp.Or(r.Polled, at(r.WatchExpires)), at(r.LastPush),
						at(r.LastPublish), cmp.Or(strings.Join(r.Faults, " "), "-"))
				}
			})
		},
	})
	parent.AddCommand(thingsCommand())
	return parent
}
