package transfer_test

import (
	"testing"
	"time"
)

// TestAWrongClockDeletesNothing: our clock is a month or years from the blob store's. Files are handed on, people are
// told, and nothing is deleted because it seems old; with the right clock all goes on.
//
//nolint:tparallel // newFixture does
func TestAWrongClockDeletesNothing(t *testing.T) {
	for name, ahead := range map[string]time.Duration{
		"a month ahead": 31 * 24 * time.Hour, "in 2040": 14 * 365 * 24 * time.Hour, "a month behind": -31 * 24 * time.Hour,
	} {
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
			if r.Fault == nil || r.Fault.Code != "clock" || r.Deleted != 0 || r.Transferred != 1 ||
				len(f.archive()) != 1 ||
				len(f.left()) != 3 {
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

// TestClockBound: an hour is what two clocks may differ by.
//
//nolint:tparallel // newFixture does
func TestClockBound(t *testing.T) {
	for ahead, wrong := range map[time.Duration]bool{
		58 * time.Minute: false, 62 * time.Minute: true, -58 * time.Minute: false, -62 * time.Minute: true,
	} {
		t.Run(ahead.String(), func(t *testing.T) {
			f := newFixture(t, nil)
			f.now, f.ahead = func() time.Time { return time.Now().Add(ahead) }, ahead
			f.configure(nil)
			if r := f.run(); (r.Fault != nil && r.Fault.Code == "clock") != wrong {
				t.Errorf("fault %+v", r.Fault)
			}
		})
	}
}

// TestWhatIsOld: files of the archive go after the settings' days, the journal's entries after more than a year, but
// for files in the quarantine.
func TestWhatIsOld(t *testing.T) {
	now := time.Now()
	keep := func(src map[string]any) { src["archive_days"] = 7 }
	f := newFixture(t, keep)
	f.now = func() time.Time { return now }
	f.configure(keep)
	for _, name := range []string{
		"DB1/DB1-paie-histocumsal-20250802040012.csv", "DB1/DB1-paie-histocumsal-20250801040012.csv",
	} {
		f.put(name, []byte(cumul))
	}
	f.put("held.csv", []byte(broken))
	f.good()
	f.dateArchive(time.Now().AddDate(0, 0, -6))
	if f.good(); len(f.archive()) != 1 {
		t.Errorf("after six days the archive holds %v", f.archive())
	}
	f.dateArchive(time.Now().AddDate(0, 0, -8))
	if f.good(); len(f.archive()) != 0 {
		t.Errorf("after eight days the archive holds %v", f.archive())
	}
	for _, tt := range []struct{ days, entries int }{{399, 3}, {401, 1}} {
		now = time.Now().AddDate(0, 0, tt.days)
		if f.good(); len(f.entries()) != tt.entries || len(f.quarantined()) != 1 {
			t.Errorf(
				"after %d days: %d entries, %d files in the quarantine",
				tt.days,
				len(f.entries()),
				len(f.quarantined()),
			)
		}
	}
}
