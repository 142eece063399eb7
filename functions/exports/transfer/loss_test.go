package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// A hookedStore tells of moves before they are made.
type hookedStore struct {
	files.Store

	onMove func(from, to exports.File)
}

func (s hookedStore) Move(ctx context.Context, from, to exports.File) error {
	if s.onMove != nil {
		s.onMove(from, to)
	}
	return s.Store.Move(ctx, from, to)
}

// A hookedBucket tells of writes, and may refuse deletions.
type hookedBucket struct {
	documents.Bucket

	onDelete func(name string) error
	onPut    func(name string, data []byte)
}

func (b hookedBucket) Put(ctx context.Context, name string, gen int64, data []byte, m map[string]string) (int64, error) {
	if b.onPut != nil {
		b.onPut(name, data)
	}
	return b.Bucket.Put(ctx, name, gen, data, m)
}

func (b hookedBucket) Delete(ctx context.Context, name string, gen int64) error {
	if b.onDelete != nil {
		if err := b.onDelete(name); err != nil {
			return err
		}
	}
	return b.Bucket.Delete(ctx, name, gen)
}

// everywhere are all hashes of the files on this side.
func everywhere(f *fixture) map[string]string {
	all := map[string]string{}
	for _, m := range []map[string]string{f.files(), f.quarantine(), f.archive(), f.temp()} {
		for k, v := range m {
			all[v] = k
		}
	}
	return all
}

// wrapped makes the function anew with its stores wrapped.
func (f *fixture) wrapped(w func(files.Store, documents.Bucket) (files.Store, documents.Bucket)) {
	f.handler = handler(f.T, f.db, f.dir, f.now, w)
}

// TestInterruptedUndo: a name is taken, and the journal cannot be told; nobody's file is taken for ours.
func TestInterruptedUndo(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	foreign := filepath.Join(f.dir, "paie", "x.csv")
	_ = os.MkdirAll(filepath.Dir(foreign), 0o700)
	_ = os.WriteFile(foreign, []byte("mine"), 0o600)
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
		return s, hookedBucket{Bucket: b, onDelete: func(n string) error {
			if strings.HasPrefix(n, "journal/") {
				return errors.New("503")
			}
			return nil
		}}
	})
	f.run()
	f.wrapped(nil)
	f.run()
	if len(f.left()) == 0 && everywhere(f)[hash([]byte(cumul))] == "" {
		t.Error("the blob is deleted, and its bytes are nowhere")
	}
}

// A stuckStore gives no file its name.
type stuckStore struct{ files.Store }

func (s stuckStore) Move(ctx context.Context, from, to exports.File) error {
	if strings.HasPrefix(from.Path, exports.Own) { // the probe
		return s.Store.Move(ctx, from, to)
	}
	return errors.New("the disk is stuck")
}

// TestOnlyCopy: a run stopped before a file got its name, which is taken since, and the blob is gone: the file goes to the archive. Other temporary files are removed meanwhile.
func TestOnlyCopy(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) { return stuckStore{s}, b })
	f.run()
	stray := filepath.Join(f.dir, "paie"+exports.WorkSuffix, "tmp", "0123-stray")
	if err := os.WriteFile(stray, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.run()
	if left := f.temp(); len(left) != 1 || left["0123-stray"] != "" {
		t.Errorf("temporary files %v", left)
	}
	if _, err := f.container.NewBlobClient("x.csv").Delete(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.dir, "paie", "x.csv"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.wrapped(nil)
	f.run()
	if everywhere(f)[hash([]byte(cumul))] == "" || f.files()["x.csv"] != hash([]byte("mine")) || len(f.temp()) != 0 || len(f.archive()) != 1 {
		t.Errorf("files %v, archive %v, temporary %v", f.files(), f.archive(), f.temp())
	}
	if r := f.good(); r.Failed != 0 {
		t.Errorf("then: %+v", r)
	}
}

// TestTemporaryFileVanishes: a file that is gone before it has its name was not handed on, and its blob stays.
func TestTemporaryFileVanishes(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
		return hookedStore{Store: s, onMove: func(from, _ exports.File) {
			if from.Place == exports.PlaceTemp && !strings.HasPrefix(from.Path, ".") {
				_ = s.Remove(context.Background(), from)
			}
		}}, b
	})
	r := f.run()
	if r.Failed != 1 || r.Deleted != 0 || len(f.left()) != 1 {
		t.Errorf("run %+v, left %v", r, f.left())
	}
	f.wrapped(nil)
	if r := f.good(); r.Transferred != 1 || len(f.left()) != 0 {
		t.Errorf("then: %+v", r)
	}
}

// TestRewrittenAndWrittenAnew: with rewriting too, a newer version takes the place of one that the importer has not taken yet.
func TestRewrittenAndWrittenAnew(t *testing.T) {
	f := newFixture(t, func(src map[string]any) { src["rewrite"] = true })
	for _, amount := range []string{"12,00", "13,00", "14,00"} {
		f.put("DB1/x.csv", []byte(strings.Replace(cumul, "12,00", amount, 1)))
		for range 2 {
			if r := f.run(); r.Fault != nil {
				t.Errorf("%s: fault %+v files %+v; files %v archive %v temp %v", amount, r.Fault, r.Files, f.files(), names(f.archive()), names(f.temp()))
			}
		}
	}
	last := "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n0000000001;01;2512.34\n0000000002;01;-14.00\n"
	if f.files()["DB1/x.csv"] != hash([]byte(last)) || len(f.archive()) != 5 { // three originals, and two that were taken back
		t.Errorf("files %v, archive %s", f.files(), names(f.archive()))
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
		t.Errorf("release %d: the older, broken version replaced the newer: files %v archive %v", code, f.files(), f.archive())
	}
}

// TestDeadRunAndBadRun: a run died, the next fails early; what was handed on is still known.
func TestDeadRunAndBadRun(t *testing.T) {
	f := newFixture(t, nil)
	const newer, older = "DB1/DB1-paie-histocumsal-20250802040012.csv", "DB1/DB1-paie-histocumsal-20250801040012.csv"
	f.put(newer, []byte(cumul))
	f.good()
	b := f.db.Bucket("state")
	doc, _ := b.Get(t.Context(), exports.StateName("paie"))
	var st map[string]any
	_ = json.Unmarshal(doc.Data, &st)
	delete(st, "handed")
	st["lease"] = map[string]any{"id": "dead", "expires": "2020-01-01T00:00:00Z"}
	data, _ := json.Marshal(st)
	if _, err := b.Put(t.Context(), exports.StateName("paie"), doc.Generation, data, nil); err != nil {
		t.Fatal(err)
	}
	// The destination cannot be used for one run.
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) { return brokenCheck{s}, b })
	if r := f.run(); r.Fault == nil {
		t.Fatal("no fault")
	}
	f.wrapped(nil)
	f.put(older, []byte(cumul))
	f.good()
	if _, there := f.files()[older]; there {
		t.Errorf("an older run was handed on after a newer: %v", names(f.files()))
	}
}

type brokenCheck struct{ files.Store }

func (brokenCheck) Check(context.Context) error { return files.ErrUnusable }

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

// TestRunThatOutlivesItsLease: it stalls before it writes the journal, while another run has begun with the same blob; what gets the name is what was verified.
func TestRunThatOutlivesItsLease(t *testing.T) {
	f := newFixture(t, nil)
	body := []byte(strings.Repeat("x", 1<<20))
	f.put("x.bin", body)
	bIsReading, release := make(chan struct{}), make(chan struct{})
	var inB atomic.Bool
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !inB.Load() || !isBlob(r, http.MethodGet) {
			return false
		}
		// The second run's read: the first bytes, then nothing, then a broken connection.
		w.Header().Set("Content-Length", "1048576")
		w.Header().Set("ETag", r.Header.Get("If-Match"))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body[:200<<10])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-bIsReading:
		default:
			time.AfterFunc(300*time.Millisecond, func() { close(bIsReading) })
		}
		<-release
		panic(http.ErrAbortHandler)
	})
	var once sync.Once
	done := make(chan struct{})
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
		return s, hookedBucket{Bucket: b, onPut: func(name string, _ []byte) {
			if !strings.HasPrefix(name, "journal/") {
				return
			}
			once.Do(func() {
				// More than half a minute passes for this run: its lease has ended.
				doc, _ := b.Get(context.Background(), exports.StateName("paie"))
				var st map[string]any
				_ = json.Unmarshal(doc.Data, &st)
				st["lease"].(map[string]any)["expires"] = "2020-01-01T00:00:00Z"
				data, _ := json.Marshal(st)
				_, _ = b.Put(context.Background(), exports.StateName("paie"), doc.Generation, data, nil)
				inB.Store(true)
				go func() {
					defer close(done)
					h := handler(t, f.db, f.dir, time.Now, nil)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(`{}`)))
				}()
				<-bIsReading
			})
		}}
	})
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(`{}`)))
	inB.Store(false)
	close(release)
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Error("the second run goes on")
	}
	if len(f.left()) == 0 && everywhere(f)[hash(body)] == "" {
		t.Error("the file under its final name is not what was verified, and the blob is deleted")
	}
}

// TestLateAndFailed: a file that cannot be brought does not keep a run that is out of time from handing itself on.
func TestLateAndFailed(t *testing.T) {
	f := newFixture(t, nil)
	f.put("aaa ", []byte("bad name"))
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			time.Sleep(time.Second)
		}
		return false
	})
	settings, _ := exports.LoadSettings(f.db.Bucket("config"))
	dest := files.NewFolder(filepath.Join(f.dir, "paie"), "", true)
	h := transfer.New(transfer.Config{
		Settings: settings, State: f.db.Bucket("state"), Publisher: machine.NewQueue(f.db, f.now), Now: f.now,
		Destination: func(exports.Source) (files.Store, error) { return dest, nil },
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
	defer cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(`{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z","data":"eyJzb3VyY2UiOiJwYWllIn0="}}`)))
	var status []struct{ Runs []exports.Transfer }
	f.ask(http.MethodGet, "/status", "", &status)
	run := status[0].Runs[0]
	if len(f.left()) > 1 && !run.Late {
		t.Error("one bad name: the run that ran out of time does not hand itself on")
	}
}
