package status

import (
	"time"

	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// A mark says in a room's snapshot that a publisher is about to write to its Thing: another one, of an instance that is being
// replaced, cannot know what the Thing shows meanwhile. Who finds marks decides by them:
//
//	the mark                                          | the Thing's values        | the mark itself
//	--------------------------------------------------+---------------------------+---------------------------------
//	its publisher ended well                          | as told                   | taken away, with what was told
//	its publisher was answered with an error          | as told up to there       | taken away, with what was told
//	Arduino did not answer its publisher              | unknown                   | left until its end
//	its publisher died                                | unknown                   | left until its end
//	began after everything was last told              | unknown: told once more   | left: it may still be writing
//	began before, and was told beside for [retell]    | trusted                   | left: it may still be writing
//	has ended, or a wrong clock wrote it              | unknown: told once more   | dropped
//
// While another's mark is there the next transition is now, so that each tick looks again.
type marks map[string]time.Time // by publisher, when it has ended or died

// publisherLife is how long a publisher can be at work: its request ends before.
const publisherLife = budget + 5*time.Second

// retell is for how long values told beside others' marks are trusted: a crash leaves several messages, and each telling
// all would fill the account's limit.
const retell = 5 * time.Second

// leave adds the mark of a publisher that begins now.
func leave(s *rooms.Snapshot) (me string) {
	me = uuid.NewString()
	if s.Pending == nil {
		s.Pending = marks{}
	}
	s.Pending[me] = realNow().Add(publisherLife).UTC()
	return me
}

// atWork reports whether the publisher of a mark may still write.
func atWork(until, now time.Time) bool {
	return calendar.Within(now, until.Add(-publisherLife), publisherLife)
}

// living are the marks of those that may still write.
func (m marks) living() marks {
	left, now := marks{}, realNow()
	for id, until := range m {
		if atWork(until, now) {
			left[id] = until
		}
	}
	return left
}

// uncertain reports that another publisher may have written to the Thing since every value was last told.
func uncertain(s *rooms.Snapshot) bool {
	now := realNow()
	for _, until := range s.Pending {
		told := until.Add(-publisherLife).Before(s.ToldAll) && calendar.Within(now, later(s.ToldAll, s.ToldAt), retell)
		if !atWork(until, now) || !told {
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
