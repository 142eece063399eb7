package machine_test

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/documentstest"
)

// crashDir names the folder that a re-run of this test program writes to until it is killed.
const crashDir = "CARILLON_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		writeUntilKilled(dir)
	}
	os.Exit(m.Run())
}

func open(t *testing.T, dir string) *machine.DB {
	t.Helper()
	db, err := machine.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	documentstest.Run(t, open(t, t.TempDir()).Bucket("documents"))
}

// TestDeleteOfAnotherGeneration is no part of the suite, because the stand-in for Cloud Storage ignores preconditions
// of deletions.
func TestDeleteOfAnotherGeneration(t *testing.T) {
	t.Parallel()
	b := open(t, t.TempDir()).Bucket("documents")
	gen, err := b.Put(t.Context(), "a.json", 0, []byte(`{}`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Delete(t.Context(), "a.json", gen+1); !errors.Is(err, documents.ErrConflict) {
		t.Errorf("error = %v, want ErrConflict", err)
	}
	if _, err := b.Get(t.Context(), "a.json"); err != nil {
		t.Error(err)
	}
}

type count struct {
	N   int    `json:"n"`
	Pad string `json:"pad"`
}

// TestKill kills a writer 200 times: what it acknowledged is there, and readable.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	acknowledged, kills := 0, 50
	if peers.Wanted() {
		kills = 200
	}
	for i := range kills {
		last := killOnce(t, dir, time.Duration(i%10)*time.Millisecond)
		acknowledged = max(acknowledged, last)
		db, err := machine.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := documents.Load[count](t.Context(), db.Bucket("b"), "count.json")
		if err != nil && (acknowledged > 0 || !errors.Is(err, documents.ErrNotFound)) {
			t.Fatalf("after kill %d: %v", i, err)
		}
		if got.N < acknowledged {
			t.Fatalf("after kill %d the document says %d, but %d was acknowledged", i, got.N, acknowledged)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if acknowledged < kills {
		t.Errorf("only %d writes in %d runs: the writers did not get to work", acknowledged, kills)
	}
}

// killOnce lets a writer work for a little, kills it, and returns the last number that it acknowledged.
func killOnce(t *testing.T, dir string, life time.Duration) int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last, lines := 0, bufio.NewScanner(out)
	for lines.Scan() {
		if n, err := strconv.Atoi(strings.TrimSpace(lines.Text())); err == nil {
			if last == 0 {
				time.AfterFunc(life, func() { _ = cmd.Process.Kill() })
			}
			last = n
		}
	}
	_ = cmd.Wait()
	return last
}
