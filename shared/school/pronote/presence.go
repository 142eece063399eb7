package pronote

import (
	"context"
	"strconv"

	"github.com/carillon-calendar/carillon/shared/school"
)

// Kinds of what the presence page lists.
const (
	presenceAbsence    = 13
	presenceDelay      = 14
	presencePunishment = 41
)

// A Presence is what a period brought of absences, delays and punishments.
type Presence struct {
	Absences    []school.Absence
	Delays      []school.Delay
	Punishments []school.Punishment
}

type wirePresence struct {
	element

	From      date          `json:"dateDebut"`
	To        date          `json:"dateFin"`
	At        date          `json:"date"`
	Justified flag          `json:"justifie"`
	Hours     text          `json:"NbrHeures"`
	Reasons   list[element] `json:"listeMotifs"`

	Duration      text `json:"duree"` // minutes
	Justification text `json:"justification"`

	Schedulable   flag               `json:"estProgrammable"`
	Schedule      list[wireSchedule] `json:"programmation"`
	AskedOn       date               `json:"dateDemande"`
	AskedPlace    *number            `json:"placeDemande"`
	By            object[element]    `json:"demandeur"`
	Exclusion     flag               `json:"estUneExclusion"`
	OutOfLesson   flag               `json:"horsCours"`
	Work          text               `json:"travailAFaire"`
	WorkFiles     list[wireFile]     `json:"documentsTAF"`
	Circumstances text               `json:"circonstances"`
	CircFiles     list[wireFile]     `json:"documentsCirconstances"`
	Nature        object[element]    `json:"nature"`
}

type wireSchedule struct {
	element

	Date     date    `json:"date"`
	Place    *number `json:"placeExecution"`
	Duration text    `json:"duree"`
}

// Presence reads a period.
func (c *Conn) Presence(ctx context.Context, of school.Period) (Presence, error) {
	v := Presence{[]school.Absence{}, []school.Delay{}, []school.Punishment{}}
	start, err := school.ParseDay(of.Start)
	if err != nil {
		return v, ErrAnswer
	}
	end, err := school.ParseDay(of.End)
	if err != nil {
		return v, ErrAnswer
	}
	var got struct {
		List list[wirePresence] `json:"listeAbsences"`
	}
	err = c.call(ctx, "PagePresence", TabPresence, map[string]any{
		"periode": period(of), "DateDebut": moment(start), "DateFin": moment(end),
	}, &got)
	if err != nil {
		return v, err
	}
	for _, w := range got.List {
		switch w.G {
		case presenceAbsence:
			v.Absences = append(v.Absences, school.Absence{
				ID: string(w.N), From: w.From.Date, To: w.To.Date, Justified: bool(w.Justified), Hours: w.Hours.orNil(),
				Reasons: labels(w.Reasons),
			})
		case presenceDelay:
			minutes, _ := school.ParseNumber(string(w.Duration))
			v.Delays = append(v.Delays, school.Delay{
				ID: string(w.N), Date: w.At.Date, Duration: max(0, int(minutes)), Justified: bool(w.Justified),
				Justification: w.Justification.orNil(), Reasons: labels(w.Reasons),
			})
		case presencePunishment:
			v.Punishments = append(v.Punishments, c.punishment(w))
		}
	}
	return v, nil
}

// moment is a day as the presence page takes it.
func moment(d school.Date) map[string]any {
	return map[string]any{"_T": 7, "V": d.Format("02/01/2006 15:04:05")}
}

func (c *Conn) punishment(w wirePresence) school.Punishment {
	p := school.Punishment{
		ID: string(w.N), Schedulable: bool(w.Schedulable), Schedule: []school.PunishmentTime{},
		Date: c.at(w.AskedOn.Date, w.AskedPlace, !bool(w.OutOfLesson)), GivenBy: string(w.By.V.L),
		Exclusion: bool(w.Exclusion), InLesson: !bool(w.OutOfLesson),
		Homework: school.PunishmentHomework{Text: w.Work.orNil(), Documents: c.files(w.WorkFiles)},
		Reason: school.PunishmentReason{
			Text: labels(w.Reasons), Circumstances: string(w.Circumstances), Documents: c.files(w.CircFiles),
		},
		Nature: string(w.Nature.V.L), Duration: seconds(w.Duration),
	}
	if w.Schedulable {
		for _, s := range w.Schedule {
			p.Schedule = append(p.Schedule, school.PunishmentTime{
				ID: string(s.N), Start: c.at(s.Date.Date, s.Place, s.Place != nil), Duration: seconds(s.Duration),
			})
		}
	}
	return p
}

// at is a day at the hour of a place in it, else at midnight.
func (c *Conn) at(day school.Date, place *number, known bool) school.Date {
	if day.IsZero() || place == nil || !known || c.Session.Year.Places <= 0 {
		return day.Midnight()
	}
	hour, ok := c.Session.Year.hour(c.Session.Year.Starts, int(*place))
	if !ok {
		return day.Midnight()
	}
	return school.Date{Time: day.Midnight().Add(hour)}
}

// seconds are a duration's, which PRONOTE has in minutes.
func seconds(minutes text) *float64 {
	n, err := strconv.ParseFloat(string(minutes), 64)
	if err != nil || !(n >= 0 && n < 1e6) {
		return nil
	}
	n *= 60
	return &n
}
