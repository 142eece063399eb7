package pronote

import (
	"context"
	"fmt"

	"github.com/carillon-calendar/carillon/shared/school"
)

type wireSubject struct {
	element

	Groups        flag `json:"estServiceGroupe"`
	GroupsOfGrade flag `json:"estServiceEnGroupe"`
}

func (w wireSubject) subject() school.Subject {
	if w.N == "" && w.L == "" {
		return school.NoSubject()
	}
	return school.Subject{ID: string(w.N), Name: string(w.L), Groups: bool(w.Groups || w.GroupsOfGrade)}
}

type wireHomework struct {
	element

	Subject object[wireSubject] `json:"Matiere"`
	Text    text                `json:"descriptif"`
	Color   text                `json:"CouleurFond"`
	Done    flag                `json:"TAFFait"`
	For     date                `json:"PourLe"`
	Files   list[wireFile]      `json:"ListePieceJointe"`
}

// Homework reads what is to be done for the days from one to another.
func (c *Conn) Homework(ctx context.Context, from, to school.Date) ([]school.Homework, error) {
	var got struct {
		List list[wireHomework] `json:"ListeTravauxAFaire"`
	}
	first, last := c.Session.weeks(from, to)
	if first > last {
		return []school.Homework{}, nil
	}
	weeks := fmt.Sprintf("[%d..%d]", first, last)
	err := c.call(ctx, "PageCahierDeTexte", TabHomework, map[string]any{
		"domaine": map[string]any{"_T": 8, "V": weeks},
	}, &got)
	if err != nil {
		return nil, err
	}
	found := []school.Homework{}
	for _, w := range got.List {
		day := w.For.Midnight()
		if day.Before(from.Time) || day.After(to.Time) {
			continue
		}
		found = append(found, school.Homework{
			ID: string(w.N), Subject: w.Subject.V.subject(), Description: school.Text(string(w.Text)),
			Color: w.Color.orNil(), Done: bool(w.Done), Date: day, Files: c.files(w.Files),
		})
	}
	return found, nil
}

// SetDone marks a homework as done, or as not done.
func (c *Conn) SetDone(ctx context.Context, id string, done bool) error {
	return c.call(ctx, "SaisieTAFFaitEleve", TabHomework, map[string]any{
		"listeTAF": []any{map[string]any{"E": 2, "N": id, "TAFFait": done}},
	}, nil)
}
