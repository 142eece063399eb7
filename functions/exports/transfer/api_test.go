package transfer_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	simcegid "github.com/carillon-calendar/carillon/infra/sim/cegid"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// TestAccessEndsInTheMiddle: with mode api an access that ends while files are brought is renewed, and nothing fails.
func TestAccessEndsInTheMiddle(t *testing.T) {
	f := newFixture(t, nil)
	server, err := simcegid.New("/sim/cegid", time.Now, f.db.Records("sim"), simcegid.Account{Tenant: f.name, KeyID: "id", KeySecret: "secret", SubscriptionKeys: []string{"primary"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(t.Context(), account(t)); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "/blobs/") && isBlob(r, http.MethodGet) {
			time.Sleep(400 * time.Millisecond)
		}
		server.ServeHTTP(w, r)
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
	if made, most := server.Counts().SAS, 2+int(took/(800*time.Millisecond)); made < 2 || made > most { // one each four fifths of its life, whose end is in whole seconds
		t.Errorf("%d accesses were made in %s, at most %d are needed", made, took, most)
	}
}
