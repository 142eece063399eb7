package transfer_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carillon-calendar/carillon/shared/exports"
)

// TestRewrittenWhileRead: the version that is there in the end arrives whole; no mixture does.
func TestRewrittenWhileRead(t *testing.T) {
	f := newFixture(t, nil)
	first, second := make([]byte, 3<<20), make([]byte, 3<<20)
	_, _ = rand.Read(first)
	_, _ = rand.Read(second)
	f.put("x.bin", first)
	f.hook(
		once(
			func(r *http.Request) bool { return isBlob(r, http.MethodGet) },
			func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Length", "3145728")
				_, _ = w.Write(first[:1<<20])
				f.put("x.bin", second)
				panic(http.ErrAbortHandler)
			},
		),
	)
	if r := f.good(); r.Transferred != 1 || r.Deleted != 1 || f.files()["x.bin"] != hash(second) ||
		len(f.left()) != 0 ||
		len(f.temp()) != 0 {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestRewrittenBeforeDeletion: the newer version is not deleted unread; it arrives, and the one before goes to the
// archive.
func TestRewrittenBeforeDeletion(t *testing.T) {
	f := newFixture(t, nil)
	second := strings.Replace(cumul, "2512", "3512", 1)
	f.put("x.csv", []byte(cumul))
	f.hook(
		once(
			func(r *http.Request) bool { return isBlob(r, http.MethodDelete) },
			func(http.ResponseWriter, *http.Request) bool {
				f.put("x.csv", []byte(second))
				return false
			},
		),
	)
	if r := f.good(); r.Transferred != 2 || r.Deleted != 1 || f.files()["x.csv"] != hash([]byte(second)) ||
		len(f.left()) != 0 ||
		len(f.archive()) != 1 {
		t.Errorf("run %+v, files %v, left %v, archive %v", r, f.files(), f.left(), f.archive())
	}
}

// TestWrittenAgainAndAgain: a run follows a few versions, and leaves the rest to the next one.
func TestWrittenAgainAndAgain(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.bin", []byte("0"))
	var n atomic.Int32
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodDelete) {
			f.put("x.bin", bytes.Repeat([]byte("x"), int(n.Add(1))))
		}
		return false
	})
	if r := f.good(); r.Kept != 1 || len(f.left()) != 1 ||
		!strings.Contains(line(r, "x.bin").Why, "again") && r.Transferred != 3 {
		t.Errorf("run %+v, left %v", r, f.left())
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	last := hash(bytes.Repeat([]byte("x"), int(n.Load())))
	if r := f.good(); r.Transferred != 1 || f.files()["x.bin"] != last || len(f.left()) != 0 {
		t.Errorf("the next run: %+v, files %v, want %s", r, f.files(), last)
	}
}

// TestRewrittenAndWrittenAnew: with rewriting too, a newer version takes the place of one that the importer has not
// taken yet.
func TestRewrittenAndWrittenAnew(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["rewrite"] = true })
	for _, amount := range []string{"12,00", "13,00", "14,00"} {
		f.put("DB1/x.csv", []byte(strings.Replace(cumul, "12,00", amount, 1)))
		for range 2 {
			if r := f.run(); r.Fault != nil {
				t.Errorf(
					"%s: fault %+v files %+v; files %v archive %v temp %v",
					amount,
					r.Fault,
					r.Files,
					f.files(),
					names(f.archive()),
					names(f.temp()),
				)
			}
		}
	}
	last := "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n0000000001;01;2512.34\n0000000002;01;-14.00\n"
	if f.files()["DB1/x.csv"] != hash([]byte(last)) ||
		len(f.archive()) != 5 { // three originals, and two that were taken back
		t.Errorf("files %v, archive %s", f.files(), names(f.archive()))
	}
}

// TestWrittenAnewAsItIsDeleted: an older run that was kept at the source stays an older run.
func TestWrittenAnewAsItIsDeleted(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["delete"] = "never" })
	const newer, older = "DB1/DB1-paie-histocumsal-20250802040012.csv", "DB1/DB1-paie-histocumsal-20250801040012.csv"
	f.put(newer, []byte(cumul))
	f.put(older, []byte(cumul))
	f.good()
	f.configure(nil)
	var once sync.Once
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodDelete && strings.Contains(r.URL.Path, "20250801") {
			once.Do(func() { f.put(older, []byte(strings.Replace(cumul, "12,00", "13,00", 1))) })
		}
		return false
	})
	r := f.good()
	if _, there := f.files()[older]; there {
		t.Errorf("an older run was handed on: %v %+v", names(f.files()), r)
	}
}

// TestPhantom: a blob that goes before it is read is nobody's failure.
func TestPhantom(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.hook(
		once(
			func(r *http.Request) bool { return isBlob(r, http.MethodGet) },
			func(http.ResponseWriter, *http.Request) bool {
				if _, err := f.container.NewBlobClient("x.csv").Delete(t.Context(), nil); err != nil {
					t.Error(err)
				}
				return false
			},
		),
	)
	if r := f.good(); r.Transferred+r.Failed != 0 {
		t.Errorf("run %+v", r)
	}
}

// TestNewestOnly: of several runs of one query the newest is handed on, whatever the order of the runs; the others go
// to the archive, which ends.
func TestNewestOnly(t *testing.T) {
	f := newFixture(t, nil)
	name := func(at string) string { return "DB000001/DB000001-paie-histocumsal-202508" + at + "040012.csv" }
	for _, at := range []string{"28", "30", "29"} {
		f.put(name(at), []byte(cumul))
	}
	if r := f.good(); r.Transferred != 1 || r.Archived != 2 || r.Deleted != 3 || names(f.files()) != name("30") ||
		len(f.archive()) != 2 {
		t.Errorf("run %+v, files %v, archive %v", r, f.files(), f.archive())
	}
	f.put(name("27"), []byte(cumul)) // late
	if r := f.good(); r.Transferred != 0 || r.Archived != 1 || names(f.files()) != name("30") || len(f.archive()) != 3 {
		t.Errorf("a late one: %+v, files %v, archive %v", r, f.files(), f.archive())
	}
}

// TestTwoRunsBeforeTheImporter: the importer sees the newest run of a query only, also when they came in two transfers.
func TestTwoRunsBeforeTheImporter(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB1/DB1-paie-histocumsal-20250801040012.csv", []byte(cumul))
	f.good()
	f.put("DB1/DB1-paie-histocumsal-20250802040012.csv", []byte(cumul))
	f.good()
	if len(f.files()) != 1 {
		t.Errorf("the importer sees two runs of one query: %v", names(f.files()))
	}
}

// TestForeignFileUnderAnOlderRunsName: the importer has taken the older run, and somebody else's file has its name. It
// is left alone.
func TestForeignFileUnderAnOlderRunsName(t *testing.T) {
	f := newFixture(t, nil)
	const older, newer = "DB1/DB1-paie-histocumsal-20250801040012.csv", "DB1/DB1-paie-histocumsal-20250802040012.csv"
	f.put(older, []byte(cumul))
	f.good()
	f.foreign(older)
	f.put(newer, []byte(cumul))
	if r := f.good(); r.Transferred != 1 || f.files()[older] != hash([]byte("mine")) ||
		f.files()[newer] != hash([]byte(cumul)) ||
		len(f.archive()) != 0 {
		t.Errorf("run %+v, files %v, archive %v", r, f.files(), f.archive())
	}
}

// TestTakenBackIsInTheJournal: the journal says where a file is that gave way to a newer one.
func TestTakenBackIsInTheJournal(t *testing.T) {
	f := newFixture(t, nil)
	const older, newer = "DB1/DB1-paie-histocumsal-20250801040012.csv", "DB1/DB1-paie-histocumsal-20250802040012.csv"
	f.put(older, []byte(cumul))
	f.good()
	f.put(newer, []byte(cumul))
	f.good()
	e := f.entry(older)
	if _, there := f.archive()[e.File.Path]; !there || e.File.Place != exports.PlaceArchive ||
		e.Why != "a newer run of its query came" {
		t.Errorf("entry %+v, archive %v", e, f.archive())
	}
}

// TestVersionsThatWereImported: of many versions of a blob the one that the importer has not taken gives way, and no
// other.
func TestVersionsThatWereImported(t *testing.T) {
	f := newFixture(t, nil)
	version := func(n int) []byte { return fmt.Appendf(nil, "%s0000000003;01;%d,00\n", cumul, n) }
	for n := range 7 {
		f.put("x.csv", version(n))
		if r := f.good(); r.Transferred != 1 || f.files()["x.csv"] != hash(version(n)) {
			t.Fatalf("version %d: %+v, files %v", n, r, f.files())
		}
		if n < 5 {
			f.imports("x.csv")
		}
	}
	if kept := values(f.archive()); len(kept) != 1 || kept[0] != hash(version(5)) {
		t.Errorf("archive %v", f.archive())
	}
}

// TestVersionThatNoListingHas: what was written while it was read is stored under its own version, which is at the
// source still.
func TestVersionThatNoListingHas(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["delete"] = "never" })
	f.put("x.bin", []byte("first"))
	f.hook(
		once(
			func(r *http.Request) bool { return isBlob(r, http.MethodGet) },
			func(http.ResponseWriter, *http.Request) bool {
				f.put("x.bin", []byte("second"))
				return false
			},
		),
	)
	f.good()
	if e := f.entry("x.bin"); e.State != exports.StateStored || e.SHA256 != hash([]byte("second")) {
		t.Errorf("entry %+v", e)
	}
}
