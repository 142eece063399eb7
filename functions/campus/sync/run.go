package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/campus"
	"github.com/carillon-calendar/carillon/shared/campus/ecal"
	"github.com/carillon-calendar/carillon/shared/campus/wigor"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
)

// options are what a run is asked to do besides.
type options struct {
	asked        time.Time // when a message asked for the run; zero: by hand
	byHand       bool
	dryRun       bool
	allowDeletes *int
	tryPassword  bool
	acceptTimes  bool
	progress     runs.ProgressFunc
}

// run is one run of an instance. What went wrong outside is the run's Fault, recorded with the state and
// mailed; an error means that nothing could be recorded. A dry run works on a copy of the state, and changes nothing.
func (f function) run(
	ctx context.Context, settings *campus.Settings, inst campus.Instance, o options,
) (campus.Run, error) {
	s, ctx, err := f.open(ctx, inst.Name, o.asked)
	if err != nil {
		return campus.Run{}, err
	}
	w := f.newWork(s, inst, o)
	if o.dryRun {
		state, err := f.state(ctx, inst.Name)
		if err != nil {
			return campus.Run{}, errors.Join(err, s.Close(ctx))
		}
		w.s = &session{State: state}
		w.do(ctx)
	} else {
		w.do(ctx)
		s.Change(func(state *campus.State) {
			state.Run = &w.run
			if w.run.Agree {
				state.AgreedAt = w.run.Ended
			}
			if w.run.Fault == nil || w.run.Fault.Code != codeOutOfTime {
				state.Alert.Count(w.run.Fault != nil, w.run.Ended)
			}
		})
		f.tell(ctx, settings, inst, s)
	}
	log(ctx, w.run)
	if err := s.Close(ctx); err != nil {
		return w.run, fmt.Errorf("storing the state of %s: %w", inst.Name, err)
	}
	return w.run, nil
}

// A work is a run in progress.
type work struct {
	f    function
	s    *session
	inst campus.Instance
	o    options
	run  campus.Run

	step   campus.Step
	target campus.Target
	school *wigor.Client
	ecal   *ecal.Client

	mu     sync.Mutex // of run, listed and failed while actions are at work
	listed []campus.Event
	plan   campus.Plan
	failed int
}

func (f function) newWork(s *session, inst campus.Instance, o options) *work {
	return &work{
		f: f, s: s, inst: inst, o: o, run: campus.Run{Instance: inst.Name, DryRun: o.dryRun, Began: f.Now().UTC()},
	}
}

// do fetches, formats, synchronises, removes duplicates and verifies.
func (w *work) do(ctx context.Context) {
	err := w.timetable(ctx)
	if err == nil && w.inst.ECALCalendar != "" {
		err = w.calendar(ctx)
	} else if err == nil {
		w.run.Verified = true // there is nothing else than the feed, which shows the timetable itself
	}
	slices.SortStableFunc(w.run.Changes, func(a, b campus.Change) int { // as planned, not as answered
		return cmp.Or(strings.Compare(a.What, b.What), strings.Compare(a.When, b.When), strings.Compare(a.Title, b.Title))
	})
	held := campus.NeedConsent(w.s.State.Held)
	if n := len(w.run.Unreadable); err == nil && n*oddLessons > w.run.Classes+n {
		err = faults.Error{Code: codeUnreadable, Detail: fmt.Sprintf("%d of %d lessons cannot be read", n, w.run.Classes+n)}
	}
	if err == nil && held > 0 {
		err = faults.Error{Code: codeHeld, Detail: texts.Text(faults.English, codeHeld+".what", params(w.inst, held))}
	}
	w.run.Finish(texts.Fault(err, rules, params(w.inst, held)), w.f.Now().UTC())
}

// oddLessons is which share of the lessons may be unreadable before somebody is told: one in so many.
const oddLessons = 5

// timetable reads MonCampus and takes over what the rules let it.
func (w *work) timetable(ctx context.Context) error {
	if w.inst.Fault != nil {
		return faults.Error{Code: codeSettings, Detail: w.inst.Fault.Error()}
	}
	window, err := w.inst.Window(w.run.Began)
	if err != nil {
		return faults.Error{Code: codeSettings, Detail: err.Error()}
	}
	w.step = campus.Step{
		Window: window, Zone: w.inst.Zone(), Now: w.run.Began, AllowDeletes: w.o.allowDeletes,
		ByHand: w.o.byHand, ClockSet: w.inst.Clock != "" || w.o.acceptTimes,
	}
	for _, at := range w.s.State.Deleted {
		if calendar.Within(w.run.Began, at, campus.RecentFor) {
			w.step.Recent++
		}
	}
	w.target = campus.Target{CalendarID: w.inst.ECALCalendar, Zone: w.inst.Zone()}
	if w.school, err = wigor.New(w.inst); err != nil {
		return err
	}
	w.o.progress("fetch", 0, 1)
	reading, err := w.read(ctx)
	if err != nil {
		return err
	}
	w.o.progress("fetch", 1, 1)
	known, listErr := w.known(ctx, reading)
	accepted, err := w.step.Accept(known, reading)
	if err != nil {
		return err
	}
	if w.o.byHand && accepted.Unconfirmed() {
		accepted = w.again(ctx, accepted)
	}
	w.takeOver(reading, accepted)
	if err := w.save(ctx); err != nil {
		return err
	}
	return listErr
}

// read asks MonCampus, unless it has refused the password: that is remembered at once, for all instances of the
// account.
func (w *work) read(ctx context.Context) (campus.Reading, error) {
	defer w.f.accounts.lock(w.inst.Account())()
	refusals, err := documents.LoadIfAny[campus.Refusals](ctx, w.f.State, campus.RefusalsName)
	if err != nil {
		return campus.Reading{}, err
	}
	known := refusals.Has(w.inst)
	if known && !w.o.tryPassword {
		return campus.Reading{}, errKnownRefused
	}
	reading, err := w.school.Timetable(ctx, w.step.Window)
	switch refused := errors.Is(err, wigor.ErrRefused); {
	case refused && !known:
		return campus.Reading{},
			errors.Join(err, w.refusals(ctx, func(r *campus.Refusals) error { return r.Add(w.inst, w.run.Began) }))
	case err != nil:
		return campus.Reading{}, err
	case known:
		if err := w.refusals(ctx, func(r *campus.Refusals) error { r.Forget(w.inst); return nil }); err != nil {
			return campus.Reading{}, err
		}
	}
	return reading.Within(w.step.Window, w.step.Zone), nil
}

func (w *work) refusals(ctx context.Context, change func(*campus.Refusals) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 25*time.Second) // the run may have no time left
	defer cancel()
	_, err := documents.Update(ctx, w.f.State, campus.RefusalsName,
		func(r *campus.Refusals) (map[string]string, error) { return nil, change(r) })
	return err
}

// known is the timetable so far, with the events in ECAL that are ours though we do not know them. ECAL's
// failure does not keep the timetable, which feeds show, from being taken over.
func (w *work) known(ctx context.Context, reading campus.Reading) ([]campus.Class, error) {
	state := &w.s.State
	if state.CalendarID != w.inst.ECALCalendar { // another calendar has none of our events yet
		w.s.Change(func(state *campus.State) { state.CalendarID, state.Sent = w.inst.ECALCalendar, nil })
	}
	if w.inst.ECALCalendar == "" {
		return state.Timetable, nil
	}
	w.o.progress("compare", 0, 1)
	w.ecal = ecal.New(w.inst)
	listed, err := w.ecal.List(ctx, w.inst.ECALCalendar)
	if err != nil {
		return state.Timetable, err
	}
	w.listed = listed
	// A stray whose event somebody has removed is no longer one.
	known := slices.DeleteFunc(slices.Clone(state.Timetable), func(c campus.Class) bool {
		return c.Stray && !slices.ContainsFunc(listed, func(e campus.Event) bool { return e.ID == state.Sent[c.ID].EventID })
	})
	strays, sent := w.target.Strays(w.step, listed, known, reading.Classes, state.Sent)
	w.s.Change(func(state *campus.State) { state.Sent = sent })
	w.o.progress("compare", 1, 1)
	return append(known, strays...), nil
}

// again reads a second time, for a person who waits: what is still missing is gone. A second reading that fails decides
// nothing.
func (w *work) again(ctx context.Context, first campus.Accepted) campus.Accepted {
	reading, err := w.read(ctx)
	if err != nil {
		return first
	}
	second, err := w.step.Accept(first.Timetable, reading)
	if err != nil {
		return first
	}
	second.Removed, second.Replaced = append(second.Removed, first.Removed...), second.Replaced+first.Replaced
	return second
}

func (w *work) takeOver(reading campus.Reading, a campus.Accepted) {
	w.s.Change(func(state *campus.State) {
		state.Timetable, state.Held, state.Kept, state.TimeZone = a.Timetable, a.Held, a.Kept, w.inst.TimeZone
		state.SeenAt = w.run.Began
		if reading.Whole() {
			state.ReadAt = w.run.Began
		}
		state.Deleted = slices.DeleteFunc(state.Deleted,
			func(at time.Time) bool { return !calendar.Within(w.run.Began, at, campus.RecentFor) })
		if w.o.allowDeletes == nil {
			state.Deleted = append(state.Deleted, slices.Repeat([]time.Time{w.run.Began}, len(a.Removed)-a.Replaced)...)
		}
		for _, c := range a.Removed {
			if sent, ok := state.Sent[c.ID]; ok {
				sent.Removed = &c
				state.Sent[c.ID] = sent
			}
		}
	})
	w.run.Classes, w.run.HeldBack, w.run.Kept = len(reading.Classes), len(a.Held), len(a.Kept)
	for _, u := range reading.Unreadable {
		w.run.Unreadable = append(w.run.Unreadable, fmt.Sprintf("NoCours %d: %s", u.Course, u.Why))
	}
	for what, list := range map[string][]campus.Held{"held back": a.Held, "kept": a.Kept} {
		for _, h := range list {
			change := w.change(campus.Action{Kind: what, Class: h.Class})
			change.Why, change.Code = h.Reason, h.Code
			w.run.Changes = append(w.run.Changes, change)
		}
	}
	if w.inst.ECALCalendar == "" {
		w.run.Unchanged, w.run.Deleted = len(a.Timetable), len(a.Removed)
	}
}

func (w *work) change(a campus.Action) campus.Change {
	c := campus.Change{What: a.Kind, When: a.When(w.step.Zone), Title: a.Class.Title, Reasons: a.Why}
	c.Why = why(faults.English, c)
	return c
}

// calendar brings ECAL to the timetable, and compares both again with what ECAL answered.
func (w *work) calendar(ctx context.Context) error {
	state := &w.s.State
	w.plan = w.target.Plan(w.step, state.Timetable, state.Sent, w.listed, w.inst.KeepRemoved)
	w.run.Unchanged, w.run.StayRemoved = w.plan.Unchanged, w.plan.StayRemoved
	if w.o.dryRun {
		w.count()
		w.run.Verified = len(w.plan.Actions) == 0
		return nil
	}
	w.s.Change(func(state *campus.State) { state.Sent = maps.Clone(w.plan.Sent) })
	if err := w.apply(ctx); err != nil {
		return err
	}
	after := w.target.Plan(w.step, state.Timetable, state.Sent, w.listed, w.inst.KeepRemoved)
	w.run.Verified = len(after.Actions) == 0
	switch {
	case w.failed > 0:
		return faults.Error{
			Code: codeWrites, Detail: fmt.Sprintf("%d of %d changes were not accepted by ECAL", w.failed, len(w.plan.Actions)),
		}
	case !w.run.Verified:
		return faults.Error{
			Code: codeNotVerified, Detail: fmt.Sprintf("%d events in ECAL are not as they were written", len(after.Actions)),
		}
	}
	return nil
}

// count is what a dry run would do.
func (w *work) count() {
	for _, a := range w.plan.Actions {
		w.counted(a.Kind)
		w.run.Changes = append(w.run.Changes, w.change(a))
	}
}

func (w *work) counted(kind string) {
	switch kind {
	case campus.Create:
		w.run.Created++
	case campus.Update:
		w.run.Updated++
	case campus.Delete:
		w.run.Deleted++
	}
}

const (
	// writers is how many writes are on their way to ECAL at once.
	writers = 4
	// reserve is what is kept of the run's time for recording it.
	reserve = 30 * time.Second
	// checkpoint is how often the state is stored between writes; without it a crash is mended by reading the references.
	checkpoint = 2 * time.Second
)

// apply does the plan's actions, creations first and deletions last. One that fails does not stop the others, unless
// the key is refused.
func (w *work) apply(ctx context.Context) error {
	done, saved := 0, realNow()
	for _, kind := range []string{campus.Create, campus.Update, campus.Delete} {
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(writers)
		for _, a := range w.plan.Actions {
			if a.Kind != kind {
				continue
			}
			if end, ok := ctx.Deadline(); ok && end.Sub(realNow()) < reserve || gctx.Err() != nil {
				break
			}
			group.Go(func() error {
				err := w.write(gctx, a)
				w.mu.Lock()
				defer w.mu.Unlock()
				done++
				w.o.progress("write", done, len(w.plan.Actions))
				// the key, or the calendar: no other will fare better
				if errors.Is(err, ecal.ErrRefused) || errors.Is(err, ecal.ErrNotFound) {
					return err
				}
				return nil
			})
			if realNow().Sub(saved) >= checkpoint {
				if err := w.save(ctx); err != nil {
					return errors.Join(err, group.Wait())
				}
				saved = realNow()
			}
		}
		if err := group.Wait(); err != nil {
			return err
		}
	}
	switch {
	case done == len(w.plan.Actions) || w.failed > 0:
		return nil
	case done == 0: // to go on at once would come to the same
		return errors.New("no time was left to write anything")
	default:
		return faults.Error{Code: codeOutOfTime, Detail: fmt.Sprintf("%d of %d changes are made", done, len(w.plan.Actions))}
	}
}

// write does one action and records what ECAL made of it.
func (w *work) write(ctx context.Context, a campus.Action) error {
	var got campus.Event
	var err error
	switch a.Kind {
	case campus.Create:
		got, err = w.ecal.Create(ctx, a.Event)
	case campus.Update:
		if got, err = w.ecal.Update(ctx, a.EventID, a.Event); errors.Is(err, ecal.ErrNotFound) {
			a = w.target.Again(a) // somebody has just removed it
			got, err = w.ecal.Create(ctx, a.Event)
		}
	case campus.Delete:
		err = w.ecal.Delete(ctx, a.EventID)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	change := w.change(a)
	if err != nil {
		w.failed++
		change.Error = err.Error()
		w.run.Changes = append(w.run.Changes, change)
		return err
	}
	w.run.Changes = append(w.run.Changes, change)
	w.counted(a.Kind)
	w.listed = slices.DeleteFunc(w.listed, func(e campus.Event) bool { return e.ID == a.EventID || e.ID == got.ID })
	if a.Kind != campus.Delete {
		w.listed = append(w.listed, got)
	}
	w.s.Change(func(state *campus.State) {
		switch {
		case a.Kind != campus.Delete:
			state.Sent[a.ClassID] = a.Written(got)
		case a.ClassID != "": // else it was a duplicate
			delete(state.Sent, a.ClassID)
		}
	})
	return nil
}

func (w *work) save(ctx context.Context) error {
	if w.o.dryRun {
		return nil
	}
	if err := w.s.Save(ctx); err != nil {
		return fmt.Errorf("storing the state of %s: %w", w.inst.Name, err)
	}
	return nil
}
