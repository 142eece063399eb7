package pronote

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// newsState is what an account did with an item.
type newsState struct {
	Read    bool   `json:"read,omitempty"`
	Deleted bool   `json:"deleted,omitempty"`
	Answer  string `json:"answer,omitempty"` // of its first question
}

// item is one of the school's news.
type item struct {
	key, title, category, author string
	days                         int // before today
	html                         string
	answer                       int // genreReponse
	choices                      []string
	survey, anonymous            bool
	files                        []string
	link                         string
}

// Values of genreReponse.
const (
	answerReceived = 0
	answerOne      = 2
	answerMany     = 3
)

// keyReply is the key of a question's answer.
const keyReply = "reponse" //nolint:misspell // the vendor's word

var allNews = []item{
	{
		key: "1", title: "Réunion parents-professeurs", category: "Vie scolaire", author: staff[0].name, days: 1,
		html: "<p>La réunion a lieu <b>jeudi</b> à 18&nbsp;h.</p>", answer: answerReceived,
		files: []string{"programme.pdf"}, link: "https://example.org/plan",
	},
	{
		key: "2", title: "Sondage sur la cantine", category: "Sondages", author: staff[1].name, days: 3, survey: true,
		html: "Êtes-vous satisfait ?", answer: answerOne, choices: []string{"Oui", "Non"}, anonymous: true,
	},
	{
		key: "3", title: "Clubs", category: "Sondages", author: staff[0].name, days: 8, survey: true,
		html: "Quels clubs ?", answer: answerMany, choices: []string{"Échecs", "Théâtre", "Robotique"},
	},
	{key: "4", category: "Divers", author: staff[1].name, days: 20, html: "Une information sans titre."},
}

// news is PageActualites: all items, or in 2026 the questions of one of them.
func (c *call) news() (any, error) {
	if number(c.data, "genreRequeteActualite") == 1 {
		return c.newsDetail()
	}
	all := []obj{}
	for _, one := range allNews {
		if !c.sess.account.News[one.key].Deleted {
			all = append(all, c.newsItem(one))
		}
	}
	modes := []obj{{"G": 0, "listeActualites": list(all)}}
	for g := 1; g <= 3; g++ { // drafts, models and what the user has sent
		modes = append(modes, obj{"G": g, "listeActualites": list(nil)})
	}
	wanted := numbers(text(c.data, "modesAffActus"))
	modes = slices.DeleteFunc(modes, func(m obj) bool { g, _ := m["G"].(int); return !wanted[g] })
	categories := []obj{}
	for _, name := range []string{"Vie scolaire", "Sondages", "Divers"} {
		categories = append(categories, obj{"L": name, "N": c.sess.n(kindCategory, name), "estDefaut": name == "Divers"})
	}
	return obj{
		"listeModesAff": modes, "listeCategories": list(categories), "genresPublicEntite": tagged(tagSet, "[4]"),
	}, nil
}

func (c *call) newsItem(one item) obj {
	a := c.sess.account
	created := yearOf(c.now).clamp(c.now).AddDate(0, 0, -one.days)
	public := a.pupils[0]
	out := obj{
		"N": c.sess.n(kindNews, one.key), "dateCreation": dateTime(at(created, 3)), "dateDebut": date(created),
		"dateFin": date(created.AddDate(0, 1, 0)), "lue": a.News[one.key].Read, "estSondage": one.survey,
		"estInformation": !one.survey, "reponseAnonyme": one.anonymous, "auteur": one.author, "estAuteur": false,
		"elmauteur":   nested(obj{"L": one.author, "N": c.sess.n(kindStaff, one.author), "G": genreStaff}),
		"genrePublic": genrePupil, "public": nested(obj{
			"L": public.name, "N": c.sess.n(kindPupil, public.key), "G": genrePupil,
		}),
	}
	if one.title != "" {
		out["L"] = one.title
	}
	category := nested(obj{"L": one.category, "N": c.sess.n(kindCategory, one.category)})
	if c.o.Generation == Year2025 {
		out["categorie"], out["listeQuestions"] = category, list(c.questions(one))
	} else {
		out["nature"] = category
	}
	return out
}

func (c *call) questions(one item) []obj {
	files, choices := []obj{}, make([]obj, 0, len(one.choices))
	for _, name := range one.files {
		files = append(files, c.attach("news"+one.key, name))
	}
	if one.link != "" {
		files = append(files, c.link("news"+one.key, "Plan d'accès", one.link))
	}
	for i, name := range one.choices {
		choices = append(choices, obj{
			"N": c.sess.n(kindQuestion, fmt.Sprintf("%s/%d", one.key, i)), "L": name, "rang": i + 1, "estReponseLibre": false,
		})
	}
	done := c.sess.account.News[one.key]
	answer := obj{
		"N": c.sess.n(kindQuestion, one.key+"/answer"), "avecReponse": done.Answer != "", "estReponseAttendue": true,
		"estRepondant": true, "valeurReponse": done.Answer,
	}
	if one.answer >= answerOne {
		answer["valeurReponse"] = tagged(tagSet, "["+done.Answer+"]")
	}
	return []obj{{
		"N": c.sess.n(kindQuestion, one.key), "L": "Question 1", "titre": one.title, "rang": 1, "genreReponse": one.answer,
		"texte": tagged(tagHTML, one.html), "listePiecesJointes": list(files), "listeChoix": list(choices),
		keyReply: nested(answer), "avecMaximum": false, "nombreReponsesMax": 0, "tailleReponse": 200,
	}}
}

// newsDetail gives an item's questions: since 2026 lists lack them.
func (c *call) newsDetail() (any, error) {
	wanted := sub(c.data, "actualite")
	one, err := c.newsOf(text(wanted, "N"))
	if err != nil {
		return nil, err
	}
	public := sub(wanted, "public")
	if c.o.Generation == Year2025 || number(wanted, "genrePublic") != genrePupil || !c.isUser(text(public, "N")) {
		return nil, errObject
	}
	return obj{"detailsActualite": with(c.newsItem(one), obj{"listeQuestions": list(c.questions(one))})}, nil
}

// isUser reports whether an id is the user's, or a parent's child's.
func (c *call) isUser(id string) bool {
	kind := c.sess.objects[id].kind
	return kind == kindPupil || kind == kindParent
}

func (c *call) newsOf(id string) (item, error) {
	key, err := c.sess.find(kindNews, id)
	if err != nil {
		return item{}, err
	}
	for _, one := range allNews {
		if one.key == key {
			return one, nil
		}
	}
	return item{}, errObject
}

// newsRead is SaisieActualites: items that are read, deleted or answered.
func (c *call) newsRead() (any, error) {
	changed := items(c.data, "listeActualites")
	if len(changed) == 0 {
		return nil, errPage
	}
	a := c.sess.account
	for _, change := range changed {
		one, err := c.newsOf(text(change, "N"))
		if err != nil {
			return nil, err
		}
		if !c.isUser(text(sub(change, "public"), "N")) {
			return nil, errObject
		}
		if a.News == nil {
			a.News = map[string]newsState{}
		}
		kept := a.News[one.key]
		if read, ok := change["lue"].(bool); ok {
			kept.Read = read
		}
		kept.Deleted = kept.Deleted || boolean(change, "supprimee") || number(change, "E") == 3
		for _, question := range items(change, "listeQuestions") {
			kept.Answer = answerOf(sub(question, keyReply), c.now)
		}
		a.News[one.key] = kept
	}
	return obj{}, c.save(a)
}

// answerOf is an answer as it is kept: a text, the numbers of choices, or the day of a receipt.
func answerOf(reply obj, now time.Time) string {
	if value := text(reply, "valeurReponse"); value != "" {
		var chosen []string
		for n := range 100 {
			if numbers(value)[n] {
				chosen = append(chosen, strconv.Itoa(n))
			}
		}
		if len(chosen) == 0 || value[0] != '[' {
			return value
		}
		return strings.Join(chosen, ",")
	}
	return now.Format(time.DateOnly)
}
