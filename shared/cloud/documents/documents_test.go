package documents_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

type counter struct {
	N int `json:"n"`
}

func bucket(t *testing.T) documents.Bucket {
	t.Helper()
	db, err := machine.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db.Bucket("documents")
}

// contended is a bucket in which somebody else writes first, so many times.
type contended struct {
	documents.Bucket

	times, puts int
}

func (c *contended) Put(
	ctx context.Context,
	name string,
	gen int64,
	data []byte,
	metadata map[string]string,
) (int64, error) {
	c.puts++
	if c.puts <= c.times {
		return 0, documents.ErrConflict
	}
	return c.Bucket.Put(ctx, name, gen, data, metadata)
}

func increment(c *counter) (map[string]string, error) {
	c.N++
	return map[string]string{"n": "counted"}, nil
}

// TestUpdateTriesAgain: a lost race starts again from what is there, a bounded number of times.
func TestUpdateTriesAgain(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lost int
		want error
		puts int
	}{
		"none_lost":      {0, nil, 1},
		"eleven_lost":    {11, nil, 12},
		"twelve_lost":    {12, documents.ErrConflict, 12},
		"many_more_lost": {100, documents.ErrConflict, 12},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				db, err := machine.Open(t.Context(), dir)
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				b := &contended{Bucket: db.Bucket("documents"), times: tt.lost}
				began := time.Now()
				got, err := documents.Update(t.Context(), b, "a.json", increment)
				if !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) || b.puts != tt.puts {
					t.Errorf("%v after %d writes, want %v after %d", err, b.puts, tt.want, tt.puts)
				}
				if want := min(1, tt.puts-tt.lost); got.N != max(0, want) {
					t.Errorf("value = %+v, want one increment where it was written", got)
				}
				if err != nil && !strings.Contains(err.Error(), "a.json") {
					t.Errorf("error = %v, want one that names the document", err)
				}
				if waited := time.Since(began); waited > 12*time.Second || tt.lost == 0 && waited > 0 {
					t.Errorf("it took %s", waited)
				}
			})
		})
	}
}

// TestUpdateEndsWithItsRequest: nobody waits for a race when the caller has gone.
func TestUpdateEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	b := &contended{Bucket: bucket(t), times: 100}
	_, err := documents.Update(ctx, b, "a.json", func(c *counter) (map[string]string, error) {
		if b.puts == 2 {
			cancel()
			return nil, context.Canceled
		}
		return increment(c)
	})
	if !errors.Is(err, context.Canceled) || b.puts != 2 {
		t.Errorf("%v after %d writes", err, b.puts)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		b := &contended{Bucket: missing{}, times: 100}
		if _, err := documents.Update(ctx, b, "a.json", increment); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v after %d writes, want the deadline's", err, b.puts)
		}
	})
}

// missing is a bucket without a document.
type missing struct{ documents.Bucket }

func (missing) Get(context.Context, string) (documents.Document, error) {
	return documents.Document{}, documents.ErrNotFound
}

// TestUpdateLeavesWhatIsRight: an updater that has nothing to change writes nothing, and is told what is there.
func TestUpdateLeavesWhatIsRight(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	gen, err := documents.Store(t.Context(), b, "a.json", 0, counter{7}, map[string]string{"k": "v"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := documents.Update(
		t.Context(),
		b,
		"a.json",
		func(*counter) (map[string]string, error) { return nil, documents.ErrUnchanged },
	)
	doc, gerr := b.Get(t.Context(), "a.json")
	if err != nil || gerr != nil || got.N != 7 || doc.Generation != gen || doc.Metadata["k"] != "v" {
		t.Errorf("value %+v, %v; document %+v, %v", got, err, doc, gerr)
	}
	if got, err = documents.Update(t.Context(), b, "a.json", increment); err != nil || got.N != 8 {
		t.Errorf("value %+v, %v", got, err)
	}
	if doc, _ = b.Get(
		t.Context(),
		"a.json",
	); doc.Generation == gen || doc.Metadata["n"] != "counted" ||
		doc.Metadata["k"] != "" {
		t.Errorf("document %+v, want the updater's metadata", doc)
	}
}

// TestLoad: a missing document is told apart from one that cannot be read, which must not be written over as if it were
// new.
func TestLoad(t *testing.T) {
	t.Parallel()
	b := bucket(t)
	if v, gen, err := documents.Load[counter](
		t.Context(),
		b,
		"a.json",
	); !errors.Is(err, documents.ErrNotFound) || gen != 0 ||
		v.N != 0 {
		t.Errorf("a missing one: %+v at %d, %v", v, gen, err)
	}
	if v, err := documents.LoadIfAny[counter](t.Context(), b, "a.json"); err != nil || v.N != 0 {
		t.Errorf("a missing one, if any: %+v, %v", v, err)
	}
	wrote, err := b.Put(t.Context(), "a.json", 0, []byte(`{"n":`), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, gen, err := documents.Load[counter](
		t.Context(),
		b,
		"a.json",
	); err == nil || gen != wrote ||
		!strings.Contains(err.Error(), "a.json") {
		t.Errorf("a broken one: generation %d, %v", gen, err)
	}
	if _, err := documents.LoadIfAny[counter](t.Context(), b, "a.json"); err == nil {
		t.Error("a broken one is taken for a missing one")
	}
	called := false
	if _, err := documents.Update(
		t.Context(),
		b,
		"a.json",
		func(c *counter) (map[string]string, error) { called = true; return increment(c) },
	); err == nil ||
		called {
		t.Errorf("an update of a broken one: %v, changed %v", err, called)
	}
	if doc, err := b.Get(t.Context(), "a.json"); err != nil || string(doc.Data) != `{"n":` || doc.Generation != wrote {
		t.Errorf("afterwards it is %+v, %v", doc, err)
	}
}
