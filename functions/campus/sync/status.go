package sync

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// How an instance stands. All is well only where that was seen, and not long ago.
const (
	StandingBusy    = "busy"
	StandingNever   = "never"   // MonCampus was not read yet
	StandingFailed  = "failed"  // the last run
	StandingStale   = "stale"   // runs are missing
	StandingPartial = "partial" // something is held back, kept, left out or put aside
	StandingOK      = "ok"      // both sides agree
)

// A Status is an instance's line of GET /status.
type Status struct {
	Instance string        `json:"instance"`
	TimeZone string        `json:"time_zone"`
	Now      time.Time     `json:"now"`      // by the system's clock
	Standing string        `json:"standing"` // see [StandingOK] and its like
	ECAL     bool          `json:"ecal"`     // it has a calendar there, not feeds only
	Run      *campus.Run   `json:"last_run,omitempty"`
	NextRun  time.Time     `json:"next_run"`
	ReadAt   time.Time     `json:"read_at,omitzero"`   // when MonCampus was last read whole
	SeenAt   time.Time     `json:"seen_at,omitzero"`   // when it was last read, perhaps but for some lessons
	AgreedAt time.Time     `json:"agreed_at,omitzero"` // when both sides were last seen to agree
	Failures int           `json:"failures"`           // in a row
	Held     []campus.Held `json:"held"`
	Kept     []campus.Held `json:"kept"`
	Feeds    int           `json:"feeds"` // keys
	Busy     bool          `json:"busy"`
}

func standing(s Status) string {
	switch {
	case s.Busy:
		return StandingBusy
	case s.Run == nil:
		return StandingNever
	case s.Run.Fault != nil:
		return StandingFailed
	case s.SeenAt.IsZero():
		return StandingNever
	case campus.Stale(s.SeenAt, s.Now):
		return StandingStale
	case !s.Run.Agree || !s.ReadAt.Equal(s.SeenAt):
		return StandingPartial
	default:
		return StandingOK
	}
}

// status tells how each instance does.
func (f function) status(w http.ResponseWriter, r *http.Request) error {
	settings, err := f.Settings.Get(r.Context())
	if err != nil {
		return web.Unavailable(err)
	}
	now := f.Now().UTC()
	next, err := campus.NextRun(now)
	if err != nil {
		return err
	}
	list := []Status{}
	for _, inst := range settings.Instances {
		inst, _ = settings.Instance(inst.Name)
		state, err := f.state(r.Context(), inst.Name)
		if err != nil {
			return web.Unavailable(err)
		}
		feeds, err := f.feeds(r.Context(), inst.Name)
		if err != nil {
			return web.Unavailable(err)
		}
		one := Status{
			Instance: inst.Name, TimeZone: inst.TimeZone, Now: now, ECAL: inst.ECALCalendar != "",
			Run: in(r.URL.Query().Get("locale"), state.Run), NextRun: next,
			ReadAt: state.ReadAt, SeenAt: state.LastSeen(), AgreedAt: state.AgreedAt, Failures: state.Alert.Failures,
			Held: append([]campus.Held{}, state.Held...), Kept: append([]campus.Held{}, state.Kept...),
			Feeds: len(feeds.Keys), Busy: state.Lease.Held(),
		}
		one.Standing = standing(one)
		list = append(list, one)
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// in is a run with its fault and its changes in a language, for a page; without one it is as the log has it.
func in(locale string, run *campus.Run) *campus.Run {
	if run == nil {
		return nil
	}
	said := *run
	said.Fault, said.Changes = FaultIn(locale, run.Fault), slices.Clone(run.Changes)
	for i, c := range said.Changes {
		said.Changes[i].Why = why(locale, c)
	}
	return &said
}

// FaultIn is a run's fault in a language, for a page; without one it is as the log has it.
func FaultIn(locale string, fault *faults.Fault) *faults.Fault { return texts.In(locale, fault) }

// why is a change's reasons in a language; without their codes, as they were written.
func why(locale string, c campus.Change) string {
	if len(c.Reasons) == 0 {
		return c.Why
	}
	said := make([]string, 0, len(c.Reasons))
	for _, code := range c.Reasons {
		said = append(said, cmp.Or(texts.Text(locale, "why."+code, nil), code))
	}
	return strings.Join(said, ", ")
}
