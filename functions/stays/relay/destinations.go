package relay

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A Destination is how far a destination has got, in operators' answers.
type Destination struct {
	Name    string     `json:"name"`   // site, broker, hook:ID; queue is what is taken from the broker
	Number  int64      `json:"number"` // of the newest change that it has
	Lag     int64      `json:"lag"`    // changes that it does not have
	At      time.Time  `json:"at"`     // when it was last sent something
	Paused  bool       `json:"paused"`
	Restart bool       `json:"restart,omitempty"` // it is sent everything anew
	Failing *time.Time `json:"failing,omitempty"` // since when
	Tries   int        `json:"tries,omitempty"`
	Next    *time.Time `json:"next,omitempty"` // when it is tried again
	Code    string     `json:"code,omitempty"` // of the broker's fault, as broker.Unreachable
	Error   string     `json:"error,omitempty"`
}

func destinationOf(c ledger.Cursor, head ledger.Head) Destination {
	d := Destination{
		Name: c.Destination, Number: c.Number, Lag: max(0, head.Number-c.Number), At: c.At, Paused: c.Paused, Tries: c.Tries,
		Restart: c.Ledger != head.Ledger, Error: c.Fault,
	}
	if d.Name == SourceBroker {
		d.Lag = 0
	}
	if !c.Failing.IsZero() {
		d.Failing = &c.Failing
		d.Next = &c.Next
	}
	if d.Name == DestinationBroker || d.Name == SourceBroker {
		if code, text, ok := strings.Cut(c.Fault, ": "); ok {
			d.Code, d.Error = code, text
		}
	}
	return d
}

// A Missing unit is one that the website does not have. What is delivered when it appears waits.
type Missing struct {
	Unit    string    `json:"unit"`
	Changes int       `json:"changes"`
	Since   time.Time `json:"since"`
}

// delivery adds to the status how far destinations are, and what waits.
func (f *function) delivery(ctx context.Context, settings *stays.Settings, head ledger.Head, v *Status) error {
	cursors, err := f.Ledger.Cursors(ctx)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		speaks, _ := sides(settings)
		switch {
		case c.Destination == DestinationSite && settings.Stands() == stays.ReplacesService,
			c.Destination == DestinationBroker && (speaks == nil || settings.Broker == nil),
			c.Destination == SourceBroker && settings.Broker == nil:
			continue // it is not served by now
		}
		v.Destinations = append(v.Destinations, destinationOf(c, head))
	}
	waiting, err := f.Ledger.Waiting(ctx)
	if err != nil {
		return err
	}
	at := map[string]int{}
	for _, w := range waiting {
		i, ok := at[w.Unit]
		if !ok {
			i = len(v.Missing)
			at[w.Unit] = i
			v.Missing = append(v.Missing, Missing{Unit: w.Unit, Since: w.At})
		}
		v.Missing[i].Changes++
	}
	counters, err := f.Ledger.Counters(ctx)
	v.Healed = counters[ledger.CounterHealed]
	return err
}

// pause stops a destination until it is resumed: what it does not get is kept for it.
func (f *function) pause(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Pause)
}

func (f *function) resume(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Go)
}

// export has a destination sent what units are from today on, all of it.
func (f *function) export(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Restart)
}

// steer changes a destination's cursor, and has the outbox looked at.
func (f *function) steer(
	w http.ResponseWriter, r *http.Request, do func(context.Context, string) (bool, error),
) error {
	name := r.PathValue("name")
	there, err := do(r.Context(), name)
	if err != nil {
		return err
	}
	if !there || name == SourceBroker {
		return web.NewProblem(http.StatusNotFound, "There is no such destination: status lists them.", nil)
	}
	f.wake(r.Context())
	head, err := f.Ledger.Head(r.Context())
	if err != nil {
		return err
	}
	c, err := f.cursor(r.Context(), name)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, destinationOf(c, head))
}

// wake has the outbox looked at soon; the scheduled run does so anyway.
func (f *function) wake(ctx context.Context) {
	if f.Publisher == nil {
		return
	}
	if err := f.Publisher.Publish(ctx, stays.TopicRelay, messages.Message{}); err != nil {
		slog.WarnContext(ctx, "stays relay not woken", slog.Any("error", err))
	}
}
