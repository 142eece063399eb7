package machine

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// On a disk that takes nothing more, a message is not pushed again and again without a pause.
func TestWhatCannotBeRecordedWaits(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var pushes atomic.Int32
	full := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		pushes.Add(1)
		if _, err := db.write.ExecContext(r.Context(), "PRAGMA query_only = ON"); err != nil {
			t.Error(err)
		}
	})
	q := NewQueue(db, time.Now, Subscription{Name: "s", Topic: "t", Handler: full})
	if err := q.Publish(t.Context(), "t", messages.Message{}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	q.Start(ctx)
	time.Sleep(2 * poll)
	stop()
	before := time.Now()
	q.Wait()
	if n := pushes.Load(); n != 1 {
		t.Errorf("pushed %d times", n)
	}
	if waited := time.Since(before); waited > unrecorded/2 {
		t.Errorf("stopping took %s", waited)
	}
}
