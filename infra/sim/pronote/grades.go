package pronote

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// note is a grade of a period; the order of a list is the order of their days.
type note struct {
	subject           int
	value, out        string // out "" is missing
	weight            string // "" is missing
	average, max, min string
	title             string
	more              obj
	files             bool
}

var usualNotes = []note{
	{0, "15,5", "20", "1", "12,25", "19", "4", "Rédaction", nil, true},
	{1, "8", "10", "2", "6,5", "10", "1", "Calcul mental", nil, false},
	{0, "14", "20", "0.5", "11", "18", "3,5", "Dictée", nil, false},
	{3, "17", "20", "1", "13", "20", "7", "Oral", obj{"estFacultatif": true}, false},
}

// unusualNotes have each annotation, and what may be missing.
var unusualNotes = []note{
	{1, "|1", "20", "1", "12", "20", "5", "Contrôle (absent)", nil, false},
	{1, "|2", "20", "1", "12", "20", "5", "Contrôle (dispensé)", nil, false},
	{2, "|3", "20", "1", "", "", "", "Carte (non notée)", nil, false},
	{2, "|4", "20", "1", "12", "20", "5", "Croquis (inapte)", nil, false},
	{2, "|5", "20", "1", "12", "20", "5", "Exposé (non rendu)", nil, false},
	{4, "|6", "20", "1", "12", "20", "5", "Contrôle (absent, zéro)", nil, false},
	{4, "|7", "20", "1", "12", "20", "5", "Dossier (non rendu, zéro)", nil, false},
	{4, "|8", "20", "1", "12", "20", "5", "Félicitations", nil, false},
	{5, "", "20", "1", "", "", "", "Pas encore noté", nil, false},
	{5, "13", "20", "", "12", "20", "5", "Sans coefficient", nil, false},
	{5, "13", "", "1", "12", "20", "5", "Sans barème", nil, false},
	{3, "2", "20", "1", "??", "*", "Abs", "Bonus", obj{"estBonus": true, "commentaireSurNote": "Bravo"}, false},
	{7, "19", "40", "1", "9,5", "20", "5", "Sur vingt", obj{"estRamenerSur20": true}, false},
}

// service is a subject's averages.
type service struct {
	subject            int
	own, class, lo, hi string
	group, full        bool
}

var services = []service{
	{0, "14,75", "12", "5", "18,5", false, false},
	{1, "16", "11,5", "2", "19", false, false},
	{3, "17", "??", "*", "20", true, false},
	{2, "", "10,5", "3", "17", false, true},
	{5, "Abs", "12", "8", "16", false, true},
}

// noted is the trimester of a call's period, and whether it is one.
func (c *call) noted(name string) (period, bool, error) {
	key, err := c.sess.find(kindPeriod, text(sub(c.data, name), "N"))
	if err != nil {
		return period{}, false, err
	}
	for _, p := range yearOf(c.now).periods {
		if p.key == key {
			return p, strings.HasPrefix(key, "t"), nil
		}
	}
	return period{}, false, errObject
}

// grades is DernieresNotes: a period's grades and averages.
func (c *call) grades() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	in, ok, err := c.noted("Periode")
	if err != nil {
		return nil, err
	}
	notes := usualNotes
	if p.full {
		notes = append(slices.Clip(notes), unusualNotes...)
	}
	marks, averages := []obj{}, []obj{}
	days := in.past(len(notes), c.now)
	now := in.key == yearOf(c.now).current(c.now).key
	if ok && days != nil {
		for i, n := range notes {
			if n.out == "" && !now {
				continue // pawnote cannot read it: past trimesters are for pawnote
			}
			marks = append(marks, with(c.note(p, in, n, i), obj{"date": date(days[i])}))
		}
		for _, one := range services {
			if !one.full || p.full {
				averages = append(averages, c.service(p, one))
			}
		}
	}
	out := obj{
		"avecDetailDevoir": true, "avecDetailService": true, "listeDevoirs": list(marks), "listeServices": list(averages),
	}
	if p.full && len(marks) > 0 { // elsewhere clients work it out
		out["moyGenerale"], out["moyGeneraleClasse"] = grade("15,92"), grade("11,75")
		out["baremeMoyGenerale"], out["baremeMoyGeneraleParDefaut"] = grade("20"), grade("20")
	}
	return out, nil
}

func (c *call) note(p *pupil, in period, n note, i int) obj {
	one, key := p.of(n.subject), fmt.Sprintf("%s/%s/%d", p.key, in.key, i)
	out := obj{
		"N": c.sess.n(kindGrade, key), "G": 60, "note": grade(n.value), "commentaire": n.title,
		"service": nested(obj{"L": one.name, "N": c.sess.n(kindService, p.key+one.key), "couleur": one.colour}),
		"periode": nested(obj{"L": in.name, "N": c.sess.n(kindPeriod, in.key)}), "ListeThemes": list(nil),
		"estBonus": false, "estFacultatif": false, "estRamenerSur20": false, "baremeParDefaut": grade("20"),
		"estEnGroupe": false, "commentaireSurNote": "",
	}
	for name, value := range map[string]string{
		"bareme": n.out, "moyenne": n.average, "noteMax": n.max,
		"noteMin": n.min,
	} {
		if value != "" {
			out[name] = grade(value)
		}
	}
	if weight, err := strconv.ParseFloat(n.weight, 64); err == nil {
		out["coefficient"] = weight
	}
	if n.files {
		out["libelleSujet"], out["libelleCorrige"] = gradeFiles["DevoirSujet"], gradeFiles["DevoirCorrige"]
	}
	return with(out, n.more)
}

func (c *call) service(p *pupil, one service) obj {
	s := p.of(one.subject)
	out := obj{
		"L": s.name, "N": c.sess.n(kindService, p.key+s.key), "G": 12, "ordre": one.subject + 1, "couleur": s.colour,
		"estServiceEnGroupe": one.group, "moyClasse": grade(one.class), "moyMin": grade(one.lo), "moyMax": grade(one.hi),
	}
	if one.own != "" {
		out["moyEleve"], out["baremeMoyEleve"], out["baremeMoyEleveParDefaut"] = grade(one.own), grade("20"), grade("20")
	}
	return out
}
