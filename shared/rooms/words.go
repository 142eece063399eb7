package rooms

import (
	"fmt"
	"time"
)

// words are a language's texts for displays.
type words struct {
	freeUntil, freeAllDay, private, allDay, booked string

	day  func(time.Time) string // a day within the next week or so
	date func(time.Time) string // a day of a longer span
}

var languages = map[string]words{
	"en": {
		freeUntil: "Free until ", freeAllDay: "Free all day", private: "Private Meeting", allDay: "All day", booked: "Booked at the door",
		day:  func(t time.Time) string { return t.Format("Mon 02 Jan") },
		date: func(t time.Time) string { return t.Format("Jan 02") },
	},
	"fr": {
		freeUntil: "Libre jusqu’à ", freeAllDay: "Libre toute la journée", private: "Réunion privée", allDay: "Toute la journée", booked: "Réservé à la porte",
		day: func(t time.Time) string {
			return fmt.Sprintf("%s %02d %s", frDays[t.Weekday()], t.Day(), frMonths[t.Month()-1])
		},
		date: func(t time.Time) string { return fmt.Sprintf("%02d %s", t.Day(), frMonths[t.Month()-1]) },
	},
}

var (
	frDays   = [...]string{"dim.", "lun.", "mar.", "mer.", "jeu.", "ven.", "sam."}
	frMonths = [...]string{"janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."}
)

func wordsOf(locale string) words {
	if w, ok := languages[locale]; ok {
		return w
	}
	return languages["en"]
}

// BookedTitle is the title of a meeting made at the room's display.
func (r Room) BookedTitle() string { return wordsOf(r.Locale).booked }
