package campus

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Unreadable is a lesson that was put aside. Course is 0 where not even its number could be read.
type Unreadable struct {
	Course int64
	Why    string
	// Misdated says that the lesson was read, and that its dates cannot be right.
	Misdated bool
}

// A Reading is what one call to MonCampus gave for a window: complete, unless it has unreadable lessons.
type Reading struct {
	Classes    []Class // without ID
	Unreadable []Unreadable
}

// NewReading is a reading of the classes of an answer's rows, in any order.
func NewReading(classes []Class, unreadable []Unreadable) Reading {
	classes = slices.Clone(classes)
	slices.SortStableFunc(classes, byStart)
	return Reading{onePerLesson(classes), unreadable}
}

// Remote is the mode of a class at a distance, and its room.
const Remote = "À distance"

// Tidy makes one line of a text, without control characters.
func Tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// MaxLinks is how many quick links an ECAL event has room for.
const MaxLinks = 10

// Links are meetings by their addresses, each once and sorted, so that the order of the addresses makes no change.
func Links(addresses []string) []Link {
	addresses = slices.Compact(slices.Sorted(slices.Values(addresses)))
	if len(addresses) == 0 {
		return nil
	}
	all := make([]Link, 0, MaxLinks)
	for i, address := range addresses[:min(len(addresses), MaxLinks)] {
		name := "Rejoindre Teams"
		if len(addresses) > 1 {
			name = fmt.Sprintf("Rejoindre Teams %d", i+1)
		}
		all = append(all, Link{name, address})
	}
	return all
}

// joinLinks are the meetings of two rows of one lesson.
func joinLinks(a, b []Link) []Link {
	addresses := make([]string, 0, len(a)+len(b))
	for _, l := range slices.Concat(a, b) {
		addresses = append(addresses, l.URL)
	}
	return Links(addresses)
}
