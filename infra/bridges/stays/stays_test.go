package stays

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/postgres"
	pgdb "github.com/carillon-calendar/carillon/shared/cloud/sqldb/postgres"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb/sqlite"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

func TestMain(m *testing.M) { machinetest.Main(m) }

// A running is a machine with the stays bridge, seen from inside.
type running struct {
	*machinetest.Running

	b *bridge
}

func start(t *testing.T, o machine.Options) *running {
	t.Helper()
	b := new(bridge)
	o.Bridges = []machine.Bridge{b.definition()}
	return &running{machinetest.Start(t, o), b}
}

// run executes a command line of carillon.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	return machinetest.Run(t, []machine.Bridge{New()}, args...)
}

// must is run for a command that must do it.
func must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := run(t, args...)
	if err != nil {
		t.Fatalf("carillon %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// asked is a command's JSON.
func asked[T any](t *testing.T, args ...string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(must(t, append(args, "--json")...)), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// ahead are days from so many to so many after the sample's today.
func (r *running) ahead(first, last int) (from, to string) {
	zone, _ := time.LoadLocation(machine.SampleZone)
	today := stays.DayOf(r.Clock.Now().In(zone))
	return (today + stays.Day(first)).String(), (today + stays.Day(last)).String()
}

// path is the address of days of a unit.
func (r *running) path(unit string, first, last int) string {
	from, to := r.ahead(first, last)
	return "/stays/v1/units/" + unit + "/days?from=" + from + "&to=" + to
}

// TestSample: six cottages of two owners, held from the day after tomorrow on but for the last one; answers are as
// docs/openapi.yaml says.
func TestSample(t *testing.T) {
	t.Parallel()
	r := start(t, machine.Options{Data: t.TempDir()})
	from, to := r.ahead(0, 100)
	code, got := r.Call(http.MethodGet, "/stays/v1/availability?from="+from+"&to="+to, "channel-key", nil)
	units, _ := got["units"].([]any)
	if code != http.StatusOK || len(units) != 6 {
		t.Fatalf("%d %v", code, got)
	}
	first, _ := r.ahead(2, 2)
	for i, u := range units {
		u, _ := u.(map[string]any)
		held, _ := u["held"].([]any)
		if empty := len(held) == 0; empty != (i == 5) {
			t.Errorf("%v has %d spans", u["unit"], len(held))
		}
		for _, h := range held {
			if h, _ := h.(map[string]any); fmt.Sprint(h["from"]) < first {
				t.Errorf("%v is held on %v", u["unit"], h["from"])
			}
		}
	}
	for _, call := range [][2]string{
		{"GET", "/stays/v1/units?limit=2"},
		{"GET", r.path("GFLX0001", 0, 60)},
		{"GET", "/stays/v1/changes?after=3&limit=5"},
		{"GET", "/stays/v1/units?limit=9999"},
		{"GET", r.path("GFLX9999", 0, 60)},
	} {
		r.Call(call[0], call[1], "channel-key", nil)
	}
	if code, got := r.Call("PUT", r.path("GFLX0006", 3, 5), "channel-key", map[string]any{"type": "booked"}); code != 200 {
		t.Errorf("%d %v", code, got)
	}
	if code, got := r.Call("PUT", r.path("GFLX0006", 5, 6), "portal-key", map[string]any{"type": "booked"}); code != 409 {
		t.Errorf("%d %v", code, got)
	}
	if code, got := r.Call("DELETE", r.path("GFLX0006", 3, 5), "channel-key", nil); code != 200 {
		t.Errorf("%d %v", code, got)
	}
	if code, _ := r.Call("GET", "/stays/v1/units", "nobody", nil); code != 401 {
		t.Errorf("%d", code)
	}
}

// TestCommands: what operators do, as they type it.
func TestCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, machine.Options{Data: dir})
	before := asked[relay.Status](t, "stays", "status", "--data", dir)
	if before.Units != 6 || before.Partners != 2 || before.Number < 20 || before.At == nil {
		t.Errorf("%+v", before)
	}
	r.Call("PUT", r.path("GFLX0006", 3, 9), "channel-key", map[string]any{"type": "booked", "ref": "R-7"})
	list := asked[[]relay.Change](t, "stays", "changes", "--unit", "GFLX0006", "--since", "2020-01-01", "--data", dir)
	from, to := r.ahead(3, 9)
	if len(list) != 1 || list[0].Seq != before.Number+1 || list[0].From.String() != from || list[0].To.String() != to ||
		list[0].Type != stays.Booked || list[0].Origin != "partner:channel" || list[0].Actor != "partner:channel" ||
		list[0].Ref != "R-7" {
		t.Errorf("%+v", list)
	}
	seq := strconv.FormatInt(list[0].Seq, 10)
	undone := asked[[]relay.Change](t, "stays", "undo", seq, "--data", dir)
	if len(undone) != 1 || undone[0].Undoes != list[0].Seq || undone[0].Type != stays.Available ||
		undone[0].Actor != stays.Staff {
		t.Errorf("%+v", undone)
	}
	if _, err := run(t, "stays", "undo", seq, "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "changed since") {
		t.Errorf("undoing twice: %v", err)
	}
	if _, err := run(t, "stays", "undo", "99999", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "no such change") {
		t.Errorf("an unknown change: %v", err)
	}
	must(t, "stays", "units", "add", "GFLX0007", "--name", "La Bergerie", "--owner", "2", "--capacity", "6", "--data", dir)
	if _, err := run(t, "stays", "units", "add", "GFLX0008", "--owner", "99", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "owner 99") {
		t.Errorf("an unknown owner: %v", err)
	}
	if out := must(t, "stays", "units", "--data", dir); !strings.Contains(out, "La Bergerie") {
		t.Error(out)
	}
	if out := must(t, "doctor", "--data", dir); !strings.Contains(out, "7 units, 2 partners") {
		t.Error(out)
	}
}

// TestPartnersCommands: a partner is added, gets a second secret, is changed, and loses its access.
func TestPartnersCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := start(t, machine.Options{Data: dir})
	m := asked[relay.Made](t, "stays", "partners", "add", "fresh", "--units", "GFLX0001",
		"--rights", "view", "--data", dir)
	if len(m.Secret) != 32 || !slices.Equal(m.Units, []string{"GFLX0001"}) || len(m.Secrets) != 1 {
		t.Fatalf("%+v", m)
	}
	in := func(secret string) int {
		code, _ := r.Call("GET", "/stays/v1/units", secret, nil)
		return code
	}
	second := asked[relay.Made](t, "stays", "partners", "rotate", "fresh", "--hours", "1", "--data", dir)
	if in(m.Secret) != 200 || in(second.Secret) != 200 || m.Secret == second.Secret || len(second.Secrets) != 2 {
		t.Errorf("%d %d %+v", in(m.Secret), in(second.Secret), second)
	}
	if _, err := run(t, "stays", "partners", "add", "fresh", "--all", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "already") {
		t.Errorf("a name that is there: %v", err)
	}
	changed := asked[relay.Made](t, "stays", "partners", "add", "fresh", "--all", "--change", "--conflicts", "overwrite",
		"--data", dir)
	if !changed.All || changed.Secret != "" || changed.Conflicts != ledger.ConflictsOverwrite ||
		len(changed.Secrets) != 2 || !slices.Equal(changed.Rights, []string{"view"}) { // what is not named stays
		t.Errorf("%+v", changed)
	}
	if _, err := run(t, "stays", "partners", "add", "nobody", "--all", "--change", "--data", dir); err == nil ||
		!strings.Contains(err.Error(), "no partner") {
		t.Errorf("changing one that is not there: %v", err)
	}
	for _, args := range [][]string{
		{"add", "a:b", "--all"},
		{"add", "x"},
		{"add", "x", "--all", "--units", "GFLX0001"},
		{"add", "x", "--all", "--rights", "rule"},
		{"add", "x", "--all", "--conflicts", "maybe"},
		{"add", "x", "--all", "--secret", "seen-by-others"},
		{"revoke", "nobody"},
		{"rotate", "nobody"},
	} {
		if out, err := run(t, append(append([]string{"stays", "partners"}, args...), "--data", dir)...); err == nil {
			t.Errorf("%v: %s", args, out)
		}
	}
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("été2012\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "stays", "partners", "add", "old", "--all", "--secret", "file:"+file, "--data", dir)
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/stays/v1/units", nil)
	req.SetBasicAuth("old", "été2012")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
		t.Errorf("the password of before: %d", resp.StatusCode)
	}
	must(t, "stays", "partners", "revoke", "fresh", "--data", dir)
	r.Eventually("it is out", func() bool { return in(m.Secret) == 401 })
	if out := must(t, "stays", "partners", "list", "--data", dir); !strings.Contains(out, "revoked") ||
		strings.Contains(out, second.Secret) {
		t.Error(out)
	}
}

// TestBackup: a backup holds the ledger; a restored one goes on from there under another id, and its readers are told.
//
//nolint:tparallel // the first machine ends before the second begins
func TestBackup(t *testing.T) {
	t.Parallel()
	dir, to := t.TempDir(), filepath.Join(t.TempDir(), "restored")
	file := filepath.Join(t.TempDir(), "backup.tar.gz")
	var before relay.Status
	t.Run("before", func(t *testing.T) { //nolint:paralleltest // the machine ends with it
		r := start(t, machine.Options{Data: dir})
		r.Call("PUT", r.path("GFLX0006", 3, 9), "channel-key", map[string]any{"type": "booked"})
		before = asked[relay.Status](t, "stays", "status", "--data", dir)
		must(t, "backup", file, "--data", dir)
		r.Call("PUT", r.path("GFLX0006", 20, 21), "channel-key", map[string]any{"type": "booked"})
	})
	must(t, "restore", file, "--data", to)
	r := start(t, machine.Options{Data: to})
	after := asked[relay.Status](t, "stays", "status", "--data", to)
	if after.Number != before.Number || after.Ledger == before.Ledger || after.Units != 6 {
		t.Errorf("%+v, before %+v", after, before)
	}
	if code, got := r.Call("GET", "/stays/v1/changes?after=1&ledger="+before.Ledger, "channel-key", nil); code != 409 {
		t.Errorf("%d %v", code, got)
	}
	if info, err := os.Stat(filepath.Join(to, databaseFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestFresh: starting over starts a new ledger too.
//
//nolint:tparallel // the first machine ends before the second begins
func TestFresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var before relay.Status
	t.Run("before", func(t *testing.T) { //nolint:paralleltest // the machine ends with it
		r := start(t, machine.Options{Data: dir})
		r.Call("PUT", r.path("GFLX0006", 3, 9), "channel-key", map[string]any{"type": "booked"})
		before = asked[relay.Status](t, "stays", "status", "--data", dir)
	})
	start(t, machine.Options{Data: dir, Fresh: true})
	after := asked[relay.Status](t, "stays", "status", "--data", dir)
	if after.Ledger == before.Ledger || after.Number != before.Number-1 {
		t.Errorf("%+v, before %+v", after, before)
	}
}

// folder writes stays.json.
func folder(t *testing.T, settings map[string]any) string {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(settings)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, stays.SettingsFile), data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestMigrateRefuses what would go wrong: tables in use, or for a newer program, and a server that is not there.
func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	settings, data := folder(t, map[string]any{}), t.TempDir()
	refused := func(name, want string, args ...string) {
		if out, err := run(t, append([]string{"stays", "migrate"}, args...)...); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %s", name, err, out)
		}
	}
	start(t, machine.Options{Data: data, Folder: settings})
	refused("while it runs", "another carillon runs", "--config", settings, "--data", data)
	data = t.TempDir()
	must(t, "stays", "migrate", "--config", settings, "--data", data)
	db, err := sqlite.Open(t.Context(), filepath.Join(data, databaseFile))
	if err != nil {
		t.Fatal(err)
	}
	_, err = db.Write.ExecContext(t.Context(), "UPDATE ledger_schema SET min_code = 99")
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	refused("newer tables", "for a newer Carillon", "--config", settings, "--data", data)
	away := folder(t, map[string]any{"database": "postgres://carillon@127.0.0.1:1/carillon"})
	refused("no server", "the ledger's database cannot be used: connection refused", "--config", away)
}

// TestOnPostgreSQL: the same with a server's database: doctor, migrate, up; and an existing gîtes database is imported.
func TestOnPostgreSQL(t *testing.T) {
	t.Parallel()
	server := postgres.Start(t)
	dsn := website(t, server.DSN)
	settings, data := folder(t, map[string]any{"database": server.DSN, "site_dsn": dsn}), t.TempDir()
	out, _ := run(t, "doctor", "--config", settings)
	if !strings.Contains(out, "tables of version 0") {
		t.Errorf("before: %s", out)
	}
	if out := must(t, "stays", "migrate", "--config", settings); !strings.Contains(out, "version 3") {
		t.Error(out)
	}
	if out := must(t, "doctor", "--config", settings); !strings.Contains(out, "PostgreSQL, tables of version 3") {
		t.Error(out)
	}
	start(t, machine.Options{Data: data, Folder: settings})
	dry := must(t, "stays", "import", "--from-site", dsn, "--dry-run", "--data", data)
	if s := asked[relay.Status](t, "stays", "status", "--data", data); s.Units != 0 ||
		!strings.Contains(dry, "nothing was changed") {
		t.Errorf("a dry run: %+v\n%s", s, dry)
	}
	got := asked[relay.Imported](t, "stays", "import", "--from-site", dsn, "--data", data)
	if got.Owners != 2 || got.Units != 2 || got.Stays != 3 || got.Unchanged != 0 || got.Conflicts != 0 {
		t.Errorf("%+v", got)
	}
	again := asked[relay.Imported](t, "stays", "import", "--from-site", dsn, "--data", data)
	if again.Owners != 2 || again.Units != 2 || again.Stays != 0 || again.Unchanged != 3 || again.Conflicts != 0 {
		t.Errorf("again: %+v", again)
	}
	log := asked[[]relay.Change](t, "stays", "changes", "--data", data)
	lines := make([]string, 0, len(log))
	for _, c := range log {
		lines = append(lines, fmt.Sprintf("%s %d %s %s", c.Unit, stays.Through(c.From, c.To).Days(), c.Type, c.Origin))
	}
	want := []string{"GFLX0101 3 booked owner:7", "GFLX0101 1 unavailable owner:7", "GFLX0102 1 booked website"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q, want %q", lines, want)
	}
	if _, err := run(t, "stays", "import", "--from-site", "postgres://nobody:secret-word@127.0.0.1:1/x",
		"--data", data); err == nil ||
		strings.Contains(err.Error(), "secret-word") || strings.Contains(err.Error(), "nobody") {
		t.Errorf("a site that is away: %v", err)
	}
}

// website makes a database of a server with the tables of an association's site, and rows as its two writers left them.
func website(t *testing.T, server string) (dsn string) {
	t.Helper()
	first, err := pgdb.Open(server, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if _, err := first.Write.ExecContext(t.Context(), "CREATE DATABASE website"); err != nil {
		t.Fatal(err)
	}
	dsn = strings.Replace(server, "dbname=postgres", "dbname=website", 1)
	db, err := pgdb.Open(dsn, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tables, err := os.ReadFile(filepath.Join("testdata", "site.sql"))
	if err == nil {
		_, err = db.Write.ExecContext(t.Context(), string(tables))
	}
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}
