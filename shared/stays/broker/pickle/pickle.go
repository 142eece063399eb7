// Package pickle reads and writes the messages of the old booking service: each is a flat dict of Python 2, pickled.
//
// A pickle is a program for a stack machine. This one knows the opcodes that Python 2 writes for such a dict and no
// others: it calls nothing, builds nothing nested, and refuses a body that is longer than any message. The opcodes are
// those of docs.python.org/3/library/pickletools.html, and their arguments those of CPython's Lib/pickletools.py.
package pickle

import (
	"fmt"
	"time"
)

// ContentType is that of the messages. The old programs unpickle no others.
const ContentType = "application/x-python-serialize"

// A message of the old programs has about 250 bytes and 40 opcodes.
const (
	maxBytes   = 4096
	maxOpcodes = 200
)

// A Dict is a message: each value is a string, an int64 of at most 18 digits, or a [Date].
type Dict map[string]any

// A Date is a datetime.date, or a datetime.datetime at midnight without a time zone.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// minYear and maxYear are Python's: docs.python.org/3/library/datetime.html#datetime.MINYEAR.
const (
	minYear = 1
	maxYear = 9999
)

// Valid reports whether the calendar has the date, in the years 1 to 9999.
func (d Date) Valid() bool {
	y, m, day := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC).Date()
	return d == Date{y, m, day} && d.Year >= minYear && d.Year <= maxYear
}

func (d Date) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }
