package pronote

import (
	"slices"
	"strconv"
	"strings"
)

// Commands on discussions.
const (
	toTrash   = "corbeille"
	fromTrash = "restauration" //nolint:misspell // the vendor's word
	forGood   = "suppression"
	markRead  = "pourLu"
)

// send is SaisieMessage: commands on discussions, answers, new discussions.
func (c *call) send() (any, error) {
	switch command := text(c.data, "commande"); {
	case slices.Contains([]string{toTrash, fromTrash, markRead, forGood}, command):
		return c.command(command)
	case sub(c.data, "messagePourReponse") != nil:
		return c.reply()
	case text(c.data, "objet") != "" || len(items(c.data, "listeDestinataires")) > 0:
		return c.create()
	}
	return nil, errPage
}

func (c *call) command(command string) (any, error) {
	found, err := c.named(items(c.data, "listePossessionsMessages"))
	if err != nil {
		return nil, err
	}
	a := c.sess.account
	read, given := c.data["lu"].(bool)
	if command == markRead && !given {
		return nil, errPage
	}
	kept := a.Threads[:0:0]
	for i, t := range a.Threads {
		chosen := slices.Contains(found, i)
		if chosen && command == forGood {
			continue
		}
		if chosen {
			t = t.after(command, read)
		}
		kept = append(kept, t)
	}
	a.Threads = kept
	return obj{}, c.save(a)
}

// after returns the discussion as a command leaves it: unread means that the last message of another is.
func (t thread) after(command string, read bool) thread {
	switch command {
	case toTrash:
		t.Deleted = true
	case fromTrash:
		t.Deleted = false
	case markRead:
		last := -1
		for i, p := range t.Posts {
			t.Posts[i].Read = true
			if p.Author != "" {
				last = i
			}
		}
		if last >= 0 {
			t.Posts[last].Read = read
		}
	}
	return t
}

// written returns a message's text, and whether it is HTML.
func (c *call) written() (content string, isHTML bool, err error) {
	_, isPlain := c.data["contenu"].(string)
	content = text(c.data, "contenu")
	if strings.TrimSpace(content) == "" {
		return "", false, refusal("Le message est vide.")
	}
	return content, !isPlain, nil
}

func (c *call) reply() (any, error) {
	found, err := c.named([]obj{sub(c.data, "messagePourReponse")})
	if err != nil {
		return nil, err
	}
	content, isHTML, err := c.written()
	if err != nil {
		return nil, err
	}
	a := c.sess.account
	t := &a.Threads[found[0]]
	button := sub(c.data, "bouton")
	g, given := button["G"].(float64)
	if t.Closed || !given || g != 0 && (g != 1 || len(t.With) < 2) {
		return nil, refusal("Vous ne pouvez pas répondre à cette discussion.")
	}
	a.Sent++
	t.Posts = append(t.Posts, post{Key: "s" + strconv.Itoa(a.Sent), Text: content, HTML: isHTML, Date: c.now, Read: true})
	return obj{}, c.save(a)
}

func (c *call) create() (any, error) {
	content, isHTML, err := c.written()
	if err != nil {
		return nil, err
	}
	var with []string
	for _, one := range items(c.data, "listeDestinataires") {
		name, err := c.adult(one)
		if err != nil {
			return nil, err
		}
		with = append(with, name)
	}
	if len(with) == 0 || strings.TrimSpace(text(c.data, "objet")) == "" {
		return nil, refusal("Indiquez un objet et au moins un destinataire.")
	}
	a := c.sess.account
	a.Sent++
	key := "s" + strconv.Itoa(a.Sent)
	a.Threads = append([]thread{{
		Key: key, Subject: text(c.data, "objet"), With: with, Own: true,
		Posts: []post{{Key: "1", Text: content, HTML: isHTML, Date: c.now, Read: true}},
	}}, a.Threads...)
	return obj{}, c.save(a)
}

// adult returns a recipient's name. Its kind must be the one that it was listed with.
func (c *call) adult(one obj) (string, error) {
	key, err := c.sess.find(kindStaff, text(one, "N"))
	if err != nil {
		return "", err
	}
	for i, s := range subjects {
		if s.key == key && number(one, "G") == genreTeacher && i != len(subjects)-1 {
			return s.teacher, nil
		}
	}
	for _, s := range staff {
		if s.key == key && number(one, "G") == genreStaff {
			return s.name, nil
		}
	}
	return "", errObject
}
