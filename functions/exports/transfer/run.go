package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/lease"
	"github.com/carillon-calendar/carillon/shared/cloud/runs"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/cegid"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// options are what a run is asked to do besides.
type options struct {
	asked    time.Time // when a message asked for the run; zero: by hand
	dryRun   bool
	progress runs.ProgressFunc
}

// A session is the right to work on a source, and its state.
type session = lease.Session[exports.State]

// open takes the source's lease; see [lease.Take].
func (f function) open(ctx context.Context, source string, asked time.Time) (*session, context.Context, error) {
	of := func(state *exports.State) *lease.Lease { return &state.Lease }
	return lease.Take(ctx, f.State, exports.StateName(source), of, func(state *exports.State) error {
		if len(state.Runs) > 0 && state.Runs[0].Fault == nil && runs.Done(asked, state.Runs[0].Began, f.Now()) {
			return runs.ErrDone
		}
		state.Rebuild, state.Version = state.Rebuild || state.Lease.ID != "", 1
		return nil
	})
}

// run is one run of a source. What went wrong outside is the run's Fault, recorded with the state and
// mailed; an error means that nothing could be recorded. A dry run takes no lease, and changes nothing.
func (f function) run(
	ctx context.Context, settings *exports.Settings, src exports.Source, o options,
) (exports.Transfer, error) {
	if o.dryRun {
		return f.dryRun(ctx, src, o), nil
	}
	s, ctx, err := f.open(ctx, src.Name, o.asked)
	if err != nil {
		return exports.Transfer{}, err
	}
	w := f.newWork(s, src, o)
	w.end(w.do(ctx))
	s.Change(func(state *exports.State) {
		state.Record(w.t)
		if w.t.Fault == nil || w.t.Fault.Code != codeOutOfTime {
			state.Alert.Count(w.t.Fault != nil, w.t.Ended)
		}
	})
	w.tell(ctx, settings)
	log(ctx, w.t)
	if err := s.Close(ctx); err != nil {
		return w.t, fmt.Errorf("storing the state of %s: %w", src.Name, err)
	}
	return w.t, nil
}

// dryRun tells what a run would do.
func (f function) dryRun(ctx context.Context, src exports.Source, o options) exports.Transfer {
	state, err := f.stateOf(ctx, src.Name)
	w := f.newWork(&session{State: state}, src, o)
	w.t.DryRun = true
	if err == nil {
		err = w.prepare()
	}
	if err == nil {
		err = w.readJournal(ctx)
	}
	var blobs []exports.Blob
	if err == nil {
		blobs, err = w.list(ctx)
	}
	for _, t := range exports.Plan(blobs, w.known(), w.s.State.Handed, src, w.t.Began) {
		w.t.Line(exports.FileLine{Blob: t.Blob.Name, What: t.Do, Why: t.Why, Bytes: t.Blob.Size})
		switch t.Do {
		case exports.Keep:
			w.t.Kept++
			if !keptBySettings(t.Why) {
				w.t.Left++
			}
		case exports.Refuse:
			w.t.Failed++
		}
	}
	w.end(err)
	log(ctx, w.t)
	return w.t
}

// A work is a run in progress.
type work struct {
	f         function
	s         *session
	src       exports.Source
	o         options
	store     files.Store
	container *azure.Container

	mu       sync.Mutex // of what follows
	t        exports.Transfer
	marks    map[string]mark // of the journal, by id
	silent   int             // blobs in a row that the store did not answer for
	fatal    error           // which ends the run for all blobs
	noDelete bool            // the store has refused a deletion
	late     bool            // some blobs were not begun
	ahead    time.Duration   // our clock of the blob store's
}

// A mark is an entry as a listing of the journal shows it.
type mark struct {
	exports.Mark

	gen int64
}

func (f function) newWork(s *session, src exports.Source, o options) *work {
	return &work{
		f: f, s: s, src: src, o: o, marks: map[string]mark{}, t: exports.Transfer{Source: src.Name, Began: f.Now().UTC()},
	}
}

// end records how the run ended.
func (w *work) end(err error) {
	progress := w.t.Transferred+w.t.Archived+w.t.Quarantined+w.t.Deleted > 0
	w.t.Late = err == nil && w.late && progress
	if err == nil && w.clockWrong() {
		way := "ahead of"
		if w.ahead < 0 {
			way = "behind"
		}
		err = faults.Error{
			Code: codeClock, Detail: fmt.Sprintf("this machine's clock is %s %s the blob store's",
				w.ahead.Abs().Round(time.Minute), way),
		}
	}
	if err == nil && w.t.Failed > 0 {
		err = faults.Error{
			Code: codeFiles, Detail: fmt.Sprintf("%d files could not be transferred; see the reason of each", w.t.Failed),
		}
	}
	if err == nil && w.late && !progress {
		err = faults.Error{Code: faults.Failed, Detail: "not one file could be transferred in the time of a whole run"}
	}
	if err == nil && w.late {
		err = faults.Error{Code: codeOutOfTime, Detail: "there is more to transfer than the time allowed"}
	}
	order := []string{exports.Refuse, lineQuarantine, exports.Keep, exports.Take, exports.Archive, exports.Delete}
	slices.SortStableFunc(w.t.Files, func(a, b exports.FileLine) int {
		if a.What != b.What {
			return slices.Index(order, a.What) - slices.Index(order, b.What)
		}
		return strings.Compare(a.Blob, b.Blob)
	})
	if w.container != nil {
		w.t.Until = w.container.SAS().Expires
	}
	w.t.Fault, w.t.Ended = fault(err, w.src), w.f.Now().UTC()
}

// prepare makes the clients; it does no I/O.
func (w *work) prepare() (err error) {
	if w.src.Fault != nil {
		return faults.Error{Code: codeSettings, Detail: w.src.Fault.Error()}
	}
	w.container = azure.New(cegid.Access(w.src), w.src.ForeignStore())
	w.store, err = w.f.Destination(w.src)
	return err
}

// do looks around, finishes what another run has begun, and brings what is there.
func (w *work) do(ctx context.Context) error {
	if err := w.prepare(); err != nil {
		return err
	}
	ctx, begin, cancel := hurry(ctx)
	defer cancel()
	if err := w.store.Check(ctx); err != nil {
		return err
	}
	if err := w.readJournal(ctx); err != nil {
		return err
	}
	if err := w.rebuildHanded(ctx); err != nil {
		return err
	}
	w.o.progress("list", 0, 1)
	blobs, err := w.list(ctx)
	if err != nil {
		return err
	}
	w.lookAtClock(ctx)
	if err := w.takeUp(ctx, blobs); err != nil {
		return err
	}
	w.bringAll(ctx, begin, exports.Plan(blobs, w.known(), w.handed(), w.src, w.t.Began))
	if w.fatal != nil || w.late {
		return w.fatal
	}
	return w.tidy(ctx, blobs)
}

// clocksApart is how far our clock and the blob store's may be apart. Beyond it nothing is deleted for its age.
const clocksApart = time.Hour

// lookAtClock compares our clock with the blob store's.
func (w *work) lookAtClock(ctx context.Context) {
	w.ahead = w.f.Now().Sub(realNow()) + w.container.Ahead()
	if w.clockWrong() {
		wrong := w.f.Now().Add(-w.ahead).UTC()
		w.s.Change(func(state *exports.State) { state.ClockWrongAt = wrong })
		slog.ErrorContext(ctx, "clock is wrong", slog.String("source", w.src.Name),
			slog.Duration("ahead", w.ahead.Round(time.Minute)))
	}
}

func (w *work) clockWrong() bool { return w.ahead.Abs() > clocksApart }

// young reports whether a stored instant is less than d ago, or may be. By a wrong clock nothing is old, and an instant
// that may have been written by one counts from the moment when the clock was last seen to be wrong.
func (w *work) young(now, stored time.Time, d time.Duration) bool {
	var wrongAt time.Time
	w.s.Change(func(state *exports.State) { wrongAt = state.ClockWrongAt })
	ahead := calendar.Ahead(now, stored)
	if ahead || stored.Before(wrongAt) {
		stored = wrongAt
	}
	return w.clockWrong() || ahead && wrongAt.IsZero() || calendar.Within(now, stored, d)
}

// hurry keeps a fifth of the time that is left for what was begun, and a twentieth for the state. begin says until when
// a blob may be begun.
func hurry(ctx context.Context) (in context.Context, begin time.Time, cancel context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, time.Time{}, func() {}
	}
	left := deadline.Sub(realNow())
	in, cancel = context.WithDeadline(ctx, deadline.Add(-left/20))
	return in, deadline.Add(-left / 5), cancel
}

// realNow is the machine's clock, for deadlines.
func realNow() time.Time { return time.Now() } //nolint:forbidigo // the real clock

// list reads the container's listing whole.
func (w *work) list(ctx context.Context) ([]exports.Blob, error) {
	var blobs []exports.Blob
	for b, err := range w.container.List(ctx) {
		if err != nil {
			return nil, fmt.Errorf("listing the container: %w", err)
		}
		blobs = append(blobs, b)
	}
	return blobs, nil
}

// handed is what was handed on last of each query.
func (w *work) handed() (handed map[string]exports.Handed) {
	w.s.Change(func(state *exports.State) {
		handed = maps.Clone(state.Handed)
	})
	return handed
}

// workers is how many blobs are under way at once.
const workers = 16

// bringAll does every task; one that fails stops no other.
func (w *work) bringAll(ctx context.Context, begin time.Time, tasks []exports.Task) {
	var group errgroup.Group
	group.SetLimit(workers)
	done := 0
	for _, t := range tasks {
		if !w.mayBegin(ctx, begin) {
			break
		}
		group.Go(func() error {
			err := w.one(ctx, t)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.account(t.Blob, err)
			done++
			w.o.progress("bring", done, len(tasks))
			return nil
		})
	}
	_ = group.Wait()
}

// mayBegin reports whether there is a point in beginning another blob. What was begun is ended.
func (w *work) mayBegin(ctx context.Context, begin time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil || !begin.IsZero() && realNow().After(begin) {
		w.late = true
	}
	return !w.late && w.fatal == nil
}

// mostSilent is how many blobs in a row the store may not answer for.
const mostSilent = 8

// account takes note of what went wrong with a blob.
func (w *work) account(b exports.Blob, err error) {
	if err == nil {
		w.silent = 0
		return
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		w.late = true
		return
	}
	w.t.Failed++
	w.t.Line(exports.FileLine{
		Blob: b.Name, What: exports.Refuse, Why: strings.ReplaceAll(err.Error(), "\n", "; "), Bytes: b.Size,
	})
	if errors.Is(err, azure.ErrNoAnswer) {
		w.silent++
	}
	common := []error{
		files.ErrUnusable, azure.ErrRefused, azure.ErrNotYet, azure.ErrNoContainer, cegid.ErrRefused, cegid.ErrSubscription,
		cegid.ErrNoAnswer, cegid.ErrExpired,
	}
	if w.fatal == nil && (w.silent >= mostSilent ||
		slices.ContainsFunc(common, func(c error) bool { return errors.Is(err, c) })) {
		w.fatal = err
	}
}

// one does one task.
func (w *work) one(ctx context.Context, t exports.Task) error {
	switch t.Do {
	case exports.Refuse:
		return errors.New(t.Why)
	case exports.Keep:
		w.keep(t.Blob, t.Why)
		return nil
	case exports.Resume:
		return nil // takeUp has tried
	case exports.Delete:
		e, err := w.entry(ctx, exports.EntryID(t.Blob.Name, t.Blob.ETag))
		if err != nil {
			return err
		}
		err = w.remove(ctx, t.Blob, e)
		if errors.Is(err, azure.ErrChanged) {
			w.keep(t.Blob, "it was rewritten; the next run looks at it")
			return nil
		}
		return err
	}
	return w.bringNewest(ctx, t)
}

// versions is how many versions of a blob a run follows; its writer may be at work.
const versions = 3

// bringNewest transfers a blob, and its newer version where it was rewritten in the meantime.
func (w *work) bringNewest(ctx context.Context, t exports.Task) error {
	for range versions {
		err := w.bring(ctx, t)
		if !errors.Is(err, azure.ErrChanged) {
			return err
		}
		t.Blob, err = w.container.Find(ctx, t.Blob.Name)
		if errors.Is(err, azure.ErrGone) {
			return nil // nothing newer is there
		}
		if err != nil {
			return err
		}
	}
	w.keep(t.Blob, "it is being written again and again; the next run takes it")
	return nil
}

// keep counts a blob that stays: by the settings, without a line, because these are many; or left for the next run.
func (w *work) keep(b exports.Blob, why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if keptBySettings(why) {
		w.t.Kept++
		return
	}
	w.t.Left++
	w.stays(b, why)
}

// stays counts a blob that is still at the source, with its line. Whoever calls it holds the lock.
func (w *work) stays(b exports.Blob, why string) {
	w.t.Kept++
	w.t.Line(exports.FileLine{Blob: b.Name, What: exports.Keep, Why: why, Bytes: b.Size})
}

func keptBySettings(why string) bool { return strings.HasPrefix(why, exports.KeptBySettings) }
