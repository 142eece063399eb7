package cli

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
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A Remote is the running system that an operator's command speaks to.
type Remote struct {
	JSON   bool   // print JSON instead of tables
	Zone   string // of the office, once it has answered
	Public string // address of the public paths, once it has answered and where it knows it

	// Deployed is the beginning of the operators' paths whose rest a deployed function serves; "": none does.
	Deployed string

	url, key, data string
	function       string // address of a deployed function
}

// Flags adds the flags that say which system is meant.
func (o *Remote) Flags(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&o.url, "url", "", "address of the running system; default from the data folder")
	cmd.PersistentFlags().StringVar(&o.key, "key", "env:CARILLON_OPERATOR_KEY",
		"operator key, or env:NAME; default from the data folder")
	cmd.PersistentFlags().StringVar(&o.function, "function", "",
		"address of the deployed function to ask; --key is then an identity token, or queries_key")
	cmd.PersistentFlags().StringVar(&o.data, "data", "data", "data folder of the running system")
	cmd.PersistentFlags().BoolVar(&o.JSON, "json", false, "print JSON")
}

var errNoKey = errors.New("--url needs that system's key, which is in run.json of its data folder: export " +
	"CARILLON_OPERATOR_KEY=…")

// Call asks the running system; an answer of an error becomes an error that says what to do.
func (o *Remote) Call(ctx context.Context, method, path string, into any) error {
	return o.Send(ctx, method, path, nil, into)
}

// Send is call with a JSON body.
func (o *Remote) Send(ctx context.Context, method, path string, body, into any) error {
	resp, err := o.Request(ctx, method, path, body, machine.ExamineTime+machine.CheckTime+10*time.Second)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(into)
}

// Request returns an answer of success; limit 0 is for one that streams.
func (o *Remote) Request(
	ctx context.Context, method, path string, body any, limit time.Duration,
) (*http.Response, error) {
	info := machine.RunInfo{URL: o.url, Key: o.key}
	if name, ok := strings.CutPrefix(info.Key, "env:"); ok {
		info.Key = os.Getenv(name)
	}
	if o.function != "" {
		var err error
		if path, err = o.functionPath(path); err != nil {
			return nil, err
		}
		if info.URL = o.function; info.Key == "" {
			return nil, errors.New("--function needs a key: export CARILLON_OPERATOR_KEY=\"$(gcloud auth " +
				"print-identity-token)\", or queries_key where queries are controlled")
		}
	}
	if info.URL == "" || info.Key == "" {
		var kept machine.RunInfo
		data, err := os.ReadFile(filepath.Join(o.data, machine.RunFile))
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("the data folder %s may not be read by this account: run the command as the system's, as "+
				"in `sudo -u carillon carillon …`", o.data)
		}
		if err != nil && info.URL != "" {
			return nil, errNoKey
		}
		if err != nil {
			return nil, fmt.Errorf("no system has run with the data folder %s: start it with `carillon up`, or name it with "+
				"--data, or --url and --key", o.data)
		}
		if err := json.Unmarshal(data, &kept); err != nil {
			return nil, fmt.Errorf("%s is broken: start the system again, which writes it anew",
				filepath.Join(o.data, machine.RunFile))
		}
		if info.Key == "" && info.URL != "" && info.URL != kept.URL {
			return nil, errNoKey // the data folder's is of another system, and for nobody else
		}
		info = machine.RunInfo{URL: cmp.Or(info.URL, kept.URL), Key: cmp.Or(info.Key, kept.Key)}
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
		o.Zone, o.Public = resp.Header.Get(machine.ZoneHeader), resp.Header.Get(machine.PublicHeader)
		return resp, nil
	}
	defer resp.Body.Close()
	var p web.Problem
	if json.NewDecoder(resp.Body).Decode(&p) == nil && p.Title != "" {
		return nil, errors.New(cmp.Or(p.Detail, p.Title))
	}
	return nil, fmt.Errorf("the system answered %d", resp.StatusCode)
}

// functionPath is what a deployed function has for an operator's path.
func (o *Remote) functionPath(path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, o.Deployed); ok && o.Deployed != "" {
		return rest, nil
	}
	return "", errors.New("no deployed function has this: see docs/deploy-operate.md, \"When something is wrong\"")
}

// Show prints v as JSON, or as a table.
func (o *Remote) Show(w io.Writer, v any, table func(*tabwriter.Writer)) error {
	if o.JSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	table(t)
	return t.Flush()
}

// Complete completes a flag or an argument with the items that the running system answers at a path.
func Complete[T any](o *Remote, path string, text func(T) string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var list []T
		if o.Call(cmd.Context(), http.MethodGet, path, &list) != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		texts := make([]string, 0, len(list))
		for _, item := range list {
			texts = append(texts, text(item))
		}
		return texts, cobra.ShellCompDirectiveNoFileComp
	}
}

// Each does something with every argument and says with which it was done; a fault of one keeps no other from it.
func (o *Remote) Each(cmd *cobra.Command, args []string, done string, do func(arg string) error) error {
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
		table := func(t *tabwriter.Writer) { Row(t, done+":", strings.Join(with, ", ")) }
		faults = append(faults, o.Show(cmd.OutOrStdout(), map[string][]string{"done": with}, table))
	}
	return errors.Join(faults...)
}

// Row writes the cells of a table's row.
func Row(t *tabwriter.Writer, cells ...any) {
	for i, cell := range cells {
		if i > 0 {
			fmt.Fprint(t, "\t")
		}
		fmt.Fprint(t, machine.Plain(fmt.Sprint(cell)))
	}
	fmt.Fprintln(t)
}

// When is an instant for a table: on the clock of a place, with its zone; without a name, on that of this machine.
func When(t time.Time, zone string) string {
	if t.IsZero() {
		return "never"
	}
	return calendar.Written(t, calendar.Zone(time.Local, zone)) //nolint:gosmopolitan // of the person at this terminal
}

// When is an instant on the clock of the office that was asked.
func (o *Remote) When(t time.Time) string { return When(t, o.Zone) }

// Age is how long ago an instant was, in brackets.
func Age(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	return " (" + machine.Ago(faults.English, t, now) + ")"
}

// Yes is a truth in a table.
func Yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// JoinNonEmpty joins the parts that are not "".
func JoinNonEmpty(between string, parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), between)
}

// ErrFailed makes the exit status 1; the table has said why.
var ErrFailed = errors.New("a run failed")
