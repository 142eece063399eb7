package campus

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/functions/campus/sync"
	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

func command() *cobra.Command {
	o := cli.Remote{Deployed: "/operator/campus"}
	parent := &cobra.Command{Use: "campus", Short: "The timetables of the running system"}
	o.Flags(parent)
	parent.AddCommand(campusSync(&o), campusStatus(&o), campusFeed(&o), campusImport())
	return parent
}

func campusSync(o *cli.Remote) *cobra.Command {
	var req sync.Request
	var allow int
	cmd := &cobra.Command{
		Use: "sync", Example: "carillon campus sync --instance lea --dry-run",
		Short: "Bring the calendars to the timetables now, and say what was done", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("allow-deletes") {
				req.AllowDeletes = &allow
			}
			resp, err := o.Request(cmd.Context(), http.MethodPost, "/operator/campus/sync", req, 0)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			list := []campus.Run{}
			err = cli.Follow(resp.Body, cmd.ErrOrStderr(), func(line []byte) (*runs.Progress, error) {
				var l sync.Line
				if err := json.Unmarshal(line, &l); err != nil {
					return nil, err
				}
				if l.Run != nil {
					list = append(list, *l.Run)
				}
				return l.Progress, nil
			})
			if err != nil {
				return err
			}
			if err := o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { runsTable(t, list) }); err != nil {
				return err
			}
			if slices.ContainsFunc(list, func(r campus.Run) bool { return r.Fault != nil }) {
				return cli.ErrFailed
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&req.Instance, "instance", "", "one instance; default all")
	cmd.Flags().BoolVar(&req.DryRun, "dry-run", false, "show what would be done, and change nothing")
	cmd.Flags().IntVar(&allow, "allow-deletes", 0, "let up to this many vanished classes be deleted")
	cmd.Flags().BoolVar(&req.TryPassword, "try-password", false, "try once more a password that MonCampus has refused")
	cmd.Flags().BoolVar(&req.AcceptTimes, "accept-times", false,
		"accept times that look as if the school's clock had changed")
	_ = cmd.RegisterFlagCompletionFunc("instance", instances(o))
	return cmd
}

// runsTable is the plan of each run, then its counts.
func runsTable(t *tabwriter.Writer, list []campus.Run) {
	for _, r := range list {
		if len(r.Changes) > 0 {
			cli.Row(t, "INSTANCE", "WHAT", "WHEN", "CLASS", "WHY")
			for _, c := range r.Changes {
				cli.Row(t, r.Instance, c.What, c.When, c.Title, cli.JoinNonEmpty(": ", c.Why, c.Error))
			}
			_ = t.Flush()
			cli.Row(t)
		}
	}
	cli.Row(t, "INSTANCE", "CREATED", "UPDATED", "DELETED", "UNCHANGED", "HELD BACK", "BOTH AGREE", "")
	for _, r := range list {
		note := ""
		if r.DryRun {
			note = "dry run: nothing was changed"
		}
		if r.Fault != nil {
			note = r.Fault.Detail + " " + r.Fault.Do
		}
		kept := []string{exceptions(faults.English, r)}
		notes := cli.JoinNonEmpty("; ", slices.Concat(kept, r.Unreadable, []string{note})...)
		cli.Row(t, r.Instance, r.Created, r.Updated, r.Deleted, r.Unchanged, r.HeldBack, cli.Yes(r.Agree), notes)
	}
}

func campusStatus(o *cli.Remote) *cobra.Command {
	var only string
	cmd := &cobra.Command{
		Use: "status", Example: "carillon campus status --instance lea",
		Short: "Per instance: last run, next run, counts, and what is held back and why", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []sync.Status{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/campus/status", &list); err != nil {
				return err
			}
			if only != "" {
				list = slices.DeleteFunc(list, func(s sync.Status) bool { return s.Instance != only })
				if len(list) == 0 {
					return fmt.Errorf("no instance is named %q", only)
				}
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) { statusTable(t, list) })
		},
	}
	cmd.Flags().StringVar(&only, "instance", "", "one instance; default all")
	_ = cmd.RegisterFlagCompletionFunc("instance", instances(o))
	return cmd
}

func statusTable(t *tabwriter.Writer, list []sync.Status) {
	cli.Row(t, "INSTANCE", "LAST RUN", "MONCAMPUS READ", "CLASSES", "CREATED", "UPDATED", "DELETED",
		"HELD BACK", "BOTH AGREED",
		"NEXT RUN", "FEEDS", "STATE")
	for _, s := range list {
		run := s.Run
		if run == nil {
			run = &campus.Run{}
		}
		at := func(t time.Time) string { return cli.When(t, s.TimeZone) }
		cli.Row(t, s.Instance, at(run.Began), at(s.SeenAt)+cli.Age(s.SeenAt, s.Now), run.Classes, run.Created, run.Updated,
			run.Deleted, len(s.Held),
			at(s.AgreedAt)+cli.Age(s.AgreedAt, s.Now), at(s.NextRun), s.Feeds, standingText(s))
	}
	_ = t.Flush()
	for _, s := range list {
		for i, h := range slices.Concat(s.Held, s.Kept) {
			if i == 0 {
				cli.Row(t)
				cli.Row(t, "INSTANCE", "HELD BACK", "CLASS", "WHY")
			}
			cli.Row(t, s.Instance, cli.When(h.Class.Start, s.TimeZone), h.Class.Title, h.Reason)
		}
		if s.Run == nil {
			continue
		}
		for _, c := range s.Run.Changes {
			if c.Error != "" {
				cli.Row(t, s.Instance, c.What+" "+c.When, c.Title, c.Error)
			}
		}
		for _, why := range s.Run.Unreadable {
			cli.Row(t, s.Instance, "put aside", "", why)
		}
	}
}

// standingText says how an instance stands, and no more than was seen.
func standingText(s sync.Status) string {
	switch s.Standing {
	case sync.StandingBusy:
		return "at work"
	case sync.StandingNever:
		return "MonCampus was not read yet"
	case sync.StandingFailed:
		return fmt.Sprintf("%d failed: %s %s", s.Failures, s.Run.Fault.Detail, s.Run.Fault.Do)
	case sync.StandingStale:
		return "runs are missing: what is shown is as old as the last reading"
	case sync.StandingPartial:
		return cmp.Or(exceptions(faults.English, *s.Run), texts.Text(faults.English, "unseen", nil))
	default:
		return "ok"
	}
}

// exceptions are what keeps both sides from agreeing after a run that went well.
func exceptions(lang string, r campus.Run) string {
	var list []string
	for _, one := range []struct {
		n  int
		id string
	}{{r.HeldBack, "held_back"}, {r.Kept, "kept"}, {r.StayRemoved, "stay_removed"}, {len(r.Unreadable), "aside"}} {
		if one.n > 0 {
			list = append(list, texts.Text(lang, "except."+one.id, faults.Params{"n": strconv.Itoa(one.n)}))
		}
	}
	return strings.Join(list, ", ")
}

// instances completes the names of instances.
func instances(o *cli.Remote) cobra.CompletionFunc {
	return cli.Complete(o, "/operator/campus/status", func(s sync.Status) string { return s.Instance })
}

func campusFeed(o *cli.Remote) *cobra.Command {
	parent := &cobra.Command{Use: "feed", Short: "Addresses under which a phone subscribes to a timetable"}
	var label string
	create := &cobra.Command{
		Use: "create INSTANCE", Example: `carillon campus feed create lea --label "Léa's phone"`,
		Short: "Make an address; it is shown this once", Args: cobra.ExactArgs(1), ValidArgsFunction: instances(o),
		RunE: func(cmd *cobra.Command, args []string) error {
			var made sync.Feed
			if err := o.Send(cmd.Context(), http.MethodPost, "/operator/campus/feeds",
				map[string]string{"instance": args[0], "label": label}, &made); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), made, func(t *tabwriter.Writer) {
				cli.Row(t, "id", made.ID)
				if o.Public != "" {
					cli.Row(t, "address", o.Public+made.Path)
					cli.Row(t, "", "Whoever has it can read the timetable. It is not shown again.")
					return
				}
				cli.Row(t, "path", made.Path)
				cli.Row(t, "", "Put the system's public address before the path. Whoever has it can read the timetable. It is "+
					"not shown again.")
			})
		},
	}
	create.Flags().StringVar(&label, "label", "", "whose phone it is for")
	parent.AddCommand(create, &cobra.Command{
		Use: "list", Example: "carillon campus feed list",
		Short: "List the addresses, without their keys", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []sync.Feed{}
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/campus/feeds", &list); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				cli.Row(t, "ID", "INSTANCE", "CREATED", "LABEL")
				for _, f := range list {
					cli.Row(t, f.ID, f.Instance, o.When(f.Created), cmp.Or(f.Label, "-"))
				}
			})
		},
	}, &cobra.Command{
		Use: "revoke ID...", Example: "carillon campus feed revoke 1f0c2d3e",
		Short: "End addresses at once", Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.Each(cmd, args, "Revoked", func(id string) error {
				return o.Call(cmd.Context(), http.MethodDelete, "/operator/campus/feeds/"+url.PathEscape(id), nil)
			})
		},
	})
	return parent
}
