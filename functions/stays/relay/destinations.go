package relay

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// A Destination is the state of a destination, in operators' answers.
type Destination struct {
	Name    string     `json:"name"`   // site, broker, hook:ID; queue is the messages from the broker
	Number  int64      `json:"number"` // of the newest delivered change
	Lag     int64      `json:"lag"`    // undelivered changes
	At      time.Time  `json:"at"`     // of the newest delivery
	Paused  bool       `json:"paused"`
	Restart bool       `json:"restart,omitempty"` // everything is sent anew
	Failing *time.Time `json:"failing,omitempty"` // time of the first failure
	Tries   int        `json:"tries,omitempty"`
	Next    *time.Time `json:"next,omitempty"` // time of the next try
	Code    string     `json:"code,omitempty"` // of the broker's fault, as broker.Unreachable
	Error   string     `json:"error,omitempty"`
}

func destinationOf(c ledger.Cursor, head ledger.Head) Destination {
	d := Destination{
		Name: c.Destination, Number: c.Number, At: c.At, Paused: c.Paused, Tries: c.Tries, Code: c.Code, Error: c.Fault,
	}
	if d.Name != SourceBroker {
		d.Lag, d.Restart = max(0, head.Number-c.Number), c.Ledger != head.Ledger
	}
	if !c.Failing.IsZero() {
		d.Failing, d.Next = &c.Failing, &c.Next
	}
	return d
}

// inUse reports whether the settings have a destination.
func inUse(settings *stays.Settings, name string) bool {
	switch name {
	case DestinationSite:
		return settings.Stands() != stays.ReplacesService
	case DestinationBroker:
		return speaksAs(settings) != nil
	case SourceBroker:
		return settings.Broker != nil
	}
	return true // a hook
}

// A Missing unit is one that the website does not have. Its changes wait until it appears.
type Missing struct {
	Unit    string    `json:"unit"`
	Changes int       `json:"changes"`
	Since   time.Time `json:"since"`
}

// delivery adds the destinations and the waiting changes to the status.
func (f *function) delivery(ctx context.Context, settings *stays.Settings, head ledger.Head, v *Status) error {
	cursors, err := f.Ledger.Cursors(ctx)
	if err != nil {
		return err
	}
	for _, c := range cursors {
		if inUse(settings, c.Destination) {
			v.Destinations = append(v.Destinations, destinationOf(c, head))
		}
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

// pause stops a destination until it is resumed. Its changes are kept.
func (f *function) pause(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Pause)
}

func (f *function) resume(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Go)
}

// export sends a destination every unit's days from today on.
func (f *function) export(w http.ResponseWriter, r *http.Request) error {
	return f.steer(w, r, f.Ledger.Restart)
}

// steer changes the cursor of a destination, and wakes the relay.
func (f *function) steer(
	w http.ResponseWriter, r *http.Request, do func(context.Context, string) (bool, error),
) error {
	name := r.PathValue("name")
	there := false
	if name != SourceBroker { // it is no destination
		var err error
		if there, err = do(r.Context(), name); err != nil {
			return err
		}
	}
	if !there {
		return web.NewProblem(http.StatusNotFound,
			"There is no such destination. carillon stays status lists the destinations.", nil)
	}
	f.wake(r.Context())
	head, err := f.Ledger.Head(r.Context())
	if err != nil {
		return err
	}
	c, err := f.Ledger.Cursor(r.Context(), name)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, http.StatusOK, destinationOf(c, head))
}

// wake starts a run soon; the scheduled one comes anyway.
func (f *function) wake(ctx context.Context) {
	if f.Publisher == nil {
		return
	}
	if err := f.Publisher.Publish(ctx, stays.TopicRelay, messages.Message{}); err != nil {
		slog.WarnContext(ctx, "stays relay not woken", slog.Any("error", err))
	}
}
