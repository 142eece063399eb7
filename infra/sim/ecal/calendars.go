package ecal

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

func (s *Server) calendar(c call) *Calendar {
	for id, found := range s.calendars {
		if found.Key == c.key && (id == c.PathValue("id") || found.Reference != "" && found.Reference == c.PathValue("id")) {
			return found
		}
	}
	return nil
}

func (c Calendar) shown() Calendar {
	c.Key = ""
	return c
}

func (s *Server) listCalendars(c call) (any, int) {
	var found []Calendar
	for _, one := range s.calendars {
		if one.Key == c.key {
			found = append(found, one.shown())
		}
	}
	if len(found) == 0 {
		return nil, 0
	}
	slices.SortFunc(found, func(a, b Calendar) int { return strings.Compare(a.ID, b.ID) })
	return found, 0
}

func (s *Server) showCalendar(c call) (any, int) {
	found := s.calendar(c)
	if found == nil {
		return nil, http.StatusNotFound
	}
	return found.shown(), 0
}

func (s *Server) createCalendar(c call) (any, int) {
	var body struct{ Name, Type, Categories, Reference string }
	if json.Unmarshal(c.body, &body) != nil || !nameFits(body.Name) || body.Type != "fixture" || body.Categories == "" {
		return nil, http.StatusBadRequest
	}
	for _, one := range s.calendars {
		if body.Reference != "" && one.Reference == body.Reference && one.Key == c.key {
			return nil, http.StatusConflict
		}
	}
	made := &Calendar{ID: newID(), Name: body.Name, Reference: body.Reference, Type: body.Type, Key: c.key}
	s.calendars[made.ID] = made
	if s.saveCalendar(made.ID) != nil {
		return nil, http.StatusInternalServerError
	}
	return made.shown(), 0
}

// nameFits: a calendar's name has 2 to 250 characters.
func nameFits(name string) bool {
	n := utf8.RuneCountInString(name)
	return n >= 2 && n <= 250
}

func (s *Server) updateCalendar(c call) (any, int) {
	found := s.calendar(c)
	var body struct{ Name string }
	if found == nil {
		return nil, http.StatusNotFound
	}
	if json.Unmarshal(c.body, &body) != nil || !nameFits(body.Name) {
		return nil, http.StatusBadRequest
	}
	found.Name = body.Name
	if s.saveCalendar(found.ID) != nil {
		return nil, http.StatusInternalServerError
	}
	return found.shown(), 0
}

func (s *Server) deleteCalendar(c call) (any, int) {
	found := s.calendar(c)
	switch {
	case found == nil:
		return nil, http.StatusNotFound
	case found.Type == "private":
		return nil, http.StatusForbidden
	}
	delete(s.calendars, found.ID)
	for id, e := range s.events {
		if e.CalendarID == found.ID {
			delete(s.events, id)
			if s.saveEvent(id) != nil {
				return nil, http.StatusInternalServerError
			}
		}
	}
	if s.saveCalendar(found.ID) != nil {
		return nil, http.StatusInternalServerError
	}
	return map[string]string{"id": found.ID}, 0
}
