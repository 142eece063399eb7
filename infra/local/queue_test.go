package local_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/local"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/messagestest"
)

func startQueue(t *testing.T, db *local.DB, push http.Handler) (queue *local.Queue, stop func()) {
	t.Helper()
	q := local.NewQueue(db, time.Now, local.Subscription{
		Name: "s", Topic: messagestest.Topic, Handler: push, Attempts: messagestest.Attempts,
		MinBackoff: 10 * time.Millisecond, MaxBackoff: 100 * time.Millisecond,
	})
	ctx, cancel := context.WithCancel(context.Background())
	q.Start(ctx)
	return q, func() { cancel(); q.Wait() }
}

func TestQueue(t *testing.T) {
	t.Parallel()
	messagestest.Run(t, func(t *testing.T, push http.Handler) messages.Publisher {
		q, stop := startQueue(t, open(t, t.TempDir()), push)
		t.Cleanup(stop)
		return q
	})
}

// TestQueueStartsAgain: what was published but not taken when the process ended is pushed by the next one.
func TestQueueStartsAgain(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	entered := make(chan struct{}, 10)
	q, stop := startQueue(t, db, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		<-r.Context().Done() // at work when the process ends
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	if err := q.Publish(t.Context(), messagestest.Topic, messages.Message{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	<-entered
	stop()
	_, stop = startQueue(t, db, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		entered <- struct{}{}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(stop)
	select {
	case <-entered:
	case <-time.After(10 * time.Second):
		t.Error("the message did not come again")
	}
}

func TestQueueSurvivesAPanic(t *testing.T) {
	t.Parallel()
	calls := make(chan struct{}, 10)
	q, stop := startQueue(t, open(t, t.TempDir()), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		calls <- struct{}{}
		if len(calls) == 1 {
			panic("broken")
		}
	}))
	t.Cleanup(stop)
	if err := q.Publish(t.Context(), messagestest.Topic, messages.Message{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); len(calls) < 2; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the message did not come again")
		}
	}
}
