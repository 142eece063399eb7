package status

import (
	"context"
	"sync"
)

// locks are one lock per room.
type locks struct {
	mu    sync.Mutex
	rooms map[string]*lock
}

type lock struct {
	free  chan struct{} // holds a token while nobody has the lock
	users int
}

func newLocks() *locks { return &locks{rooms: map[string]*lock{}} }

// lock waits for a room's lock; the returned function gives it back.
func (l *locks) lock(ctx context.Context, room string) (func(), error) {
	l.mu.Lock()
	k := l.rooms[room]
	if k == nil {
		k = &lock{free: make(chan struct{}, 1)}
		k.free <- struct{}{}
		l.rooms[room] = k
	}
	k.users++
	l.mu.Unlock()
	select {
	case <-k.free:
		return func() { k.free <- struct{}{}; l.leave(room, k) }, nil
	case <-ctx.Done():
		l.leave(room, k)
		return nil, ctx.Err()
	}
}

func (l *locks) leave(room string, k *lock) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k.users--; k.users == 0 {
		delete(l.rooms, room)
	}
}
