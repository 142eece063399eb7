package pronote

import (
	"fmt"
	"time"
)

// Kinds of events of school life: values of G.
const (
	eventAbsence     = 13
	eventDelay       = 14
	eventPunishment  = 41
	eventObservation = 46
)

// presence is PagePresence: the events of a period between two days.
func (c *call) presence() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	in, ok, err := c.noted("periode")
	if err != nil {
		return nil, err
	}
	from, to, given := c.interval()
	if !given {
		return nil, errPage
	}
	all := []obj{}
	if ok {
		builders := []func(*pupil, string, time.Time) obj{c.absence, c.delay, c.observation, c.punishment}
		if p.full {
			builders = append(builders, c.exclusion)
		}
		if p.full && in.key == yearOf(c.now).current(c.now).key { // pawnote cannot read it: past trimesters are for pawnote
			builders = append(builders, c.openAbsence)
		}
		for i, day := range in.past(len(builders), c.now) {
			if !day.Before(from) && !day.After(to) {
				all = append(all, builders[i](p, fmt.Sprintf("%s/%s/%d", p.key, in.key, i), day))
			}
		}
	}
	return obj{
		"autorisations": obj{}, "listeAbsences": list(all), "Matieres": list(nil), "listeRecapitulatifs": list(nil),
		"listeSignificationsInternatVS": list(nil),
	}, nil
}

func (c *call) reasons(names ...string) obj {
	found := make([]obj, 0, len(names))
	for _, name := range names {
		found = append(found, obj{"L": name, "N": c.sess.n(kindReason, name)})
	}
	return list(found)
}

func (c *call) absence(_ *pupil, key string, day time.Time) obj {
	return obj{
		"N": c.sess.n(kindPresence, key), "G": eventAbsence, "dateDebut": dateTime(at(day, 0)),
		"aJustifierParParents": false,
		"dateFin":              dateTime(at(day, 8)), "justifie": true, "NbrHeures": "4h00", "NbrJours": 1, "ouverte": false,
		"reglee": true, "avecSaisie": false, "estMotifNonEncoreConnu": false, "listeMotifs": c.reasons("MALADIE"),
	}
}

// openAbsence has no end of its hours and no reason yet.
func (c *call) openAbsence(p *pupil, key string, day time.Time) obj {
	out := with(c.absence(p, key, day), obj{
		"justifie": false, "reglee": false, "ouverte": true, "estMotifNonEncoreConnu": true, "listeMotifs": c.reasons(),
	})
	delete(out, "NbrHeures")
	return out
}

func (c *call) delay(_ *pupil, key string, day time.Time) obj {
	return obj{
		"N": c.sess.n(kindPresence, key), "G": eventDelay, "date": dateTime(at(day, 1)), "duree": 15, "justifie": false,
		"reglee": false, "justification": "Réveil", "listeMotifs": c.reasons("TRANSPORT", "RÉVEIL"),
		"estMotifNonEncoreConnu": false,
	}
}

func (c *call) observation(p *pupil, key string, day time.Time) obj {
	return obj{
		"N": c.sess.n(kindPresence, key), "G": eventObservation, "genreObservation": 1, "L": "Encouragements",
		"date": dateTime(at(day, 2)), "dateFin": dateTime(at(day, 4)), "commentaire": "Bonne participation",
		"avecARObservation": false, "estLue": true, "demandeur": nested(obj{"L": p.of(0).teacher}),
		"matiere":  nested(c.subject(p.of(0))),
		"rubrique": nested(obj{"L": "Encouragements", "N": c.sess.n(kindReason, "rubrique")}),
	}
}

// punishment was given in a lesson, with work to do and an hour of detention.
func (c *call) punishment(p *pupil, key string, day time.Time) obj {
	one := p.of(1)
	return obj{
		"N": c.sess.n(kindPresence, key), "G": eventPunishment, "dateDemande": date(day), "placeDemande": 4,
		"horsCours": false, "estUneExclusion": false, "estProgrammable": true, "duree": 60,
		"travailAFaire": "Copier la leçon",
		"documentsTAF":  list([]obj{c.attach(p.key, "punition.pdf")}), "documentsCirconstances": list(nil),
		"circonstances": "Bavardage répété",
		"listeMotifs":   c.reasons("BAVARDAGE"),
		"nature":        nested(obj{"L": "Retenue", "N": c.sess.n(kindReason, "retenue"), "G": 1}),
		"demandeur":     nested(obj{"L": one.teacher, "N": c.sess.n(kindStaff, one.key), "G": genreTeacher}),
		"avecSaisie":    false,
		"programmation": list([]obj{{
			"N": c.sess.n(kindPresence, key+"/p"), "date": date(day.AddDate(0, 0, 7)), "placeExecution": 6, "duree": 60,
			"surveillant": nested(obj{"L": staff[0].name}),
		}}),
	}
}

// exclusion was given outside of lessons, without a schedule or a length.
func (c *call) exclusion(p *pupil, key string, day time.Time) obj {
	out := with(c.punishment(p, key, day), obj{
		"horsCours": true, "estUneExclusion": true, "estProgrammable": false, "travailAFaire": "", "circonstances": "",
		"documentsTAF": list(nil), "programmation": list(nil),
		"nature":    nested(obj{"L": "Exclusion de cours", "N": c.sess.n(kindReason, "exclusion"), "G": 2}),
		"demandeur": nested(obj{"L": staff[0].name, "N": c.sess.n(kindStaff, staff[0].key), "G": genreStaff}),
	})
	delete(out, "duree")
	delete(out, "placeDemande")
	return out
}
