package campus

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// An Item is a lesson as GET /Home/Get answers it, with only the fields that matter here.
type Item struct {
	Course  int64  `json:"NoCours"`
	Comment string `json:"Commentaire"`
	Subject string `json:"Matiere"`
	Title   string `json:"Title"`
	Rooms   string `json:"Salles"`
	Teacher string `json:"NomProf"`
	Group   string `json:"LibelleGroupe"`
	Mode    string `json:"CoursMixteInfoBulle"`
	// MonCampus has both spellings, side by side.
	TeamsURL      string `json:"TeamsURL"`
	OtherTeamsURL string `json:"TeamsUrl"`
	Start         string `json:"Start"`
	End           string `json:"End"`
	AllDay        bool   `json:"IsAllDay"`
}

// Unreadable is a lesson that was put aside. Course is 0 where not even its number could be read.
type Unreadable struct {
	Course int64
	Why    string
	// Misdated says that the lesson was read, and that its dates cannot be right.
	Misdated bool
}

// A Reading is what one call to MonCampus gave for a window: complete, unless it has unreadable lessons.
type Reading struct {
	Classes    []Class // without ID
	Unreadable []Unreadable
}

// Read turns the items of an answer into classes. One bad item is put aside; it does not stop the others.
func Read(items []json.RawMessage, inst Instance) Reading {
	var r Reading
	for _, raw := range items {
		class, err := readItem(raw, inst)
		if err != nil {
			r.Unreadable = append(r.Unreadable, Unreadable{Course: class.Course, Why: err.Error()})
			continue
		}
		r.Classes = append(r.Classes, class)
	}
	slices.SortStableFunc(r.Classes, byStart)
	r.Classes = onePerLesson(r.Classes)
	return r
}

func readItem(raw json.RawMessage, inst Instance) (Class, error) {
	var item Item
	if err := json.Unmarshal(raw, &item); err != nil {
		var number struct {
			Course int64 `json:"NoCours"`
		}
		_ = json.Unmarshal(raw, &number) // 0 says that it has none
		return Class{Course: number.Course}, errors.New("a field is of another type than before")
	}
	c := Class{Course: item.Course, AllDay: item.AllDay, Teacher: tidy(item.Teacher)}
	if c.Course == 0 {
		return c, errors.New("it has no NoCours")
	}
	var err error
	if c.Start, err = instant(item.Start, inst.Clock, inst.Zone()); err != nil {
		return c, fmt.Errorf("its Start: %w", err)
	}
	if c.End, err = instant(item.End, inst.Clock, inst.Zone()); err != nil {
		return c, fmt.Errorf("its End: %w", err)
	}
	if c.End.Before(c.Start) || c.End.Equal(c.Start) && !c.AllDay {
		return c, errors.New("it ends before it begins")
	}
	c.Title = title(item)
	c.Mode, c.Room = mode(item.Mode), room(item.Rooms, item.Mode)
	if group := tidy(cmp.Or(item.Group, item.Title)); group != c.Title {
		c.Group = group
	}
	if subject := named(item.Subject); subject != c.Title {
		c.Subject = subject
	}
	c.Links = links(inst.Host, item.OtherTeamsURL, item.TeamsURL)
	return c, nil
}

// tidy makes one line of a text, without control characters.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// named is a text that names something: MonCampus writes COMMENTAIRE where the name is in Commentaire.
func named(text string) string {
	text = tidy(text)
	if strings.EqualFold(text, "COMMENTAIRE") {
		return ""
	}
	return text
}

func title(item Item) string {
	return cmp.Or(named(item.Comment), named(item.Subject), tidy(item.Title), "Cours")
}

// How a class is held, as CoursMixteInfoBulle says it, with and without accents.
const (
	onSite = "En présentiel"
	remote = "À distance"
	mixed  = "Mixte : sur place et à distance"
)

func mode(text string) string {
	switch text = tidy(text); strings.ToLower(text) {
	case "présentiel", "presentiel":
		return onSite
	case "distanciel":
		return remote
	case "mixte":
		return mixed
	default:
		return text
	}
}

// roomForm is a room with its building: BB-205(BALMA B).
var roomForm = regexp.MustCompile(`^(.*?)\s*\((.*)\)$`)

// room is where a class is, "" for nowhere ("Aucune"). SALLE_19(DISTANCIEL) is no place but a class at a
// distance, and the M: before the rooms of a mixed class is no part of their names.
func room(text, how string) string {
	text = tidy(text)
	if rest, ok := strings.CutPrefix(text, "M:"); ok {
		text = strings.TrimSpace(rest)
	}
	var rooms []string
	far := mode(how) == remote
	for part := range splitRooms(text) {
		name, building := part, ""
		if m := roomForm.FindStringSubmatch(part); m != nil {
			name, building = m[1], m[2]
		}
		switch {
		case name == "" && building == "", strings.EqualFold(name, "Aucune"), strings.EqualFold(name, "Aucune salle"):
		case strings.Contains(strings.ToUpper(building), "DISTANCIEL"), strings.Contains(strings.ToUpper(name), "DISTANCIEL"):
			far = true
		case building == "":
			rooms = append(rooms, name)
		default:
			rooms = append(rooms, strings.TrimSpace(name+" ("+building+")"))
		}
	}
	switch where := strings.Join(rooms, ", "); {
	case where == "" && far:
		return remote
	case far || where != "" && mode(how) == mixed:
		return where + " et à distance"
	default:
		return where
	}
}

// splitRooms yields the rooms of a list; a comma in parentheses is part of a name.
func splitRooms(text string) func(func(string) bool) {
	return func(yield func(string) bool) {
		depth, begin := 0, 0
		for i, r := range text {
			switch {
			case r == '(':
				depth++
			case r == ')' && depth > 0:
				depth--
			case r == ',' && depth == 0:
				if !yield(strings.TrimSpace(text[begin:i])) {
					return
				}
				begin = i + 1
			}
		}
		yield(strings.TrimSpace(text[begin:]))
	}
}

// MaxLinks is how many quick links an ECAL event has room for.
const MaxLinks = 10

// links reads the addresses in fragments of HTML: each a elements' href, once. Sorted, so that their order makes no
// change.
func links(host string, fragments ...string) []Link {
	base, err := url.Parse(host + "/")
	if err != nil {
		return nil
	}
	var found []string
	for _, fragment := range fragments {
		for token := html.NewTokenizer(strings.NewReader(fragment)); token.Next() != html.ErrorToken; {
			t := token.Token()
			if t.Type != html.StartTagToken || t.Data != "a" {
				continue
			}
			for _, a := range t.Attr {
				u, err := base.Parse(strings.TrimSpace(a.Val))
				if a.Key == "href" && err == nil && a.Val != "" && (u.Scheme == "https" || u.Scheme == "http") {
					found = append(found, u.String())
				}
			}
		}
	}
	return numberedLinks(found)
}

// numberedLinks are meetings by their addresses, each once and sorted.
func numberedLinks(addresses []string) []Link {
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	if len(addresses) == 0 {
		return nil
	}
	all := make([]Link, 0, MaxLinks)
	for i, address := range addresses[:min(len(addresses), MaxLinks)] {
		name := "Rejoindre Teams"
		if len(addresses) > 1 {
			name = fmt.Sprintf("Rejoindre Teams %d", i+1)
		}
		all = append(all, Link{name, address})
	}
	return all
}

// joinLinks are the meetings of two rows of one lesson.
func joinLinks(a, b []Link) []Link {
	addresses := make([]string, 0, len(a)+len(b))
	for _, l := range slices.Concat(a, b) {
		addresses = append(addresses, l.URL)
	}
	return numberedLinks(addresses)
}
