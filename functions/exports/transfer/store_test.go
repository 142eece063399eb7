package transfer_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/lease"
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
