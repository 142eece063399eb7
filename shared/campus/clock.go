package campus

import "time"

// How MonCampus's times are read.
const (
	// ClockWallInUTC: the UTC clock of the time that MonCampus writes is the campus's wall
	// clock. "2026-04-07T12:00:00+02:00" is a class at 10:00 in Paris. The page itself reads
	// the times so (its Kendo data source is set to Etc/UTC), and so do other clients.
	ClockWallInUTC = "wall_clock_in_utc"
	// ClockOffset: the time means what it says, as it would if the school repaired it.
	ClockOffset = "offset"
)

// The hours between which classes begin, and the share of others that is too many to be true.
const (
	firstHour = 7
	lastHour  = 20
	oddShare  = 5 // one in five
	oddLeast  = 5 // below that a share says nothing
)

// oddHours reports whether so many classes begin at night that the clock must be another one.
func oddHours(classes []Class, zone *time.Location) bool {
	odd, all := 0, 0
	for _, c := range classes {
		if c.AllDay {
			continue
		}
		all++
		if t := c.Start.In(zone); t.Hour() < firstHour || t.Hour() > lastHour || t.Hour() == lastHour && t.Minute() > 0 {
			odd++
		}
	}
	return all >= oddLeast && odd*oddShare > all
}

// shifted reports whether most classes that were known have moved by exactly the zone's offset: then the clock changed,
// not the school.
func shifted(known, read []Class, zone *time.Location, now time.Time) bool {
	was := map[string]Class{}
	for _, c := range known {
		if c.Start.After(now) {
			was[c.ID] = c
		}
	}
	both, moved := 0, 0
	for _, c := range read {
		old, ok := was[c.ID]
		if !ok || c.AllDay {
			continue
		}
		both++
		_, offset := c.Start.In(zone).Zone()
		by := c.Start.Sub(old.Start).Abs()
		if offset != 0 && by == time.Duration(offset)*time.Second {
			moved++
		}
	}
	return moved >= oddLeast && 2*moved > both
}
