package exports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/exports/queries"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

func exportsList(o *remote) *cobra.Command {
	var source string
	var sql bool
	cmd := &cobra.Command{
		Use: "list", Example: "carillon exports list --sql", Short: "List the scheduled queries", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.schedulers(cmd.Context(), source, sql)
			if err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				cli.Row(t, "ID", "NAME", "ENABLED", "CRON", "LAST RUN", "NEXT RUN")
				for _, s := range list {
					cli.Row(t, s.ID, s.Name, cli.Yes(s.Enabled), cmp.Or(s.Cron, "-"), o.When(s.Last), o.When(s.Next))
				}
				if sql {
					for _, s := range list {
						cli.Row(t)
						cli.Row(t, s.Name)
						cli.Row(t, s.SQL)
					}
				}
			})
		},
	}
	o.sourceFlag(cmd, &source, "the source; needed where there are several")
	cmd.Flags().BoolVar(&sql, "sql", false, "show their SQL too")
	return cmd
}

func (o *remote) schedulers(ctx context.Context, source string, sql bool) ([]cegid.Scheduler, error) {
	list := []cegid.Scheduler{}
	err := o.Call(ctx, http.MethodGet,
		fmt.Sprintf("/operator/exports/queries?source=%s&sql=%t", url.QueryEscape(source), sql), &list)
	return list, err
}

func exportsForce(o *remote) *cobra.Command {
	var req queries.Force
	var exact, all, wait bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use: "force", Example: "carillon exports force --name ECRITURE --time 14:30 --wait",
		Short: "Let queries run soon, in place of their next scheduled time; their schedules stay as they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.schedulers(cmd.Context(), req.Source, false)
			if err != nil {
				return err
			}
			chosen, err := cegid.Choose(list, req.Name, all && !exact)
			if errors.Is(err, cegid.ErrAmbiguous) && !exact {
				err = confirmAll(cmd, req.Name, chosen)
			}
			if err != nil {
				return err
			}
			body := queries.Force{Source: req.Source, Time: req.Time, Zone: req.Zone}
			for _, s := range chosen {
				body.IDs = append(body.IDs, s.ID)
			}
			if len(body.IDs) == 0 {
				return errors.New("no query's schedule is switched on")
			}
			began := time.Now()
			done := []queries.Forced{}
			if err := o.Send(cmd.Context(), http.MethodPost, "/operator/exports/queries/force", body, &done); err != nil {
				return err
			}
			if err := o.Show(cmd.OutOrStdout(), done, func(t *tabwriter.Writer) {
				forcedTable(t, done, func(t time.Time) string { return cli.When(t, cmp.Or(req.Zone, o.Zone)) })
			}); err != nil {
				return err
			}
			if slices.ContainsFunc(done, func(f queries.Forced) bool { return f.Error != "" }) {
				return errors.New("not every query could be forced")
			}
			if !wait {
				return nil
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), limit)
			defer cancel()
			return o.waitFor(ctx, cmd.ErrOrStderr(), req.Source, done, began)
		},
	}
	o.sourceFlag(cmd, &req.Source, "the source; needed where there are several")
	cmd.Flags().StringVar(&req.Name, "name", "",
		"the query of this name, or those whose name it is a part of; default all that are switched on")
	cmd.Flags().BoolVar(&exact, "exact", false, "the query of just this name only")
	cmd.Flags().BoolVar(&all, "all", false, "all whose name it is a part of, without asking")
	cmd.Flags().StringVar(&req.Time, "time", "",
		"HH:MM; default cegid_force_time, else the next quarter hour at least five minutes away")
	cmd.Flags().StringVar(&req.Zone, "zone", "", "IANA zone of --time; default the source's time_zone, else UTC")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the queries have run and their files have arrived")
	cmd.Flags().DurationVar(&limit, "timeout", time.Hour, "with --wait: how long")
	return cmd
}

// confirmAll asks the person whether all partial matches are meant.
func confirmAll(cmd *cobra.Command, name string, chosen []cegid.Scheduler) error {
	names := make([]string, 0, len(chosen))
	for _, s := range chosen {
		names = append(names, s.Name)
	}
	matches := machine.Plain(strings.Join(names, ", "))
	err := cli.Confirm(cmd, fmt.Sprintf("%q is a part of: %s. Force them?", name, matches))
	if errors.Is(err, cli.ErrNobodyToAsk) {
		return fmt.Errorf("%q is a part of: %s; say --all for all of them, or one's whole name", name, matches)
	}
	return err
}

func forcedTable(t *tabwriter.Writer, done []queries.Forced, at func(time.Time) string) {
	cli.Row(t, "NAME", "RUNS AT", "")
	for _, f := range done {
		cli.Row(t, f.Name, at(f.Next), f.Error)
	}
}

// lookAgain is how often --wait looks.
const lookAgain = 5 * time.Second

// waitFor waits until forced queries have run and a file of each has arrived, which it asks for.
func (o *remote) waitFor(
	ctx context.Context, terminal io.Writer, source string, done []queries.Forced, began time.Time,
) error {
	ran, arrived := map[string]bool{}, map[string]string{}
	for len(arrived) < len(done) {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not all has come: %s", missingOf(done, ran, arrived))
		case <-time.After(lookAgain):
		}
		list, err := o.schedulers(ctx, source, false)
		if err != nil {
			continue // it may answer again
		}
		for _, f := range done {
			for _, s := range list {
				if s.ID == f.ID && s.Last.After(f.Last) && !ran[f.ID] {
					ran[f.ID] = true
					fmt.Fprintf(terminal, "%s has run\n", machine.Plain(f.Name))
				}
			}
		}
		if len(ran) > len(arrived) {
			if err := o.arrivals(ctx, terminal, source, done, ran, arrived, began); err != nil {
				return err
			}
		}
	}
	for _, what := range arrived {
		if what != exports.Take {
			return errors.New("not every file was handed on; see: carillon exports quarantine list")
		}
	}
	return nil
}

// arrivals makes a run, and looks for the files of queries among those of all runs since.
func (o *remote) arrivals(
	ctx context.Context, terminal io.Writer, source string, done []queries.Forced, ran map[string]bool,
	arrived map[string]string, began time.Time,
) error {
	if _, err := o.transfer(ctx, terminal, transfer.Request{Source: source}); err != nil {
		return err
	}
	var sources []transfer.Status
	if err := o.Call(ctx, http.MethodGet, "/operator/exports/status", &sources); err != nil {
		return err
	}
	for _, s := range sources {
		for _, r := range s.Runs {
			if source != "" && s.Source != source || r.Began.Before(began) {
				continue
			}
			for _, f := range r.Files {
				run, ok := exports.ParseRun(f.Blob)
				i := slices.IndexFunc(done, func(d queries.Forced) bool { return ok && exports.SameQuery(d.Name, run.Query) })
				if i < 0 || !ran[done[i].ID] || arrived[done[i].ID] != "" || f.What == exports.Keep || f.What == exports.Refuse {
					continue
				}
				arrived[done[i].ID] = f.What
				fmt.Fprintf(terminal, "%s: %s %s\n", machine.Plain(done[i].Name), f.What, machine.Plain(f.Blob))
			}
		}
	}
	return nil
}

// missingOf says what --wait still waits for.
func missingOf(done []queries.Forced, ran map[string]bool, arrived map[string]string) string {
	var parts []string
	for _, f := range done {
		switch {
		case arrived[f.ID] != "":
		case ran[f.ID]:
			parts = append(parts, f.Name+" has run and left no file")
		default:
			parts = append(parts, f.Name+" has not run")
		}
	}
	return machine.Plain(strings.Join(parts, ", "))
}

func exportsSwitch(o *remote, use, short string) *cobra.Command {
	var source string
	cmd := &cobra.Command{
		Use: use + " NAME|ID", Example: "carillon exports " + use + " 00000000-0000-4000-8000-000000000301",
		Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: o.queryNames(&source),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := o.schedulers(cmd.Context(), source, false)
			if err != nil {
				return err
			}
			chosen, err := oneQuery(list, args[0])
			if err != nil {
				return err
			}
			var s cegid.Scheduler
			if err := o.Send(cmd.Context(), http.MethodPost, "/operator/exports/queries/"+url.PathEscape(chosen.ID)+"/"+use,
				queries.Switch{Source: source}, &s); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), s, func(t *tabwriter.Writer) {
				cli.Row(t, "NAME", "ENABLED", "NEXT RUN")
				cli.Row(t, s.Name, cli.Yes(s.Enabled), o.When(s.Next))
			})
		},
	}
	o.sourceFlag(cmd, &source, "the source; needed where there are several")
	return cmd
}

// oneQuery finds a query by its id, or by its whole name.
func oneQuery(list []cegid.Scheduler, named string) (cegid.Scheduler, error) {
	if i := slices.IndexFunc(list, func(s cegid.Scheduler) bool { return s.ID == named }); i >= 0 {
		return list[i], nil
	}
	chosen, err := cegid.Choose(list, named, false)
	if errors.Is(err, cegid.ErrAmbiguous) || len(chosen) > 1 {
		matches := make([]string, 0, len(chosen))
		for _, s := range chosen {
			matches = append(matches, s.Name+" ("+s.ID+")")
		}
		return cegid.Scheduler{},
			fmt.Errorf("%q is not one query's whole name; there are: %s", named, machine.Plain(strings.Join(matches, ", ")))
	}
	if err != nil {
		return cegid.Scheduler{}, err
	}
	return chosen[0], nil
}

// queryNames completes the names of queries.
func (o *remote) queryNames(source *string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		list, err := o.schedulers(cmd.Context(), *source, false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		names := make([]string, 0, len(list))
		for _, s := range list {
			names = append(names, s.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func exportsDiscover(o *remote) *cobra.Command {
	var source string
	var names []string
	var save bool
	cmd := &cobra.Command{
		Use: "discover", Example: "carillon exports discover --save",
		Short: "Find the provider whose queries are controlled (cegid_provider_id)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := []cegid.Provider{}
			path := "/operator/exports/queries/providers?" + url.Values{"source": {source}, "name": names}.Encode()
			if err := o.Call(cmd.Context(), http.MethodGet, path, &found); err != nil {
				return err
			}
			if err := o.Show(cmd.OutOrStdout(), found, func(t *tabwriter.Writer) {
				cli.Row(t, "PROVIDER", "FOUND BY", "DATA SOURCES AND FOLDERS")
				for _, p := range found {
					cli.Row(t, p.ID, p.Found, strings.Join(p.Names, ", "))
				}
			}); err != nil {
				return err
			}
			if len(found) == 0 {
				return errors.New("no provider was found: copy its id from the portal's address into exports.json, or try other " +
					"names with --provider")
			}
			if !save {
				return nil
			}
			if len(found) > 1 && len(names) > 0 { // the others were found by names that are always tried
				found = slices.DeleteFunc(found,
					func(p cegid.Provider) bool { return !slices.Contains(names, p.ID) && !slices.Contains(names, p.Found) })
			}
			if len(found) != 1 {
				return errors.New("several were found: name one of them with --provider ID")
			}
			return o.Send(cmd.Context(), http.MethodPost, "/operator/exports/queries/providers",
				queries.Provider{Source: source, ID: found[0].ID}, nil)
		},
	}
	o.sourceFlag(cmd, &source, "the source; needed where there are several")
	cmd.Flags().StringSliceVar(&names, "provider", nil, "names or ids to try first")
	cmd.Flags().BoolVar(&save, "save", false, "keep the one that was found, also in place of a wrong one in exports.json")
	return cmd
}
