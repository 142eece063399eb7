package transfer_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/shared/exports"
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

// TestQuarantine: what fails its check is never seen by the importer; its report names the place; a person can release it.
func TestQuarantine(t *testing.T) {
	f := newFixture(t, nil)
	bad := "DB000001/DB000001-paie-histocumsal-20250830040012.csv"
	f.put(bad, []byte(broken))
	f.put("DB000001/vide-20250830.csv", nil)
	f.put("DB000001/autre.csv", []byte("A;B\n1;2\n"))
	f.put("DB000001/DB000001-cpa-ecriture-20250830040012.csv", []byte(ecriture))
	r := f.good()
	if r.Transferred != 1 || r.Quarantined != 3 || r.Deleted != 4 || len(f.left()) != 0 || names(f.files()) != "DB000001/DB000001-cpa-ecriture-20250830040012.csv" {
		t.Fatalf("run %+v, files %v", r, f.files())
	}
	var list []transfer.Quarantined
	if f.ask(http.MethodGet, "/quarantine", "", &list); len(list) != 3 {
		t.Fatalf("list %+v", list)
	}
	var q transfer.Quarantined
	for _, one := range list {
		if one.Blob == bad {
			f.ask(http.MethodGet, "/quarantine/paie/"+one.ID, "", &q)
		}
	}
	want := []exports.Finding{{Line: 2, Column: "PHC_MONTANT", Reason: "the value is no number", Code: "no_number"}}
	if q.Report == nil || cmp.Diff(want, q.Report.Findings) != "" || q.Summary != "line 2: PHC_MONTANT: the value is no number" {
		t.Errorf("report %+v", q)
	}
	if n := names(f.quarantine()); strings.Count(n, ".report.json") != 3 || !strings.Contains(n, q.File+".report.json") {
		t.Errorf("the quarantine holds %s", n)
	}
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+q.ID+"/release", `{}`, nil); code != http.StatusOK || f.files()[bad] != hash([]byte(broken)) {
		t.Errorf("release: %d, files %v", code, f.files())
	}
	if strings.Contains(names(f.quarantine()), "histocumsal") {
		t.Errorf("the quarantine still holds %s", names(f.quarantine()))
	}
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+q.ID+"/release", `{}`, nil); code != http.StatusNotFound {
		t.Errorf("a second release: %d", code)
	}
	if r := f.good(); r.Transferred+r.Quarantined+r.Deleted != 0 {
		t.Errorf("the next run: %+v", r)
	}
}

// TestNewestOnly: of several runs of one query the newest is handed on, whatever the order of the runs; the others go to the archive, which ends.
func TestNewestOnly(t *testing.T) {
	f := newFixture(t, nil)
	name := func(at string) string { return "DB000001/DB000001-paie-histocumsal-202508" + at + "040012.csv" }
	for _, at := range []string{"28", "30", "29"} {
		f.put(name(at), []byte(cumul))
	}
	if r := f.good(); r.Transferred != 1 || r.Archived != 2 || r.Deleted != 3 || names(f.files()) != name("30") || len(f.archive()) != 2 {
		t.Errorf("run %+v, files %v, archive %v", r, f.files(), f.archive())
	}
	f.put(name("27"), []byte(cumul)) // late
	if r := f.good(); r.Transferred != 0 || r.Archived != 1 || names(f.files()) != name("30") || len(f.archive()) != 3 {
		t.Errorf("a late one: %+v, files %v, archive %v", r, f.files(), f.archive())
	}
}

// TestRewrite: what the importer would misread is handed on in its one form, and the original kept; never holds it, and always rewrites what it reads right too.
//
//nolint:tparallel // newFixture does
func TestRewrite(t *testing.T) {
	const header = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n"
	const misread, right = header + "1;01;2 512,34\n", header + "1;01;2512,34\n"
	ours := hash([]byte(header + "1;01;2512.34\n"))
	for name, tt := range map[string]struct {
		setting        any
		misread, right string // what is handed on: the hash, or "" for nothing
	}{
		"default":     {nil, ours, hash([]byte(right))},
		"when_needed": {"when_needed", ours, hash([]byte(right))},
		"true":        {true, ours, ours},
		"always":      {"always", ours, ours},
		"false":       {false, "", hash([]byte(right))},
		"never":       {"never", "", hash([]byte(right))},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, func(src map[string]any) {
				if tt.setting != nil {
					src["rewrite"] = tt.setting
				}
			})
			f.put("DB1/misread.csv", []byte(misread))
			f.put("DB1/right.csv", []byte(right))
			f.good()
			if got := f.files(); got["DB1/misread.csv"] != tt.misread || got["DB1/right.csv"] != tt.right {
				t.Errorf("handed on %v", got)
			}
			kept := strings.Join(append(values(f.archive()), values(f.quarantine())...), " ")
			if !strings.Contains(kept, hash([]byte(misread))) || (tt.right == ours) != strings.Contains(kept, hash([]byte(right))) {
				t.Errorf("archive %v, quarantine %v", f.archive(), f.quarantine())
			}
		})
	}
}

func values(m map[string]string) []string {
	list := make([]string, 0, len(m))
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// TestDeleteSettings: never leaves the blob and does not hand it on again; after N days it goes.
//
//nolint:tparallel // newFixture does
func TestDeleteSettings(t *testing.T) {
	for setting, later := range map[string]int{"never": 1, "after 2 days": 0} {
		t.Run(setting, func(t *testing.T) {
			now := time.Now()
			f := newFixture(t, func(src map[string]any) { src["delete"] = setting })
			f.now = func() time.Time { return now }
			f.configure(func(src map[string]any) { src["delete"] = setting })
			f.put("a.csv", []byte(cumul))
			if r := f.good(); r.Transferred != 1 || r.Kept != 1 || r.Deleted != 0 {
				t.Errorf("run %+v", r)
			}
			now = now.Add(47 * time.Hour)
			if r := f.good(); r.Transferred+r.Deleted != 0 || r.Kept != 1 || len(f.left()) != 1 {
				t.Errorf("again: %+v", r)
			}
			now = now.Add(2 * time.Hour)
			if r := f.good(); r.Transferred != 0 || r.Kept != later || len(f.left()) != later {
				t.Errorf("after two days: %+v, left %v", r, f.left())
			}
		})
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

// TestAWrongClockDeletesNothing: our clock is a month or years from the blob store's. Files are handed on, people are told, and
// nothing is deleted because it seems old; with the right clock all goes on.
//
//nolint:tparallel // newFixture does
func TestAWrongClockDeletesNothing(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"a month ahead": 31 * 24 * time.Hour, "in 2040": 14 * 365 * 24 * time.Hour, "a month behind": -31 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			keep := func(src map[string]any) { src["delete"], src["archive_days"] = "after 7 days", 7 }
			f := newFixture(t, keep)
			f.put("DB000001/DB000001-paie-histocumsal-20250830040012.csv", []byte(cumul))
			f.good()
			f.put("DB000001/DB000001-paie-histocumsal-20250829040012.csv", []byte(cumul)) // older: to the archive
			f.good()
			if len(f.archive()) != 1 || len(f.left()) != 2 {
				t.Fatalf("archive %v, left %v", f.archive(), f.left())
			}
			right := f.now
			f.now, f.ahead = func() time.Time { return right().Add(ahead) }, ahead
			f.configure(keep)
			f.put("new.csv", []byte(cumul))
			r := f.run()
			if r.Fault == nil || r.Fault.Code != "clock" || r.Deleted != 0 || r.Transferred != 1 || len(f.archive()) != 1 || len(f.left()) != 3 {
				t.Errorf("by the wrong clock: %+v, fault %+v, archive %v, left %v", r, r.Fault, f.archive(), f.left())
			}
			f.dateArchive(time.Now().Add(ahead)) // as files are that were moved there by that clock
			f.now, f.ahead = right, 0
			f.configure(keep)
			if r := f.good(); r.Transferred != 0 || len(f.left()) != 3 || len(f.files()) != 2 || len(f.archive()) != 1 {
				t.Errorf("by the right clock: %+v, left %v, files %v, archive %v", r, f.left(), f.files(), f.archive())
			}
		})
	}
}

// TestArchiveOfTheFuture: files of the archive that are dated ahead, by a clock that no run has seen to be wrong, stay.
func TestArchiveOfTheFuture(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB000001/DB000001-paie-histocumsal-20250830040012.csv", []byte(cumul))
	f.good()
	f.put("DB000001/DB000001-paie-histocumsal-20250829040012.csv", []byte(cumul)) // older: to the archive
	f.good()
	f.dateArchive(time.Now().AddDate(1, 0, 0))
	if r := f.good(); len(f.archive()) != 1 {
		t.Errorf("%+v, archive %v", r, f.archive())
	}
}
