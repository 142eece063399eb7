package machine

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ErrNoDeadLetter says that no dead letter has the id.
var ErrNoDeadLetter = errors.New("no dead letter has this id")

// A DeadLetter is a message that its function could not take, after all its attempts.
type DeadLetter struct {
	ID           int64             `json:"id"`
	Subscription string            `json:"subscription"`
	MessageID    string            `json:"message_id"`
	Attributes   map[string]string `json:"attributes"`
	Data         string            `json:"data,omitempty"`
	Published    time.Time         `json:"published"`
	Attempts     int               `json:"attempts"`
	Reason       string            `json:"reason"`
	Died         time.Time         `json:"died"`
}

const deadColumns = "SELECT id, subscription, message_id, attributes, data, published, attempt, reason, died FROM " +
	"dead_letters"

// DeadLetters lists what lies dead, oldest first, without the messages' data.
func (q *Queue) DeadLetters(ctx context.Context) ([]DeadLetter, error) {
	rows, err := q.db.read.QueryContext(ctx, deadColumns+" ORDER BY died, id")
	if err != nil {
		return nil, fmt.Errorf("listing dead letters: %w", err)
	}
	defer rows.Close()
	found := []DeadLetter{}
	for rows.Next() {
		d, err := scanDead(rows)
		if err != nil {
			return nil, err
		}
		d.Data = ""
		found = append(found, d)
	}
	return found, rows.Err()
}

// DeadLetter returns one, with its data.
func (q *Queue) DeadLetter(ctx context.Context, id int64) (DeadLetter, error) {
	d, err := scanDead(q.db.read.QueryRowContext(ctx, deadColumns+" WHERE id = ?", id))
	if errors.Is(err, sql.ErrNoRows) {
		return d, ErrNoDeadLetter
	}
	return d, err
}

func scanDead(row interface{ Scan(dest ...any) error }) (DeadLetter, error) {
	var d DeadLetter
	var attributes, published string
	var died int64
	if err := row.Scan(&d.ID, &d.Subscription, &d.MessageID, &attributes, &d.Data, &published, &d.Attempts,
		&d.Reason, &died); err != nil {
		return d, err
	}
	d.Died = time.UnixMilli(died).UTC()
	var err error
	if d.Published, err = time.Parse(time.RFC3339Nano, published); err != nil {
		return d, err
	}
	return d, json.Unmarshal([]byte(attributes), &d.Attributes)
}

// SendAgain puts a dead letter back into its subscription, with all its attempts before it.
func (q *Queue) SendAgain(ctx context.Context, id int64) error {
	var name string
	err := q.db.inTx(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, "SELECT subscription FROM dead_letters WHERE id = ?", id).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoDeadLetter
		}
		if err != nil {
			return err
		}
		s := q.subs[name]
		if s == nil {
			return fmt.Errorf("the subscription %s exists no more", name)
		}
		now := time.Now()
		_, err = tx.ExecContext(ctx,
			"INSERT INTO deliveries (subscription, message_id, data, attributes, ordering_key, published, expires, due) "+
				"SELECT subscription, message_id, data, attributes, ordering_key, published, ?, ? FROM dead_letters WHERE id = ?",
			now.Add(s.Retention).UnixMilli(), now.UnixMilli(), id)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM dead_letters WHERE id = ?", id)
		return err
	})
	if err != nil {
		return fmt.Errorf("sending a dead letter again: %w", err)
	}
	q.subs[name].signal()
	return nil
}

// Drop removes a dead letter for good.
func (q *Queue) Drop(ctx context.Context, id int64) error {
	result, err := q.db.write.ExecContext(ctx, "DELETE FROM dead_letters WHERE id = ?", id)
	if err != nil {
		return fmt.Errorf("dropping a dead letter: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		return ErrNoDeadLetter
	}
	return nil
}

// A Count is how many messages of a subscription wait, and how many lie dead.
type Count struct{ Waiting, Dead int }

// Counts counts each subscription's messages; what cannot be read counts as none.
func (q *Queue) Counts(ctx context.Context) map[string]Count {
	counts := map[string]Count{}
	for name := range q.subs {
		var c Count
		_ = q.db.read.QueryRowContext(ctx,
			"SELECT (SELECT count(*) FROM deliveries WHERE subscription = ?1), (SELECT count(*) FROM dead_letters WHERE "+
				"subscription = ?1)", name).Scan(&c.Waiting, &c.Dead)
		counts[name] = c
	}
	return counts
}
