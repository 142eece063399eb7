package rooms

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

func (b *bridge) pages(handle func(pattern string, h http.Handler)) {
	handle("GET /dashboard/rooms", web.HandlerFunc(b.overview))
	handle("POST /dashboard/book", web.HandlerFunc(b.bookFromDashboard))
	handle("POST /dashboard/rooms/{room}/list", web.HandlerFunc(b.listNow))
	if b.demo != nil {
		handle("/dashboard/calendar/", http.StripPrefix("/dashboard/calendar", web.HandlerFunc(b.editCalendar)))
	}
}

// roomView is a room on the dashboard.
type roomView struct {
	Name       string         `json:"name"`
	CalendarID string         `json:"calendar_id,omitempty"` // where the calendar can be edited here
	TimeZone   string         `json:"time_zone"`
	Thing      map[string]any `json:"thing"` // what the Thing shows
	Meetings   []viewMeeting  `json:"meetings"`
	FetchedAt  time.Time      `json:"fetched_at,omitzero"`
	Known      bool           `json:"known"` // else nobody knows whether the room is free
	Stale      bool           `json:"stale"` // the calendar should have been read since
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

func (b *bridge) overview(w http.ResponseWriter, r *http.Request) error {
	views, err := b.views(r.Context(), r.URL.Query().Get("locale"))
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return web.WriteJSON(w, http.StatusOK, map[string]any{
		"now": b.Clock.Now().UTC(), "editable": b.demo != nil, "rooms": views,
	})
}

func (b *bridge) views(ctx context.Context, locale string) ([]roomView, error) {
	settings, err := b.settings.Get(ctx)
	if err != nil {
		return nil, err
	}
	views := make([]roomView, 0, len(settings.Rooms))
	for _, configured := range settings.Rooms {
		view, err := b.view(ctx, settings, configured.Name, locale)
		if err != nil {
			return nil, err
		}
		views = append(views, view)
	}
	return views, nil
}

func (b *bridge) view(ctx context.Context, settings *rooms.Settings, name, locale string) (roomView, error) {
	snapshot, record, err := b.documents(ctx, name)
	if err != nil {
		return roomView{}, err
	}
	room, _ := settings.Room(name, snapshot.TimeZone, snapshot.Thing.TimeZone)
	view := roomView{
		Name: name, TimeZone: room.Zone.String(), Thing: snapshot.Published, FetchedAt: snapshot.FetchedAt,
		Meetings: []viewMeeting{}, Faults: faultsOf(snapshot, record, locale), Messages: b.recent.of(name),
	}
	k := snapshot.Knowledge(b.Clock.Now())
	view.Known, view.Stale = k.Known, k.Stale
	if b.demo != nil {
		view.CalendarID, view.Thing = room.CalendarID, b.demo.arduino.Values(name)
	}
	for _, m := range room.StatusOf(&snapshot, b.Clock.Now()).Coming {
		view.Meetings = append(view.Meetings, viewMeeting{m.ID, m.Title, m.Start, m.End, m.Booking == name})
	}
	if record.Channel != nil {
		view.Channel = record.Channel.Expiration
	}
	return view, nil
}

// bookFromDashboard books as a display does; the page does not know the secret.
func (b *bridge) bookFromDashboard(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		RoomName string `json:"room_name"`
		Duration int    `json:"duration_mins"`
		Fit      bool   `json:"fit"`
	}
	if err := web.DecodeJSON(w, r, &body); err != nil {
		return err
	}
	settings, err := b.settings.Get(r.Context())
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]any{
		"client_id": settings.ClientID, "room_name": body.RoomName, "duration_mins": body.Duration, "fit": body.Fit,
	})
	if err != nil {
		return err
	}
	inner := r.Clone(r.Context())
	inner.URL = &url.URL{Path: "/meetings"}
	inner.Body, inner.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	inner.Header.Set("Authorization", "Bearer "+settings.ClientSecret)
	b.meetings.ServeHTTP(w, inner)
	return nil
}

// listNow has a room's calendar read now rather than with the next hourly refresh.
func (b *bridge) listNow(w http.ResponseWriter, r *http.Request) error {
	settings, err := b.settings.Get(r.Context())
	if err != nil {
		return err
	}
	room, ok := settings.Room(r.PathValue("room"))
	if !ok {
		return web.NewProblem(http.StatusNotFound, "config.json has no room of this name.", nil)
	}
	if err := messages.PublishJSON(r.Context(), b.Host, rooms.TopicRefresh,
		rooms.RoomMessage{RoomName: room.Name}, nil); err != nil {
		return err
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

// editCalendar passes a change to the simulated Google Calendar.
func (b *bridge) editCalendar(w http.ResponseWriter, r *http.Request) error {
	inner := r.Clone(r.Context())
	inner.Header.Set("Authorization", "Bearer dashboard")
	b.demo.google.ServeHTTP(w, inner)
	return nil
}
