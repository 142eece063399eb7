package machine

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

type counted struct{ n atomic.Int32 }

func (c *counted) Publish(context.Context, string, messages.Message) error { c.n.Add(1); return nil }

// A machine whose clock is put back, as one without a battery may, goes on with its jobs by the new time.
func TestJobsOfAClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	var offset atomic.Int64
	clock := &Clock{speed: 1, wall: func() time.Time { return time.Now().Add(time.Duration(offset.Load())).Round(0) }}
	// Half a minute before a full minute, so that none passes by itself.
	now := time.Now()
	offset.Store(int64(now.Truncate(time.Minute).Add(30 * time.Second).Sub(now)))
	var jobs counted
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- Schedule(ctx, clock, &jobs, Job{Schedule: "* * * * *", Topic: "t"}) }()
	time.Sleep(200 * time.Millisecond)
	offset.Add(int64(-48*time.Hour + 26*time.Second)) // four seconds before a full minute, two days ago
	for deadline := time.Now().Add(10 * time.Second); jobs.n.Load() == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the job waits for the old time")
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A message that was given back before the clock was put back does not wait for the old time.
func TestDeliveriesOfAClockThatIsPutBack(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	taken := make(chan struct{}, 1)
	q := NewQueue(db, time.Now, Subscription{
		Name: "s", Topic: "t", Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { taken <- struct{}{} }),
	})
	if err := q.Publish(t.Context(), "t", messages.Message{}); err != nil {
		t.Fatal(err)
	}
	if _, err := db.write.ExecContext(t.Context(), "UPDATE deliveries SET due = due + ?",
		(48 * time.Hour).Milliseconds()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	q.Start(ctx)
	select {
	case <-taken:
	case <-time.After(10 * time.Second):
		t.Error("the message waits for the old time")
	}
	stop()
	q.Wait()
}
