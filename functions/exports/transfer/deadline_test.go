package transfer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/functions/exports/transfer"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// pushed is a message that asks for a run of the source.
const pushed = `{"subscription":"s","message":{"messageId":"1","publishTime":"2025-01-01T00:00:00Z",` +
	`"data":"eyJzb3VyY2UiOiJwYWllIn0="}}`

// sixty puts sixty blobs into the container.
func (f *fixture) sixty() {
	for i := range 60 {
		f.put("f"+string(rune('a'+i%26))+strings.Repeat("x", i/26), []byte("data"))
	}
}

// hurried asks for runs until one has brought something, each with twice the time of the one before: on a slow machine
// it needs more. Of the blobs for which slow is true, downloads end only when no other blob may be begun.
func (f *fixture) hurried(slow func(n int, path string) bool) exports.Transfer {
	f.Helper()
	for d := time.Second; d < time.Minute; d *= 2 {
		late, n := time.Now().Add(d*17/20), atomic.Int32{}
		f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
			if isBlob(r, http.MethodGet) && slow(int(n.Add(1)), r.URL.Path) {
				time.Sleep(time.Until(late))
			}
			return false
		})
		f.pushFor(d)
		if run := f.status().Runs[0]; run.Transferred > 0 {
			return run
		}
	}
	f.Fatal("not one blob in half a minute")
	return exports.Transfer{}
}

// afterTwenty is true of all blobs but the first.
func afterTwenty(n int, _ string) bool { return n > 20 }

// TestOutOfTime: a run stops before its deadline, hands itself on and goes on; what it had begun is not lost.
func TestOutOfTime(t *testing.T) {
	f := newFixture(t, nil)
	f.sixty()
	run := f.hurried(afterTwenty)
	if left := len(f.left()); left == 0 || left == 60 {
		t.Fatalf("%d left", left)
	}
	if run.Fault == nil || run.Fault.Code != "out_of_time" || run.Failed != 0 {
		t.Errorf("run %+v", run)
	}
	f.hook(func(http.ResponseWriter, *http.Request) bool { return false })
	if f.good(); len(f.left()) != 0 || len(f.files()) != 60 || len(f.temp()) != 0 {
		t.Errorf("%d left, %d files", len(f.left()), len(f.files()))
	}
}

// TestLateAndFailed: a file that cannot be brought does not keep a run that is out of time from handing itself on.
func TestLateAndFailed(t *testing.T) {
	f := newFixture(t, nil)
	f.put("aaa ", []byte("bad name"))
	f.sixty()
	if run := f.hurried(afterTwenty); len(f.left()) < 2 || run.Failed != 1 || !run.Late {
		t.Errorf("one bad name: the run that ran out of time does not hand itself on: %d left, %+v", len(f.left()), run)
	}
}

// A board keeps what is published.
type board struct {
	mu   sync.Mutex
	sent []string
}

func (b *board) Publish(_ context.Context, topic string, m messages.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, topic+" "+string(m.Data))
	return nil
}

// published makes the function anew with a board.
func (f *fixture) published() *board {
	f.Helper()
	settings, err := exports.LoadSettings(f.db.Bucket("config"))
	if err != nil {
		f.Fatal(err)
	}
	b, dest := &board{}, files.NewFolder(filepath.Join(f.dir, "paie"), "", true)
	f.handler = transfer.New(transfer.Config{
		Settings: settings, State: f.db.Bucket("state"), Publisher: b, Now: f.now,
		Destination: func(exports.Source) (files.Store, error) { return dest, nil },
	})
	return b
}

// pushFor asks for a run that has a time.
func (f *fixture) pushFor(d time.Duration) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), d)
	defer cancel()
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(pushed)))
	if w.Code != http.StatusNoContent {
		f.Errorf("answer %d %s", w.Code, w.Body)
	}
}

// TestWhoGoesOn: a run without time hands itself on, unless it has brought nothing: that would never end. It is no
// failure that people are told of.
//
//nolint:tparallel // newFixture does
func TestWhoGoesOn(t *testing.T) {
	slow := func(_ int, path string) bool { return strings.Contains(path, "slow") }
	t.Run("progress", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("a-quick.bin", []byte("data"))
		for i := range 20 {
			f.put("b-slow"+string(rune('a'+i)), []byte("data"))
		}
		b := f.published()
		run := f.hurried(slow)
		if s := f.status(); !run.Late || run.Fault.Code != "out_of_time" || s.Failures != len(s.Runs)-1 ||
			len(b.sent) != 1 || b.sent[0] != exports.TopicTransfer+` {"source":"paie"}` {
			t.Errorf("run %+v, %d failures, published %q", run, s.Failures, b.sent)
		}
	})
	t.Run("none", func(t *testing.T) {
		f := newFixture(t, nil)
		f.put("slow.bin", []byte("data"))
		f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
			if isBlob(r, http.MethodGet) {
				<-r.Context().Done()
			}
			return false
		})
		b := f.published()
		f.pushFor(time.Second)
		if s := f.status(); s.Runs[0].Late || s.Runs[0].Fault == nil || s.Runs[0].Fault.Code != "failed" ||
			s.Failures != 1 ||
			len(b.sent) != 0 {
			t.Errorf("run %+v, %d failures, published %q", s.Runs[0], s.Failures, b.sent)
		}
	})
}

// TestWhoLeaves: a person's terminal goes in the middle; the run is ended all the same.
func TestWhoLeaves(t *testing.T) {
	f := newFixture(t, nil)
	f.put("x.csv", []byte(cumul))
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	f.hook(func(_ http.ResponseWriter, r *http.Request) bool {
		if isBlob(r, http.MethodGet) {
			leave()
			time.Sleep(100 * time.Millisecond)
		}
		return false
	})
	f.handler.ServeHTTP(
		httptest.NewRecorder(),
		httptest.NewRequestWithContext(ctx, http.MethodPost, "/transfer", strings.NewReader(`{}`)),
	)
	if len(f.left()) != 0 || f.status().Runs[0].Transferred != 1 {
		t.Errorf("left %v, runs %+v", f.left(), f.status().Runs)
	}
}
