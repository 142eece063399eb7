package transfer_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
