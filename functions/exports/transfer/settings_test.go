package transfer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
)

// TestSettingsOfASource: only what the prefixes name; only what is old enough; other tables by setting.
func TestSettingsOfASource(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["prefixes"] = []string{"DB1/"} })
	f.put("DB1/x.csv", []byte(cumul))
	f.put("DB2/x.csv", []byte(cumul))
	if r := f.good(); r.Transferred != 1 || len(f.left()) != 1 || f.left()[0] != "DB2/x.csv" {
		t.Errorf("prefixes: %+v", r)
	}
	f.configure(func(src map[string]any) { src["min_age_minutes"] = 5 })
	if r := f.good(); r.Transferred != 0 || r.Kept != 1 {
		t.Errorf("min_age_minutes: %+v", r)
	}
	f.put("o.csv", []byte("A;B\n1;2\n"))
	f.configure(func(src map[string]any) { src["other_files"] = "pass" })
	if r := f.good(); r.Transferred != 2 || r.Quarantined != 0 {
		t.Errorf("other_files: %+v", r)
	}
	f.put("b.csv", []byte(broken))
	f.configure(func(src map[string]any) { src["check"] = []string{} })
	if r := f.good(); r.Transferred != 1 || r.Quarantined != 0 {
		t.Errorf("check: %+v", r)
	}
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
			if e := f.entry("a.csv"); e.DeletedAt.IsZero() != (later == 1) {
				t.Errorf("entry %+v", e)
			}
		})
	}
}

// TestRewrite: what the importer would misread is handed on in its one form, and the original kept; never holds it, and
// always rewrites what it reads right too.
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
			if !strings.Contains(kept, hash([]byte(misread))) ||
				(tt.right == ours) != strings.Contains(kept, hash([]byte(right))) {
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

// TestCheckOfSomeTables: only files of the tables in "check" are looked at; the importer reads .CSV like .csv.
func TestCheckOfSomeTables(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["check"] = []string{"HISTOCUMSAL"} })
	f.put("a.csv", []byte(strings.Replace(ecriture, "12,50;0,00", "abc;0,00", 1)))
	f.put("b.CSV", []byte(broken))
	f.put("c.pdf", []byte("%PDF"))
	if r := f.good(); r.Transferred != 2 || r.Quarantined != 1 || r.Checked != 0 || names(f.files()) != "a.csv c.pdf" {
		t.Errorf("run %+v, files %v", r, names(f.files()))
	}
	f.put("d.csv", []byte(cumul))
	if r := f.good(); r.Transferred != 1 || r.Checked != 1 {
		t.Errorf("run %+v", r)
	}
	f.put("e.csv", []byte("A;B\n1;2\n"))
	f.configure(func(src map[string]any) { src["check"] = []string{} })
	if r := f.good(); r.Transferred != 1 || r.Quarantined != 0 {
		t.Errorf("without a check another table is held: %+v", r)
	}
}

// TestLeftAndKept: what is left for the next run is counted apart from what the settings keep, in dry runs too.
func TestLeftAndKept(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["delete"] = "never" })
	f.put("stored.csv", []byte(cumul))
	f.good()
	f.put("young.csv", []byte(cumul))
	f.configure(func(src map[string]any) { src["delete"], src["min_age_minutes"] = "never", 5 })
	dry := transfers(t, f.handler, `{"dry_run":true}`)[0]
	for what, r := range map[string]exports.Transfer{"dry run": dry, "run": f.good()} {
		if r.Kept != 2 || r.Left != 1 {
			t.Errorf("%s: kept %d, left %d, want 2 and 1", what, r.Kept, r.Left)
		}
	}
}
