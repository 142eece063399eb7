package status

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// A telling brings a Thing to what it should show, and notes in the snapshot what it was told.
type telling struct {
	client  *iotcloud.Client
	s       *rooms.Snapshot
	told    []string
	refused []string // variables that take no value of ours
}

// all tells what differs: first the colour of the door; then, because a display that starts anew writes its own first
// values, what the Thing really shows is asked, and the rest is told.
func (t *telling) all(ctx context.Context, want rooms.Fields) error {
	todo := differences(t.s, want)
	for len(todo) > 0 && todo[0].rank == 0 {
		if err := t.one(ctx, todo[0]); err != nil {
			return err
		}
		todo = todo[1:]
	}
	if t.client.Idle() && t.rests(todo) { // else values go first, and the next comparison of all Things finds the rest
		t.verify(ctx)
		todo = slices.DeleteFunc(differences(t.s, want),
			func(a assignment) bool { return slices.Contains(t.refused, a.variable) })
	}
	for _, a := range todo {
		if err := t.one(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// rests reports whether the Thing has values of ours from before that will not be told now.
func (t *telling) rests(todo []assignment) bool {
	now := slices.Clone(t.told)
	for _, a := range todo {
		now = append(now, a.variable)
	}
	for name := range t.s.Published {
		if !slices.Contains(now, name) {
			return true
		}
	}
	return false
}

func (t *telling) one(ctx context.Context, a assignment) error {
	err := t.client.Publish(ctx, a.rank, t.s.Thing.ID, a.property, a.value)
	switch {
	case err == nil:
		t.told = append(t.told, a.variable)
		t.s.Published[a.variable] = a.value
		return nil
	case errors.Is(err, iotcloud.ErrInvalid): // the others are told all the same
		t.refused = append(t.refused, a.variable)
		delete(t.s.Published, a.variable)
		return nil
	default:
		delete(t.s.Published, a.variable)
		return err
	}
}

// verify forgets of the values told before those that the Thing no longer shows. What was told just now may not be
// shown yet.
func (t *telling) verify(ctx context.Context) {
	thing, err := t.client.Thing(ctx, t.s.Thing.ID)
	if err != nil { // the next reconcile finds it
		slog.WarnContext(ctx, "what the Thing shows is not known", slog.String("room", t.s.RoomName), slog.Any("error", err))
		return
	}
	shown := shownBy(&thing)
	for name, value := range t.s.Published {
		if !slices.Contains(t.told, name) && !equal(value, shown[name]) {
			delete(t.s.Published, name)
		}
	}
}
