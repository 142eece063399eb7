package stays

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// A Type is what a unit is on a day.
type Type string

// Available is no hold: a request of this type frees its days.
const (
	Booked      Type = "booked"
	Unavailable Type = "unavailable"
	Available   Type = "available"
)

// Known reports whether t is one of the three types.
func (t Type) Known() bool { return t == Booked || t == Unavailable || t == Available }

// An Origin is who holds days: partner:NAME, owner:NUMBER, feed:NUMBER, staff, website, or service.
type Origin string

// Kinds of origins, and those that are alone of their kind. Website and Service are the two halves of the old system,
// as long as one of them is still there: its owners' pages, and its partners' service.
const (
	Staff   Origin = "staff"
	Website Origin = "website"
	Service Origin = "service"

	KindPartner = "partner"
	KindOwner   = "owner"
	KindFeed    = "feed"
)

// OriginOf is the origin of a kind by its name or number.
func OriginOf(kind, name string) Origin { return Origin(kind + ":" + name) }

// Kind is what sort of origin it is: partner, owner, feed, staff or website.
func (o Origin) Kind() string {
	kind, _, _ := strings.Cut(string(o), ":")
	return kind
}

// Name is a partner's name, or the number of an owner or feed; "" of the others.
func (o Origin) Name() string {
	_, name, _ := strings.Cut(string(o), ":")
	return name
}

// A Hold is a run of days of one unit that belong together: one booking, or one time for which its owner has closed it.
// Freeing the middle of a hold makes two of it, which have all but the range and the number in common.
type Hold struct {
	ID   int64  `json:"-"`
	Unit string `json:"-"`
	Range
	Type   Type      `json:"type"`
	Origin Origin    `json:"origin"`
	Ref    string    `json:"ref,omitempty"`  // the partner's reference, or the UID in a feed
	Note   string    `json:"note,omitempty"` // the owner's
	Change int64     `json:"change"`         // number of the change that made it
	At     time.Time `json:"at"`             // of that change
}

// code is the form that the old service documented for the ids of cottages, as GFLX1234.
var code = regexp.MustCompile(`^[A-Z]{4}[0-9]{1,4}$`)

// IsCode reports whether an id that is in no list may be a unit's: four capitals and one to four digits.
func IsCode(id string) bool { return code.MatchString(id) }

// A Span is a run of days of one type.
type Span struct {
	Unit string
	Range
	Type Type
}

// Merge makes one span of holds of the same unit and type that follow one another, within a window. holds are in the
// order of unit and day.
func Merge(holds []Span, window Range) (spans []Span) {
	for _, h := range holds {
		h.Range = h.Clip(window)
		if h.Days() == 0 {
			continue
		}
		if n := len(spans) - 1; n >= 0 && spans[n].Unit == h.Unit && spans[n].Type == h.Type && spans[n].To == h.From {
			spans[n].To = h.To
			continue
		}
		spans = append(spans, h)
	}
	return spans
}

// Free are the parts of a window that no span has. spans are one unit's, in order.
func Free(spans []Span, window Range) (free []Range) {
	from := window.From
	for _, s := range spans {
		if c := s.Clip(window); c.Days() > 0 {
			if from < c.From {
				free = append(free, Range{from, c.From})
			}
			from = max(from, c.To)
		}
	}
	if from < window.To {
		free = append(free, Range{from, window.To})
	}
	return free
}

// sortHolds puts holds into the order of their days.
func sortHolds(holds []Hold) {
	slices.SortFunc(holds, func(a, b Hold) int { return int(a.From - b.From) })
}
