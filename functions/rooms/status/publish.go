package status

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// stored is an error after the facts of a message were stored: the message is done, and what is left to do needs no
// more than the room's name.
type stored struct{ error }

func (s stored) Unwrap() error { return s.error }

// events takes a room's newer facts over. When only the Thing could not be told, a small message takes the place of the
// large one: an outage of Arduino's would queue the listing of every change otherwise.
func (f *function) events(ctx context.Context, settings *rooms.Settings, msg rooms.EventsMessage) error {
	if _, ok := settings.Room(msg.RoomName); !ok {
		return nil // taken out of the settings since
	}
	err := f.update(ctx, settings, msg.RoomName, cmp.Or(msg.Why, "events"), time.Time{}, &msg)
	if _, ok := errors.AsType[stored](err); ok {
		slog.WarnContext(ctx, "stored, and the Thing to be told later",
			slog.String("room", msg.RoomName), slog.Any("error", err))
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
		defer cancel()
		return f.handOn(ctx, msg.RoomName, f.Now())
	}
	return err
}

// due publishes a room whose time has come.
func (f *function) due(ctx context.Context, settings *rooms.Settings, msg rooms.RoomMessage) error {
	if _, ok := settings.Room(msg.RoomName); !ok {
		return nil
	}
	return f.update(ctx, settings, msg.RoomName, "due", msg.Transition, nil)
}

// update applies facts, if any, to a room's snapshot and publishes the new state to its Thing. The order makes a crash
// at any point harmless: first the facts are stored, with this publisher's marker and the next transition now, so that
// a tick tries again; then values are published; then the marker is removed. An instance that finds another's marker,
// or loses a write, cannot know what the Thing shows, and publishes every value; see [markers].
func (f *function) update(
	ctx context.Context, settings *rooms.Settings, name, why string, transition time.Time, facts *rooms.EventsMessage,
) error {
	unlock, err := f.locks.lock(ctx, name, facts)
	if err != nil {
		return err
	}
	defer unlock()
	began := f.Now()
	everything := false
	for range 4 {
		told, err := f.attempt(ctx, settings, name, transition, facts, everything)
		if err == nil {
			slog.InfoContext(ctx, "room updated", slog.String("room", name), slog.String("why", why),
				slog.String("changed", strings.Join(told, " ")),
				slog.Int64("duration_ms", f.Now().Sub(began).Milliseconds()))
			return nil
		}
		if !errors.Is(err, documents.ErrConflict) {
			return fmt.Errorf("room %s: %w", name, err)
		}
		everything = everything || len(told) > 0
	}
	return fmt.Errorf("room %s: %w", name, documents.ErrConflict)
}

// attempt is one pass over the newest snapshot; it returns the variables that it published.
func (f *function) attempt(
	ctx context.Context, settings *rooms.Settings, name string, transition time.Time,
	facts *rooms.EventsMessage, everything bool,
) ([]string, error) {
	s, info, err := f.load(ctx, name)
	if err != nil {
		return nil, err
	}
	old, gen := s, info.Generation
	now := f.Now()
	take(&s, facts, now)
	if waiting := f.locks.newest(name); waiting != nil && !waiting.FetchedAt.After(now.Add(future)) {
		take(&s, waiting, now)
	}
	if s.Removed || s.FetchedAt.IsZero() && s.CalendarFault == nil {
		return nil, nil // nothing has been heard of the room
	}
	if err := f.replaceChannel(ctx, &old, &s); err != nil {
		return nil, err
	}
	if err := f.locate(ctx, settings, &s); err != nil {
		return nil, f.unlocated(ctx, gen, s, err)
	}
	room, _ := settings.Room(name, s.TimeZone, s.Thing.TimeZone)
	at := instant(now, s.AsOf, transition)
	s.AsOf = at
	status := room.StatusOf(&s, at)
	if s.Partial && !status.Unknown && !room.Enough(s.Events, at) {
		if err := messages.PublishJSON(ctx, f.Publisher, rooms.TopicRefresh,
			rooms.RoomMessage{RoomName: name}, nil); err != nil {
			return nil, err
		}
	}
	if everything = everything || uncertain(&s); everything {
		s.ToldAll = realNow().UTC()
		s.Published = nil // what the Thing shows is not known, also if we do not come to the end
	}
	want := room.Fields(status)
	todo := differences(&s, want)
	s.Pending = markers(s.Pending).active()
	if len(todo) == 0 {
		next := room.NextChangeOf(&s, at)
		if unchanged(&old, &s) && gen != 0 && info.Metadata[rooms.MetaTransition] == transitionText(next) {
			return nil, nil // a message delivered twice costs no write
		}
		_, err := f.store(ctx, gen, s, next)
		return nil, err
	}
	return f.publish(ctx, room, settings, gen, s, want)
}

// unlocated keeps the facts, and a time for the next tick, when Arduino's list of Things cannot be had.
func (f *function) unlocated(ctx context.Context, gen int64, s rooms.Snapshot, cause error) error {
	done := f.noteAccount(&s, cause)
	if _, err := f.store(ctx, gen, s, f.Now()); err != nil {
		return errors.Join(cause, err)
	}
	if done {
		return nil
	}
	return stored{cause}
}

// refusedTime is for how long a refused account may be a passing fault of Arduino's: the queue tries again.
const refusedTime = time.Minute

// noteAccount keeps for a person that Arduino refuses the account. After a while the message is done: each tick tries
// again.
func (f *function) noteAccount(s *rooms.Snapshot, cause error) bool {
	if !errors.Is(cause, iotcloud.ErrRefused) {
		return false
	}
	s.Fault = f.fault(s.Fault, accountRefused, nil)
	return !calendar.Within(f.Now(), s.Fault.Since, refusedTime)
}

// load returns a room's snapshot, the zero one where there is none yet.
func (f *function) load(ctx context.Context, name string) (s rooms.Snapshot, info documents.Info, err error) {
	doc, err := f.State.Get(ctx, rooms.SnapshotName(name))
	if errors.Is(err, documents.ErrNotFound) {
		return s, documents.Info{}, nil
	}
	if err != nil {
		return s, info, err
	}
	return s, doc.Info, json.Unmarshal(doc.Data, &s)
}

// publish stores the facts with a marker, publishes to the Thing, and removes the marker.
func (f *function) publish(
	ctx context.Context, room rooms.Room, settings *rooms.Settings, gen int64, s rooms.Snapshot, want rooms.Fields,
) ([]string, error) {
	me := addMarker(&s)
	gen, err := f.store(ctx, gen, s, f.Now())
	if err != nil {
		return nil, err
	}
	s.Published = maps.Clone(s.Published)
	if s.Published == nil {
		s.Published = map[string]any{}
	}
	t := telling{client: f.things.connect(settings), s: &s}
	if err := t.all(ctx, want); err != nil {
		if err = f.unpublished(ctx, gen, s, me, err); err != nil {
			err = stored{err}
		}
		return t.told, err
	}
	f.noteRefused(&s, t.refused)
	delete(s.Pending, me)
	s.ToldAt = realNow().UTC()
	next := room.NextChangeOf(&s, s.AsOf)
	if len(s.Pending) > 0 {
		next = f.Now() // another publisher may yet write over us: look again
	}
	_, err = f.store(ctx, gen, s, next)
	return t.told, err
}

// noteRefused keeps for a person which variables take no values of ours; they are tried again with every change.
func (f *function) noteRefused(s *rooms.Snapshot, refused []string) {
	switch {
	case len(refused) > 0:
		s.Fault = f.fault(s.Fault, variableRefused, variables(s.RoomName, refused))
	case s.Fault != nil && s.Fault.Code == variableRefused:
		s.Fault = nil
	}
}

// storeTime is what a publisher has left to keep how far it came.
const storeTime = 4 * time.Second

// unpublished keeps how far a publisher came that a call failed for, so that the
// next attempt, of which a tick sees to it that there is one, goes on from there.
// A Thing or variable that is gone is looked up again. Where nobody knows what
// became of the call, the marker stays.
func (f *function) unpublished(ctx context.Context, gen int64, s rooms.Snapshot, me string, cause error) error {
	if errors.Is(cause, iotcloud.ErrNoAnswer) {
		return cause
	}
	if errors.Is(cause, iotcloud.ErrNotFound) {
		f.things.forget()
		s.Thing, s.Published = rooms.Thing{TimeZone: s.Thing.TimeZone}, nil
	}
	done := f.noteAccount(&s, cause)
	delete(s.Pending, me)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	if _, err := f.store(ctx, gen, s, f.Now()); err != nil {
		return errors.Join(cause, err)
	}
	if done {
		return nil
	}
	return cause
}

// instant is the moment to compute for: now, or a transition that was found due a few seconds early, and never before
// what is shown already.
func instant(now time.Time, others ...time.Time) time.Time {
	at := now
	for _, t := range others {
		if t.After(at) && !t.After(now.Add(ahead)) {
			at = t
		}
	}
	return at.UTC()
}

type assignment struct {
	variable, property string
	rank               int
	value              any
}

// differences lists the values to publish to the Thing, the most important first.
func differences(s *rooms.Snapshot, want rooms.Fields) []assignment {
	var todo []assignment
	for _, v := range rooms.Variables {
		id, ok := property(s.Thing, v)
		value := v.Value(want)
		if have, known := s.Published[v.Name]; ok && (!known || !equal(have, value)) {
			todo = append(todo, assignment{v.Name, id, v.Rank, value})
		}
	}
	return todo
}

func property(t rooms.Thing, v rooms.Variable) (string, bool) {
	if id, ok := t.Properties[v.Name]; ok {
		return id, true
	}
	id, ok := t.Properties[v.Alias]
	return id, ok
}

// unchanged reports whether only the moment differs.
func unchanged(a, b *rooms.Snapshot) bool {
	return a.FetchedAt.Equal(b.FetchedAt) && a.PushedAt.Equal(b.PushedAt) && a.Fault == b.Fault &&
		a.CalendarFault == b.CalendarFault && a.Polled() == b.Polled() && a.Thing.ID == b.Thing.ID &&
		len(a.Pending) == len(b.Pending) && len(a.Published) == len(b.Published)
}

func transitionText(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func (f *function) store(ctx context.Context, gen int64, s rooms.Snapshot, next time.Time) (int64, error) {
	if s.Events == nil {
		s.Events = []calendar.Event{}
	}
	metadata := map[string]string{rooms.MetaTransition: transitionText(next)}
	if s.Polled() {
		metadata[rooms.MetaPoll] = "true"
	}
	return documents.Store(ctx, f.State, rooms.SnapshotName(s.RoomName), gen, s, metadata)
}

// realNow is the machine's clock: publishers are bounded by HTTP deadlines, which are real also where the rooms' time
// is simulated.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // see above
