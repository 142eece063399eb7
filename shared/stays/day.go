// Package stays holds the rules of the stays bridge: which unit is held on which days, by whom, and what a request does
// to that. They are pure: the holds and the time are arguments.
//
// A day is the night that begins on it. Ranges are half-open inside; the SOAP service, the REST API and the commands
// write both ends inclusive, and iCalendar's DTEND is exclusive.
package stays

import (
	"database/sql/driver"
	"fmt"
	"iter"
	"time"
)

// A Day is a date, in days since 1970-01-01. As text, in JSON and in a database it is YYYY-MM-DD.
type Day int32

const (
	dayForm = time.DateOnly
	perDay  = 24 * 60 * 60
)

// DayOf returns the date that t has in its zone.
func DayOf(t time.Time) Day {
	y, m, d := t.Date()
	return Date(y, m, d)
}

// Date returns a day by its parts; the 30th of February is the 1st or 2nd of March, as in [time.Date].
func Date(year int, month time.Month, day int) Day {
	return Day(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / perDay) //nolint:gosec // years to 9999
}

// firstYear is the first year of which there are days; the last is 9999. In between text and dates have one order, and
// both databases keep them.
const firstYear = 1900

// ParseDay reads YYYY-MM-DD, from 1900 on.
func ParseDay(s string) (Day, error) {
	t, err := time.Parse(dayForm, s)
	if err != nil || t.Year() < firstYear {
		return 0, fmt.Errorf("%.40q is not a date: it must be YYYY-MM-DD, from %d on", s, firstYear)
	}
	return DayOf(t), nil
}

// Time returns the day's beginning in UTC.
func (d Day) Time() time.Time { return time.Unix(int64(d)*perDay, 0).UTC() }

func (d Day) String() string { return d.Time().Format(dayForm) }

// MarshalText writes YYYY-MM-DD.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads YYYY-MM-DD.
func (d *Day) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDay(string(text))
	return err
}

// Value is how a database takes a day.
func (d Day) Value() (driver.Value, error) { return d.String(), nil }

// Scan reads a database's date.
func (d *Day) Scan(v any) (err error) {
	switch v := v.(type) {
	case time.Time:
		*d = DayOf(v)
	case string:
		*d, err = ParseDay(v)
	case []byte:
		*d, err = ParseDay(string(v))
	default:
		err = fmt.Errorf("a date of the type %T", v)
	}
	return err
}

// A Range is the days from From on, up to but not with To.
type Range struct {
	From Day `json:"from"`
	To   Day `json:"until"`
}

// Through is the range with both ends in it.
func Through(first, last Day) Range { return Range{first, last + 1} }

// Last is the last day of a range that has one.
func (r Range) Last() Day { return r.To - 1 }

// Days is how many days a range has.
func (r Range) Days() int { return int(r.To - r.From) }

// Each yields the days of a range.
func (r Range) Each() iter.Seq[Day] {
	return func(yield func(Day) bool) {
		for d := r.From; d < r.To && yield(d); d++ {
		}
	}
}

// Overlaps reports whether two ranges share a day.
func (r Range) Overlaps(o Range) bool { return r.From < o.To && o.From < r.To }

// Clip returns what both ranges have in common; it is empty where they share no day.
func (r Range) Clip(o Range) Range {
	c := Range{max(r.From, o.From), min(r.To, o.To)}
	return Range{c.From, max(c.From, c.To)}
}

func (r Range) String() string {
	if r.Days() == 1 {
		return r.From.String()
	}
	return r.From.String() + " to " + r.Last().String()
}
