// Package almanac has months, weeks and dates for people, in the languages in which owners and guests read them.
package almanac

import (
	"embed"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/stays"
)

//go:embed texts
var files embed.FS

var texts = faults.Load(files, "texts")

// Languages are those of the almanac, English first.
func Languages() []string { return texts.Languages() }

// A Locale writes dates in a language.
type Locale struct {
	Lang string

	weekdays, initials [7]string
	months             [12]string
	first              string
	forms              map[string]string
}

// locales are made once: a page has hundreds of dates.
var locales = func() map[string]*Locale {
	all := map[string]*Locale{}
	for _, lang := range texts.Languages() {
		l := &Locale{Lang: lang, first: texts.Text(lang, "first", nil), forms: map[string]string{}}
		for i := range l.weekdays {
			l.weekdays[i] = texts.Text(lang, "weekdays."+strconv.Itoa(i), nil)
			l.initials[i] = texts.Text(lang, "initials."+strconv.Itoa(i), nil)
		}
		for i := range l.months {
			l.months[i] = texts.Text(lang, "months."+strconv.Itoa(i+1), nil)
		}
		for _, form := range []string{"full", "date", "short", "month", "at"} {
			l.forms[form] = texts.Text(lang, "forms."+form, nil)
		}
		all[lang] = l
	}
	return all
}()

// In is the locale of a language, else the English one.
func In(lang string) *Locale {
	if l := locales[lang]; l != nil {
		return l
	}
	return locales[faults.English]
}

// Full is a date with its weekday.
func (l *Locale) Full(d stays.Day) string { return l.write("full", d) }

// Date is a date with its year.
func (l *Locale) Date(d stays.Day) string { return l.write("date", d) }

// Short is a date without its year.
func (l *Locale) Short(d stays.Day) string { return l.write("short", d) }

// Month is a day's month, with its year.
func (l *Locale) Month(d stays.Day) string { return l.write("month", d) }

// MonthName is the name of a day's month.
func (l *Locale) MonthName(d stays.Day) string { return l.months[d.Time().Month()-1] }

// Days is a range of days, both ends in it.
func (l *Locale) Days(r stays.Range) string {
	switch first, last := r.From, r.Last(); {
	case first == last:
		return l.Date(first)
	case first.Time().Year() == last.Time().Year():
		return l.Short(first) + " – " + l.Date(last)
	default:
		return l.Date(first) + " – " + l.Date(last)
	}
}

// At is an instant, to the minute, in its zone.
func (l *Locale) At(t time.Time) string {
	return strings.NewReplacer("{date}", l.Date(stays.DayOf(t)), "{time}", t.Format("15:04")).Replace(l.forms["at"])
}

func (l *Locale) write(form string, d stays.Day) string {
	t := d.Time()
	day := strconv.Itoa(t.Day())
	if t.Day() == 1 {
		day = l.first
	}
	return strings.NewReplacer("{weekday}", l.weekdays[t.Weekday()], "{day}", day, "{month}", l.months[t.Month()-1],
		"{year}", strconv.Itoa(t.Year())).Replace(l.forms[form])
}

// A Weekday is a day of the week with its names.
type Weekday struct {
	time.Weekday

	Name, Initials string
}

// Week is the days of the week, from the first one on.
func (l *Locale) Week(first time.Weekday) []Weekday {
	list := make([]Weekday, week)
	for i := range list {
		d := (first + time.Weekday(i)) % week
		list[i] = Weekday{d, l.weekdays[d], l.initials[d]}
	}
	return list
}

// Regions whose week does not begin on Monday (Unicode CLDR 46, supplemental/weekData).
const (
	sunday = "AG AS BD BR BS BT BW BZ CA CO DM DO ET GT GU HK HN ID IL IN IS JM JP KE KH KR LA MH MM MO MT MX MZ NI NP " +
		"PA PE PH PK PR PT PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW"
	saturday = "AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY"
)

// FirstDay is the day on which weeks begin where a reader is, as its Accept-Language names the region; Monday where it
// names none.
func FirstDay(acceptLanguage string) time.Weekday {
	tags, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(tags) == 0 {
		return time.Monday
	}
	region, sure := tags[0].Region()
	switch code := region.String(); {
	case sure != language.Exact: // a language alone does not say where its reader is
		return time.Monday
	case strings.Contains(sunday, code):
		return time.Sunday
	case strings.Contains(saturday, code):
		return time.Saturday
	}
	return time.Monday
}

// MonthOf is the days of the month in which a day is.
func MonthOf(d stays.Day) stays.Range {
	y, m, _ := d.Time().Date()
	return stays.Range{From: stays.Date(y, m, 1), To: stays.Date(y, m+1, 1)}
}

// Add is the first day of the month that is n months after a day's.
func Add(d stays.Day, n int) stays.Day {
	y, m, _ := d.Time().Date()
	return stays.Date(y, m+time.Month(n), 1)
}

// Weeks are the weeks of a month: whole ones, with days of its neighbours.
func Weeks(month stays.Range, first time.Weekday) (weeks []stays.Range) {
	for d := WeekOf(month.From, first); d < month.To; d += week {
		weeks = append(weeks, stays.Range{From: d, To: d + week})
	}
	return weeks
}

// week is how many days a week has.
const week = 7

// WeekOf is the first day of the week in which a day is.
func WeekOf(d stays.Day, first time.Weekday) stays.Day {
	return d - stays.Day((int(d.Time().Weekday())-int(first)+week)%week)
}
