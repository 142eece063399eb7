package pronote

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/shared/school"
)

// Kinds of what a lesson has.
const (
	lessonGroup   = 2
	lessonTeacher = 3
	lessonSubject = 16
	lessonRoom    = 17
)

type wireLesson struct {
	element

	Place     number `json:"place"`
	Places    number `json:"duree"`
	Start     date   `json:"DateDuCours"`
	End       date   `json:"DateDuCoursFin"`
	Color     text   `json:"CouleurFond"`
	Status    text   `json:"Statut"`
	Memo      text   `json:"memo"`
	Cancelled flag   `json:"estAnnule"`
	Outing    flag   `json:"estSortiePedagogique"`
	Detention flag   `json:"estRetenue"`
	Exempted  flag   `json:"dispenseEleve"`
	Reason    text   `json:"motif"` // of an outing
	Notebook  object[struct {
		Test flag `json:"estDevoir"`
	}] `json:"cahierDeTextes"`
	Contents list[struct {
		element

		Groups flag `json:"estServiceGroupe"`
	}] `json:"ListeContenus"`
	Meetings list[struct {
		URL text `json:"url"`
	}] `json:"listeVisios"`
	With  list[name] `json:"accompagnateurs"` // of an outing
	Where text       `json:"strRess"`
}

// Timetable reads the lessons of a day's week; outside of the school year there are none.
func (c *Conn) Timetable(ctx context.Context, day school.Date) ([]school.Lesson, error) {
	week, last := c.Session.weeks(day, day)
	if week > last || c.Session.Week(day) < week {
		return []school.Lesson{}, nil
	}
	who := map[string]any{"N": c.Pupil.ID, "G": kindPupil, "L": c.Pupil.Name}
	var got struct {
		Lessons list[wireLesson] `json:"ListeCours"`
	}
	err := c.call(ctx, "PageEmploiDuTemps", TabTimetable, map[string]any{
		"ressource": who, "Ressource": who, "NumeroSemaine": week, "numeroSemaine": week,
		"avecAbsencesEleve": false, "avecConseilDeClasse": true, "estEDTPermanence": false,
		"avecAbsencesRessource": true, "avecDisponibilites": true, "avecInfosPrefsGrille": true,
	}, &got)
	if err != nil {
		return nil, err
	}
	lessons := []school.Lesson{}
	for _, w := range got.Lessons {
		lessons = append(lessons, w.lesson(c.Session.Year))
	}
	return lessons, nil
}

func (w wireLesson) lesson(year Year) school.Lesson {
	l := school.Lesson{
		ID: string(w.N), Num: int(w.P), Subject: school.NoSubject(), Teachers: []string{}, Rooms: []string{},
		Groups: []string{}, Virtual: []string{}, Memo: w.Memo.orNil(), Start: w.Start.Date, End: w.end(year),
		Color: w.Color.orNil(), Status: w.Status.orNil(), Cancelled: bool(w.Cancelled), Outing: bool(w.Outing),
		Detention: bool(w.Detention), Exempted: bool(w.Exempted), Test: bool(w.Notebook.V.Test),
	}
	for _, part := range w.Contents {
		switch part.G {
		case lessonSubject:
			l.Subject = school.Subject{ID: string(part.N), Name: string(part.L), Groups: bool(part.Groups)}
		case lessonTeacher:
			l.Teachers = append(l.Teachers, string(part.L))
		case lessonRoom:
			l.Rooms = append(l.Rooms, string(part.L))
		case lessonGroup:
			l.Groups = append(l.Groups, string(part.L))
		}
	}
	if w.Outing && len(w.Contents) == 0 {
		l.Teachers = append(l.Teachers, names(w.With)...)
		if l.Memo == nil {
			l.Memo = w.Reason.orNil()
		}
		if w.Where != "" {
			l.Groups = append(l.Groups, string(w.Where))
		}
	}
	for _, m := range w.Meetings {
		if m.URL != "" {
			l.Virtual = append(l.Virtual, string(m.URL))
		}
	}
	return l
}

// end is when a lesson ends: it says so, or it ends with the last of its places in the day.
func (w wireLesson) end(year Year) school.Date {
	if !w.End.IsZero() || w.Start.IsZero() {
		return w.End.Date
	}
	if at, ok := year.hour(year.Ends, int(w.Place)+int(w.Places)-1); ok {
		return school.Date{Time: w.Start.Midnight().Add(at)}
	}
	return w.Start.Date
}

// hour is the time of day of a place in the week.
func (y Year) hour(hours []string, place int) (time.Duration, bool) {
	if y.Places <= 0 || place < 0 || place%y.Places >= len(hours) {
		return 0, false
	}
	return clock(hours[place%y.Places])
}

// clock reads a time of a day, "09h30".
func clock(text string) (time.Duration, bool) {
	var hours, minutes int
	if n, err := fmt.Sscanf(text, "%dh%d", &hours, &minutes); n < 2 || err != nil || hours > 24 || minutes > 59 ||
		hours < 0 || minutes < 0 {
		return 0, false
	}
	return time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute, true
}
