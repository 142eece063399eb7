package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A remote is the running system that an operator's command speaks to.
type remote struct {
	url, key, data string
	function       string // address of a deployed function, which has a part of the paths
	json           bool
	zone, public   string // of the office, once it has answered
}

func (o *remote) flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&o.url, "url", "", "address of the running system; default from the data folder")
	cmd.PersistentFlags().StringVar(&o.key, "key", "env:CARILLON_OPERATOR_KEY", "operator key, or env:NAME; default from the data folder")
	cmd.PersistentFlags().StringVar(&o.function, "function", "", "address of the deployed function to ask; --key is then an identity token, or queries_key")
	cmd.PersistentFlags().StringVar(&o.data, "data", "data", "data folder of the running system")
	cmd.PersistentFlags().BoolVar(&o.json, "json", false, "print JSON")
}

var errNoKey = errors.New("--url needs that system's key, which is in run.json of its data folder: export CARILLON_OPERATOR_KEY=…")

// call asks the running system; an answer of an error becomes an error that says what to do.
func (o *remote) call(ctx context.Context, method, path string, into any) error {
	return o.send(ctx, method, path, nil, into)
}

// send is call with a JSON body.
func (o *remote) send(ctx context.Context, method, path string, body, into any) error {
	resp, err := o.request(ctx, method, path, body, examineTime+checkTime+10*time.Second)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// request returns an answer of success; limit 0 is for one that streams.
func (o *remote) request(ctx context.Context, method, path string, body any, limit time.Duration) (*http.Response, error) {
	info := runInfo{URL: o.url, Key: o.key}
	if name, ok := strings.CutPrefix(info.Key, "env:"); ok {
		info.Key = os.Getenv(name)
	}
	if o.function != "" {
		var err error
		if path, err = functionPath(path); err != nil {
			return nil, err
		}
		if info.URL = o.function; info.Key == "" {
			return nil, errors.New("--function needs a key: export CARILLON_OPERATOR_KEY=\"$(gcloud auth print-identity-token)\", or queries_key where queries are controlled")
		}
	}
	if info.URL == "" || info.Key == "" {
		var kept runInfo
		data, err := os.ReadFile(filepath.Join(o.data, runFile))
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("the data folder %s may not be read by this account: run the command as the system's, as in `sudo -u carillon carillon …`", o.data)
		}
		if err != nil && info.URL != "" {
			return nil, errNoKey
		}
		if err != nil {
			return nil, fmt.Errorf("no system has run with the data folder %s: start it with `carillon up`, or name it with --data, or --url and --key", o.data)
		}
		if err := json.Unmarshal(data, &kept); err != nil {
			return nil, fmt.Errorf("%s is broken: start the system again, which writes it anew", filepath.Join(o.data, runFile))
		}
		if info.Key == "" && info.URL != "" && info.URL != kept.URL {
			return nil, errNoKey // the data folder's is of another system, and for nobody else
		}
		info = runInfo{cmp.Or(info.URL, kept.URL), cmp.Or(info.Key, kept.Key)}
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, method, strings.TrimRight(info.URL, "/")+path, bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+info.Key)
	resp, err := outbound.New(outbound.Options{Timeout: limit, Stream: limit == 0}).Do(r)
	if err != nil {
		return nil, fmt.Errorf("no system answers at %s: is `carillon up` running?", info.URL)
	}
	if resp.StatusCode < http.StatusBadRequest {
		o.zone, o.public = resp.Header.Get(zoneHeader), resp.Header.Get(publicHeader)
		return resp, nil
	}
	defer resp.Body.Close()
	var p web.Problem
	if json.NewDecoder(resp.Body).Decode(&p) == nil && p.Title != "" {
		return nil, errors.New(cmp.Or(p.Detail, p.Title))
	}
	return nil, fmt.Errorf("the system answered %d", resp.StatusCode)
}

// functionPath is what a deployed function has for an operator's path: campus/sync, exports/transfer and exports/queries have their parts.
func functionPath(path string) (string, error) {
	for _, bridge := range []string{"campus", "exports"} {
		if rest, ok := strings.CutPrefix(path, "/operator/"+bridge); ok {
			return rest, nil
		}
	}
	return "", errors.New("no deployed function has this: see docs/deploy-operate.md, \"When something is wrong\"")
}

// show prints v as JSON, or as a table.
func (o *remote) show(w io.Writer, v any, table func(*tabwriter.Writer)) error {
	if o.json {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table(t)
	return t.Flush()
}

// each does something with every argument and says with which it was done; a fault of one keeps no other from it.
func (o *remote) each(cmd *cobra.Command, args []string, done string, do func(arg string) error) error {
	var faults []error
	with := []string{}
	for _, arg := range args {
		if err := do(arg); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", arg, err))
			continue
		}
		with = append(with, arg)
	}
	if len(with) > 0 {
		table := func(t *tabwriter.Writer) { row(t, done+":", strings.Join(with, ", ")) }
		faults = append(faults, o.show(cmd.OutOrStdout(), map[string][]string{"done": with}, table))
	}
	return errors.Join(faults...)
}

func row(t *tabwriter.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, plain(fmt.Sprint(cell)))
	}
	fmt.Fprintln(t)
}

// plain keeps control characters, which a terminal would obey, out of a table.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// when is an instant for a table: on the clock of a place, with its zone; without a name, on that of this machine.
func when(t time.Time, zone string) string {
	if t.IsZero() {
		return "never"
	}
	return calendar.Written(t, calendar.Zone(time.Local, zone)) //nolint:gosmopolitan // of the person at this terminal
}

// when is an instant on the clock of the office that was asked.
func (o *remote) when(t time.Time) string { return when(t, o.zone) }

func roomsCommand() *cobra.Command {
	var o remote
	parent := &cobra.Command{Use: "rooms", Short: "The rooms of the running system"}
	o.flags(parent)
	parent.AddCommand(&cobra.Command{
		Use: "status", Short: "Per room: age of the data, end of the watch, last push and publish, faults", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list := []roomStatus{}
			if err := o.call(cmd.Context(), http.MethodGet, "/operator/rooms", &list); err != nil {
				return err
			}
			return o.show(cmd.OutOrStdout(), list, func(t *tabwriter.Writer) {
				row(t, "ROOM", "STATE", "DATA AGE", "WATCHED UNTIL / POLLED", "LAST PUSH", "LAST PUBLISH", "FAULT")
				for _, r := range list {
					at := func(t time.Time) string { return when(t, cmp.Or(r.TimeZone, o.zone)) }
					row(t, r.Room, r.State, cmp.Or(r.DataAge, "unread"), cmp.Or(r.Polled, at(r.WatchExpires)), at(r.LastPush), at(r.LastPublish), cmp.Or(strings.Join(r.Faults, " "), "-"))
				}
			})
		},
	})
	parent.AddCommand(thingsCommand())
	return parent
}

// errMissing makes the exit status 1; the findings have said why.
var errMissing = errors.New("something is missing")

func doctorCommand() *cobra.Command {
	var o remote
	var folder string
	cmd := &cobra.Command{
		Use: "doctor", Short: "Check every setting, credential, calendar, Thing and variable, and say what to do", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var found []finding
			if folder != "" {
				found = examineFolder(cmd.Context(), folder)
			} else if err := o.call(cmd.Context(), http.MethodGet, "/operator/doctor", &found); err != nil {
				return err
			}
			missing := false
			err := o.show(cmd.OutOrStdout(), found, func(t *tabwriter.Writer) { findingsTable(t, found, widthOf(cmd.OutOrStdout())) })
			for _, f := range found {
				missing = missing || f.State == stateMissing
			}
			if err == nil && missing {
				return errMissing
			}
			return err
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&folder, "config", "", "folder of a real office's settings, checked without a running system")
	_ = cmd.MarkFlagDirname("config")
	return cmd
}
