package cegid_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/blobs/blobstest"
	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

const provider = "00000000-0000-4000-8000-000000000099"

// simulated starts a simulated Cegid with two queries, and returns a source that reaches it.
func simulated(t *testing.T) (*simcegid.Server, exports.Source) {
	t.Helper()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	server, err := simcegid.New(simcegid.Options{
		Options: sim.Options{Store: db.Records("sim/cegid"), Prefix: "/sim/cegid"},
		Account: simcegid.Account{
			Tenant: "99990000", KeyID: "key-id", KeySecret: "key-secret", SubscriptionKeys: []string{"primary", "secondary"},
			Provider: provider, ProviderName: "cegid-xrp", Database: "DB000001",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for id, name := range map[string]string{"1": "HISTOCUMSAL", "2": "HISTOCUMSAL_ANNEE"} {
		if err := server.AddQuery(simcegid.Query{
			ID: id, Name: name, Collection: "paie", Cron: "0 4 * * *", Enabled: true, SQL: "select 1",
			Rows: func(time.Time) []byte { return nil },
		}); err != nil {
			t.Fatal(err)
		}
	}
	front := httptest.NewServer(http.StripPrefix("/sim/cegid", server))
	t.Cleanup(front.Close)
	settings := exports.Settings{Sources: []exports.Source{{
		Name: "paie", Mode: exports.ModeAPI, BaseURL: front.URL + "/sim/cegid/", TenantID: "99990000", KeyID: "key-id",
		KeySecret: "key-secret", SubscriptionKey: "secondary", ProviderID: provider,
	}}}
	src, _ := settings.Source("paie")
	return server, src
}

func fault(t *testing.T, s *simcegid.Server, f faults.Fault) {
	t.Helper()
	if _, err := s.Faults.Add(f); err != nil {
		t.Fatal(err)
	}
}

// TestRecordedAnswers reads what the API was seen to answer.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	dir := recorded.Dir(t, "cegid")
	mux := http.NewServeMux()
	for pattern, file := range map[string]string{
		"GET /tokenprovider/Token": "token.json", "GET /storage/api/V1/storages/GetSASTokenLRD": "sas_lrd.json",
		"GET /datasource/api/V2/datasources/tenant/P1":        "datasources.json",
		"GET /datasource/api/V1/foldersCollections/tenant/P1": "folders_collections.json",
		"GET /query/api/V1/schedulers/tenant/provider/P1":     "schedulers_derived.json",
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter,
			r *http.Request,
		) {
			http.ServeFile(w, r, filepath.Join(dir, file))
		})
	}
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	c := cegid.New(exports.Source{BaseURL: front.URL, ProviderID: "P1"})
	sas, err := c.SAS(t.Context(), true)
	if err != nil || sas.Container != "https://example.blob.core.windows.net/99990000" || !sas.Allows('d') {
		t.Errorf("SAS %v, %v", sas, err)
	}
	list, err := c.Schedulers(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("schedules %+v, %v", list, err)
	}
	analytiq, cumul := list[0], list[1]
	if analytiq.Name != "ANALYTIQ" || analytiq.Enabled || !analytiq.Next.IsZero() || !analytiq.Last.IsZero() {
		t.Errorf("schedule %+v", analytiq)
	}
	if cumul.Name != "HISTOCUMSAL" || !cumul.Enabled || cumul.Cron != "0 4 * * *" ||
		!strings.HasPrefix(cumul.SQL, "select PHC_SALARIE") ||
		!cumul.Next.Equal(time.Date(2025, 6, 2, 4, 0, 0, 0, time.UTC)) ||
		!cumul.Last.Equal(time.Date(2025, 6, 1, 4, 0, 12, 345678900, time.UTC)) {
		t.Errorf("schedule %+v", cumul)
	}
	found, err := c.Discover(t.Context(), nil)
	if err != nil || cmp.Diff([]cegid.Provider{{ID: "P1", Found: "P1", Names: []string{"DB000001", "Collection 1"}}},
		found) != "" {
		t.Errorf("providers %+v, %v", found, err)
	}
}

// TestOneFieldDiffers: what goes back to Cegid is what came, byte for byte, but for the one field; also what was
// changed in the portal just before.
func TestOneFieldDiffers(t *testing.T) {
	t.Parallel()
	const before = `{ "id":"1", "enable":true,"cron":"0 4 * * *", "nextExecution":"2025-06-02T04:00:00.0000000","lastExecution":null,` +
		`"query":{"name":"A","content":"select 'é < > &' from x"},"big":12345678901234567890,"f":1.10, "unknown":[ 1,{"a":null} ] }`
	var put bytes.Buffer
	mux := http.NewServeMux()
	mux.HandleFunc("GET /tokenprovider/Token", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"accessToken":"t","expireIn":"3600"}`)
	})
	mux.HandleFunc("GET /query/api/V1/schedulers/tenant/provider/P",
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "["+before+"]") })
	mux.HandleFunc("PUT /query/api/V1/schedulers",
		func(_ http.ResponseWriter, r *http.Request) { _, _ = put.ReadFrom(r.Body) })
	front := httptest.NewServer(mux)
	t.Cleanup(front.Close)
	c := cegid.New(exports.Source{BaseURL: front.URL, ProviderID: "P"})
	s, err := c.Force(t.Context(), "1", time.Date(2025, 6, 1, 10, 15, 42, 0, time.UTC))
	want := strings.Replace(before, "2025-06-02T04:00:00.0000000", "2025-06-01T10:15:00.000Z", 1)
	if err != nil || put.String() != want || s.Next.Format(time.RFC3339) != "2025-06-01T10:15:00Z" {
		t.Errorf("sent %s, %v; want %s", put.String(), err, want)
	}
	put.Reset()
	if _, err := c.Enable(t.Context(), "1", false); err != nil ||
		put.String() != strings.Replace(before, `"enable":true`, `"enable":false`, 1) {
		t.Errorf("sent %s, %v", put.String(), err)
	}
}

func TestControl(t *testing.T) {
	t.Parallel()
	server, src := simulated(t)
	c := cegid.New(src)
	at := time.Now().Add(time.Hour).UTC().Truncate(time.Minute)
	if _, err := c.Force(t.Context(), "1", at); err != nil {
		t.Fatal(err)
	}
	list, err := c.Schedulers(t.Context())
	if err != nil || len(list) != 2 || !list[0].Next.Equal(at) || list[0].Cron != "0 4 * * *" || list[1].Next.Equal(at) {
		t.Errorf("schedules %+v, %v", list, err)
	}
	if s, err := c.Enable(t.Context(), "2", false); err != nil || s.Enabled {
		t.Errorf("disabled: %+v, %v", s, err)
	}
	if _, err := c.Enable(t.Context(), "3", true); !errors.Is(err, cegid.ErrNotFound) {
		t.Errorf("an unknown schedule: %v", err)
	}
	found, err := c.Discover(t.Context(), nil)
	if err != nil || len(found) != 1 || found[0].ID != provider ||
		cmp.Diff([]string{"DB000001", "DB000002", "Paie"}, found[0].Names) != "" {
		t.Errorf("providers %+v, %v", found, err)
	}
	src.ProviderID = ""
	if found, err := cegid.New(src).Discover(t.Context(), []string{"mine"}); err != nil || len(found) != 1 ||
		found[0].Found != "cegid-xrp" {
		t.Errorf("providers by guessing: %+v, %v", found, err)
	}
	if n := server.Counts(); n[simcegid.Tokens] != 2 {
		t.Errorf("%d tokens for two clients", n[simcegid.Tokens])
	}
}

// TestRefusals: each tells a person which secret to look at, and none of them.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*exports.Source)
		fault  faults.Fault
		want   error
	}{
		"key":          {func(s *exports.Source) { s.KeySecret = "hunter2" }, faults.Fault{}, cegid.ErrRefused},
		"tenant":       {func(s *exports.Source) { s.TenantID = "1" }, faults.Fault{}, cegid.ErrRefused},
		"subscription": {func(s *exports.Source) { s.SubscriptionKey = "hunter2" }, faults.Fault{}, cegid.ErrSubscription},
		"quota":        {nil, faults.Fault{Status: 403, Reason: "quota"}, cegid.ErrSubscription},
		"provider":     {func(s *exports.Source) { s.ProviderID = "x" }, faults.Fault{}, cegid.ErrNotFound},
		"talkative": {
			nil, faults.Fault{Path: "query", Status: 400, Reason: "bad token key-secret for sig=abc"}, cegid.ErrNoAnswer,
		},
		"no_json": {
			func(s *exports.Source) { s.BaseURL = strings.Replace(s.BaseURL, "/sim/cegid", "", 1) },
			faults.Fault{},
			cegid.ErrNotFound,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, src := simulated(t)
			if tt.change != nil {
				tt.change(&src)
			}
			if tt.fault.Status != 0 {
				fault(t, server, tt.fault)
			}
			_, err := cegid.New(src).Schedulers(t.Context())
			if !errors.Is(err, tt.want) {
				t.Errorf("error %v, want %v", err, tt.want)
			}
			for _, secret := range []string{"hunter2", "key-secret", "secondary", "key-id", "sig="} {
				if err != nil && strings.Contains(err.Error(), secret) {
					t.Errorf("the error shows a secret: %v", err)
				}
			}
		})
	}
}

// TestBusyGateway: a call that is refused for its number, or for a moment, is made again; a token that has ended is
// made anew.
func TestBusyGateway(t *testing.T) {
	t.Parallel()
	server, src := simulated(t)
	fault(t, server, faults.Fault{Path: "query", Status: 429, Times: 1})
	fault(t, server, faults.Fault{Path: "query", Status: 401, Times: 1})
	fault(t, server, faults.Fault{Path: "Token", Truncate: true, Times: 1})
	c := cegid.New(src)
	if _, err := c.Schedulers(t.Context()); !errors.Is(err, cegid.ErrNoAnswer) {
		t.Errorf("a cut token: %v", err)
	}
	if list, err := c.Schedulers(t.Context()); err != nil || len(list) != 2 {
		t.Errorf("schedules %+v, %v", list, err)
	}
}

// TestAccess: the container's address is kept, renewed in time, and made anew once when it is refused; a static one
// ends.
func TestAccess(t *testing.T) {
	t.Parallel()
	store, stop := blobstest.Start(t, t.TempDir())
	t.Cleanup(stop)
	server, src := simulated(t)
	if err := server.Serve(t.Context(), store); err != nil {
		t.Fatal(err)
	}
	access := cegid.Access(src)
	first, err := access(t.Context(), false)
	if err != nil || !first.Allows('d') {
		t.Fatal(first, err)
	}
	if again, err := access(t.Context(), true); err != nil || again != first || server.Counts()[simcegid.SAS] != 1 {
		t.Errorf("an address just made is not made again: %v, %v, %d made", again, err, server.Counts()[simcegid.SAS])
	}
	fault(t, server, faults.Fault{Kind: "sas_life", Items: 2, Path: "GetSASToken"})
	short := cegid.Access(src)
	if _, err := short(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1700 * time.Millisecond) // after four fifths of its life
	if _, err := short(t.Context(), false); err != nil || server.Counts()[simcegid.SAS] != 3 {
		t.Errorf("%v, %d addresses made, want 3", err, server.Counts()[simcegid.SAS])
	}
	fault(t, server, faults.Fault{Kind: "sas_life", Items: -3600, Path: "GetSASToken"})
	over, before := cegid.Access(src), server.Counts()[simcegid.SAS] // as by a clock that is an hour ahead
	for range 5 {
		if _, err := over(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.Counts()[simcegid.SAS] - before; n != 1 {
		t.Errorf("by a clock that is ahead %d addresses were made", n)
	}
	src.Delete = "never"
	if sas, err := cegid.Access(src)(t.Context(), false); err != nil || sas.Allows('d') {
		t.Errorf("to keep blobs no right to delete is asked for: %v, %v", sas.Rights, err)
	}
	token, err := store.Token("99990000", "rl", time.Now().Add(-time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	src = exports.Source{Mode: exports.ModeSASURL, SASURL: store.URL + "99990000?" + token}
	if _, err := cegid.Access(src)(t.Context(), false); !errors.Is(err, cegid.ErrExpired) ||
		strings.Contains(err.Error(), "sig=") {
		t.Errorf("an address that has ended: %v", err)
	}
}

func TestChoose(t *testing.T) {
	t.Parallel()
	list := []cegid.Scheduler{
		{ID: "1", Name: "ECRITURE", Enabled: true},
		{ID: "2", Name: "ECRITURE_ANALYTIQUE", Enabled: true},
		{ID: "3", Name: "OLD"},
	}
	for _, tt := range []struct {
		name string
		part bool
		want string
		err  error
	}{
		{"", false, "12", nil},
		{"ecriture", false, "1", nil},
		{"ECRITURE", true, "12", nil},
		{"ECRIT", false, "12", cegid.ErrAmbiguous},
		{"ANALYT", false, "2", cegid.ErrAmbiguous},
		{"ANALYT", true, "2", nil},
		{"old", false, "3", nil},
		{"NONE", true, "", cegid.ErrNotFound},
	} {
		chosen, err := cegid.Choose(list, tt.name, tt.part)
		var ids strings.Builder
		for _, s := range chosen {
			ids.WriteString(s.ID)
		}
		if got := ids.String(); got != tt.want || !errors.Is(err, tt.err) {
			t.Errorf("%q part %v: %s, %v; want %s, %v", tt.name, tt.part, got, err, tt.want, tt.err)
		}
	}
}

// TestSimulator: the schedules run by themselves, and are kept.
func TestSimulator(t *testing.T) {
	t.Parallel()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var now atomic.Pointer[time.Time]
	start := time.Date(2025, 6, 1, 3, 59, 0, 0, time.UTC)
	now.Store(&start)
	account := simcegid.Account{Tenant: "99990000", Database: "DB000001"}
	open := func() *simcegid.Server {
		s, err := simcegid.New(simcegid.Options{
			Options: sim.Options{Now: func() time.Time { return *now.Load() }, Store: db.Records("sim")}, Account: account,
		})
		if err == nil {
			err = s.AddQuery(simcegid.Query{
				ID: "1", Name: "ECRITURE", Collection: "cpa", Cron: "0 4 * * *", Enabled: true,
				Rows: func(time.Time) []byte { return []byte("rows") },
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := open()
	store, stop := blobstest.Start(t, t.TempDir())
	t.Cleanup(stop)
	if err := first.RunDue(t.Context()); err != nil { // there is no store yet
		t.Fatal(err)
	}
	later := start.Add(2 * time.Minute)
	now.Store(&later)
	second := open() // as after a restart
	if err := errors.Join(second.Serve(t.Context(), store), second.RunDue(t.Context()),
		second.RunDue(t.Context())); err != nil {
		t.Fatal(err)
	}
	c, err := store.Container("99990000")
	if err != nil {
		t.Fatal(err)
	}
	page, err := c.NewListBlobsFlatPager(nil).NextPage(t.Context())
	if err != nil || len(page.Segment.BlobItems) != 1 ||
		*page.Segment.BlobItems[0].Name != "DB000001/DB000001-cpa-ecriture-20250601040100.csv" {
		t.Errorf("blobs %+v, %v", page.Segment.BlobItems, err)
	}
	// "rows"
	packed := []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x2b\xca\x2f\x2f\x06\x00\x6a\x9d\x5d\x1b\x04\x00\x00\x00")
	if _, err := c.NewBlockBlobClient("packed").UploadBuffer(t.Context(), packed,
		&blockblob.UploadBufferOptions{HTTPHeaders: &blob.HTTPHeaders{BlobContentEncoding: new("gzip")}}); err != nil {
		t.Fatal(err)
	}
	token, err := store.Token("99990000", "r", time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	second.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet,
		"/blobs/"+blobs.Name+"/99990000/packed?"+token, nil))
	if w.Code != http.StatusOK || !bytes.Equal(w.Body.Bytes(), packed) {
		t.Errorf("a packed blob comes as %d %q", w.Code, w.Body)
	}
}
