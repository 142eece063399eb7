package transfer_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// A re-run of this test program makes one run over the data folder killDir names, and kills itself around the step that
// killAt numbers.
const (
	killDir = "CARILLON_EXPORTS_KILL_DIR"
	killAt  = "CARILLON_EXPORTS_KILL_AT"
)

// An assassin counts steps, and kills the process around one of them: before it (even numbers) or after.
type assassin struct {
	at    int64
	steps atomic.Int64
	dir   string
}

func (a *assassin) around(do func() error) error {
	n := a.steps.Add(1)
	if a.at == 2*n {
		a.kill()
	}
	err := do()
	if a.at == 2*n+1 {
		a.kill()
	}
	return err
}

func (a *assassin) kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// mortalStore is a store whose steps may be the last; an importer takes files as soon as they are there, now and then.
type mortalStore struct {
	files.Store

	a *assassin
}

func (s mortalStore) Create(ctx context.Context, f exports.File) (w files.Writer, err error) {
	err = s.a.around(func() error { w, err = s.Store.Create(ctx, f); return err })
	return mortalWriter{w, s.a}, err
}

func (s mortalStore) Move(ctx context.Context, from, to exports.File) error {
	return s.a.around(func() error {
		err := s.Store.Move(ctx, from, to)
		if err == nil && s.a.at%3 == 0 {
			importFiles(s.a.dir)
		}
		return err
	})
}

func (s mortalStore) Remove(ctx context.Context, f exports.File) error {
	return s.a.around(func() error { return s.Store.Remove(ctx, f) })
}

type mortalWriter struct {
	files.Writer

	a *assassin
}

func (w mortalWriter) Write(p []byte) (n int, err error) {
	err = w.a.around(func() error { n, err = w.Writer.Write(p); return err })
	return n, err
}

func (w mortalWriter) Commit() error { return w.a.around(w.Writer.Commit) }

// mortalBucket is a journal whose steps may be the last.
type mortalBucket struct {
	documents.Bucket

	a *assassin
}

func (b mortalBucket) Put(
	ctx context.Context,
	name string,
	gen int64,
	data []byte,
	metadata map[string]string,
) (next int64, err error) {
	err = b.a.around(func() error { next, err = b.Bucket.Put(ctx, name, gen, data, metadata); return err })
	return next, err
}

func (b mortalBucket) Delete(ctx context.Context, name string, gen int64) error {
	return b.a.around(func() error { return b.Bucket.Delete(ctx, name, gen) })
}

// importFiles does what the importer does: it takes what it finds, and keeps it under names of its own.
func importFiles(dir string) {
	var found []string
	_ = filepath.WalkDir(filepath.Join(dir, "paie"), func(name string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.HasSuffix(name, ".csv") {
			found = append(found, name)
		}
		return nil
	})
	for _, name := range found {
		_ = os.Rename(name, filepath.Join(dir, "imported", fmt.Sprintf("%d-%d", time.Now().UnixNano(), rand.Int64())))
	}
}

// runUntilKilled is the re-run.
func runUntilKilled() {
	dir := os.Getenv(killDir)
	at, err := strconv.ParseInt(os.Getenv(killAt), 10, 64)
	if err != nil {
		panic(err)
	}
	db, err := machine.Open(context.Background(), dir)
	if err != nil {
		panic(err)
	}
	a := &assassin{at: at, dir: dir}
	h := handler(
		&testing.T{},
		db,
		dir,
		time.Now,
		func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
			return mortalStore{s, a}, mortalBucket{b, a}
		},
	)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader("{}")))
	if _, err := os.Stdout.Write(w.Body.Bytes()); err != nil || w.Code != http.StatusOK ||
		!strings.Contains(w.Body.String(), `"fault"`) {
		os.Exit(0)
	}
	os.Exit(3)
}

// kills is how many runs TestKill makes: all of them with `make test`.
func kills() int {
	if peers.Wanted() {
		return 200
	}
	return 40
}

// TestKill kills a run around each of its steps, again and again, while new files come and the importer works: every
// file arrives at the importer once, and none is lost.
func TestKill(t *testing.T) {
	f := newFixture(t, nil)
	if err := os.Mkdir(filepath.Join(f.dir, "imported"), 0o700); err != nil {
		t.Fatal(err)
	}
	want, bad := map[string]bool{}, map[string]bool{}
	killed := 0
	for i := range kills() {
		for n := range 1 + i%4 {
			end, good := "\n", want
			if n == 3 { // one that does not pass its check
				end, good = "x\n", bad
			}
			data := fmt.Appendf(nil, "%s%d%s", "PHC_SALARIE;PHC_CUMULPAIE;PHC_MONTANT\n1;01;", 10*i+n, end)
			f.put(fmt.Sprintf("DB1/f%03d-%d.csv", i, n), data)
			good[hash(data)] = true
		}
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killDir+"="+f.dir, killAt+"="+strconv.Itoa(2+rand.IntN(24+20*(i%4))))
		var log bytes.Buffer
		cmd.Stderr = &log
		out, err := cmd.Output()
		if strings.Contains(log.String(), "DB1/") || strings.Contains(log.String(), "sig=") {
			t.Fatalf("the log names files, or the address:\n%s", log.String())
		}
		switch code := cmd.ProcessState.ExitCode(); {
		case code == -1:
			killed++
		case err != nil:
			t.Fatalf("run %d: %v\n%s%s", i, err, out, log.String())
		}
		f.forgetLease()
		if i%5 == 0 {
			importFiles(f.dir)
		}
	}
	f.good()
	importFiles(f.dir)
	got := map[string]int{}
	for _, sum := range tree(t, filepath.Join(f.dir, "imported")) {
		got[sum]++
	}
	for _, sum := range slices.Sorted(maps.Keys(want)) {
		if got[sum] != 1 {
			t.Errorf("%s came to the importer %d times", sum, got[sum])
		}
	}
	held := 0
	for name, sum := range f.quarantine() {
		if bad[sum] {
			held++
		} else if !strings.HasSuffix(name, ".report.json") {
			t.Errorf("the quarantine holds %s", name)
		}
	}
	if held != len(bad) {
		t.Errorf("%d of %d bad files are in the quarantine", held, len(bad))
	}
	if len(got) != len(want) || len(f.left()) != 0 || len(f.temp()) != 0 || killed < kills()/2 {
		t.Errorf(
			"%d files of %d, %d left, %d temporary, %d of %d runs were killed",
			len(got),
			len(want),
			len(f.left()),
			len(f.temp()),
			killed,
			kills(),
		)
	}
}

// forgetLease takes away the lease of a dead run, in place of a wait of half a minute.
func (f *fixture) forgetLease() {
	f.Helper()
	_, err := documents.Update(
		f.Context(),
		f.db.Bucket("state"),
		exports.StateName("paie"),
		func(s *exports.State) (map[string]string, error) {
			s.Lease.Expires = time.Time{}
			return nil, nil
		},
	)
	if err != nil {
		f.Fatal(err)
	}
}
