package pronote

import (
	"time"
)

// task is homework for a day of the week.
type task struct {
	key     string
	day     time.Weekday
	subject int
	html    string
	files   []string
	link    string
	minutes int
	level   int
	handIn  bool
	full    bool // of pupils with everything
}

var tasks = []task{
	{
		key: "a", day: time.Monday, subject: 0, minutes: 30, level: 1, link: "https://example.org/fable?page=1&n=2",
		html:  "<div>Lire la <b>fable</b>&nbsp;: &laquo; Le Corbeau &amp; le Renard &raquo;<br/>et r&eacute;pondre.</div>",
		files: []string{"Fiche n°1 (lecture).pdf"},
	},
	{
		key: "b", day: time.Tuesday, subject: 1, minutes: 45, level: 2, html: "<p>Traiter 3 &lt; 5, page 42</p>",
		files: []string{"figure.png"}, full: true,
	},
	{
		key: "c", day: time.Thursday, subject: 2, html: "Rendre la carte",
		files: []string{"carte.svg", "consignes.html"}, handIn: true,
	},
	{key: "d", day: time.Friday, subject: 3, html: "", level: 3, minutes: 10, full: true},
	{key: "e", day: time.Friday, subject: 4, html: "Texte sans balise & avec 1 > 0", full: true},
}

// ahead is how far homework is given ahead.
const ahead = 21 * 24 * time.Hour

// homework is PageCahierDeTexte: what is to be done (88), or the contents of lessons (89), of some weeks.
func (c *call) homework() (any, error) {
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	weeks := numbers(text(c.data, "domaine"))
	if len(weeks) == 0 {
		return nil, errPage
	}
	y := yearOf(c.now)
	due, logs := []obj{}, []obj{}
	for week := range 54 {
		for i := range 5 {
			day := y.monday.AddDate(0, 0, 7*(week-1)+i)
			if !weeks[week] || week == 0 || day.Before(y.first) || day.After(y.last) || day.Sub(y.clamp(c.now)) > ahead {
				continue
			}
			due = append(due, c.tasks(p, day)...)
			logs = append(logs, c.log(p, day)...)
		}
	}
	if c.tab == 89 {
		return obj{"ListeCahierDeTextes": list(logs), "ListeRessourcesPedagogiques": obj{"listeRessources": list(nil)}}, nil
	}
	return obj{"ListeTravauxAFaire": list(due)}, nil
}

func taskKey(p *pupil, t task, day time.Time) string {
	return p.key + "/" + t.key + "/" + day.Format(time.DateOnly)
}

func (c *call) tasks(p *pupil, day time.Time) []obj {
	var found []obj
	for _, t := range tasks {
		if t.day != day.Weekday() || t.full && !p.full {
			continue
		}
		key, one := taskKey(p, t, day), p.of(t.subject)
		files := []obj{}
		for _, name := range t.files {
			files = append(files, c.attach(p.key, name))
		}
		if t.link != "" {
			files = append(files, c.link(p.key, "La fable", t.link))
		}
		item := obj{
			"N": c.sess.n(kindHomework, key), "descriptif": tagged(tagHTML, t.html), "avecMiseEnForme": t.html != "",
			"PourLe": date(day), "TAFFait": c.sess.account.Done[key], "DonneLe": date(day.AddDate(0, 0, -7)),
			"niveauDifficulte": t.level, "duree": t.minutes, "Matiere": nested(c.subject(one)), "CouleurFond": one.colour,
			"cahierDeTextes": nested(obj{"N": c.sess.n(kindLog, key)}), "cours": nested(obj{"N": c.sess.n(kindLesson, key)}),
			"nomPublic": p.class, "ListeThemes": list(nil), "libelleCBTheme": "Thèmes", "ListePieceJointe": list(files),
		}
		if t.handIn {
			item["avecRendu"], item["peuRendre"], item["genreRendu"] = true, true, 1
		}
		found = append(found, item)
	}
	return found
}

// log is the contents of a day's first lesson.
func (c *call) log(p *pupil, day time.Time) []obj {
	if day.After(c.now) {
		return nil
	}
	one, key := p.of(int(day.Weekday())), p.key+"/log/"+day.Format(time.DateOnly)
	content := obj{
		"N": c.sess.n(kindText, key), "L": "Séance", "descriptif": tagged(tagHTML, "<div>Contenu de la séance</div>"),
		"categorie": nested(obj{"G": 1, "L": "Cours", "N": c.sess.n(kindCategory, "cours")}), "parcoursEducatif": -1,
		"ListeThemes":      list(nil),
		"ListePieceJointe": list([]obj{c.attach(p.key, "cours.pdf")}), "training": nested(
			obj{"ListeExecutionsQCM": []obj{}}),
	}
	return []obj{{
		"N": c.sess.n(kindLog, key), "cours": nested(obj{"N": c.sess.n(kindLesson, key)}), "verrouille": false,
		"Matiere": nested(c.subject(one)), "CouleurFond": one.colour, "listeGroupes": list(nil),
		"listeProfesseurs": list([]obj{{"L": one.teacher, "N": c.sess.n(kindStaff, one.key)}}),
		"Date":             dateTime(at(day, 0)), "DateFin": dateTime(at(day, 2)), "listeContenus": list([]obj{content}),
		"listeElementsProgrammeCDT": list(nil), "dateTAF": date(day.AddDate(0, 0, 7)),
	}}
}

// homeworkDone is SaisieTAFFaitEleve.
func (c *call) homeworkDone() (any, error) {
	changed := items(c.data, "listeTAF")
	if len(changed) == 0 {
		return nil, errPage
	}
	a := c.sess.account
	for _, one := range changed {
		key, err := c.sess.find(kindHomework, text(one, "N"))
		if err != nil {
			return nil, err
		}
		done, ok := one["TAFFait"].(bool)
		if e, given := one["E"]; !ok || given && e != 2.0 {
			return nil, errPage
		}
		if a.Done == nil {
			a.Done = map[string]bool{}
		}
		a.Done[key] = done
	}
	return obj{}, c.save(a)
}
