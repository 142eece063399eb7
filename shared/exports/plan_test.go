package exports_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
)

func TestPlan(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 9, 1, 12, 0, 0, 0, time.UTC)
	old, fresh := now.Add(-time.Hour), now.Add(-time.Minute)
	run := func(day string) string { return "DB1/DB1-paie-cumul-202508" + day + "040000.csv" }
	blob := func(name string) exports.Blob { return exports.Blob{Name: name, ETag: "1", Size: 1, Modified: old} }
	known := func(name string, state exports.EntryState, at time.Time) map[string]exports.Mark {
		id := exports.EntryID(name, "1")
		return map[string]exports.Mark{id: {ID: id, State: state, StoredAt: at}}
	}
	for name, tt := range map[string]struct {
		blobs  []exports.Blob
		known  map[string]exports.Mark
		handed string // the day of what was handed on last
		src    exports.Source
		want   string // what is done to each, by name
	}{
		"take":              {blobs: []exports.Blob{blob("a.csv")}, want: "a.csv take"},
		"marker":            {blobs: []exports.Blob{{Name: "DB1/", Modified: old}}, want: ""},
		"a_slash_with_data": {blobs: []exports.Blob{blob("DB1/")}, want: "DB1/ fail"},
		"other_prefix": {
			blobs: []exports.Blob{blob("DB1/a"), blob("DB2/a")},
			src:   exports.Source{Prefixes: []string{"DB2/"}}, want: "DB2/a take",
		},
		"bad_name": {blobs: []exports.Blob{blob("../a"), blob("b")}, want: "../a fail, b take"},
		"collision": {
			blobs: []exports.Blob{blob("x/a"), blob("y/a"), blob("z/A"), blob("b")}, src: exports.Source{Flatten: true},
			want: "b take, x/a fail, y/a fail, z/A fail",
		},
		"file_and_folder": {
			blobs: []exports.Blob{blob("x"), blob("X/a/y.csv"), blob("x.csv")}, want: "X/a/y.csv fail, x fail, x.csv take",
		},
		"summer_time_ends": {blobs: []exports.Blob{
			{Name: "DB1/DB1-paie-cumul-20251026025000.csv", Modified: old},
			{Name: "DB1/DB1-paie-cumul-20251026021000.csv", Modified: old.Add(20 * time.Minute)},
		}, want: "DB1/DB1-paie-cumul-20251026021000.csv take, DB1/DB1-paie-cumul-20251026025000.csv archive"},
		"written_in_no_order": {
			blobs: []exports.Blob{{Name: run("02"), Modified: fresh}, {Name: run("03"), Modified: old}},
			want:  run("02") + " archive, " + run("03") + " take",
		},
		"our_names": {
			blobs: []exports.Blob{blob(".carillon-probe"), blob("a/.Carillon-x.csv"), blob(".carillon/x")},
			want:  ".carillon-probe fail, .carillon/x fail, a/.Carillon-x.csv fail",
		},
		"stored": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStored, old), want: "a delete",
		},
		"stored_in_this_run": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStored, now.Add(time.Second)), want: "a delete",
		},
		"deleted_and_there": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateDeleted, old), want: "a delete",
		},
		"another_version": {
			blobs: []exports.Blob{{Name: "a", ETag: "2", Modified: old}},
			known: known("a", exports.StateStored, old), want: "a take",
		},
		"begun": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStaged, old), want: "a resume",
		},
		"never": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStored, old),
			src: exports.Source{Delete: "never"}, want: "a keep",
		},
		"after_days": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStored, now.AddDate(0, 0, -2)),
			src: exports.Source{Delete: "after 3 days"}, want: "a keep",
		},
		"after_days_are_over": {
			blobs: []exports.Blob{blob("a")}, known: known("a", exports.StateStored, now.AddDate(0, 0, -3)),
			src: exports.Source{Delete: "after 3 days"}, want: "a delete",
		},
		"young": {
			blobs: []exports.Blob{{Name: "a", Modified: fresh}}, src: exports.Source{MinAgeMinutes: 5}, want: "a keep",
		},
		"from_the_future": {blobs: []exports.Blob{{Name: "a", Modified: now.Add(time.Minute)}}, want: "a take"},
		"growing": {
			blobs: []exports.Blob{{Name: "a", Modified: fresh, Growing: true}, {Name: "b", Modified: old, Growing: true}},
			want:  "a keep, b take",
		},
		"newest": {
			blobs: []exports.Blob{blob(run("02")), blob(run("01")), blob(run("03"))},
			want:  run("01") + " archive, " + run("02") + " archive, " + run("03") + " take",
		},
		"late":  {blobs: []exports.Blob{blob(run("02"))}, handed: "03", want: run("02") + " archive"},
		"again": {blobs: []exports.Blob{blob(run("03"))}, handed: "03", want: run("03") + " take"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			handed := map[string]exports.Handed{}
			if r, ok := exports.ParseRun(run(tt.handed)); ok {
				handed[r.Key()] = exports.Handed{At: r.At}
			}
			tasks := exports.Plan(tt.blobs, tt.known, handed, tt.src, now)
			got := make([]string, 0, len(tasks))
			for _, task := range tasks {
				got = append(got, fmt.Sprintf("%s %s", task.Blob.Name, task.Do))
			}
			if strings.Join(got, ", ") != tt.want {
				t.Errorf("plan %q, want %q", got, tt.want)
			}
		})
	}
}

func TestForceAt(t *testing.T) {
	t.Parallel()
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ now, hhmm, want string }{
		{"2025-06-01T10:00:00Z", "", "2025-06-01T10:15:00Z"},
		{"2025-06-01T10:10:00Z", "", "2025-06-01T10:15:00Z"}, // just five minutes
		{"2025-06-01T10:10:01Z", "", "2025-06-01T10:30:00Z"},
		{"2025-06-01T23:56:00Z", "", "2025-06-02T00:15:00Z"},
		{"2025-06-01T10:00:00Z", "13:30", "2025-06-01T11:30:00Z"},
		{"2025-06-01T10:00:00Z", "12:00", "2025-06-02T10:00:00Z"}, // now is not after now
		{"2025-06-01T10:00:00Z", "6:05", "2025-06-02T04:05:00Z"},
		{"2025-10-25T20:00:00Z", "06:00", "2025-10-26T05:00:00Z"}, // the clocks go back in between
		{"2026-03-28T20:00:00Z", "06:00", "2026-03-29T04:00:00Z"}, // and forward
		{"2025-06-01T10:00:00Z", "25:00", "error"},
		{"2025-06-01T10:00:00Z", "soon", "error"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		at, err := exports.ForceAt(tt.hhmm, paris, now)
		got := at.Format(time.RFC3339)
		if err != nil {
			got = "error"
		}
		if got != tt.want {
			t.Errorf("at %s %q: %s, want %s", tt.now, tt.hhmm, got, tt.want)
		}
	}
}

func TestArchivedAndSameQuery(t *testing.T) {
	t.Parallel()
	if got := exports.Archived("DB1/a.b.csv", "0123456789abcdef"); got != "DB1/a.b~01234567.csv" {
		t.Errorf("archived as %s", got)
	}
	if !exports.SameQuery("ABSENCESALARIE", "absencesalarie;") || exports.SameQuery("ECRITURE", "ecriture_analytiq") {
		t.Error("names of queries")
	}
}

// TestStoredInThisRunIsKept: what a run has taken up was stored after the run began, and the settings keep it all the
// same.
func TestStoredInThisRunIsKept(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 9, 1, 12, 0, 0, 0, time.UTC)
	blobs := []exports.Blob{{Name: "a", ETag: "1", Size: 1, Modified: now.Add(-time.Hour)}}
	id := exports.EntryID("a", "1")
	for after, want := range map[time.Duration]string{
		time.Second: exports.Keep, 2 * time.Minute: exports.Keep, -72 * time.Hour: exports.Delete,
	} {
		known := map[string]exports.Mark{id: {ID: id, State: exports.StateStored, StoredAt: now.Add(after)}}
		tasks := exports.Plan(blobs, known, nil, exports.Source{Delete: "after 3 days"}, now)
		if len(tasks) != 1 || tasks[0].Do != want {
			t.Errorf("stored %s after the run began: %+v, want %s", after, tasks, want)
		}
	}
}
