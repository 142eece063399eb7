package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/carillon-calendar/carillon/shared/cloud/alerts/mailtest"
	"github.com/carillon-calendar/carillon/shared/exports"
)

// isBlob reports whether a request is for a blob, not for the container's listing.
func isBlob(r *http.Request, method string) bool {
	return r.Method == method && r.URL.Query().Get("comp") == ""
}

// once strikes at the first request that it is asked about.
func once(when func(r *http.Request) bool, do func(w http.ResponseWriter, r *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
	var struck atomic.Bool
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !when(r) || !struck.CompareAndSwap(false, true) {
			return false
		}
		return do(w, r)
	}
}

// line is what a run says of a blob.
func line(r exports.Transfer, blob string) exports.FileLine {
	for _, l := range r.Files {
		if l.Blob == blob {
			return l
		}
	}
	return exports.FileLine{}
}

// TestFlatten: two blobs of one name become no single file; both stay, and the others go on.
func TestFlatten(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["flatten"] = true })
	f.put("DB1/x.csv", []byte(cumul))
	f.put("DB2/X.csv", []byte(cumul))
	f.put("DB1/y.csv", []byte(cumul))
	r := f.run()
	if r.Transferred != 1 || r.Failed != 2 || r.Fault == nil || r.Fault.Code != "files" || names(f.files()) != "y.csv" || len(f.left()) != 2 || !strings.Contains(line(r, "DB1/x.csv").Why, "DB2/X.csv") {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestOddNames: names that cannot be files stay at the source, and say why.
func TestOddNames(t *testing.T) {
	f := newFixture(t, nil)
	for _, name := range []string{"NUL.csv", "quarantine/x.csv", "a:b.csv", "a?.csv"} {
		f.put(name, []byte(cumul))
	}
	f.put("fine.csv", []byte(cumul))
	if r := f.run(); r.Transferred != 1 || r.Failed != 4 || len(f.left()) != 4 || names(f.files()) != "fine.csv" {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestFolderMark: a blob that stands for a folder by its metadata is no file.
func TestFolderMark(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.container.NewBlockBlobClient("DB1").UploadBuffer(t.Context(), nil, &blockblob.UploadBufferOptions{Metadata: map[string]*string{"hdi_isfolder": new("true")}}); err != nil {
		t.Fatal(err)
	}
	f.put("DB1/x.csv", []byte(cumul))
	if r := f.good(); r.Transferred != 1 || names(f.files()) != "DB1/x.csv" || len(f.left()) != 1 {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestRewrittenWhileRead: the version that is there in the end arrives whole; no mixture does.
func TestRewrittenWhileRead(t *testing.T) {
	f := newFixture(t, nil)
	first, second := make([]byte, 3<<20), make([]byte, 3<<20)
	_, _ = rand.Read(first)
	_, _ = rand.Read(second)
	f.put("x.bin", first)
	f.hook(once(func(r *http.Request) bool { return isBlob(r, http.MethodGet) }, func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Length", "3145728")
		_, _ = w.Write(first[:1<<20])
		f.put("x.bin", second)
		panic(http.ErrAbortHandler)
	}))
	if r := f.good(); r.Transferred != 1 || r.Deleted != 1 || f.files()["x.bin"] != hash(second) || len(f.left()) != 0 || len(f.temp()) != 0 {
		t.Errorf("run %+v, files %v, left %v", r, f.files(), f.left())
	}
}

// TestRewrittenBeforeDeletion: the newer version is not deleted unread; it arrives, and the one before goes to the archive.
func TestRewrittenBeforeDeletion(t *testing.T) {
	f := newFixture(t, nil)
	second := strings.Replace(cumul, "2512", "3512", 1)
	f.put("x.csv", []byte(cumul))
	f.hook(once(func(r *http.Request) bool { return isBlob(r, http.MethodDelete) }, func(http.ResponseWriter, *http.Request) bool {
		f.put("x.csv", []byte(second))
		return false
	}))
	if r := f.good(); r.Transferred != 2 || r.Deleted != 1 || f.files()["x.csv"] != hash([]byte(second)) || len(f.left()) != 0 || len(f.archive()) != 1 {
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
	if r := f.good(); r.Kept != 1 || len(f.left()) != 1 || !strings.Contains(line(r, "x.bin").Why, "again") && r.Transferred != 3 {
		t.Errorf("run %+v, left %v", r, f.left())
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	last := hash(bytes.Repeat([]byte("x"), int(n.Load())))
	if r := f.good(); r.Transferred != 1 || f.files()["x.bin"] != last || len(f.left()) != 0 {
		t.Errorf("the next run: %+v, files %v, want %s", r, f.files(), last)
	}
}

// TestCannotBeDeleted: a blob with a snapshot, with a lease, or without the right: it is handed on once, stays, and goes when it can.
//
//nolint:tparallel // newFixture does
func TestCannotBeDeleted(t *testing.T) {
	t.Run("snapshot", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.csv", []byte(cumul))
		snapshot, err := f.container.NewBlobClient("x.csv").CreateSnapshot(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if r := f.good(); r.Kept != 1 || r.Deleted != 0 || !strings.Contains(line(r, "x.csv").Why, "snapshots") || len(f.left()) != 1 || len(f.files()) != 1 {
				t.Errorf("run %+v", r)
			}
		}
		old, err := f.container.NewBlobClient("x.csv").WithSnapshot(*snapshot.Snapshot)
		if err == nil {
			_, err = old.Delete(t.Context(), nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := f.good(); r.Transferred != 0 || r.Deleted != 1 || len(f.left()) != 0 {
			t.Errorf("without the snapshot: %+v", r)
		}
	})
	t.Run("lease", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.csv", []byte(cumul))
		held, err := lease.NewBlobClient(f.container.NewBlobClient("x.csv"), nil)
		if err == nil {
			_, err = held.AcquireLease(t.Context(), -1, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := f.good(); r.Transferred != 1 || r.Kept != 1 || !strings.Contains(line(r, "x.csv").Why, "lease") || len(f.left()) != 1 {
			t.Errorf("run %+v", r)
		}
	})
	t.Run("no_right_to_list", func(t *testing.T) {
		f := newFixture(t, nil)
		f.configure(func(src map[string]any) { src["sas_url"] = f.address("rd", time.Now().Add(time.Hour)) })
		if r := f.run(); r.Fault == nil || r.Fault.Code != "container_refused" {
			t.Errorf("a container that cannot be listed is not an empty one: %+v", r)
		}
	})
	t.Run("no_right", func(t *testing.T) {
		f := newFixture(t, nil)
		f.configure(func(src map[string]any) { src["sas_url"] = f.address("rl", time.Now().Add(time.Hour)) })
		f.put("x.csv", []byte(cumul))
		for range 2 {
			if r := f.good(); r.Kept != 1 || !strings.Contains(line(r, "x.csv").Why, "deleting") || len(f.files()) != 1 {
				t.Errorf("run %+v", r)
			}
		}
	})
}

// TestExpiredInTheMiddle: what arrived stays, what did not stays at the source; a new address ends it.
func TestExpiredInTheMiddle(t *testing.T) {
	f := newFixture(t, nil)
	want := map[string]string{}
	for i := range 40 {
		name := "f" + string(rune('a'+i%26)) + strings.Repeat("x", i/26)
		f.put(name, []byte(name))
		want[name] = hash([]byte(name))
	}
	var n atomic.Int32
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) && n.Add(1) > 10 {
			w.Header().Set("X-Ms-Error-Code", "AuthenticationFailed")
			w.WriteHeader(http.StatusForbidden)
			return true
		}
		return false
	})
	r := f.run()
	if r.Fault == nil || r.Fault.Code != "container_refused" || r.Transferred != 10 || len(f.left()) != 30 || len(f.files()) != 10 {
		t.Errorf("run %+v, %d left", r, len(f.left()))
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	if r := f.good(); r.Transferred != 30 || len(f.left()) != 0 || !same(want, f.files()) {
		t.Errorf("then: %+v, files %v", r, f.files())
	}
	f.configure(func(src map[string]any) { src["sas_url"] = f.address("rdl", time.Now().Add(-time.Minute)) })
	if r := f.run(); r.Fault == nil || r.Fault.Code != "sas_expired" || !strings.Contains(r.Fault.Do, "24 hours") {
		t.Errorf("an expired address: %+v", r.Fault)
	}
}

func same(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// TestBadStore: refusals for load, cut answers, answers of another length, contents of another MD5.
//
//nolint:tparallel // newFixture does
func TestBadStore(t *testing.T) {
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	cut := func(w http.ResponseWriter, n int, length string) {
		w.Header().Set("Content-Length", length)
		_, _ = w.Write(data[:n])
	}
	get := func(r *http.Request) bool { return isBlob(r, http.MethodGet) }
	t.Run("503", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.bin", data)
		f.hook(once(get, func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}))
		if r := f.good(); r.Transferred != 1 || f.files()["x.bin"] != hash(data) {
			t.Errorf("run %+v", r)
		}
	})
	t.Run("cut", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.bin", data)
		f.hook(once(get, func(w http.ResponseWriter, _ *http.Request) bool {
			cut(w, 300_000, "1048576")
			panic(http.ErrAbortHandler)
		}))
		if r := f.good(); r.Transferred != 1 || f.files()["x.bin"] != hash(data) {
			t.Errorf("run %+v", r)
		}
	})
	t.Run("short", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.bin", data)
		f.put("y.bin", data)
		f.hook(func(w http.ResponseWriter, r *http.Request) bool {
			if !get(r) || !strings.HasSuffix(r.URL.Path, "x.bin") {
				return false
			}
			cut(w, 1000, "1000")
			return true
		})
		if r := f.run(); r.Failed != 1 || r.Transferred != 1 || len(f.left()) != 1 || names(f.files()) != "y.bin" || len(f.temp()) != 0 {
			t.Errorf("run %+v, left %v, files %v, temporary %v", r, f.left(), f.files(), f.temp())
		}
	})
	t.Run("md5", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.bin", data)
		f.setMD5("x.bin", bytes.Repeat([]byte{7}, 16))
		f.put("y.bin", data)
		if r := f.run(); r.Failed != 1 || r.Transferred != 1 || len(f.left()) != 1 || names(f.files()) != "y.bin" || !strings.Contains(line(r, "x.bin").Why, "MD5") {
			t.Errorf("run %+v, left %v, files %v", r, f.left(), f.files())
		}
	})
}

// TestForeignFile: a file of somebody else's under the name is not overwritten; the blob stays until the name is free.
func TestForeignFile(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	foreign := filepath.Join(f.dir, "paie", "x.csv")
	if err := os.MkdirAll(filepath.Dir(foreign), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if r := f.run(); r.Failed != 1 || r.Deleted != 0 || len(f.left()) != 1 || f.files()["x.csv"] != hash([]byte("mine")) || len(f.temp()) != 0 {
			t.Errorf("run %+v, temporary %v", r, f.temp())
		}
	}
	if err := os.Remove(foreign); err != nil {
		t.Fatal(err)
	}
	if r := f.good(); r.Transferred != 1 || f.files()["x.csv"] != hash([]byte(cumul)) {
		t.Errorf("run %+v", r)
	}
}

// TestContentEncoding: a blob that says it is packed arrives as it is stored.
func TestContentEncoding(t *testing.T) {
	f := newFixture(t, nil)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(cumul))
	_ = w.Close()
	_, err := f.container.NewBlockBlobClient("x.gz").UploadBuffer(t.Context(), packed.Bytes(), &blockblob.UploadBufferOptions{HTTPHeaders: &blob.HTTPHeaders{BlobContentEncoding: new("gzip")}})
	if err != nil {
		t.Fatal(err)
	}
	if r := f.good(); r.Transferred != 1 || f.files()["x.gz"] != hash(packed.Bytes()) {
		t.Errorf("run %+v, files %v", r, f.files())
	}
}

// TestAddressThatStartsLater: the store refuses it like a wrong one; the fault says that a clock may be wrong, not that rights are missing.
func TestAddressThatStartsLater(t *testing.T) {
	f := newFixture(t, nil)
	f.configure(func(src map[string]any) {
		src["sas_url"] = f.address("rdl", time.Now().Add(48*time.Hour)) + "&st=" + time.Now().Add(time.Hour).UTC().Format("2006-01-02T15:04:05Z")
	})
	if r := f.run(); r.Fault == nil || r.Fault.Code != "sas_not_yet" || !strings.Contains(r.Fault.Detail, "clock") {
		t.Errorf("run %+v", r.Fault)
	}
}

// TestFileAndFolder: a folder where a file should stand, or a file where its folder should, is nobody's to move: the blob stays and is told, nothing is left
// half done, and it goes through when the name is free.
//
//nolint:tparallel // newFixture does
func TestFileAndFolder(t *testing.T) {
	for name, tt := range map[string]struct{ blob, foreign string }{
		"folder": {"x.csv", "x.csv/y.csv"},
		"file":   {"x/a/y.csv", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			f.put(tt.blob, []byte(cumul))
			foreign := filepath.Join(f.dir, "paie", filepath.FromSlash(tt.foreign))
			if err := os.MkdirAll(filepath.Dir(foreign), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(foreign, []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r := f.run()
				if r.Failed != 1 || r.Deleted != 0 || len(f.left()) != 1 || names(f.files()) != tt.foreign || len(f.temp()) != 0 || !strings.Contains(line(r, tt.blob).Why, "taken") {
					t.Errorf("run %+v, temporary %v", r, f.temp())
				}
			}
			if err := os.RemoveAll(filepath.Join(f.dir, "paie", strings.Split(tt.foreign, "/")[0])); err != nil {
				t.Fatal(err)
			}
			if r := f.good(); r.Transferred != 1 || names(f.files()) != tt.blob {
				t.Errorf("run %+v", r)
			}
		})
	}
}

// TestCannotBeRead: a blob in the archive tier is told as one that cannot be read, and stops no other.
func TestCannotBeRead(t *testing.T) {
	f := newFixture(t, nil)
	f.put("cold.csv", []byte(cumul))
	f.put("warm.csv", []byte(cumul))
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !isBlob(r, http.MethodGet) || !strings.HasSuffix(r.URL.Path, "cold.csv") {
			return false
		}
		w.Header().Set("x-ms-error-code", "BlobArchived")
		w.WriteHeader(http.StatusConflict)
		return true
	})
	r := f.run()
	if why := line(r, "cold.csv").Why; r.Failed != 1 || r.Transferred != 1 || !strings.Contains(why, "cannot be read") || !strings.Contains(why, "archive tier") || len(f.left()) != 1 {
		t.Errorf("run %+v", r)
	}
}

// TestTwoAtOnce: two runs at once, in two processes, do each file once.
func TestTwoAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
	second := handler(t, f.db, f.dir, f.now, nil)
	var group sync.WaitGroup
	sum := make([]exports.Transfer, 2)
	for i, h := range []http.Handler{f.handler, second} {
		group.Go(func() { sum[i] = transfers(t, h, `{}`)[0] })
	}
	group.Wait()
	if sum[0].Fault != nil || sum[1].Fault != nil || sum[0].Transferred+sum[1].Transferred != 60 || len(f.left()) != 0 || len(f.files()) != 60 {
		t.Errorf("runs %+v\n%+v", sum[0], sum[1])
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
	if r := f.good(); r.Quarantined != 1 || r.Transferred != 0 || !strings.Contains(line(r, name("02")).Why, "more than half") {
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

// TestCutInTheLastValue: a file whose last line has no line end is held, until a person says that its query writes such files, or the settings do.
func TestCutInTheLastValue(t *testing.T) {
	const whole = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\r\n0000000001;01;2512,34\r\n0000000002;01;1234,56\r\n"
	f := newFixture(t, nil)
	name := func(day string) string { return "DB1/DB1-paie-histocumsal-202508" + day + "040012.csv" }
	held := func(day, text string) {
		t.Helper()
		f.put(name(day), []byte(text))
		if r := f.good(); r.Quarantined != 1 || r.Transferred != 0 || !strings.Contains(line(r, name(day)).Why, "line 3: the last line has no line end") {
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
	if code := f.ask(http.MethodPost, "/quarantine/paie/"+list[0].ID+"/release", "{}", nil); code != http.StatusConflict || len(f.quarantine()) != 2 || f.files()["x.csv"] != hash([]byte("mine")) {
		t.Errorf("release: %d, quarantine %v", code, f.quarantine())
	}
	if f.ask(http.MethodGet, "/quarantine", "", &list); len(list) != 1 {
		t.Errorf("list %v", list)
	}
}

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

// TestDestinationIsGone: nothing is read or deleted while there is nowhere to put it, and nothing is made in its place.
func TestDestinationIsGone(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	if err := os.WriteFile(filepath.Join(f.dir, "paie"), nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	if r := f.run(); r.Fault == nil || r.Fault.Code != "destination" || r.Bytes != 0 || len(f.left()) != 1 {
		t.Errorf("run %+v", r)
	}
}

// TestEmails: one for what came into the quarantine; one after two failed runs, and one when they work again.
func TestEmails(t *testing.T) {
	server := mailtest.Start(t)
	f := newFixture(t, func(src map[string]any) { src["smtp"] = server.Settings("compta@example.com") })
	f.put("DB1/x.csv", []byte(broken))
	server.Refuse(true)
	f.good()
	server.Want(t, 0)
	server.Refuse(false)
	f.good()
	mail := server.Want(t, 1)[0]
	for _, text := range []string{"To: <compta@example.com>", "DB1/x.csv", "ligne 2 : PHC_MONTANT : la valeur n’est pas un nombre", "carillon exports quarantine show", "Que faire"} {
		if !strings.Contains(mail, text) {
			t.Errorf("the e-mail lacks %q:\n%s", text, mail)
		}
	}
	f.good()
	server.Want(t, 1)
	f.hook(func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusForbidden); return true })
	f.run()
	server.Want(t, 1)
	f.run()
	f.run()
	if mail := server.Want(t, 2)[1]; !strings.Contains(mail, "2 passages de suite") || !strings.Contains(mail, "Le conteneur a refusé l’accès.") || strings.Contains(mail, "sig=") {
		t.Errorf("the e-mail says:\n%s", mail)
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	f.good()
	f.good()
	server.Want(t, 3)
}

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

// TestSecretsAndNames: neither the address's signature nor a file's name comes into logs or faults.
func TestSecretsAndNames(t *testing.T) {
	f := newFixture(t, nil)
	f.put("DB1/secret-payroll.csv", []byte(broken))
	f.proxy.Close()
	r := f.run()
	if r.Fault == nil || r.Fault.Code != "container_silent" {
		t.Errorf("fault %+v", r.Fault)
	}
	if text := r.Fault.Detail + r.Fault.Do; strings.Contains(text, "sig=") || strings.Contains(text, "payroll") || strings.Contains(text, f.proxy.URL) {
		t.Errorf("the fault says %s", text)
	}
}

// TestPhantom: a blob that goes before it is read is nobody's failure.
func TestPhantom(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.hook(once(func(r *http.Request) bool { return isBlob(r, http.MethodGet) }, func(http.ResponseWriter, *http.Request) bool {
		if _, err := f.container.NewBlobClient("x.csv").Delete(t.Context(), nil); err != nil {
			t.Error(err)
		}
		return false
	}))
	if r := f.good(); r.Transferred+r.Failed != 0 {
		t.Errorf("run %+v", r)
	}
}
