package cli

import (
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// Dead is `carillon dead`.
func Dead() *cobra.Command {
	var o Remote
	parent := &cobra.Command{Use: "dead", Short: "Messages that a function could not take after all attempts"}
	o.Flags(parent)
	parent.AddCommand(deadList(&o), deadShow(&o),
		deadDo(&o, "send", "Send messages again", "Sent again", http.MethodPost, "/send"),
		deadDo(&o, "drop", "Drop messages for good", "Dropped", http.MethodDelete, ""))
	return parent
}

func deadList(o *Remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Example: "carillon dead list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []machine.DeadLetter{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/dead", &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				Row(t, "ID", "SUBSCRIPTION", "PUBLISHED", "DIED", "ATTEMPTS", "REASON")
				for _, d := range list {
					Row(t, d.ID, d.Subscription, o.When(d.Published), o.When(d.Died), d.Attempts, d.Reason)
				}
			})
		},
	}
}

func deadShow(o *Remote) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Example: "carillon dead show 12", Short: "Show one with its attributes and data",
		Args: cobra.ExactArgs(1), ValidArgsFunction: deadIDs(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d machine.DeadLetter
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/dead/"+args[0], &d); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), d, func(t *tabwriter.Writer) {
				Row(t, "id", d.ID)
				Row(t, "subscription", d.Subscription)
				Row(t, "message", d.MessageID)
				Row(t, "published", o.When(d.Published))
				Row(t, "died", o.When(d.Died))
				Row(t, "attempts", d.Attempts)
				Row(t, "reason", d.Reason)
				for name, value := range d.Attributes {
					Row(t, "attribute "+name, value)
				}
				Row(t, "data", d.Data)
			})
		},
	}
}

func deadDo(o *Remote, use, short, done, method, suffix string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID...", Example: "carillon dead " + use + " 12 13", Short: short, Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: deadIDs(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.Each(cmd, args, done, func(id string) error {
				return o.Call(cmd.Context(), method, "/operator/dead/"+id+suffix, nil)
			})
		},
	}
}

// deadIDs completes ids.
func deadIDs(o *Remote) cobra.CompletionFunc {
	return Complete(o, "/operator/dead", func(d machine.DeadLetter) string {
		return strconv.FormatInt(d.ID, 10) + "	" + d.Subscription
	})
}
