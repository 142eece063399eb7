package meetings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/bookings"
)

// facts are what GET /meetings returns, and what its ETag is over. Beside them
// the answer has now, and fetched_at: when the calendar was last read.
type facts struct {
	RoomName string `json:"room_name"`
	rooms.Fields

	TimeZone     string    `json:"time_zone"`
	Meetings     []meeting `json:"meetings"` // the current and the next, or the next two
	BusyUntil    time.Time `json:"busy_until,omitzero"`
	NextChangeAt time.Time `json:"next_change_at,omitzero"` // a display may sleep until then
	// StaleSince is when the calendar was last read, where it should have been read since; a display shows it.
	StaleSince time.Time `json:"stale_since,omitzero"`
}

type meeting struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`
	Organizer string    `json:"organizer,omitempty"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	AllDay    bool      `json:"all_day,omitempty"`
	// Booked is true for a meeting made at this room's display, which may delete it.
	Booked bool `json:"booked,omitempty"`
}

func meetingOf(m rooms.Meeting, room rooms.Room) meeting {
	return meeting{
		ID: m.ID, Title: m.Title, Organizer: m.Organizer, Start: m.Start, End: m.End, AllDay: m.AllDay,
		Booked: m.Booking == room.Name,
	}
}

func (f *function) get(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	settings, room, err := f.room(r.Context(), query.Get("client_id"), web.Bearer(r), query.Get("room_name"))
	if err != nil {
		return err
	}
	now := f.Now().UTC()
	p, err := f.page(r.Context(), settings, room.Name, now)
	if err != nil {
		if p.unknown {
			w.Header().Set("Retry-After", "5")
		}
		return web.Unavailable(err)
	}
	w.Header().Set("ETag", p.etag)
	w.Header().Set("Cache-Control", "private, no-cache") // the ETag tells whether it is still right
	if web.Matches(r, p.etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(p.body(now)) // an error means that the client is gone
	return nil
}

// pageAge is how old a page in memory may be: many displays poll at once.
const pageAge = time.Second

// A page is the answer for a room, written once for all who ask while it is right.
type page struct {
	facts     []byte // the JSON of facts
	fetchedAt []byte // the JSON of the time
	etag      string
	read      time.Time // on the machine's clock
	until     time.Time // the next change, on the rooms' clock; zero for none
	unknown   bool
}

// body is the answer at the moment now.
func (p page) body(now time.Time) []byte {
	b := make([]byte, 0, len(p.facts)+100)
	b = append(b, p.facts[:len(p.facts)-1]...)
	b = append(b, `,"now":"`...)
	b = now.AppendFormat(b, time.RFC3339Nano)
	b = append(b, `","fetched_at":`...)
	b = append(b, p.fetchedAt...)
	return append(b, "}\n"...)
}

// page returns a room's answer from memory, else from its snapshot.
func (f *function) page(ctx context.Context, settings *rooms.Settings, name string, now time.Time) (page, error) {
	read := time.Now() //nolint:forbidigo // the age of a cache is real time
	f.mu.Lock()
	p, ok := f.pages[name]
	f.mu.Unlock()
	if ok && !p.read.IsZero() && read.Sub(p.read) < pageAge && (p.until.IsZero() || now.Before(p.until)) {
		return p, nil
	}
	s, err := documents.LoadIfAny[rooms.Snapshot](ctx, f.State, rooms.SnapshotName(name))
	if err != nil {
		return page{}, err
	}
	room, _ := settings.Room(name, s.TimeZone, s.Thing.TimeZone)
	if k := s.Knowledge(now); !k.Known {
		return page{unknown: true}, unknown(room, s, k)
	}
	if p, err = write(describe(room, s, now), s.FetchedAt); err != nil {
		return p, err
	}
	p.read = read
	f.mu.Lock()
	defer f.mu.Unlock()
	if read.After(f.changed[name].Add(pageAge)) {
		f.pages[name] = p
	}
	return p, nil
}

// forget drops a room's answer, and keeps none for a moment: the room was changed here, and its snapshot follows.
func (f *function) forget(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.pages, name)
	f.changed[name] = time.Now() //nolint:forbidigo // the age of a cache is real time
}

// write makes the page of facts.
func write(what facts, fetchedAt time.Time) (p page, err error) {
	if p.facts, err = json.Marshal(what); err != nil {
		return p, err
	}
	if p.fetchedAt, err = json.Marshal(fetchedAt); err != nil {
		return p, err
	}
	sum := sha256.Sum256(p.facts)
	p.etag, p.until = `"`+hex.EncodeToString(sum[:12])+`"`, what.NextChangeAt
	return p, nil
}

// unknown says why it is not known whether a room is free, and since when.
func unknown(room rooms.Room, s rooms.Snapshot, k rooms.Knowledge) error {
	detail := "The room's calendar has not been read yet."
	if !k.ReadAt.IsZero() {
		detail = "The room's calendar was last read at " + k.ReadAt.In(room.Zone).Format("15:04 MST on 2 January 2006") +
			": whether the room is free is not known."
	}
	if s.CalendarFault != nil {
		detail += " " + s.CalendarFault.Detail
	}
	p := web.NewProblem(http.StatusServiceUnavailable, detail, nil)
	p.Type = web.ProblemType + "room-unknown"
	return p
}

func describe(room rooms.Room, s rooms.Snapshot, now time.Time) facts {
	status := room.StatusOf(&s, now)
	f := facts{
		RoomName: room.Name, Fields: room.Fields(status), TimeZone: room.Zone.String(), Meetings: []meeting{},
		BusyUntil: status.BusyUntil, NextChangeAt: room.NextChangeOf(&s, now),
	}
	if k := s.Knowledge(now); k.Stale {
		f.StaleSince = k.ReadAt
	}
	for _, m := range status.Coming[:min(2, len(status.Coming))] {
		f.Meetings = append(f.Meetings, meetingOf(m, room))
	}
	return f
}

// function is the handler's state: what it was given, and answers written within the last second.
type function struct {
	Config

	desk *bookings.Desk

	mu      sync.Mutex
	pages   map[string]page
	changed map[string]time.Time // when a room was last changed here, on the machine's clock
}
