package pronote

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// state is what an account's record keeps.
type state struct {
	Password string               `json:"password"`
	Wrong    []time.Time          `json:"wrong,omitempty"`
	Locked   time.Time            `json:"locked"`
	Tokens   map[string]token     `json:"tokens,omitempty"`  // by uuidAppliMobile
	Devices  map[string]string    `json:"devices,omitempty"` // names by identifiantNav
	QR       *qrCode              `json:"qr,omitempty"`
	Done     map[string]bool      `json:"done,omitempty"` // homework, by pupil and key
	News     map[string]newsState `json:"news,omitempty"`
	Threads  []thread             `json:"threads"`
	Sent     int                  `json:"sent"`
}

// token is the password of a mobile application's next login.
type token struct {
	Value string `json:"value"`
	Space int    `json:"space"`
}

type qrCode struct {
	Token string    `json:"token"`
	Until time.Time `json:"until"`
}

// account is one login.
type account struct {
	login   string
	name    string
	parent  bool
	blocked bool
	pin     string // of the second factor; "" has none
	pupils  []*pupil
	tabs    []obj // listeOnglets
	state
}

func (a *account) enters(space int) bool {
	if a.parent {
		return space == spaceParent || space == spaceMobileParent
	}
	return space == spacePupil || space == spaceMobilePupil
}

func (a *account) locked(now time.Time) bool { return now.Before(a.Locked) }

// secret returns what takes a password's place in a kind of login, or "".
func (a *account) secret(m mode, device string, space int, now time.Time) string {
	mobile := space == spaceMobilePupil || space == spaceMobileParent
	switch m {
	case byQR:
		if a.QR != nil && mobile && now.Before(a.QR.Until) {
			return a.QR.Token
		}
		return ""
	case byToken:
		if t := a.Tokens[device]; t.Space == space {
			return t.Value
		}
		return ""
	case byPassword, byPasswordMobile:
	}
	return a.Password
}

// maxTokens is how many devices may have a token.
const maxTokens = 50

// issue replaces a device's token, and takes a QR code that was used.
func (a *account) issue(m mode, device string, space int) string {
	if m == byQR {
		a.QR = nil
	}
	if a.Tokens == nil || len(a.Tokens) >= maxTokens && a.Tokens[device].Value == "" {
		a.Tokens = map[string]token{}
	}
	value := upperHex(random(48))
	a.Tokens[device] = token{value, space}
	return value
}

func (a *account) hasDevice(name string) bool {
	for _, known := range a.Devices {
		if known == strings.TrimSpace(name) {
			return true
		}
	}
	return false
}

// allTabs returns the tabs' numbers.
func (a *account) allTabs() []int {
	var found []int
	var walk func(tabs []obj)
	walk = func(tabs []obj) {
		for _, tab := range tabs {
			g, _ := tab["G"].(int)
			inner, _ := tab["Onglet"].([]obj)
			if inner == nil {
				found = append(found, g)
			}
			walk(inner)
		}
	}
	walk(a.tabs)
	return found
}

func (a *account) hasTab(tab int) bool { return slices.Contains(a.allTabs(), tab) }

// makeQR replaces an account's QR code, whose login and token are encrypted with the PIN.
func (s *Server) makeQR(a *account, pin string) (login, jeton string, err error) {
	a.QR = &qrCode{upperHex(random(24)), s.Now().Add(qrLife)}
	key := digest([]byte(pin))
	return encryptHex(key, noIV(), a.login), encryptHex(key, noIV(), a.QR.Token), s.save(a)
}

// QR returns the content of a QR code, {url, login, jeton}, which is valid once within ten minutes. A new one replaces
// it. It is null if there is no account of this name.
func (s *Server) QR(login, pin string) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[strings.ToLower(login)]
	if a == nil {
		return []byte("null")
	}
	name, jeton, err := s.makeQR(a, pin)
	if err != nil {
		return []byte("null")
	}
	data, err := json.Marshal(obj{"url": s.mobileURL(a), "login": name, "jeton": jeton})
	if err != nil {
		return []byte("null")
	}
	return data
}

func (s *Server) mobileURL(a *account) string {
	base, page := s.o.URL, "mobile.eleve.html"
	if base == "" {
		base = s.seen
	}
	if base == "" {
		base = "http://localhost" + s.Prefix
	}
	if a.parent {
		page = "mobile.parent.html"
	}
	return strings.TrimSuffix(base, "/") + "/" + page + "?fd=1&bydlg=" + mobileBy + "&login=true"
}

// postQR is [Server.QR] over HTTP.
func (s *Server) postQR(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Account string `json:"account"`
		PIN     string `json:"pin"`
	}{}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(s.QR(in.Account, in.PIN))
}

// mobileToken is JetonAppliMobile: a QR code of an open session. The PIN is the user's choice.
func (c *call) mobileToken() (any, error) {
	code := text(c.data, "code")
	if len(code) != 4 || strings.Trim(code, "0123456789") != "" {
		return nil, errPage
	}
	login, jeton, err := c.makeQR(c.sess.account, code)
	if err != nil {
		return nil, err
	}
	return obj{"login": login, "jeton": jeton}, nil
}
