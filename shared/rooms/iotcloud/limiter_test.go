package iotcloud

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestLimiterNeverOversteps(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 10} {
		synctest.Test(t, func(t *testing.T) {
			l := newLimiter(n)
			began := time.Now()
			granted := make([]time.Time, 0, 5*n)
			for range 5 * n {
				if err := l.wait(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
				granted = append(granted, time.Now())
			}
			for i := n; i < len(granted); i++ {
				if gap := granted[i].Sub(granted[i-n]); gap < time.Second {
					t.Errorf("%d a second: calls %d and %d came %s apart", n, i-n, i, gap)
				}
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("%d a second: %d calls took %s", n, 5*n, took)
			}
		})
	}
}

func TestLimiterImportantFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1)
		_ = l.wait(t.Context(), 0)
		order := make(chan int, 6)
		for _, rank := range []int{2, 1, 2, 0, 1, 0} {
			go func() {
				_ = l.wait(t.Context(), rank)
				order <- rank
			}()
			synctest.Wait()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		close(order)
		var got []int
		for rank := range order {
			got = append(got, rank)
		}
		if !slices.Equal(got, []int{0, 0, 1, 1, 2, 2}) {
			t.Errorf("let through in the order %v", got)
		}
	})
}

func TestLimiterHalvesAndForgetsTheGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1)
		_ = l.wait(t.Context(), 0)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if err := l.wait(ctx, 0); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error = %v, want the deadline's", err)
		}
		l.slower()
		began := time.Now()
		_ = l.wait(t.Context(), 0) // who has gone takes no place
		if took := time.Since(began); took < 1900*time.Millisecond-100*time.Millisecond || took > 2*window {
			t.Errorf("the next call after a 429 waited %s, want twice as long as else", took)
		}
	})
}
