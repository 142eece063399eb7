package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// Destinations' names among the cursors, beside the hooks'.
const (
	DestinationSite   = "site"   // the website's table, by the topic
	DestinationBroker = "broker" // the half of the old system that is left
	SourceBroker      = "queue"  // what is taken from it: its cursor has no number, only faults
)

// A destination takes changes in the order of their numbers.
type destination struct {
	name string
	// wants says which changes it is sent; nil: all.
	wants func(stays.Change) bool
	// send delivers changes, which are all of the log that it wants up to one.
	send func(context.Context, ledger.Head, []stays.Change) error
	// whole delivers what units are, where its numbers are of another id of the ledger.
	whole func(context.Context, ledger.Head, []stays.Span) error
	// single has it sent one change at a time: its cursor moves with each.
	single bool
	// failed is called after a failure was written down.
	failed func(context.Context, ledger.Cursor) error
	// drain is instead of send for one from which is taken.
	drain func(context.Context) error
	// later is when it is tried again after so many failures in a row.
	later func(tries int) time.Duration
}

// Bounds of a run.
const (
	mostSent  = 500                    // changes that are read at once
	runTime   = 3 * time.Minute        // after it the next scheduled run goes on
	lookAgain = 200 * time.Millisecond // for news, while another destination is at work
)

// deliver sends what is in the log to every destination, until all have all of it or wait. One run does so at a time;
// who comes meanwhile is served by it, because it looks once more when it is done.
func (f *function) deliver(ctx context.Context) error {
	f.asked.Store(true)
	for f.asked.Load() && f.running.TryLock() {
		f.asked.Store(false)
		_, err := f.Ledger.Alone(ctx, f.round)
		f.running.Unlock()
		if err != nil {
			return err
		}
	}
	return nil
}

// round serves all destinations, each on its own: none waits for another.
func (f *function) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	list, err := f.destinations(ctx)
	if err != nil {
		return err
	}
	var atWork atomic.Int32
	atWork.Store(int32(len(list))) //nolint:gosec // a few
	var wg sync.WaitGroup
	for _, d := range list {
		wg.Go(func() {
			for {
				err := f.follow(ctx, d)
				atWork.Add(-1)
				if err != nil && ctx.Err() == nil {
					slog.WarnContext(ctx, "stays destination failed", slog.String("destination", d.name), slog.Any("error", err))
				}
				if err != nil || !f.another(ctx, &atWork) {
					return
				}
			}
		})
	}
	wg.Wait()
	return nil
}

// another waits while others are at work, and reports whether there may be news by then; it counts itself in.
func (f *function) another(ctx context.Context, atWork *atomic.Int32) bool {
	if atWork.Load() == 0 {
		return false
	}
	select {
	case <-ctx.Done():
		return false
	case <-f.Ledger.News():
	case <-time.After(lookAgain):
	}
	atWork.Add(1)
	return true
}

// follow sends a destination what it does not have, until there is nothing more, or it fails. A failure is written down
// with its cursor.
func (f *function) follow(ctx context.Context, d destination) error {
	c, err := f.cursor(ctx, d.name)
	if err != nil || c.Paused || c.Next.After(f.Now()) {
		return err
	}
	for ctx.Err() == nil {
		next, err := f.once(ctx, d, c)
		if errors.Is(err, sqldb.ErrUnreachable) || errors.Is(err, ledger.ErrMoved) {
			return err
		}
		if err != nil {
			return errors.Join(err, f.failed(ctx, d, c, err))
		}
		if next == c || next.Paused {
			return nil
		}
		c = next
	}
	return nil
}

// once sends what comes next, or takes what is there.
func (f *function) once(ctx context.Context, d destination, c ledger.Cursor) (ledger.Cursor, error) {
	if d.drain == nil {
		return f.step(ctx, d, c)
	}
	if err := d.drain(ctx); err != nil {
		return c, err
	}
	return c, f.well(ctx, d.name)
}

func (f *function) cursor(ctx context.Context, name string) (ledger.Cursor, error) {
	list, err := f.Ledger.Cursors(ctx)
	for _, c := range list {
		if c.Destination == name {
			return c, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%s has no cursor", name)
	}
	return ledger.Cursor{}, err
}

// step sends the next changes and moves the cursor; the same cursor says that there are none.
func (f *function) step(ctx context.Context, d destination, c ledger.Cursor) (ledger.Cursor, error) {
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return c, err
	}
	if c.Ledger != head.Ledger {
		return f.restart(ctx, d, c)
	}
	if c.Number >= head.Number && c.Tries == 0 {
		return c, nil
	}
	list, err := f.Ledger.Changes(ctx, ledger.Query{After: c.Number, Limit: mostSent})
	if err != nil {
		return c, err
	}
	through, wanted := c.Number, []stays.Change(nil)
	for _, change := range list {
		if d.wants == nil || d.wants(change) {
			if d.single && wanted != nil {
				break
			}
			wanted = append(wanted, change)
		}
		through = change.Number
	}
	if len(wanted) > 0 {
		if err := d.send(ctx, head, wanted); err != nil {
			return c, err
		}
	}
	return f.Ledger.Advance(ctx, c, head.Ledger, through)
}

// ahead is how many days from today on are sent where a destination starts over: bookings reach three years ahead.
const ahead = 3*366 + 31

// restart sends a destination what units are from today on: the numbers that it has are of another id of the ledger.
func (f *function) restart(ctx context.Context, d destination, c ledger.Cursor) (ledger.Cursor, error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return c, err
	}
	today := stays.DayOf(f.Now().In(settings.Zone()))
	head, spans, err := f.Ledger.Snapshot(ctx, stays.Range{From: today, To: today + ahead})
	if err != nil {
		return c, err
	}
	if err := d.whole(ctx, head, spans); err != nil {
		return c, err
	}
	return f.Ledger.Advance(ctx, c, head.Ledger, head.Number)
}

// failed writes a failure down.
func (f *function) failed(ctx context.Context, d destination, c ledger.Cursor, why error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writing)
	defer cancel()
	if err := f.Ledger.Fail(ctx, c, said(why), f.Now().Add(d.later(c.Tries+1))); err != nil || d.failed == nil {
		return err
	}
	c.Fault = said(why)
	return d.failed(ctx, c)
}

// writing bounds what is written when a run is over.
const writing = 5 * time.Second

const mostSaid = 300

// said is an error as it is kept: its first line.
func said(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text[:min(len(text), mostSaid)]
}

// destinations are those that there are, each with a cursor.
func (f *function) destinations(ctx context.Context) (list []destination, err error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return nil, err
	}
	if settings.Stands() != stays.ReplacesService && f.Publisher != nil {
		if err := f.Ledger.StartCursor(ctx, DestinationSite, 0); err != nil {
			return nil, err
		}
		list = append(list, f.site())
	}
	if b := settings.Broker; b != nil {
		if err := f.startBroker(ctx, settings, head); err != nil {
			return nil, err
		}
		if !f.Resident {
			list = append(list, f.broker(settings, *b)...)
		}
	}
	hooks, err := f.hooks(ctx)
	return append(list, hooks...), err
}

// site is the website's table: reservations writes it.
func (f *function) site() destination {
	publish := func(ctx context.Context, head ledger.Head, updates []stays.Update) error {
		g, ctx := errgroup.WithContext(ctx)
		g.SetLimit(atOnce)
		for len(updates) > 0 {
			n := min(len(updates), mostUpdates)
			message := stays.Notification{
				Version: stays.NotificationVersion, Ledger: head.Ledger, Epoch: head.Epoch, Changes: updates[:n],
			}
			updates = updates[n:]
			g.Go(func() error {
				return messages.PublishJSON(ctx, f.Publisher, stays.TopicNotifications, message, nil)
			})
		}
		return g.Wait()
	}
	return destination{
		name: DestinationSite, later: soon,
		send: func(ctx context.Context, head ledger.Head, list []stays.Change) error {
			updates := make([]stays.Update, len(list))
			for i, c := range list {
				updates[i] = stays.UpdateOf(c)
			}
			return publish(ctx, head, updates)
		},
		whole: func(ctx context.Context, head ledger.Head, spans []stays.Span) error {
			updates := make([]stays.Update, len(spans))
			for i, s := range spans {
				updates[i] = stays.Update{Number: head.Number, Unit: s.Unit, From: s.From, To: s.Last(), Type: s.Type}
			}
			return publish(ctx, head, updates)
		},
	}
}

// Bounds of messages to the website's table.
const (
	mostUpdates = 50 // in a message
	atOnce      = 8  // messages under way
)

// Pauses between tries of what is our own, or the broker: from one second to one minute.
const longest = time.Minute

func soon(tries int) time.Duration { return min(longest, time.Second<<min(tries-1, 6)) }

// BrokerMessage is a message of the broker that could not be read, as it goes to the dead letters.
type BrokerMessage struct {
	Queue       string `json:"queue"`
	ContentType string `json:"content_type"`
	Length      int    `json:"length"`
	Body        []byte `json:"body"` // at most the first mebibyte
}

// unread answers for a message of the broker that could not be read: after its attempts it is a dead letter. One that
// is sent again from there is taken like one from the broker.
func (f *function) unread(ctx context.Context, d messages.Delivery) error {
	var m BrokerMessage
	if err := json.Unmarshal(d.Message.Data, &m); err != nil {
		return unreadable(err)
	}
	for _, h := range []broker.Half{broker.Service, broker.Website} {
		if h.Queue == m.Queue {
			read, err := h.Decode(m.Body, m.ContentType)
			if err != nil {
				return unreadable(err)
			}
			return f.take(ctx, h, read, m.Body, true)
		}
	}
	return unreadable(errors.New("a queue that is not known"))
}
