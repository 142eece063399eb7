package transfer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// TestTwoAtOnce: two runs at once, in two processes, do each file once.
func TestTwoAtOnce(t *testing.T) {
	f := newFixture(t, nil)
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
	second := handler(t, f.db, f.dir, f.now, nil)
	var group sync.WaitGroup
	sum := make([]exports.Transfer, 2)
	for i, h := range []http.Handler{f.handler, second} {
		group.Go(func() { sum[i] = transfers(t, h, `{}`)[0] })
	}
	group.Wait()
	if sum[0].Fault != nil || sum[1].Fault != nil || sum[0].Transferred+sum[1].Transferred != 60 ||
		len(f.left()) != 0 ||
		len(f.files()) != 60 {
		t.Errorf("runs %+v\n%+v", sum[0], sum[1])
	}
}

// TestRunThatOutlivesItsLease: it stalls before it writes the journal, while another run has begun with the same blob;
// what gets the name is what was verified.
func TestRunThatOutlivesItsLease(t *testing.T) {
	f := newFixture(t, nil)
	body := []byte(strings.Repeat("x", 1<<20))
	f.put("x.bin", body)
	bIsReading, release := make(chan struct{}), make(chan struct{})
	var inB atomic.Bool
	f.hook(func(w http.ResponseWriter, r *http.Request) bool {
		if !inB.Load() || !isBlob(r, http.MethodGet) {
			return false
		}
		// The second run's read: the first bytes, then nothing, then a broken connection.
		w.Header().Set("Content-Length", "1048576")
		w.Header().Set("ETag", r.Header.Get("If-Match"))
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body[:200<<10])
		_ = http.NewResponseController(w).Flush()
		select {
		case <-bIsReading:
		default:
			time.AfterFunc(300*time.Millisecond, func() { close(bIsReading) })
		}
		<-release
		panic(http.ErrAbortHandler)
	})
	var once sync.Once
	done := make(chan struct{})
	f.wrapped(func(s files.Store, b documents.Bucket) (files.Store, documents.Bucket) {
		return s, hookedBucket{Bucket: b, onPut: func(name string, _ []byte) {
			if !strings.HasPrefix(name, "journal/") {
				return
			}
			once.Do(func() {
				// More than half a minute passes for this run: its lease has ended.
				doc, _ := b.Get(context.Background(), exports.StateName("paie"))
				var st map[string]any
				_ = json.Unmarshal(doc.Data, &st)
				st["lease"].(map[string]any)["expires"] = "2020-01-01T00:00:00Z"
				data, _ := json.Marshal(st)
				_, _ = b.Put(context.Background(), exports.StateName("paie"), doc.Generation, data, nil)
				inB.Store(true)
				go func() {
					defer close(done)
					h := handler(t, f.db, f.dir, time.Now, nil)
					w := httptest.NewRecorder()
					h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(`{}`)))
				}()
				<-bIsReading
			})
		}}
	})
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/transfer", strings.NewReader(`{}`)))
	inB.Store(false)
	close(release)
	select {
	case <-done:
	case <-time.After(60 * time.Second):
		t.Error("the second run goes on")
	}
	if len(f.left()) == 0 && everywhere(f)[hash(body)] == "" {
		t.Error("the file under its final name is not what was verified, and the blob is deleted")
	}
}
