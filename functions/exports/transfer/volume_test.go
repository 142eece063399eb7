package transfer_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// sizes are 500 sizes of blobs from nothing to 200 MB, 2 GB together; without `make test` a fortieth of it.
func sizes() []int {
	scale := 40
	if peers.Wanted() {
		scale = 1
	}
	list := make([]int, 0, 500)
	list = append(list, 0, 1, 200<<20/scale, 150<<20/scale, 100<<20/scale)
	for i := range 495 {
		n := rand.IntN(64 << 10)
		switch i % 16 {
		case 0:
			n = rand.IntN(80<<20) / scale
		case 1, 2:
			n = rand.IntN(8<<20) / scale
		}
		list = append(list, n)
	}
	return list
}

// TestVolume: 500 blobs, 2 GB, while the store refuses, cuts answers off and gives way to a writer: every byte arrives.
func TestVolume(t *testing.T) {
	f := newFixture(t, nil)
	block := make([]byte, 200<<20)
	fill := rand.NewChaCha8([32]byte{1})
	_, _ = fill.Read(block)
	want := map[string]string{}
	var group errgroup.Group
	group.SetLimit(8)
	total := 0
	for i, size := range sizes() {
		start := rand.IntN(len(block) - size + 1)
		data := block[start : start+size]
		name := fmt.Sprintf("DB%06d/sub %d/é;%03d.bin", i%3, i%7, i)
		want[name] = hash(data)
		total += size
		group.Go(func() error { f.put(name, data); return nil })
	}
	_ = group.Wait()
	var n atomic.Int32
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !isBlob(r, http.MethodGet) && !isBlob(r, http.MethodDelete) {
			return false
		}
		switch n.Add(1) % 50 {
		case 7:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		case 23:
			panic(http.ErrAbortHandler)
		}
		return false
	})
	r := f.good()
	if r.Transferred != 500 || r.Bytes != int64(total) || len(f.left()) != 0 || len(f.temp()) != 0 {
		t.Errorf(
			"transferred %d files, %d of %d bytes, deleted %d, kept %d, failed %d; %d left",
			r.Transferred,
			r.Bytes,
			total,
			r.Deleted,
			r.Kept,
			r.Failed,
			len(f.left()),
		)
	}
	got := f.files()
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s: %q, want %s", name, got[name], sum)
		}
	}
	if len(got) != 500 || strings.Contains(names(got), ".partial") {
		t.Errorf("%d files", len(got))
	}
}
