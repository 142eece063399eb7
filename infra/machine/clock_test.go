package machine_test

import (
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// TestClockNeverGoesBack: not after a crash either, which stores nothing.
func TestClockNeverGoesBack(t *testing.T) {
	t.Parallel()
	db := open(t, t.TempDir())
	last := time.Time{}
	for _, speed := range []int{60, 60, 1, 600, 1, 1} {
		clock, err := machine.OpenClock(t.Context(), db, speed)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			now := clock.Now()
			if now.Before(last) {
				t.Fatalf("at speed %d the clock went from %s back to %s", speed, last, now)
			}
			last = now
			time.Sleep(5 * time.Millisecond)
		}
	}
	if !last.After(time.Now()) {
		t.Error("the clock is not ahead of the machine's: nothing was shown")
	}
}
