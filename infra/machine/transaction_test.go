package machine

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"
)

// TestSharedTransaction: what one change does wrong is its own; a panic acknowledges nothing that is not written.
func TestSharedTransaction(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	insert := func(name string, fail error) func(context.Context, *sql.Tx) error {
		return func(ctx context.Context, tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO settings VALUES (?, 'x')", name)
			return errors.Join(err, fail)
		}
	}
	written := func(name string) bool {
		n := 0
		if err := db.read.QueryRowContext(t.Context(), "SELECT count(*) FROM settings WHERE name = ?",
			name).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	// together lets changes wait for one another, so that they share a transaction.
	together := func(changes map[string]func(context.Context, *sql.Tx) error) map[string]error {
		db.turn.Lock()
		results := make(chan struct {
			name string
			err  error
		}, len(changes))
		for name, f := range changes {
			go func() {
				err := errors.New("it panicked")
				defer func() {
					_ = recover()
					results <- struct {
						name string
						err  error
					}{name, err}
				}()
				err = db.inTx(context.Background(), f)
			}()
		}
		for waiting := 0; waiting < len(changes); time.Sleep(time.Millisecond) {
			db.mu.Lock()
			waiting = len(db.waiting)
			db.mu.Unlock()
		}
		db.turn.Unlock()
		got := map[string]error{}
		for range changes {
			r := <-results
			got[r.name] = r.err
		}
		return got
	}
	refused := errors.New("refused")
	got := together(map[string]func(context.Context, *sql.Tx) error{
		"a": insert("a", nil),
		"b": insert("b", refused), "c": insert("c", nil),
	})
	if got["a"] != nil || got["c"] != nil || !errors.Is(got["b"], refused) || !written("a") ||
		!written("c") || written("b") {
		t.Errorf("results %v; a %v, b %v, c %v", got, written("a"), written("b"), written("c"))
	}
	got = together(map[string]func(context.Context, *sql.Tx) error{
		"d": insert("d", nil),
		"e": func(context.Context, *sql.Tx) error { panic("e") }, "f": insert("f", nil),
	})
	for _, name := range []string{"d", "f"} {
		if (got[name] == nil) != written(name) {
			t.Errorf("%s: %v, written %v", name, got[name], written(name))
		}
	}
	if err := db.inTx(t.Context(), insert("g", nil)); err != nil || !written("g") {
		t.Errorf("after a panic: %v", err)
	}
}
