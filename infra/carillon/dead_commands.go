package main

import (
	"net/http"
	"strconv"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/local"
)

func deadCommand() *cobra.Command {
	var o remote
	parent := &cobra.Command{Use: "dead", Short: "Messages that a function could not take after all attempts"}
	o.flags(parent)
	parent.AddCommand(deadList(&o), deadShow(&o),
		deadDo(&o, "send", "Send messages again", "Sent again", http.MethodPost, "/send"),
		deadDo(&o, "drop", "Drop messages for good", "Dropped", http.MethodDelete, ""))
	return parent
}

func deadList(o *remote) *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []local.DeadLetter{}
			if err := o.call(cmd.Context(), http.MethodGet, "/operator/dead", &list); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				row(t, "ID", "SUBSCRIPTION", "PUBLISHED", "DIED", "ATTEMPTS", "REASON")
				for _, d := range list {
					row(t, d.ID, d.Subscription, o.when(d.Published), o.when(d.Died), d.Attempts, d.Reason)
				}
			})
		},
	}
}

func deadShow(o *remote) *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show one with its attributes and data", Args: cobra.ExactArgs(1), ValidArgsFunction: o.deadIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var d local.DeadLetter
			if err := o.call(cmd.Context(), http.MethodGet, "/operator/dead/"+args[0], &d); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), d, func(t *tabwriter.Writer) {
				row(t, "id", d.ID)
				row(t, "subscription", d.Subscription)
				row(t, "message", d.MessageID)
				row(t, "published", o.when(d.Published))
				row(t, "died", o.when(d.Died))
				row(t, "attempts", d.Attempts)
				row(t, "reason", d.Reason)
				for name, value := range d.Attributes {
					row(t, "attribute "+name, value)
				}
				row(t, "data", d.Data)
			})
		},
	}
}

func deadDo(o *remote, use, short, done, method, suffix string) *cobra.Command {
	return &cobra.Command{
		Use: use + " ID...", Short: short, Args: cobra.MinimumNArgs(1), ValidArgsFunction: o.deadIDs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.each(cmd, args, done, func(id string) error {
				return o.call(cmd.Context(), method, "/operator/dead/"+id+suffix, nil)
			})
		},
	}
}

// deadIDs completes ids.
func (o *remote) deadIDs(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list []local.DeadLetter
	if o.call(cmd.Context(), http.MethodGet, "/operator/dead", &list) != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	ids := make([]string, 0, len(list))
	for _, d := range list {
		ids = append(ids, strconv.FormatInt(d.ID, 10)+"\t"+d.Subscription)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
