package wigor

import (
	"cmp"
	"net/url"
	"regexp"
	"strings"

	"golang.org/x/net/html"

	"github.com/carillon-calendar/carillon/shared/campus"
)

// named is a text that names something: MonCampus writes COMMENTAIRE where the name is in Commentaire.
func named(text string) string {
	text = campus.Tidy(text)
	if strings.EqualFold(text, "COMMENTAIRE") {
		return ""
	}
	return text
}

func title(i item) string {
	return cmp.Or(named(i.Comment), named(i.Subject), campus.Tidy(i.Title), "Cours")
}

// How a class is held, beside [campus.Remote].
const (
	onSite = "En présentiel"
	mixed  = "Mixte : sur place et à distance"
)

// mode reads CoursMixteInfoBulle, with and without accents.
func mode(text string) string {
	switch text = campus.Tidy(text); strings.ToLower(text) {
	case "présentiel", "presentiel":
		return onSite
	case "distanciel":
		return campus.Remote
	case "mixte":
		return mixed
	default:
		return text
	}
}

// roomForm is a room with its building: BB-205(BALMA B).
var roomForm = regexp.MustCompile(`^(.*?)\s*\((.*)\)$`)

// room is where a class is, "" for nowhere ("Aucune"). SALLE_19(DISTANCIEL) is not a place but a class at a
// distance, and the M: before the rooms of a mixed class is not part of their names.
func room(text, how string) string {
	text = campus.Tidy(text)
	if rest, ok := strings.CutPrefix(text, "M:"); ok {
		text = strings.TrimSpace(rest)
	}
	var rooms []string
	far := mode(how) == campus.Remote
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
		return campus.Remote
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

// links reads the addresses in fragments of HTML: each a elements' href, once.
func links(host string, fragments ...string) []campus.Link {
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
	return campus.Links(found)
}
