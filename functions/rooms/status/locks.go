package status

import (
	"context"
	"sync"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// locks are one lock per room. Who waits for one leaves its facts there, so
// that whoever holds the lock tells the Thing the newest of them at once.
type locks struct {
	mu    sync.Mutex
	rooms map[string]*lock
}

type lock struct {
	free  chan struct{} // holds a token while nobody has the lock
	users int
	facts *rooms.EventsMessage // the newest of the users'
}

func newLocks() *locks { return &locks{rooms: map[string]*lock{}} }

// lock waits for a room's lock with facts, or none; the returned function gives it back.
func (l *locks) lock(ctx context.Context, room string, facts *rooms.EventsMessage) (func(), error) {
	l.mu.Lock()
	k := l.rooms[room]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		l.rooms[room] = k
	}
	k.users++
	if facts != nil && (k.facts == nil || facts.FetchedAt.After(k.facts.FetchedAt)) {
		k.facts = facts
	}
	l.mu.Unlock()
	select {
	case <-k.free:
		return func() { k.free <- struct{}{}; l.leave(room, k) }, nil
	case <-ctx.Done():
		l.leave(room, k)
		return nil, ctx.Err()
	}
}

// newest returns the newest facts of those who hold or wait for the lock.
func (l *locks) newest(room string) *rooms.EventsMessage {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.rooms[room]; k != nil {
		return k.facts
	}
	return nil
}

func (l *locks) leave(room string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.rooms, room)
	}
}
