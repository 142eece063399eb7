package pronote

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
)

// A page is what a session page says.
type page struct {
	session     int64  // h
	space       int    // a: 2 parents, 3 pupils, 6 and 7 the same on a mobile; see [SpaceParent]
	encrypt     bool   // CrA
	compress    bool   // CoA
	plain       bool   // http: the page was served without TLS, the key is sent by RSA
	entLogin    string // e, after an ENT's sign-in
	entPassword string // f
	version     string // 2025.2.6; "" where the page does not say
}

// Spaces of pages that are understood.
const (
	SpaceParent       = 2
	SpacePupil        = 3
	SpaceMobilePupil  = 6
	SpaceMobileParent = 7
)

var (
	// start is the call that begins the session: in an attribute of the body (2025) or in a script (2026).
	start       = regexp.MustCompile(`Start ?\(\{([^}]*)\}\)`)
	pageVersion = regexp.MustCompile(`PRONOTE (20\d\d\.\d+\.\d+)`)
)

// Sentences of pages that begin no session.
var (
	suspendedPage = []byte("Votre adresse IP est provisoirement suspendue")
	closedPages   = [][]byte{
		[]byte("Le site n'est pas disponible"), []byte("Le site n’est pas disponible"),
		[]byte("Le site n&#39;est pas disponible"), []byte("Le site est momentanément indisponible"),
	}
)

// readPage finds a session in a page. No script of it is run: the call's argument is read as names and plain values.
func readPage(html []byte) (p page, err error) {
	found := start.FindSubmatch(html)
	if found == nil {
		if bytes.Contains(html, suspendedPage) {
			return p, &Error{Code: CodeSuspended}
		}
		for _, text := range closedPages {
			if bytes.Contains(html, text) {
				return p, ErrClosed
			}
		}
		return p, ErrNoPage
	}
	values := members(string(found[1]))
	if p.session, err = strconv.ParseInt(values["h"], 10, 64); err != nil || p.session <= 0 {
		return p, ErrNoPage
	}
	if p.space, err = strconv.Atoi(values["a"]); err != nil {
		return p, ErrNoPage
	}
	p.encrypt, p.compress, p.plain = truth(values["CrA"]), truth(values["CoA"]), truth(values["http"])
	p.entLogin, p.entPassword = values["e"], values["f"]
	if v := pageVersion.FindSubmatch(html); v != nil {
		p.version = string(v[1])
	}
	return p, nil
}

func truth(text string) bool { return text == "true" || text == "1" }

// members reads the members of an object whose names and values may be quoted: {h:'123',"a":3}.
func members(text string) map[string]string {
	values := map[string]string{}
	for text != "" {
		var name, value string
		name, text = token(text, ':')
		value, text = token(text, ',')
		if name != "" {
			values[name] = value
		}
	}
	return values
}

// token cuts a word up to a separator; in quotes the separator is part of it.
func token(text string, end byte) (word, rest string) {
	text = strings.TrimSpace(text)
	if text != "" && (text[0] == '\'' || text[0] == '"') {
		if i := strings.IndexByte(text[1:], text[0]); i >= 0 {
			word, text = text[1:i+1], text[i+2:]
			_, rest, _ = strings.Cut(text, string(end))
			return word, rest
		}
	}
	word, rest, _ = strings.Cut(text, string(end))
	return strings.TrimSpace(word), rest
}
