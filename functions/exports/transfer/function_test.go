package transfer_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// TestTransfer is the way of the good: each file is handed on as it was, under its path, and deleted at the source.
func TestTransfer(t *testing.T) {
	f := newFixture(t, nil)
	want := map[string]string{}
	for _, name := range []string{
		"DB000001/DB000001-paie-histocumsal-20250830040012.csv", "DB000001/sub/same-name.csv",
		"DB000002/sub/same-name.csv", "DB000001/été; paie.csv",
	} {
		data := []byte(strings.Replace(cumul, "01", name[:2]+name[7:8], 1))
		f.put(name, data)
		want[name] = hash(data)
	}
	f.put("DB000001/", nil)
	f.put("DB000001/scan.pdf", []byte("%PDF"))
	want["DB000001/scan.pdf"] = hash([]byte("%PDF"))

	dry := transfers(t, f.handler, `{"dry_run":true}`)[0]
	if dry.Fault != nil || len(dry.Files) != 5 || !dry.DryRun || len(f.files()) != 0 || len(f.left()) != 6 {
		t.Errorf("dry run: %+v, files %v", dry, f.files())
	}
	r := f.good()
	if r.Transferred != 5 || r.Deleted != 5 || r.Quarantined+r.Kept+r.Failed+r.Archived != 0 || r.Bytes == 0 {
		t.Errorf("run %+v", r)
	}
	if diff := cmp.Diff(want, f.files()); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	if left := f.left(); len(left) != 1 || left[0] != "DB000001/" || len(f.temp()) != 0 {
		t.Errorf("left at the source %v, temporary %v", left, f.temp())
	}
	if r := f.good(); r.Transferred+r.Deleted != 0 || r.Bytes != 0 {
		t.Errorf("the second run: %+v", r)
	}
}

// TestPush: without a source the message is handed on per source, and with one that is no longer in the settings it is
// done.
func TestPush(t *testing.T) {
	f := newFixture(t, nil)
	f.put("a.csv", []byte(cumul))
	push := func(data string) int {
		const before = `{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"`
		return f.ask(http.MethodPost, "/", before+data+`"}}`, nil)
	}
	if code := push("e30="); code != http.StatusNoContent || len(f.left()) != 1 {
		t.Errorf("{}: %d", code)
	}
	if code := push("eyJzb3VyY2UiOiJwYWllIn0="); code != http.StatusNoContent || len(f.left()) != 0 ||
		len(f.files()) != 1 {
		t.Errorf("a source: %d, left %v", code, f.left())
	}
	if code := push("eyJzb3VyY2UiOiJnb25lIn0="); code != http.StatusNoContent {
		t.Errorf("a source that is gone: %d", code)
	}
	if code := push("eA=="); code != http.StatusBadRequest {
		t.Errorf("no JSON: %d", code)
	}
}

// TestPushForAll: one message for each source.
func TestPushForAll(t *testing.T) {
	f := newFixture(t, nil)
	b := f.published()
	all := `{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"e30="}}`
	if code := f.ask(http.MethodPost, "/", all, nil); code != http.StatusNoContent {
		t.Errorf("answer %d", code)
	}
	if strings.Join(b.sent, "\n") != exports.TopicTransfer+` {"source":"paie"}` {
		t.Errorf("published %q", b.sent)
	}
}

// TestPushThatIsDone: a message from before the last good run asks for nothing that it has not done; after a failed
// run, or by a clock that was ahead, nobody can say so.
//
//nolint:tparallel // newFixture does
func TestPushThatIsDone(t *testing.T) {
	for name, tt := range map[string]struct {
		before    func(*fixture)
		published time.Duration // from now
		runs      bool
	}{
		"before":        {func(f *fixture) { f.good() }, -time.Minute, false},
		"after":         {func(f *fixture) { f.good() }, time.Minute, true},
		"failed":        {func(f *fixture) { f.failing() }, -time.Minute, true},
		"clock_ahead":   {func(f *fixture) { f.inTheFuture() }, -time.Minute, true},
		"the first one": {func(*fixture) {}, -time.Minute, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			tt.before(f)
			f.put("x.csv", []byte(cumul))
			if code := f.push(time.Now().Add(tt.published)); code != http.StatusNoContent ||
				(len(f.left()) == 0) != tt.runs {
				t.Errorf("answer %d, left %v", code, f.left())
			}
		})
	}
}

// failing makes a run that the container refuses.
func (f *fixture) failing() {
	f.hook(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true })
	f.run()
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
}

// inTheFuture makes a run by a clock that is a month ahead, as the store's is.
func (f *fixture) inTheFuture() {
	right := f.now
	f.now = func() time.Time { return right().AddDate(0, 1, 0) }
	f.configure(nil)
	f.good()
	f.now = right
	f.configure(nil)
}

// TestStatus: overdue after hours without a run; faults in the reader's language.
func TestStatus(t *testing.T) {
	now := time.Now()
	f := newFixture(t, nil)
	f.now = func() time.Time { return now }
	f.configure(nil)
	if code := f.ask(http.MethodPost, "/transfer", `{"source":"none"}`, nil); code != http.StatusNotFound {
		t.Errorf("an unknown source: %d", code)
	}
	f.failing()
	var list []transfer.Status
	f.ask(http.MethodGet, "/status?locale=fr", "", &list)
	if s := list[0]; s.Overdue || s.Runs[0].Fault.Detail != "Le conteneur a refusé l’accès." ||
		s.AccessUntil.IsZero() ||
		s.Container == "" ||
		strings.Contains(s.Container, "sig=") {
		t.Errorf("status %+v, fault %+v", s, s.Runs[0].Fault)
	}
	now = now.Add(24 * time.Hour)
	if s := f.status(); !s.Overdue || s.Failures != 1 {
		t.Errorf("a day later: %+v", s)
	}
}

// TestUnknownKindIsRefused: such a message is answered with an error at every attempt, so that it becomes a dead
// letter. The scheduled message's kind is known.
func TestUnknownKindIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, exports.SettingsFile), []byte(`{"sources":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := exports.LoadSettings(machine.Folder(dir))
	if err != nil {
		t.Fatal(err)
	}
	h := transfer.New(transfer.Config{Settings: settings, Now: time.Now})
	for kind, want := range map[string]int{
		"later": http.StatusBadRequest, messages.KindAll: http.StatusNoContent, "": http.StatusNoContent,
	} {
		body := `{"message":{"messageId":"1","attributes":{"kind":"` + kind + `"}}}`
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != want {
			t.Errorf("kind %q was answered %d %s, want %d", kind, w.Code, w.Body, want)
		}
	}
}
