package pronote

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/carillon-calendar/carillon/shared/school"
)

type wireGrade struct {
	element

	Subject     object[wireSubject] `json:"service"`
	Date        date                `json:"date"`
	Comment     text                `json:"commentaire"`
	Bonus       flag                `json:"estBonus"`
	Optional    flag                `json:"estFacultatif"`
	OutOf20     flag                `json:"estRamenerSur20"`
	Mark        text                `json:"note"`
	OutOf       text                `json:"bareme"`
	Default     text                `json:"baremeParDefaut"`
	Coefficient text                `json:"coefficient"`
	Average     text                `json:"moyenne"`
	Max         text                `json:"noteMax"`
	Min         text                `json:"noteMin"`
	Paper       text                `json:"libelleSujet"`
	Corrected   text                `json:"libelleCorrige"`
}

type wireAverage struct {
	wireSubject

	Pupil text `json:"moyEleve"`
	OutOf text `json:"baremeMoyEleve"`
	Class text `json:"moyClasse"`
	Max   text `json:"moyMax"`
	Min   text `json:"moyMin"`
}

func value(t text) school.Number {
	n, _ := school.ParseMark(string(t))
	return n
}

// outOf is what a mark is out of: the first that is a number, else 20.
func outOf(texts ...text) school.Number {
	for _, t := range texts {
		if n, ok := school.ParseNumber(string(t)); ok {
			return n
		}
	}
	return 20
}

// period names a period.
func period(p school.Period) map[string]any { return map[string]any{"N": p.ID, "L": p.Name, "G": 2} }

// Grades reads the marks of a period.
func (c *Conn) Grades(ctx context.Context, of school.Period) (v school.Grades, err error) {
	var got struct {
		Grades  list[wireGrade]   `json:"listeDevoirs"`
		Average list[wireAverage] `json:"listeServices"`
		Overall text              `json:"moyGenerale"`
	}
	err = c.call(ctx, "DernieresNotes", TabGrades, map[string]any{"Periode": period(of)}, &got)
	if err != nil {
		return v, err
	}
	v = school.Grades{Grades: []school.Grade{}, Averages: []school.Average{}}
	for _, w := range got.Grades {
		v.Grades = append(v.Grades, c.grade(w))
	}
	sum, count := 0.0, 0
	for _, w := range got.Average {
		a := school.Average{
			Subject: w.subject(), Class: value(w.Class), Max: value(w.Max), Min: value(w.Min), OutOf: outOf(w.OutOf),
		}
		a.Average, a.Significant = school.ParseMark(string(w.Pupil))
		if a.Significant == school.SignificantNumber {
			sum, count = sum+float64(a.Average), count+1
		}
		v.Averages = append(v.Averages, a)
	}
	var significant int
	v.Overall, significant = school.ParseMark(string(got.Overall))
	if significant != school.SignificantNumber && count > 0 {
		v.Overall = school.Number(math.Round(sum/float64(count)*100) / 100)
	}
	return v, nil
}

func (c *Conn) grade(w wireGrade) school.Grade {
	g := school.Grade{
		ID: string(w.N), Subject: w.Subject.V.subject(), Date: w.Date.Midnight(), Description: string(w.Comment),
		Bonus: bool(w.Bonus), Optional: bool(w.Optional && !w.Bonus), OutOf20: bool(w.OutOf20), Files: []school.File{},
		Grade: school.GradeMark{
			OutOf: outOf(w.OutOf, w.Default), Coefficient: 1, Average: value(w.Average), Max: value(w.Max),
			Min: value(w.Min),
		},
	}
	if n, ok := school.ParseNumber(string(w.Coefficient)); ok {
		g.Grade.Coefficient = n
	}
	g.Grade.Value, g.Grade.Significant = school.ParseMark(string(w.Mark))
	for kind, name := range map[string]text{FilePaper: w.Paper, FileCorrected: w.Corrected} {
		if name != "" {
			id := string(w.N)
			g.Files = append(g.Files, school.File{
				ID: id, Name: string(name), Type: school.FileStored, URL: c.Link(id, kind, string(name)),
			})
		}
	}
	slices.SortFunc(g.Files, func(a, b school.File) int { return cmp.Compare(a.URL, b.URL) })
	return g
}

type wireEvaluation struct {
	element

	Subject     object[wireSubject] `json:"matiere"`
	Text        text                `json:"descriptif"`
	Teacher     object[element]     `json:"individu"`
	Date        date                `json:"date"`
	Levels      list[element]       `json:"listePaliers"`
	Coefficient text                `json:"coefficient"`
	Skills      list[wireSkill]     `json:"listeNiveauxDAcquisitions"`
}

type wireSkill struct {
	element

	Item         object[element] `json:"item"`
	Coefficient  text            `json:"coefficient"`
	Abbreviation text            `json:"abbreviation"`
	Domain       object[element] `json:"domaine"`
	Order        number          `json:"ordre"`
}

// Evaluations reads the skills that were evaluated in a period.
func (c *Conn) Evaluations(ctx context.Context, of school.Period) ([]school.Evaluation, error) {
	var got struct {
		List list[wireEvaluation] `json:"listeEvaluations"`
	}
	err := c.call(ctx, "DernieresEvaluations", TabEvaluations, map[string]any{"periode": period(of)}, &got)
	if err != nil {
		return nil, err
	}
	found := []school.Evaluation{}
	for _, w := range got.List {
		e := school.Evaluation{
			ID: string(w.N), Subject: w.Subject.V.subject(), Name: string(w.L), Description: string(w.Text),
			Teacher: string(w.Teacher.V.L), Date: w.Date.Date, Levels: labels(w.Levels), Coefficient: value(w.Coefficient),
			Acquisitions: []school.Acquisition{},
		}
		slices.SortStableFunc(w.Skills, func(a, b wireSkill) int { return cmp.Compare(a.Order, b.Order) })
		for _, s := range w.Skills {
			e.Acquisitions = append(e.Acquisitions, school.Acquisition{
				ID: string(s.N), Name: s.Item.V.L.orNil(), Coefficient: value(s.Coefficient),
				Abbreviation: string(s.Abbreviation), Domain: string(s.Domain.V.L), Level: string(s.L),
			})
		}
		found = append(found, e)
	}
	return found, nil
}
