package pronote

import (
	"fmt"
	"slices"
	"time"
)

// slot is a lesson of every week: its subject is one of the pupil's, or none if negative.
type slot struct {
	key                string
	day, place, length int
	rank               int // P: of two lessons at one time, the higher is shown
	subject            int
	group              string
	more               obj
}

// plain lessons are every pupil's; the fourth is cancelled.
var plain = []slot{
	{"l1", 0, 0, 2, 101, 0, "", nil},
	{"l2", 0, 2, 2, 102, 1, "", nil},
	{"l3", 0, 5, 2, 103, 3, "GR.1", nil},
	{"l4", 0, 7, 2, 104, 2, "", obj{"estAnnule": true, "Statut": "Prof. absent"}},
	{"l5", 1, 0, 4, 105, 1, "", nil},
	{"l6", 1, 12, 2, 106, 4, "", nil},
	{"l7", 2, 0, 2, 107, 3, "GR.1", nil},
	{"l8", 3, 0, 2, 108, 5, "", nil},
	{"l9", 4, 0, 2, 109, 6, "", nil},
	{"l10", 4, 4, 3, 110, 0, "", obj{"Statut": "Changement de salle"}},
}

// unusual lessons are those of pupils with everything.
var unusual = []slot{
	// two lessons at one time: the second replaces the first
	{"u1", 0, 12, 2, 120, 4, "", obj{"estAnnule": true, "Statut": "Cours annulé"}},
	{"u2", 0, 12, 2, 220, 5, "", obj{"Statut": "Remplacement"}},
	{"u3", 1, 4, 2, 121, 1, "", obj{"test": true}},
	{"u4", 1, 6, 2, 122, 7, "", obj{"dispenseEleve": true}},
	{"u5", 1, 14, 2, 123, 0, "", obj{"listeVisios": list([]obj{{
		"url": tagged(tagText, "https://visio.example.org/salle-1"), "libelleLien": "Cours en ligne", "commentaire": "",
	}})}},
	{"u6", 1, 16, 2, 124, 3, "", obj{"listeVisios": list([]obj{{
		"url": "https://visio.example.org/salle-2", "libelleLien": "Second cours", "commentaire": "Caméra allumée",
	}})}},
	{"u7", 2, 2, 2, 125, noSubject, "", obj{"memo": "Vie de classe : apporter l'agenda"}},
	{"u8", 2, 5, 2, 126, detained, "", obj{"estRetenue": true}},
	{"u9", 3, 4, 12, 127, outing, "", obj{
		"estSortiePedagogique": true, "motif": "Visite du musée", "accompagnateurs": []string{"Mme PROF C.", "M. PROF D."},
		"strGenreRess": "Classe", "strRess": "4D",
	}},
}

// What stands in a subject's place.
const (
	noSubject = -1
	detained  = -2
	outing    = -3
)

// timetable is PageEmploiDuTemps: a week by its number, or the days of an interval.
func (c *call) timetable() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	y := yearOf(c.now)
	week := number(c.data, "NumeroSemaine")
	if week == 0 {
		week = number(c.data, "numeroSemaine")
	}
	from := y.monday.AddDate(0, 0, 7*(week-1))
	to := from.AddDate(0, 0, 7)
	if week < 1 || week > 62 {
		first, last, ok := c.interval()
		if !ok || last.Before(first) || last.Sub(first) > 400*24*time.Hour {
			return nil, errPage
		}
		from, to = first, last.AddDate(0, 0, 1)
	}
	lessons := []obj{}
	for day := from; day.Before(to); day = day.AddDate(0, 0, 1) {
		lessons = append(lessons, c.lessons(y, p, day)...)
	}
	days := make([]obj, 5)
	for i := range days {
		days[i] = obj{"jourCycle": i, "numeroSemaine": y.week(from)}
	}
	return obj{
		"jourCycleSelectionne": 0, "avecCoursAnnule": true, "placeCourante": placesPerDay - 1,
		"prefsGrille": obj{"genreRessource": genrePupil}, "ListeCours": lessons, "premierePlaceHebdoDuJour": 0,
		"debutDemiPensionHebdo": 8, "finDemiPensionHebdo": 11, "absences": obj{"joursCycle": list(days)},
		"recreations": list(recreations()),
	}, nil
}

// interval is that of a call's data, whose keys clients write both ways.
func (c *call) interval() (first, last time.Time, ok bool) {
	for _, keys := range [][2]string{{"DateDebut", "DateFin"}, {"dateDebut", "dateFin"}} {
		first, ok = c.day(c.data, keys[0])
		last, also := c.day(c.data, keys[1])
		if ok && also {
			return first, last, true
		}
	}
	return first, last, false
}

// lessons returns those of a day.
func (c *call) lessons(y year, p *pupil, day time.Time) []obj {
	if day.Before(y.first) || day.After(y.last) {
		return nil
	}
	slots := slices.Clone(plain)
	if p.full {
		slots = append(slots, unusual...)
	}
	var found []obj
	for _, slot := range slots {
		if slot.day == (int(day.Weekday())+6)%7 {
			found = append(found, c.lesson(p, slot, day))
		}
	}
	return found
}

func lessonKey(p *pupil, slot slot, day time.Time) string {
	return fmt.Sprintf("%s/%s/%s", p.key, slot.key, day.Format(time.DateOnly))
}

func (c *call) lesson(p *pupil, slot slot, day time.Time) obj {
	key := lessonKey(p, slot, day)
	out := obj{
		"N": c.sess.n(kindLesson, key), "G": 0, "P": slot.rank, "place": slot.day*placesPerDay + slot.place,
		"duree": slot.length, "DateDuCours": dateTime(at(day, slot.place)), "CouleurFond": "#8C8C8C",
		"AvecTafPublie": false,
	}
	if slot.key == "l10" || slot.subject == outing { // an end that is no full hour is written out
		out["DateDuCoursFin"] = dateTime(at(day, slot.place+slot.length))
	}
	with(out, slot.more)
	if out["test"] == true {
		delete(out, "test")
		origin := list([]obj{{"G": 3, "L": "Devoir sur table", "libelleIcone": "DS"}})
		out["AvecCdT"] = true
		out["cahierDeTextes"] = nested(obj{"N": c.sess.n(kindLog, key), "estDevoir": true, "originesCategorie": origin})
	}
	if contents := c.contents(p, slot); contents != nil {
		out["ListeContenus"] = list(contents)
	}
	if slot.subject >= 0 {
		out["CouleurFond"] = p.of(slot.subject).colour
	}
	return out
}

// contents are a lesson's subject, teacher, group and room. An outing has none.
func (c *call) contents(p *pupil, slot slot) []obj {
	room := func(name string) obj { return obj{"L": name, "N": c.sess.n(kindRoom, name), "G": genreRoom} }
	switch slot.subject {
	case outing:
		return nil
	case detained:
		return []obj{{"L": staff[0].name, "G": genreStaff}, room("Permanence")}
	case noSubject:
		return []obj{{"L": p.of(0).teacher, "G": genreTeacher}, room("106")}
	}
	one := p.of(slot.subject)
	found := []obj{
		with(c.subject(one), obj{"G": genreSubject, "estServiceGroupe": slot.group != ""}),
		{"G": genreTeacher, "L": one.teacher},
	}
	if slot.group != "" {
		name := "[" + p.class + " " + slot.group + "]"
		found = append(found, obj{"L": name, "N": c.sess.n(kindGroup, name), "G": genreGroup})
	}
	return append(found, room(one.room))
}

func (c *call) subject(one subject) obj {
	return obj{"L": one.name, "N": c.sess.n(kindSubject, one.key), "estServiceGroupe": false}
}
