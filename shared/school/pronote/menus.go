package pronote

import (
	"context"

	"github.com/carillon-calendar/carillon/shared/school"
)

type wireMeal struct {
	element

	Plates list[struct {
		element

		Foods list[struct {
			element

			Labels list[struct {
				element

				Color text `json:"couleur"`
			}] `json:"listeLabelsAlimentaires"`
		}] `json:"ListeAliments"`
	}] `json:"ListePlats"`
}

// Menus reads the meals of the days from one to another, a call for each week.
func (c *Conn) Menus(ctx context.Context, from, to school.Date) ([]school.Menu, error) {
	found := []school.Menu{}
	first, last := c.Session.weeks(from, to)
	for week := first; week <= last; week++ {
		var got struct {
			Days list[struct {
				Date  date           `json:"Date"`
				Meals list[wireMeal] `json:"ListeRepas"`
			}] `json:"ListeJours"`
		}
		if err := c.call(ctx, "PageMenus", TabMenus, map[string]any{"date": day(c.Session.Monday(week))},
			&got); err != nil {
			return nil, err
		}
		for _, d := range got.Days {
			if d.Date.Before(from.Time) || d.Date.After(to.Time) {
				continue
			}
			for _, m := range d.Meals {
				found = append(found, m.menu(d.Date.Date))
			}
		}
	}
	return found, nil
}

func (m wireMeal) menu(day school.Date) school.Menu {
	v := school.Menu{
		ID: string(m.N), Name: m.L.orNil(), Date: day.Format("2006-01-02"),
		Type: school.Meal{Lunch: m.G == 0, Dinner: m.G == 1},
	}
	// PRONOTE's numbers of courses
	courses := []*[]school.Food{&v.First, &v.Main, &v.Side, &v.Other, &v.Dessert, &v.Cheese}
	for _, plate := range m.Plates {
		if plate.G < 0 || int(plate.G) >= len(courses) {
			continue
		}
		course := courses[plate.G]
		for _, w := range plate.Foods {
			food := school.Food{Name: string(w.L), Labels: []school.Label{}}
			for _, l := range w.Labels {
				food.Labels = append(food.Labels, school.Label{ID: string(l.N), Name: string(l.L), Color: l.Color.orNil()})
			}
			*course = append(*course, food)
		}
	}
	return v
}
