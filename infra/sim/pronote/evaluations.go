package pronote

import "fmt"

// evaluations is DernieresEvaluations: a period's, with the levels of their skills.
func (c *call) evaluations() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	in, ok, err := c.noted("periode")
	if err != nil {
		return nil, err
	}
	all := []obj{}
	if ok {
		for i, day := range in.past(3, c.now) {
			one, key := p.of(i), fmt.Sprintf("%s/%s/%d", p.key, in.key, i)
			subject := with(c.subject(one), obj{"couleur": one.colour, "serviceConcerne": nested(c.subject(one))})
			all = append(all, obj{
				"N": c.sess.n(kindEvaluation, key), "L": fmt.Sprintf("Évaluation %d", i+1), "matiere": nested(subject),
				"descriptif": "Compétences de la période",
				"individu":   nested(obj{"L": one.teacher, "N": c.sess.n(kindStaff, one.key)}),
				"date":       date(day), "coefficient": i + 1,
				"periode":                   nested(obj{"L": in.name, "N": c.sess.n(kindPeriod, in.key)}),
				"listePaliers":              list([]obj{{"L": "Cycle 4", "N": c.sess.n(kindSkill, "cycle 4")}}),
				"listeNiveauxDAcquisitions": list(c.skills(p, key)),
			})
		}
	}
	return obj{"listeEvaluations": list(all)}, nil
}

// skills are not in their order; the last has no item.
func (c *call) skills(p *pupil, key string) []obj {
	found := make([]obj, 0, 3)
	for i := range 3 {
		order := 3 - i
		l := levels[(i+p.seed)%len(levels)]
		one := obj{
			"N": c.sess.n(kindSkill, fmt.Sprintf("%s/%d", key, i)), "L": l.name, "G": 1 + (i+p.seed)%len(levels),
			"abbreviation": l.short, "ordre": order, "coefficient": 1,
			"domaine": nested(obj{"L": fmt.Sprintf("Domaine %d", order), "N": c.sess.n(kindSkill, fmt.Sprintf("d%d",
				order))}),
			"item": nested(obj{
				"L": fmt.Sprintf("Compétence %d", order), "N": c.sess.n(kindSkill, fmt.Sprintf("i%d", order)),
			}),
			"pilier": nested(obj{
				"L": "D1", "N": c.sess.n(kindSkill, "d1"), "strPrefixes": "D1.1",
				"estPilierLVE": false, "estSocleCommun": true,
			}),
		}
		if i == 2 {
			delete(one, "item")
		}
		found = append(found, one)
	}
	return found
}
