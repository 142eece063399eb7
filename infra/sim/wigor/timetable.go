package wigor

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"maps"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

// A Lesson is one of a student's timetable, with its real times. Rooms is written as MonCampus writes it: "BB-205(BALMA
// B)".
type Lesson struct {
	ID      int64     `json:"id"` // NoCours
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	AllDay  bool      `json:"all_day,omitempty"`
	Title   string    `json:"title"`             // Commentaire
	Subject string    `json:"subject,omitempty"` // Matiere; COMMENTAIRE where there is none
	Rooms   string    `json:"rooms,omitempty"`
	Teacher string    `json:"teacher,omitempty"`
	Mode    string    `json:"mode,omitempty"` // CoursMixteInfoBulle
	Links   []string  `json:"links,omitempty"`
	// Raw is put over the fields of the answer, for what no school should write.
	Raw map[string]any `json:"raw,omitempty"`
}

var errNoStudent = errors.New("no student of this name")

// Put adds a lesson, or replaces the one of its id. Without an id it gets the next one.
func (s *Server) Put(name string, lessons ...Lesson) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.students[name]
	if account == nil {
		return errNoStudent
	}
	for i := range lessons {
		l := &lessons[i]
		if l.ID == 0 {
			l.ID = 9_000_000
			for id := range account.Lessons {
				l.ID = max(l.ID, id)
			}
			l.ID++
		}
		if !l.Start.Before(l.End) && !l.AllDay || l.Title == "" || len(account.Lessons) >= maxItems {
			return fmt.Errorf("lesson %d: it needs a title, and a start before its end", l.ID)
		}
		account.Lessons[l.ID] = l
	}
	return s.save(name)
}

// Remove takes lessons out of the timetable.
func (s *Server) Remove(name string, ids ...int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	account := s.students[name]
	if account == nil {
		return errNoStudent
	}
	for _, id := range ids {
		delete(account.Lessons, id)
	}
	return s.save(name)
}

// homeGet is the timetable: ?sort=&group=&filter=&dateDebut=&dateFin= with ISO times.
func (s *Server) homeGet(w http.ResponseWriter, r *http.Request) {
	if s.enter(w, r) {
		return
	}
	user := s.user(r)
	if user == "" {
		s.toLogin(w, r)
		return
	}
	q := r.URL.Query()
	from, err := time.Parse(time.RFC3339, q.Get("dateDebut"))
	until, err2 := time.Parse(time.RFC3339, q.Get("dateFin"))
	if err != nil || err2 != nil {
		page(w, http.StatusInternalServerError, "<h1>Erreur de serveur dans l'application '/'.</h1>")
		return
	}
	s.mu.Lock()
	s.Count(Readings)
	s.mu.Unlock()
	items := []map[string]any{}
	for _, l := range s.Lessons(user) {
		if wall := wallClock(l.Start, s.zone); !wall.Before(from) && !wall.After(until) {
			items = append(items, s.item(user, l))
		}
	}
	s.answer(w, r, items)
}

// answer writes Kendo's DataSourceResult, or what a fault makes of it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, items []map[string]any) {
	total, failed := len(items), any(nil)
	for _, f := range s.Faults.Own(r.Method, r.URL.Path) {
		switch n := min(max(f.Items, 0), len(items)); f.Kind {
		case "partial": // the last items are missing, and nothing shows it
			items, total = items[:len(items)-n], total-n
		case "short": // they are missing, and Total shows it
			items = items[:len(items)-max(n, min(1, len(items)))]
		case "empty":
			items, total = items[:0], 0
		case "errors":
			failed = "Timeout expired."
		case "login_page": // an expired session that is answered 200
			s.showForm(w, http.StatusOK, "")
			return
		case "repaired": // the school repaired its clock
			for _, item := range items {
				for _, name := range []string{"Start", "End"} {
					if t, err := time.Parse(time.RFC3339, fmt.Sprint(item[name])); err == nil {
						u := t.UTC()
						item[name] = time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), 0, 0, s.zone).Format(time.RFC3339)
					}
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(map[string]any{"Data": items, "Total": total, "AggregateResults": nil, "Errors": failed})
}

// wallClock is the campus's wall clock as if it were UTC's.
func wallClock(t time.Time, zone *time.Location) time.Time {
	local := t.In(zone)
	return time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
}

// item is a lesson with the 31 fields of Home/Get.
func (s *Server) item(user string, l Lesson) map[string]any {
	quirk := func(t time.Time) string { return wallClock(t, s.zone).In(s.zone).Format(time.RFC3339) }
	orNull := func(text string) any {
		if text == "" {
			return nil
		}
		return text
	}
	s.mu.Lock()
	group := s.students[user].Group
	s.mu.Unlock()
	subject, rooms := l.Subject, l.Rooms
	if subject == "" {
		subject = "COMMENTAIRE"
	}
	if rooms == "" {
		rooms = "Aucune"
	}
	var teams strings.Builder
	for _, link := range l.Links {
		fmt.Fprintf(&teams, `<a href="%s" target="_blank"><img src="/img/MTeams_G.png"/></a>`, html.EscapeString(link))
	}
	item := map[string]any{
		"Commentaire": l.Title, "NoCours": l.ID, "NoGroupe": 4141, "LibelleGroupe": group, "LibelleSemaine": nil,
		"Matiere": subject, "Salles": rooms,
		"NomEcole": "EPSI", "LogoEcole": "", "CoursMixtePicto": "", "CoursMixteInfoBulle": l.Mode, "FondCour": "",
		"NomProf": orNull(l.Teacher), "Duree": l.End.Sub(l.Start).Hours(),
		"RecurrenceRule": nil, "RecurrenceID": nil, "RecurrenceException": nil, "IsAllDay": l.AllDay,
		"Title": group, "Description": nil,
		"Start": quirk(l.Start), "StartTimezone": nil, "End": quirk(l.End), "EndTimezone": nil,
		"TeamsURL": orNull(teams.String()), "TeamsUrl": orNull(teams.String()),
		"ColorRed": 200, "ColorGreen": 220, "ColorBlue": 240, "Origine": 0, "LienTrack": "",
	}
	maps.Copy(item, l.Raw)
	return item
}

// The paths below let a person, or a test, edit a timetable.

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, http.StatusOK, s.Lessons(path.Base(r.PathValue("student"))))
}

func (s *Server) add(w http.ResponseWriter, r *http.Request) {
	s.change(w, r, Lesson{}, http.StatusCreated)
}

func (s *Server) edit(w http.ResponseWriter, r *http.Request) {
	id, _ := strconv.ParseInt(r.PathValue("id"), 10, 64)
	for _, l := range s.Lessons(r.PathValue("student")) {
		if l.ID == id {
			s.change(w, r, l, http.StatusOK)
			return
		}
	}
	writeJSON(w, http.StatusNotFound, map[string]string{"error": "no lesson of this id"})
}

// change puts the fields of the body over a lesson.
func (s *Server) change(w http.ResponseWriter, r *http.Request, l Lesson, status int) {
	id := l.ID
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&l); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	if id != 0 {
		l.ID = id
	}
	lessons := []Lesson{l}
	if err := s.Put(r.PathValue("student"), lessons...); err != nil {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
		return
	}
	writeJSON(w, status, lessons[0])
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		err = s.Remove(r.PathValue("student"), id)
	}
	if err != nil {
		writeJSON(w, http.StatusNotFound, map[string]string{"error": err.Error()})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
