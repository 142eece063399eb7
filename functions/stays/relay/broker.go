package relay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/broker"
	"github.com/carillon-calendar/carillon/shared/stays/ledger"
)

// sides are the half that Carillon speaks for on the broker, if any, and those whose messages it takes.
func sides(settings *stays.Settings) (speaks *broker.Half, takes []broker.Half) {
	switch settings.Stands() {
	case stays.ReplacesService:
		return &broker.Service, []broker.Half{broker.Website}
	case stays.ReplacesSite:
		return &broker.Website, []broker.Half{broker.Service}
	}
	return nil, []broker.Half{broker.Service, broker.Website} // what the old halves have left there
}

// startBroker gives the broker its cursors: the other half is sent what changes from now on.
func (f *function) startBroker(ctx context.Context, settings *stays.Settings, head ledger.Head) error {
	if err := f.Ledger.StartCursor(ctx, SourceBroker, 0); err != nil {
		return err
	}
	if speaks, _ := sides(settings); speaks == nil {
		return nil
	}
	return f.Ledger.StartCursor(ctx, DestinationBroker, head.Number)
}

// sender is the destination that is the other half, over an open link.
func (f *function) sender(h broker.Half, b stays.Broker, link func() (*broker.Link, error)) destination {
	other := stays.Website // whose own changes it is not sent
	if h == broker.Website {
		other = stays.Service
	}
	sites := map[string]int64{}
	send := func(ctx context.Context, list []broker.Message) error {
		if b.Pickled() && h == broker.Website {
			if err := f.siteNumbers(ctx, sites); err != nil {
				return err
			}
			for i := range list {
				list[i].Site = sites[list[i].Unit]
			}
		}
		l, err := link()
		if err != nil {
			return err
		}
		return l.Send(ctx, h, list, b.Pickled(), func() { f.blocked(ctx) })
	}
	return destination{
		name: DestinationBroker, later: soon,
		wants: func(c stays.Change) bool { return c.Actor != other },
		send: func(ctx context.Context, _ ledger.Head, list []stays.Change) error {
			out := make([]broker.Message, len(list))
			for i, c := range list {
				out[i] = broker.Message{Unit: c.Unit, Range: c.Range, Type: c.Type, Number: c.Number}
			}
			return send(ctx, out)
		},
		whole: func(ctx context.Context, head ledger.Head, spans []stays.Span) error {
			for len(spans) > 0 {
				n := min(len(spans), mostSent)
				out := make([]broker.Message, n)
				for i, s := range spans[:n] {
					out[i] = broker.Message{Unit: s.Unit, Range: s.Range, Type: s.Type, Number: head.Number}
				}
				if err := send(ctx, out); err != nil {
					return err
				}
				spans = spans[n:]
			}
			return nil
		},
	}
}

// siteNumbers reads the cottages' numbers on the website once.
func (f *function) siteNumbers(ctx context.Context, sites map[string]int64) error {
	if len(sites) > 0 {
		return nil
	}
	units, err := f.Ledger.Units(ctx, nil)
	for _, u := range units {
		sites[u.Unit] = u.Site
	}
	return err
}

// blocked writes down that the broker takes nothing just now. What waits is sent once it does.
func (f *function) blocked(ctx context.Context) {
	c, err := f.cursor(ctx, DestinationBroker)
	if err == nil {
		err = f.Ledger.Fail(ctx, c, broker.Blocked+": the broker takes no messages: its memory or disk is full", f.Now())
	}
	if err != nil {
		slog.WarnContext(ctx, "the broker's state was not written", slog.Any("error", err))
	}
}

// broker is what a run does with the broker: it opens a link, sends, takes what came, and closes it.
func (f *function) broker(settings *stays.Settings, b stays.Broker) (list []destination) {
	speaks, takes := sides(settings)
	if speaks != nil {
		var l *broker.Link
		d := f.sender(*speaks, b, func() (*broker.Link, error) { return l, nil })
		within := func(do func() error) (err error) {
			if l, err = opened(settings, b, *speaks); err != nil {
				return err
			}
			defer l.Close()
			return do()
		}
		send, whole := d.send, d.whole
		d.send = func(ctx context.Context, head ledger.Head, list []stays.Change) error {
			return within(func() error { return send(ctx, head, list) })
		}
		d.whole = func(ctx context.Context, head ledger.Head, spans []stays.Span) error {
			return within(func() error { return whole(ctx, head, spans) })
		}
		list = append(list, d)
	}
	return append(list, f.drainer(settings, b, takes))
}

// drainer takes what is in the queues, until they are empty.
func (f *function) drainer(settings *stays.Settings, b stays.Broker, takes []broker.Half) destination {
	drain := func(ctx context.Context) error {
		if settings.BrokerFault != nil {
			return settings.BrokerFault
		}
		l, err := broker.Open(b, takes...)
		if err != nil {
			return err
		}
		defer l.Close()
		for _, h := range takes {
			for first := true; ctx.Err() == nil; first = false {
				d, ok, err := l.Get(h, first)
				if err != nil || !ok {
					if err != nil {
						return err
					}
					break
				}
				if err := f.taken(ctx, d); err != nil {
					return err
				}
				if err := d.Done(); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return destination{name: SourceBroker, later: soon, drain: drain}
}

// opened opens a link that sends.
func opened(settings *stays.Settings, b stays.Broker, h broker.Half) (*broker.Link, error) {
	if settings.BrokerFault != nil {
		return nil, settings.BrokerFault
	}
	l, err := broker.Open(b, h)
	if err != nil {
		return nil, err
	}
	if err := l.Confirmed(); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// mostKept is how much of a message that cannot be read is kept.
const mostKept = 1 << 20

// taken applies a message of the broker, or gives it to the dead letters where it cannot be read. An error is that it
// could not be kept: it comes again.
func (f *function) taken(ctx context.Context, d broker.Delivery) error {
	m, err := d.Half.Decode(d.Body, d.ContentType)
	if err == nil {
		err = f.take(ctx, d.Half, m, d.Body, d.Again)
		if _, permanent := errors.AsType[*web.Problem](err); !permanent {
			return err
		}
	}
	slog.ErrorContext(ctx, "message of the broker not readable, it goes to the dead letters",
		slog.String("queue", d.Half.Queue), slog.Int("length", len(d.Body)), slog.Any("error", err))
	return messages.PublishJSON(ctx, f.Publisher, stays.TopicBroker, BrokerMessage{
		Queue: d.Half.Queue, ContentType: d.ContentType, Length: len(d.Body), Body: d.Body[:min(len(d.Body), mostKept)],
	}, messages.OfKind(stays.KindBroker))
}

func unreadable(err error) error {
	return web.NewProblem(http.StatusBadRequest, "The broker's message cannot be read.", err)
}

// take applies a change that a half of the old system has made: the world shows it already, so that it holds whoever
// had its days. Each is applied once, though it may come again.
func (f *function) take(ctx context.Context, h broker.Half, m broker.Message, body []byte, again bool) error {
	unit, err := f.unitOf(ctx, m)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	digest := hex.EncodeToString(sum[:8])
	key := fmt.Sprintf("broker:%s:%s", digest, rand.Text())
	if m.Number > 0 { // its author's own number
		key = fmt.Sprintf("broker:%d:%s", m.Number, digest)
	} else if again {
		newest, err := f.Ledger.NewestKey(ctx, h.Origin)
		if err != nil || strings.HasPrefix(newest, "broker:"+digest) {
			return err // it was applied, and its acknowledgement was lost
		}
	}
	_, err = f.Ledger.Change(ctx, ledger.Order{
		Request: stays.Request{Unit: unit, Range: m.Range, Type: m.Type, Origin: h.Origin, Overwrite: true},
		Key:     key, Adopt: true,
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
	return "", unreadable(errors.New("it names no cottage that the ledger has"))
}

// Connect keeps connections to the broker until ctx ends: one that sends what changes as it happens, one that takes
// what comes. It is for one machine; in the cloud a run opens, sends, takes and closes. It reconnects by itself.
func Connect(ctx context.Context, cfg Config) {
	f := &function{Config: cfg}
	var wg sync.WaitGroup
	wg.Go(func() { f.keep(ctx, DestinationBroker, f.sending) })
	wg.Go(func() { f.keep(ctx, SourceBroker, f.taking) })
	wg.Wait()
}

// idle is how often the settings are looked at while there is nothing to do.
const idle = 2 * time.Second

// keep does something with the broker again and again, after pauses of 1 to 60 s where it fails.
func (f *function) keep(
	ctx context.Context, name string, do func(context.Context, *stays.Settings, stays.Broker) error,
) {
	tries := 0
	for ctx.Err() == nil {
		pause, err := idle, error(nil)
		if settings, serr := f.Settings.Get(ctx); serr == nil {
			if b := settings.Broker; b != nil && settings.BrokerFault == nil {
				began := f.Now()
				err = f.whileSet(ctx, settings, do)
				if f.Now().Sub(began) > longest {
					tries = 0 // it went well for a while
				}
			}
		}
		if err != nil && ctx.Err() == nil {
			tries++
			pause = soon(tries)
			slog.WarnContext(ctx, "the broker failed", slog.String("side", name), slog.Any("error", err),
				slog.Duration("again_in", pause))
			if !errors.Is(err, sqldb.ErrUnreachable) {
				f.note(ctx, name, err, pause)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// whileSet does something as long as the settings say the same of the broker.
func (f *function) whileSet(
	ctx context.Context, settings *stays.Settings, do func(context.Context, *stays.Settings, stays.Broker) error,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			select {
			case <-ctx.Done():
			case <-time.After(idle):
			}
			now, err := f.Settings.Get(ctx)
			if err == nil && (now.Broker == nil || *now.Broker != *settings.Broker || now.Stands() != settings.Stands()) {
				cancel()
			}
		}
	}()
	return do(ctx, settings, *settings.Broker)
}

// note writes a failure down with its cursor.
func (f *function) note(ctx context.Context, name string, why error, pause time.Duration) {
	c, err := f.cursor(ctx, name)
	if err == nil {
		err = f.Ledger.Fail(ctx, c, said(why), f.Now().Add(pause))
	}
	if err != nil {
		slog.WarnContext(ctx, "the broker's state was not written", slog.Any("error", err))
	}
}

// well takes a fault back.
func (f *function) well(ctx context.Context, name string) error {
	c, err := f.cursor(ctx, name)
	if err != nil || c.Tries == 0 {
		return err
	}
	_, err = f.Ledger.Advance(ctx, c, c.Ledger, c.Number)
	return err
}

// sending sends what changes as long as the connection lasts.
func (f *function) sending(ctx context.Context, settings *stays.Settings, b stays.Broker) error {
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return err
	}
	if err := f.startBroker(ctx, settings, head); err != nil {
		return err
	}
	speaks, _ := sides(settings)
	if speaks == nil {
		return nil
	}
	l, err := opened(settings, b, *speaks)
	if err != nil {
		return err
	}
	defer l.Close()
	if err := f.well(ctx, DestinationBroker); err != nil {
		return err
	}
	d := f.sender(*speaks, b, func() (*broker.Link, error) { return l, nil })
	for ctx.Err() == nil {
		news := f.Ledger.News()
		c, err := f.cursor(ctx, d.name)
		if err != nil {
			return err
		}
		for more := !c.Paused; more && ctx.Err() == nil; {
			next, err := f.step(ctx, d, c)
			if err != nil {
				return err
			}
			more, c = next != c && !next.Paused, next
		}
		select {
		case <-ctx.Done():
		case err := <-l.Ended():
			return &lost{err}
		case <-news:
		case <-time.After(idle):
		}
	}
	return nil
}

// lost is that a connection ended.
type lost struct{ err error }

func (e *lost) Error() string { return broker.Closed + ": the connection ended" }

// taking takes what comes as long as the connection lasts.
func (f *function) taking(ctx context.Context, settings *stays.Settings, b stays.Broker) error {
	head, err := f.Ledger.Head(ctx)
	if err != nil {
		return err
	}
	if err := f.startBroker(ctx, settings, head); err != nil {
		return err
	}
	_, takes := sides(settings)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, len(takes))
	for _, h := range takes {
		go func() { ends <- f.takingFrom(ctx, b, h) }()
	}
	for range takes {
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
	if err := f.well(ctx, SourceBroker); err != nil {
		return err
	}
	return l.Take(ctx, h, f.taken)
}
