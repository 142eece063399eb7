// Package bell is the smallest bridge there is: a bell that rings each hour. It runs in no product; it shows what a
// bridge is made of (docs/add-a-bridge.md), and tests add it to a machine.
package bell

import (
	"context"
	"embed"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-calendar/carillon/infra/cli"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

var (
	//go:embed bell.schema.json
	schema []byte
	//go:embed web
	assets embed.FS
	//go:embed texts
	textFiles embed.FS
)

// texts are what people read of it, a file for each language; doctor makes findings.
var (
	texts  = faults.Load(textFiles, "texts")
	doctor = machine.Doctor{Texts: texts}
)

// Settings are bell.json.
type Settings struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
}

// A Tower is the bell's one document.
type Tower struct {
	Rung   int       `json:"rung"`
	RungAt time.Time `json:"rung_at,omitzero"`
}

// Topic has a message for each time that the bell is to ring.
const Topic = "bell_ring"

const document = "tower.json"

// New returns the bridge.
func New() machine.Bridge {
	b := new(bridge)
	return machine.Bridge{
		Name: "bell", Texts: texts,
		Settings: "bell.json", Schema: "infra/bridges/bell/bell.schema.json", Folders: []string{"bell"},
		Open: b.open, Examine: examine, Command: command, Page: assets,
	}
}

type bridge struct {
	*machine.Host

	settings *config.Settings[Settings]
	tower    documents.Bucket
}

func load(bucket documents.Bucket) (*config.Settings[Settings], error) {
	return config.NewSettings[Settings](bucket, "bell.json", schema)
}

func (b *bridge) open(host *machine.Host) (_ *machine.Service, err error) {
	b.Host, b.tower = host, host.Bucket("bell-state")
	if b.Sample {
		if err := b.WriteSample("bell.json", []byte(`{"name":"Emmanuel"}`)); err != nil {
			return nil, err
		}
	}
	if b.settings, err = load(b.Config()); err != nil {
		return nil, err
	}
	if _, err := b.settings.Get(b.Context()); err != nil {
		return nil, err
	}
	return &machine.Service{
		Subscriptions: []machine.Subscription{
			{Name: "bell-ring", Topic: Topic, Handler: b.Function("bell-ring", messages.Handle(b.ring))},
		},
		Jobs:       []machine.Job{{Schedule: "0 * * * *", Topic: Topic}},
		Operations: map[string]web.HandlerFunc{"GET /operator/bell": b.status},
		Pages:      func(handle func(string, http.Handler)) { handle("GET /dashboard/bell", web.HandlerFunc(b.status)) },
		Overdue:    func(context.Context) ([]string, error) { return []string{Topic}, nil },
		Parts:      b.parts,
		Examine:    func(ctx context.Context) []machine.Finding { return examine(ctx, b.Config()) },
		Announce:   func(w io.Writer) { fmt.Fprintln(w, "  the bell             rings each hour") },
	}, nil
}

// ring is the bridge's function: a repeated message rings once more, which nobody minds of a bell.
func (b *bridge) ring(ctx context.Context, _ messages.Delivery) error {
	_, err := documents.Update(ctx, b.tower, document, func(t *Tower) (map[string]string, error) {
		t.Rung, t.RungAt = t.Rung+1, b.Clock.Now().UTC()
		return nil, nil
	})
	return err
}

func (b *bridge) status(w http.ResponseWriter, r *http.Request) error {
	t, err := documents.LoadIfAny[Tower](r.Context(), b.tower, document)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, t)
}

func (b *bridge) parts(ctx context.Context, _ string) ([]machine.Part, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	t, err := documents.LoadIfAny[Tower](ctx, b.tower, document)
	part := machine.Part{Name: settings.Name, State: machine.PartOK, SeenAt: t.RungAt, TimeZone: "Europe/Paris"}
	if t.Rung == 0 {
		part.State = machine.PartUnknown
	}
	return []machine.Part{part}, err
}

func examine(ctx context.Context, bucket documents.Bucket) []machine.Finding {
	settings, fault := machine.ReadSettings(ctx, bucket, load, doctor)
	if fault != nil {
		return fault
	}
	return []machine.Finding{doctor.OK("settings.bell", faults.Params{"name": settings.Name})}
}

func command() *cobra.Command {
	var o cli.Remote
	parent := &cobra.Command{Use: "bell", Short: "The bell of the running system"}
	o.Flags(parent)
	parent.AddCommand(&cobra.Command{
		Use: "status", Example: "carillon bell status", Short: "Show how often it has rung, and when", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var t Tower
			if err := o.Call(cmd.Context(), http.MethodGet, "/operator/bell", &t); err != nil {
				return err
			}
			return o.Show(cmd.OutOrStdout(), t, func(table *tabwriter.Writer) {
				cli.Row(table, "RUNG", "LAST")
				cli.Row(table, t.Rung, o.When(t.RungAt))
			})
		},
	})
	return parent
}
