package campus

import (
	"fmt"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
)

// Bounds of what a timetable may cover. A lesson beyond them is a mistake, most often a mistyped year.
const (
	// longestLesson is above an internship's six months, and below the year by which a mistyped end is wrong at least.
	longestLesson = 200 * 24 * time.Hour
	// margin is how far outside the window a lesson may lie: the window may have been another one before.
	margin = 366 * 24 * time.Hour
	// longestWindow is how many years a window may have.
	longestWindow = 10
)

// misdated says why a class cannot be when it says; nil where it can.
func misdated(c Class, window calendar.Interval, zone *time.Location) error {
	day := func(t time.Time) string { return t.In(zone).Format(time.DateOnly) }
	bounds := calendar.Interval{Start: window.Start.Add(-margin), End: window.End.Add(margin)}
	switch {
	case c.End.Before(bounds.Start) || c.Start.After(bounds.End):
		return fmt.Errorf("it is on %s, more than a year outside of the dates that were asked for; look for a mistyped year",
			day(c.Start))
	case c.End.Sub(c.Start) > longestLesson:
		return fmt.Errorf("it lasts from %s to %s; look for a mistyped year", day(c.Start), day(c.End))
	default:
		return nil
	}
}

// Within puts the lessons aside whose dates cannot be right in a reading of a window.
func (r Reading) Within(window calendar.Interval, zone *time.Location) Reading {
	kept := Reading{Unreadable: slices.Clone(r.Unreadable)}
	for _, c := range r.Classes {
		if err := misdated(c, window, zone); err != nil {
			for _, number := range c.numbers() {
				kept.Unreadable = append(kept.Unreadable, Unreadable{Course: number, Why: err.Error(), Misdated: true})
			}
			continue
		}
		kept.Classes = append(kept.Classes, c)
	}
	return kept
}

// Whole reports whether all lessons could be read, so that one that is missing is missing at the school. A lesson
// with a mistyped year was read.
func (r Reading) Whole() bool {
	return !slices.ContainsFunc(r.Unreadable, func(u Unreadable) bool { return !u.Misdated })
}

// checkWindow refuses a window that no timetable has.
func checkWindow(window calendar.Interval, inst Instance) error {
	switch {
	case !window.Start.Before(window.End):
		return fmt.Errorf("moncampus_end_date %s lies before moncampus_start_date %s", inst.EndDate, inst.StartDate)
	case window.End.After(window.Start.AddDate(longestWindow, 0, 1)):
		return fmt.Errorf("moncampus_start_date %q and moncampus_end_date %q lie more than %d years apart; correct the "+
			"wrong one",
			inst.StartDate, inst.EndDate, longestWindow)
	default:
		return nil
	}
}
