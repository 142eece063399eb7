package stays

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/stays"
)

const ownersPath = "/operator/stays/owners"

// ownerNumbers completes the numbers of owners.
func ownerNumbers(o *cli.Remote) cobra.CompletionFunc {
	return cli.Complete(o, ownersPath, func(k relay.KnownOwner) string { return strconv.FormatInt(k.ID, 10) })
}

func ownerCommands(o *cli.Remote) *cobra.Command {
	parent := &cobra.Command{
		Use: "owners", Example: "carillon stays owners", Args: cobra.NoArgs,
		Short: "The owners, what their calendars are used for, and when they were last kept",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []relay.KnownOwner{}
			if err := o.Call(cmd.Context(), http.MethodGet, ownersPath, &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { ownersTable(t, o, list) })
		},
	}
	parent.AddCommand(ownerAdd(o), ownerLink(o))
	return parent
}

func ownersTable(t *tabwriter.Writer, o *cli.Remote, list []relay.KnownOwner) {
	cli.Row(t, "OWNER", "NAME", "E-MAIL", "LANGUAGE", "LAST UPDATE", "UNITS", "")
	for _, k := range list {
		last, note := "never", ""
		if k.LastSeen != nil {
			last = cli.When(*k.LastSeen, o.Zone)
		}
		if !k.Active {
			note = "not active"
		}
		units := make([]string, len(k.Units))
		for i, u := range k.Units {
			units[i] = fmt.Sprintf("%s (%s)", u.Unit, u.State)
			if u.Conflicts > 0 {
				note = strings.TrimPrefix(note+", days were taken of which nobody was told", ", ")
			}
		}
		cli.Row(t, k.ID, k.Name, k.Email, k.Language, last, strings.Join(units, ", "), note)
	}
}

func ownerAdd(o *cli.Remote) *cobra.Command {
	flags := relay.Owner{Active: true}
	cmd := &cobra.Command{
		Use:     "add ID",
		Example: `carillon stays owners add 12 --name "A. Lambert" --email lambert@example.org --language fr`,
		Short:   "Enter an owner, or change one", Args: cobra.ExactArgs(1), ValidArgsFunction: ownerNumbers(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			list := []relay.KnownOwner{}
			if err := o.Call(cmd.Context(), http.MethodGet, ownersPath, &list); err != nil {
				return err
			}
			owner := relay.Owner{Active: true}
			for _, k := range list {
				if strconv.FormatInt(k.ID, 10) == args[0] {
					owner = k.Owner
				}
			}
			for flag, take := range map[string]func(){
				"name": func() { owner.Name = flags.Name }, "email": func() { owner.Email = flags.Email },
				"language": func() { owner.Language = flags.Language }, "active": func() { owner.Active = flags.Active },
			} {
				if cmd.Flags().Changed(flag) {
					take()
				}
			}
			if err := o.Send(cmd.Context(), http.MethodPut, ownersPath+"/"+url.PathEscape(args[0]), owner,
				&owner); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), owner, func(t *tabwriter.Writer) { cli.Row(t, owner.ID, owner.Name, "entered") })
		},
	}
	cmd.Flags().StringVar(&flags.Name, "name", "", "how the owner is called")
	cmd.Flags().StringVar(&flags.Email, "email", "", "address to which sign-in links are sent")
	cmd.Flags().StringVar(&flags.Language, "language", "",
		"of e-mails and pages: en, de, fr, it, nl; default the browser's")
	cmd.Flags().BoolVar(&flags.Active, "active", true, "may sign in, and the cottages are shown to the public")
	return cmd
}

func ownerLink(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "link ID", Example: "carillon stays owners link 12", Args: cobra.ExactArgs(1),
		Short: "Make a link that signs an owner in, once, within a day", ValidArgsFunction: ownerNumbers(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var made relay.MadeLink
			path := ownersPath + "/" + url.PathEscape(args[0]) + "/link"
			if err := o.Send(cmd.Context(), http.MethodPost, path, struct{}{}, &made); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), made, func(t *tabwriter.Writer) {
				cli.Row(t, made.Link)
				cli.Row(t, "once, until "+cli.When(made.Ends, o.Zone))
			})
		},
	}
}

// unitState says what a unit's calendar is used for.
func unitState(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "state UNIT STATE", Example: "carillon stays units state GFLX0007 blocked", Args: cobra.ExactArgs(2),
		Short: "Say what a unit's calendar is used for: active, search, off or blocked", ValidArgsFunction: units(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var done relay.SetState
			path := "/operator/stays/units/" + url.PathEscape(args[0]) + "/state"
			body := relay.SetState{State: stays.State(args[1])}
			if err := o.Send(cmd.Context(), http.MethodPost, path, body, &done); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), done, func(t *tabwriter.Writer) { cli.Row(t, args[0], done.State) })
		},
	}
}
