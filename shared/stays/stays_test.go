package stays_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
)

func day(n int) stays.Day { return stays.Date(2027, time.July, n) }

func nights(first, last int) stays.Range { return stays.Through(day(first), day(last)) }

func hold(first, last int, typ stays.Type, origin stays.Origin, change int64) stays.Hold {
	return stays.Hold{ID: change, Unit: "GFLX0001", Range: nights(first, last), Type: typ, Origin: origin, Change: change}
}

// text is holds as 3-7 booked a.
func text(holds []stays.Hold) string {
	lines := make([]string, len(holds))
	for i, h := range holds {
		lines[i] = fmt.Sprintf("%d-%d %s %s", h.From-day(0), h.Last()-day(0), h.Type, h.Origin)
	}
	return strings.Join(lines, ", ")
}

// TestDays are read, written and kept as dates, whatever a machine's zone.
func TestDays(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"2027-02-28", "2028-02-29", "1900-01-01", "9999-12-31", "1969-12-31", "1970-01-01"} {
		d, err := stays.ParseDay(s)
		if err != nil || d.String() != s {
			t.Errorf("%s: %s, %v", s, d, err)
		}
		data, err := json.Marshal(map[string]stays.Day{"day": d})
		if err != nil || string(data) != `{"day":"`+s+`"}` {
			t.Errorf("%s, %v", data, err)
		}
		for _, stored := range []any{s, []byte(s), d.Time()} {
			var got stays.Day
			if err := got.Scan(stored); err != nil || got != d {
				t.Errorf("%v: %s, %v", stored, got, err)
			}
		}
	}
	for _, s := range []string{
		"", "2027-2-3", "2027-02-29", "27-02-28", "2027-02-28T00:00:00Z", "2027-13-01",
		"1899-12-31", "0000-01-01",
	} {
		if d, err := stays.ParseDay(s); err == nil {
			t.Errorf("%q is %s", s, d)
		}
	}
	late := time.Date(2027, 7, 3, 23, 30, 0, 0, time.FixedZone("", -10*3600))
	if stays.DayOf(late) != day(3) || stays.DayOf(late.UTC()) != day(4) {
		t.Error("a day is not the one of the instant's zone")
	}
}

// TestApply: every way in which a request can lie to what is held.
func TestApply(t *testing.T) {
	t.Parallel()
	held := []stays.Hold{hold(3, 7, stays.Booked, "a", 1), hold(10, 12, stays.Unavailable, "b", 2)}
	for name, c := range map[string]struct {
		request             stays.Request
		after, before, lost string
		conflict            string
	}{
		"before all": {
			stays.Request{Range: nights(1, 2), Type: stays.Booked, Origin: "c"},
			"1-2 booked c, 3-7 booked a, 10-12 unavailable b", "", "", "",
		},
		"between": {
			stays.Request{Range: nights(8, 9), Type: stays.Booked, Origin: "c"},
			"3-7 booked a, 8-9 booked c, 10-12 unavailable b", "", "", "",
		},
		"its own, the same": {
			stays.Request{Range: nights(3, 7), Type: stays.Booked, Origin: "a"},
			"3-7 booked a, 10-12 unavailable b", "3-7 booked a", "", "",
		},
		"its own, another": {
			stays.Request{Range: nights(3, 7), Type: stays.Unavailable, Origin: "a"},
			"3-7 unavailable a, 10-12 unavailable b", "3-7 booked a", "", "",
		},
		"its own, the middle": {
			stays.Request{Range: nights(4, 5), Type: stays.Available, Origin: "a"},
			"3-3 booked a, 6-7 booked a, 10-12 unavailable b", "4-5 booked a", "", "",
		},
		"its own, the end": {
			stays.Request{Range: nights(7, 8), Type: stays.Booked, Origin: "a"},
			"3-6 booked a, 7-8 booked a, 10-12 unavailable b", "7-7 booked a", "", "",
		},
		"another's first day": {
			stays.Request{Range: nights(1, 3), Type: stays.Booked, Origin: "c"}, "", "", "", "3-3 booked a",
		},
		"another's last day": {
			stays.Request{Range: nights(7, 9), Type: stays.Available, Origin: "c"}, "", "", "", "7-7 booked a",
		},
		"over two": {
			stays.Request{Range: nights(1, 31), Type: stays.Booked, Origin: "c"},
			"", "", "",
			"3-7 booked a, 10-12 unavailable b",
		},
		"over its own and one": {
			stays.Request{Range: nights(5, 11), Type: stays.Booked, Origin: "a"}, "", "", "", "10-11 unavailable b",
		},
		"replacing one": {
			stays.Request{Range: nights(5, 11), Type: stays.Booked, Origin: "a", Replaces: []int64{2}},
			"3-4 booked a, 5-11 booked a, 12-12 unavailable b", "5-7 booked a, 10-11 unavailable b", "10-11 unavailable b", "",
		},
		"overwriting": {
			stays.Request{Range: nights(1, 31), Type: stays.Available, Origin: "c", Overwrite: true},
			"",
			"3-7 booked a, 10-12 unavailable b", "3-7 booked a, 10-12 unavailable b", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.request.Unit = "GFLX0001"
			e, err := stays.Apply(slices.Clone(held), c.request)
			if conflict, ok := errors.AsType[*stays.Conflict](err); ok {
				if text(conflict.Holds) != c.conflict {
					t.Errorf("conflict %s, want %s", text(conflict.Holds), c.conflict)
				}
				return
			}
			if err != nil || c.conflict != "" {
				t.Fatalf("%v, want the conflict %q", err, c.conflict)
			}
			if text(e.After) != c.after || text(e.Before) != c.before || text(e.Lost) != c.lost {
				t.Errorf("after %s\nbefore %s\nlost %s", text(e.After), text(e.Before), text(e.Lost))
			}
		})
	}
	for _, r := range []stays.Request{{Range: nights(1, 2), Type: "rented"}, {Range: nights(2, 1), Type: stays.Booked}} {
		if _, err := stays.Apply(nil, r); err == nil {
			t.Errorf("%+v is accepted", r)
		}
	}
}

// TestMergeAndFree: neighbours of one type are one, in a window; what is between is free.
func TestMergeAndFree(t *testing.T) {
	t.Parallel()
	span := func(unit string, first, last int, typ stays.Type) stays.Span {
		return stays.Span{Unit: unit, Range: nights(first, last), Type: typ}
	}
	merged := stays.Merge([]stays.Span{
		span("A", 1, 3, stays.Booked), span("A", 4, 5, stays.Booked), span("A", 6, 6, stays.Unavailable),
		span("A", 8, 9, stays.Unavailable), span("B", 10, 40, stays.Unavailable),
	}, nights(2, 12))
	want := []stays.Span{
		span("A", 2, 5, stays.Booked), span("A", 6, 6, stays.Unavailable), span("A", 8, 9, stays.Unavailable),
		span("B", 10, 12, stays.Unavailable),
	}
	if !slices.Equal(merged, want) {
		t.Errorf("%v, want %v", merged, want)
	}
	if free := stays.Free(merged[:3], nights(1, 12)); !slices.Equal(free,
		[]stays.Range{nights(1, 1), nights(7, 7), nights(10, 12)}) {
		t.Errorf("free %v", free)
	}
	if free := stays.Free(nil, nights(1, 12)); !slices.Equal(free, []stays.Range{nights(1, 12)}) {
		t.Errorf("free %v", free)
	}
}

// TestWindow: the first and last day that may be written, also on a leap day.
func TestWindow(t *testing.T) {
	t.Parallel()
	today := stays.Date(2028, time.February, 29)
	first, last := stays.Date(2028, time.January, 29), stays.Date(2031, time.March, 1)
	for _, c := range []struct {
		days stays.Range
		code string
	}{
		{stays.Through(first, last), ""},
		{stays.Through(first-1, last), stays.BrokenPast},
		{stays.Through(first, last+1), stays.BrokenFuture},
	} {
		err := stays.CheckWindow(c.days, today)
		var b *stays.Broken
		if errors.As(err, &b); (err == nil) != (c.code == "") || b != nil && b.Code != c.code {
			t.Errorf("%s: %v", c.days, err)
		}
	}
}

// TestCodes of units that are in no list.
func TestCodes(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"GFLX1234": true, "GFLX1": true, "GFLX": false, "GFLX12345": false, "gflx1234": false,
		"GFL1234": false, "GFLX1234\n": false,
	} {
		if stays.IsCode(id) != want {
			t.Errorf("%q is a code: %v", id, !want)
		}
	}
}
