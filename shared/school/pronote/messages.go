package pronote

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/carillon-calendar/carillon/shared/school"
)

type wireDiscussion struct {
	element

	line string // as it came

	Discussion flag            `json:"estUneDiscussion"`
	Depth      number          `json:"profondeur"`
	Subject    text            `json:"objet"`
	Creator    text            `json:"initiateur"`
	Unread     number          `json:"nbNonLus"`
	Closed     flag            `json:"ferme"`
	ID         object[element] `json:"messagePourParticipants"`
	Messages   json.RawMessage `json:"listePossessionsMessages"`
	Labels     list[element]   `json:"listeEtiquettes"`
}

// UnmarshalJSON implements [json.Unmarshaler].
func (w *wireDiscussion) UnmarshalJSON(data []byte) error {
	type plain wireDiscussion
	if err := json.Unmarshal(data, (*plain)(w)); err != nil {
		return err
	}
	w.line = string(data)
	return nil
}

// labelBin is the label of what was deleted.
const labelBin = 5

type wireMessage struct {
	element

	HTML    flag `json:"estHTML"`
	Content text `json:"contenu"`
	Own     flag `json:"emetteur"`
	Author  text `json:"public_gauche"`
	Date    date `json:"date"`
	Read    flag `json:"lu"`
}

// wireThread is a discussion's messages.
type wireThread struct {
	Messages list[wireMessage] `json:"listeMessages"`
	Answer   json.RawMessage   `json:"messagePourReponse"`
	Buttons  list[button]      `json:"listeBoutons"`
}

// A button is a way to answer, as the page offers it: it is sent back as it came.
type button struct {
	element

	raw json.RawMessage
}

func (b *button) UnmarshalJSON(data []byte) error {
	b.raw = slices.Clone(data)
	return json.Unmarshal(data, &b.element)
}

// discussions reads the list, without messages.
func (c *Conn) discussions(ctx context.Context) ([]wireDiscussion, error) {
	var got struct {
		List list[wireDiscussion] `json:"listeMessagerie"`
	}
	err := c.call(ctx, "ListeMessagerie", TabMessages, map[string]any{"avecMessage": true, "avecLu": true}, &got)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(got.List, func(w wireDiscussion) bool {
		return !bool(w.Discussion) || w.Depth > 0 ||
			slices.ContainsFunc(w.Labels, func(l element) bool { return l.G == labelBin })
	}), nil
}

// id is what a discussion is known by from one login to the next.
func (w wireDiscussion) id() string {
	if w.ID.V.N != "" {
		return string(w.ID.V.N)
	}
	return string(w.N)
}

func (c *Conn) thread(ctx context.Context, w wireDiscussion) (t wireThread, err error) {
	err = c.call(ctx, "ListeMessages", TabMessages, map[string]any{
		"listePossessionsMessages": json.RawMessage(bare(w.Messages)),
	}, &t)
	return t, err
}

// knownThread reads a discussion's messages where it has changed since they were read.
func (c *Conn) knownThread(ctx context.Context, w wireDiscussion, known *Known, read *int) (wireThread, error) {
	k, there := known.threads[w.id()]
	if there && k.line == w.line {
		return k.thread, nil
	}
	if *read >= mostRead {
		c.Partial = true
		return k.thread, nil
	}
	t, err := c.thread(ctx, w)
	if err == nil {
		*read++
		known.threads[w.id()] = knownThread{w.line, t}
	}
	return t, err
}

// Discussions reads all discussions with their messages; beyond [mostRead] that have changed, the older ones without
// them, until somebody asks again.
func (c *Conn) Discussions(ctx context.Context) ([]school.Discussion, error) {
	list, err := c.discussions(ctx)
	if err != nil {
		return nil, err
	}
	found, read, known := []school.Discussion{}, 0, c.known()
	for _, w := range list {
		t, err := c.knownThread(ctx, w, known, &read)
		if err != nil {
			return nil, err
		}
		d := school.Discussion{
			ID: w.id(), Subject: string(w.Subject), Creator: w.Creator.orNil(), Unread: int(w.Unread),
			Closed:    bool(w.Closed),
			Replyable: !bool(w.Closed) && (len(t.Messages) == 0 || answerable(t.Buttons) != nil),
			Messages:  []school.Message{},
		}
		for _, m := range t.Messages {
			d.Messages = append(d.Messages, m.message())
		}
		slices.SortStableFunc(d.Messages, func(a, b school.Message) int { return a.Date.Compare(b.Date.Time) })
		if len(d.Messages) > 0 {
			d.Date = d.Messages[0].Date
		}
		found = append(found, d)
	}
	return found, nil
}

func (m wireMessage) message() school.Message {
	v := school.Message{ID: string(m.N), Content: string(m.Content), Date: m.Date.Date, Seen: bool(m.Read)}
	if m.HTML {
		v.Content = school.Text(v.Content)
	}
	if !m.Own {
		v.Author = m.Author.orNil()
	}
	return v
}

// Kinds of buttons, in the order in which one is chosen; another closes the discussion.
var answers = []number{0, 2, 1, 4, 3}

func answerable(buttons []button) json.RawMessage {
	for _, kind := range answers {
		for _, b := range buttons {
			if b.G == kind {
				return b.raw
			}
		}
	}
	return nil
}

// ErrNotReplyable is a discussion that is closed.
var ErrNotReplyable = errors.New("the discussion is closed")

// find is the discussion of an id.
func (c *Conn) find(ctx context.Context, id string) (wireDiscussion, error) {
	list, err := c.discussions(ctx)
	if err != nil {
		return wireDiscussion{}, err
	}
	for _, w := range list {
		if w.id() == id {
			return w, nil
		}
	}
	return wireDiscussion{}, ErrNotFound
}

func (c *Conn) save(ctx context.Context, data map[string]any) error {
	return c.call(ctx, "SaisieMessage", TabMessages, data, nil)
}

// Delete puts a discussion into the bin.
func (c *Conn) Delete(ctx context.Context, id string) error {
	w, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	return c.save(ctx, map[string]any{
		"commande": "corbeille", "listePossessionsMessages": json.RawMessage(bare(w.Messages)),
	})
}

// ToggleRead marks a discussion with unread messages as read, and one without as unread.
func (c *Conn) ToggleRead(ctx context.Context, id string) error {
	w, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	return c.save(ctx, map[string]any{
		"commande": "pourLu", "lu": w.Unread > 0, "listePossessionsMessages": json.RawMessage(bare(w.Messages)),
	})
}

// Reply answers in a discussion.
func (c *Conn) Reply(ctx context.Context, id, content string) error {
	w, err := c.find(ctx, id)
	if err != nil {
		return err
	}
	t, err := c.thread(ctx, w)
	if err != nil {
		return err
	}
	by := answerable(t.Buttons)
	if by == nil || bool(w.Closed) {
		return ErrNotReplyable
	}
	return c.save(ctx, map[string]any{
		"messagePourReponse": json.RawMessage(bare(t.Answer)), "contenu": content, "listeFichiers": []any{}, "bouton": by,
	})
}

// Create begins a discussion with people of [Conn.Recipients].
func (c *Conn) Create(ctx context.Context, subject, content string, to []school.Recipient) error {
	people := make([]any, len(to))
	for i, r := range to {
		people[i] = map[string]any{"N": r.ID, "G": r.Kind, "L": r.Name, "E": 2}
	}
	return c.save(ctx, map[string]any{
		"objet": subject, "contenu": content, "listeDestinataires": people, "listeFichiers": []any{},
		"estCreationCarnetLiaison": false,
	})
}

// Kinds of recipients.
const (
	kindTeacher = 3
	kindStaff   = 34
)

// Recipients reads to whom the pupil may write.
func (c *Conn) Recipients(ctx context.Context) ([]school.Recipient, error) {
	found := []school.Recipient{}
	for _, kind := range []int{kindTeacher, kindStaff} {
		var got struct {
			List list[struct {
				element

				Email     text            `json:"email"`
				Function  object[element] `json:"fonction"`
				Resources list[element]   `json:"listeRessources"`
				Discusses flag            `json:"avecDiscussion"`
			}] `json:"listeRessourcesPourCommunication"`
		}
		err := c.call(ctx, "ListeRessourcesPourCommunication", TabMessages, map[string]any{
			"onglet": map[string]any{"N": 0, "G": kind},
		}, &got)
		if err != nil {
			return nil, err
		}
		for _, w := range got.List {
			r := school.Recipient{
				ID: string(w.N), Name: string(w.L), Type: "staff", Email: w.Email.orNil(), Functions: []string{},
				Discusses: bool(w.Discusses), Kind: int(w.G),
			}
			if r.Kind == 0 {
				r.Kind = kind
			}
			if r.Kind == kindTeacher {
				r.Type, r.Functions = "teacher", labels(w.Resources)
			} else if w.Function.V.L != "" {
				r.Functions = []string{string(w.Function.V.L)}
			}
			found = append(found, r)
		}
	}
	return found, nil
}
