package status

import (
	"context"
	"log/slog"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// future is how far ahead of our clock a fact may be; one farther ahead is of unknown age.
const future = time.Minute

// newer decides whether facts of time got replace those of time have.
func newer(got, have, now time.Time) bool {
	return got.After(have) || have.After(now.Add(future))
}

// take puts newer facts into a snapshot; older ones leave it as it is.
func take(s *rooms.Snapshot, msg *rooms.EventsMessage, now time.Time) {
	if msg == nil {
		return
	}
	if msg.Why == rooms.WhyPush && msg.Fault == nil && msg.FetchedAt.After(s.PushedAt) {
		s.PushedAt = msg.FetchedAt.UTC()
	}
	if s.PushedAt.After(s.PushMissed) {
		s.PushMissed = time.Time{}
	}
	if !newer(msg.FetchedAt, s.FetchedAt, now) {
		return
	}
	before := s.Unwatched
	if msg.Unwatched != nil {
		s.Unwatched = *msg.Unwatched
	}
	if msg.Fault != nil {
		if s.Removed { // configured again: what was known is gone
			*s = rooms.Snapshot{}
		}
		s.Version, s.RoomName, s.CalendarFault = 1, msg.RoomName, sameFault(s.CalendarFault, msg.Fault)
		return
	}
	if !before && missed(s, msg) { // a channel is silent where it lived at the listing before
		s.PushMissed = msg.FetchedAt.UTC()
	}
	s.Version, s.RoomName, s.Removed, s.CalendarFault = 1, msg.RoomName, false, nil
	s.Events, s.FetchedAt, s.TimeZone, s.Partial = msg.Events, msg.FetchedAt.UTC(), msg.TimeZone, msg.Partial
}

// sameFault keeps since when there is a fault.
func sameFault(old, now *rooms.Fault) *rooms.Fault {
	if old.Same(now) {
		return old
	}
	return now
}

// pushTime is how late a push notification may be; most take seconds.
const pushTime = 2 * time.Minute

// missed reports whether a listing that nobody pushed for found a change that Google should have told of: an event
// changed since the listing before and long enough ago, or one that is no longer there.
func missed(s *rooms.Snapshot, msg *rooms.EventsMessage) bool {
	if msg.Why != rooms.WhyRefresh || s.Unwatched || s.Removed || s.FetchedAt.IsZero() || !s.PushMissed.IsZero() {
		return false
	}
	there := map[string]bool{}
	last := msg.FetchedAt
	for _, e := range msg.Events {
		there[e.ID] = true
		if i, ok := e.Interval(time.UTC); ok && i.Start.After(last) {
			last = i.Start
		}
		at, err := time.Parse(time.RFC3339, e.Updated)
		if err == nil && at.After(s.FetchedAt) && at.After(s.PushedAt) && msg.FetchedAt.Sub(at) > pushTime {
			return true
		}
	}
	for _, e := range s.Events {
		i, ok := e.Interval(time.UTC)
		if e.Start.Date != "" {
			i.End = i.End.Add(-zones)
		}
		// A partial listing tells nothing of what comes after its last event.
		if ok && !there[e.ID] && i.End.After(msg.FetchedAt) && (!msg.Partial || i.Start.Before(last)) {
			return true
		}
	}
	return false
}

// zones is how far a date of another zone may be from one of UTC.
const zones = 14 * time.Hour

// replaceChannel asks for a new channel where the old one has been found silent.
func (f *function) replaceChannel(ctx context.Context, old, s *rooms.Snapshot) error {
	if s.PushMissed.IsZero() || !old.PushMissed.IsZero() {
		return nil
	}
	slog.WarnContext(ctx, "no push came for a change: the channel is replaced, and the calendar polled until one comes",
		slog.String("room", s.RoomName))
	msg := rooms.RoomMessage{RoomName: s.RoomName}
	return messages.PublishJSON(ctx, f.Publisher, rooms.TopicWatch, msg, messages.OfKind(rooms.KindOpen))
}
