package campus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// row is a lesson as it is read: "number day hour title room teacher group"; "-" is nothing.
func row(t testing.TB, text string) campus.Class {
	t.Helper()
	var number int64
	var day, hour int
	field := strings.Fields(text)
	if _, err := fmt.Sscan(strings.Join(field[:3], " "), &number, &day, &hour); err != nil {
		t.Fatal(err)
	}
	value := func(i int) string { return strings.TrimPrefix(field[i], "-") }
	start := time.Date(2026, 10, day, hour, 0, 0, 0, paris).UTC()
	return campus.Class{
		Course: number, Title: value(3), Room: value(4), Teacher: value(5), Group: value(6),
		Start: start, End: start.Add(2 * time.Hour),
	}
}

func reading(t testing.TB, rows ...string) campus.Reading {
	t.Helper()
	lessons := make([]campus.Class, 0, len(rows))
	for _, text := range rows {
		lessons = append(lessons, row(t, text))
	}
	return campus.NewReading(lessons, nil)
}

// TestSameLessonUnderAnotherNumber: which known class a lesson is, by reading before and after; what it says is the
// timetable's classes as number of the ID, day, hour and title, what was removed at once, and what is held.
func TestSameLessonUnderAnotherNumber(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		before, after []string
		want          string
	}{
		"another_label": {
			[]string{"1 13 10 Anglais A1 X DS"}, []string{"501 13 10 Anglais A1 X TC"}, "1@13/10 Anglais",
		},
		"another_room": {
			[]string{"1 13 10 Anglais A1 X DS"}, []string{"501 13 10 Anglais B2 Y TC"}, "1@13/10 Anglais",
		},
		"another_title": {
			[]string{"1 13 10 Anglais A1 X DS"}, []string{"501 13 10 Contrôle A1 X TC"}, "1@13/10 Contrôle",
		},
		"another_lesson": {
			[]string{"1 13 10 Anglais A1 X DS"}, []string{"501 13 10 Maths A1 Y DS"}, "501@13/10 Maths removed 1",
		},
		"nothing_known_of_both": {
			[]string{"1 13 10 Anglais - - DS"}, []string{"501 13 10 Maths - - DS"}, "501@13/10 Maths removed 1",
		},
		"another_time": {
			[]string{"1 13 10 Anglais A1 X DS"},
			[]string{"501 14 10 Anglais A1 X DS"},
			"1@13/10 Anglais, 501@14/10 Anglais held 1",
		},
		"best_of_two": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD B2 Y G2"},
			[]string{"501 13 10 TD B2 Y G9", "502 13 10 TD A1 X G8"},
			"1@13/10 TD, 2@13/10 TD",
		},
		"two_become_one": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD B2 Y G2"}, []string{"501 13 10 TD B2 Y G9"}, "2@13/10 TD removed 1",
		},
		"parallel_one_missing": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD B2 Y G2"},
			[]string{"2 13 10 TD B2 Y G2"},
			"1@13/10 TD, 2@13/10 TD held 1",
		},
		"unplaced_one_missing": {
			[]string{"1 13 10 Anglais - - DS", "2 13 10 Maths - - DS"},
			[]string{"2 13 10 Maths - - DS"},
			"1@13/10 Anglais, 2@13/10 Maths held 1",
		},
		"shared_one_missing": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD A1 X G2"}, []string{"2 13 10 TD A1 X G2"}, "2@13/10 TD removed 1",
		},
		"moved_where_one_was": {
			[]string{"1 12 10 TD B2 Y G2", "2 13 10 TD A1 X G1"}, []string{"1 13 10 TD B2 Y G2"}, "1@13/10 TD removed 1",
		},
		"numbers_change_places": {
			[]string{"1 12 10 TD B2 Y G2", "2 13 10 Maths A1 X G1"},
			[]string{"2 12 10 TD B2 Y G9", "3 13 10 Maths A1 X G9"},
			"1@12/10 TD, 2@13/10 Maths",
		},
		"one_of_two_rows": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD A1 X G1"}, []string{"2 13 10 TD A1 X G1"}, "1@13/10 TD",
		},
		"rows_part": {
			[]string{"1 13 10 TD A1 X G1", "2 13 10 TD A1 X G1"},
			[]string{"1 13 10 TD B2 X G1", "2 13 10 TD A1 X G1"},
			"1-20261013T0800@13/10 TD, 1@13/10 TD",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := october()
			first, err := step.Accept(nil, reading(t, tt.before...))
			if err != nil {
				t.Fatal(err)
			}
			step.Now = step.Now.Add(time.Hour)
			for range 2 { // in any order of the rows
				second, err := step.Accept(first.Timetable, reading(t, tt.after...))
				if got := summary(second); err != nil || got != tt.want || second.Replaced != len(second.Removed) {
					t.Errorf("%s (%d replaced), want %s", got, second.Replaced, tt.want)
				}
				slices.Reverse(tt.after)
			}
		})
	}
}

func summary(a campus.Accepted) string {
	list := make([]string, 0, len(a.Timetable))
	for _, c := range a.Timetable {
		list = append(list, strings.TrimPrefix(c.ID, "wigor-")+"@"+c.Start.In(paris).Format("02/15")+" "+c.Title)
	}
	slices.Sort(list)
	text := strings.Join(list, ", ")
	if n := len(a.Removed); n > 0 {
		text += fmt.Sprint(" removed ", n)
	}
	if n := len(a.Held); n > 0 {
		text += fmt.Sprint(" held ", n)
	}
	return text
}

// TestLikestLessonIsTaken: of several that vanished at one time with one title, a new lesson is the one of its
// group, else of its room or teacher.
func TestLikestLessonIsTaken(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]string{
		"group":   {"501 13 10 TD C3 Z G2", "502 13 10 TD D4 W G1"},
		"room":    {"501 13 10 TD B2 Z G8", "502 13 10 TD D4 W G9"},
		"teacher": {"501 13 10 TD C3 Y G8", "502 13 10 TD D4 W G9"},
	} {
		step := october()
		first, _ := step.Accept(nil, reading(t, "1 13 10 TD A1 X G1", "2 13 10 TD B2 Y G2"))
		second, err := step.Accept(first.Timetable, reading(t, rows...))
		if err != nil || len(second.Timetable) != 2 || second.Timetable[1].ID != "wigor-2" ||
			second.Timetable[1].Course != 501 {
			t.Errorf("%s: %+v, %v", name, second.Timetable, err)
		}
	}
}

// TestUnreadableTwin: a lesson that cannot be read stands beside no copy of it.
func TestUnreadableTwin(t *testing.T) {
	t.Parallel()
	step := october()
	first, _ := step.Accept(nil, reading(t, "1 13 10 Anglais A1 X DS", "2 14 10 Maths A1 X DS"))
	r := reading(t, "501 13 10 Anglais A1 X TC")
	r.Unreadable = []campus.Unreadable{{Course: 1, Why: "x"}, {Course: 2, Why: "x"}}
	second, err := step.Accept(first.Timetable, r)
	if got := summary(second); err != nil || got != "1@13/10 Anglais, 2@14/10 Maths held 1" {
		t.Errorf("%s, %v", got, err)
	}
}
