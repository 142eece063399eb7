package rooms

import (
	"fmt"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// words are what displays show in a language: "door" in the catalogue.
type words struct {
	lang             string
	weekdays, months []string // from Sunday, from January
}

// languages has the names of days and months ready: each text with a date needs them.
var languages = wordsIn(texts)

func wordsIn(catalogue *faults.Catalogue) map[string]words {
	found := map[string]words{}
	for _, lang := range catalogue.Languages() {
		found[lang] = words{
			lang:     lang,
			weekdays: strings.Fields(catalogue.Text(lang, "door.weekdays", nil)),
			months:   strings.Fields(catalogue.Text(lang, "door.months", nil)),
		}
	}
	return found
}

// wordsOf are the words in a language, those in English where it has none.
func wordsOf(locale string) words {
	if w, ok := languages[locale]; ok {
		return w
	}
	return languages[faults.English]
}

func (w words) text(id string) string { return texts.Text(w.lang, "door."+id, nil) }

// at is a text with a time or a date in it.
func (w words) at(id, when string) string {
	return texts.Text(w.lang, "door."+id, faults.Params{"time": when})
}

// day is a day within the next week or so.
func (w words) day(t time.Time) string { return w.dated("day", t) }

// date is a day of a longer span.
func (w words) date(t time.Time) string { return w.dated("date", t) }

func (w words) dated(id string, t time.Time) string {
	return texts.Text(w.lang, "door."+id, faults.Params{
		"weekday": w.weekdays[t.Weekday()], "day": fmt.Sprintf("%02d", t.Day()), "month": w.months[t.Month()-1],
	})
}

// BookedTitle is the title of a meeting made at the room's display.
func (r Room) BookedTitle() string { return wordsOf(r.Locale).text("booked") }
