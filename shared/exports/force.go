package exports

import (
	"fmt"
	"time"
)

// A forced query runs at a full quarter hour that is at least this far away: Cegid looks at its schedules now and then
// only.
const (
	quarter  = 15 * time.Minute
	leadTime = 5 * time.Minute
)

// ForceAt is when a forced query runs: at the next HH:MM of a zone's clock, or for "" at the next quarter hour at least
// five minutes away.
func ForceAt(hhmm string, zone *time.Location, now time.Time) (time.Time, error) {
	if hhmm == "" {
		return now.Add(leadTime + quarter - 1).Truncate(quarter).UTC(), nil
	}
	clock, err := time.Parse("15:04", hhmm)
	if err != nil {
		return time.Time{}, fmt.Errorf("found %q, expected a time such as 06:30", hhmm)
	}
	year, month, day := now.In(zone).Date()
	for {
		at := time.Date(year, month, day, clock.Hour(), clock.Minute(), 0, 0, zone)
		if at.After(now) {
			return at.UTC(), nil
		}
		day++
	}
}
