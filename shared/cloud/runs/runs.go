// Package runs is what bridges share of a run: work on one of the bridge's parts (an instance, a source), scheduled or
// started by a person.
//
//	schedule ──▶ a message without a part ──▶ one message for each part ──▶ run ──▶ recorded, acknowledged
//	                                                                 ▲       │
//	                                                                 └───────┘ it ran out of time
//	person   ──▶ a request ──▶ run of each part, one after the other ──▶ a stream of JSON lines
//
// A run holds its part's lease (package lease). A run that failed is recorded and its message acknowledged: the next
// scheduled run tries again. The message is redelivered only if nothing could be recorded.
package runs

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// ErrDone means that another run began after the request and has done what was asked for.
var ErrDone = errors.New("a later run has done it")

// Done reports whether a run that began at began has done what was asked for at asked. A time that lies ahead of now
// was written by a wrong clock and proves nothing.
func Done(asked, began, now time.Time) bool {
	return !asked.IsZero() && began.After(asked) && !calendar.Ahead(now, began)
}

// A Schedule runs a bridge's parts for messages of type M.
type Schedule[M any] struct {
	Publisher messages.Publisher
	Topic     string
	// Part returns the part that a message is for, "" for all.
	Part func(M) string
	// For returns the message for a part.
	For func(part string) M
	// Parts returns the names of all parts.
	Parts func(ctx context.Context) ([]string, error)
	// Run runs a part, as asked for at an instant. more is true if it ran out of time.
	Run func(ctx context.Context, part string, asked time.Time) (more bool, err error)
}

// Handle handles a message. A message for all parts is published once for each part, so that a part that fails or is
// slow does not affect the others.
func (s Schedule[M]) Handle(ctx context.Context, d messages.Delivery) error {
	if _, err := d.Kind(messages.KindAll); err != nil {
		return err
	}
	var msg M
	if err := d.Payload(&msg); err != nil {
		return err
	}
	part := s.Part(msg)
	if part == "" {
		return s.fanOut(ctx)
	}
	more, err := s.Run(ctx, part, d.Message.PublishTime)
	if errors.Is(err, ErrDone) {
		return nil
	}
	if err == nil && more { // the deadline of this request does not bound the next one
		return messages.PublishJSON(context.WithoutCancel(ctx), s.Publisher, s.Topic, msg, nil)
	}
	return err
}

func (s Schedule[M]) fanOut(ctx context.Context) error {
	parts, err := s.Parts(ctx)
	for _, part := range parts {
		err = errors.Join(err, messages.PublishJSON(ctx, s.Publisher, s.Topic, s.For(part), nil))
	}
	return err
}

// ProgressFunc reports how far a run is to the person who waits for it.
type ProgressFunc func(step string, done, total int)

// Progress is how far a part's run is.
type Progress struct {
	Part  string `json:"part"`
	Step  string `json:"step"` // wait, and the bridge's own
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// writeTime is how long a person's terminal may take to read a line; a run does not wait for it longer.
const writeTime = 5 * time.Second

// Stream answers with JSON lines (application/x-ndjson). A client that is gone does not stop the run.
func Stream(w http.ResponseWriter) (send func(line any)) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	stream := http.NewResponseController(w)
	return func(line any) {
		_ = stream.SetWriteDeadline(time.Now().Add(writeTime)) //nolint:forbidigo // of the real connection
		_ = json.NewEncoder(w).Encode(line)
		_ = stream.Flush()
	}
}

// ByHand calls do for a person, once no other run is at work on the part; until then it reports the step "wait". If the
// person leaves, do continues until the request's deadline.
func ByHand(ctx context.Context, progress ProgressFunc, do func(context.Context) error) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), end)
		defer cancel()
	}
	wait := func(waited, most time.Duration) { progress("wait", int(waited.Seconds()), int(most.Seconds())) }
	return lease.Wait(ctx, wait, do)
}
