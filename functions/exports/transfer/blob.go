package transfer

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // what the store keeps of a blob's contents
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/azure"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// whyHeld is why a file is in the quarantine.
const whyHeld = "it did not pass the check"

// lineQuarantine is what a run's table says of a file that failed its check.
const lineQuarantine = "quarantine"

var (
	// errCorrupt says that what was read is not what the store says it holds.
	errCorrupt = errors.New("what was read is not what the store holds, by its length or MD5")
	// errLost says that a temporary file went before it got its name.
	errLost = errors.New("its temporary file is gone: does another program clean up the work folder?")
	// errOlder says that a newer version of the blob was handed on.
	errOlder = errors.New("a newer version of it was handed on")
	// errTaken says that the importer's folder has another file of that name.
	errTaken = errors.New("its name is taken in the importer's folder, by another file or by a folder, and nothing is " +
		"overwritten")
)

// bring is the life of a blob: read to a temporary name, compared, looked at, entered in the journal, given its name,
// and deleted at the source. Killed at any point, the next run goes on: what is not in the journal is read again, what
// is there is finished (takeUp). [azure.ErrChanged] means that there is a newer version.
func (w *work) bring(ctx context.Context, t exports.Task) error {
	e := w.newEntry(t.Blob)
	temp := tempFile(e.ID)
	err := w.fetch(ctx, t.Blob, temp, e)
	if errors.Is(err, azure.ErrGone) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.t.Left++
		w.t.Line(exports.FileLine{
			Blob: t.Blob.Name, What: exports.Keep, Why: "it went before it was read: does another program empty this container?",
		})
		return nil
	}
	if err != nil {
		return err
	}
	if err := w.place(ctx, t, temp, e); err != nil {
		return err
	}
	e.State = exports.StateStaged
	if err := w.put(ctx, e); err != nil {
		return err
	}
	if err := w.settle(ctx, e); err != nil {
		return err
	}
	w.count(t, e)
	return w.remove(ctx, t.Blob, e)
}

// tempFile is a name that no other attempt has: a run that was thought dead must not write into this one's file.
func tempFile(id string) exports.File {
	return exports.File{Place: exports.PlaceTemp, Path: id + "-" + uuid.NewString()}
}

func (w *work) newEntry(b exports.Blob) *entry {
	return &entry{Entry: exports.Entry{
		Version: 1, ID: exports.EntryID(b.Name, b.ETag), Source: w.src.Name, Blob: b.Name, ETag: b.ETag, Size: b.Size,
		Modified: b.Modified, StagedAt: w.f.Now().UTC(),
	}}
}

// rereads is how often a blob is read that came otherwise than the store says.
const rereads = 2

// fetch reads a blob to a temporary file and compares it.
func (w *work) fetch(ctx context.Context, b exports.Blob, temp exports.File, e *entry) (err error) {
	for range rereads {
		if err = w.fetchOnce(ctx, b, temp, e); !errors.Is(err, errCorrupt) {
			return err
		}
	}
	return err
}

func (w *work) fetchOnce(ctx context.Context, b exports.Blob, temp exports.File, e *entry) error {
	body, stored, err := w.container.Open(ctx, b)
	if err != nil {
		return err
	}
	defer body.Close()
	out, err := w.store.Create(ctx, temp)
	if err != nil {
		return err
	}
	defer out.Abort()
	if b.MD5 != nil {
		stored = b.MD5
	}
	sum := sha256.New()
	sums := []hash.Hash{sum}
	check := hash.Hash(nil)
	if stored != nil {
		check = md5.New() //nolint:gosec // as above
		sums = append(sums, check)
	}
	n, err := pump(out, body, b.Size, sums)
	if err != nil {
		return err
	}
	if n != b.Size || check != nil && !bytes.Equal(check.Sum(nil), stored) {
		return errCorrupt
	}
	w.mu.Lock()
	w.t.Bytes += n
	w.mu.Unlock()
	e.MD5, e.SHA256 = check != nil, hex.EncodeToString(sum.Sum(nil))
	e.FileSHA256 = e.SHA256
	return out.Commit()
}

// place decides where a file goes, and what is done to get it there.
func (w *work) place(ctx context.Context, t exports.Task, temp exports.File, e *entry) error {
	if t.Do == exports.Archive {
		e.send(exports.PlaceArchive, t, temp, t.Why)
		return nil
	}
	if !w.looksAt(t.Path) {
		e.send(exports.PlaceFiles, t, temp, "")
		return nil
	}
	open := func() (io.ReadCloser, error) { return w.store.Open(ctx, temp) }
	options := w.src.Options(w.before(t.Blob.Name))
	report, err := exports.Check(open, options)
	if err != nil {
		return err
	}
	switch {
	case report.Unknown() && w.passesOthers(), report.Table != "" && !slices.Contains(w.src.Check, report.Table):
		e.send(exports.PlaceFiles, t, temp, "")
	case !report.OK():
		e.Report = &report
		e.send(exports.PlaceQuarantine, t, temp, whyHeld)
	case w.src.Rewrite.Of(report):
		e.Report = &report
		return w.rewrite(ctx, t, temp, options, e)
	default:
		e.Report = &report
		e.send(exports.PlaceFiles, t, temp, "")
	}
	return nil
}

// looksAt reports whether a file is looked at: the importer reads .csv only.
func (w *work) looksAt(file string) bool {
	return strings.EqualFold(path.Ext(file), ".csv") && (len(w.src.Check) > 0 || !w.passesOthers())
}

// passesOthers reports whether files of no known table are handed on.
func (w *work) passesOthers() bool {
	return w.src.OtherFiles == "pass" || w.src.OtherFiles == "" && len(w.src.Check) == 0
}

// send sets where a file goes.
func (e *entry) send(place string, t exports.Task, from exports.File, why string) {
	e.File, e.Why = exports.File{Place: place, Path: t.Path}, why
	if place != exports.PlaceFiles {
		e.File.Path = exports.Archived(t.Path, e.ID)
	}
	e.Moves = append(e.Moves, exports.Move{From: from, To: e.File})
}

// rewrite puts a file into the importer's form; the original goes to the archive.
func (w *work) rewrite(
	ctx context.Context, t exports.Task, original exports.File, options exports.Options, e *entry,
) error {
	temp := tempFile(e.ID)
	out, err := w.store.Create(ctx, temp)
	if err != nil {
		return err
	}
	defer out.Abort()
	sum := sha256.New()
	open := func() (io.ReadCloser, error) { return w.store.Open(ctx, original) }
	switch report, err := exports.Rewrite(open, options, io.MultiWriter(out, sum)); {
	case err != nil:
		return err
	case !report.OK(): // it passed a moment ago
		return errCorrupt
	}
	if err := out.Commit(); err != nil {
		return err
	}
	e.FileSHA256 = hex.EncodeToString(sum.Sum(nil))
	e.Moves = append(e.Moves, exports.Move{
		From: original, To: exports.File{Place: exports.PlaceArchive, Path: exports.Archived(t.Path, e.ID)},
	})
	e.send(exports.PlaceFiles, t, temp, "")
	return nil
}

// before is the query's last file that was handed on.
func (w *work) before(blob string) exports.Handed {
	run, _ := exports.ParseRun(blob) // of another name nothing is kept
	return w.handed()[run.Key()]
}

// settle makes an entry's moves. That it is stored is entered with what becomes of the blob: until then the journal
// says that the moves may be made.
func (w *work) settle(ctx context.Context, e *entry) error {
	if err := w.withdrawOlder(ctx, e); err != nil {
		return err
	}
	for i := range e.Moves {
		if err := w.move(ctx, e, i); err != nil {
			return errors.Join(err, w.undo(ctx, e, err))
		}
	}
	return w.settled(ctx, e)
}

// settled notes that an entry's file stands under its name.
func (w *work) settled(ctx context.Context, e *entry) error {
	e.State, e.StoredAt, e.Moves = e.end(), w.f.Now().UTC(), nil
	if e.File.Place == exports.PlaceQuarantine {
		if err := w.report(ctx, e); err != nil {
			return err
		}
	}
	e.newer = true
	w.s.Change(func(state *exports.State) { state.Hand(e.Entry) })
	return nil
}

// withdrawOlder takes an older run of the query back that the importer has not taken yet: it goes to the archive.
func (w *work) withdrawOlder(ctx context.Context, e *entry) error {
	run, ok := exports.ParseRun(e.Blob)
	last := w.handed()[run.Key()]
	if !ok || e.File.Place != exports.PlaceFiles || last.ID == "" || last.ID == e.ID || last.At.Equal(run.At) ||
		!last.Before(run.Written(e.Modified)) {
		return nil
	}
	old, err := w.entry(ctx, last.ID)
	if errors.Is(err, documents.ErrNotFound) {
		return nil // long ago
	}
	if err == nil && old.File.Place == exports.PlaceFiles {
		err = w.retire(ctx, old, "a newer run of its query came")
	}
	return ignore(err, errTaken)
}

// retire puts a file that was handed on, and still stands there as it was, into the archive. [errTaken]: another file
// stands there.
func (w *work) retire(ctx context.Context, old *entry, why string) error {
	switch same, err := w.stands(ctx, old.File, old.FileSHA256); {
	case errors.Is(err, files.ErrNotFound):
		return nil // the importer has it
	case err != nil:
		return err
	case !same:
		return errTaken
	}
	to := old.InArchive()
	if err := w.store.Move(ctx, old.File, to); err != nil {
		return ignore(err, files.ErrNotFound)
	}
	old.File, old.Why = to, why
	return w.put(ctx, old)
}

// stands reports whether a file has contents of a SHA-256.
func (w *work) stands(ctx context.Context, f exports.File, sum string) (bool, error) {
	r, err := w.store.Open(ctx, f)
	if err != nil {
		return false, err
	}
	defer r.Close()
	got := sha256.New()
	if _, err := io.Copy(got, r); err != nil {
		return false, fmt.Errorf("reading a file: %w", err)
	}
	return hex.EncodeToString(got.Sum(nil)) == sum, nil
}

// enter writes an entry where it is newer than what is written.
func (w *work) enter(ctx context.Context, e *entry) error {
	if !e.newer {
		return nil
	}
	return w.put(ctx, e)
}

// end is the state of an entry that has no moves left.
func (e *entry) end() exports.EntryState {
	if e.DeletedAt.IsZero() {
		return exports.StateStored
	}
	return exports.StateDeleted
}

// report puts what was found beside a file in the quarantine.
func (w *work) report(ctx context.Context, e *entry) error {
	data, err := json.MarshalIndent(e.Report, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding a report: %w", err)
	}
	temp := tempFile(e.ID)
	out, err := w.store.Create(ctx, temp)
	if err != nil {
		return err
	}
	defer out.Abort()
	if _, err := out.Write(data); err != nil {
		return err
	}
	if err := out.Commit(); err != nil {
		return err
	}
	err = w.store.Move(ctx, temp, reportOf(e.File))
	if errors.Is(err, files.ErrExists) { // of a run that died here
		return w.store.Remove(ctx, temp)
	}
	return err
}

// reportOf is the file of a quarantined file's report.
func reportOf(f exports.File) exports.File {
	return exports.File{Place: f.Place, Path: f.Path + ".report.json"}
}

// move makes an entry's move i. That it was made before is taken from the file that stands there, and from nothing
// else; [errLost] where neither is.
func (w *work) move(ctx context.Context, e *entry, i int) error {
	if err := w.s.Alive(); err != nil {
		return err
	}
	m, sum := e.Moves[i], e.SHA256
	if m.To == e.File {
		sum = e.FileSHA256
	}
	err := w.store.Move(ctx, m.From, m.To)
	if err == nil || !errors.Is(err, files.ErrExists) && !errors.Is(err, files.ErrNotFound) {
		return err
	}
	made, herr := w.stands(ctx, m.To, sum)
	switch {
	case herr != nil && !errors.Is(herr, files.ErrNotFound):
		return herr
	case made:
		return w.store.Remove(ctx, m.From) // it was made; after a crash, or a lost answer
	case errors.Is(err, files.ErrNotFound):
		return errLost
	case m.To.Place != exports.PlaceFiles:
		return err
	}
	if _, err := w.store.Stat(ctx, m.From); errors.Is(err, files.ErrNotFound) {
		return errLost
	}
	err = w.supersede(ctx, e, m.To)
	if errors.Is(err, errOlder) && m.From.Place == exports.PlaceTemp {
		return w.setAside(ctx, e, i, err)
	}
	if err != nil {
		return err
	}
	return w.store.Move(ctx, m.From, m.To)
}

// setAside makes an entry's move i into the archive instead, because its file cannot have its name.
func (w *work) setAside(ctx context.Context, e *entry, i int, why error) error {
	e.File, e.Why = e.InArchive(), why.Error()
	e.Moves[i].To = e.File
	return w.store.Move(ctx, e.Moves[i].From, e.File)
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

// supersede puts an earlier version of the blob, which the importer has not taken yet, into the archive. Any other file
// is left alone.
func (w *work) supersede(ctx context.Context, e *entry, taken exports.File) error {
	for _, m := range w.versionsOf(e.Entry) {
		old, err := w.entry(ctx, m.ID)
		if err != nil {
			return err
		}
		if old.File != taken {
			continue
		}
		same, err := w.stands(ctx, taken, old.FileSHA256)
		switch {
		case errors.Is(err, files.ErrNotFound):
			return nil // the importer was quicker
		case err != nil:
			return err
		case !same:
			continue // the one of another version
		case old.StagedAt.After(e.StagedAt):
			return errOlder
		}
		return w.retire(ctx, old, "a newer version of it came")
	}
	return errTaken
}

// undo takes back what was prepared for a file that cannot have its name. The blob, or the file in the quarantine,
// stays. The entry goes first: it must not say of a file that it is there when it no longer is.
func (w *work) undo(ctx context.Context, e *entry, why error) error {
	if !errors.Is(why, errTaken) && !errors.Is(why, errLost) && !errors.Is(why, errOlder) {
		return nil
	}
	if from := e.Moves[len(e.Moves)-1].From; from.Place != exports.PlaceTemp {
		e.State, e.File, e.Moves, e.ReleasedAt, e.Why = e.end(), from, nil, time.Time{}, whyHeld
		return w.put(ctx, e)
	}
	moves := e.Moves
	if err := w.drop(ctx, e); err != nil {
		return err
	}
	for _, m := range moves {
		if err := w.store.Remove(ctx, m.From); err != nil {
			return err
		}
	}
	return nil
}

// count counts a file that is stored.
func (w *work) count(t exports.Task, e *entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	line := exports.FileLine{Blob: t.Blob.Name, What: t.Do, Why: e.Why, Bytes: t.Blob.Size}
	switch e.File.Place {
	case exports.PlaceQuarantine:
		w.t.Quarantined++
		line.What, line.Why = lineQuarantine, e.Report.Summary(faults.English)
	case exports.PlaceArchive:
		w.t.Archived++
	default:
		w.t.Transferred++
		if e.Report != nil {
			w.t.Checked++
		}
	}
	w.t.Line(line)
}

// remove deletes at the source what is stored, by the settings; only the version that is stored.
func (w *work) remove(ctx context.Context, b exports.Blob, e *entry) error {
	w.mu.Lock()
	refused := w.noDelete
	w.mu.Unlock()
	keep, never := w.src.Keep()
	if err := w.s.Alive(); err != nil {
		return err
	}
	if never || keep > 0 && w.young(w.f.Now(), e.StoredAt, keep) {
		w.keep(b, exports.KeptBySettings)
		return w.enter(ctx, e)
	}
	if refused || !w.container.SAS().Allows('d') && w.container.SAS().Container != "" {
		return w.held(ctx, b, e, "the access to the container does not include deleting")
	}
	err := w.container.Delete(ctx, b)
	switch {
	case err == nil, errors.Is(err, azure.ErrGone), errors.Is(err, azure.ErrChanged):
		e.State, e.DeletedAt, e.Kept = exports.StateDeleted, w.f.Now().UTC(), ""
		if perr := w.put(ctx, e); perr != nil {
			return perr
		}
		if err == nil {
			w.mu.Lock()
			w.t.Deleted++
			w.mu.Unlock()
		}
		return ignore(err, azure.ErrGone)
	case errors.Is(err, azure.ErrHeld), errors.Is(err, azure.ErrUnreadable):
		return w.held(ctx, b, e, err.Error())
	case errors.Is(err, azure.ErrRefused):
		w.mu.Lock()
		w.noDelete = true
		w.mu.Unlock()
		return w.held(ctx, b, e, err.Error())
	default:
		return errors.Join(fmt.Errorf("it is stored, but could not be deleted: %w", err),
			w.enter(context.WithoutCancel(ctx), e))
	}
}

// held notes a blob that is stored and cannot be deleted; the next run tries again.
func (w *work) held(ctx context.Context, b exports.Blob, e *entry, why string) error {
	w.mu.Lock()
	w.stays(b, why)
	w.mu.Unlock()
	e.newer = e.newer || e.Kept != why
	e.Kept = why
	return w.enter(ctx, e)
}
