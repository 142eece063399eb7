package exports

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// A remote is the running system's exports bridge.
type remote struct{ cli.Remote }

func command() *cobra.Command {
	o := remote{cli.Remote{Deployed: "/operator/exports"}}
	parent := &cobra.Command{Use: "exports", Short: "The exports of the running system, and the queries that make them"}
	o.Flags(parent)
	parent.AddCommand(exportsTransfer(&o), exportsStatus(&o), exportsQuarantine(&o), exportsList(&o), exportsForce(&o),
		exportsSwitch(&o, "enable", "Switch a query's schedule on"),
		exportsSwitch(&o, "disable", "Switch a query's schedule off"), exportsDiscover(&o), exportsImport())
	return parent
}

// sourceFlag lets a command be about one source.
func (o *remote) sourceFlag(cmd *cobra.Command, source *string, usage string) {
	cmd.Flags().StringVar(source, "source", "", usage)
	names := cli.Complete(&o.Remote, "/operator/exports/status", func(s transfer.Status) string { return s.Source })
	_ = cmd.RegisterFlagCompletionFunc("source", names)
}

func exportsTransfer(o *remote) *cobra.Command {
	var req transfer.Request
	cmd := &cobra.Command{
		Use: "transfer", Example: "carillon exports transfer --dry-run",
		Short: "Bring what is there now, and say what was done", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := o.transfer(cmd.Context(), cmd.ErrOrStderr(), req)
			if err != nil {
				return err
			}
			if err := o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { transfersTable(t, list) }); err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(t exports.Transfer) bool { return t.Fault != nil }) {
				return cli.ErrFailed
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
	resp, err := o.Request(ctx, http.MethodPost, "/operator/exports/transfer", req, 0)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	list := []exports.Transfer{}
	err = cli.Follow(resp.Body, terminal, func(line []byte) (*runs.Progress, error) {
		var l transfer.Line
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, err
		}
		if l.Transfer != nil {
			list = append(list, *l.Transfer)
		}
		return l.Progress, nil
	})
	return list, err
}

// transfersTable is what happened to files, then the counts.
func transfersTable(t *tabwriter.Writer, list []exports.Transfer) {
	for _, r := range list {
		if len(r.Files) == 0 {
			continue
		}
		cli.Row(t, "SOURCE", "WHAT", "FILE", "BYTES", "WHY")
		for _, f := range r.Files {
			cli.Row(t, r.Source, f.What, short(f.Blob), f.Bytes, f.Why)
		}
		if r.More > 0 {
			cli.Row(t, r.Source, fmt.Sprintf("and %d more", r.More))
		}
		_ = t.Flush()
		cli.Row(t)
	}
	cli.Row(t, "SOURCE", "TRANSFERRED", "DELETED", "QUARANTINED", "ARCHIVED", "KEPT", "FAILED", "BYTES", "")
	for _, r := range list {
		note := ""
		if r.DryRun {
			note = "dry run: nothing was changed"
		}
		if r.Fault != nil {
			note = r.Fault.Detail + " " + r.Fault.Do
		}
		cli.Row(t, r.Source, r.Transferred, r.Deleted, r.Quarantined, r.Archived, r.Kept, r.Failed, r.Bytes, note)
	}
}

// mostName is how much of a blob's name a table shows: it may have 1,024 characters, and all rows are as wide as the
// longest.
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
		Use: "status", Example: "carillon exports status --source paie",
		Short: "Per source: last run, next run, quarantine, access, and what is wrong", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []transfer.Status{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/exports/status", &list); err != nil {
				return err
			}
			if only != "" {
				if list = slices.DeleteFunc(list, func(s transfer.Status) bool { return s.Source != only }); len(list) == 0 {
					return fmt.Errorf("no source is named %q", only)
				}
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { sourcesTable(t, list) })
		},
	}
	o.sourceFlag(cmd, &only, "one source; default all")
	return cmd
}

func sourcesTable(t *tabwriter.Writer, list []transfer.Status) {
	cli.Row(t, "SOURCE", "MODE", "LAST RUN", "TRANSFERRED", "FAILED", "QUARANTINE", "STORED, NOT DELETED",
		"ACCESS UNTIL", "NEXT RUN", "STATE")
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
		at := func(t time.Time) string { return cli.When(t, s.TimeZone) }
		until := "-"
		if !s.AccessUntil.IsZero() {
			until = at(s.AccessUntil)
		}
		cli.Row(t, s.Source, s.Mode, at(run.Began), run.Transferred, run.Failed, s.Quarantine, s.Held,
			until, at(s.NextRun), state)
	}
	_ = t.Flush()
	for _, s := range list {
		if len(s.Runs) == 0 {
			continue
		}
		for _, f := range s.Runs[0].Files {
			if f.What == exports.Refuse || f.What == exports.Keep {
				cli.Row(t, s.Source, f.What, short(f.Blob), f.Why)
			}
		}
	}
}
