package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"

	"github.com/carillon-calendar/carillon/shared/exports"
)

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
		if r := f.run(); r.Failed != 1 || r.Transferred != 1 || len(f.left()) != 1 || names(f.files()) != "y.bin" ||
			len(f.temp()) != 0 {
			t.Errorf("run %+v, left %v, files %v, temporary %v", r, f.left(), f.files(), f.temp())
		}
	})
	t.Run("md5", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("x.bin", data)
		f.setMD5("x.bin", bytes.Repeat([]byte{7}, 16))
		f.put("y.bin", data)
		if r := f.run(); r.Failed != 1 || r.Transferred != 1 || len(f.left()) != 1 || names(f.files()) != "y.bin" ||
			!strings.Contains(line(r, "x.bin").Why, "MD5") {
			t.Errorf("run %+v, left %v, files %v", r, f.left(), f.files())
		}
	})
}

// TestCannotBeDeleted: a blob with a snapshot, with a lease, or without the right: it is handed on once, stays, and
// goes when it can.
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
			if r := f.good(); r.Kept != 1 || r.Deleted != 0 || !strings.Contains(line(r, "x.csv").Why, "snapshots") ||
				len(f.left()) != 1 ||
				len(f.files()) != 1 {
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
		if r := f.good(); r.Transferred != 1 || r.Kept != 1 || !strings.Contains(line(r, "x.csv").Why, "lease") ||
			len(f.left()) != 1 {
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
			if r := f.good(); r.Kept != 1 || !strings.Contains(line(r, "x.csv").Why, "deleting") ||
				len(f.files()) != 1 {
				t.Errorf("run %+v", r)
			}
		}
	})
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
	if why := line(r, "cold.csv").Why; r.Failed != 1 || r.Transferred != 1 || len(f.left()) != 1 ||
		!strings.Contains(why, "cannot be read") || !strings.Contains(why, "archive tier") {
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
	_, err := f.container.NewBlockBlobClient("x.gz").
		UploadBuffer(t.Context(), packed.Bytes(), &blockblob.UploadBufferOptions{
			HTTPHeaders: &blob.HTTPHeaders{BlobContentEncoding: new("gzip")},
		})
	if err != nil {
		t.Fatal(err)
	}
	if r := f.good(); r.Transferred != 1 || f.files()["x.gz"] != hash(packed.Bytes()) {
		t.Errorf("run %+v, files %v", r, f.files())
	}
}

// TestShortWithoutMD5: the store keeps no MD5 of a blob that was written in blocks; an answer that is too short is no
// file.
func TestShortWithoutMD5(t *testing.T) {
	f := newFixture(t, nil)
	if _, err := f.container.NewBlockBlobClient("x.bin").
		UploadStream(t.Context(), strings.NewReader(strings.Repeat("x", 3<<20)), &blockblob.UploadStreamOptions{
			BlockSize: 1 << 20,
		}); err != nil {
		t.Fatal(err)
	}
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(bytes.Repeat([]byte("x"), 1000))
		}
		return isBlob(r, http.MethodGet)
	})
	if r := f.run(); r.Failed != 1 || r.Transferred != 0 || len(f.left()) != 1 || len(f.files()) != 0 {
		t.Errorf("run %+v, files %v", r, f.files())
	}
}

// TestRefusedDeletionIsNotRepeated: a store that refuses one deletion is not asked for each blob.
func TestRefusedDeletionIsNotRepeated(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 60 {
		f.put(fmt.Sprintf("f%02d.bin", i), []byte("data"))
	}
	var n atomic.Int32
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !isBlob(r, http.MethodDelete) {
			return false
		}
		n.Add(1)
		w.Header().Set("X-Ms-Error-Code", "AuthorizationPermissionMismatch")
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	if r := f.good(); r.Transferred != 60 || r.Kept != 60 || r.Deleted != 0 || n.Load() > 16 {
		t.Errorf("run %+v, %d deletions were tried", r, n.Load())
	}
}

// TestGoneBeforeDeletion: somebody else has deleted the blob that is stored; stores answer 404 or 412 then.
//
//nolint:tparallel // newFixture does
func TestGoneBeforeDeletion(t *testing.T) {
	for name, answers := range map[string]bool{"404": true, "412": false} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			f.put("x.csv", []byte(cumul))
			f.hook(func(w http.ResponseWriter, r *http.Request) bool {
				if !isBlob(r, http.MethodDelete) {
					return false
				}
				blob := f.container.NewBlobClient("x.csv")
				if _, err := blob.Delete(context.WithoutCancel(t.Context()), nil); err != nil {
					t.Error(err)
				}
				if answers {
					w.Header().Set("X-Ms-Error-Code", "BlobNotFound")
					w.WriteHeader(http.StatusNotFound)
				}
				return answers
			})
			if r := f.good(); r.Transferred != 1 || r.Deleted != 0 {
				t.Errorf("run %+v", r)
			}
			if e := f.entry("x.csv"); e.State != exports.StateDeleted || e.DeletedAt.IsZero() {
				t.Errorf("entry %+v", e)
			}
		})
	}
}

// TestFailedDeletion: the file is handed on, and the next run has nothing to do but to delete the blob.
func TestFailedDeletion(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodDelete) {
			w.WriteHeader(http.StatusBadRequest)
		}
		return isBlob(r, http.MethodDelete)
	})
	if r := f.run(); r.Transferred != 1 || r.Failed != 1 ||
		!strings.Contains(line(r, "x.csv").Why+r.Files[0].Why, "it is stored, but could not be deleted") {
		t.Errorf("run %+v", r)
	}
	if e := f.entry("x.csv"); e.State != exports.StateStored {
		t.Errorf("entry %+v", e)
	}
	reads := f.counted(func(r *http.Request) bool { return isBlob(r, http.MethodGet) })
	if r := f.good(); r.Transferred != 0 || r.Deleted != 1 || reads.Load() != 0 {
		t.Errorf("then: %+v, %d reads", r, reads.Load())
	}
}

// TestWhyABlobIsKept: the journal says what keeps it now.
func TestWhyABlobIsKept(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	blob := f.container.NewBlobClient("x.csv")
	snapshot, err := blob.CreateSnapshot(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.good(); !strings.Contains(f.entry("x.csv").Kept, "snapshots") || f.status().Held != 1 {
		t.Errorf("kept: %q, %d held", f.entry("x.csv").Kept, f.status().Held)
	}
	old, err := blob.WithSnapshot(*snapshot.Snapshot)
	if err == nil {
		_, err = old.Delete(t.Context(), nil)
	}
	held, lerr := lease.NewBlobClient(blob, nil)
	if lerr == nil {
		_, lerr = held.AcquireLease(t.Context(), -1, nil)
	}
	if err != nil || lerr != nil {
		t.Fatal(err, lerr)
	}
	if f.good(); !strings.Contains(f.entry("x.csv").Kept, "lease") {
		t.Errorf("kept: %q", f.entry("x.csv").Kept)
	}
}

// TestSilentStore: a run ends when blob after blob gets no sensible answer, and goes on where only some do.
//
//nolint:tparallel // newFixture does
func TestSilentStore(t *testing.T) {
	for name, every := range map[string]int{"all": 1, "some": 6} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			const n = 72
			for i := range n {
				f.put(fmt.Sprintf("f%02d-%t.bin", i, i%every == 0), []byte("data"))
			}
			var failed atomic.Int32
			f.hook(func(w http.ResponseWriter, r *http.Request) bool {
				if !isBlob(r, http.MethodGet) || !strings.Contains(r.URL.Path, "true") {
					return false
				}
				failed.Add(1)
				w.WriteHeader(http.StatusBadRequest)
				return true
			})
			r := f.run()
			if every == 1 && (r.Fault == nil || r.Fault.Code != "container_silent" || failed.Load() > 8+16) {
				t.Errorf("fault %+v, %d blobs were tried", r.Fault, failed.Load())
			}
			if every > 1 &&
				(r.Fault == nil || r.Fault.Code != "files" || r.Transferred != n-n/every || r.Failed != n/every) {
				t.Errorf("fault %+v, run %+v", r.Fault, r)
			}
		})
	}
}

// TestSeveralAtOnce: blobs are read at the same time.
func TestSeveralAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 16 {
		f.put(fmt.Sprintf("f%02d.bin", i), []byte("data"))
	}
	var now, most atomic.Int32
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(300 * time.Millisecond)
			now.Add(-1)
		}
		return false
	})
	if f.good(); most.Load() < 8 {
		t.Errorf("%d blobs were read at once", most.Load())
	}
}
