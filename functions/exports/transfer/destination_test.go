package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

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
		if r := f.run(); r.Failed != 1 || r.Deleted != 0 || len(f.left()) != 1 ||
			f.files()["x.csv"] != hash([]byte("mine")) ||
			len(f.temp()) != 0 {
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

// TestFileAndFolder: a folder where a file should stand, or a file where its folder should, is nobody's to move: the
// blob stays and is told, nothing is left half done, and it goes through when the name is free.
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
				if r.Failed != 1 || r.Deleted != 0 || len(f.left()) != 1 || names(f.files()) != tt.foreign ||
					len(f.temp()) != 0 ||
					!strings.Contains(line(r, tt.blob).Why, "taken") {
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

// TestDestinationFillsUp: a run ends when there is no room, and reads no more than what it had begun.
func TestDestinationFillsUp(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 60 {
		f.put(fmt.Sprintf("f%02d.bin", i), []byte("data"))
	}
	f.stored(func(s files.Store) files.Store { return fullStore{s} })
	reads := f.counted(func(r *http.Request) bool { return isBlob(r, http.MethodGet) })
	if r := f.run(); r.Fault == nil || r.Fault.Code != "destination" || reads.Load() > 40 || len(f.left()) != 60 {
		t.Errorf("fault %+v, %d reads, %d left", r.Fault, reads.Load(), len(f.left()))
	}
}

// A shortWriter loses what is written after a few bytes, and says so.
type shortWriter struct{ files.Writer }

func (w shortWriter) Write(p []byte) (int, error) {
	n, _ := w.Writer.Write(p[:min(len(p), 3)])
	return n, errors.New("no space left on device")
}

type shortStore struct{ files.Store }

func (s shortStore) Create(ctx context.Context, f exports.File) (files.Writer, error) {
	w, err := s.Store.Create(ctx, f)
	if err != nil || strings.HasPrefix(f.Path, exports.Own) {
		return w, err
	}
	return shortWriter{w}, nil
}

// TestFailedWrite: what could not be written whole is no file.
func TestFailedWrite(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.bin", []byte("0123456789"))
	f.stored(func(s files.Store) files.Store { return shortStore{s} })
	if r := f.run(); r.Failed != 1 || r.Transferred != 0 || len(f.left()) != 1 || len(f.files()) != 0 {
		t.Errorf("run %+v, files %v", r, f.files())
	}
}
