package runs_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

type message struct {
	Tower string `json:"tower"`
}

var (
	errPublish = errors.New("the topic is gone")
	errRun     = errors.New("nothing can be recorded")
)

// A bridge has two towers, and notes what is published and run.
type bridge struct {
	published, ran []string
	asked          time.Time
	refused        string // no message for this tower is taken
	more           bool
	err            error
}

func (b *bridge) Publish(ctx context.Context, topic string, m messages.Message) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if b.refused != "" && strings.Contains(string(m.Data), b.refused) {
		return errPublish
	}
	b.published = append(b.published, topic+string(m.Data))
	return nil
}

func (b *bridge) take(t *testing.T, ctx context.Context, data string) error { //nolint:revive // the test is first everywhere
	t.Helper()
	s := runs.Schedule[message]{
		Publisher: b, Topic: "bells",
		Part:  func(m message) string { return m.Tower },
		For:   func(tower string) message { return message{tower} },
		Parts: func(context.Context) ([]string, error) { return []string{"north", "south"}, nil },
		Run: func(_ context.Context, tower string, asked time.Time) (bool, error) {
			b.ran, b.asked = append(b.ran, tower), asked
			return b.more, b.err
		},
	}
	var d messages.Delivery
	d.Message.Data, d.Message.PublishTime = []byte(data), time.Unix(1, 0)
	return s.Handle(ctx, d)
}

// TestScheduleHandsOn: a message without a part becomes one for each, also where one of them cannot be published.
func TestScheduleHandsOn(t *testing.T) {
	t.Parallel()
	var b bridge
	if err := b.take(t, t.Context(), `{}`); err != nil {
		t.Fatal(err)
	}
	if want := []string{`bells{"tower":"north"}`, `bells{"tower":"south"}`}; !slices.Equal(b.published, want) ||
		len(b.ran) != 0 {
		t.Errorf("published %q, ran %q", b.published, b.ran)
	}
	b = bridge{refused: "north"}
	if err := b.take(t, t.Context(), ``); !errors.Is(err, errPublish) || len(b.published) != 1 {
		t.Errorf("with one refused: published %q, %v", b.published, err)
	}
}

func TestScheduleRunsAPart(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name      string
		b         bridge
		published []string
		want      error
	}{
		{"done", bridge{}, nil, nil},
		{"another run has done it", bridge{err: runs.ErrDone}, nil, nil},
		{"it had not the time", bridge{more: true}, []string{`bells{"tower":"north"}`}, nil},
		{"nothing was recorded", bridge{more: true, err: errRun}, nil, errRun},
		{"it cannot go on", bridge{more: true, refused: "north"}, nil, errPublish},
	}
	for _, tt := range tests {
		if err := tt.b.take(t, over, `{"tower":"north"}`); !errors.Is(err, tt.want) || tt.want == nil && err != nil {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
		if !slices.Equal(tt.b.published, tt.published) || !slices.Equal(tt.b.ran, []string{"north"}) ||
			!tt.b.asked.Equal(time.Unix(1, 0)) {
			t.Errorf("%s: published %q, ran %q as asked at %s", tt.name, tt.b.published, tt.b.ran, tt.b.asked)
		}
	}
}

func TestDone(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		asked, began time.Time
		want         bool
	}{
		{now.Add(-time.Minute), now.Add(-time.Second), true},
		{now.Add(-time.Second), now.Add(-time.Minute), false},
		{now, now, false},
		{time.Time{}, now.Add(-time.Second), false},             // nobody asked at an instant: a person waits
		{now.Add(-time.Minute), now.Add(24 * time.Hour), false}, // a wrong clock's
	} {
		if got := runs.Done(tt.asked, tt.began, now); got != tt.want {
			t.Errorf("asked %s, began %s: %v", tt.asked, tt.began, got)
		}
	}
}

// TestStream: each line arrives when it is sent, and somebody who goes does not stop the run.
func TestStream(t *testing.T) {
	t.Parallel()
	seen, finished := make(chan struct{}), make(chan error, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		send := runs.Stream(w)
		finished <- runs.ByHand(r.Context(), func(string, int, int) {}, func(context.Context) error {
			send(runs.Progress{Part: "north", Step: "ring", Done: 1, Total: 2})
			<-seen
			<-r.Context().Done() // the reader has gone
			send(runs.Progress{Part: "north", Step: "ring", Done: 2, Total: 2})
			return nil
		})
	}))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	var line runs.Progress
	text, err := bufio.NewReader(resp.Body).ReadBytes('\n')
	if err != nil || json.Unmarshal(text, &line) != nil ||
		line != (runs.Progress{Part: "north", Step: "ring", Done: 1, Total: 2}) {
		t.Errorf("%s, %v", text, err)
	}
	if got := resp.Header.Get("Content-Type") + " " +
		resp.Header.Get("Cache-Control"); got != "application/x-ndjson no-store" {
		t.Errorf("sent as %s", got)
	}
	close(seen)
	_ = resp.Body.Close()
	if err := <-finished; err != nil {
		t.Errorf("the run ended with %v", err)
	}
}

// TestByHandHasTheRequestsTime: whoever leaves ends nothing, and the request's end is the run's; it waits for another
// run.
func TestByHandHasTheRequestsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		leave()
		var told []string
		tries := 0
		err := runs.ByHand(ctx, func(step string, _, _ int) { told = append(told, step) }, func(ctx context.Context) error {
			if tries++; tries == 1 {
				return lease.ErrBusy
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			<-ctx.Done()
			return ctx.Err()
		})
		if !errors.Is(err, context.DeadlineExceeded) || tries != 2 || !slices.Contains(told, "wait") {
			t.Errorf("%v after %d tries, told %q", err, tries, told)
		}
	})
}
