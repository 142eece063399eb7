package pronote

import (
	"fmt"
	"time"
)

// dishes by kind: 0 first, 1 main, 2 side, 3 other, 4 dessert, 5 cheese.
var dishes = [][]string{
	{"Carottes râpées", "Salade verte"},
	{"Poulet rôti", "Omelette", "Poisson pané"},
	{"Riz", "Haricots verts"},
	{"Eau"},
	{"Pomme", "Yaourt"},
	{"Comté", "Camembert"},
}

// labels of food: the second has no colour.
var labels = []struct{ key, name, colour string }{
	{"bio", "Issu de l'agriculture biologique", "#3BB300"},
	{"local", "Local", ""},
}

// menus is PageMenus: a week's meals, by a day of it.
func (c *call) menus() (any, error) {
	day, ok := c.day(c.data, "date")
	if !ok {
		return nil, errPage
	}
	monday := day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	y := yearOf(c.now)
	days := []obj{}
	for i := range 5 {
		one := monday.AddDate(0, 0, i)
		if one.Before(y.first) || one.After(y.last) || i == 2 { // no canteen on Wednesdays
			continue
		}
		meals := []obj{c.meal(one, i, 0)}
		if i == 1 {
			meals = append(meals, c.meal(one, i+1, 1))
		}
		days = append(days, obj{"Date": date(one), "ListeRepas": list(meals)})
	}
	return obj{
		"AvecRepasMidi": true, "AvecRepasSoir": true, "ListeJours": list(days),
		"ListeAllergenes": list(nil), "Listelabels": list(c.labels()),
		"DomaineDePresence": tagged(tagRange, fmt.Sprintf("[%d..%d]", y.week(y.first), y.week(y.last))),
	}, nil
}

// meal is lunch (0) or dinner (1). Fridays have no cheese.
func (c *call) meal(day time.Time, turn, kind int) obj {
	var plates []obj
	for g, names := range dishes {
		if g == 5 && day.Weekday() == time.Friday {
			continue
		}
		name := names[turn%len(names)]
		food := obj{
			"L": name, "N": c.sess.n(kindDish, name), "listeLabelsAlimentaires": list(nil),
			"listeAllergenesAlimentaire": list(nil),
		}
		if g == 1 {
			food["listeLabelsAlimentaires"] = list(c.labels())
		}
		plates = append(plates, obj{"G": g, "ListeAliments": list([]obj{food})})
	}
	name := []string{"Déjeuner", ""}[kind]
	key := fmt.Sprintf("%s/%d", day.Format(time.DateOnly), kind)
	out := obj{"G": kind, "N": c.sess.n(kindDish, key), "ListePlats": list(plates)}
	if name != "" {
		out["L"] = name
	}
	return out
}

func (c *call) labels() []obj {
	found := make([]obj, 0, len(labels))
	for _, l := range labels {
		one := obj{"L": l.name, "N": c.sess.n(kindLabel, l.key)}
		if l.colour != "" {
			one["couleur"] = l.colour
		}
		found = append(found, one)
	}
	return found
}
