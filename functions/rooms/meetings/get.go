package meetings

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// An answer is what GET /meetings returns.
type answer struct {
	facts

	Now       time.Time `json:"now"`
	FetchedAt time.Time `json:"fetched_at"` // when the calendar was last read
}

// facts are what the ETag is over.
type facts struct {
	RoomName string `json:"room_name"`
	rooms.Fields

	TimeZone     string    `json:"time_zone"`
	Meetings     []meeting `json:"meetings"` // the current and the next, or the next two
	BusyUntil    time.Time `json:"busy_until,omitzero"`
	NextChangeAt time.Time `json:"next_change_at,omitzero"` // a display may sleep until then
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
	return meeting{ID: m.ID, Title: m.Title, Organizer: m.Organizer, Start: m.Start, End: m.End, AllDay: m.AllDay, Booked: m.Booking == room.Name}
}

func (f *function) get(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	settings, room, err := f.room(r.Context(), query.Get("client_id"), web.Bearer(r), query.Get("room_name"))
	if err != nil {
		return err
	}
	snapshot, err := f.snapshot(r.Context(), room.Name)
	if errors.Is(err, documents.ErrNotFound) || err == nil && (snapshot.Removed || snapshot.FetchedAt.IsZero()) {
		w.Header().Set("Retry-After", "5")
		return unread(snapshot)
	}
	if err != nil {
		return web.Unavailable(err)
	}
	room, _ = settings.Room(room.Name, snapshot.TimeZone, snapshot.Thing.TimeZone)
	return f.tell(w, r, describe(room, snapshot, f.Now().UTC()))
}

// unread says why nothing is known of a room.
func unread(s rooms.Snapshot) error {
	detail := "The room's calendar has not been read yet."
	if s.CalendarFault != nil {
		detail = "The room's calendar cannot be read. " + s.CalendarFault.Detail
	}
	return web.NewProblem(http.StatusServiceUnavailable, detail, nil)
}

func describe(room rooms.Room, s rooms.Snapshot, now time.Time) answer {
	status := room.StatusAt(s.Events, now)
	a := answer{Now: now, FetchedAt: s.FetchedAt, facts: facts{
		RoomName: room.Name, Fields: room.Fields(status), TimeZone: room.Zone.String(), Meetings: []meeting{},
		BusyUntil: status.BusyUntil, NextChangeAt: room.NextChange(s.Events, now),
	}}
	for _, m := range status.Coming[:min(2, len(status.Coming))] {
		a.Meetings = append(a.Meetings, meetingOf(m, room))
	}
	return a
}

func (f *function) tell(w http.ResponseWriter, r *http.Request, a answer) error {
	data, err := json.Marshal(a.facts)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	w.Header().Set("ETag", etag)
	w.Header().Set("Cache-Control", "private, no-cache")
	if matches(r.Header.Get("If-None-Match"), etag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return web.WriteJSON(w, http.StatusOK, a)
}

// matches compares weakly, as RFC 9110, section 13.1.2 says of If-None-Match.
func matches(header, etag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == etag || candidate == "*" {
			return true
		}
	}
	return false
}

// snapshotAge is how old a snapshot in memory may be: many displays poll at once.
const snapshotAge = time.Second

type cached struct {
	snapshot rooms.Snapshot
	err      error
	read     time.Time
}

func (f *function) snapshot(ctx context.Context, room string) (rooms.Snapshot, error) {
	now := time.Now() //nolint:forbidigo // the age of a cache is real time
	f.mu.Lock()
	c, ok := f.snapshots[room]
	f.mu.Unlock()
	if ok && now.Sub(c.read) < snapshotAge {
		return c.snapshot, c.err
	}
	c.snapshot, _, c.err = documents.Load[rooms.Snapshot](ctx, f.State, rooms.SnapshotName(room))
	if c.err != nil {
		return c.snapshot, c.err
	}
	c.read = now
	f.mu.Lock()
	f.snapshots[room] = c
	f.mu.Unlock()
	return c.snapshot, nil
}

// function is the handler's state: what it was given, and snapshots read within the last second.
type function struct {
	Config

	mu        sync.Mutex
	snapshots map[string]cached
}
