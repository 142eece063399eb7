package pronote

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// A session is one load of a page, and later its user's.
type session struct {
	id      int
	page    spacePage
	cookie  string
	key, iv []byte
	order   int // of the next call
	used    time.Time
	over    int // the error that its calls get, or 0
	last    exchange

	phase   phase
	nav     string // identifiantNav
	pending *pending
	account *account
	pinned  bool // the second factor's PIN was right
	token   string

	seal    []byte
	objects map[string]object
}

// phase is how far a login is.
type phase int

const (
	fresh phase = iota
	known       // the keys are exchanged
	half        // the password was right, the second factor is missing
	open
)

// exchange is the last answered call; the same bytes again get the same answer.
type exchange struct {
	order  int
	body   [sha256.Size]byte
	answer []byte
}

// object is what an id stands for.
type object struct {
	kind int
	key  string
}

// Kinds of objects: the number before an id's #.
const (
	kindLesson     = 29
	kindPupil      = 46
	kindSchool     = 50
	kindClass      = 23
	kindGroup      = 60
	kindSubject    = 79
	kindRoom       = 129
	kindPeriod     = 105
	kindParent     = 128
	kindStaff      = 34
	kindHomework   = 30
	kindLog        = 18 // cahier de textes
	kindFile       = 39
	kindGrade      = 131
	kindService    = 132
	kindEvaluation = 140
	kindSkill      = 141
	kindLevel      = 93
	kindPresence   = 67
	kindReason     = 89
	kindNews       = 70
	kindQuestion   = 71
	kindCategory   = 72
	kindMessage    = 80
	kindThread     = 81
	kindDish       = 95
	kindLabel      = 96
	kindText       = 28 // contents of a lesson
	kindFolder     = 82
)

// n is the session's id of an object. Another session has another one.
func (one *session) n(kind int, key string) string {
	mac := hmac.New(sha256.New, one.seal)
	_, _ = fmt.Fprintf(mac, "%d#%s", kind, key)
	id := fmt.Sprintf("%d#%s", kind, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
	one.objects[id] = object{kind, key}
	return id
}

// find returns the key of an object that the session has shown.
func (one *session) find(kind int, id string) (string, error) {
	found, ok := one.objects[id]
	if !ok || found.kind != kind {
		return "", errObject
	}
	return found.key, nil
}

// fault is an error of the protocol, beside an answer's dataSec. Without a code it is a text for the user, within it.
type fault struct {
	code    int
	title   string
	message string
	ends    bool // the session with it
}

func (f *fault) Error() string { return fmt.Sprintf("%d %s", f.code, f.title) }

// The vendor's errors.
var (
	errRefused  = &fault{code: 3, title: "Accès refusé", message: "Vous n'avez pas accès à cette page."}
	errBanned   = &fault{code: 5, title: suspended, message: suspended}
	errClosed   = &fault{code: 7, title: "Session fermée", message: "Le serveur a fermé la session.", ends: true}
	errReplaced = &fault{code: 8, title: expired + " (1)", message: "Une autre session est ouverte.", ends: true}
	errIdle     = &fault{code: 10, title: expired + " (3)", message: "Votre session a expiré.", ends: true}
	errOrder    = &fault{code: 11, title: expired + " (4)", message: "Votre session a expiré.", ends: true}
	errLost     = &fault{code: 13, title: expired + " (6)", message: "Votre session a expiré.", ends: true}
	errPage     = &fault{code: 21, title: "Impossible d'afficher la page", message: "La page demandée est invalide."}
	errObject   = &fault{code: 22, title: "La page demandée a expiré", message: "Ressource inconnue."}
	errTooMany  = &fault{
		code: 25, title: "Accès suspendu",
		message: "Vous avez dépassé le nombre d'erreurs d'authentification autorisées.",
	}
)

// faultOf returns the error of a code.
func faultOf(code int) *fault {
	for _, f := range []*fault{
		errRefused, errBanned, errClosed, errReplaced, errIdle, errOrder, errLost, errObject, errTooMany,
	} {
		if f.code == code {
			return f
		}
	}
	return errPage
}

// admit returns the session of a request, or why it has none.
func (s *Server) admit(r *http.Request, id, space int) (*session, error) {
	one := s.sessions[id]
	if one == nil {
		return nil, errIdle
	}
	cookie, err := r.Cookie(cookieName)
	switch {
	case err != nil && !s.o.Lenient || err == nil && cookie.Value != one.cookie || space != one.page.space:
		return nil, errPage
	case one.over != 0:
		return nil, faultOf(one.over)
	case s.Now().Sub(one.used) > idleLife:
		one.over = errIdle.code
		return nil, errIdle
	}
	return one, nil
}

// replace ends the other sessions of an account.
func (s *Server) replace(one *session) {
	for _, other := range s.sessions {
		if other != one && other.account == one.account && other.over == 0 {
			other.over = errReplaced.code
		}
	}
}

// leave is the beacon of a page that is closed.
func (s *Server) leave(w http.ResponseWriter, r *http.Request) {
	no, _, _ := strings.Cut(r.PathValue("rest"), "/")
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.sessions {
		cookie, err := r.Cookie(cookieName)
		if err == nil && cookie.Value == one.cookie && no != "" {
			one.over = errIdle.code
		}
	}
	w.WriteHeader(http.StatusOK)
}
