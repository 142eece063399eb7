// Package messagestest is the suite that every implementation of messages passes.
package messagestest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// Topic is the topic of the suite's one subscription, which has a back-off of
// 10 ms to 100 ms and makes a message a dead letter after [Attempts].
const (
	Topic    = "conformance"
	Attempts = 5
)

// Run runs the suite. start makes the subscription push to the handler until the test ends.
func Run(t *testing.T, start func(t *testing.T, push http.Handler) messages.Publisher) {
	t.Helper()
	t.Run("delivers_what_was_published", func(t *testing.T) { delivers(t, start) })
	t.Run("comes_again_until_taken", func(t *testing.T) { comesAgain(t, start) })
	t.Run("gives_up_after_the_attempts", func(t *testing.T) { givesUp(t, start) })
	t.Run("loses_none_of_many", func(t *testing.T) { losesNone(t, start) })
}

type inbox struct {
	mu   sync.Mutex
	got  []messages.Delivery
	fail func(n int) bool // n counts deliveries from 1
}

func (i *inbox) handler() http.Handler {
	return messages.Handle(func(_ context.Context, d messages.Delivery) error {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.got = append(i.got, d)
		if i.fail != nil && i.fail(len(i.got)) {
			return errors.New("not now")
		}
		return nil
	})
}

func (i *inbox) deliveries() []messages.Delivery {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]messages.Delivery{}, i.got...)
}

func (i *inbox) wait(t *testing.T, n int) []messages.Delivery {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); len(i.deliveries()) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d deliveries, want %d", len(i.deliveries()), n)
		}
	}
	return i.deliveries()
}

func delivers(t *testing.T, start func(*testing.T, http.Handler) messages.Publisher) {
	box := &inbox{}
	pub := start(t, box.handler())
	before := time.Now().Add(-time.Minute)
	err := pub.Publish(t.Context(), Topic, messages.Message{
		Data: []byte("héllo"), Attributes: map[string]string{"kind": "x"}, OrderingKey: "room",
	})
	if err != nil {
		t.Fatal(err)
	}
	d := box.wait(t, 1)[0]
	m := d.Message
	if string(m.Data) != "héllo" || m.Attributes["kind"] != "x" || m.OrderingKey != "room" || m.ID == "" ||
		m.PublishTime.Before(before) || d.Subscription == "" {
		t.Errorf("delivery = %+v", d)
	}
}

func comesAgain(t *testing.T, start func(*testing.T, http.Handler) messages.Publisher) {
	box := &inbox{fail: func(n int) bool { return n < 3 }}
	if err := start(t, box.handler()).Publish(t.Context(), Topic, messages.Message{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	for i, d := range box.wait(t, 3) {
		if d.Attempt != i+1 {
			t.Errorf("delivery %d says attempt %d", i+1, d.Attempt)
		}
	}
	time.Sleep(300 * time.Millisecond)
	if n := len(box.deliveries()); n != 3 {
		t.Errorf("%d deliveries, want no more after the third was taken", n)
	}
}

func givesUp(t *testing.T, start func(*testing.T, http.Handler) messages.Publisher) {
	box := &inbox{fail: func(int) bool { return true }}
	if err := start(t, box.handler()).Publish(t.Context(), Topic, messages.Message{Data: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	box.wait(t, Attempts)
	time.Sleep(time.Second)
	if n := len(box.deliveries()); n != Attempts {
		t.Errorf("%d deliveries, want %d", n, Attempts)
	}
}

func losesNone(t *testing.T, start func(*testing.T, http.Handler) messages.Publisher) {
	box := &inbox{fail: func(n int) bool { return n%10 == 0 }}
	pub := start(t, box.handler())
	var wg sync.WaitGroup
	const writers, each = 4, 25
	for range writers {
		wg.Go(func() {
			for range each {
				if err := pub.Publish(t.Context(), Topic, messages.Message{Data: []byte("x")}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ids := map[string]bool{}
		for _, d := range box.deliveries() {
			ids[d.Message.ID] = true
		}
		if len(ids) == writers*each {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d messages arrived, want %d", len(ids), writers*each)
		}
	}
}
