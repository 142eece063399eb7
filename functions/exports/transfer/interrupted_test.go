package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

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

// TestOnlyCopy: a run stopped before a file got its name, which is taken since, and the blob is gone: the file goes to
// the archive. Other temporary files are removed meanwhile.
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
	if everywhere(f)[hash([]byte(cumul))] == "" || f.files()["x.csv"] != hash([]byte("mine")) || len(f.temp()) != 0 ||
		len(f.archive()) != 1 {
		t.Errorf("files %v, archive %v, temporary %v", f.files(), f.archive(), f.temp())
	}
	if r := f.good(); r.Failed != 0 {
		t.Errorf("then: %+v", r)
	}
}

// TestDeadRunAndBadRun: a run died, the next fails early; what was handed on is still known.
func TestDeadRunAndBadRun(t *testing.T) {
	f := newFixture(t, nil)
	const newer, older = "DB1/DB1-paie-histocumsal-20250802040012.csv", "DB1/DB1-paie-histocumsal-20250801040012.csv"
	f.put(newer, []byte(cumul))
	f.good()
	f.died()
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

// TestUndoneBlobIsBroughtLater: a name is taken and the journal fails for a while; the file is not counted as one that
// was handed on, and comes when the name is free.
func TestUndoneBlobIsBroughtLater(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.foreign("x.csv")
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
		return s, hookedBucket{Bucket: b, onDelete: func(string) error { return errors.New("503") }}
	})
	f.run()
	f.wrapped(nil)
	if r := f.run(); r.Failed == 0 || len(f.left()) != 1 || len(f.archive()) != 0 {
		t.Errorf("run %+v, left %v, archive %v", r, f.left(), f.archive())
	}
	f.imports("x.csv")
	if r := f.good(); r.Transferred != 1 || f.files()["x.csv"] != hash([]byte(cumul)) || len(f.temp()) != 0 {
		t.Errorf("then: %+v, files %v", r, f.files())
	}
}

// TestTakenUp: what a run had begun the next one ends, and counts.
func TestTakenUp(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.stuck()
	if r := f.run(); r.Failed != 1 || f.entry("x.csv").State != exports.StateStaged {
		t.Errorf("run %+v", r)
	}
	f.wrapped(nil)
	reads := f.counted(func(r *http.Request) bool { return isBlob(r, http.MethodGet) })
	if r := f.good(); r.Transferred != 1 || reads.Load() != 0 || f.files()["x.csv"] != hash([]byte(cumul)) ||
		len(f.temp()) != 0 {
		t.Errorf("then: %+v, %d reads, files %v", r, reads.Load(), f.files())
	}
	if f.good(); len(f.left()) != 0 {
		t.Errorf("left %v", f.left())
	}
}

// TestTakenUpUnderATakenName: the blob is still there, so that its file needs no other place.
func TestTakenUpUnderATakenName(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.stuck()
	f.run()
	f.foreign("x.csv")
	f.wrapped(nil)
	if r := f.run(); r.Failed < 1 || r.Archived != 0 || len(f.left()) != 1 || len(f.archive()) != 0 ||
		f.files()["x.csv"] != hash([]byte("mine")) {
		t.Errorf("run %+v, left %v, archive %v, files %v", r, f.left(), f.archive(), f.files())
	}
}

// TestTakenUpWithoutItsFile: nobody can tell whether the importer has had the file: a copy goes to the archive,
// whatever has its name now.
//
//nolint:tparallel // newFixture does
func TestTakenUpWithoutItsFile(t *testing.T) {
	for name, taken := range map[string]bool{"free": false, "taken": true} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			f.put("x.csv", []byte(cumul))
			f.stuck()
			f.run()
			for name := range f.temp() {
				if err := os.Remove(filepath.Join(f.dir, "paie"+exports.WorkSuffix, "tmp", name)); err != nil {
					t.Fatal(err)
				}
			}
			if taken {
				f.foreign("x.csv")
			}
			f.wrapped(nil)
			f.good()
			f.good()
			if kept := values(f.archive()); len(kept) != 1 || kept[0] != hash([]byte(cumul)) || len(f.left()) != 0 {
				t.Errorf("archive %v, left %v", f.archive(), f.left())
			}
			if _, there := f.files()["x.csv"]; there != taken {
				t.Errorf("files %v", f.files())
			}
		})
	}
}

// TestTakenUpWithOtherBytes: what the store gives then is not what the run that stopped had read: it is no copy of it.
func TestTakenUpWithOtherBytes(t *testing.T) {
	f := newFixture(t, nil)
	blob := f.container.NewBlockBlobClient("x.bin") // in blocks, so that the store has no MD5
	if _, err := blob.UploadStream(t.Context(), strings.NewReader("right"), &blockblob.UploadStreamOptions{
		BlockSize: 1,
	}); err != nil {
		t.Fatal(err)
	}
	f.stuck()
	f.run()
	for name := range f.temp() {
		if err := os.Remove(filepath.Join(f.dir, "paie"+exports.WorkSuffix, "tmp", name)); err != nil {
			t.Fatal(err)
		}
	}
	f.wrapped(nil)
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "wrong")
		}
		return isBlob(r, http.MethodGet)
	})
	if r := f.run(); r.Failed != 1 || len(f.left()) != 1 || len(f.archive()) != 0 || len(f.files()) != 0 {
		t.Errorf("run %+v, archive %v, files %v", r, f.archive(), f.files())
	}
}

// TestTakingUpEndsWithTheDestination: a destination that fails while a run takes up is the run's fault, and nothing
// else is begun.
func TestTakingUpEndsWithTheDestination(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.stuck()
	f.run()
	f.put("y.csv", []byte(cumul))
	f.stored(func(s files.Store) files.Store { return fullStore{s} })
	reads := f.counted(func(r *http.Request) bool { return isBlob(r, http.MethodGet) })
	if r := f.run(); r.Fault == nil || r.Fault.Code != "destination" || reads.Load() != 0 {
		t.Errorf("fault %+v, %d reads", r.Fault, reads.Load())
	}
}

// A fullStore takes nothing more; its probe has still found room.
type fullStore struct{ files.Store }

func (s fullStore) Move(ctx context.Context, from, to exports.File) error {
	if strings.HasPrefix(from.Path, exports.Own) {
		return s.Store.Move(ctx, from, to)
	}
	return fmt.Errorf("%w: no space left", files.ErrUnusable)
}

func (s fullStore) Create(ctx context.Context, f exports.File) (files.Writer, error) {
	if strings.HasPrefix(f.Path, exports.Own) {
		return s.Store.Create(ctx, f)
	}
	return nil, fmt.Errorf("%w: no space left", files.ErrUnusable)
}
