package status

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

const (
	tickAge = 60 * time.Second // an older tick has a younger one behind it
	// ahead is how early a transition may be shown, so that a tick a moment before the minute does not wait for the next.
	ahead    = 5 * time.Second
	parallel = 20
)

// tick hands on the rooms whose time has come. It makes no outside call.
func (f *function) tick(ctx context.Context, settings *rooms.Settings, published time.Time) error {
	now := f.Now()
	if now.Sub(published) > tickAge {
		return nil
	}
	if published.Minute()%rooms.ReconcileMinutes == 0 {
		compare := messages.OfKind(rooms.KindReconcile)
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicDue, rooms.RoomMessage{}, compare); err != nil {
			return err
		}
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	due, poll := 0, settings.Polls()
	for info, err := range f.State.List(ctx, rooms.SnapshotPrefix) {
		if err != nil {
			return err
		}
		poll = poll || info.Metadata[rooms.MetaPoll] != ""
		at, err := time.Parse(time.RFC3339Nano, info.Metadata[rooms.MetaTransition])
		if err != nil || at.After(now.Add(ahead)) && at.Before(now.Add(rooms.LongestChange)) {
			continue
		}
		due++
		room := rooms.SnapshotRoom(info.Name)
		group.Go(func() error { return f.handOn(groupCtx, room, at) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if poll {
		list := messages.OfKind(rooms.KindPoll)
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh, rooms.RoomMessage{}, list); err != nil {
			return err
		}
	}
	if due > 0 {
		slog.InfoContext(ctx, "tick", slog.Int("due", due), slog.Int64("duration_ms", f.Now().Sub(now).Milliseconds()))
	}
	return nil
}

func (f *function) handOn(ctx context.Context, room string, at time.Time) error {
	msg := rooms.RoomMessage{RoomName: room, Transition: at}
	return messages.PublishJSON(ctx, f.Publisher, rooms.TopicDue, msg, messages.OfKind(rooms.KindDue))
}

// reconcile compares what every Thing shows with what was published to it: one request.
// Where they differ, the difference is recorded and the room handed on to be published.
func (f *function) reconcile(ctx context.Context, settings *rooms.Settings) error {
	asked := realNow()
	things, err := f.things.list(ctx, settings)
	if err != nil {
		return err
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for info, err := range f.State.List(ctx, rooms.SnapshotPrefix) {
		if err != nil {
			return err
		}
		name := rooms.SnapshotRoom(info.Name)
		group.Go(func() error {
			if err := f.compare(groupCtx, settings, name, things[name], asked); err != nil {
				return fmt.Errorf("room %s: %w", name, err)
			}
			return nil
		})
	}
	return group.Wait()
}

// ofTheThing are faults that last while the Thing is as it is.
var ofTheThing = []string{thingMissing, variableMissing, variableRefused} //nolint:gochecknoglobals // a constant

// compare takes over what the cloud said of one Thing when it was asked. A room to which something was published since
// then, or is being published, is left alone.
func (f *function) compare(
	ctx context.Context, settings *rooms.Settings, name string, things []*iotcloud.Thing, asked time.Time,
) error {
	unlock, err := f.locks.lock(ctx, name, nil)
	if err != nil {
		return err
	}
	defer unlock()
	s, gen, err := documents.Load[rooms.Snapshot](ctx, f.State, rooms.SnapshotName(name))
	if errors.Is(err, documents.ErrNotFound) {
		return nil
	}
	if err != nil || s.Removed {
		return err
	}
	if _, configured := settings.Room(name); !configured {
		_, err := f.store(ctx, gen,
			rooms.Snapshot{Version: 1, RoomName: name, Removed: true, FetchedAt: s.FetchedAt}, time.Time{})
		return err
	}
	thing := choose(things, s.Thing.ID)
	sameThing := thing != nil && s.Thing.ID == thing.ID && maps.Equal(s.Thing.Properties, thing.Properties)
	beingTold := s.ToldAt.After(asked) && !calendar.Ahead(realNow(), s.ToldAt) || len(markers(s.Pending).active()) > 0
	shown := shownBy(thing)
	told := s.Published != nil || s.Fault != nil // else there was nothing to tell yet
	fault := s.Fault
	if len(things) > 1 {
		fault = f.fault(s.Fault, thingAmbiguous, ambiguous(name, thing.ID, things))
	}
	asItWas := fault == s.Fault && (fault == nil || len(things) > 1 || slices.Contains(ofTheThing, fault.Code))
	if thing == nil && s.Thing.ID == "" && asItWas {
		return nil
	}
	if !told || sameThing && (beingTold || asItWas && same(s.Published, shown)) {
		return nil
	}
	s.Fault = fault // the publisher looks at it again
	s.Published = known(s.Published, shown)
	if thing == nil {
		s.Thing = rooms.Thing{}
	} else {
		s.Thing = thing.Thing
	}
	now := f.Now()
	if _, err := f.store(ctx, gen, s, now); err != nil {
		return err
	}
	slog.InfoContext(ctx, "room's Thing differs", slog.String("room", name), slog.String("why", rooms.KindReconcile))
	return f.handOn(ctx, name, now)
}

// shownBy returns a Thing's values under the variables' own names.
func shownBy(t *iotcloud.Thing) map[string]any {
	shown := map[string]any{}
	if t == nil {
		return shown
	}
	for _, v := range rooms.Variables {
		if value, ok := t.Values[v.Name]; ok {
			shown[v.Name] = value
		} else if value, ok := t.Values[v.Alias]; ok {
			shown[v.Name] = value
		}
	}
	return shown
}

// same reports whether the Thing shows every value that we published.
func same(published, shown map[string]any) bool {
	for name, value := range published {
		if !equal(value, shown[name]) {
			return false
		}
	}
	return true
}

// known keeps of our values those that the Thing shows.
func known(published, shown map[string]any) map[string]any {
	kept := map[string]any{}
	for name, value := range published {
		if equal(value, shown[name]) {
			kept[name] = value
		}
	}
	return kept
}

// equal compares values that may have been through JSON, where every number is a float.
func equal(a, b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) }
