package campus_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// term are lessons of number 1 to n, one a weekday at ten, each of its own title; those in without are left out.
func term(n int, without map[int]bool) campus.Reading {
	var lessons []campus.Class
	for i := 1; i <= n; i++ {
		if without[i] {
			continue
		}
		lessons = append(lessons, lesson(int64(i), func(c *campus.Class) {
			c.Title, c.Teacher = fmt.Sprint("Cours ", i), fmt.Sprint("ENSEIGNANT ", i)
			c.Start, c.End = c.Start.AddDate(0, 0, i-1), c.End.AddDate(0, 0, i-1)
		}))
	}
	return campus.NewReading(lessons, nil)
}

// TestDeletionsHaveALimit: five may go, or one class in five of those to come, over a day and not in each run. One
// more, and all wait for a person.
func TestDeletionsHaveALimit(t *testing.T) {
	t.Parallel()
	allow := func(n int) *int { return &n }
	for name, tt := range map[string]struct {
		coming, missing, recent int
		allow                   *int
		removed                 int
	}{
		"none":                      {10, 0, 0, nil, 0},
		"five_of_few":               {10, 5, 0, nil, 5},
		"six_of_few":                {10, 6, 0, nil, 0},
		"one_in_five":               {40, 8, 0, nil, 8},
		"more_than_one_in_five":     {40, 9, 0, nil, 0},
		"with_those_of_today":       {10, 2, 3, nil, 2},
		"too_many_with_those":       {10, 3, 3, nil, 0},
		"nothing_is_left_for_today": {10, 1, 5, nil, 0},
		"those_of_today_were_there": {35, 3, 5, nil, 3}, // 40 before, so eight in a day
		"more_than_those_leave":     {35, 4, 5, nil, 0},
		"a_person_lets_it":          {10, 8, 0, allow(8), 8},
		"more_than_a_person_lets":   {10, 8, 0, allow(7), 0},
		"a_person_lets_none":        {10, 1, 0, allow(0), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := october()
			first, err := step.Accept(nil, term(tt.coming, nil))
			if err != nil || len(first.Timetable) != tt.coming {
				t.Fatalf("%d classes, %v", len(first.Timetable), err)
			}
			without := map[int]bool{}
			for i := 1; i <= tt.missing; i++ {
				without[i*tt.coming/tt.missing] = true
			}
			step.AllowDeletes, step.Recent = tt.allow, tt.recent
			known := first.Timetable
			var a campus.Accepted
			for range 2 { // two complete readings, an hour apart
				step.Now = step.Now.Add(time.Hour)
				if a, err = step.Accept(known, term(tt.coming, without)); err != nil {
					t.Fatal(err)
				}
				known = a.Timetable
			}
			if len(a.Removed) != tt.removed || len(a.Removed)+len(a.Held) != tt.missing ||
				len(a.Timetable) != tt.coming-tt.removed {
				t.Errorf(
					"%d removed, %d held, %d left; want %d removed",
					len(a.Removed),
					len(a.Held),
					len(a.Timetable),
					tt.removed,
				)
			}
			for _, h := range a.Held {
				if h.Code != campus.HeldTooMany {
					t.Errorf("held for %s (%s), want %s", h.Code, h.Reason, campus.HeldTooMany)
				}
			}
		})
	}
}

// TestSecondReadingComesLater: a reading that follows at once shows the same half-made timetable, and confirms nothing,
// unless a person waits for it.
func TestSecondReadingComesLater(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		after   time.Duration
		byHand  bool
		removed int
	}{
		"at_once":                {0, false, 0},
		"just_before":            {10*time.Minute - time.Second, false, 0},
		"ten_minutes":            {10 * time.Minute, false, 1},
		"at_once_for_a_person":   {0, true, 1},
		"before_a_clock_was_set": {-time.Hour, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := october()
			first, err := step.Accept(nil, term(10, nil))
			if err != nil {
				t.Fatal(err)
			}
			step.ByHand = tt.byHand
			without := term(10, map[int]bool{4: true})
			second, err := step.Accept(first.Timetable, without)
			if err != nil || len(second.Removed) != 0 || !second.Unconfirmed() {
				t.Fatalf(
					"the first reading without the class: removed %v, held %v, %v",
					second.Removed,
					second.Held,
					err,
				)
			}
			step.Now = step.Now.Add(tt.after)
			third, err := step.Accept(second.Timetable, without)
			if err != nil || len(third.Removed) != tt.removed || third.Unconfirmed() == (tt.removed > 0) {
				t.Errorf("removed %v, held %v, %v; want %d removed", third.Removed, third.Held, err, tt.removed)
			}
			back, err := step.Accept(second.Timetable, term(10, nil))
			if err != nil || len(back.Timetable) != 10 || len(back.Held) != 0 || back.Timetable[3].Missing != 0 {
				t.Errorf("read again: %d classes, held %v, %v", len(back.Timetable), back.Held, err)
			}
		})
	}
}

// TestWhatBeganIsKept: a class that has begun is not deleted, whether or not it is over; one that begins next second
// may be.
func TestWhatBeganIsKept(t *testing.T) {
	t.Parallel()
	step := october()
	first, err := step.Accept(nil, term(10, nil))
	if err != nil {
		t.Fatal(err)
	}
	start := first.Timetable[3].Start
	for name, tt := range map[string]struct {
		now     time.Time
		removed int
		kept    int
	}{
		"to_come":    {start.Add(-time.Second), 1, 0},
		"begins_now": {start, 0, 1},
		"is_on":      {start.Add(time.Hour), 0, 1},
		"is_over":    {start.Add(3 * time.Hour), 0, 1},
		"long_over":  {start.Add(72 * time.Hour), 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step, known := step, first.Timetable
			var a campus.Accepted
			var err error
			for _, before := range []time.Duration{time.Hour, 0} {
				step.Now = tt.now.Add(-before)
				if a, err = step.Accept(known, term(10, map[int]bool{4: true})); err != nil {
					t.Fatal(err)
				}
				known = a.Timetable
			}
			if len(a.Removed) != tt.removed || len(a.Kept) != tt.kept || len(a.Timetable) != 10-tt.removed {
				t.Errorf(
					"removed %v, kept %v, %d left; want %d and %d",
					a.Removed,
					a.Kept,
					len(a.Timetable),
					tt.removed,
					tt.kept,
				)
			}
		})
	}
}

// TestShiftedTimetable: when most classes move by the zone's offset at once, the clock has changed and not the school.
func TestShiftedTimetable(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		classes, moved int
		by             time.Duration
		want           error
	}{
		"few":              {4, 4, 2 * time.Hour, nil},
		"five_of_nine":     {9, 5, 2 * time.Hour, campus.ErrShifted},
		"half":             {10, 5, 2 * time.Hour, nil},
		"back":             {9, 5, -2 * time.Hour, campus.ErrShifted},
		"by_another_span":  {9, 9, time.Hour, nil},
		"all_by_a_quarter": {9, 9, 15 * time.Minute, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := october()
			first, err := step.Accept(nil, term(tt.classes, nil))
			if err != nil {
				t.Fatal(err)
			}
			step.Now = step.Now.Add(time.Hour)
			r := term(tt.classes, nil)
			for i := range tt.moved {
				r.Classes[i].Start, r.Classes[i].End = r.Classes[i].Start.Add(tt.by), r.Classes[i].End.Add(tt.by)
			}
			if _, err := step.Accept(first.Timetable, r); !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
				t.Errorf("error = %v, want %v", err, tt.want)
			}
			step.ClockSet = true
			if _, err := step.Accept(first.Timetable, r); err != nil {
				t.Errorf("with a clock that a person has chosen: %v", err)
			}
		})
	}
}
