package exports

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/cli"
)

func exportsQuarantine(o *remote) *cobra.Command {
	parent := &cobra.Command{
		Use: "quarantine", Short: "Files that did not pass their check: the importer does not see them",
	}
	var only string
	list := &cobra.Command{
		Use: "list", Example: "carillon exports quarantine list", Short: "List them", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			held := []transfer.Quarantined{}
			if err := o.Call(cmd.Context(), http.MethodGet,
				"/operator/exports/quarantine?source="+url.QueryEscape(only), &held); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), held, func(t *tabwriter.Writer) {
				cli.Row(t, "ID", "SOURCE", "SINCE", "FILE", "BYTES", "WHY")
				for _, q := range held {
					cli.Row(t, q.ID, q.Source, o.When(q.Since), short(q.Blob), q.Size, q.Summary)
				}
			})
		},
	}
	o.sourceFlag(list, &only, "one source; default all")
	show := &cobra.Command{
		Use: "show ID", Example: "carillon exports quarantine show 3fa9",
		Short: "Show what was found in one: line, column and reason", Args: cobra.ExactArgs(1),
		ValidArgsFunction: o.quarantined(),
		RunE: func(cmd *cobra.Command, args []string) error {
			path, err := o.quarantinePath(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			var q transfer.Quarantined
			if err := o.Call(cmd.Context(), http.MethodGet, path, &q); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), q, func(t *tabwriter.Writer) { reportTable(t, q, o.When) })
		},
	}
	var older bool
	release := &cobra.Command{
		Use: "release ID...", Example: "carillon exports quarantine release 3fa9",
		Short: "Hand files on as they are", Args: cobra.MinimumNArgs(1), ValidArgsFunction: o.quarantined(),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.Each(cmd, args, "Released", func(id string) error {
				path, err := o.quarantinePath(cmd.Context(), id)
				if err == nil {
					err = o.Send(cmd.Context(), http.MethodPost, path+"/release", transfer.Release{Older: older}, nil)
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
	if err := o.Call(ctx, http.MethodGet, "/operator/exports/quarantine", &held); err != nil {
		return "", err
	}
	held = slices.DeleteFunc(held, func(q transfer.Quarantined) bool { return !strings.HasPrefix(q.ID, id) })
	if len(held) != 1 {
		return "", fmt.Errorf("%d files in the quarantine have an id that begins with %q", len(held), id)
	}
	return "/operator/exports/quarantine/" + url.PathEscape(held[0].Source) + "/" + url.PathEscape(held[0].ID), nil
}

// quarantined completes ids.
func (o *remote) quarantined() cobra.CompletionFunc {
	return cli.Complete(&o.Remote, "/operator/exports/quarantine", func(q transfer.Quarantined) string {
		return q.ID + "	" + q.Blob
	})
}

func reportTable(t *tabwriter.Writer, q transfer.Quarantined, at func(time.Time) string) {
	cli.Row(t, "file", q.Blob)
	cli.Row(t, "in the quarantine", q.File)
	cli.Row(t, "since", at(q.Since))
	r := q.Report
	if r == nil {
		return
	}
	cli.Row(t, "table", cmp.Or(r.Table, "none"))
	cli.Row(t, "encoding", cmp.Or(r.Encoding, "none"))
	cli.Row(t, "rows", r.Rows)
	_ = t.Flush()
	cli.Row(t)
	cli.Row(t, "LINE", "COLUMN", "REASON")
	for _, f := range r.Findings {
		line := "-"
		if f.Line > 0 {
			line = strconv.Itoa(f.Line)
		}
		cli.Row(t, line, cmp.Or(f.Column, "-"), f.Reason)
	}
	if r.More > 0 {
		cli.Row(t, "", "", fmt.Sprintf("and %d more", r.More))
	}
}
