package transfer_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// TestQuarantine: what fails its check is never seen by the importer; its report names the place; a person can release
// it.
func TestQuarantine(t *testing.T) {
	f := newFixture(t, nil)
	bad := "DB000001/DB000001-paie-histocumsal-20250830040012.csv"
	f.put(bad, []byte(broken))
	f.put("DB000001/vide-20250830.csv", nil)
	f.put("DB000001/autre.csv", []byte("A;B\n1;2\n"))
	f.put("DB000001/DB000001-cpa-ecriture-20250830040012.csv", []byte(ecriture))
	r := f.good()
	if r.Transferred != 1 || r.Quarantined != 3 || r.Deleted != 4 || len(f.left()) != 0 ||
		names(f.files()) != "DB000001/DB000001-cpa-ecriture-20250830040012.csv" {
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
	want := []exports.Finding{{Line: 2, Column: "PHC_MONTANT", Reason: "the value is not a number", Code: "no_number"}}
	if q.Report == nil || cmp.Diff(want, q.Report.Findings) != "" ||
		q.Summary != "line 2: PHC_MONTANT: the value is not a number" {
		t.Errorf("report %+v", q)
	}
	if n := names(f.quarantine()); strings.Count(n, ".report.json") != 3 ||
		!strings.Contains(n, q.File+".report.json") {
		t.Errorf("the quarantine holds %s", n)
	}
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+q.ID+"/release", `{}`, nil); code != http.StatusOK ||
		f.files()[bad] != hash([]byte(broken)) {
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

// TestShrunk: a file with less than half of the rows of the one before is held, until a person says that it is right.
func TestShrunk(t *testing.T) {
	f := newFixture(t, nil)
	name := func(day string) string { return "DB1/DB1-paie-histocumsal-202508" + day + "040012.csv" }
	rows := func(n int) []byte {
		var text bytes.Buffer
		text.WriteString("PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n")
		for i := range n {
			text.WriteString(strings.Repeat("1", i+1) + ";01;1,00\n")
		}
		return text.Bytes()
	}
	f.put(name("01"), rows(9))
	f.good()
	f.put(name("02"), rows(4))
	if r := f.good(); r.Quarantined != 1 || r.Transferred != 0 ||
		!strings.Contains(line(r, name("02")).Why, "more than half") {
		t.Fatalf("run %+v", r)
	}
	var list []struct{ ID string }
	f.ask(http.MethodGet, "/quarantine?source=paie", "", &list)
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+list[0].ID+"/release", "{}", nil); code != http.StatusOK {
		t.Fatalf("release: %d", code)
	}
	f.put(name("03"), rows(3)) // of four
	if r := f.good(); r.Transferred != 1 {
		t.Errorf("run %+v", r)
	}
}

// TestCutInTheLastValue: a file whose last line has no line end is held, until a person says that its query writes such
// files, or the settings do.
func TestCutInTheLastValue(t *testing.T) {
	const whole = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\r\n0000000001;01;2512,34\r\n0000000002;01;1234,56\r\n"
	f := newFixture(t, nil)
	name := func(day string) string { return "DB1/DB1-paie-histocumsal-202508" + day + "040012.csv" }
	held := func(day, text string) {
		t.Helper()
		f.put(name(day), []byte(text))
		if r := f.good(); r.Quarantined != 1 || r.Transferred != 0 ||
			!strings.Contains(line(r, name(day)).Why, "line 3: the last line has no line end") {
			t.Errorf("%s: %+v", day, r)
		}
	}
	passes := func(day, text string) {
		t.Helper()
		f.put(name(day), []byte(text))
		if r := f.good(); r.Transferred != 1 {
			t.Errorf("%s: %+v", day, r)
		}
	}
	held("01", strings.TrimSuffix(whole, "234,56\r\n"))
	held("02", strings.TrimSuffix(whole, "\r\n"))
	var list []struct{ ID string }
	f.ask(http.MethodGet, "/quarantine", "", &list)
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+list[0].ID+"/release", "{}", nil); code != http.StatusOK {
		t.Fatalf("release: %d", code)
	}
	passes("03", strings.TrimSuffix(whole, "\r\n"))
	passes("04", whole)
	held("05", strings.TrimSuffix(whole, "\r\n")) // the query ends its lines now
	f.configure(func(src map[string]any) { src["last_line"] = "any" })
	passes("06", strings.TrimSuffix(whole, "\r\n"))
}

// TestOtherFilesPassAndDamagedOnesDoNot: "other_files": "pass" is for tables that the importer does not know, not for
// files that cannot be read.
func TestOtherFilesPassAndDamagedOnesDoNot(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["other_files"] = "pass" })
	f.put("other.csv", []byte("a;b\r\n1;2\r\n"))
	f.put("damaged.csv", []byte("P\x00H\x00C\x00_\x00S\x00"))
	if r := f.good(); r.Transferred != 1 || r.Quarantined != 1 || f.files()["other.csv"] == "" {
		t.Errorf("%+v, files %v", r, f.files())
	}
}

// TestReleaseOfAnOlderRun: it is asked for twice, when a newer one was handed on.
func TestReleaseOfAnOlderRun(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB1/DB1-paie-histocumsal-20250801040012.csv", []byte(broken))
	f.good()
	f.put("DB1/DB1-paie-histocumsal-20250802040012.csv", []byte(cumul))
	f.good()
	var list []struct{ ID string }
	f.ask(http.MethodGet, "/quarantine", "", &list)
	path := "/quarantine/paie/" + list[0].ID + "/release"
	if code := f.ask(http.MethodPost, path, "{}", nil); code != http.StatusConflict || len(f.files()) != 1 {
		t.Errorf("release: %d", code)
	}
	if code := f.ask(http.MethodPost, path, `{"older":true}`, nil); code != http.StatusOK || len(f.files()) != 2 {
		t.Errorf("release of an older one: %d", code)
	}
}

// TestReleaseOfAnOlderVersion: it does not displace a newer good one.
func TestReleaseOfAnOlderVersion(t *testing.T) {
	f := newFixture(t, nil)
	const name = "DB1/DB1-paie-histocumsal-20250801040012.csv"
	f.put(name, []byte(broken))
	f.good()
	f.put(name, []byte(cumul))
	f.good()
	var list []struct{ ID string }
	f.ask(http.MethodGet, "/quarantine", "", &list)
	code := f.ask(http.MethodPost, "/quarantine/paie/"+list[0].ID+"/release", "{}", nil)
	if f.files()[name] != hash([]byte(cumul)) {
		t.Errorf(
			"release %d: the older, broken version replaced the newer: files %v archive %v",
			code,
			f.files(),
			f.archive(),
		)
	}
}

// TestReleaseUnderATakenName: nothing is overwritten, and the file stays in the quarantine.
func TestReleaseUnderATakenName(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(broken))
	f.good()
	if err := os.WriteFile(filepath.Join(f.dir, "paie", "x.csv"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var list []struct{ ID string }
	f.ask(http.MethodGet, "/quarantine", "", &list)
	code := f.ask(http.MethodPost, "/quarantine/paie/"+list[0].ID+"/release", "{}", nil)
	if code != http.StatusConflict || len(f.quarantine()) != 2 || f.files()["x.csv"] != hash([]byte("mine")) {
		t.Errorf("release: %d, quarantine %v", code, f.quarantine())
	}
	if f.ask(http.MethodGet, "/quarantine", "", &list); len(list) != 1 {
		t.Errorf("list %v", list)
	}
}

// TestReleaseOfAnOlderVersionOnPurpose: not even then does it displace the newer one that the importer has not taken.
func TestReleaseOfAnOlderVersionOnPurpose(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(broken))
	f.good()
	f.put("x.csv", []byte(cumul))
	f.good()
	id := f.quarantined()[0].ID
	if code := f.release(id, `{"older":true}`); code != http.StatusConflict || len(f.quarantined()) != 1 ||
		f.files()["x.csv"] != hash([]byte(cumul)) {
		t.Errorf("release: %d, files %v", code, f.files())
	}
	f.imports("x.csv")
	if code := f.release(id, `{}`); code != http.StatusConflict || len(f.files()) != 0 {
		t.Errorf("release after a newer version was imported: %d, files %v", code, f.files())
	}
	if code := f.release(id, `{"older":true}`); code != http.StatusOK || f.files()["x.csv"] != hash([]byte(broken)) {
		t.Errorf("release on purpose: %d, files %v", code, f.files())
	}
	if e := f.entries(); !slices.ContainsFunc(e, func(e exports.Entry) bool {
		return e.ID == id && !e.ReleasedAt.IsZero() && e.File.Place == exports.PlaceFiles
	}) {
		t.Errorf("entries %+v", e)
	}
}

// TestInterruptedRelease: a release that had begun is ended by the next run.
func TestInterruptedRelease(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(broken))
	f.good()
	id := f.quarantined()[0].ID
	f.stuck()
	if code := f.release(id, `{}`); code < 500 || len(f.files()) != 0 {
		t.Errorf("release: %d, files %v", code, f.files())
	}
	f.wrapped(nil)
	if f.good(); f.files()["x.csv"] != hash([]byte(broken)) || len(f.quarantined()) != 0 {
		t.Errorf("files %v, quarantine %v", f.files(), f.quarantined())
	}
}

// TestReleaseWhoseMoveWasMade: the file stands under its name, and in the quarantine too, as after a crash between the
// two.
func TestReleaseWhoseMoveWasMade(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(broken))
	f.good()
	q := f.quarantined()[0]
	if err := os.MkdirAll(filepath.Join(f.dir, "paie"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(
		filepath.Join(f.dir, "paie"+exports.WorkSuffix, "quarantine", q.File),
		filepath.Join(f.dir, "paie", "x.csv"),
	); err != nil {
		t.Fatal(err)
	}
	if code := f.release(q.ID, `{}`); code != http.StatusOK || f.files()["x.csv"] != hash([]byte(broken)) ||
		len(f.quarantine()) != 0 {
		t.Errorf("release: %d, files %v, quarantine %v", code, f.files(), f.quarantine())
	}
}

// TestReleaseOfWhatIsNotThere: a file that is not in the quarantine yet, or no longer.
func TestReleaseOfWhatIsNotThere(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(broken))
	f.stuck()
	f.run()
	if list := f.quarantined(); len(list) != 0 || f.release(f.entry("x.csv").ID, `{}`) != http.StatusNotFound {
		t.Errorf("a file on its way: %+v", list)
	}
	f.wrapped(nil)
	f.good()
	q := f.quarantined()[0]
	if err := os.Remove(filepath.Join(f.dir, "paie"+exports.WorkSuffix, "quarantine", q.File)); err != nil {
		t.Fatal(err)
	}
	if code := f.release(q.ID, `{}`); code != http.StatusNotFound || f.entry("x.csv").State == exports.StateStaged {
		t.Errorf("a file that was removed: %d, entry %+v", code, f.entry("x.csv"))
	}
}

// TestReleaseAfterADeadRun: what that run had handed on counts, though its state was lost.
func TestReleaseAfterADeadRun(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB1/DB1-paie-histocumsal-20250801040012.csv", []byte(broken))
	f.good()
	f.put("DB1/DB1-paie-histocumsal-20250802040012.csv", []byte(cumul))
	f.good()
	f.died()
	if code := f.release(f.quarantined()[0].ID, `{}`); code != http.StatusConflict || len(f.files()) != 1 {
		t.Errorf("release: %d, files %v", code, f.files())
	}
}

// TestListOfTheQuarantine: the newest first, with how many faults there are.
func TestListOfTheQuarantine(t *testing.T) {
	f := newFixture(t, nil)
	for _, name := range []string{"b.csv", "c.csv", "a.csv"} {
		f.put(name, []byte("PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n1;01;abc\n2;01;def\n"))
		f.good()
	}
	list := f.quarantined()
	if len(list) != 3 || list[0].Blob != "a.csv" || list[1].Blob != "c.csv" ||
		list[0].Summary != "line 2: PHC_MONTANT: the value is not a number (and 1 more)" {
		t.Errorf("list %+v", list)
	}
	if s := f.status(); s.Quarantine != 3 || s.Held != 0 {
		t.Errorf("status %+v", s)
	}
}
