package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/functions/stays/relay"
	"github.com/carillon-calendar/carillon/functions/stays/reservations"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/sqldb"
	"github.com/carillon-calendar/carillon/shared/stays"
	staysledger "github.com/carillon-calendar/carillon/shared/stays/ledger"
	"github.com/carillon-calendar/carillon/shared/stays/site"
)

const (
	deliveredOne  = 400     // bookings whose rows are waited for, one after the other
	deliveredMany = 100_000 // changes that wait, and are drained
)

// staysDelivery measures how long after its commit a booking is in the website's table, and how fast changes that have
// waited are drained, on one machine with the ledger in a file and on a server.
func staysDelivery(ctx context.Context) error { return onBoth(ctx, deliveryOn) }

// A delivery is a ledger whose changes go to the website's table in the same database.
type delivery struct {
	db   *sqldb.DB
	book *staysledger.Ledger
	wake chan struct{}
}

func deliveryOn(ctx context.Context, p place) error {
	db, err := p.open("delivery")
	if err != nil {
		return err
	}
	defer db.Close()
	dir := filepath.Join(p.dir, p.name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	d, queue, err := newDelivery(ctx, db, dir)
	if err != nil {
		cancel()
		return err
	}
	defer func() { cancel(); queue.Wait() }()
	var took []time.Duration
	for i := range deliveredOne {
		if _, err := d.change(ctx, i, 5000); err != nil {
			return err
		}
		began := time.Now()
		if err := d.until(ctx,
			fmt.Sprintf("SELECT count(*) FROM reservation_proprio WHERE heb_fk = %d AND res_date >= '%s'",
				1+i%staysUnits, (stays.DayOf(began)+stays.Day(5000+i/staysUnits)).String()), 1, time.Millisecond); err != nil {
			return err
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	fmt.Printf("%s: from commit to the website's row, median %s, p99 %s (%d bookings one after the other)\n", p.name,
		ms(at(took, .5)), ms(at(took, .99)), deliveredOne)
	rate, err := d.drain(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d changes that have waited are drained at %.0f/s\n", p.name, deliveredMany, rate)
	return nil
}

func newDelivery(ctx context.Context, db *sqldb.DB, dir string) (*delivery, *machine.Queue, error) {
	book, state, settings, err := newStaysLedger(ctx, db, dir)
	if err != nil {
		return nil, nil, err
	}
	if _, err := site.Open(ctx, db, true); err != nil { // its table is looked at before the first message makes it
		return nil, nil, err
	}
	d := &delivery{db: db, book: book, wake: make(chan struct{}, 1)}
	late := new(publisher)
	queue := machine.NewQueue(state, time.Now,
		machine.Subscription{
			Name: "relay", Topic: stays.TopicRelay, Concurrency: 4,
			Handler: relay.New(relay.Config{Settings: settings, Ledger: book, Publisher: late, Now: time.Now}),
		},
		machine.Subscription{
			Name: "reservations", Topic: stays.TopicNotifications, Concurrency: 8,
			Handler: reservations.New(reservations.Config{Settings: settings, Ledger: book, Database: db, Now: time.Now}),
		})
	late.Publisher = queue
	book.Wake = func(context.Context) error {
		select {
		case d.wake <- struct{}{}:
		default:
		}
		return nil
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-d.wake:
				_ = queue.Publish(ctx, stays.TopicRelay, messages.Message{})
				<-time.After(10 * time.Millisecond) // as the machine does
			}
		}
	}()
	queue.Start(ctx)
	return d, queue, nil
}

// A publisher is made before the queue that it publishes to.
type publisher struct{ messages.Publisher }

// change books a night of a unit.
func (d *delivery) change(ctx context.Context, n, ahead int) (staysledger.Result, error) {
	from := stays.DayOf(time.Now()) + stays.Day(ahead+n/staysUnits)
	return d.book.Change(ctx, staysledger.Order{Request: stays.Request{
		Unit: staysUnit(n % staysUnits), Range: stays.Range{From: from, To: from + 1}, Type: stays.Booked,
		Origin: "partner:channel",
	}})
}

// until waits for a count.
func (d *delivery) until(ctx context.Context, query string, want int, pause time.Duration) error {
	for {
		var n int
		if err := d.db.Read.QueryRowContext(ctx, query).Scan(&n); err != nil || n >= want {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// drain pauses the delivery, makes changes, lets it go on, and returns how many are delivered a second.
func (d *delivery) drain(ctx context.Context) (float64, error) {
	if _, err := d.book.Pause(ctx, relay.DestinationSite); err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	errs := make([]error, staysCallers)
	for c := range staysCallers {
		wg.Go(func() {
			for n := c; n < deliveredMany && errs[c] == nil; n += staysCallers {
				_, errs[c] = d.change(ctx, n, 1)
			}
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := d.book.Go(ctx, relay.DestinationSite); err != nil {
		return 0, err
	}
	if err := d.book.Wake(ctx); err != nil {
		return 0, err
	}
	err := d.until(ctx, "SELECT count(*) FROM reservation_proprio", deliveredOne+deliveredMany, 50*time.Millisecond)
	return deliveredMany / time.Since(began).Seconds(), err
}
