package machine_test

import (
	"math"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
)

// TestAnAgeByAWrongClockIsEndless in the metrics: an alert on old data fires.
func TestAnAgeByAWrongClockIsEndless(t *testing.T) {
	t.Parallel()
	now := time.Now()
	past, ahead := machine.Age(now.Add(-time.Minute), now), machine.Age(now.Add(time.Hour), now)
	if past != 60 || !math.IsInf(ahead, 1) {
		t.Errorf("a minute ago is %v, an hour ahead %v", past, ahead)
	}
}
