package relay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// speaksAs is the half as which Carillon sends messages on the broker, or nil.
func speaksAs(settings *stays.Settings) *broker.Half {
	if settings.Broker == nil {
		return nil
	}
	switch settings.Stands() {
	case stays.ReplacesService:
		return &broker.Service
	case stays.ReplacesSite:
		return &broker.Website
	}
	return nil
}

// takesFrom are the halves whose messages Carillon applies: the remaining one, or what both have left in the queues.
func takesFrom(settings *stays.Settings) []broker.Half {
	if half := speaksAs(settings); half != nil {
		return []broker.Half{half.Other()}
	}
	return []broker.Half{broker.Service, broker.Website}
}

// startBroker gives the broker its cursors. The other half receives changes from now on.
func (f *function) startBroker(ctx context.Context, settings *stays.Settings) error {
	if settings.Broker == nil {
		return nil
	}
	if err := f.Ledger.StartCursor(ctx, SourceBroker, 0); err != nil || speaksAs(settings) == nil {
		return err
	}
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return err
	}
	return f.Ledger.StartCursor(ctx, DestinationBroker, head.Number)
}

// A line is a link to the broker that is opened by its first use, and again after a failure.
type line struct {
	open func() (*broker.Link, error)
	link *broker.Link
}

func (l *line) get() (_ *broker.Link, err error) {
	if l.link == nil {
		l.link, err = l.open()
	}
	return l.link, err
}

func (l *line) close() {
	if l.link != nil {
		l.link.Close()
		l.link = nil
	}
}

// opened opens a link that sends as a half.
func opened(settings *stays.Settings, h broker.Half) (*broker.Link, error) {
	if settings.BrokerFault != nil {
		return nil, settings.BrokerFault
	}
	l, err := broker.Open(*settings.Broker, h)
	if err != nil {
		return nil, err
	}
	if err := l.Confirmed(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// sender is the other half as a destination. Its own changes are not sent back to it.
func (f *function) sender(settings *stays.Settings, h broker.Half, l *line) destination {
	other := h.Other().Origin
	return destination{
		name: DestinationBroker, later: soon, end: l.close,
		wants: func(u stays.Update) bool { return u.Actor != other },
		send: func(ctx context.Context, _ ledger.Head, updates []stays.Update) error {
			list, err := f.brokerMessages(ctx, updates, other)
			if err != nil {
				return err
			}
			for part := range slices.Chunk(list, mostSent) {
				link, err := l.get()
				if err != nil {
					return err
				}
				if err := link.Send(ctx, h, part, settings.Broker.Pickled(), func() { f.blocked(ctx) }); err != nil {
					l.close()
					return err
				}
			}
			return nil
		},
	}
}

// brokerMessages are updates as messages, without the days that the other half has changed later: it would overwrite
// its own newer change.
func (f *function) brokerMessages(
	ctx context.Context, updates []stays.Update, other stays.Origin,
) (list []broker.Message, err error) {
	var units []string
	for _, u := range updates {
		units = append(units, u.Unit)
	}
	slices.Sort(units)
	units = slices.Compact(units)
	later, err := f.Ledger.Changes(ctx, ledger.Query{After: updates[0].Number, Units: units, Actor: other})
	if err != nil {
		return nil, err
	}
	there, err := f.Ledger.Units(ctx, units)
	if err != nil {
		return nil, err
	}
	sites := map[string]int64{}
	for _, u := range there {
		sites[u.Unit] = u.Site
	}
	for _, u := range updates {
		for _, part := range without(u, later) {
			list = append(list, broker.Message{
				Unit: u.Unit, Site: sites[u.Unit], Range: part, Type: u.Type, Number: u.Number,
			})
		}
	}
	return list, nil
}

// without are the days of an update that none of some changes has changed later.
func without(u stays.Update, changes []stays.Change) []stays.Range {
	var taken []stays.Span
	for _, c := range changes {
		if c.Unit == u.Unit && c.Number > u.Number {
			taken = append(taken, stays.Span{Unit: c.Unit, Range: c.Range, Type: c.Type})
		}
	}
	slices.SortFunc(taken, func(a, b stays.Span) int { return int(a.From - b.From) })
	return stays.Free(taken, u.Range())
}

// blocked records that the broker accepts no messages now. Pending ones are sent once it does.
func (f *function) blocked(ctx context.Context) {
	f.noteFor(ctx, DestinationBroker, broker.ErrBlocked, 0)
}

// noteFor records a failure with the cursor of a name.
func (f *function) noteFor(ctx context.Context, name string, why error, pause time.Duration) {
	c, err := f.Ledger.Cursor(ctx, name)
	if err == nil {
		err = f.note(ctx, c, why, pause)
	}
	if err != nil {
		slog.WarnContext(ctx, "failure of the broker not recorded", slog.Any("error", err))
	}
}

// drain applies the messages in the broker's queues until they are empty.
func (f *function) drain(ctx context.Context, settings *stays.Settings) {
	c, err := f.Ledger.Cursor(ctx, SourceBroker)
	if err == nil && f.waits(c) {
		return
	}
	if err == nil {
		err = f.drainQueues(ctx, settings)
	}
	switch {
	case ctx.Err() != nil:
	case err == nil:
		err = f.Ledger.Well(ctx, SourceBroker)
	case !errors.Is(err, sqldb.ErrUnreachable):
		err = errors.Join(err, f.note(ctx, c, err, soon(c.Tries+1)))
	}
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "the broker's queues not emptied", slog.Any("error", err))
	}
}

func (f *function) drainQueues(ctx context.Context, settings *stays.Settings) error {
	if settings.BrokerFault != nil {
		return settings.BrokerFault
	}
	halves := takesFrom(settings)
	l, err := broker.Open(*settings.Broker, halves...)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, h := range halves {
		for ctx.Err() == nil {
			d, ok, err := l.Get(h)
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if err := f.applyDelivery(ctx, d); err != nil {
				return err
			}
			if err := d.Done(); err != nil {
				return err
			}
		}
	}
	return nil
}

// BrokerMessage is a message of the broker that cannot be applied, as it goes to the dead letters.
type BrokerMessage struct {
	Queue       string `json:"queue"`
	ContentType string `json:"content_type"`
	Length      int    `json:"length"`
	Body        []byte `json:"body"` // at most the first mebibyte
}

// mostKept is how much of such a message is kept.
const mostKept = 1 << 20

// applyDelivery applies a message of the broker. One that cannot be applied goes to the dead letters, so that the next
// one gets its turn. An error means that the message must be redelivered.
func (f *function) applyDelivery(ctx context.Context, d broker.Delivery) error {
	err := f.apply(ctx, d.Half, d.Body, d.ContentType)
	if err == nil || errors.Is(err, sqldb.ErrUnreachable) || ctx.Err() != nil {
		return err
	}
	slog.ErrorContext(ctx, "message of the broker not applied, it goes to the dead letters",
		slog.String("queue", d.Half.Queue), slog.Int("length", len(d.Body)), slog.Any("error", err))
	return messages.PublishJSON(ctx, f.Publisher, stays.TopicBroker, BrokerMessage{
		Queue: d.Half.Queue, ContentType: d.ContentType, Length: len(d.Body), Body: d.Body[:min(len(d.Body), mostKept)],
	}, messages.OfKind(stays.KindBroker))
}

// retryUnread tries a message of the broker once more that could not be applied. It is refused until it becomes a dead
// letter; one that is sent again from there may be readable by then.
func (f *function) retryUnread(ctx context.Context, d messages.Delivery) error {
	var m BrokerMessage
	err := json.Unmarshal(d.Message.Data, &m)
	if err == nil {
		err = fmt.Errorf("the queue %.60q", m.Queue)
		for _, h := range []broker.Half{broker.Service, broker.Website} {
			if h.Queue == m.Queue {
				err = f.apply(ctx, h, m.Body, m.ContentType)
			}
		}
	}
	if err == nil || errors.Is(err, sqldb.ErrUnreachable) {
		return err
	}
	return web.NewProblem(http.StatusBadRequest, "The broker's message cannot be applied.", err)
}

// apply applies a change that a half of the old system has made. The world shows it already, so it overwrites other
// holders. A redelivered message is applied once: by its author's number, or, where it has none, because the same
// change stands.
func (f *function) apply(ctx context.Context, h broker.Half, body []byte, contentType string) error {
	m, err := h.Decode(body, contentType)
	if err != nil {
		return err
	}
	unit, err := f.unitOf(ctx, m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	key := "broker:" + hex.EncodeToString(sum[:8]) + ":"
	if m.Number > 0 {
		key += strconv.FormatInt(m.Number, 10)
	} else {
		if stands, err := f.Ledger.Stands(ctx, h.Origin, key); err != nil || stands {
			return err
		}
		key += rand.Text()
	}
	_, err = f.Ledger.Change(ctx, ledger.Order{
		Request: stays.Request{Unit: unit, Range: m.Range, Type: m.Type, Origin: h.Origin, Overwrite: true},
		Key:     key, Adopt: stays.IsCode(unit),
	})
	return err
}

// unitOf is the unit of a message: by its code, or by its number on the website.
func (f *function) unitOf(ctx context.Context, m broker.Message) (string, error) {
	if m.Unit != "" {
		return m.Unit, nil
	}
	units, err := f.Ledger.Units(ctx, nil)
	if err != nil {
		return "", err
	}
	for _, u := range units {
		if u.Site == m.Site {
			return u.Unit, nil
		}
	}
	return "", ledger.ErrNoUnit
}

// Connect keeps connections to the broker until ctx ends: one for sending, and one for each queue. It is for one
// machine; in the cloud each run connects for itself. A lost connection is opened again.
func Connect(ctx context.Context, cfg Config) {
	f := &function{Config: cfg}
	var wg sync.WaitGroup
	wg.Go(func() { f.keep(ctx, DestinationBroker, f.sending) })
	wg.Go(func() { f.keep(ctx, SourceBroker, f.taking) })
	wg.Wait()
}

// idle is how often settings and cursors are read while nothing happens.
const idle = 2 * time.Second

// keep repeats a part of the connector, after pauses of 1 to 60 s where it fails.
func (f *function) keep(ctx context.Context, name string, do func(context.Context, *stays.Settings) error) {
	tries := 0
	for ctx.Err() == nil {
		began := f.Now()
		pause, err := idle, f.whileSet(ctx, do)
		if f.Now().Sub(began) > longest {
			tries = 0 // it worked for a while
		}
		if err != nil && ctx.Err() == nil {
			tries++
			pause = soon(tries)
			slog.WarnContext(ctx, "the broker failed", slog.String("side", name), slog.Any("error", err),
				slog.Duration("again_in", pause))
			if !errors.Is(err, sqldb.ErrUnreachable) {
				f.noteFor(ctx, name, err, pause)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// whileSet runs a part of the connector until it ends, or the settings of the broker change.
func (f *function) whileSet(ctx context.Context, do func(context.Context, *stays.Settings) error) error {
	settings, err := f.Settings.Get(ctx)
	if err != nil || settings.Broker == nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			now, err := f.Settings.Get(ctx)
			if err == nil && (now.Broker == nil || *now.Broker != *settings.Broker || now.Stands() != settings.Stands()) {
				cancel()
			}
			select {
			case <-ctx.Done():
			case <-time.After(idle):
			}
		}
	}()
	if err := f.startBroker(ctx, settings); err != nil {
		return err
	}
	return do(ctx, settings)
}

// sending sends changes as they are made, while the connection lasts.
func (f *function) sending(ctx context.Context, settings *stays.Settings) error {
	half := speaksAs(settings)
	if half == nil {
		return nil
	}
	l := &line{open: func() (*broker.Link, error) { return opened(settings, *half) }}
	defer l.close()
	link, err := l.get()
	if err != nil {
		return err
	}
	if err := f.Ledger.Well(ctx, DestinationBroker); err != nil {
		return err
	}
	d := f.sender(settings, *half, l)
	for ctx.Err() == nil {
		news := f.Ledger.News()
		if err := f.sendAll(ctx, d); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-link.Ended():
			return link.Why()
		case <-news:
		case <-time.After(idle):
		}
	}
	return nil
}

// sendAll sends the changes after the cursor, unless it is paused.
func (f *function) sendAll(ctx context.Context, d destination) error {
	c, err := f.Ledger.Cursor(ctx, d.name)
	for err == nil && !c.Paused && ctx.Err() == nil {
		var next ledger.Cursor
		if next, err = f.step(ctx, d, c); err == nil && next == c {
			return nil
		}
		c = next
	}
	if errors.Is(err, ledger.ErrMoved) { // an operator has moved it: it is read again
		return nil
	}
	return err
}

// taking applies messages as they come, while the connections last.
func (f *function) taking(ctx context.Context, settings *stays.Settings) (err error) {
	if settings.BrokerFault != nil {
		return settings.BrokerFault
	}
	halves := takesFrom(settings)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(halves))
	for _, h := range halves {
		go func() { ends <- f.takingFrom(ctx, *settings.Broker, h) }()
	}
	for range halves {
		if e := <-ends; e != nil {
			err = e
		}
		cancel() // both or none
	}
	return err
}

func (f *function) takingFrom(ctx context.Context, b stays.Broker, h broker.Half) error {
	l, err := broker.Open(b, h)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := f.Ledger.Well(ctx, SourceBroker); err != nil {
		return err
	}
	return l.Take(ctx, h, f.applyDelivery)
}
