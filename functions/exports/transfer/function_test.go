package transfer_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestTransfer is the way of the good: each file is handed on as it was, under its path, and deleted at the source.
func TestTransfer(t *testing.T) {
	f := newFixture(t, nil)
	want := map[string]string{}
	for _, name := range []string{"DB000001/DB000001-paie-histocumsal-20250830040012.csv", "DB000001/sub/same-name.csv", "DB000002/sub/same-name.csv", "DB000001/été; paie.csv"} {
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

// TestPush: without a source the message is handed on per source, and with one that is no longer in the settings it is done.
func TestPush(t *testing.T) {
	f := newFixture(t, nil)
	f.put("a.csv", []byte(cumul))
	push := func(data string) int {
		return f.ask(http.MethodPost, "/", `{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"`+data+`"}}`, nil)
	}
	if code := push("e30="); code != http.StatusNoContent || len(f.left()) != 1 {
		t.Errorf("{}: %d", code)
	}
	if code := push("eyJzb3VyY2UiOiJwYWllIn0="); code != http.StatusNoContent || len(f.left()) != 0 || len(f.files()) != 1 {
		t.Errorf("a source: %d, left %v", code, f.left())
	}
	if code := push("eyJzb3VyY2UiOiJnb25lIn0="); code != http.StatusNoContent {
		t.Errorf("a source that is gone: %d", code)
	}
	if code := push("eA=="); code != http.StatusBadRequest {
		t.Errorf("no JSON: %d", code)
	}
}
