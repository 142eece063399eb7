package rooms

import (
	"fmt"
	"time"
)

// words are a language's texts for displays.
type words struct {
	freeUntil, freeAllDay, private, pending, allDay, until, booked, noData, noDataSince string

	day  func(time.Time) string // a day within the next week or so
	date func(time.Time) string // a day of a longer span
}

var languages = map[string]words{
	"en": {
		freeUntil: "Free until ", freeAllDay: "Free all day", private: "Private Meeting", pending: "Not confirmed yet",
		allDay: "All day", until: "until ", booked: "Booked at the door", noData: "No data yet",
		noDataSince: "No data since ",
		day:         func(t time.Time) string { return t.Format("Mon 02 Jan") },
		date:        func(t time.Time) string { return t.Format("Jan 02") },
	},
	"fr": {
		freeUntil: "Libre jusqu’à ", freeAllDay: "Libre toute la journée", private: "Réunion privée",
		pending: "Pas encore confirmée",
		allDay:  "Toute la journée", until: "jusqu’à ", booked: "Réservé à la porte", noData: "Pas encore de données",
		noDataSince: "Sans données depuis ",
		day: func(t time.Time) string {
			return fmt.Sprintf("%s %02d %s", frDays[t.Weekday()], t.Day(), frMonths[t.Month()-1])
		},
		date: func(t time.Time) string { return fmt.Sprintf("%02d %s", t.Day(), frMonths[t.Month()-1]) },
	},
}

var (
	frDays   = [...]string{"dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."}
	frMonths = [...]string{
		"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc.",
	}
)

func wordsOf(locale string) words {
	if w, ok := languages[locale]; ok {
		return w
	}
	return languages["en"]
}

// BookedTitle is the title of a meeting made at the room's display.
func (r Room) BookedTitle() string { return wordsOf(r.Locale).booked }
