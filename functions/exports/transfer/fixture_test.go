package transfer_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/blobs"
	"github.com/carillon-calendar/carillon/infra/sim/blobs/blobstest"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// store is the blob store of all tests of this package: the simulated one, or Azurite with `make test`.
var store struct {
	once    sync.Once
	account blobs.Account
	stop    func()
	dir     string
	err     error
}

func TestMain(m *testing.M) {
	if os.Getenv(killDir) != "" {
		runUntilKilled()
	}
	code := m.Run()
	if store.stop != nil {
		store.stop()
	}
	_ = os.RemoveAll(store.dir)
	os.Exit(code)
}

// account returns the owner of the running blob store.
func account(t *testing.T) blobs.Account {
	t.Helper()
	store.once.Do(func() {
		store.dir, store.err = os.MkdirTemp("", "blobs") //nolint:usetesting // it outlives the test
		if store.err == nil {
			store.account, store.stop = blobstest.Start(t, store.dir)
		}
	})
	if store.err != nil || store.stop == nil {
		t.Fatal("the blob store did not start: ", store.err)
	}
	return store.account
}

// A fixture is a source in the blob store, behind a proxy that tests can change, and the function that empties it into
// a folder.
type fixture struct {
	*testing.T

	name      string
	container *container.Client
	proxy     *httptest.Server
	db        *machine.DB
	dir       string // of the destination and what is beside it
	now       func() time.Time
	ahead     time.Duration // our clock of the store's
	handler   http.Handler

	// on is asked before a request goes on to the store; true says that it has answered.
	on atomic.Pointer[func(w http.ResponseWriter, r *http.Request) bool]
}

var containers atomic.Int32

// newFixture makes a source; change may change its settings.
func newFixture(t *testing.T, change func(src map[string]any)) *fixture {
	t.Helper()
	t.Parallel()
	owner := account(t)
	f := &fixture{T: t, name: fmt.Sprintf("c%06d", containers.Add(1)), dir: t.TempDir(), now: time.Now}
	var err error
	if f.container, err = owner.Container(f.name); err != nil {
		t.Fatal(err)
	}
	if _, err := f.container.Create(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	f.proxy = httptest.NewServer(f.front(owner.URL))
	t.Cleanup(f.proxy.Close)
	if f.db, err = machine.Open(t.Context(), f.dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.db.Close() })
	f.configure(change)
	return f
}

// front is the proxy before the store.
func (f *fixture) front(target string) http.Handler {
	u, err := url.Parse(target)
	if err != nil {
		f.Fatal(err)
	}
	next := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, u.Host
		}, Transport: &http.Transport{DisableCompression: true}, FlushInterval: -1,
		ModifyResponse: func(resp *http.Response) error {
			resp.Header.Set("Date", f.now().Add(-f.ahead).UTC().Format(http.TimeFormat))
			return nil
		}, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if on := f.on.Load(); on != nil && (*on)(w, r) {
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hook changes what becomes of requests to the store.
func (f *fixture) hook(on func(w http.ResponseWriter, r *http.Request) bool) { f.on.Store(&on) }

// address is the container's SAS address through the proxy.
func (f *fixture) address(rights string, until time.Time) string {
	token, err := account(f.T).Token(f.name, rights, until)
	if err != nil {
		f.Fatal(err)
	}
	return f.proxy.URL + "/" + blobs.Name + "/" + f.name + "?" + token
}

// configure writes the settings, and makes the function anew over what is kept.
func (f *fixture) configure(change func(src map[string]any)) {
	f.Helper()
	src := map[string]any{"name": "paie", "mode": "sas_url", "sas_url": f.address("rdl", time.Now().Add(time.Hour))}
	if change != nil {
		change(src)
	}
	doc := map[string]any{"sources": []any{src}}
	if smtp, ok := src["smtp"]; ok {
		doc["smtp"] = smtp
		delete(src, "smtp")
	}
	data, err := json.Marshal(doc)
	if err != nil {
		f.Fatal(err)
	}
	config := f.db.Bucket("config")
	old, _ := config.Get(f.Context(), exports.SettingsFile)
	if _, err := config.Put(f.Context(), exports.SettingsFile, old.Generation, data, nil); err != nil {
		f.Fatal(err)
	}
	f.handler = handler(f.T, f.db, f.dir, f.now, nil)
}

// handler is the function over a data folder.
func handler(
	t testing.TB,
	db *machine.DB,
	dir string,
	now func() time.Time,
	wrap func(files.Store, documents.Bucket) (files.Store, documents.Bucket),
) http.Handler {
	settings, err := exports.LoadSettings(db.Bucket("config"))
	if err != nil {
		t.Fatal(err)
	}
	var dest files.Store = files.NewFolder(filepath.Join(dir, "paie"), "", true)
	state := db.Bucket("state")
	if wrap != nil {
		dest, state = wrap(dest, state)
	}
	return transfer.New(transfer.Config{
		Settings: settings, State: state, Publisher: machine.NewQueue(db, now), Now: now,
		Destination: func(exports.Source) (files.Store, error) { return dest, nil },
	})
}

// put writes a blob.
func (f *fixture) put(name string, data []byte) {
	f.Helper()
	if _, err := f.container.NewBlockBlobClient(name).
		UploadBuffer(context.WithoutCancel(f.Context()), data,
			&blockblob.UploadBufferOptions{BlockSize: 8 << 20}); err != nil {
		f.Fatal(err)
	}
}

// setMD5 changes the MD5 that the store keeps of a blob.
func (f *fixture) setMD5(name string, md5 []byte) {
	f.Helper()
	if _, err := f.container.NewBlobClient(name).
		SetHTTPHeaders(f.Context(), blob.HTTPHeaders{BlobContentMD5: md5}, nil); err != nil {
		f.Fatal(err)
	}
}

// left are the names of the blobs at the source.
func (f *fixture) left() []string {
	f.Helper()
	names := []string{}
	pager := f.container.NewListBlobsFlatPager(nil)
	for pager.More() {
		page, err := pager.NextPage(f.Context())
		if err != nil {
			f.Fatal(err)
		}
		for _, item := range page.Segment.BlobItems {
			names = append(names, *item.Name)
		}
	}
	return names
}

// run makes a run by hand.
func (f *fixture) run() exports.Transfer {
	f.Helper()
	list := transfers(f.T, f.handler, `{}`)
	if len(list) != 1 {
		f.Fatalf("%d transfers", len(list))
	}
	return list[0]
}

func transfers(t testing.TB, h http.Handler, body string) []exports.Transfer {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(body)))
	if w.Code != http.StatusOK {
		t.Fatalf("POST /transfer: %d %s", w.Code, w.Body)
	}
	var list []exports.Transfer
	for line := range strings.Lines(w.Body.String()) {
		var l transfer.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if l.Transfer != nil {
			list = append(list, *l.Transfer)
		}
	}
	return list
}

// good is run for one that must have no fault.
func (f *fixture) good() exports.Transfer {
	f.Helper()
	r := f.run()
	if r.Fault != nil {
		f.Fatalf("fault %+v, files %+v", r.Fault, r.Files)
	}
	return r
}

// ask calls the function, and decodes its answer.
func (f *fixture) ask(method, path, body string, into any) int {
	f.Helper()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	if into != nil && w.Code < 300 {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			f.Fatal(err)
		}
	}
	return w.Code
}

// The folders of the destination.
func (f *fixture) files() map[string]string      { return tree(f.T, filepath.Join(f.dir, "paie")) }
func (f *fixture) quarantine() map[string]string { return f.beside("quarantine") }
func (f *fixture) archive() map[string]string    { return f.beside("archive") }
func (f *fixture) temp() map[string]string       { return f.beside("tmp") }

func (f *fixture) beside(place string) map[string]string {
	return tree(f.T, filepath.Join(f.dir, "paie"+exports.WorkSuffix, place))
}

// tree is the hash of each file below a folder.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && entry.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, file); err != nil {
			return err
		}
		below, err := filepath.Rel(dir, name)
		found[filepath.ToSlash(below)] = hex.EncodeToString(sum.Sum(nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// names are a tree's file names, sorted.
func names(tree map[string]string) string {
	return strings.Join(slices.Sorted(maps.Keys(tree)), " ")
}

// Good files of the known tables.
const (
	cumul    = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n0000000001;01;2512,34\n0000000002;01;-12,00\n"
	ecriture = "E_DATECOMPTABLE;E_JOURNAL;E_REFINTERNE;E_LIBELLE;E_GENERAL;E_DEBIT;E_CREDIT;E_AUXILIAIRE;E_REFLIBRE\n2025-05-31;VTE;FA1;a;7;0,00;12,50;;\n2025-05-31;VTE;FA1;a;4;12,50;0,00;;\n"
	broken   = "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n1;01;abc\n2;01;1\n"
)

// dateArchive gives all files of the archive a time.
func (f *fixture) dateArchive(at time.Time) {
	f.Helper()
	err := filepath.WalkDir(
		filepath.Join(f.dir, "paie.carillon", "archive"),
		func(name string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				err = os.Chtimes(name, at, at)
			}
			return err
		},
	)
	if err != nil {
		f.Fatal(err)
	}
}

// isBlob reports whether a request is for a blob, not for the container's listing.
func isBlob(r *http.Request, method string) bool {
	return r.Method == method && r.URL.Query().Get("comp") == ""
}

// once strikes at the first request that it is asked about.
func once(
	when func(r *http.Request) bool,
	do func(w http.ResponseWriter, r *http.Request) bool,
) func(http.ResponseWriter, *http.Request) bool {
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

func (b hookedBucket) Put(
	ctx context.Context,
	name string,
	gen int64,
	data []byte,
	m map[string]string,
) (int64, error) {
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

// entries are the journal's entries, by blob and ETag.
func (f *fixture) entries() []exports.Entry {
	f.Helper()
	var list []exports.Entry
	for info, err := range f.db.Bucket("state").List(f.Context(), exports.JournalPrefix("paie")) {
		if err != nil {
			f.Fatal(err)
		}
		e, _, err := documents.Load[exports.Entry](f.Context(), f.db.Bucket("state"), info.Name)
		if err != nil {
			f.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// entry is the journal's one entry of a blob.
func (f *fixture) entry(blob string) exports.Entry {
	f.Helper()
	list := slices.DeleteFunc(f.entries(), func(e exports.Entry) bool { return e.Blob != blob })
	if len(list) != 1 {
		f.Fatalf("%d entries of %s", len(list), blob)
	}
	return list[0]
}

// foreign writes somebody else's file into the importer's folder.
func (f *fixture) foreign(name string) {
	f.Helper()
	path := filepath.Join(f.dir, "paie", filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		f.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		f.Fatal(err)
	}
}

// imports removes a file from the importer's folder, as the importer does.
func (f *fixture) imports(name string) {
	f.Helper()
	if err := os.Remove(filepath.Join(f.dir, "paie", filepath.FromSlash(name))); err != nil {
		f.Fatal(err)
	}
}

// stored makes the function anew with its destination wrapped.
func (f *fixture) stored(wrap func(files.Store) files.Store) {
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) { return wrap(s), b })
}

// stuck makes the function anew over a destination that gives no file its name.
func (f *fixture) stuck() { f.stored(func(s files.Store) files.Store { return stuckStore{s} }) }

// counted counts the requests that a test is asked about.
func (f *fixture) counted(when func(r *http.Request) bool) *atomic.Int32 {
	n := new(atomic.Int32)
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if when(r) {
			n.Add(1)
		}
		return false
	})
	return n
}

// quarantined are the files in the quarantine, as people see them.
func (f *fixture) quarantined() (list []transfer.Quarantined) {
	f.Helper()
	f.ask(http.MethodGet, "/quarantine", "", &list)
	return list
}

// release releases a file of the quarantine.
func (f *fixture) release(id, body string) int {
	f.Helper()
	return f.ask(http.MethodPost, "/quarantine/paie/"+id+"/release", body, nil)
}

// status is the source's.
func (f *fixture) status() transfer.Status {
	f.Helper()
	var list []transfer.Status
	if code := f.ask(http.MethodGet, "/status", "", &list); code != http.StatusOK || len(list) != 1 {
		f.Fatalf("status: %d, %d sources", code, len(list))
	}
	return list[0]
}

// push asks for a run of the source by a message that was published at a time.
func (f *fixture) push(published time.Time) int {
	f.Helper()
	const source = "eyJzb3VyY2UiOiJwYWllIn0=" // {"source":"paie"}
	return f.ask(
		http.MethodPost,
		"/",
		`{"subscription":"s","message":{"messageId":"1","publishTime":"`+published.UTC().
			Format(time.RFC3339Nano)+
			`","data":"`+source+`"}}`,
		nil,
	)
}

// died makes the state that of a run that died: it had handed on files, and stored nothing of it.
func (f *fixture) died() {
	f.Helper()
	_, err := documents.Update(
		f.Context(),
		f.db.Bucket("state"),
		exports.StateName("paie"),
		func(s *exports.State) (map[string]string, error) {
			s.Handed = nil
			s.Lease.ID, s.Lease.Expires = "dead", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			return nil, nil
		},
	)
	if err != nil {
		f.Fatal(err)
	}
}
