package transfer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// TestExpiredInTheMiddle: what arrived stays, what did not stays at the source; a new address ends it.
func TestExpiredInTheMiddle(t *testing.T) {
	f := newFixture(t, nil)
	want := map[string]string{}
	for i := range 40 {
		name := "f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		f.put(name, []byte(name))
		want[name] = hash([]byte(name))
	}
	var n atomic.Int32
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) && n.Add(1) > 10 {
			w.Header().Set("X-Ms-Error-Code", "AuthenticationFailed")
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	r := f.run()
	if r.Fault == nil || r.Fault.Code != "container_refused" || r.Transferred != 10 || len(f.left()) != 30 ||
		len(f.files()) != 10 {
		t.Errorf("run %+v, %d left", r, len(f.left()))
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	if r := f.good(); r.Transferred != 30 || len(f.left()) != 0 || !same(want, f.files()) {
		t.Errorf("then: %+v, files %v", r, f.files())
	}
	f.configure(func(src map[string]any) { src["sas_url"] = f.address("rdl", time.Now().Add(-time.Minute)) })
	if r := f.run(); r.Fault == nil || r.Fault.Code != "sas_expired" || !strings.Contains(r.Fault.Do, "24 hours") {
		t.Errorf("an expired address: %+v", r.Fault)
	}
}

// TestAddressThatStartsLater: the store refuses it like a wrong one; the fault says that a clock may be wrong, not that
// rights are missing.
func TestAddressThatStartsLater(t *testing.T) {
	f := newFixture(t, nil)
	f.configure(func(src map[string]any) {
		src["sas_url"] = f.address("rdl", time.Now().Add(48*time.Hour)) + "&st=" + time.Now().
			Add(time.Hour).
			UTC().
			Format("2006-01-02T15:04:05Z")
	})
	if r := f.run(); r.Fault == nil || r.Fault.Code != "sas_not_yet" || !strings.Contains(r.Fault.Detail, "clock") {
		t.Errorf("run %+v", r.Fault)
	}
}

// cegid is a simulated Cegid whose customer has the fixture's container; it is served below /sim/cegid.
func (f *fixture) cegid() *simcegid.Server {
	f.Helper()
	server, err := simcegid.New(simcegid.Options{
		Options: sim.Options{Store: f.db.Records("sim"), Prefix: "/sim/cegid"},
		Account: simcegid.Account{Tenant: f.name, KeyID: "id", KeySecret: "secret", SubscriptionKeys: []string{"primary"}},
	})
	if err != nil {
		f.Fatal(err)
	}
	return server
}

// TestAccessEndsInTheMiddle: with mode api an access that ends while files are brought is renewed, and nothing fails.
func TestAccessEndsInTheMiddle(t *testing.T) {
	f := newFixture(t, nil)
	server := f.cegid()
	if err := server.Serve(t.Context(), account(t)); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") && isBlob(r, http.MethodGet) {
			time.Sleep(400 * time.Millisecond)
		}
		http.StripPrefix("/sim/cegid", server).ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	for kind, path := range map[string]string{"sas_life": "GetSAS", "token_life": "Token"} {
		if _, err := server.Faults.Add(faults.Fault{Kind: kind, Items: 2, Path: path}); err != nil {
			t.Fatal(err)
		}
	}
	f.configure(func(src map[string]any) {
		src["mode"], src["cegid_api_base_url"], src["cegid_tenant_id"] = "api", front.URL+"/sim/cegid", f.name
		src["cegid_api_key_id"], src["cegid_api_key_secret"], src["cegid_subscription_key"] = "id", "secret", "primary"
	})
	const n = 16 * 9 // nine rounds of 0.4 s
	for i := range n {
		f.put(fmt.Sprintf("f%03d", i), fmt.Appendf(nil, "%d", i))
	}
	r := f.good()
	if r.Transferred != n || r.Deleted != n || len(f.left()) != 0 {
		t.Errorf("run %+v", r)
	}
	took := r.Ended.Sub(r.Began)
	if made, most := server.Counts()[simcegid.SAS], 2+int(took/(800*time.Millisecond)); made < 2 ||
		made > most { // one each four fifths of its life, whose end is in whole seconds
		t.Errorf("%d accesses were made in %s, at most %d are needed", made, took, most)
	}
}

// TestSecretsAndNames: neither the address's signature nor a file's name comes into logs or faults.
func TestSecretsAndNames(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB1/secret-payroll.csv", []byte(broken))
	f.proxy.Close()
	r := f.run()
	if r.Fault == nil || r.Fault.Code != "container_silent" {
		t.Errorf("fault %+v", r.Fault)
	}
	if text := r.Fault.Detail + r.Fault.Do; strings.Contains(text, "sig=") || strings.Contains(text, "payroll") ||
		strings.Contains(text, f.proxy.URL) {
		t.Errorf("the fault says %s", text)
	}
}

// setting changes one setting of a source.
func setting(name, value string) func(*fixture, map[string]any) {
	return func(_ *fixture, src map[string]any) { src[name] = value }
}

// TestWhatWasRefused: each refusal has the fault that leads a person to what must be mended.
//
//nolint:tparallel // newFixture does
func TestWhatWasRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*fixture, map[string]any)
		code   string
	}{
		"container": {func(f *fixture, src map[string]any) {
			src["sas_url"] = strings.Replace(src["sas_url"].(string), f.name, "none", 1)
		}, "container_refused"}, // the signature is another container's
		"key":          {setting("cegid_api_key_secret", "other"), "cegid_refused"},
		"subscription": {setting("cegid_subscription_key", "other"), "cegid_subscription"},
		"silent":       {setting("cegid_api_base_url", "http://127.0.0.1:1"), "cegid_silent"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			front := httptest.NewServer(http.StripPrefix("/sim/cegid", f.cegid()))
			t.Cleanup(front.Close)
			f.configure(func(src map[string]any) {
				if name != "container" {
					src["mode"], src["cegid_api_base_url"] = "api", front.URL+"/sim/cegid"
					src["cegid_tenant_id"], src["cegid_subscription_key"] = f.name, "primary"
					src["cegid_api_key_id"], src["cegid_api_key_secret"] = "id", "secret"
				}
				tt.change(f, src)
			})
			if r := f.run(); r.Fault == nil || r.Fault.Code != tt.code || r.Fault.Do == "" {
				t.Errorf("fault %+v, want %s", r.Fault, tt.code)
			}
		})
	}
	t.Run("no container", func(t *testing.T) {
		f := newFixture(t, nil)
		if _, err := f.container.Delete(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if r := f.run(); r.Fault == nil || r.Fault.Code != "container_unknown" {
			t.Errorf("fault %+v", r.Fault)
		}
	})
}
