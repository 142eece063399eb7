package pages

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/seal"
)

// ErrNoSession is a request of somebody who is not signed in, or no longer.
var ErrNoSession = errors.New("nobody is signed in")

// A Session is kept in the browser, in a sealed cookie: it says who is signed in, and until when. It cannot be taken
// back there; what it holds must be compared with something that can be changed, such as an owner's epoch.
type Session struct {
	Name string // of the cookie
	Keys *seal.Keys
	Life time.Duration
	// Plain also sends it without TLS: for pages at an address that begins with http.
	Plain bool
}

// kept is what is sealed.
type kept struct {
	Ends int64           `json:"ends"` // Unix
	Who  json.RawMessage `json:"who"`
}

// cookie is the name with the prefix by which browsers take it from this host alone, and over TLS alone (RFC 6265bis,
// section 4.1.3).
func (s Session) cookie() string {
	if s.Plain {
		return s.Name
	}
	return "__Host-" + s.Name
}

// Begin signs somebody in.
func (s Session) Begin(w http.ResponseWriter, now time.Time, who any) error {
	data, err := json.Marshal(who)
	if err != nil {
		return err
	}
	ends := now.Add(s.Life)
	text, err := json.Marshal(kept{ends.Unix(), data})
	if err != nil {
		return err
	}
	id, sealed := s.Keys.Seal("session "+s.Name, text)
	s.set(w, id+"."+base64.RawURLEncoding.EncodeToString(sealed), int(s.Life.Seconds()))
	return nil
}

// End forgets who is signed in, in this browser.
func (s Session) End(w http.ResponseWriter) { s.set(w, "", -1) }

func (s Session) set(w http.ResponseWriter, value string, age int) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // not Secure where the pages are without TLS
		Name: s.cookie(), Value: value, Path: "/", MaxAge: age, HttpOnly: true, Secure: !s.Plain,
		SameSite: http.SameSiteLaxMode,
	})
}

// Read reads who is signed in; the error is [ErrNoSession]. It reports how much of the session's life is over, from 0
// to 1.
func (s Session) Read(r *http.Request, now time.Time, who any) (over float64, err error) {
	c, err := r.Cookie(s.cookie())
	if err != nil {
		return 0, ErrNoSession
	}
	id, data, _ := strings.Cut(c.Value, ".")
	sealed, err := base64.RawURLEncoding.DecodeString(data)
	if err != nil {
		return 0, ErrNoSession
	}
	text, err := s.Keys.Open("session "+s.Name, id, sealed)
	if err != nil {
		return 0, ErrNoSession
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil || !now.Before(time.Unix(k.Ends, 0)) ||
		json.Unmarshal(k.Who, who) != nil {
		return 0, ErrNoSession
	}
	return 1 - time.Unix(k.Ends, 0).Sub(now).Seconds()/s.Life.Seconds(), nil
}
