package pronote

import (
	"context"
	"encoding/json"

	"github.com/carillon-calendar/carillon/shared/school"
)

type wireNews struct {
	element

	Title     text                  `json:"titre"`
	Created   date                  `json:"dateCreation"`
	Category  object[element]       `json:"categorie"`
	Nature    object[element]       `json:"nature"` // 2026's category
	Read      flag                  `json:"lue"`
	Survey    flag                  `json:"estSondage"`
	Anonymous flag                  `json:"reponseAnonyme"`
	Author    text                  `json:"auteur"`
	Questions list[json.RawMessage] `json:"listeQuestions"`
	Public    object[element]       `json:"public"`
}

// News reads the school's news. In 2026 what each says is another call; beyond [mostRead] the older ones have a title
// alone, until somebody asks again.
func (c *Conn) News(ctx context.Context) ([]school.News, error) {
	var got struct {
		Modes list[struct {
			News list[wireNews] `json:"listeActualites"`
		}] `json:"listeModesAff"`
		News list[wireNews] `json:"listeActualites"`
	}
	err := c.call(ctx, "PageActualites", TabNews, map[string]any{
		"modesAffActus": map[string]any{"_T": 26, "V": "[0..3]"},
	}, &got)
	if err != nil {
		return nil, err
	}
	found, seen, read, known := []school.News{}, map[text]bool{}, 0, c.known()
	list := got.News
	for _, mode := range got.Modes {
		list = append(list, mode.News...)
	}
	for _, w := range list {
		if w.N != "" && seen[w.N] {
			continue
		}
		seen[w.N] = true
		if len(w.Questions) == 0 && w.Category.V.L == "" {
			w.Questions = known.news[string(w.N)]
			c.Partial = c.Partial || w.Questions == nil && read >= mostRead
			if w.Questions == nil && read < mostRead {
				if w.Questions, err = c.questions(ctx, w); err != nil {
					return nil, err
				}
				read++
				known.news[string(w.N)] = w.Questions
			}
		}
		found = append(found, c.news(w))
	}
	return found, nil
}

// questions reads what a news says.
func (c *Conn) questions(ctx context.Context, w wireNews) ([]json.RawMessage, error) {
	var got struct {
		Details object[struct {
			Questions list[json.RawMessage] `json:"listeQuestions"`
		}] `json:"detailsActualite"`
	}
	err := c.call(ctx, "PageActualites", TabNews, map[string]any{
		"actualite": map[string]any{
			"N": w.N, "genrePublic": kindPupil, "public": map[string]any{"N": c.Pupil.ID, "G": kindPupil},
		},
		"genreRequeteActualite": 1, "modeAffActu": 0,
	}, &got)
	return got.Details.V.Questions, err
}

func (c *Conn) news(w wireNews) school.News {
	n := school.News{
		ID: string(w.N), Title: w.L.orNil(), Date: w.Created.Date, Category: string(w.Category.V.L), Read: bool(w.Read),
		Survey: bool(w.Survey), Anonymous: bool(w.Anonymous), Author: string(w.Author), Attachments: []school.File{},
		Questions: []json.RawMessage{},
	}
	if n.Category == "" {
		n.Category = string(w.Nature.V.L)
	}
	for i, raw := range w.Questions {
		var q struct {
			Text  text           `json:"texte"`
			Files list[wireFile] `json:"listePiecesJointes"`
		}
		if json.Unmarshal(raw, &q) != nil {
			continue
		}
		if i == 0 {
			n.Content = school.Text(string(q.Text))
		}
		n.Attachments = append(n.Attachments, c.files(q.Files)...)
		n.Questions = append(n.Questions, raw)
	}
	return n
}
