// Package broker speaks to the RabbitMQ server between gites.walhebcalendar (the service) and gites.calendar (the
// site), and reads and writes their messages. A half that is still in use needs no change: exchanges, queues and
// bindings are as it declares them, durable and without arguments.
//
//	service -> site   exchange booking.update, key gdw, queue booking.update.fromwalhebcalendar
//	site -> service   exchange booking.update.gdw, key import, queue booking.update.gdw
//
// The server confirms sent messages. Received messages are acknowledged once they are stored.
package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/carillon-calendar/carillon/shared/stays"
)

// A Fault is why a broker cannot be used just now. Its text has neither addresses nor passwords.
type Fault struct {
	Code string
	err  error
}

// Codes of faults.
const (
	Unreachable = "unreachable" // no connection
	Refused     = "refused"     // the user or his password is not known
	NoVHost     = "vhost"       // it is not there, or not the user's
	Forbidden   = "forbidden"   // the user may not declare, write or read
	Declared    = "declared"    // an exchange or queue is there with other properties
	Blocked     = "blocked"     // the server takes no messages: memory or disk
	Unroutable  = "unroutable"  // no queue takes the message
	Closed      = "closed"      // the connection ended
)

func (f *Fault) Error() string { return f.err.Error() }
func (f *Fault) Unwrap() error { return f.err }

// ErrBlocked is that the server accepts no messages now.
var ErrBlocked error = &Fault{Blocked, errors.New("the broker accepts no messages: its memory or disk is full")}

// CodeOf is the code of an error, or "".
func CodeOf(err error) string {
	if f, ok := errors.AsType[*Fault](err); ok {
		return f.Code
	}
	return ""
}

// fault tells errors of the library apart (rabbitmq.com/docs/channels#error-handling).
func fault(otherwise string, err error) error {
	code := otherwise
	if e, ok := errors.AsType[*amqp.Error](err); ok {
		switch e.Code {
		case amqp.AccessRefused:
			code = Forbidden
			if errors.Is(err, amqp.ErrCredentials) {
				code = Refused
			}
		case amqp.NotAllowed:
			code = NoVHost
		case amqp.PreconditionFailed:
			code = Declared
		}
	}
	if errors.Is(err, amqp.ErrVhost) {
		code = NoVHost
	}
	return &Fault{code, err}
}

// Bounds.
const (
	connecting = 10 * time.Second
	heartbeat  = 10 * time.Second
)

// A Link is a connection with one channel, for one goroutine.
type Link struct {
	conn     *amqp.Connection
	ch       *amqp.Channel
	returned chan amqp.Return
	blocked  atomic.Bool
	ended    chan struct{} // closed once the channel has ended
	why      error         // set before
}

// Open connects and declares what halves have, which does nothing where it is there.
func Open(b stays.Broker, halves ...Half) (*Link, error) {
	scheme := "amqp://"
	if b.TLS {
		scheme = "amqps://"
	}
	const guest = "guest" // RabbitMQ's own default
	conn, err := amqp.DialConfig(scheme+b.Address(), amqp.Config{
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: cmp.Or(b.User, guest), Password: cmp.Or(b.Password, guest)}},
		Vhost: b.VirtualHost(), Heartbeat: heartbeat, Dial: amqp.DefaultDial(connecting),
		TLSClientConfig: &tls.Config{ServerName: b.Host, MinVersion: tls.VersionTLS12},
		Properties:      amqp.Table{"product": "Carillon", "capabilities": amqp.Table{"connection.blocked": true}},
	})
	if err != nil {
		if _, ok := errors.AsType[net.Error](err); ok {
			err = errors.New("no connection to the broker")
		}
		return nil, fault(Unreachable, err)
	}
	l := &Link{conn: conn, ended: make(chan struct{})}
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 1))
	go func() {
		for b := range blocked {
			l.blocked.Store(b.Active)
		}
	}()
	if l.ch, err = conn.Channel(); err == nil {
		go l.watch(l.ch.NotifyClose(make(chan *amqp.Error, 1)))
		err = l.declare(halves)
	}
	if err != nil {
		l.Close()
		return nil, fault(Closed, err)
	}
	return l, nil
}

// watch waits for the end of the channel.
func (l *Link) watch(closed <-chan *amqp.Error) {
	l.why = &Fault{Closed, errors.New("the connection ended")}
	if err := <-closed; err != nil {
		l.why = fault(Closed, err)
	}
	close(l.ended)
}

// Ended is closed once the channel has ended; [Link.Why] says why.
func (l *Link) Ended() <-chan struct{} { return l.ended }

// Why is the fault that ended the channel, once it has ended.
func (l *Link) Why() error { return l.why }

// declare makes exchanges, queues and bindings as the old programs do: another argument would be refused with 406.
func (l *Link) declare(halves []Half) error {
	for _, h := range halves {
		if err := l.ch.ExchangeDeclare(h.Exchange, amqp.ExchangeDirect, true, false, false, false, nil); err != nil {
			return err
		}
		if _, err := l.ch.QueueDeclare(h.Queue, true, false, false, false, nil); err != nil {
			return err
		}
		if err := l.ch.QueueBind(h.Queue, h.Key, h.Exchange, false, nil); err != nil {
			return err
		}
	}
	return nil
}

// Check connects as [Open] does, and checks that the existing exchanges and queues of halves have the expected
// properties. It declares nothing new.
func Check(b stays.Broker, halves ...Half) error {
	l, err := Open(b)
	if err != nil {
		return err
	}
	defer l.Close()
	for _, h := range halves {
		// a question about what is not there closes its channel
		there := func(ask func(*amqp.Channel) error) bool {
			ch, err := l.conn.Channel()
			if err != nil {
				return false
			}
			defer ch.Close()
			return ask(ch) == nil
		}
		exchange := there(func(ch *amqp.Channel) error {
			return ch.ExchangeDeclarePassive(h.Exchange, amqp.ExchangeDirect, true, false, false, false, nil)
		})
		queue := there(func(ch *amqp.Channel) error {
			_, err := ch.QueueDeclarePassive(h.Queue, true, false, false, false, nil)
			return err
		})
		if exchange && queue {
			if err := l.declare([]Half{h}); err != nil {
				return fault(Closed, err)
			}
		}
	}
	return nil
}

// Close ends the connection.
func (l *Link) Close() {
	const limit = 2 * time.Second
	_ = l.conn.CloseDeadline(time.Now().Add(limit)) //nolint:forbidigo // the network's time
}

// Confirmed makes the server confirm later messages.
func (l *Link) Confirmed() error {
	if err := l.ch.Confirm(false); err != nil {
		return fault(Closed, err)
	}
	l.returned = l.ch.NotifyReturn(make(chan amqp.Return, mostReturned))
	return nil
}

// mostReturned is more than are sent at once.
const mostReturned = 1024

// Send sends a half's messages in order, and returns once the server has all of them on disk. While the server accepts
// none, it waits, and calls blocked once.
func (l *Link) Send(ctx context.Context, h Half, list []Message, asPickle bool, blocked func()) error {
	waits := make([]*amqp.DeferredConfirmation, 0, len(list))
	for _, m := range list {
		data, contentType := h.Encode(m, asPickle)
		wait, err := l.ch.PublishWithDeferredConfirmWithContext(ctx, h.Exchange, h.Key, true, false, amqp.Publishing{
			ContentType: contentType, DeliveryMode: amqp.Persistent, Body: data,
			MessageId: fmt.Sprintf("%s-%d", h.Exchange, m.Number),
		})
		if err != nil {
			return fault(Closed, err)
		}
		waits = append(waits, wait)
	}
	for _, wait := range waits {
		if err := l.confirmed(ctx, wait, &blocked); err != nil {
			return err
		}
	}
	select {
	case r := <-l.returned:
		return &Fault{Unroutable, fmt.Errorf("a message to %s was returned: %s", r.Exchange, r.ReplyText)}
	default:
		return nil
	}
}

// confirmed waits for the server's confirmation.
func (l *Link) confirmed(ctx context.Context, wait *amqp.DeferredConfirmation, blocked *func()) error {
	const look = time.Second
	for {
		select {
		case <-wait.Done():
			if !wait.Acked() {
				return &Fault{Closed, errors.New("a message was not confirmed")}
			}
			return nil
		case <-ctx.Done():
			code := Closed
			if l.blocked.Load() {
				code = Blocked
			}
			return &Fault{code, ctx.Err()}
		case <-time.After(look):
			if l.blocked.Load() && *blocked != nil {
				slog.WarnContext(ctx, "the broker takes no messages just now")
				(*blocked)()
				*blocked = nil
			}
		}
	}
}

// A Delivery is a message that is not acknowledged yet.
type Delivery struct {
	Half        Half
	Body        []byte
	ContentType string

	d amqp.Delivery
}

// Done acknowledges it: the server removes it.
func (d Delivery) Done() error {
	if err := d.d.Ack(false); err != nil {
		return fault(Closed, err)
	}
	return nil
}

// Get takes the next message of a half's queue; false: it is empty.
func (l *Link) Get(h Half) (Delivery, bool, error) {
	d, ok, err := l.ch.Get(h.Queue, false)
	if err != nil {
		return Delivery{}, false, fault(Closed, err)
	}
	return Delivery{h, d.Body, d.ContentType, d}, ok, nil
}

// Take hands each message of a half's queue to do, one at a time, until ctx or the connection ends. A message is
// acknowledged unless do returns an error.
func (l *Link) Take(ctx context.Context, h Half, do func(context.Context, Delivery) error) error {
	if err := l.ch.Qos(1, 0, false); err != nil {
		return fault(Closed, err)
	}
	deliveries, err := l.ch.ConsumeWithContext(ctx, h.Queue, "", false, false, false, false, nil)
	if err != nil {
		return fault(Closed, err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case d, ok := <-deliveries:
			if !ok && ctx.Err() != nil {
				return nil //nolint:nilerr // the caller has ended it
			}
			if !ok {
				<-l.ended
				return l.why
			}
			one := Delivery{h, d.Body, d.ContentType, d}
			if err := do(ctx, one); err != nil {
				return err
			}
			if err := one.Done(); err != nil {
				return err
			}
		}
	}
}
