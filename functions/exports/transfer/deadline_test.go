package transfer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// TestOutOfTime: a run stops before its deadline, hands itself on and goes on; what it had begun is not lost.
func TestOutOfTime(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			time.Sleep(300 * time.Millisecond)
		}
		return false
	})
	ctx, cancel := context.WithTimeout(t.Context(), 800*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"eyJzb3VyY2UiOiJwYWllIn0="}}`)))
	if left := len(f.left()); w.Code != http.StatusNoContent || left == 0 || left == 60 {
		t.Fatalf("answer %d %s, %d left", w.Code, w.Body, left)
	}
	var status []struct{ Runs []exports.Transfer }
	f.ask(http.MethodGet, "/status", "", &status)
	if run := status[0].Runs[0]; run.Fault == nil || run.Fault.Code != "out_of_time" || run.Failed != 0 {
		t.Errorf("run %+v", run)
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	if f.good(); len(f.left()) != 0 || len(f.files()) != 60 || len(f.temp()) != 0 {
		t.Errorf("%d left, %d files", len(f.left()), len(f.files()))
	}
}

// TestLateAndFailed: a file that cannot be brought does not keep a run that is out of time from handing itself on.
func TestLateAndFailed(t *testing.T) {
	f := newFixture(t, nil)
	f.put("aaa ", []byte("bad name"))
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			time.Sleep(time.Second)
		}
		return false
	})
	settings, _ := exports.LoadSettings(f.db.Bucket("config"))
	dest := files.NewFolder(filepath.Join(f.dir, "paie"), "", true)
	h := transfer.New(transfer.Config{
		Settings: settings, State: f.db.Bucket("state"), Publisher: machine.NewQueue(f.db, f.now), Now: f.now,
		Destination: func(exports.Source) (files.Store, error) { return dest, nil },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"eyJzb3VyY2UiOiJwYWllIn0="}}`)))
	var status []struct{ Runs []exports.Transfer }
	f.ask(http.MethodGet, "/status", "", &status)
	run := status[0].Runs[0]
	if len(f.left()) > 1 && !run.Late {
		t.Error("one bad name: the run that ran out of time does not hand itself on")
	}
}
