package sync_test

import (
	"strings"
	"testing"
	"time"
)

// TestMistypedYear: a lesson that ends in 2042 is put aside and named, its event stays as it was, and the others
// change and go as ever.
func TestMistypedYear(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.put(lessons(1, 11)...)
	f.sync()
	mistyped, unknown := lesson(3), lesson(12)
	mistyped.End, unknown.End = mistyped.End.AddDate(16, 0, 0), unknown.End.AddDate(1, 0, 0)
	f.put(mistyped, unknown)
	f.cancel(lesson(5).ID)
	f.now = f.now.Add(time.Hour)
	run := f.sync()
	f.did(run, "+0 ~0 -1 =9 held 1 verified true")
	if len(run.Unreadable) != 2 ||
		!strings.Contains(strings.Join(run.Unreadable, "\n"), "NoCours 9000003: it lasts from 2026-10-15 to 2042-10-15") {
		t.Errorf("put aside: %q", run.Unreadable)
	}
	if got := f.state("lea").ReadAt; !got.Equal(f.now) {
		t.Errorf("read whole at %s: nothing was missing from the reading of %s", got, f.now)
	}
	f.agrees(append(lessons(1, 5), lessons(6, 11)...)...)
	f.put(lesson(3), lesson(12))
	f.did(f.sync(), "+1 ~0 -0 =9 held 0 verified true")
}
