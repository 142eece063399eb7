// Package runs is the life of a run: a bridge's work over one of its parts (an instance, a source), by schedule or by
// hand.
//
//	schedule ──▶ a message without a part ──▶ one message for each part ──▶ run ──▶ recorded, acknowledged
//	                                                                 ▲       │
//	                                                                 └───────┘ it had not the time for all
//	person   ──▶ a request ──▶ run of each part, one after the other ──▶ a stream of JSON lines
//
// A run holds its part's lease (package lease). One that failed is recorded and acknowledged, for the next scheduled one;
// only what kept it from being recorded has the message come again.
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

// ErrDone says that a run which began after the request has done what it asked for.
var ErrDone = errors.New("a later run has done it")

// Done reports whether a run that began at an instant did what was asked before; a wrong clock's proves nothing.
func Done(asked, began, now time.Time) bool {
	return !asked.IsZero() && began.After(asked) && !calendar.Ahead(now, began)
}

// A Schedule is how a bridge's parts are run by messages of type M.
type Schedule[M any] struct {
	Publisher messages.Publisher
	Topic     string
	Kind      string // that messages may have; one of another kind is refused, until it is a dead letter
	// Part is the part that a message is for, "" for all.
	Part func(M) string
	// For is the message of a part.
	For func(part string) M
	// Parts are the names of all.
	Parts func(ctx context.Context) ([]string, error)
	// Run runs a part as asked for at an instant. more says that it had not the time for all.
	Run func(ctx context.Context, part string, asked time.Time) (more bool, err error)
}

// Take takes a message: one for all parts is handed on to each, so that one that fails or is slow touches no other.
func (s Schedule[M]) Take(ctx context.Context, d messages.Delivery) error {
	if _, err := d.Kind(s.Kind); err != nil {
		return err
	}
	var msg M
	if err := d.Payload(&msg); err != nil {
		return err
	}
	part := s.Part(msg)
	if part == "" {
		return s.handOn(ctx)
	}
	more, err := s.Run(ctx, part, d.Message.PublishTime)
	if errors.Is(err, ErrDone) {
		return nil
	}
	if err == nil && more { // its own time is over, not that of the message that it goes on with
		return messages.PublishJSON(context.WithoutCancel(ctx), s.Publisher, s.Topic, msg, nil)
	}
	return err
}

func (s Schedule[M]) handOn(ctx context.Context) error {
	parts, err := s.Parts(ctx)
	for _, part := range parts {
		err = errors.Join(err, messages.PublishJSON(ctx, s.Publisher, s.Topic, s.For(part), nil))
	}
	return err
}

// A Tell tells whoever waits how far a run is.
type Tell func(step string, done, total int)

// Progress is how far a part's run is.
type Progress struct {
	Part  string `json:"part"`
	Step  string `json:"step"` // wait, and the bridge's own
	Done  int    `json:"done"`
	Total int    `json:"total"`
}

// writeTime is how long a person's terminal may take to read a line; a run does not wait for it longer.
const writeTime = 5 * time.Second

// Stream answers with JSON lines (application/x-ndjson). A person who has gone does not keep a run from going on.
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

// ByHand does something for a person once no other run is at work on the part, with the step "wait" until then. Who
// leaves does not stop it half-way: it has the time of the request.
func ByHand(ctx context.Context, tell Tell, do func(context.Context) error) error {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(context.WithoutCancel(ctx), end)
		defer cancel()
	}
	wait := func(waited, most time.Duration) { tell("wait", int(waited.Seconds()), int(most.Seconds())) }
	return lease.Wait(ctx, wait, do)
}
