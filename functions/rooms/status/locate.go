package status

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// Codes of faults of a room's Thing that a look at the account's Things finds and ends.
const (
	thingMissing    = "thing_missing"
	thingAmbiguous  = "thing_ambiguous"
	variableMissing = "variable_missing"
	variableRefused = "variable_refused" // it takes no values of ours
	accountRefused  = "account_refused"
)

// locate finds the room's Thing where it is not known yet, and again while there is a fault of it. What is missing
// there is a fault for a person, kept in the snapshot; the next refresh looks again.
func (f *function) locate(ctx context.Context, settings *rooms.Settings, s *rooms.Snapshot) error {
	var several faults.Params
	if s.Thing.ID == "" || s.Fault != nil {
		things, err := f.things.find(ctx, settings, s.RoomName)
		if err != nil {
			return err
		}
		thing := choose(things, s.Thing.ID)
		if thing == nil {
			s.Thing, s.Fault = rooms.Thing{}, f.fault(s.Fault, thingMissing, faults.Params{"room": s.RoomName})
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
	case several != nil:
		s.Fault = f.fault(s.Fault, thingAmbiguous, several)
	case len(missing) > 0:
		s.Fault = f.fault(s.Fault, variableMissing, variables(s.RoomName, missing))
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

func variables(room string, names []string) faults.Params {
	return faults.Params{"room": room, "variables": strings.Join(names, ", ")}
}

// ambiguous names the Things of one name to a person: the display may be the other one.
func ambiguous(room, used string, things []*iotcloud.Thing) faults.Params {
	ids := make([]string, 0, len(things))
	for _, t := range things {
		ids = append(ids, t.ID)
	}
	slices.Sort(ids) // the list has no order, and another text would be another fault
	return faults.Params{"count": strconv.Itoa(len(things)), "room": room, "ids": strings.Join(ids, ", "), "used": used}
}

// fault is a fault since now, or since when it was there before.
func (f *function) fault(old *rooms.Fault, code string, params faults.Params) *rooms.Fault {
	now := rooms.NewFault(code, params, f.Now().UTC())
	if old.Same(now) {
		return old
	}
	return now
}
