package calendar

import "time"

// Skew is how far ahead of our clock an instant may lie that another machine, or this one a moment ago, has written.
const Skew = time.Minute

// Within reports whether a stored instant is less than d ago. One that lies ahead of now was written by a clock that
// was wrong, or is one: how long ago it was is unknown, so it is not within any time. Whoever waits for d to pass waits
// no more, and whoever counts what happened within d does not count it.
func Within(now, stored time.Time, d time.Duration) bool {
	age := now.Sub(stored)
	return age < d && age >= -Skew
}

// Ahead reports whether a stored instant was written by a clock that is ahead of ours.
func Ahead(now, stored time.Time) bool { return stored.Sub(now) > Skew }
