package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

//go:embed web
var pages embed.FS

// dashboard serves the page at / and what it asks for. Changes are taken from the page itself only.
func (s *system) dashboard(mux *http.ServeMux) {
	files, err := fs.Sub(pages, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	guard := http.NewCrossOriginProtection()
	page := http.FileServerFS(files)
	mux.Handle("/", secured(page))
	mux.Handle("GET /dashboard/rooms", secured(web.HandlerFunc(s.overview)))
	mux.Handle("POST /dashboard/book", secured(guard.Handler(web.HandlerFunc(s.bookFromDashboard))))
	if s.demo != nil {
		mux.Handle("/dashboard/calendar/", secured(guard.Handler(http.StripPrefix("/dashboard/calendar", web.HandlerFunc(s.editCalendar)))))
	}
}

// secured forbids everything that the page does not need, so that a title with HTML in it stays a text.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !unnamed(r.Host) {
			http.Error(w, "Ask for the dashboard by its IP address or as localhost.", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// unnamed reports whether a Host is an IP address or localhost: under another
// name, a page elsewhere could have its own name point here (DNS rebinding).
func unnamed(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// roomView is a room on the dashboard.
type roomView struct {
	Name       string         `json:"name"`
	CalendarID string         `json:"calendar_id,omitempty"` // where the calendar can be edited here
	TimeZone   string         `json:"time_zone"`
	Locale     string         `json:"locale"`
	Thing      map[string]any `json:"thing"` // what the Thing shows
	Meetings   []viewMeeting  `json:"meetings"`
	FetchedAt  time.Time      `json:"fetched_at,omitzero"`
	Channel    time.Time      `json:"channel_expires,omitzero"`
	Faults     []string       `json:"faults"`
	Messages   []viewMessage  `json:"messages"` // the last ones, newest first
}

type viewMeeting struct {
	ID     string    `json:"id"`
	Title  string    `json:"title"`
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Booked bool      `json:"booked"`
}

func (s *system) overview(w http.ResponseWriter, r *http.Request) error {
	settings, err := s.settings.Get(r.Context())
	if err != nil {
		return err
	}
	views := []roomView{}
	for _, configured := range settings.Rooms {
		view, err := s.view(r.Context(), settings, configured.Name)
		if err != nil {
			return err
		}
		views = append(views, view)
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, map[string]any{"now": s.clock.Now().UTC(), "editable": s.demo != nil, "rooms": views})
}

func (s *system) view(ctx context.Context, settings *rooms.Settings, name string) (roomView, error) {
	snapshot, record, err := s.documents(ctx, name)
	if err != nil {
		return roomView{}, err
	}
	room, _ := settings.Room(name, snapshot.TimeZone, snapshot.Thing.TimeZone)
	view := roomView{Name: name, TimeZone: room.Zone.String(), Locale: room.Locale, Thing: snapshot.Published, FetchedAt: snapshot.FetchedAt, Meetings: []viewMeeting{}, Faults: faultsOf(snapshot, record), Messages: s.recent.of(name)}
	if s.demo != nil {
		view.CalendarID, view.Thing = room.CalendarID, s.demo.arduino.Values(name)
	}
	for _, m := range room.StatusAt(snapshot.Events, s.clock.Now()).Coming {
		view.Meetings = append(view.Meetings, viewMeeting{m.ID, m.Title, m.Start, m.End, m.Booking == name})
	}
	if record.Channel != nil {
		view.Channel = record.Channel.Expiration
	}
	return view, nil
}

// bookFromDashboard books as a display does; the page does not know the secret.
func (s *system) bookFromDashboard(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		RoomName string `json:"room_name"`
		Duration int    `json:"duration_mins"`
	}
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	settings, err := s.settings.Get(r.Context())
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{"client_id": settings.ClientID, "room_name": body.RoomName, "duration_mins": body.Duration})
	if err != nil {
		return err
	}
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: "/meetings"}
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	inner.Header.Set("Authorization", "Bearer "+settings.ClientSecret)
	s.meetings.ServeHTTP(w, inner)
	return nil
}

// editCalendar passes a change to the simulated Google Calendar.
func (s *system) editCalendar(w http.ResponseWriter, r *http.Request) error {
	inner := r.Clone(r.Context())
	inner.Header.Set("Authorization", "Bearer dashboard")
	s.demo.google.ServeHTTP(w, inner)
	return nil
}
