package stays

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/ledger/migrations"
)

func command() *cobra.Command {
	o := cli.Remote{Deployed: "/operator/stays"}
	parent := &cobra.Command{Use: "stays", Short: "The availability of cottages in the running system"}
	o.Flags(parent)
	parent.AddCommand(status(&o), changes(&o), undo(&o), unitCommands(&o), ownerCommands(&o), partnerCommands(&o),
		hookCommands(&o), verify(&o),
		importSite(&o), migrate())
	parent.AddCommand(steering(&o)...)
	return parent
}

func status(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "status", Example: "carillon stays status", Args: cobra.NoArgs,
		Short: "The ledger, how far its changes are delivered, and what somebody should look at",
		RunE: func(cmd *cobra.Command, _ []string) error {
			var s relay.Status
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/status", &s); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), s, func(t *tabwriter.Writer) { statusTable(t, s) })
		},
	}
}

func statusTable(t *tabwriter.Writer, s relay.Status) {
	newest := "none yet"
	if s.At != nil {
		newest = fmt.Sprintf("%d, %s", s.Number, cli.When(*s.At, s.Zone))
	}
	cli.Row(t, "newest change", newest)
	cli.Row(t, "units", s.Units)
	cli.Row(t, "partners", s.Partners)
	cli.Row(t, "ledger", s.Ledger)
	if len(s.Unlisted) > 0 {
		cli.Row(t, "unlisted units", strings.Join(s.Unlisted, ", ")+
			": partners have named them; enter them with carillon stays units add, or free their days and "+
			"carillon stays units remove")
	}
	deliveryTable(t, s)
	if len(s.Untold) == 0 {
		return
	}
	_ = t.Flush()
	cli.Row(t)
	why := "they are told by the next e-mails"
	if !s.Mail {
		why = "stays.json has no smtp: tell them yourself"
	}
	cli.Row(t, "UNTOLD", "CHANGE", "UNIT", "DAYS", "WHOSE DAYS", why)
	for _, u := range s.Untold {
		for _, h := range u.Holds {
			cli.Row(t, u.Kind, u.Seq, h.Unit, days(h.From, h.To), h.Origin)
		}
	}
}

func days(first, last stays.Day) string { return stays.Through(first, last).String() }

func changes(o *cli.Remote) *cobra.Command {
	var unit, since, origin string
	cmd := &cobra.Command{
		Use: "changes", Example: "carillon stays changes --unit GFLX0001 --since 2027-07-01", Args: cobra.NoArgs,
		Short: "Who changed which days, when, the newest last",
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []relay.Change{}
			q := url.Values{"unit": {unit}, "since": {since}, "origin": {origin}}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/changes?"+q.Encode(), &list); err != nil {
				return err
			}
			if len(list) == relay.MostChanges {
				fmt.Fprintf(cmd.ErrOrStderr(), "These are the newest %d; --unit, --since and --origin narrow it.\n", len(list))
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { changesTable(t, o, list) })
		},
	}
	cmd.Flags().StringVar(&unit, "unit", "", "one unit; default all")
	cmd.Flags().StringVar(&since, "since", "", "from this date or instant on")
	cmd.Flags().StringVar(&origin, "origin", "", "one origin such as partner:channel, or a kind such as owner")
	_ = cmd.RegisterFlagCompletionFunc("unit", units(o))
	return cmd
}

func changesTable(t *tabwriter.Writer, o *cli.Remote, list []relay.Change) {
	cli.Row(t, "CHANGE", "WHEN", "UNIT", "DAYS", "TYPE", "ORIGIN", "BY", "REF", "BEFORE")
	for _, c := range list {
		by := ""
		if c.Actor != c.Origin {
			by = string(c.Actor)
		}
		before := make([]string, len(c.Before))
		for i, h := range c.Before {
			before[i] = fmt.Sprintf("%s %s", h.Type, h.Origin)
		}
		note := strings.Join(before, ", ")
		if c.Undoes > 0 {
			note = cli.JoinNonEmpty("; ", fmt.Sprint("undoes ", c.Undoes), note)
		}
		cli.Row(t, c.Seq, cli.When(c.At, o.Zone), c.Unit, days(c.From, c.To), c.Type, c.Origin, by, c.Ref, note)
	}
}

func undo(o *cli.Remote) *cobra.Command {
	return &cobra.Command{
		Use: "undo CHANGE", Example: "carillon stays undo 1234", Args: cobra.ExactArgs(1),
		Short: "Bring back what the days of a change held before it, unless somebody has changed them since",
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := strconv.ParseUint(args[0], 10, 63); err != nil {
				return fmt.Errorf("%q is not the number of a change: carillon stays changes lists them", args[0])
			}
			list := []relay.Change{}
			if err := o.Send(cmd.Context(), http.MethodPost, "/operator/stays/changes/"+args[0]+"/undo", struct{}{},
				&list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { changesTable(t, o, list) })
		},
	}
}

// units completes the ids of units.
func units(o *cli.Remote) cobra.CompletionFunc {
	return cli.Complete(o, "/operator/stays/units", func(u relay.Unit) string { return u.Unit })
}

func unitCommands(o *cli.Remote) *cobra.Command {
	parent := &cobra.Command{
		Use: "units", Example: "carillon stays units", Short: "The units, and whose they are", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []relay.Unit{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/units", &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				cli.Row(t, "UNIT", "NAME", "OWNER", "CAPACITY", "PUBLISHED", "STATE", "")
				for _, u := range list {
					note := ""
					if !u.Listed {
						note = "only a partner has named it"
					}
					cli.Row(t, u.Unit, u.Name, number(u.Owner), number(int64(u.Capacity)), cli.Yes(u.Published), u.State, note)
				}
			})
		},
	}
	u := relay.Unit{Published: true}
	add := &cobra.Command{
		Use: "add UNIT", Example: `carillon stays units add GFLX0007 --name "La Bergerie" --capacity 6`,
		Short: "Enter a unit, or change it; its days stay", Args: cobra.ExactArgs(1), ValidArgsFunction: units(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			unit, err := changed(cmd, o, args[0], u)
			if err != nil {
				return err
			}
			var done struct {
				Units []relay.Unit `json:"units"`
			}
			if err := o.Send(cmd.Context(), http.MethodPut, "/operator/stays/units",
				map[string]any{"units": []relay.Unit{unit}}, &done); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), done, func(t *tabwriter.Writer) { cli.Row(t, unit.Unit, unit.Name, "entered") })
		},
	}
	add.Flags().StringVar(&u.Name, "name", "", "what people call it")
	add.Flags().Int64Var(&u.Owner, "owner", 0, "number of its owner")
	add.Flags().IntVar(&u.Capacity, "capacity", 0, "how many guests it takes")
	add.Flags().BoolVar(&u.Published, "published", true, "it is shown to the public")
	remove := &cobra.Command{
		Use: "remove UNIT", Example: "carillon stays units remove GFLX0070", Args: cobra.ExactArgs(1),
		Short: "Remove a unit that only a partner has named, and whose days are free", ValidArgsFunction: units(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := "/operator/stays/units/" + url.PathEscape(args[0])
			if err := o.Call(cmd.Context(), http.MethodDelete, path, nil); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is removed.\n", args[0])
			return nil
		},
	}
	parent.AddCommand(add, remove, unitState(o))
	return parent
}

// changed is a unit as it is there, with what flags say.
func changed(cmd *cobra.Command, o *cli.Remote, id string, flags relay.Unit) (relay.Unit, error) {
	list := []relay.Unit{}
	if err := o.Call(cmd.Context(), http.MethodGet, "/operator/stays/units", &list); err != nil {
		return flags, err
	}
	unit := relay.Unit{Unit: id, Published: true}
	for _, u := range list {
		if u.Unit == id {
			unit = u
		}
	}
	for flag, take := range map[string]func(){
		"name": func() { unit.Name = flags.Name }, "owner": func() { unit.Owner = flags.Owner },
		"capacity": func() { unit.Capacity = flags.Capacity }, "published": func() { unit.Published = flags.Published },
	} {
		if cmd.Flags().Changed(flag) {
			take()
		}
	}
	return unit, nil
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// migrate brings the ledger's tables up to date without a running system.
func migrate() *cobra.Command {
	var folder, data string
	var renew bool
	cmd := &cobra.Command{
		Use: "migrate", Example: "carillon stays migrate --config /etc/carillon", Args: cobra.NoArgs,
		Short: "Bring the ledger's tables up to date; carillon up does so at its start",
		RunE: func(cmd *cobra.Command, _ []string) error {
			loader, err := stays.LoadSettings(machine.Folder(folder))
			if err != nil {
				return err
			}
			settings, err := loader.Get(cmd.Context())
			if err != nil {
				return err
			}
			if settings.Database == "" && settings.DatabaseFault == nil && !exists(data) {
				return fmt.Errorf("there is no data folder %s: name it with --data, or a database in stays.json", data)
			}
			if settings.Database == "" && settings.DatabaseFault == nil {
				unlock, err := machine.LockFolder(data)
				if err != nil {
					return err
				}
				defer unlock()
			}
			db, err := openDatabase(cmd.Context(), settings, data)
			if err != nil {
				return err
			}
			defer db.Close()
			var version int64
			if err = ledger.CheckCode(cmd.Context(), db); err == nil {
				version, err = migrations.Run(cmd.Context(), db)
			}
			if err == nil && renew {
				err = migrations.Renew(cmd.Context(), db, time.Now())
			}
			switch {
			case errors.Is(err, ledger.ErrNew):
				return err
			case err != nil:
				return fmt.Errorf("the ledger's database cannot be used: %s; carillon doctor examines it", plain(err))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "The ledger's tables are of version %d.\n", version)
			return nil
		},
	}
	cmd.Flags().StringVar(&folder, "config", ".", "folder of stays.json")
	cmd.Flags().StringVar(&data, "data", "data", "data folder, where the ledger is a file")
	cmd.Flags().BoolVar(&renew, "restored", false,
		"the database was restored from a backup: give the ledger another id, so that whoever follows it starts over")
	_ = cmd.MarkFlagDirname("config")
	return cmd
}
