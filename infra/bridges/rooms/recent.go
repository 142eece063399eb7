package rooms

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// keptMessages is how many messages of a room the dashboard shows.
const keptMessages = 5

// A recent keeps each room's last messages, for the dashboard.
type recent struct {
	mu    sync.Mutex
	rooms map[string][]viewMessage
}

type viewMessage struct {
	At     time.Time `json:"at"`
	Topic  string    `json:"topic"`
	Events *int      `json:"events,omitempty"` // how many a roomcalendar_events message carries
}

func (r *recent) add(topic string, m messages.Message, now time.Time) {
	var body rooms.EventsMessage // the other topics' messages name a room too
	if json.Unmarshal(m.Data, &body) != nil || body.RoomName == "" {
		return
	}
	view := viewMessage{At: now, Topic: topic}
	if topic == rooms.TopicEvents {
		n := len(body.Events)
		view.Events = &n
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append([]viewMessage{view}, r.rooms[body.RoomName]...)
	r.rooms[body.RoomName] = list[:min(len(list), keptMessages)]
}

func (r *recent) of(room string) []viewMessage {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]viewMessage{}, r.rooms[room]...)
}

// A listener publishes the functions' messages, and keeps the last ones of each room.
type listener struct{ b *bridge }

// Publish implements [messages.Publisher].
func (l listener) Publish(ctx context.Context, topic string, m messages.Message) error {
	err := l.b.Publish(ctx, topic, m)
	if err == nil {
		l.b.recent.add(topic, m, l.b.Clock.Now().UTC())
	}
	return err
}
