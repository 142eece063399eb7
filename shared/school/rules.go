// Package school is what a school's API says, whatever system keeps it: its answers, its settings, and the rules of
// periods, marks and texts.
package school

import (
	"encoding/json"
	"html"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A Number is a mark or a coefficient; without one it is -1, as clients expect.
type Number float64

// None is the number of a mark that has none.
const None Number = -1

// MarshalJSON implements [json.Marshaler]: whole numbers have no fraction.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return strconv.AppendInt(nil, int64(f), 10), nil
	}
	return json.Marshal(float64(n))
}

// ParseNumber reads a decimal number with a comma or a point; false: it is none.
func ParseNumber(text string) (Number, bool) {
	text = strings.TrimSpace(text)
	f, err := strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return None, false
	}
	return Number(f), true
}

// Significances of marks that are no numbers, beside those that PRONOTE numbers itself (1 absent, 2 exempted, 3 not
// graded, 4 unfit, 5 not handed in, 6 absent and 0, 7 not handed in and 0, 8 congratulations).
const (
	SignificantNumber  = 0
	SignificantNothing = -1
)

// ParseMark reads a mark: a number, "|k" for a mark that is none, or a text of the school's own such as "Abs" or "??",
// which says as little as an empty one.
func ParseMark(text string) (value Number, significant int) {
	if kind, ok := strings.CutPrefix(strings.TrimSpace(text), "|"); ok {
		digits := strings.IndexFunc(kind, func(r rune) bool { return r < '0' || r > '9' })
		if digits < 0 {
			digits = len(kind)
		}
		if k, err := strconv.Atoi(kind[:digits]); err == nil && k > 0 {
			return None, k
		}
		return None, SignificantNothing
	}
	if value, ok := ParseNumber(text); ok {
		return value, SignificantNumber
	}
	return None, SignificantNothing
}

var (
	breaks = regexp.MustCompile(`(?i)<br\s*/?>|</(p|div|li)>`)
	tags   = regexp.MustCompile(`<[^>]*>`)
)

// Text is the text of HTML that a teacher wrote. No-break spaces stay.
func Text(markup string) string {
	markup = strings.TrimSuffix(breaks.ReplaceAllString(markup, "\n"), "\n")
	return strings.Trim(html.UnescapeString(tags.ReplaceAllString(markup, "")), "\n")
}

// kinds are the first words of periods that divide a year: those of one kind belong together.
var kinds = []string{"Trimestre", "Semestre", "Année"} //nolint:misspell // French

// Periods are a year's, with the one that a person looks at.
type Periods struct {
	All     []Period
	Default string // id of the one that PRONOTE shows first; ""
}

// Current is the period of today: that of the kind of the default one in which today lies, else, in holidays and before
// the year, the nearest one before today, or the first. False: there are none.
func (p Periods) Current(today Date) (Period, bool) {
	if len(p.All) == 0 {
		return Period{}, false
	}
	chosen := p.All[0]
	for _, period := range p.All {
		if period.ID == p.Default {
			chosen = period
		}
	}
	same := p.Like(chosen)
	if len(same) == 1 {
		return chosen, true
	}
	day, nearest := today.Format("2006-01-02"), same[0]
	for _, period := range same {
		switch {
		case period.Start <= day && day <= period.End:
			return period, true
		case period.End < day && (nearest.End >= day || period.End > nearest.End):
			nearest = period
		}
	}
	return nearest, true
}

// Like are the periods of the same kind as one, that one among them.
func (p Periods) Like(one Period) []Period {
	kind, _, _ := strings.Cut(one.Name, " ")
	if !slices.Contains(kinds, kind) {
		return []Period{one}
	}
	var like []Period
	for _, period := range p.All {
		if first, _, _ := strings.Cut(period.Name, " "); first == kind {
			like = append(like, period)
		}
	}
	if len(like) == 0 {
		return []Period{one}
	}
	return like
}

// Named is the period of a name.
func (p Periods) Named(name string) (Period, bool) {
	for _, period := range p.All {
		if period.Name == name {
			return period, true
		}
	}
	return Period{}, false
}
