package status

import (
	"time"

	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// markers are the in-flight markers of a room's snapshot, by publisher, with the time at which its request has ended or
// its process has died. A publisher leaves one before it writes to the Thing, because an instance that is being
// replaced may still write to it too: the values of the Thing are then unknown.
//
//	the marker                                    | the Thing's values            | the marker itself
//	----------------------------------------------+-------------------------------+---------------------------------
//	its publisher succeeded                       | as published                  | removed, with what was published
//	Arduino answered its publisher with an error  | as published up to there      | removed, with what was published
//	Arduino did not answer its publisher          | unknown                       | stays until it expires
//	its publisher died                            | unknown                       | stays until it expires
//	began after all values were last published    | unknown: published once more  | stays: its publisher may be at work
//	began before, all values published in [retell]| trusted                       | stays: its publisher may be at work
//	has expired, or a wrong clock wrote it        | unknown: published once more  | dropped
//
// While another publisher's marker is there the next transition is now, so that each tick looks again.
type markers map[string]time.Time

// publisherLife is how long a publisher can be at work: its request ends before.
const publisherLife = budget + 5*time.Second

// retell is for how long values are trusted that were published beside others' markers: a crash leaves several
// messages, and each of them publishing all values would use up the account's limit.
const retell = 5 * time.Second

// addMarker adds the marker of a publisher that begins now.
func addMarker(s *rooms.Snapshot) (me string) {
	me = uuid.NewString()
	s.Pending[me] = realNow().Add(publisherLife).UTC()
	return me
}

// atWork reports whether the publisher of a marker may still write.
func atWork(until, now time.Time) bool {
	return calendar.Within(now, until.Add(-publisherLife), publisherLife)
}

// active are the markers of publishers that may still write.
func (m markers) active() markers {
	left, now := markers{}, realNow()
	for id, until := range m {
		if atWork(until, now) {
			left[id] = until
		}
	}
	return left
}

// uncertain reports that another publisher may have written to the Thing since every value was last published.
func uncertain(s *rooms.Snapshot) bool {
	now := realNow()
	for _, until := range s.Pending {
		published := until.Add(-publisherLife).Before(s.ToldAll) && calendar.Within(now, later(s.ToldAll, s.ToldAt), retell)
		if !atWork(until, now) || !published {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
