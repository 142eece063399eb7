package almanac_test

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/stays"
	"github.com/carillon-calendar/carillon/shared/stays/almanac"
)

// TestDates in each language: the first of a month, a range within a year and over its end, an instant.
func TestDates(t *testing.T) {
	t.Parallel()
	first, last := stays.Date(2027, time.August, 1), stays.Date(2027, time.August, 12)
	at := time.Date(2027, 8, 12, 9, 5, 0, 0, time.FixedZone("", 7200))
	for lang, want := range map[string][]string{
		"en": {
			"Sunday 1 August 2027", "1 August – 12 August 2027", "12 August 2027 – 1 January 2028",
			"12 August 2027, 09:05",
		},
		"fr": {
			"dimanche 1er août 2027", "1er août – 12 août 2027", "12 août 2027 – 1er janvier 2028",
			"12 août 2027 à 09:05",
		},
		"nl": {
			"zondag 1 augustus 2027", "1 augustus – 12 augustus 2027", "12 augustus 2027 – 1 januari 2028",
			"12 augustus 2027 om 09:05",
		},
		"de": {
			"Sonntag, 1. August 2027", "1. August – 12. August 2027", "12. August 2027 – 1. Januar 2028",
			"12. August 2027, 09:05 Uhr",
		},
		"it": {
			"domenica 1º agosto 2027", "1º agosto – 12 agosto 2027", "12 agosto 2027 – 1º gennaio 2028",
			"12 agosto 2027, 09:05",
		},
	} {
		l := almanac.In(lang)
		got := []string{
			l.Full(first), l.Days(stays.Through(first, last)), l.Days(stays.Through(last, stays.Date(2028, time.January, 1))),
			l.At(at),
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n got %q\nwant %q", lang, got, want)
		}
		if week := l.Week(time.Monday); len(week) != 7 || week[0].Weekday != time.Monday || week[6].Name == "" ||
			week[6].Initials == "" {
			t.Errorf("%s: the week %v", lang, week)
		}
	}
	if one := almanac.In("en").Days(stays.Through(first, first)); one != "1 August 2027" {
		t.Errorf("one day: %q", one)
	}
	if got := almanac.In("pt").Month(first); got != "August 2027" {
		t.Errorf("in an unknown language %q", got)
	}
	if got := almanac.Languages(); !slices.Equal(got, []string{"en", "de", "fr", "it", "nl"}) {
		t.Errorf("languages %v", got)
	}
}

// TestWeeks: a month's weeks are whole, whatever day they begin on.
func TestWeeks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		month      stays.Day
		first      time.Weekday
		weeks      int
		from, last string
	}{
		{stays.Date(2027, time.February, 10), time.Monday, 4, "2027-02-01", "2027-02-28"},
		{stays.Date(2027, time.August, 31), time.Monday, 6, "2027-07-26", "2027-09-05"},
		{stays.Date(2027, time.August, 1), time.Sunday, 5, "2027-08-01", "2027-09-04"},
		{stays.Date(2028, time.February, 29), time.Saturday, 5, "2028-01-29", "2028-03-03"},
	} {
		weeks := almanac.Weeks(almanac.MonthOf(c.month), c.first)
		if len(weeks) != c.weeks || weeks[0].From.String() != c.from || weeks[len(weeks)-1].Last().String() != c.last {
			t.Errorf("%s from %s on: %v", c.month, c.first, weeks)
		}
	}
	if got := almanac.Add(stays.Date(2027, time.December, 31), 2); got != stays.Date(2028, time.February, 1) {
		t.Errorf("two months after December: %s", got)
	}
}

// TestFirstDay is the region's, and not guessed from a language.
func TestFirstDay(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]time.Weekday{
		"": time.Monday, "fr": time.Monday, "fr-BE,fr;q=0.9": time.Monday, "en": time.Monday, "en-GB": time.Monday,
		"en-US,en;q=0.5": time.Sunday, "fr-CA": time.Sunday, "ar-EG": time.Saturday, "pt-PT": time.Sunday, "?": time.Monday,
	} {
		if got := almanac.FirstDay(accept); got != want {
			t.Errorf("%q: %s", accept, got)
		}
	}
}
