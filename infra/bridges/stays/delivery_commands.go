package stays

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// deliveryTable shows how far each destination is, and what waits.
func deliveryTable(t *tabwriter.Writer, s relay.Status) {
	if len(s.Destinations) > 0 {
		_ = t.Flush()
		cli.Row(t)
		cli.Row(t, "DELIVERED TO", "UP TO", "LEFT", "SINCE", "STATE", "WHAT TO DO")
	}
	for _, d := range s.Destinations {
		cli.Row(t, nameOf(d), d.Number, left(d), cli.When(d.At, s.Zone), stateOf(d, s.Zone), todo(d))
	}
	if len(s.Missing) > 0 {
		_ = t.Flush()
		cli.Row(t)
		cli.Row(t, "NOT ON THE WEBSITE", "CHANGES", "SINCE",
			"enter the cottage there with this code (heb_code_cgt), or with "+
				"carillon stays units add where the website has no database: they are delivered then")
	}
	for _, m := range s.Missing {
		cli.Row(t, m.Unit, m.Changes, cli.When(m.Since, s.Zone))
	}
	if s.Healed > 0 {
		cli.Row(t)
		cli.Row(t, "rows too many that were removed from the website's table", s.Healed)
	}
}

func nameOf(d relay.Destination) string {
	switch d.Name {
	case relay.DestinationSite:
		return "website's table"
	case relay.DestinationBroker:
		return "broker"
	case relay.SourceBroker:
		return "taken from the broker"
	}
	return d.Name
}

func left(d relay.Destination) string {
	if d.Restart {
		return "all anew"
	}
	return strconv.FormatInt(d.Lag, 10)
}

func stateOf(d relay.Destination, zone string) string {
	switch {
	case d.Paused:
		return cli.JoinNonEmpty(": ", "paused", d.Error)
	case d.Failing != nil:
		return fmt.Sprintf("failing since %s, %d times: %s; next try %s", cli.When(*d.Failing, zone), d.Tries, d.Error,
			cli.When(*d.Next, zone))
	}
	return "well"
}

// todo is what an operator can do about a destination. What is not delivered is kept in any case.
func todo(d relay.Destination) string {
	if d.Paused {
		if id, ok := strings.CutPrefix(d.Name, ledger.HookPrefix); ok {
			return "carillon stays hooks resume " + id
		}
		return "carillon stays resume " + d.Name
	}
	if d.Failing == nil {
		return ""
	}
	switch d.Code {
	case broker.Unreachable, broker.Closed:
		return "start the broker, or correct broker.host; it is connected to by itself"
	case broker.Refused:
		return "correct broker.user and broker.password: rabbitmqctl authenticate_user USER"
	case broker.NoVHost:
		return "rabbitmqctl add_vhost VHOST, or rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'"
	case broker.Forbidden:
		return "rabbitmqctl set_permissions -p VHOST USER '.*' '.*' '.*'"
	case broker.Declared:
		return "somebody declared it with other arguments: once it is empty, rabbitmqctl delete_queue NAME"
	case broker.Blocked:
		return "give the broker memory or disk: rabbitmqctl status names the alarm"
	case broker.Unroutable:
		return "its queue was taken away: it is declared again with the next try"
	}
	if _, ok := strings.CutPrefix(d.Name, ledger.HookPrefix); ok {
		return "tell the partner; carillon stays hooks test tries it now"
	}
	return ""
}

// errDiffers is that a verification found differences.
var errDiffers = errors.New("the website's table is not as the ledger has it: carillon stays verify --repair writes " +
	"the ledger's days to it")

func verify(o *cli.Remote) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use: "verify", Example: "carillon stays verify --repair", Args: cobra.NoArgs,
		Short: "Compare the ledger with the website's table, day by day from today on",
		Long: "Compare the ledger with the website's table, day by day from today on. Days whose change is under way are " +
			"counted apart. With --repair the ledger's days are written to the table, never the other way. It fails where " +
			"days differ that were not repaired.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			method, path := http.MethodGet, "/operator/stays/verify"
			if repair {
				method, path = http.MethodPost, "/operator/stays/repair"
			}
			var v reservations.Verification
			if err := o.Call(cmd.Context(), method, path, &v); err != nil {
				return err
			}
			if err := o.Show(cmd.OutOrStdout(), v, func(t *tabwriter.Writer) { verifyTable(t, v) }); err != nil {
				return err
			}
			if v.Differences > 0 && !repair {
				return errDiffers
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "write the ledger's days to the table where they differ")
	return cmd
}

func verifyTable(t *tabwriter.Writer, v reservations.Verification) {
	cli.Row(t, "UNITS", "DAYS", "UNDER WAY", "DIFFERENT", "REPAIRED")
	cli.Row(t, v.Units, v.Days, v.Pending, v.Differences, v.Repaired)
	if len(v.Differing) > 0 {
		_ = t.Flush()
		cli.Row(t)
		cli.Row(t, "UNIT", "DAYS", "LEDGER", "TABLE", "")
	}
	for _, d := range v.Differing {
		note := ""
		switch {
		case d.Pending:
			note = "under way"
		case d.Double:
			note = "several rows a day"
		}
		cli.Row(t, d.Unit, days(d.From, d.To), d.Ledger, d.Table, note)
	}
	for _, unit := range v.Unknown {
		cli.Row(t, unit, "the website does not have it")
	}
}

// steering are the commands that stop a destination, let it go on, and send it everything.
func steering(o *cli.Remote) []*cobra.Command {
	steers := []struct{ verb, path, short, done string }{
		{"pause", "pause", "Stop the delivery to a destination; what it does not get is kept for it", "paused"},
		{"resume", "resume", "Let a destination go on that was paused, or try it again at once", "goes on"},
		{
			"export", "export", "Send a destination what every unit is from today on, as a first load",
			"is sent what every unit is",
		},
	}
	list := make([]*cobra.Command, 0, len(steers))
	for _, c := range steers {
		list = append(list, &cobra.Command{
			Use: c.verb + " site|broker", Example: "carillon stays " + c.verb + " site",
			Args: cobra.ExactArgs(1), Short: c.short,
			ValidArgs: []string{relay.DestinationSite, relay.DestinationBroker},
			RunE: func(cmd *cobra.Command, args []string) error {
				var d relay.Destination
				err := o.Send(cmd.Context(), http.MethodPost, "/operator/stays/destinations/"+url.PathEscape(args[0])+"/"+c.path,
					struct{}{}, &d)
				if err != nil {
					return err
				}
				return o.Show(cmd.OutOrStdout(), d, func(t *tabwriter.Writer) { cli.Row(t, args[0], c.done) })
			},
		})
	}
	return list
}

// hooks completes the ids of hooks.
func hooks(o *cli.Remote) cobra.CompletionFunc {
	return cli.Complete(o, "/operator/stays/hooks", func(h relay.Hook) string { return h.ID })
}

func hookCommands(o *cli.Remote) *cobra.Command {
	parent := &cobra.Command{
		Use: "hooks", Short: "Partners' addresses to which changes are announced, in the form of Standard Webhooks",
	}
	show := func(t *tabwriter.Writer, list []relay.Hook) {
		cli.Row(t, "HOOK", "PARTNER", "SERVER", "ADDED", "")
		for _, h := range list {
			note := ""
			if h.Ended != nil {
				note = "ended: its server said that it is gone (410)"
			}
			cli.Row(t, h.ID, h.Partner, h.Host, cli.When(h.Added, o.Zone), note)
		}
	}
	parent.AddCommand(&cobra.Command{
		Use: "list", Example: "carillon stays hooks list", Short: "The hooks; status has how far each is", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []relay.Hook{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/hooks", &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { show(t, list) })
		},
	}, &cobra.Command{
		Use: "add PARTNER URL", Example: "carillon stays hooks add channel https://channel.example/carillon",
		Short: "Announce changes of a partner's units to an address of his; the key of the signatures is shown this once",
		Args:  cobra.ExactArgs(2), ValidArgsFunction: partnerNames(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var h relay.Hook
			err := o.Send(cmd.Context(), http.MethodPost, "/operator/stays/hooks",
				map[string]string{"partner": args[0], "url": args[1]}, &h)
			if err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), h, func(t *tabwriter.Writer) {
				cli.Row(t, "hook", h.ID)
				cli.Row(t, "key", h.Secret)
			})
		},
	})
	one := func(use, method, path, short, done string, into any, say func(*tabwriter.Writer)) *cobra.Command {
		return &cobra.Command{
			Use: use + " HOOK", Example: "carillon stays hooks " + use + " k2fq7xwd", Short: short, Args: cobra.ExactArgs(1),
			ValidArgsFunction: hooks(o),
			RunE: func(cmd *cobra.Command, args []string) error {
				to := "/operator/stays/hooks/" + url.PathEscape(args[0]) + path
				if err := o.Send(cmd.Context(), method, to, struct{}{}, into); err != nil {
					return err
				}
				return o.Show(cmd.OutOrStdout(), into, func(t *tabwriter.Writer) {
					if say != nil {
						say(t)
						return
					}
					cli.Row(t, args[0], done)
				})
			},
		}
	}
	test := new(relay.HookTest)
	parent.AddCommand(
		one("test", http.MethodPost, "/test", "Send a message of the type availability.test now", "", test,
			func(t *tabwriter.Writer) {
				cli.Row(t, "the server's answer", cli.JoinNonEmpty(" ", number(int64(test.Status)), test.Error))
			}),
		one("resume", http.MethodPost, "/resume", "Let a hook go on that was paused or has ended: it is told of the newest "+
			"change alone", "goes on", new(relay.Hook), nil),
		one("remove", http.MethodDelete, "", "Remove a hook", "removed", nil, nil),
	)
	return parent
}
