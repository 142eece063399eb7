package rooms

import (
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/names"
)

// A Snapshot is what is known of a room and what its Thing was told: document
// rooms/<room_name>.json in the state bucket. Only rooms/status writes it.
type Snapshot struct {
	Version   int              `json:"version"`
	RoomName  string           `json:"room_name"`
	Removed   bool             `json:"removed,omitempty"` // no longer configured
	Events    []calendar.Event `json:"events"`
	FetchedAt time.Time        `json:"fetched_at"`
	TimeZone  string           `json:"time_zone,omitempty"` // the calendar's
	// PushedAt is the FetchedAt of the last facts that a push notification of Google brought.
	PushedAt time.Time `json:"pushed_at,omitzero"`
	// Unwatched says that the calendar has no living channel, so that it is polled.
	Unwatched bool `json:"unwatched,omitempty"`
	// PushMissed is when a listing found a change that no push notification had reported, on Google's clock; zero once one
	// has come.
	PushMissed time.Time `json:"push_missed,omitzero"`
	// Partial says that the calendar has more events in the window than these.
	Partial bool `json:"partial,omitempty"`
	// AsOf is the instant for which Published was computed; it may lie a few seconds ahead.
	AsOf  time.Time `json:"as_of,omitzero"`
	Thing Thing     `json:"thing"`
	// Published are the values last acknowledged by the Arduino cloud, by variable.
	Published map[string]any `json:"published,omitempty"`
	// ToldAt is when Published last changed, on the machine's clock.
	ToldAt time.Time `json:"told_at,omitzero"`
	// Pending are the publishers at work, by their id, with the time after which they have ended or died.
	Pending map[string]time.Time `json:"pending,omitempty"`
	// ToldAll is when a publisher last began to tell the Thing every value because of others' marks.
	ToldAll time.Time `json:"told_all,omitzero"`
	Fault   *Fault    `json:"fault,omitempty"` // of the Thing
	// CalendarFault is why the last refresh could not read the calendar.
	CalendarFault *Fault `json:"calendar_fault,omitempty"`
}

// A Thing is where a room's display gets its values.
type Thing struct {
	ID       string `json:"id,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
	// Properties are the property ids by variable.
	Properties map[string]string `json:"properties,omitempty"`
}

// SnapshotPrefix is where snapshots are in the state bucket.
const SnapshotPrefix = "rooms/"

// SnapshotName is the document of a room's snapshot.
func SnapshotName(room string) string { return SnapshotPrefix + names.Object(room) + ".json" }

// SnapshotRoom is the room of a snapshot's document.
func SnapshotRoom(name string) string {
	return names.FromObject(strings.TrimSuffix(strings.TrimPrefix(name, SnapshotPrefix), ".json"))
}

// MetaTransition is the metadata key of a snapshot's next transition (RFC 3339); MetaPoll is "true" where the calendar
// must be polled, because Google's notifications do not arrive.
const (
	MetaTransition = "next_transition"
	MetaPoll       = "poll"
)

// Polled reports whether the calendar is asked each minute, because Google's notifications do not arrive.
func (s *Snapshot) Polled() bool { return !s.Removed && (s.Unwatched || !s.PushMissed.IsZero()) }

// A Watch is a room's notification channel: document <room_name>.json in the
// watch bucket. Only rooms/watch writes it.
type Watch struct {
	Version int       `json:"version"`
	Channel *Channel  `json:"channel,omitempty"`
	Pending *Channel  `json:"pending,omitempty"` // being opened; its notifications are genuine
	Old     []Channel `json:"old,omitempty"`     // still to be stopped
	Fault   *Fault    `json:"fault,omitempty"`
	Removed bool      `json:"removed,omitempty"`
	// Response is how the system before Carillon kept its channel.
	Response *struct {
		ID         string `json:"id"`
		ResourceID string `json:"resourceId"`
	} `json:"response,omitempty"`
}

// A Channel is a push channel of Google Calendar.
type Channel struct {
	ID         string    `json:"id"`
	ResourceID string    `json:"resource_id,omitempty"`
	CalendarID string    `json:"calendar_id"`
	Address    string    `json:"address"`
	Expiration time.Time `json:"expiration,omitzero"`
	Since      time.Time `json:"since,omitzero"`
}

// WatchName is the document of a room's channel.
func WatchName(room string) string { return names.Object(room) + ".json" }

// Upgrade turns the old system's form into ours: its channel is one to stop.
func (w *Watch) Upgrade() {
	if w.Response != nil && w.Response.ID != "" {
		w.Old = append(w.Old, Channel{ID: w.Response.ID, ResourceID: w.Response.ResourceID})
	}
	w.Response = nil
	w.Version = 1
}

// Alive reports whether the room has a channel that has not ended.
func (w *Watch) Alive(now time.Time) bool { return w.Channel != nil && w.Channel.Expiration.After(now) }

// Has reports whether the channel is recorded as open or being opened.
func (w *Watch) Has(id string) bool {
	return w.Channel != nil && w.Channel.ID == id || w.Pending != nil && w.Pending.ID == id
}

// A Claim keeps a room for one booking in the making: document
// bookings/<room_name>.json in the state bucket. Only rooms/meetings and, for one left by a crash, rooms/refresh write
// it.
type Claim struct {
	Version int       `json:"version"`
	EventID string    `json:"event_id,omitempty"` // "" when the room is not claimed
	Holder  string    `json:"holder,omitempty"`   // the process that books
	Start   time.Time `json:"start,omitzero"`
	End     time.Time `json:"end,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
}

// ClaimName is the document of a room's claim.
func ClaimName(room string) string { return "bookings/" + names.Object(room) + ".json" }
