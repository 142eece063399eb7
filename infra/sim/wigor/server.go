// Package wigor is a stand-in for MonCampus: Apereo CAS's login page
// (apereo.github.io/cas, the CAS protocol 3.0) at /cas/login, and a Wigor
// timetable server's GET /Home/Get, which answers Kendo's DataSourceResult
// with times whose UTC clock is the campus's wall clock.
package wigor

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // the campus's zone

	"github.com/carillon-calendar/carillon/infra/sim"
)

// Lifetimes.
const (
	ticketLife  = 30 * time.Second // a service ticket's, on the machine's clock
	sessionLife = time.Hour        // of the timetable server's session
	maxFailures = 5                // wrong passwords in a row until an account is locked
	maxItems    = 5000
)

// A Server is the simulated school. Its sessions end by the simulated time.
type Server struct {
	*sim.Server

	zone *time.Location

	mu         sync.Mutex
	students   map[string]*student
	executions map[string]bool // login forms that were shown and not sent back
	granting   map[string]string
	tickets    map[string]ticket
	sessions   map[string]session
}

// What the server counts.
const (
	Logins   = "logins"
	Refused  = "refused"
	Readings = "readings"
)

type student struct {
	Password string            `json:"password"`
	Group    string            `json:"group"`
	Lessons  map[int64]*Lesson `json:"lessons"`
	failures int
}

type ticket struct {
	user, service string
	expires       time.Time
}

type session struct {
	user    string
	expires time.Time
}

// New returns a server with what the store has.
func New(o sim.Options) (*Server, error) {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return nil, err
	}
	s := &Server{
		Server: sim.New(o), zone: zone, students: map[string]*student{}, executions: map[string]bool{},
		granting: map[string]string{}, tickets: map[string]ticket{}, sessions: map[string]session{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /cas/login", s.showLogin)
	mux.HandleFunc("POST /cas/login", s.login)
	mux.HandleFunc("GET /Home/Get", s.homeGet)
	mux.HandleFunc("GET /{$}", s.home)
	guard := http.NewCrossOriginProtection() // a web page elsewhere must not edit
	for pattern, h := range map[string]http.HandlerFunc{
		"GET /_timetable/{student}": s.list, "POST /_timetable/{student}": s.add,
		"PATCH /_timetable/{student}/{id}": s.edit, "DELETE /_timetable/{student}/{id}": s.remove,
	} {
		mux.Handle(pattern, guard.Handler(h))
	}
	s.Route(mux, func(w http.ResponseWriter, status int, _ string) {
		page(w, status, "<h1>"+http.StatusText(status)+"</h1>")
	})
	return s, s.load()
}

// AddStudent makes an account, unless there is one; with a new password it gets that one.
func (s *Server) AddStudent(name, password, group string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.students[name]; old != nil {
		old.Password, old.failures = password, 0
	} else {
		s.students[name] = &student{Password: password, Group: group, Lessons: map[int64]*Lesson{}}
	}
	return s.save(name)
}

// EndSessions makes every session and ticket invalid, as a restart of the school's servers does.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	clear(s.tickets)
	clear(s.granting)
}

func secret(prefix string) string {
	b := make([]byte, 20)
	_, _ = rand.Read(b) // never fails
	return prefix + hex.EncodeToString(b)
}

func page(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<!doctype html><html lang=\"fr\"><head><title>Connexion</title></head><body>%s</body></html>",
		body)
}

var form = template.Must(template.New("login").Parse(`{{with .Message}}<div id="loginErrorsPanel">{{.}}</div>{{end}}
<form method="post" id="fm1">
<input class="mdc-text-field__input" id="username" name="username" type="text" autocomplete="username">
<input class="mdc-text-field__input" id="password" name="password" type="password">
<input type="hidden" name="execution" value="{{.Execution}}"/><input type="hidden" name="_eventId" value="submit"/>
<input type="hidden" name="lt" value="{{.LT}}"/><input type="hidden" name="geolocation"/>
<input type="hidden" name="deviceFingerprint"/>
<button class="mdc-button mdc-button--raised" name="submitBtn" type="submit" value="SE CONNECTER">Se connecter</button>
</form>`))

// showForm shows the login page; its hidden fields must come back.
func (s *Server) showForm(w http.ResponseWriter, status int, message string) {
	execution := secret("e1s1_") + strings.Repeat("ZXhlY3V0aW9u", 100) // Apereo keeps its flow in the page: some kB
	s.mu.Lock()
	s.executions[execution] = true
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: "JSESSIONID", Value: secret(""), Path: s.Prefix + "/cas", HttpOnly: true}) //nolint:gosec // as the school sets it, and over http
	var body strings.Builder
	_ = form.Execute(&body, map[string]string{"Message": message, "Execution": execution, "LT": secret("LT-")})
	page(w, status, body.String())
}

// ours reports whether a service is the timetable server, or CAS would not send a ticket there.
func (s *Server) ours(r *http.Request, service string) bool {
	u, err := url.Parse(service)
	return err == nil && u.Host == r.Host && strings.HasPrefix(u.Path, s.Prefix+"/")
}

func (s *Server) showLogin(w http.ResponseWriter, r *http.Request) {
	service := r.URL.Query().Get("service")
	if service != "" && !s.ours(r, service) {
		page(w, http.StatusForbidden, "<h2>Application non autorisée à utiliser CAS</h2>")
		return
	}
	if cookie, err := r.Cookie("TGC"); err == nil {
		s.mu.Lock()
		user := s.granting[cookie.Value]
		s.mu.Unlock()
		if user != "" && service != "" {
			s.grant(w, user, service)
			return
		}
	}
	s.showForm(w, http.StatusOK, "")
}

func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	service, user := r.URL.Query().Get("service"), r.PostFormValue("username")
	_, session := r.Cookie("JSESSIONID")
	s.mu.Lock()
	known := s.executions[r.PostFormValue("execution")] && session == nil && r.PostFormValue("_eventId") == "submit" &&
		r.PostFormValue("lt") != ""
	delete(s.executions, r.PostFormValue("execution"))
	account := s.students[user]
	locked := account != nil && account.failures >= maxFailures
	right := account != nil && !locked && account.Password == r.PostFormValue("password")
	switch {
	case !known:
	case right:
		account.failures = 0
		s.Count(Logins)
	default:
		s.Count(Refused)
		if account != nil {
			account.failures++
		}
	}
	s.mu.Unlock()
	switch {
	case !known || service != "" && !s.ours(r, service):
		s.showForm(w, http.StatusOK, "") // the flow begins anew, and nothing was checked
	case locked:
		s.showForm(w, http.StatusUnauthorized, "Ce compte est verrouillé.")
	case !right:
		s.showForm(w, http.StatusUnauthorized, "Mauvais identifiant / mot de passe.")
	default:
		granting := secret("TGT-")
		s.mu.Lock()
		s.granting[granting] = user
		s.mu.Unlock()
		http.SetCookie(w, &http.Cookie{Name: "TGC", Value: granting, Path: s.Prefix + "/cas", HttpOnly: true}) //nolint:gosec // as the school sets it, and over http
		s.grant(w, user, service)
	}
}

// grant sends the browser back to the service with a ticket.
func (s *Server) grant(w http.ResponseWriter, user, service string) {
	if service == "" {
		page(w, http.StatusOK, "<h2>Connexion réussie</h2>")
		return
	}
	st := secret("ST-")
	s.mu.Lock()
	s.tickets[st] = ticket{user, service, time.Now().Add(ticketLife)}
	s.mu.Unlock()
	sep := "?"
	if strings.Contains(service, "?") {
		sep = "&"
	}
	w.Header().Set("Location", service+sep+"ticket="+st) // another header would lose the service's own spelling
	w.WriteHeader(http.StatusFound)
}

// enter takes a ticket, once: it makes a session and goes on to the address without the ticket. It reports whether it
// has answered.
func (s *Server) enter(w http.ResponseWriter, r *http.Request) bool {
	before, st, ok := cutTicket(r.URL.RawQuery)
	if !ok {
		return false
	}
	service := "http://" + r.Host + s.Prefix + r.URL.Path
	if before != "" {
		service += "?" + before
	}
	s.mu.Lock()
	t, known := s.tickets[st]
	delete(s.tickets, st)
	valid := known && time.Now().Before(t.expires) && t.service == service
	id := secret("")
	if valid {
		s.sessions[id] = session{t.user, s.Now().Add(sessionLife)}
	}
	s.mu.Unlock()
	if !valid {
		s.toLogin(w, r)
		return true
	}
	for _, name := range []string{"ASP.NET_SessionId", ".DotNetCasClientAuth"} {
		http.SetCookie(w, &http.Cookie{Name: name, Value: id, Path: s.Prefix + "/", HttpOnly: true}) //nolint:gosec // as above
	}
	w.Header().Set("Location", service)
	w.WriteHeader(http.StatusFound)
	return true
}

// cutTicket takes the ticket out of a query, where the CAS protocol has put it: at the end.
func cutTicket(query string) (before, ticket string, ok bool) {
	at := strings.LastIndex(query, "ticket=")
	if at < 0 || at > 0 && query[at-1] != '&' {
		return query, "", false
	}
	return strings.TrimSuffix(query[:at], "&"), query[at+len("ticket="):], true
}

// user is whose session a request is of, or "".
func (s *Server) user(r *http.Request) string {
	first, err := r.Cookie("ASP.NET_SessionId")
	second, err2 := r.Cookie(".DotNetCasClientAuth")
	if err != nil || err2 != nil || first.Value != second.Value {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.sessions[first.Value]
	if !ok || s.Now().After(found.expires) {
		return ""
	}
	return found.user
}

func (s *Server) toLogin(w http.ResponseWriter, r *http.Request) {
	query, _, _ := cutTicket(r.URL.RawQuery)
	service := "http://" + r.Host + s.Prefix + r.URL.Path
	if query != "" {
		service += "?" + query
	}
	http.Redirect(w, r, s.Prefix+"/cas/login?service="+url.QueryEscape(service), http.StatusFound)
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) {
	switch {
	case s.enter(w, r):
	case s.user(r) == "":
		s.toLogin(w, r)
	default:
		page(w, http.StatusOK, "<h1>MonCampus</h1>")
	}
}

func (s *Server) save(name string) error { return s.Save(name, s.students[name]) }

func (s *Server) load() error {
	records, err := s.Load()
	for name, data := range records {
		account := &student{}
		if err := json.Unmarshal(data, account); err != nil {
			return err
		}
		s.students[name] = account
	}
	return err
}

// Lessons returns a student's lessons, sorted by start.
func (s *Server) Lessons(name string) []Lesson {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []Lesson{}
	if account := s.students[name]; account != nil {
		for _, l := range account.Lessons {
			all = append(all, *l)
		}
	}
	slices.SortFunc(all, func(a, b Lesson) int {
		if d := a.Start.Compare(b.Start); d != 0 {
			return d
		}
		return int(a.ID - b.ID)
	})
	return all
}
