// Package pronote is a stand-in for a school's PRONOTE server (Index Éducation): session pages, the encrypted calls of
// /appelfonction, logins by password, QR code and token, two-factor logins, and the pages of pupils and parents. The
// vendor publishes no reference: the protocol is the one that pronotepy 2.15 and pawnote 1.6 speak and that recorded
// answers of the vendor's demonstration site show. It is strict where a real server is: order numbers, keys, cookies,
// tabs and object ids of another session are refused.
//
// Accounts, whose passwords are their names: eleve (a pupil with one of every unusual case), parent (two children with
// different data), sansphoto (no photo, no phone), double (second factor: PIN 1234 and a device's name), bloque (is
// refused with Acces 6), vide (a pupil with three tabs). What they change is kept: homework that is done, news and
// discussions, tokens and devices.
package pronote

import (
	"cmp"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the school's zone

	"github.com/carillon-calendar/carillon/infra/sim"
)

// Lifetimes, on the simulated clock.
const (
	idleLife = 30 * time.Minute // of a session without calls
	keptLife = 24 * time.Hour   // how long an ended session still says why it ended
	qrLife   = 10 * time.Minute
	lockLife = time.Hour // after maxWrong wrong answers within it
	maxWrong = 5
)

// The generations of servers: hosted schools change every summer.
const (
	Year2025 = 2025
	Year2026 = 2026
)

// Options of the simulator.
type Options struct {
	sim.Options

	Generation int // Year2025, or Year2026: the default
	// Encrypt and Compress are the page's CrA and CoA; default: both true.
	Encrypt, Compress *bool
	// Plain is a site without TLS: the page says http, and the client's Uuid must come encrypted for RSAKey. The page
	// does not name the key: clients know the vendor's. Without a key every login ends with error 21.
	Plain  bool
	RSAKey *rsa.PrivateKey
	// Lenient takes what pawnote sends and real servers evidently take: bodies in lower-case hexadecimal, and calls
	// without the page's cookie.
	Lenient bool
	// Pupils are more accounts, eleve1, eleve2 and so on, whose passwords are their names: each has what eleve has.
	Pupils int
	// URL is where clients reach the simulator, for QR codes; default: as the last request did.
	URL string
}

// A Server is the simulated school.
type Server struct {
	*sim.Server

	o     Options
	flags flags
	zone  *time.Location

	mu       sync.Mutex
	accounts map[string]*account
	sessions map[int]*session
	broken   []string // what the next calls suffer
	seen     string   // the address of the last request
}

// What the server counts beside the functions' names.
const (
	Pages  = "page"
	Logins = "login"
	Files  = "file"
)

// New returns a server with what the store has. A record that cannot be read is logged, and its account starts afresh.
func New(o Options) *Server {
	o.Generation = cmp.Or(o.Generation, Year2026)
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		zone = time.UTC // not reached: the zones are embedded
	}
	s := &Server{
		Server: sim.New(o.Options), o: o, zone: zone, sessions: map[int]*session{},
		flags: flags{
			encrypt: o.Encrypt == nil || *o.Encrypt, compress: o.Compress == nil || *o.Compress,
			anyCase: o.Lenient,
		},
	}
	s.accounts = accounts(s.today())
	for i := range o.Pupils {
		one := accounts(s.today())["eleve"]
		one.login = fmt.Sprint("eleve", i+1)
		one.Password, s.accounts[one.login] = one.login, one
	}
	s.restore()
	mux := http.NewServeMux()
	for _, p := range pages {
		mux.HandleFunc("GET /"+p.file, s.page(p))
	}
	mux.HandleFunc("GET /infoMobileApp.json", s.info)
	mux.HandleFunc("POST /appelfonction/{space}/{session}/{no}", s.appelfonction)
	mux.HandleFunc("POST /appeldeconnexion/{rest...}", s.leave)
	mux.HandleFunc("GET /FichiersExternes/{id}/{name}", s.file)
	guard := http.NewCrossOriginProtection() // a web page elsewhere must not break the school
	mux.Handle("POST /_break", guard.Handler(http.HandlerFunc(s.postBreak)))
	mux.Handle("POST /_qr", guard.Handler(http.HandlerFunc(s.postQR)))
	s.Route(s.remember(mux), func(w http.ResponseWriter, status int, _ string) { message(w, status, unavailable) })
	return s
}

// remember notes where the server was reached.
func (s *Server) remember(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme := "http://"
		if r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https" {
			scheme = "https://"
		}
		s.mu.Lock()
		s.seen = scheme + r.Host + s.Prefix
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

// today is the simulated time at the school.
func (s *Server) today() time.Time { return s.Now().In(s.zone) }

func (s *Server) version() string {
	if s.o.Generation == Year2025 {
		return "2025.2.6"
	}
	return "2026.2.7"
}

// Restart ends all sessions without a trace, as a restart of the school's server does.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
}

var errAccount = errors.New("no account of this name")

// SetPassword changes a password. Tokens and sessions stay valid; wrong answers are forgotten.
func (s *Server) SetPassword(login, password string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[strings.ToLower(login)]
	if a == nil {
		return errAccount
	}
	a.Password, a.Wrong, a.Locked = password, nil, time.Time{}
	return s.save(a)
}

func (s *Server) save(a *account) error { return s.Save(a.login, a.state) }

func (s *Server) restore() {
	records, err := s.Load()
	if err != nil {
		slog.Error("loading the simulated school", slog.Any("error", err))
	}
	for login, data := range records {
		a, kept := s.accounts[login], state{}
		if a == nil {
			continue
		}
		if err := json.Unmarshal(data, &kept); err != nil {
			slog.Error("loading a simulated account", slog.String("account", login), slog.Any("error", err))
			continue
		}
		a.state = kept
	}
}
