package blobs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/sim"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// simulated starts a store whose clock stands offset seconds ahead.
func simulated(t *testing.T) (server *blobs.Server, f *fixture, offset *atomic.Int64, dir string) {
	t.Helper()
	offset, dir = new(atomic.Int64), t.TempDir()
	front := httptest.NewUnstartedServer(nil)
	account := blobs.NewAccount("http://" + front.Listener.Addr().String())
	now := func() time.Time { return time.Now().Add(time.Duration(offset.Load()) * time.Second) }
	server, err := blobs.New(blobs.Options{Options: sim.Options{Now: now}, Account: account, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	front.Config.Handler = server
	front.Start()
	t.Cleanup(front.Close)
	return server, newFixture(t, account), offset, dir
}

// TestLeaseEnds: a lease ends by itself, can be renewed until then, and a break takes its period.
func TestLeaseEnds(t *testing.T) {
	t.Parallel()
	_, f, now, _ := simulated(t)
	f.put("a", "1")
	lease := func(what, action string, status int, code string, headers ...string) string {
		t.Helper()
		got := f.raw(all, "PUT", "a?comp=lease", "", append(headers, "x-ms-lease-action: "+action)...)
		f.wants(what, got, status, code)
		return got.Header.Get("X-Ms-Lease-Id")
	}
	id := lease("a lease", "acquire", 201, "", "x-ms-lease-duration: 15")
	mine := "x-ms-lease-id: " + id
	now.Store(14)
	f.wants("before its end", f.raw(all, "DELETE", "a", ""), 412, "LeaseIdMissing")
	lease("renewing", "renew", 200, "", mine)
	now.Store(28)
	f.wants("before its new end", f.raw(all, "DELETE", "a", ""), 412, "LeaseIdMissing")
	now.Store(30)
	f.wantHeaders("at its end", f.raw(all, "HEAD", "a", ""), "X-Ms-Lease-State: expired", "X-Ms-Lease-Status: unlocked")
	f.wants("writing with it", f.raw(all, "PUT", "a", "2", "x-ms-blob-type: BlockBlob", mine), 412, "LeaseLost")
	f.wants("writing without it", f.raw(all, "PUT", "a", "2", "x-ms-blob-type: BlockBlob"), 201, "")
	lease("a second one", "acquire", 201, "", "x-ms-lease-duration: -1")
	lease("a break", "break", 202, "", "x-ms-lease-break-period: 20")
	now.Store(49)
	f.wants("before the break", f.raw(all, "DELETE", "a", ""), 412, "LeaseIdMissing")
	lease("too early", "acquire", 409, "LeaseAlreadyPresent", "x-ms-lease-duration: 15")
	now.Store(51)
	lease("after the break", "acquire", 201, "", "x-ms-lease-duration: 15")
	lease("a shorter break", "break", 202, "", "x-ms-lease-break-period: 60")
	now.Store(67)
	f.wants("after the lease would have ended", f.raw(all, "DELETE", "a", ""), 202, "")
}

// TestAccessOverTime: a SAS is good from its start to its end.
func TestAccessOverTime(t *testing.T) {
	t.Parallel()
	_, f, now, _ := simulated(t)
	f.put("a", "1")
	token, err := f.account.Token(f.name, "r", time.Now().Add(time.Minute))
	f.must(token, err)
	f.wants("now", f.send("GET", "a", token, ""), 200, "")
	now.Store(61)
	f.wants("at its end", f.send("GET", "a", token, ""), 403, "AuthenticationFailed")
}

// TestRehydration: a blob that leaves the archive tier cannot be read for hours.
func TestRehydration(t *testing.T) {
	t.Parallel()
	_, f, _, _ := simulated(t)
	f.put("a", "1")
	f.wants("to the archive", f.raw(all, "PUT", "a?comp=tier", "", "x-ms-access-tier: Archive"), 200, "")
	f.wants("to no tier", f.raw(all, "PUT", "a?comp=tier", "", "x-ms-access-tier: Warm"), 400, "InvalidHeaderValue")
	f.wants("out of it", f.raw(all, "PUT", "a?comp=tier", "", "x-ms-access-tier: Hot"), 202, "")
	f.wants("reading", f.raw(all, "GET", "a", ""), 409, "BlobBeingRehydrated")
	f.wantHeaders("its properties", f.raw(all, "HEAD", "a", ""), "X-Ms-Archive-Status: rehydrate-pending-to-hot")
}

// TestFaults: a fault answers as the store would.
func TestFaults(t *testing.T) {
	t.Parallel()
	server, f, _, _ := simulated(t)
	f.put("a", "1")
	if _, err := server.Faults.Add(faults.Fault{Method: "GET", Path: "/a$", Status: 503, Times: 1}); err != nil {
		t.Fatal(err)
	}
	f.wants("once", f.send("GET", "a", "", ""), 503, "ServerBusy")
	f.wants("then", f.raw(all, "GET", "a", ""), 200, "")
}

// TestLargeBodies: they are in files that leave nothing in the folder.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	_, f, _, dir := simulated(t)
	large := strings.Repeat("x", 3<<20)
	f.put("a", large)
	if f.text("a") != large {
		t.Error("the contents differ")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

// TestOtherAddresses: what is not in the account, or is no operation, is refused.
func TestOtherAddresses(t *testing.T) {
	t.Parallel()
	server, f, _, _ := simulated(t)
	for path, want := range map[string]string{
		"/":                             "404 ResourceNotFound",
		"/other/c/a":                    "404 ResourceNotFound",
		"/" + blobs.Name + "/":          "404 ResourceNotFound",
		"/" + blobs.Name + "/" + f.name: "400 UnsupportedQueryParameter",
	} {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		if got := fmt.Sprint(w.Code, " ", w.Header().Get("X-Ms-Error-Code")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
