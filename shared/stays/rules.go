package stays

import (
	"fmt"
	"slices"
	"time"
)

// A Rule is what a unit asks of bookings that arrive in a period.
type Rule struct {
	Range
	MinStay  int            // nights; 0: any number
	Arrivals []time.Weekday // none: any day
}

// Codes of a [Broken] rule.
const (
	BrokenMinStay = "min_stay"
	BrokenArrival = "arrival_day"
	BrokenPast    = "past"
	BrokenFuture  = "too_far"
)

// Broken is a booking that a rule does not allow.
type Broken struct {
	Code     string
	MinStay  int            // nights that the unit asks for
	Arrivals []time.Weekday // on which a stay may begin
	Limit    Day            // the first or last day that may be written
}

func (b *Broken) Error() string {
	switch b.Code {
	case BrokenMinStay:
		return fmt.Sprintf("a stay must be of at least %d nights", b.MinStay)
	case BrokenArrival:
		return fmt.Sprintf("a stay must begin on one of these days: %v", b.Arrivals)
	case BrokenPast:
		return fmt.Sprintf("days before %s can no longer be changed", b.Limit)
	}
	return fmt.Sprintf("days after %s cannot be changed yet", b.Limit)
}

// CheckRules returns a [*Broken] where a booking is against a rule of its unit. Closing or freeing days never is.
func CheckRules(rules []Rule, r Request) error {
	if r.Type != Booked {
		return nil
	}
	for _, rule := range rules {
		if r.From < rule.From || r.From >= rule.To {
			continue
		}
		if r.Days() < rule.MinStay {
			return &Broken{Code: BrokenMinStay, MinStay: rule.MinStay}
		}
		if len(rule.Arrivals) > 0 && !slices.Contains(rule.Arrivals, r.From.Time().Weekday()) {
			return &Broken{Code: BrokenArrival, Arrivals: rule.Arrivals}
		}
	}
	return nil
}

// Writes reach from some days ago to some years ahead.
const (
	DaysBack   = 31
	YearsAhead = 3
)

// CheckWindow returns a [*Broken] where a range lies before or after what may be written on a day.
func CheckWindow(r Range, today Day) error {
	first := today - DaysBack
	last := DayOf(today.Time().AddDate(YearsAhead, 0, 0))
	switch {
	case r.From < first:
		return &Broken{Code: BrokenPast, Limit: first}
	case r.Last() > last:
		return &Broken{Code: BrokenFuture, Limit: last}
	}
	return nil
}
