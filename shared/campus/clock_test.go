package campus_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// TestHoursOfClasses: classes begin from 07:00 to 20:00, both included. More than one in five at other hours is not
// believed.
func TestHoursOfClasses(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		odd  string // the start, on the campus's clock, of the odd ones
		n    int    // how many there are of them
		all  int
		want error
	}{
		"begins_at_seven":       {"07:00", 5, 5, nil},
		"a_minute_before_seven": {"06:59", 5, 5, campus.ErrOddHours},
		"begins_at_eight_pm":    {"20:00", 5, 5, nil},
		"a_minute_past_eight":   {"20:01", 5, 5, campus.ErrOddHours},
		"at_nine_pm":            {"21:00", 5, 5, campus.ErrOddHours},
		"one_in_five":           {"03:00", 1, 5, nil},
		"two_in_ten":            {"03:00", 2, 10, nil},
		"two_in_nine":           {"03:00", 2, 9, campus.ErrOddHours},
		"all_of_four":           {"03:00", 4, 4, nil},
		"all_of_five":           {"03:00", 5, 5, campus.ErrOddHours},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lessons := make([]campus.Class, 0, tt.all)
			for i := range tt.all {
				at := "10:00"
				if i < tt.n {
					at = tt.odd
				}
				lessons = append(lessons, lesson(int64(i+1), func(c *campus.Class) {
					c.Title = fmt.Sprint("Cours ", i)
					day := fmt.Sprintf("2026-10-%02d ", 13+i)
					c.Start, c.End = wall(day+at), wall(day+"22:30")
				}))
			}
			r := campus.NewReading(lessons, nil)
			if len(r.Classes) != tt.all {
				t.Fatalf("%d classes were read", len(r.Classes))
			}
			if _, err := october().Accept(nil, r); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
		})
	}
}
