package pronote

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// thread is a discussion of an account.
type thread struct {
	Key     string   `json:"key"`
	Subject string   `json:"subject"`
	With    []string `json:"with"` // the others, the first of them started it unless Own
	Own     bool     `json:"own,omitempty"`
	Closed  bool     `json:"closed,omitempty"`
	Deleted bool     `json:"deleted,omitempty"`
	Posts   []post   `json:"posts"`
}

type post struct {
	Key    string    `json:"key"`
	Author string    `json:"author,omitempty"` // "" is the user
	Text   string    `json:"text"`
	HTML   bool      `json:"html,omitempty"`
	Date   time.Time `json:"date"`
	Read   bool      `json:"read"`
	File   string    `json:"file,omitempty"`
}

// firstThreads are those that an account starts with.
func firstThreads(a *account, now time.Time) []thread {
	p := a.pupils[0]
	teacher, other := p.of(0).teacher, p.of(1).teacher
	day := func(n, place int) time.Time { return at(now.AddDate(0, 0, -n), place) }
	const (
		reminder  = "<div>Pensez au devoir&nbsp;: <b>page 12</b>.</div>"
		thanks    = "<div>Très bien &amp; à lundi.</div>"
		departure = "Rendez-vous à 9 h devant le collège.\nPrévoir un pique-nique."
	)
	return []thread{
		{Key: "1", Subject: "Devoir de lundi", With: []string{teacher}, Posts: []post{
			{Key: "1", Author: teacher, Text: reminder, HTML: true, Date: day(2, 4), Read: true},
			{Key: "2", Text: "Merci, c'est noté.", Date: day(2, 8), Read: true},
			{Key: "3", Author: teacher, Text: thanks, HTML: true, Date: day(1, 2), File: "fiche.pdf"},
		}},
		{Key: "2", Subject: "Sortie au musée", With: []string{other, staff[0].name}, Closed: true, Posts: []post{
			{Key: "1", Author: other, Text: departure, Date: day(9, 1), Read: true},
		}},
		{Key: "3", Subject: "Question sur l'exercice", With: []string{other}, Own: true, Posts: []post{
			{Key: "1", Text: "Bonjour, je n'ai pas compris l'exercice 3.", Date: day(5, 9), Read: true},
		}},
	}
}

func (t thread) unread() int {
	n := 0
	for _, p := range t.Posts {
		if !p.Read {
			n++
		}
	}
	return n
}

func (t thread) creator() string {
	if t.Own {
		return ""
	}
	return t.With[0]
}

func (c *call) postID(t thread, p post) string { return c.sess.n(kindMessage, t.Key+"/"+p.Key) }

// possession lists the ids of a discussion's messages, as the other functions want them.
func (c *call) possession(t thread) obj {
	found := make([]obj, 0, len(t.Posts))
	for _, p := range t.Posts {
		found = append(found, obj{"N": c.postID(t, p)})
	}
	return list(found)
}

// threads is ListeMessagerie.
func (c *call) threads() (any, error) {
	all := []obj{}
	for _, t := range c.sess.account.Threads {
		if t.unread() == 0 && !boolean(c.data, "avecLu") || !boolean(c.data, "avecMessage") {
			continue
		}
		all = append(all, c.thread(t))
	}
	folders := []obj{
		{"N": c.sess.n(kindFolder, "brouillon"), "G": 4, "L": "Brouillon"},
		{"N": c.sess.n(kindFolder, "corbeille"), "G": 5, "L": "Corbeille"},
	}
	return obj{
		"listeMessagerie": list(all), "listeEtiquettes": list(folders), "nbDiscussionsNonLues": 0, "avecDiscussion": true,
	}, nil
}

// thread is an entry of the list; N is "0" as servers have it.
func (c *call) thread(t thread) obj {
	last := t.Posts[len(t.Posts)-1]
	label := last.Date.In(c.zone).Format("02/01 15h04")
	folders := []obj{}
	if t.Deleted {
		folders = append(folders, obj{"N": c.sess.n(kindFolder, "corbeille"), "G": 5, "L": "Corbeille"})
	}
	id := c.sess.n(kindThread, t.Key)
	out := obj{
		"N": "0", "G": 0, "estUneDiscussion": true, "profondeur": 0, "objet": t.Subject, "public": strings.Join(t.With,
			", "),
		"libelleDate": label, "nombreMessages": len(t.Posts), "nbNonLus": t.unread(), "lu": t.unread() == 0,
		"listePossessionsMessages": c.possession(t), "messagePourParticipants": nested(obj{"N": id}),
		"messageFocus": nested(obj{"N": c.postID(t, last)}), "nombreParticipants": len(t.With) + 1,
		"listeEtiquettes": list(folders), "ferme": t.Closed, "public_gauche": strings.Join(t.With, ", "),
	}
	if t.creator() != "" {
		out["initiateur"] = t.creator()
	}
	if t.unread() == 0 {
		delete(out, "nbNonLus")
	}
	return out
}

// posts returns the indexes of the threads whose messages a call names.
func (c *call) named(ids []obj) ([]int, error) {
	var found []int
	for _, one := range ids {
		key, err := c.sess.find(kindMessage, text(one, "N"))
		if err != nil {
			return nil, err
		}
		name, _, _ := strings.Cut(key, "/")
		i := slices.IndexFunc(c.sess.account.Threads, func(t thread) bool { return t.Key == name })
		if i < 0 {
			return nil, errObject
		}
		if !slices.Contains(found, i) {
			found = append(found, i)
		}
	}
	if len(found) == 0 {
		return nil, errObject
	}
	return found, nil
}

// messages is ListeMessages: the newest first, with what may be done with them.
func (c *call) messages() (any, error) {
	found, err := c.named(items(c.data, "listePossessionsMessages"))
	if err != nil {
		return nil, err
	}
	t := c.sess.account.Threads[found[0]]
	if boolean(c.data, "marquerCommeLu") {
		for i := range t.Posts {
			t.Posts[i].Read = true // also of the account: the discussion shares its messages
		}
		if err := c.save(c.sess.account); err != nil {
			return nil, err
		}
	}
	all := []obj{}
	for i, p := range slices.Backward(t.Posts) {
		all = append(all, c.post(t, p, i))
	}
	buttons := []obj{}
	if !t.Closed {
		buttons = append(buttons, obj{"N": "0", "G": 0, "L": "Envoyer à " + t.With[0]})
		if len(t.With) > 1 {
			buttons = append(buttons, obj{"N": "0", "G": 1, "L": "Envoyer à tous"})
		}
	}
	last := t.Posts[len(t.Posts)-1]
	return obj{
		"listeMessages": list(all), "nbPossessionsMessages": len(t.Posts), "listeBoutons": list(buttons),
		"messagePourReponse": nested(obj{"N": c.postID(t, last), "G": 0}), "ferme": t.Closed,
	}, nil
}

func (c *call) post(t thread, p post, i int) obj {
	out := obj{
		"N": c.postID(t, p), "G": 0, "date": dateTime(p.Date.In(c.zone)), "lu": p.Read, "estHTML": p.HTML,
		"emetteur": p.Author == "", "public_gauche": p.Author, "public_droite": "Moi", "nbPublic": len(t.With),
		"listeDocumentsJoints": list(nil), "profondeur": i,
		"messageSource": nested(obj{"N": c.postID(t, t.Posts[max(0, i-1)])}),
	}
	if p.Author == "" {
		out["public_gauche"], out["public_droite"] = "Moi", strings.Join(t.With, ", ")
	}
	if out["contenu"] = p.Text; p.HTML {
		out["contenu"] = tagged(tagHTML, p.Text)
	}
	if p.File != "" {
		out["listeDocumentsJoints"] = list([]obj{c.attach("message"+t.Key, p.File)})
	}
	return out
}

// recipients is ListeRessourcesPourCommunication: teachers (3) or staff (34).
func (c *call) recipients() (any, error) {
	kind := number(sub(c.data, "onglet"), "G")
	p, err := c.chosen()
	if err != nil {
		return nil, err
	}
	all := []obj{}
	switch kind {
	case genreTeacher:
		for i := range subjects {
			one := p.of(i)
			taught := []obj{{"L": one.name, "N": c.sess.n(kindSubject, one.key), "estUneRessource": true}}
			all = append(all, obj{
				"N": c.sess.n(kindStaff, one.key), "G": genreTeacher, "L": one.teacher, "avecDiscussion": i != len(subjects)-1,
				"listeRessources": list(taught), "estPrincipal": i == 0,
			})
		}
	case genreStaff:
		for _, one := range staff {
			entry := obj{
				"N": c.sess.n(kindStaff, one.key), "G": genreStaff, "L": one.name, "avecDiscussion": true,
				"fonction": nested(obj{"L": one.role, "N": c.sess.n(kindStaff, one.role)}), "listeRessources": list(nil),
			}
			if one.mail != "" {
				entry["email"] = one.mail
			}
			all = append(all, entry)
		}
	case genreParent:
	default:
		return nil, errPage
	}
	return obj{"listeRessourcesPourCommunication": list(all)}, nil
}

// refusal is an answer that is no error of the protocol: a text for the user.
func refusal(format string, args ...any) error {
	return &fault{message: fmt.Sprintf(format, args...)}
}
