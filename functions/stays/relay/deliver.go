package relay

import (
	"context"
	"errors"
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

// Names of cursors, beside the hooks'.
const (
	DestinationSite   = ledger.DestinationSite // the website's table, by the topic
	DestinationBroker = "broker"               // the remaining half of the old system
	SourceBroker      = "queue"                // messages from it; this cursor has only failures
)

// A destination receives changes in the order of their numbers.
type destination struct {
	name string
	// wants filters the changes; nil: all.
	wants func(stays.Update) bool
	// single delivers one change at a time: the cursor moves with each.
	single bool
	// send delivers changes, or parts of a snapshot.
	send func(context.Context, ledger.Head, []stays.Update) error
	// restart announces that the ledger has another id; nil: a snapshot is sent.
	restart func(context.Context, ledger.Head) error
	// later is the pause after so many failures in a row.
	later func(tries int) time.Duration
	// failed is called after a failure was recorded; nil: nothing more is done.
	failed func(context.Context, ledger.Cursor, error) error
	// end releases what sending has opened; nil: nothing.
	end func()
}

// Bounds of a run.
const (
	mostSent  = 500                    // changes that are read at once
	runTime   = 3 * time.Minute        // the next scheduled run resumes
	lookAgain = 200 * time.Millisecond // for changes, while another destination is at work
)

// deliver sends the log to every destination, until each has all of it or waits for its next try. One run at a time
// does so. A message that arrives during a run is served by it, because the run looks once more at its end.
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

// round serves all destinations side by side, and the broker's queues.
func (f *function) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, runTime)
	defer cancel()
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return err
	}
	list, err := f.destinations(ctx, settings)
	if err != nil {
		return err
	}
	var atWork atomic.Int32
	var wg sync.WaitGroup
	atWork.Store(int32(len(list))) //nolint:gosec // a few
	if settings.Broker != nil && !f.Resident {
		atWork.Add(1)
		wg.Go(func() {
			defer atWork.Add(-1)
			f.drain(ctx, settings)
		})
	}
	for _, d := range list {
		wg.Go(func() { f.serve(ctx, d, &atWork) })
	}
	wg.Wait()
	return nil
}

// serve sends a destination its changes, and looks for more of them and for its next try as long as others are at work.
func (f *function) serve(ctx context.Context, d destination, atWork *atomic.Int32) {
	if d.end != nil {
		defer d.end()
	}
	for again := true; again; again = f.another(ctx, atWork) {
		if err := f.follow(ctx, d); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "stays destination failed", slog.String("destination", d.name), slog.Any("error", err))
		}
		atWork.Add(-1)
	}
}

// another waits while others are at work, and reports whether there may be changes then; it counts itself in.
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

// follow sends a destination the changes after its cursor. It returns when there are no more, or when sending fails.
// The failure is recorded with the cursor, except where the run's time is over.
func (f *function) follow(ctx context.Context, d destination) error {
	c, err := f.Ledger.Cursor(ctx, d.name)
	if err != nil || c.Paused || f.waits(c) {
		return err
	}
	for ctx.Err() == nil {
		next, err := f.step(ctx, d, c)
		switch {
		case errors.Is(err, ledger.ErrMoved), err != nil && ctx.Err() != nil:
			return nil //nolint:nilerr // an operator has moved it, or the time is over: the next look reads it again
		case errors.Is(err, sqldb.ErrUnreachable):
			return err
		case err != nil:
			return errors.Join(err, f.failed(ctx, d, c, err))
		case next == c || next.Paused:
			return nil
		}
		c = next
	}
	return nil
}

// longestPause is longer than any pause between tries.
const longestPause = 7 * time.Hour

// waits reports whether a destination is not retried yet. A next try beyond every pause was recorded by a clock that
// was ahead.
func (f *function) waits(c ledger.Cursor) bool {
	wait := c.Next.Sub(f.Now())
	return wait > 0 && wait < longestPause
}

// step sends the next changes and moves the cursor. The same cursor says that there are none.
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
	through, wanted := c.Number, []stays.Update(nil)
	for _, change := range list {
		if u := stays.UpdateOf(change); d.wants == nil || d.wants(u) {
			if d.single && wanted != nil {
				break
			}
			wanted = append(wanted, u)
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

// ahead is how many days from today on a snapshot has: bookings reach three years ahead.
const ahead = 3*366 + 31

// restart sends a destination a snapshot from today on, because the ledger has another id or an operator asked for it.
func (f *function) restart(ctx context.Context, d destination, c ledger.Cursor) (ledger.Cursor, error) {
	settings, err := f.Settings.Get(ctx)
	if err != nil {
		return c, err
	}
	today := stays.DayOf(f.Now().In(settings.Zone()))
	head, snapshot, err := f.Ledger.Snapshot(ctx, stays.Range{From: today, To: today + ahead})
	if err != nil {
		return c, err
	}
	if d.restart != nil {
		err = d.restart(ctx, head)
	} else {
		err = d.send(ctx, head, snapshot)
	}
	if err != nil {
		return c, err
	}
	return f.Ledger.Advance(ctx, c, head.Ledger, head.Number)
}

// failed records a failure of a destination.
func (f *function) failed(ctx context.Context, d destination, c ledger.Cursor, why error) error {
	err := f.note(ctx, c, why, d.later(c.Tries+1))
	if err != nil || d.failed == nil {
		return err
	}
	return d.failed(ctx, c, why)
}

const mostSaid = 300

// note records a failure with a cursor: its code and the first line of its text.
func (f *function) note(ctx context.Context, c ledger.Cursor, why error, pause time.Duration) error {
	text, _, _ := strings.Cut(why.Error(), "\n")
	err := f.Ledger.Fail(ctx, c, broker.CodeOf(why), text[:min(len(text), mostSaid)], f.Now().Add(pause))
	if errors.Is(err, ledger.ErrMoved) { // it has been resumed in the meantime
		return nil
	}
	return err
}

// destinations are those of the settings and the hooks, each with a cursor.
func (f *function) destinations(ctx context.Context, settings *stays.Settings) (list []destination, err error) {
	if settings.Stands() != stays.ReplacesService && f.Publisher != nil {
		if err := f.Ledger.StartCursor(ctx, DestinationSite, 0); err != nil {
			return nil, err
		}
		list = append(list, destination{name: DestinationSite, later: soon, send: f.publish})
	}
	if err := f.startBroker(ctx, settings); err != nil {
		return nil, err
	}
	if half := speaksAs(settings); half != nil && !f.Resident {
		l := &line{open: func() (*broker.Link, error) { return opened(settings, *half) }}
		list = append(list, f.sender(settings, *half, l))
	}
	hooks, err := f.hooks(ctx)
	return append(list, hooks...), err
}

// publish sends updates to the website's table, several in a message. What a unit has of one number stays together: it
// is kept together where the website does not have the unit.
func (f *function) publish(ctx context.Context, head ledger.Head, updates []stays.Update) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for len(updates) > 0 {
		n := min(len(updates), mostUpdates)
		for n < len(updates) && updates[n].Unit == updates[n-1].Unit && updates[n].Number == updates[n-1].Number {
			n++
		}
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

// Bounds of messages to the website's table.
const (
	mostUpdates = 50 // in a message
	atOnce      = 8  // messages under way
)

// longest is the longest pause between tries of the broker and of our own topic; the first is one second.
const longest = time.Minute

func soon(tries int) time.Duration { return min(longest, time.Second<<min(tries-1, 6)) }
