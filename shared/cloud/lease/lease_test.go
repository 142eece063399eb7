package lease_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
)

// work is a document whose lease is being tested.
type work struct {
	Lease lease.Lease `json:"lease"`
	Done  int         `json:"done"`
}

func leaseOf(w *work) *lease.Lease { return &w.Lease }

func nothing(*work) error { return nil }

const name = "work.json"

// switched is a bucket that fails with an error while one is set.
type switched struct {
	documents.Bucket

	mu   sync.Mutex
	fail error
	puts int
}

func (s *switched) set(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *switched) Put(
	ctx context.Context,
	n string,
	gen int64,
	data []byte,
	metadata map[string]string,
) (int64, error) {
	s.mu.Lock()
	s.puts++
	err := s.fail
	s.mu.Unlock()
	if err != nil {
		return 0, err
	}
	return s.Bucket.Put(ctx, n, gen, data, metadata)
}

// inBubble runs a test with a database under a clock that only sleeping moves.
func inBubble(t *testing.T, do func(t *testing.T, b *switched)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := machine.Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		do(t, &switched{Bucket: db.Bucket("state")})
		_ = db.Close()
	})
}

func take(t *testing.T, b documents.Bucket) (*lease.Session[work], context.Context) {
	t.Helper()
	s, ctx, err := lease.Take(t.Context(), b, name, leaseOf, nothing)
	if err != nil {
		t.Fatal(err)
	}
	return s, ctx
}

func stored(t *testing.T, b documents.Bucket) work {
	t.Helper()
	w, _, err := documents.Load[work](t.Context(), b, name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestHeldLeaseIsNotTaken: while somebody works, nobody else begins; when the lease is given back, the next one does.
func TestHeldLeaseIsNotTaken(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		first, ctx := take(t, b)
		began := false
		_, _, err := lease.Take(t.Context(), b, name, leaseOf, func(*work) error { began = true; return nil })
		if !errors.Is(err, lease.ErrBusy) || began {
			t.Errorf("a second run: %v, begun %v; want ErrBusy", err, began)
		}
		first.Change(func(w *work) { w.Done = 3 })
		if err := first.Close(ctx); err != nil {
			t.Fatal(err)
		}
		if w := stored(t, b); w.Lease.ID != "" || w.Done != 3 {
			t.Errorf("given back as %+v, want no lease and the state", w)
		}
		second, ctx2 := take(t, b)
		if second.State.Done != 3 {
			t.Errorf("the next run sees %+v", second.State)
		}
		_ = second.Close(ctx2)
	})
}

// TestLeaseIsRenewed: a run may take much longer than its lease lives; its state is stored with each renewal.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		s, ctx := take(t, b)
		for minute := range 5 {
			s.Change(func(w *work) { w.Done = minute })
			time.Sleep(time.Minute)
			synctest.Wait()
			w := stored(t, b)
			if left := time.Until(w.Lease.Expires); left < 15*time.Second || left > 30*time.Second || w.Done != minute {
				t.Errorf("minute %d: stored %+v, %s left", minute, w, left)
			}
			if err := s.Alive(); err != nil || ctx.Err() != nil {
				t.Fatalf("minute %d: %v, %v", minute, err, context.Cause(ctx))
			}
			if _, _, err := lease.Take(t.Context(), b, name, leaseOf, nothing); !errors.Is(err, lease.ErrBusy) {
				t.Errorf("minute %d: a second run: %v", minute, err)
			}
		}
		if err := s.Close(ctx); err != nil {
			t.Error(err)
		}
	})
}

// TestLeaseOfADeadRunEnds: what a crash leaves keeps the next run waiting no longer than half a minute, and that run
// sees who died.
func TestLeaseOfADeadRunEnds(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		left := work{Lease: lease.Lease{ID: "died", Expires: time.Now().Add(30 * time.Second)}}
		if _, err := documents.Store(t.Context(), b, name, 0, left, nil); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		if _, _, err := lease.Take(t.Context(), b, name, leaseOf, nothing); !errors.Is(err, lease.ErrBusy) {
			t.Errorf("a second before the end: %v, want ErrBusy", err)
		}
		time.Sleep(time.Second)
		before := ""
		s, ctx, err := lease.Take(
			t.Context(),
			b,
			name,
			leaseOf,
			func(w *work) error { before = w.Lease.ID; return nil },
		)
		if err != nil || before != "died" {
			t.Fatalf("at the end: %v, after %q", err, before)
		}
		_ = s.Close(ctx)
	})
}

func TestHeld(t *testing.T) {
	t.Parallel()
	for label, tt := range map[string]struct {
		id   string
		left time.Duration
		want bool
	}{
		"just_taken":       {"a", 30 * time.Second, true},
		"almost_over":      {"a", time.Millisecond, true},
		"over":             {"a", 0, false},
		"long_over":        {"a", -time.Hour, false},
		"of_nobody":        {"", 30 * time.Second, false},
		"of_a_clock_ahead": {"a", 90 * time.Second, true}, // machines agree to a minute
		"of_a_wrong_clock": {"a", 91 * time.Second, false},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := lease.Lease{ID: tt.id, Expires: time.Now().Add(tt.left)}
				if got := l.Held(); got != tt.want {
					t.Errorf("held = %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// TestLostLeaseStopsItsRun: a renewal that finds another run's state, or cannot be stored, ends the work's context.
func TestLostLeaseStopsItsRun(t *testing.T) {
	t.Parallel()
	outage := errors.New("the disk is full")
	for label, lose := range map[string]func(t *testing.T, b *switched){
		"taken_by_another": func(t *testing.T, b *switched) {
			_, err := documents.Update(t.Context(), b, name, func(w *work) (map[string]string, error) {
				w.Lease.ID = "another"
				return nil, nil
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		"cannot_be_stored": func(_ *testing.T, b *switched) { b.set(outage) },
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			inBubble(t, func(t *testing.T, b *switched) {
				s, ctx := take(t, b)
				lose(t, b)
				time.Sleep(11 * time.Second) // one renewal
				synctest.Wait()
				cause := context.Cause(ctx)
				if !errors.Is(cause, documents.ErrConflict) && !errors.Is(cause, outage) {
					t.Errorf("the work's context ended with %v", cause)
				}
				if err := s.Close(ctx); err == nil {
					t.Error("the state of a run that lost its lease was stored")
				}
			})
		})
	}
}

// TestStoppedProcessFindsOut: one that was stopped for longer than its lease lives finds the end before it goes on.
func TestStoppedProcessFindsOut(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		s, ctx := take(t, b)
		if err := s.Alive(); err != nil {
			t.Errorf("just taken: %v", err)
		}
		s.Change(func(w *work) { w.Lease.Expires = time.Now() }) // no renewal came in time
		if err := s.Alive(); !errors.Is(err, lease.ErrLost) {
			t.Errorf("after the end: %v, want ErrLost", err)
		}
		_ = s.Close(ctx)
	})
}

// TestRefusedStartLeavesTheDocument: what start answers goes to the caller, and the work stays free.
func TestRefusedStartLeavesTheDocument(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		refused := errors.New("done already")
		if _, _, err := lease.Take(
			t.Context(),
			b,
			name,
			leaseOf,
			func(*work) error { return refused },
		); !errors.Is(
			err,
			refused,
		) {
			t.Errorf("error = %v, want start's own", err)
		}
		if _, err := b.Get(t.Context(), name); !errors.Is(err, documents.ErrNotFound) {
			t.Errorf("the document was written: %v", err)
		}
		s, ctx := take(t, b)
		_ = s.Close(ctx)
	})
}

// TestCloseEndsTheRenewals: also where the run's own time is over, the lease is given back and nothing is stored
// afterwards.
func TestCloseEndsTheRenewals(t *testing.T) {
	t.Parallel()
	inBubble(t, func(t *testing.T, b *switched) {
		over, cancel := context.WithCancel(t.Context())
		s, ctx, err := lease.Take(over, b, name, leaseOf, nothing)
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		if w := stored(t, b); w.Lease.ID != "" {
			t.Errorf("the lease stays: %+v", w)
		}
		puts := b.puts
		time.Sleep(time.Minute)
		synctest.Wait()
		if b.puts != puts {
			t.Errorf("%d writes after the end", b.puts-puts)
		}
	})
}

// TestWait: who waits for another run is told how long, gets its turn, and gives up when a dead run's lease would have
// ended.
func TestWait(t *testing.T) {
	t.Parallel()
	other := errors.New("another fault")
	for label, tt := range map[string]struct {
		free   time.Duration // when the work is free; 0: never
		fails  error
		want   error
		waited time.Duration
	}{
		"its_turn":          {free: 10 * time.Second, waited: 10 * time.Second},
		"fails_in_its_turn": {free: 3 * time.Second, fails: other, want: other, waited: 3 * time.Second},
		"gives_up":          {want: lease.ErrBusy, waited: 46 * time.Second},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began, told := time.Now(), 0
				err := lease.Wait(t.Context(), func(waited, most time.Duration) {
					if told++; waited != time.Since(began) || most != 45*time.Second {
						t.Errorf("told %s of %s after %s", waited, most, time.Since(began))
					}
				}, func(context.Context) error {
					if tt.free == 0 || time.Since(began) < tt.free {
						return lease.ErrBusy
					}
					return tt.fails
				})
				if !errors.Is(err, tt.want) || time.Since(began) != tt.waited || told != int(tt.waited/time.Second) {
					t.Errorf(
						"%v after %s, told %d times; want %v after %s",
						err,
						time.Since(began),
						told,
						tt.want,
						tt.waited,
					)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2500*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := lease.Wait(
			ctx,
			func(time.Duration, time.Duration) {},
			func(context.Context) error { return lease.ErrBusy },
		)
		if !errors.Is(err, lease.ErrBusy) || time.Since(began) > 3*time.Second {
			t.Errorf("%v after %s; want ErrBusy when the caller's time is over", err, time.Since(began))
		}
	})
}
