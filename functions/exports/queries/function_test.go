package queries_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/queries"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
)

const (
	provider = "00000000-0000-4000-8000-000000000099"
	key      = "0123456789abcdef"
)

var noon = time.Date(2025, 6, 1, 12, 1, 0, 0, time.UTC)

// A fixture is the function before a simulated Cegid with three queries.
type fixture struct {
	*testing.T

	dir     string
	cegid   *simcegid.Server
	handler http.Handler
	state   documents.Bucket
}

// newFixture writes exports.json; more is JSON of further keys of the source, beginning with a comma.
func newFixture(t *testing.T, more string) *fixture {
	t.Helper()
	t.Parallel()
	f := &fixture{T: t, dir: t.TempDir()}
	db, err := machine.Open(t.Context(), f.dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if f.cegid, err = simcegid.New(simcegid.Options{
		Options: sim.Options{
			Now: func() time.Time { return noon }, Store: db.Records("sim"), Prefix: "/sim/cegid",
		},
		Account: simcegid.Account{
			Tenant: "1", KeyID: "id", KeySecret: "secret", SubscriptionKeys: []string{"primary"}, Provider: provider,
			ProviderName: "cegid-xrp", Database: "DB1",
		},
	}); err != nil {
		t.Fatal(err)
	}
	for id, name := range map[string]string{"1": "ECRITURE", "2": "ECRITURE_ANALYTIQUE", "3": "ABSENCES"} {
		if err := f.cegid.AddQuery(simcegid.Query{
			ID: id, Name: name, Cron: "0 4 * * *", Enabled: id != "3", SQL: "select secret from salaries",
		}); err != nil {
			t.Fatal(err)
		}
	}
	front := httptest.NewServer(http.StripPrefix("/sim/cegid", f.cegid))
	t.Cleanup(front.Close)
	doc := `{
  "queries_key": "` + key + `",
  "sources": [
    {"name": "paie", "mode": "api", "cegid_api_base_url": "` + front.URL + `/sim/cegid", "cegid_tenant_id": "1", "cegid_api_key_id": "id", "cegid_api_key_secret": "secret", "cegid_subscription_key": "primary"` + more + `}
  ]
}`
	if err := os.WriteFile(filepath.Join(f.dir, exports.SettingsFile), []byte(doc), 0o600); err != nil {
		t.Fatal(err)
	}
	bucket := machine.Folder(f.dir)
	settings, err := exports.LoadSettings(bucket)
	if err != nil {
		t.Fatal(err)
	}
	f.state = db.Bucket("state")
	f.handler = queries.New(queries.Config{Settings: settings, State: f.state, Now: func() time.Time { return noon }})
	return f
}

func (f *fixture) ask(method, path, body string, into any) (int, string) {
	f.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+key)
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	if into != nil && w.Code < 300 {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			f.Fatal(err)
		}
	}
	return w.Code, w.Body.String()
}

const provided = `, "cegid_provider_id": "` + provider + `"`

// next is when each query runs next, by name.
func (f *fixture) next() map[string]string {
	f.Helper()
	var list []cegid.Scheduler
	if code, text := f.ask(http.MethodGet, "/queries", "", &list); code != http.StatusOK || len(list) != 3 {
		f.Fatalf("%d %s", code, text)
	}
	next := map[string]string{}
	for _, s := range list {
		if s.Cron != "0 4 * * *" {
			f.Errorf("the cron of %s is %q", s.Name, s.Cron)
		}
		next[s.Name] = s.Next.Format("02 15:04")
	}
	return next
}

func TestKey(t *testing.T) {
	f := newFixture(t, provided)
	for _, bearer := range []string{"", "Bearer ", "Bearer wrong", "Basic " + key} {
		r := httptest.NewRequest(http.MethodGet, "/queries", nil)
		r.Header.Set("Authorization", bearer)
		w := httptest.NewRecorder()
		if f.handler.ServeHTTP(w, r); w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%q: %d", bearer, w.Code)
		}
	}
	if n := f.cegid.Counts(); n[simcegid.Tokens] != 0 {
		t.Errorf("Cegid was asked %+v", n)
	}
}

func TestList(t *testing.T) {
	f := newFixture(t, provided)
	if code, text := f.ask(http.MethodGet, "/queries?source=paie", "", nil); code != http.StatusOK ||
		strings.Contains(text, "salaries") {
		t.Errorf("%d %s", code, text)
	}
	if code, text := f.ask(http.MethodGet, "/queries?sql=true", "", nil); code != http.StatusOK ||
		!strings.Contains(text, "salaries") {
		t.Errorf("%d %s", code, text)
	}
	if code, _ := f.ask(http.MethodGet, "/queries?source=compta", "", nil); code != http.StatusNotFound {
		t.Errorf("an unknown source: %d", code)
	}
}

// TestForce: only the next execution changes, of what was meant.
//
//nolint:tparallel // newFixture does
func TestForce(t *testing.T) {
	for name, tt := range map[string]struct {
		more, body string
		code       int
		want       string // next of ECRITURE, ECRITURE_ANALYTIQUE
	}{
		"all":             {"", `{}`, 200, "01 12:15, 01 12:15"},
		"exact":           {"", `{"name":"ecriture"}`, 200, "01 12:15, 02 04:00"},
		"part":            {"", `{"name":"ECRITURE","part":true}`, 200, "01 12:15, 01 12:15"},
		"ambiguous":       {"", `{"name":"ECRIT"}`, 409, "02 04:00, 02 04:00"},
		"one_part":        {"", `{"name":"ANALYT"}`, 409, "02 04:00, 02 04:00"},
		"unknown":         {"", `{"name":"PAIE"}`, 404, "02 04:00, 02 04:00"},
		"ids":             {"", `{"ids":["2"]}`, 200, "02 04:00, 01 12:15"},
		"unknown_id":      {"", `{"ids":["2","9"]}`, 404, "02 04:00, 02 04:00"},
		"time":            {"", `{"name":"ecriture","time":"18:30"}`, 200, "01 18:30, 02 04:00"},
		"zone":            {"", `{"name":"ecriture","time":"18:30","zone":"Europe/Paris"}`, 200, "01 16:30, 02 04:00"},
		"source_zone":     {`, "time_zone": "Europe/Paris"`, `{"name":"ecriture","time":"18:30"}`, 200, "01 16:30, 02 04:00"},
		"force_time":      {`, "cegid_force_time": "06:00"`, `{"name":"ecriture"}`, 200, "02 06:00, 02 04:00"},
		"bad_time":        {"", `{"time":"25:00"}`, 400, "02 04:00, 02 04:00"},
		"bad_zone":        {"", `{"time":"10:00","zone":"Mars"}`, 400, "02 04:00, 02 04:00"},
		"unknown_field":   {"", `{"nam":"ecriture"}`, 400, "02 04:00, 02 04:00"},
		"disabled_is_not": {"", `{"name":"absences"}`, 200, "02 04:00, 02 04:00"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, provided+tt.more)
			var done []queries.Forced
			code, text := f.ask(http.MethodPost, "/queries/force", tt.body, &done)
			next := f.next()
			if got := next["ECRITURE"] + ", " + next["ECRITURE_ANALYTIQUE"]; code != tt.code || got != tt.want {
				t.Errorf("%d %s, next %s; want %d, %s", code, text, got, tt.code, tt.want)
			}
			for _, d := range done {
				if (d.Name == "ABSENCES") != (d.Error != "") {
					t.Errorf("done %+v", d)
				}
			}
		})
	}
}

func TestSwitch(t *testing.T) {
	f := newFixture(t, provided)
	var s cegid.Scheduler
	if code, _ := f.ask(http.MethodPost, "/queries/3/enable", "{}", &s); code != http.StatusOK ||
		!s.Enabled || s.SQL != "" {
		t.Errorf("%d %+v", code, s)
	}
	if code, _ := f.ask(http.MethodPost, "/queries/3/disable", `{"source":"paie"}`, &s); code != http.StatusOK ||
		s.Enabled {
		t.Errorf("%d %+v", code, s)
	}
	if code, _ := f.ask(http.MethodPost, "/queries/9/disable", "{}", nil); code != http.StatusNotFound {
		t.Errorf("%d", code)
	}
}

// TestDiscover finds the provider without its id, never shows connection strings, and keeps the id beside the settings,
// which it does not touch.
func TestDiscover(t *testing.T) {
	f := newFixture(t, "")
	if code, text := f.ask(http.MethodGet, "/queries", "", nil); code != http.StatusConflict ||
		!strings.Contains(text, "discover") {
		t.Errorf("without a provider: %d %s", code, text)
	}
	var found []cegid.Provider
	code, text := f.ask(http.MethodGet, "/queries/providers?name=mine", "", &found)
	if code != http.StatusOK || len(found) != 1 || found[0].ID != provider || strings.Contains(text, "not-to-be-shown") {
		t.Fatalf("%d %s", code, text)
	}
	before, err := os.ReadFile(filepath.Join(f.dir, exports.SettingsFile))
	if err != nil {
		t.Fatal(err)
	}
	f.save(provider)
	after, err := os.ReadFile(filepath.Join(f.dir, exports.SettingsFile))
	if err != nil || string(after) != string(before) {
		t.Errorf("the settings are now %s, %v", after, err)
	}
	if doc, err := f.state.Get(t.Context(), "exports/providers.json"); err != nil ||
		!strings.Contains(string(doc.Data), provider) {
		t.Errorf("kept %s, %v", doc.Data, err)
	}
	if len(f.next()) != 3 {
		t.Error("the provider is not used at once")
	}
}

// save keeps a provider.
func (f *fixture) save(id string) {
	f.Helper()
	if code, text := f.ask(http.MethodPost, "/queries/providers", `{"provider_id":"`+id+`"}`,
		nil); code != http.StatusNoContent {
		f.Fatalf("%d %s", code, text)
	}
}

// TestForeignValuesAreNoReferences: a value from outside is never read as a reference to a secret, and one that cannot
// be an id goes nowhere.
func TestForeignValuesAreNoReferences(t *testing.T) {
	f := newFixture(t, "")
	for _, id := range []string{
		"file:/etc/passwd", "env:HOME", "../..", ".", "a/b", "a?b", "a\nb", "https://example.com",
		strings.Repeat("a", 101), " ",
	} {
		body, err := json.Marshal(map[string]string{"provider_id": id})
		if err != nil {
			t.Fatal(err)
		}
		if code, text := f.ask(http.MethodPost, "/queries/providers", string(body), nil); code != http.StatusBadRequest ||
			strings.Contains(text, "passwd") {
			t.Errorf("%q: %d %s", id, code, text)
		}
		if code, text := f.ask(http.MethodGet, "/queries/providers?name="+url.QueryEscape(id), "",
			nil); code != http.StatusBadRequest {
			t.Errorf("a name to try, %q: %d %s", id, code, text)
		}
	}
	// Also where such a value stands in the document already.
	if _, err := documents.Store(t.Context(), f.state, exports.ProvidersName, 0,
		exports.Providers{Sources: map[string]exports.SavedProvider{"paie": {ID: "file:/etc/passwd"}}}, nil); err != nil {
		t.Fatal(err)
	}
	if code, text := f.ask(http.MethodGet, "/queries", "", nil); code != http.StatusConflict ||
		!strings.Contains(text, "discover --save") {
		t.Errorf("%d %s", code, text)
	}
	f.save(provider)
	f.next()
}

// TestWrongProviderIsMended: one in exports.json that cannot be used, or is wrong, stops neither the source nor its
// being mended through the API.
//
//nolint:tparallel // newFixture does
func TestWrongProviderIsMended(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("root:hunter2"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		id   string
		code int // before
	}{
		"not_set":       {"env:CARILLON_NOT_SET", http.StatusConflict},
		"not_there":     {"file:/nowhere", http.StatusConflict},
		"a_secret":      {"file:" + secret, http.StatusConflict},
		"of_nobody":     {"00000000-0000-4000-8000-000000000001", http.StatusNotFound},
		"leads_outside": {"../../x", http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, `, "cegid_provider_id": "`+tt.id+`"`)
			if code, text := f.ask(http.MethodGet, "/queries", "", nil); code != tt.code || strings.Contains(text, "hunter2") {
				t.Errorf("%d %s", code, text)
			}
			f.save(provider)
			f.next()
			if doc, err := f.state.Get(t.Context(), exports.ProvidersName); err != nil ||
				strings.Contains(string(doc.Data), "hunter2") {
				t.Errorf("kept %s, %v", doc.Data, err)
			}
		})
	}
}

// TestLastWrittenProviderIsUsed: one that a person writes into exports.json after another was saved is used.
func TestLastWrittenProviderIsUsed(t *testing.T) {
	t.Parallel()
	var saved exports.Providers
	src := exports.Source{Name: "paie", ProviderID: "wrong"}
	saved.Save(src, "found")
	for inFile, want := range map[string]string{"wrong": "found", "": "found", "newer": "newer"} {
		src.ProviderID = inFile
		if got, err := saved.Of(src); got != want || err != nil {
			t.Errorf("%q in exports.json: %q, %v, want %q", inFile, got, err, want)
		}
	}
	if got, err := saved.Of(exports.Source{Name: "compta", ProviderID: "its-own"}); got != "its-own" || err != nil {
		t.Errorf("another source: %q, %v", got, err)
	}
}

// TestFaults: what Cegid refuses is told, and no secret is.
func TestFaults(t *testing.T) {
	f := newFixture(t, provided)
	if _, err := f.cegid.Faults.Add(faults.Fault{Path: "Token", Status: 401, Reason: "subscription"}); err != nil {
		t.Fatal(err)
	}
	if code, text := f.ask(http.MethodGet, "/queries", "", nil); code != http.StatusBadGateway ||
		!strings.Contains(text, "subscription key") || strings.Contains(text, "primary") {
		t.Errorf("%d %s", code, text)
	}
}
