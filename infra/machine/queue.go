package machine

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// A Subscription says how a topic's messages are pushed to a function.
type Subscription struct {
	Name, Topic string
	Handler     http.Handler
	// Concurrency is how many pushes run at once; default 20.
	Concurrency int
	// MinBackoff and MaxBackoff bound the pause before the next attempt; default 1 s and 60 s.
	MinBackoff, MaxBackoff time.Duration
	// Attempts is after how many a message is a dead letter; default those of [Options], [Never]: it expires instead.
	Attempts int
	// Retention is how long a message is kept; default 7 days.
	Retention time.Duration
}

// Never is the [Subscription.Attempts] of messages that are worth nothing later.
const Never = -1

// A Queue keeps messages until their subscription's handler has taken them. It does what Pub/Sub's push does.
type Queue struct {
	db   *DB
	now  func() time.Time // stamps publishTime; everything else is real time
	subs map[string]*subscription
	wg   sync.WaitGroup
}

type subscription struct {
	Subscription

	wake  chan struct{}
	slots chan struct{}
}

var _ messages.Publisher = (*Queue)(nil)

// NewQueue returns the queue of these subscriptions. Start begins to push.
func NewQueue(db *DB, now func() time.Time, subs ...Subscription) *Queue {
	q := &Queue{db: db, now: now, subs: map[string]*subscription{}}
	for _, s := range subs {
		s.Concurrency = cmp.Or(s.Concurrency, 20)
		s.MinBackoff, s.MaxBackoff = cmp.Or(s.MinBackoff, time.Second), cmp.Or(s.MaxBackoff, time.Minute)
		s.Retention = cmp.Or(s.Retention, 7*24*time.Hour)
		q.subs[s.Name] = &subscription{s, make(chan struct{}, 1), make(chan struct{}, s.Concurrency)}
	}
	return q
}

// Publish implements [messages.Publisher]: the message is on disk when it returns.
func (q *Queue) Publish(ctx context.Context, topic string, m messages.Message) error {
	attributes, err := json.Marshal(m.Attributes)
	if err != nil {
		return err
	}
	id := make([]byte, 8)
	_, _ = rand.Read(id) // never fails
	var woken []*subscription
	err = q.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		for _, s := range q.subs {
			if s.Topic != topic {
				continue
			}
			woken = append(woken, s)
			now := time.Now()
			_, err := tx.ExecContext(ctx,
				"INSERT INTO deliveries (subscription, message_id, data, attributes, ordering_key, published, expires, due) "+
					"VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
				s.Name, hex.EncodeToString(id), m.Data, string(attributes), m.OrderingKey, q.now().UTC().Format(time.RFC3339Nano),
				now.Add(s.Retention).UnixMilli(), now.UnixMilli())
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("publishing to %s: %w", topic, err)
	}
	for _, s := range woken {
		s.signal()
	}
	return nil
}

func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// finish is how long pushes that are under way may take when the queue stops.
const finish = 2 * time.Second

// Start pushes until ctx ends; what is under way then may finish. Wait returns when the last push has.
func (q *Queue) Start(ctx context.Context) {
	pushes, cancel := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(finish, cancel) })
	for _, s := range q.subs {
		q.wg.Go(func() { q.run(ctx, pushes, s) })
	}
}

// Wait returns when everything has come to a stop after Start's context ended.
func (q *Queue) Wait() { q.wg.Wait() }

const (
	poll  = 500 * time.Millisecond // for what backs off
	batch = 100
)

// run pushes a subscription's due messages. A row in flight is due only after
// its lease, so that it comes again when this process dies.
func (q *Queue) run(ctx, pushes context.Context, s *subscription) {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	inFlight := &ids{set: map[int64]bool{}}
	for ctx.Err() == nil {
		rows, err := q.due(ctx, s, inFlight)
		if err != nil && ctx.Err() == nil {
			slog.ErrorContext(ctx, "queue not readable", slog.String("subscription", s.Name), slog.Any("error", err))
		}
		for _, row := range rows {
			select {
			case s.slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			inFlight.add(row.id)
			q.wg.Go(func() {
				q.push(pushes, s, row)
				inFlight.remove(row.id)
				<-s.slots
				s.signal()
			})
		}
		if len(rows) == batch {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-ticker.C:
		}
	}
}

// ids are the rows that this process is pushing.
type ids struct {
	mu  sync.Mutex
	set map[int64]bool
}

func (i *ids) add(id int64)         { i.mu.Lock(); i.set[id] = true; i.mu.Unlock() }
func (i *ids) remove(id int64)      { i.mu.Lock(); delete(i.set, id); i.mu.Unlock() }
func (i *ids) copy() map[int64]bool { i.mu.Lock(); defer i.mu.Unlock(); return maps.Clone(i.set) }

type delivery struct {
	id, expires int64
	envelope    messages.Delivery
}

// due reads what is due and not in flight. What was in flight when the process died is still there.
func (q *Queue) due(ctx context.Context, s *subscription, inFlight *ids) ([]delivery, error) {
	busy := inFlight.copy() // before the read: what ends meanwhile is read as it was, due
	// No pause is longer than MaxBackoff: what would have to wait for longer was written before the machine's clock was
	// put back.
	now := time.Now()
	rows, err := q.db.read.QueryContext(ctx,
		"SELECT id, message_id, data, attributes, ordering_key, published, expires, attempt FROM deliveries WHERE "+
			"subscription = ? AND (due <= ? OR due > ?) ORDER BY due, id LIMIT ?",
		s.Name, now.UnixMilli(), now.Add(s.MaxBackoff+time.Minute).UnixMilli(), batch+len(busy))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []delivery
	for rows.Next() {
		d := delivery{envelope: messages.Delivery{Subscription: "projects/local/subscriptions/" + s.Name}}
		m := &d.envelope.Message
		var attributes, published string
		if err := rows.Scan(&d.id, &m.ID, &m.Data, &attributes, &m.OrderingKey, &published, &d.expires,
			&d.envelope.Attempt); err != nil {
			return nil, err
		}
		d.envelope.Attempt++
		if err := json.Unmarshal([]byte(attributes), &m.Attributes); err != nil {
			return nil, err
		}
		if m.PublishTime, err = time.Parse(time.RFC3339Nano, published); err != nil {
			return nil, err
		}
		if !busy[d.id] && len(found) < batch {
			found = append(found, d)
		}
	}
	return found, rows.Err()
}

// unrecorded is the pause before the next attempt where the outcome could not be written, as on a full disk.
const unrecorded = 10 * time.Second

// push makes one attempt and records its outcome.
func (q *Queue) push(ctx context.Context, s *subscription, d delivery) {
	outcome := "expired"
	if time.Now().UnixMilli() < d.expires {
		outcome = post(ctx, s.Handler, d.envelope)
	}
	if ctx.Err() != nil && outcome != "" {
		return // we are stopping, which is not the message's fault
	}
	stopping := ctx.Done()
	ctx = context.WithoutCancel(ctx)
	var err error
	switch {
	case outcome == "" || outcome == "expired" && s.Attempts <= 0:
		_, err = q.db.write.ExecContext(ctx, "DELETE FROM deliveries WHERE id = ?", d.id)
	case outcome == "expired" || s.Attempts > 0 && d.envelope.Attempt >= s.Attempts:
		slog.ErrorContext(ctx, "dead letter", slog.String("subscription", s.Name),
			slog.String("message_id", d.envelope.Message.ID), slog.String("reason", outcome))
		err = q.bury(ctx, d, outcome)
	default:
		pause := min(s.MaxBackoff, s.MinBackoff<<min(d.envelope.Attempt-1, 20))
		_, err = q.db.write.ExecContext(ctx, "UPDATE deliveries SET attempt = ?, due = ? WHERE id = ?", d.envelope.Attempt,
			time.Now().Add(pause).UnixMilli(), d.id)
	}
	if err != nil {
		slog.ErrorContext(ctx, "delivery not recorded, it will come again",
			slog.String("subscription", s.Name), slog.Any("error", err))
		select {
		case <-stopping:
		case <-time.After(unrecorded):
		}
	}
}

func (q *Queue) bury(ctx context.Context, d delivery, reason string) error {
	return q.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx,
			"INSERT INTO dead_letters SELECT id, subscription, message_id, data, attributes, ordering_key, published, ?, ?, ? "+
				"FROM deliveries WHERE id = ?",
			d.envelope.Attempt, reason, time.Now().UnixMilli(), d.id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM deliveries WHERE id = ?", d.id)
		return err
	})
}
