package transfer

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/carillon-calendar/carillon/shared/calendar"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// An entry is a document of the journal, as it was at gen.
type entry struct {
	exports.Entry

	gen   int64
	newer bool // than what is written
}

// readJournal reads what the journal's listing tells.
func (w *work) readJournal(ctx context.Context) error {
	for info, err := range w.f.State.List(ctx, exports.JournalPrefix(w.src.Name)) {
		if err != nil {
			return err
		}
		m := exports.MarkOf(info.Name, info.Metadata)
		w.marks[m.ID] = mark{m, info.Generation}
	}
	return nil
}

// known is the journal for the plan.
func (w *work) known() map[string]exports.Mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := make(map[string]exports.Mark, len(w.marks))
	for id, m := range w.marks {
		known[id] = m.Mark
	}
	return known
}

// versionsOf are the other versions of an entry's blob that were handed on.
func (w *work) versionsOf(e exports.Entry) []exports.Mark {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []exports.Mark
	for _, m := range w.marks {
		if m.Blob == exports.EntryID(e.Blob, "") && m.ID != e.ID && m.Place == exports.PlaceFiles {
			list = append(list, m.Mark)
		}
	}
	return list
}

// entry reads a document of the journal.
func (w *work) entry(ctx context.Context, id string) (*entry, error) {
	e, gen, err := documents.Load[exports.Entry](ctx, w.f.State, exports.EntryName(w.src.Name, id))
	return &entry{Entry: e, gen: gen}, err
}

// put writes an entry where nobody else has.
func (w *work) put(ctx context.Context, e *entry) error {
	name, metadata := exports.EntryName(w.src.Name, e.ID), e.Metadata()
	gen, err := documents.Store(ctx, w.f.State, name, e.gen, e.Entry, metadata)
	if err != nil {
		return err
	}
	e.gen, e.newer = gen, false
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks[e.ID] = mark{exports.MarkOf(name, metadata), gen}
	return nil
}

// drop removes an entry. Until it is gone, its temporary files are needed.
func (w *work) drop(ctx context.Context, e *entry) error {
	if err := w.f.State.Delete(ctx, exports.EntryName(w.src.Name, e.ID), e.gen); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.marks, e.ID)
	return nil
}

// rebuildHanded reads from the journal what a run that died had not stored with the state.
func (w *work) rebuildHanded(ctx context.Context) error {
	if !w.s.State.Rebuild {
		return nil
	}
	for id, m := range w.known() {
		if m.Place != exports.PlaceFiles || m.State == exports.StateStaged {
			continue
		}
		e, err := w.entry(ctx, id)
		if err != nil {
			return err
		}
		w.s.Change(func(state *exports.State) { state.Hand(e.Entry) })
	}
	w.s.Change(func(state *exports.State) { state.Rebuild = false })
	return nil
}

// takeUp finishes what a run that died had begun: entries that are staged.
func (w *work) takeUp(ctx context.Context, blobs []exports.Blob) error {
	listed := map[string]exports.Blob{}
	for _, b := range blobs {
		listed[exports.EntryID(b.Name, b.ETag)] = b
	}
	for id, m := range w.known() {
		if m.State != exports.StateStaged {
			continue
		}
		e, err := w.entry(ctx, id)
		if err != nil {
			return err
		}
		b := listed[id]
		if err = w.takeUpOne(ctx, e, b); err == nil {
			w.count(exports.Task{Blob: exports.Blob{Name: e.Blob, Size: e.Size}, Do: exports.Take}, e)
			continue
		}
		w.mu.Lock()
		w.account(exports.Blob{Name: e.Blob, Size: e.Size}, err)
		fatal := w.fatal
		w.mu.Unlock()
		if fatal != nil {
			return fatal
		}
	}
	return nil
}

// takeUpOne finishes an entry. A file that has neither its temporary name nor its final one was given its own, and the
// importer has taken it; or it was removed. Nobody can tell. A copy goes to the archive before the blob may go: the
// importer sees nothing twice, and nothing is lost.
func (w *work) takeUpOne(ctx context.Context, e *entry, b exports.Blob) error {
	if err := w.withdrawOlder(ctx, e); err != nil {
		return err
	}
	lost := false
	for i := range e.Moves {
		err := w.move(ctx, e, i)
		if errors.Is(err, errLost) && e.Moves[i].From.Place == exports.PlaceTemp {
			lost = true
			continue
		}
		if errors.Is(err, errTaken) && b.Name == "" && e.Moves[i].From.Place == exports.PlaceTemp { // it is the only copy
			err = w.setAside(ctx, e, i, err)
		}
		if err != nil {
			return errors.Join(err, w.undo(ctx, e, err))
		}
	}
	if lost {
		return w.replace(ctx, e, b)
	}
	if err := w.settled(ctx, e); err != nil {
		return err
	}
	return w.enter(ctx, e)
}

// replace reads the blob again for a file that is no longer there: one that was handed on gets a copy in the archive.
// Where the blob has gone too, as after a deletion that was not entered, there is nothing left to do: blobs are deleted
// after their file stood under its name.
func (w *work) replace(ctx context.Context, e *entry, b exports.Blob) error {
	if b.Name != "" {
		copied, temp := w.newEntry(b), tempFile(e.ID)
		if err := w.fetch(ctx, b, temp, copied); err != nil {
			return err
		}
		if copied.SHA256 != e.SHA256 {
			return errCorrupt
		}
		kept := e.File // what is in the quarantine or archive is there again
		if kept.Place == exports.PlaceFiles {
			kept = exports.File{Place: exports.PlaceArchive, Path: exports.Archived(e.File.Path, e.ID)}
			e.Why = "it was handed on as the run stopped; a copy is in the archive"
		}
		if err := w.store.Move(ctx, temp, kept); err != nil && !errors.Is(err, files.ErrExists) {
			return err
		}
		if same, err := w.stands(ctx, kept, e.SHA256); err != nil || !same {
			return errors.Join(errCorrupt, err)
		}
	}
	if err := w.settled(ctx, e); err != nil {
		return err
	}
	return w.enter(ctx, e)
}

// keepEntries is how long the journal remembers what was deleted at the source.
const keepEntries = 400 * 24 * time.Hour

// tidy enters that blobs have gone, and removes what is left over: temporary files, and the archive and journal beyond
// their time.
func (w *work) tidy(ctx context.Context, blobs []exports.Blob) error {
	there := map[string]bool{}
	for _, b := range blobs {
		there[exports.EntryID(b.Name, b.ETag)] = true
	}
	for id, m := range w.known() {
		switch {
		case m.State == exports.StateStored && !there[id] &&
			(m.StoredAt.Before(w.t.Began.Truncate(time.Second)) || calendar.Ahead(w.t.Began, m.StoredAt)):
			e, err := w.entry(ctx, id)
			if err != nil {
				return err
			}
			e.State, e.DeletedAt = exports.StateDeleted, w.f.Now().UTC()
			if err := w.put(ctx, e); err != nil {
				return err
			}
		case m.State == exports.StateDeleted && m.Place != exports.PlaceQuarantine &&
			!w.young(w.t.Began, m.StoredAt, keepEntries):
			if err := w.f.State.Delete(ctx, exports.EntryName(w.src.Name, id), w.marks[id].gen); err != nil {
				return err
			}
		}
	}
	if err := w.clear(ctx, exports.PlaceTemp, 0); err != nil {
		return err
	}
	return w.clear(ctx, exports.PlaceArchive, time.Duration(w.src.ArchiveDays)*24*time.Hour)
}

// clear removes files of a place that are older than age, but for temporary ones that an entry of the journal is still
// to give their name. Files have the machine's time.
func (w *work) clear(ctx context.Context, place string, age time.Duration) error {
	known := w.known()
	for info, err := range w.store.List(ctx, place) {
		if err != nil {
			return err
		}
		id, _, _ := strings.Cut(info.Path, "-") // see tempFile
		if age > 0 && w.young(realNow(), info.Modified, age) ||
			place == exports.PlaceTemp && known[id].State == exports.StateStaged {
			continue
		}
		if err := w.store.Remove(ctx, info.File); err != nil {
			return err
		}
	}
	return nil
}
