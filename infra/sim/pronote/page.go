package pronote

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The spaces that the simulator has, by page.
var pages = []spacePage{
	{"eleve.html", "Espace Élèves", spacePupil, false},
	{"parent.html", "Espace Parents", spaceParent, false},
	{"mobile.eleve.html", "Espace Élèves", spaceMobilePupil, true},
	{"mobile.parent.html", "Espace Parents", spaceMobileParent, true},
}

type spacePage struct {
	file, title string
	space       int
	mobile      bool
}

const (
	spaceParent       = 2
	spacePupil        = 3
	spaceMobilePupil  = 6
	spaceMobileParent = 7
)

// Ids of the vendor's mobile application.
const (
	mobileBy = "A6ABB224-12DD-4E31-AD3E-8A39A1C2C335"
	infoID   = "0D264427-EEFC-4810-A9E9-346942A862A4"
)

const cookieName = "SESSION_PRONOTE"

// Texts of pages that are none.
const (
	suspended   = "Votre adresse IP est provisoirement suspendue"
	unavailable = "Le site n'est pas disponible"
	expired     = "La page a expiré !"
)

// message answers with a page that has no session.
func message(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!DOCTYPE html><html lang=\"fr\"><head><title>PRONOTE</title></head><body>\n"+
		"<div class=\"message\"><p>%s</p></div></body></html>", text)
}

// page serves a session page: each has a session of its own.
func (s *Server) page(p spacePage) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.Count(Pages)
		switch kind := s.strike(pageKinds); kind {
		case "suspended":
			message(w, http.StatusOK, suspended)
			return
		case "closed":
			message(w, http.StatusOK, unavailable)
			return
		}
		if q := r.URL.Query(); q.Has("bydlg") && (q.Get("bydlg") != mobileBy || q.Get("fd") != "1" || !p.mobile) {
			message(w, http.StatusOK, "Impossible d'afficher la page")
			return
		}
		one := s.begin(p)
		//nolint:gosec // as the school sets it, and over http
		http.SetCookie(w, &http.Cookie{Name: cookieName, Value: one.cookie, Path: s.Prefix + "/", HttpOnly: true})
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		_, _ = fmt.Fprint(w, s.document(p, one.id))
	}
}

// begin makes a session.
func (s *Server) begin(p spacePage) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, old := range s.sessions {
		if s.Now().Sub(old.used) > keptLife {
			delete(s.sessions, id)
		}
	}
	one := &session{
		page: p, cookie: hex.EncodeToString(random(16)), key: digest(nil), iv: noIV(), order: 1, used: s.Now(),
		seal: random(32), objects: map[string]object{},
	}
	for one.id == 0 || s.sessions[one.id] != nil {
		one.id = 1_000_000 + rand.IntN(8_999_999) //nolint:gosec // an id is no secret
	}
	s.sessions[one.id] = one
	return one
}

// document is the session page in the form of the generation: 2025 starts in the body's onload, 2026 in a script with
// quoted keys. Flags that are false are left out.
func (s *Server) document(p spacePage, id int) string {
	pairs := [][2]string{{"h", fmt.Sprintf("'%d'", id)}, {"a", strconv.Itoa(p.space)}, {"d", "false"}, {"g", "0"}}
	for _, flag := range []struct {
		key string
		on  bool
	}{{"CrA", s.flags.encrypt}, {"CoA", s.flags.compress}, {"http", s.o.Plain}} {
		if flag.on {
			pairs = append(pairs, [2]string{flag.key, "true"})
		}
	}
	form, onload, script := "%s:%s", "", ""
	if s.o.Generation != Year2025 {
		form = `"%s":%s`
	}
	texts := make([]string, 0, len(pairs))
	for _, pair := range pairs {
		texts = append(texts, fmt.Sprintf(form, pair[0], pair[1]))
	}
	start := "Start ({" + strings.Join(texts, ",") + "})"
	if s.o.Generation == Year2025 {
		onload = ` onload="try { ` + start + ` } catch (e) { messageErreur (e) }"`
	} else {
		script = "<script nonce=\"" + hex.EncodeToString(random(8)) + "\">\n" +
			"window.addEventListener ('load', function () {\ntry { " + strings.ReplaceAll(start, "'", `"`) +
			"; } catch (e) { messageErreur (e); }\n});\n</script>\n"
	}
	return "<!DOCTYPE html>\n<html lang=\"fr\">\n<head><meta charset=\"utf-8\"><title>" + html.EscapeString(p.title) +
		"</title>\n" + script + "</head>\n<body id=\"id_body\" class=\"EspaceIndex\"" + onload + ">\n" +
		"<noscript>Pour utiliser PRONOTE, vous devez activer JavaScript. IP : masquée</noscript>\n" +
		"<div class=\"pied\"><a href=\"#\">PRONOTE " + s.version() + "</a></div>\n</body>\n</html>\n"
}

// info describes the school to the vendor's mobile application.
func (s *Server) info(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.URL.Query().Get("id"), infoID) {
		message(w, http.StatusNotFound, "Impossible d'afficher la page")
		return
	}
	var version [3]int
	_, _ = fmt.Sscanf(s.version(), "%d.%d.%d", &version[0], &version[1], &version[2])
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(obj{
		"modeModif": true, "version": version, "date": s.Now().UTC().Format(time.RFC3339),
		"espaces": []obj{
			{"nom": "Espace Élèves", "URL": "mobile.eleve.html", "genreEspace": spaceMobilePupil},
			{"nom": "Espace Parents", "URL": "mobile.parent.html", "genreEspace": spaceMobileParent},
		},
		"CAS": obj{"actif": false, "casURL": ""}, "nomEtab": schoolName,
		"collectivite": obj{"L": "Collectivité", "genreCollectivite": 0},
	})
}
