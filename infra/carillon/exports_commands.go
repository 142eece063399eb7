package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/exports/queries"
	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

func exportsCommand() *cobra.Command {
	var o remote
	parent := &cobra.Command{Use: "exports", Short: "The exports of the running system, and the queries that make them"}
	o.flags(parent)
	parent.AddCommand(exportsTransfer(&o), exportsStatus(&o), exportsQuarantine(&o), exportsList(&o), exportsForce(&o),
		exportsSwitch(&o, "enable", "Switch a query's schedule on"), exportsSwitch(&o, "disable", "Switch a query's schedule off"), exportsDiscover(&o), exportsImport())
	return parent
}

// sourceFlag lets a command be about one source.
func (o *remote) sourceFlag(cmd *cobra.Command, source *string, usage string) {
	cmd.Flags().StringVar(source, "source", "", usage)
	_ = cmd.RegisterFlagCompletionFunc("source", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var list []transfer.Status
		if o.call(cmd.Context(), http.MethodGet, "/operator/exports/status", &list) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var names []string
		for _, s := range list {
			names = append(names, s.Source)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
}

func exportsTransfer(o *remote) *cobra.Command {
	var req transfer.Request
	cmd := &cobra.Command{
		Use: "transfer", Short: "Bring what is there now, and say what was done", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.transfer(cmd.Context(), cmd.ErrOrStderr(), req)
			if err != nil {
				return err
			}
			if err := o.show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { transfersTable(t, list) }); err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(t exports.Transfer) bool { return t.Fault != nil }) {
				return errFailed
			}
			return nil
		},
	}
	o.sourceFlag(cmd, &req.Source, "one source; default all")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "show what would be done, and change nothing")
	return cmd
}

// transfer makes a run, and shows how far it is.
func (o *remote) transfer(ctx context.Context, terminal io.Writer, req transfer.Request) ([]exports.Transfer, error) {
	resp, err := o.request(ctx, http.MethodPost, "/operator/exports/transfer", req, 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	list := []exports.Transfer{}
	err = follow(resp.Body, terminal, func(line []byte) (step, error) {
		var l transfer.Line
		if err := json.Unmarshal(line, &l); err != nil {
			return step{}, err
		}
		if l.Transfer != nil {
			list = append(list, *l.Transfer)
		}
		if l.Progress == nil {
			return step{}, nil
		}
		return step{l.Progress.Source + ": " + l.Progress.Step, l.Progress.Done, l.Progress.Total}, nil
	})
	return list, err
}

// transfersTable is what happened to files, then the counts.
func transfersTable(t *tabwriter.Writer, list []exports.Transfer) {
	for _, r := range list {
		if len(r.Files) == 0 {
			continue
		}
		row(t, "SOURCE", "WHAT", "FILE", "BYTES", "WHY")
		for _, f := range r.Files {
			row(t, r.Source, f.What, short(f.Blob), f.Bytes, f.Why)
		}
		if r.More > 0 {
			row(t, r.Source, fmt.Sprintf("and %d more", r.More))
		}
		_ = t.Flush()
		row(t)
	}
	row(t, "SOURCE", "TRANSFERRED", "DELETED", "QUARANTINED", "ARCHIVED", "KEPT", "FAILED", "BYTES", "")
	for _, r := range list {
		note := ""
		if r.DryRun {
			note = "dry run: nothing was changed"
		}
		if r.Fault != nil {
			note = r.Fault.Detail + " " + r.Fault.Do
		}
		row(t, r.Source, r.Transferred, r.Deleted, r.Quarantined, r.Archived, r.Kept, r.Failed, r.Bytes, note)
	}
}

// mostName is how much of a blob's name a table shows: it may have 1,024 characters, and all rows are as wide as the longest.
const mostName = 80

// short leaves out the middle of a long name: both ends tell names apart. --json has them whole.
func short(name string) string {
	runes := []rune(name)
	if len(runes) <= mostName {
		return name
	}
	half := mostName / 2
	return string(runes[:half-1]) + "…" + string(runes[len(runes)-half:])
}

func exportsStatus(o *remote) *cobra.Command {
	var only string
	cmd := &cobra.Command{
		Use: "status", Short: "Per source: last run, next run, quarantine, access, and what is wrong", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []transfer.Status{}
			if err := o.call(cmd.Context(), http.MethodGet, "/operator/exports/status", &list); err != nil {
				return err
			}
			if only != "" {
				if list = slices.DeleteFunc(list, func(s transfer.Status) bool { return s.Source != only }); len(list) == 0 {
					return fmt.Errorf("no source is named %q", only)
				}
			}
			return o.show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { sourcesTable(t, list) })
		},
	}
	o.sourceFlag(cmd, &only, "one source; default all")
	return cmd
}

func sourcesTable(t *tabwriter.Writer, list []transfer.Status) {
	row(t, "SOURCE", "MODE", "LAST RUN", "TRANSFERRED", "FAILED", "QUARANTINE", "STORED, NOT DELETED", "ACCESS UNTIL", "NEXT RUN", "STATE")
	for _, s := range list {
		var run exports.Transfer
		state := "has not run yet"
		if len(s.Runs) > 0 {
			run, state = s.Runs[0], "ok"
			if run.Left > 0 {
				state = fmt.Sprintf("transferred, but for %d that were left at the source", run.Left)
			}
			if s.Quarantine > 0 {
				state = fmt.Sprintf("transferred, but for %d in the quarantine", s.Quarantine)
			}
			if s.Overdue {
				state = "unknown: no run since then"
			}
		}
		if run.Fault != nil {
			state = fmt.Sprintf("%d failed: %s %s", s.Failures, run.Fault.Detail, run.Fault.Do)
		}
		if s.Busy {
			state = "at work"
		}
		at := func(t time.Time) string { return when(t, s.TimeZone) }
		until := "-"
		if !s.AccessUntil.IsZero() {
			until = at(s.AccessUntil)
		}
		row(t, s.Source, s.Mode, at(run.Began), run.Transferred, run.Failed, s.Quarantine, s.Held, until, at(s.NextRun), state)
	}
	_ = t.Flush()
	for _, s := range list {
		if len(s.Runs) == 0 {
			continue
		}
		for _, f := range s.Runs[0].Files {
			if f.What == exports.Refuse || f.What == exports.Keep {
				row(t, s.Source, f.What, short(f.Blob), f.Why)
			}
		}
	}
}

func exportsQuarantine(o *remote) *cobra.Command {
	parent := &cobra.Command{Use: "quarantine", Short: "Files that did not pass their check: the importer does not see them"}
	var only string
	list := &cobra.Command{
		Use: "list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			held := []transfer.Quarantined{}
			if err := o.call(cmd.Context(), http.MethodGet, "/operator/exports/quarantine?source="+url.QueryEscape(only), &held); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), held, func(t *tabwriter.Writer) {
				row(t, "ID", "SOURCE", "SINCE", "FILE", "BYTES", "WHY")
				for _, q := range held {
					row(t, q.ID, q.Source, o.when(q.Since), short(q.Blob), q.Size, q.Summary)
				}
			})
		},
	}
	o.sourceFlag(list, &only, "one source; default all")
	show := &cobra.Command{
		Use: "show ID", Short: "Show what was found in one: line, column and reason", Args: cobra.ExactArgs(1), ValidArgsFunction: o.quarantined,
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := o.quarantinePath(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var q transfer.Quarantined
			if err := o.call(cmd.Context(), http.MethodGet, path, &q); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), q, func(t *tabwriter.Writer) { reportTable(t, q, o.when) })
		},
	}
	var older bool
	release := &cobra.Command{
		Use: "release ID...", Short: "Hand files on as they are", Args: cobra.MinimumNArgs(1), ValidArgsFunction: o.quarantined,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.each(cmd, args, "Released", func(id string) error {
				path, err := o.quarantinePath(cmd.Context(), id)
				if err == nil {
					err = o.send(cmd.Context(), http.MethodPost, path+"/release", transfer.Release{Older: older}, nil)
				}
				return err
			})
		},
	}
	release.Flags().BoolVar(&older, "older", false, "also where a newer run of the query was handed on since")
	parent.AddCommand(list, show, release)
	return parent
}

// quarantinePath finds a file by its id, or by what the id begins with.
func (o *remote) quarantinePath(ctx context.Context, id string) (string, error) {
	var held []transfer.Quarantined
	if err := o.call(ctx, http.MethodGet, "/operator/exports/quarantine", &held); err != nil {
		return "", err
	}
	held = slices.DeleteFunc(held, func(q transfer.Quarantined) bool { return !strings.HasPrefix(q.ID, id) })
	if len(held) != 1 {
		return "", fmt.Errorf("%d files in the quarantine have an id that begins with %q", len(held), id)
	}
	return "/operator/exports/quarantine/" + url.PathEscape(held[0].Source) + "/" + url.PathEscape(held[0].ID), nil
}

// quarantined completes ids.
func (o *remote) quarantined(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var held []transfer.Quarantined
	if o.call(cmd.Context(), http.MethodGet, "/operator/exports/quarantine", &held) != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	ids := make([]string, 0, len(held))
	for _, q := range held {
		ids = append(ids, q.ID+"\t"+q.Blob)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}

func reportTable(t *tabwriter.Writer, q transfer.Quarantined, at func(time.Time) string) {
	row(t, "file", q.Blob)
	row(t, "in the quarantine", q.File)
	row(t, "since", at(q.Since))
	r := q.Report
	if r == nil {
		return
	}
	row(t, "table", cmp.Or(r.Table, "none"))
	row(t, "encoding", cmp.Or(r.Encoding, "none"))
	row(t, "rows", r.Rows)
	_ = t.Flush()
	row(t)
	row(t, "LINE", "COLUMN", "REASON")
	for _, f := range r.Findings {
		line := "-"
		if f.Line > 0 {
			line = strconv.Itoa(f.Line)
		}
		row(t, line, cmp.Or(f.Column, "-"), f.Reason)
	}
	if r.More > 0 {
		row(t, "", "", fmt.Sprintf("and %d more", r.More))
	}
}

func exportsList(o *remote) *cobra.Command {
	var source string
	var sql bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the scheduled queries", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.schedulers(cmd.Context(), source, sql)
			if err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				row(t, "ID", "NAME", "ENABLED", "CRON", "LAST RUN", "NEXT RUN")
				for _, s := range list {
					row(t, s.ID, s.Name, yes(s.Enabled), cmp.Or(s.Cron, "-"), o.when(s.Last), o.when(s.Next))
				}
				if sql {
					for _, s := range list {
						row(t)
						row(t, s.Name)
						row(t, s.SQL)
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
	err := o.call(ctx, http.MethodGet, fmt.Sprintf("/operator/exports/queries?source=%s&sql=%t", url.QueryEscape(source), sql), &list)
	return list, err
}

func exportsForce(o *remote) *cobra.Command {
	var req queries.Force
	var exact, all, wait bool
	var limit time.Duration
	cmd := &cobra.Command{
		Use: "force", Short: "Let queries run soon, in place of their next scheduled time; their schedules stay as they are", Args: cobra.NoArgs,
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
			if err := o.send(cmd.Context(), http.MethodPost, "/operator/exports/queries/force", body, &done); err != nil {
				return err
			}
			if err := o.show(cmd.OutOrStdout(), done, func(t *tabwriter.Writer) {
				forcedTable(t, done, func(t time.Time) string { return when(t, cmp.Or(req.Zone, o.zone)) })
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
	cmd.Flags().StringVar(&req.Name, "name", "", "the query of this name, or those whose name it is a part of; default all that are switched on")
	cmd.Flags().BoolVar(&exact, "exact", false, "the query of just this name only")
	cmd.Flags().BoolVar(&all, "all", false, "all whose name it is a part of, without asking")
	cmd.Flags().StringVar(&req.Time, "time", "", "HH:MM; default cegid_force_time, else the next quarter hour at least five minutes away")
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
	matches := plain(strings.Join(names, ", "))
	err := confirm(cmd, fmt.Sprintf("%q is a part of: %s. Force them?", name, matches))
	if errors.Is(err, errNobodyToAsk) {
		return fmt.Errorf("%q is a part of: %s; say --all for all of them, or one's whole name", name, matches)
	}
	return err
}

func forcedTable(t *tabwriter.Writer, done []queries.Forced, at func(time.Time) string) {
	row(t, "NAME", "RUNS AT", "")
	for _, f := range done {
		row(t, f.Name, at(f.Next), f.Error)
	}
}

// lookAgain is how often --wait looks.
const lookAgain = 5 * time.Second

// waitFor waits until forced queries have run and a file of each has arrived, which it asks for.
func (o *remote) waitFor(ctx context.Context, terminal io.Writer, source string, done []queries.Forced, began time.Time) error {
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
					fmt.Fprintf(terminal, "%s has run\n", plain(f.Name))
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
func (o *remote) arrivals(ctx context.Context, terminal io.Writer, source string, done []queries.Forced, ran map[string]bool, arrived map[string]string, began time.Time) error {
	if _, err := o.transfer(ctx, terminal, transfer.Request{Source: source}); err != nil {
		return err
	}
	var sources []transfer.Status
	if err := o.call(ctx, http.MethodGet, "/operator/exports/status", &sources); err != nil {
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
				fmt.Fprintf(terminal, "%s: %s %s\n", plain(done[i].Name), f.What, plain(f.Blob))
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
	return plain(strings.Join(parts, ", "))
}

func exportsSwitch(o *remote, use, short string) *cobra.Command {
	var source string
	cmd := &cobra.Command{
		Use: use + " NAME|ID", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: o.queryNames(&source),
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
			if err := o.send(cmd.Context(), http.MethodPost, "/operator/exports/queries/"+url.PathEscape(chosen.ID)+"/"+use, queries.Switch{Source: source}, &s); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), s, func(t *tabwriter.Writer) {
				row(t, "NAME", "ENABLED", "NEXT RUN")
				row(t, s.Name, yes(s.Enabled), o.when(s.Next))
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
		return cegid.Scheduler{}, fmt.Errorf("%q is not one query's whole name; there are: %s", named, plain(strings.Join(matches, ", ")))
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
		Use: "discover", Short: "Find the provider whose queries are controlled (cegid_provider_id)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found := []cegid.Provider{}
			path := "/operator/exports/queries/providers?" + url.Values{"source": {source}, "name": names}.Encode()
			if err := o.call(cmd.Context(), http.MethodGet, path, &found); err != nil {
				return err
			}
			if err := o.show(cmd.OutOrStdout(), found, func(t *tabwriter.Writer) {
				row(t, "PROVIDER", "FOUND BY", "DATA SOURCES AND FOLDERS")
				for _, p := range found {
					row(t, p.ID, p.Found, strings.Join(p.Names, ", "))
				}
			}); err != nil {
				return err
			}
			if len(found) == 0 {
				return errors.New("no provider was found: copy its id from the portal's address into exports.json, or try other names with --provider")
			}
			if !save {
				return nil
			}
			if len(found) > 1 && len(names) > 0 { // the others were found by names that are always tried
				found = slices.DeleteFunc(found, func(p cegid.Provider) bool { return !slices.Contains(names, p.ID) && !slices.Contains(names, p.Found) })
			}
			if len(found) != 1 {
				return errors.New("several were found: name one of them with --provider ID")
			}
			return o.send(cmd.Context(), http.MethodPost, "/operator/exports/queries/providers", queries.Provider{Source: source, ID: found[0].ID}, nil)
		},
	}
	o.sourceFlag(cmd, &source, "the source; needed where there are several")
	cmd.Flags().StringSliceVar(&names, "provider", nil, "names or ids to try first")
	cmd.Flags().BoolVar(&save, "save", false, "keep the one that was found, also in place of a wrong one in exports.json")
	return cmd
}
