package machine_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/messagestest"
)

func startQueue(t *testing.T, db *machine.DB, push http.Handler) (queue *machine.Queue, stop func()) {
	t.Helper()
	q := machine.NewQueue(db, time.Now, machine.Subscription{
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

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	taken := make(chan string, 10)
	q, stop := startQueue(t, open(t, t.TempDir()), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d, err := messages.Decode(r)
		if err != nil || broken.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		taken <- string(d.Message.Data) + " " + d.Message.Attributes["a"]
	}))
	t.Cleanup(stop)
	ctx := t.Context()
	for _, data := range []string{"x", "y"} {
		if err := q.Publish(ctx, messagestest.Topic,
			messages.Message{Data: []byte(data), Attributes: map[string]string{"a": "b"}}); err != nil {
			t.Fatal(err)
		}
	}
	var dead []machine.DeadLetter
	for deadline := time.Now().Add(20 * time.Second); len(dead) < 2; time.Sleep(10 * time.Millisecond) {
		var err error
		if dead, err = q.DeadLetters(ctx); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d dead letters, %v; want 2", len(dead), err)
		}
	}
	one, err := q.DeadLetter(ctx, dead[0].ID)
	if err != nil || one.Data == "" || one.Attempts != messagestest.Attempts ||
		one.Reason != "answered 503" || dead[0].Data != "" {
		t.Errorf("dead letter = %+v, %v", one, err)
	}
	broken.Store(false)
	if err := q.SendAgain(ctx, one.ID); err != nil {
		t.Fatal(err)
	}
	if got := <-taken; got != one.Data+" b" {
		t.Errorf("sent again: %q, want %q", got, one.Data+" b")
	}
	if err := q.Drop(ctx, dead[1].ID); err != nil {
		t.Error(err)
	}
	for _, err := range []error{q.SendAgain(ctx, one.ID), q.Drop(ctx, dead[1].ID)} {
		if !errors.Is(err, machine.ErrNoDeadLetter) {
			t.Errorf("of one that is gone: %v", err)
		}
	}
	if left, err := q.DeadLetters(ctx); err != nil || len(left) != 0 {
		t.Errorf("left = %v, %v", left, err)
	}
}
