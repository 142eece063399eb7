package exports

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/azurite"
	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// The sample source, and the key of its queries.
const (
	demoSource     = "paie"
	demoQueriesKey = "demo-queries-key"
)

var demoAccount = simcegid.Account{
	Tenant: "99990000", KeyID: "demo-key-id", KeySecret: "demo-key-secret",
	SubscriptionKeys: []string{"demo-primary", "demo-secondary"},
	Provider:         "00000000-0000-4000-8000-000000000099", ProviderName: "cegid-xrp", Database: "DB000001",
}

// An exportsDemo is the simulated Cegid with its blob store, which needs Node.js.
type exportsDemo struct {
	cegid *simcegid.Server

	mu    sync.Mutex
	blobs *azurite.Server
	need  *need // what is missing for the blob store; nil for nothing
}

// simulators are those of the sample, by name.
func (d *exportsDemo) simulators() map[string]http.Handler {
	if d == nil {
		return nil
	}
	return map[string]http.Handler{"cegid": d.cegid}
}

func openExportsDemo(b *bridge) (*exportsDemo, error) {
	cegid, err := simcegid.New(simcegid.Options{Options: b.Simulation("cegid"), Account: demoAccount})
	if err != nil {
		return nil, err
	}
	d := &exportsDemo{cegid: cegid}
	for _, q := range demoQueries {
		if err := cegid.AddQuery(q); err != nil {
			return nil, err
		}
	}
	if err := d.configure(b); err != nil {
		return nil, err
	}
	d.need = &need{id: "starting"}
	if _, err := azurite.Node(b.Context()); err != nil {
		d.need = noStore(err)
	}
	return d, nil
}

// A need is why there is no blob store: the text need.ID, with its parameters.
type need struct {
	id     string
	params faults.Params
}

// in says it in a language; "" for none.
func (n *need) in(lang string) string {
	if n == nil {
		return ""
	}
	return texts.Text(lang, "need."+n.id, n.params)
}

// noStore is why the blob store did not start.
func noStore(err error) *need {
	id := "failed"
	if errors.Is(err, azurite.ErrMissing) {
		id = "missing"
	}
	return &need{id, faults.Params{"error": err.Error()}}
}

// configure writes the sample exports.json, at each start because the address may be another.
func (d *exportsDemo) configure(b *bridge) error {
	data, err := json.Marshal(map[string]any{"queries_key": demoQueriesKey, "sources": []any{map[string]any{
		"name": demoSource, "mode": exports.ModeAPI, "cegid_api_base_url": b.URL + "/sim/cegid",
		"cegid_tenant_id":  demoAccount.Tenant,
		"cegid_api_key_id": demoAccount.KeyID, "cegid_api_key_secret": demoAccount.KeySecret,
		"cegid_subscription_key": demoAccount.SubscriptionKeys[0],
		"cegid_provider_id":      demoAccount.Provider, "time_zone": machine.SampleZone,
	}}})
	if err != nil {
		return err
	}
	return b.WriteSample(exports.SettingsFile, data)
}

// storeAgain is the pause before a blob store that did not start is tried again.
const storeAgain = time.Minute

// run starts the blob store, and lets queries run until the system stops.
func (d *exportsDemo) run(b *bridge) {
	for met := d.needs(); ; {
		err := d.start(b)
		if err == nil {
			break
		}
		if now := noStore(err); b.Context().Err() == nil && now.in(faults.English) != met.in(faults.English) {
			met = now
			slog.WarnContext(b.Context(), "the sample exports wait", slog.String("reason", met.in(faults.English)))
			d.set(nil, met)
		}
		select {
		case <-b.Context().Done():
			return
		case <-time.After(storeAgain):
		}
	}
	if err := b.Publish(b.Context(), exports.TopicTransfer, messages.Message{}); err != nil && b.Context().Err() == nil {
		slog.ErrorContext(b.Context(), "first transfer not asked for", slog.Any("error", err))
	}
	d.cegid.Run(b.Context())
}

func (d *exportsDemo) start(b *bridge) error {
	dir := filepath.Join(b.Data, "azurite")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	blobs, err := azurite.Open(b.Context(), workingCopy(), dir, func() {
		d.set(nil, &need{id: "installing"})
	})
	if err != nil {
		return err
	}
	err = d.cegid.Serve(b.Context(), blobs.Account)
	if err == nil {
		err = d.seed(b)
	}
	if err == nil {
		err = d.cegid.RunDue(b.Context()) // what was due while nothing ran
	}
	if err != nil {
		blobs.Stop()
		return err
	}
	d.set(blobs, nil)
	return nil
}

// ready answers runs while there is no blob store, in place of the function, which would take that for a fault of
// Cegid's.
func (d *exportsDemo) ready(transfer http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		need := d.needs()
		switch {
		case need == nil || r.Method != http.MethodPost:
			transfer.ServeHTTP(w, r)
		case r.URL.Path == "/":
			w.WriteHeader(http.StatusNoContent) // a scheduled run: the store's start is followed by one
		default:
			web.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
				return web.NewProblem(http.StatusConflict, need.in(faults.English), nil)
			}).ServeHTTP(w, r)
		}
	})
}

func (d *exportsDemo) set(blobs *azurite.Server, need *need) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.blobs, d.need = blobs, need
}

// store is the running blob store, or nil.
func (d *exportsDemo) store() *azurite.Server {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.blobs
}

// state is what a person is told of the simulator.
func (d *exportsDemo) state() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if said := d.need.in(faults.English); said != "" {
		return strings.TrimSuffix(strings.ToLower(said[:1])+said[1:], ".")
	}
	return "provider " + demoAccount.ProviderName
}

func (d *exportsDemo) close() {
	if blobs := d.store(); blobs != nil {
		blobs.Stop()
	}
}

// seed lets each query run once, as it did last night.
func (d *exportsDemo) seed(b *bridge) error {
	seeded, err := b.Setting("exports demo", func() string { return "" })
	if err != nil || seeded != "" {
		return err
	}
	for _, q := range demoQueries {
		if err := d.cegid.Execute(b.Context(), q.ID); err != nil {
			return err
		}
	}
	return b.SetSetting("exports demo", "seeded")
}

// workingCopy is where the npm packages of the tests would be, if this is run somewhere in a working copy.
func workingCopy() (folders []string) {
	dir, err := os.Getwd()
	for err == nil && filepath.Dir(dir) != dir {
		folders = append(folders, filepath.Join(dir, "infra", "sim", "peers", "node_modules"))
		dir = filepath.Dir(dir)
	}
	return folders
}

// The sample's queries. One lacks a filter, so that its file is held in the quarantine.
var demoQueries = []simcegid.Query{
	{
		ID: "00000000-0000-4000-8000-000000000301", Collection: "paie", Name: "HISTOCUMSAL", Cron: "0 4 * * *", Enabled: true,
		SQL:  "select PHC_SALARIE, PHC_CUMULPAIE, PHC_MONTANT from HISTOCUMSAL where PHC_DATEFIN = '2026-10-31'",
		Rows: cumuls(1),
	},
	{
		ID: "00000000-0000-4000-8000-000000000302", Collection: "paie", Name: "HISTOCUMSAL_ANNEE", Cron: "0 4 * * *",
		Enabled: true, SQL: "select PHC_SALARIE, PHC_CUMULPAIE, PHC_MONTANT from HISTOCUMSAL", Rows: cumuls(2),
	},
	{
		ID: "00000000-0000-4000-8000-000000000303", Collection: "paie", Name: "ABSENCESALARIE", Cron: "5 4 * * *",
		Enabled: true, SQL: "select * from ABSENCESALARIE where PCN_TYPEMVT = 'ABS'", Rows: absences,
	},
	{
		ID: "00000000-0000-4000-8000-000000000304", Collection: "cpa", Name: "ECRITURE", Cron: "10 4 * * *", Enabled: true,
		SQL: "select E_DATECOMPTABLE, E_JOURNAL, E_REFINTERNE, E_LIBELLE, E_GENERAL, E_DEBIT, E_CREDIT, E_AUXILIAIRE, " +
			"E_REFLIBRE from ECRITURE", Rows: entries,
	},
	{
		ID: "00000000-0000-4000-8000-000000000305", Collection: "cpa", Name: "ANALYTIQ", Cron: "15 4 * * *",
		SQL: "select * from ANALYTIQ", Rows: analytics,
	},
}

const demoStaff = 24

// cumuls are pay totals; months is how many of them the query does not tell apart.
func cumuls(months int) func(time.Time) []byte {
	return func(at time.Time) []byte {
		var b strings.Builder
		b.WriteString("PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\r\n")
		for month := range months {
			for n := range demoStaff {
				pay := demoPay(at, n)
				fmt.Fprintf(&b, "%010d;01;%s\r\n%010d;02;%s\r\n", n+1, french(pay+month), n+1, french(pay*78/100))
			}
		}
		return []byte(b.String())
	}
}

// demoPay is a month's pay in cents, the same all day.
func demoPay(at time.Time, n int) int {
	return 180_000 + rand.New(rand.NewPCG(uint64(at.YearDay()), uint64(n))).IntN(250_000) //nolint:gosec // a sample
}

// french writes an amount in cents as Cegid does: 2 512,34.
func french(cents int) string {
	euros, rest := strconv.Itoa(cents/100), cents%100
	if len(euros) > 3 {
		euros = euros[:len(euros)-3] + " " + euros[len(euros)-3:]
	}
	return fmt.Sprintf("%s,%02d", euros, rest)
}

func absences(at time.Time) []byte {
	var b strings.Builder
	b.WriteString("PCN_TYPEMVT;PCN_SALARIE;PCN_ORDRE;PCN_PERIODECP;PCN_TYPECONGE;PCN_SENSABS;PCN_LIBELLE;PCN_DATEDEBUTABS;PCN_DEBUTDJ;PCN_DATEFINABS;PCN_FINDJ;PCN_JOURS;PCN_HEURES;PCN_GUID\r\n")
	for n := range demoStaff / 2 {
		from := at.AddDate(0, 0, 7+n)
		fmt.Fprintf(&b, "ABS;%010d;%d;0;PRI;-;Congés payés;%s;MAT;%s;PAM;5,00;35,00;00000000-0000-4000-8000-%012d\r\n", 2*n+1,
			n+1, from.Format("02/01/2006"), from.AddDate(0, 0, 4).Format("02/01/2006"), n)
	}
	return []byte(b.String())
}

func entries(at time.Time) []byte {
	var b strings.Builder
	b.WriteString("E_DATECOMPTABLE;E_JOURNAL;E_REFINTERNE;E_LIBELLE;E_GENERAL;E_DEBIT;E_CREDIT;E_AUXILIAIRE;E_REFLIBRE\r\n")
	for n := range 40 {
		day, amount := at.AddDate(0, 0, -n%28).Format("2006-01-02T00:00:00"), french(demoPay(at, n))
		fmt.Fprintf(&b, "%s;VTE;FA%04d;Prestation été;70600000;0,00;%s;;\r\n%s;VTE;FA%04d;\"Client; "+
			"divers\";41100000;%s;0,00;9CLIENT%d;\r\n", day, n, amount, day, n, amount, n%7)
	}
	return []byte(b.String())
}

func analytics(at time.Time) []byte {
	return fmt.Appendf(nil, "Y_DATECOMPTABLE,Y_GENERAL,Y_AXE,Y_SECTION,Y_REFINTERNE,Y_LIBELLE,Y_NATUREPIECE,Y_REFEXTERNE,Y_JOURNAL,Y_CONTREPARTIEAUX,Y_DEBIT,Y_CREDIT\r\n%s,60100000,A1,S01,12,\"Achat, divers\",FF,EXT1,ACH,0FOURN1,10.00,0.00\r\n", at.Format(time.DateOnly))
}
