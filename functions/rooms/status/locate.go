package status

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// Codes of faults of a room's Thing that a look at the account's Things finds and ends.
const (
	thingMissing    = "thing_missing"
	thingAmbiguous  = "thing_ambiguous"
	variableMissing = "variable_missing"
)

// locate finds the room's Thing where it is not known yet, and again while there is a fault of it. What is missing
// there is a fault for a person, kept in the snapshot; the next refresh looks again.
func (f *function) locate(ctx context.Context, settings *rooms.Settings, s *rooms.Snapshot) error {
	several := ""
	if s.Thing.ID == "" || s.Fault != nil {
		things, err := f.things.find(ctx, settings, s.RoomName)
		if err != nil {
			return err
		}
		thing := choose(things, s.Thing.ID)
		if thing == nil {
			s.Thing, s.Fault = rooms.Thing{}, f.fault(s.Fault, thingMissing, fmt.Sprintf("Create a Thing named %q in the Arduino IoT Cloud.", s.RoomName))
			return nil
		}
		s.Thing = thing.Thing
		s.Published = known(s.Published, shownBy(thing))
		if len(things) > 1 {
			several = ambiguous(s.RoomName, thing.ID, things)
		}
	}
	missing := missingVariables(s.Thing)
	switch {
	case several != "":
		s.Fault = f.fault(s.Fault, thingAmbiguous, several)
	case len(missing) > 0:
		s.Fault = f.fault(s.Fault, variableMissing, fmt.Sprintf("Create in the Thing %q: %s (busynow an Integer, the others Character Strings).", s.RoomName, strings.Join(missing, ", ")))
	case s.Fault != nil && s.Fault.Code != variableRefused:
		s.Fault = nil
	}
	return nil
}

func missingVariables(t rooms.Thing) (names []string) {
	for _, v := range rooms.Variables {
		if _, ok := property(t, v); !ok && !v.Optional {
			names = append(names, v.Name)
		}
	}
	return names
}

// ambiguous tells a person of Things of one name: the display may be the other one.
func ambiguous(room, used string, things []*iotcloud.Thing) string {
	ids := make([]string, 0, len(things))
	for _, t := range things {
		ids = append(ids, t.ID)
	}
	slices.Sort(ids) // the list has no order, and another text would be another fault
	return fmt.Sprintf("%d Things are named %q: %s. Values go to %s; rename or delete the others in the Arduino IoT Cloud.", len(things), room, strings.Join(ids, ", "), used)
}

func (f *function) fault(old *rooms.Fault, code, detail string) *rooms.Fault {
	if old != nil && old.Code == code && old.Detail == detail {
		return old
	}
	return &rooms.Fault{Code: code, Detail: detail, Since: f.Now().UTC()}
}
