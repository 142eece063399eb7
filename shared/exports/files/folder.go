package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
)

// A Folder is a local folder, with a work folder beside it on the same file system.
type Folder struct {
	files, work string
	own         bool // files is ours to make
	syncs       *syncs
}

var _ Store = Folder{}

// NewFolder returns the store of a destination. work may be "": see [exports.WorkSuffix]. own says that the destination
// is made where it is missing; one that a person named must be there, for it may be a drive that is not mounted.
func NewFolder(destination, work string, own bool) Folder {
	destination = filepath.Clean(destination)
	if work == "" {
		work = destination + exports.WorkSuffix
	}
	return Folder{
		files: destination, work: filepath.Clean(work), own: own, syncs: &syncs{folders: map[string]*folderSync{}},
	}
}

// Permissions: these are payrolls and ledgers; the folder's group may read them.
const (
	fileMode   = 0o640
	folderMode = 0o750
)

// probe is a file that shows whether the importer's folder can be written to; the importer reads .csv only.
const probe = exports.Own + "-probe"

// Check implements [Store].
func (d Folder) Check(ctx context.Context) error {
	if d.own {
		if err := os.MkdirAll(d.files, folderMode); err != nil {
			return unusable("making the folder", err)
		}
	}
	if info, err := os.Stat(d.files); err != nil || !info.IsDir() {
		return fmt.Errorf("%w: %s is not a folder; make it, or mount the drive that it is on", ErrUnusable, d.files)
	}
	from, to := exports.File{Place: exports.PlaceTemp, Path: probe}, exports.File{Place: exports.PlaceFiles, Path: probe}
	w, err := d.Create(ctx, from)
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return unusable("writing to the work folder", err)
	}
	_ = os.Remove(d.path(to)) // of a run that was killed here
	err = d.Move(ctx, from, to)
	if errors.Is(err, syscall.EXDEV) {
		return fmt.Errorf("%w: %s and %s are on two file systems; set work_folder to a folder beside the destination",
			ErrUnusable, d.work, d.files)
	}
	if err == nil {
		err = d.Remove(ctx, to)
	}
	if err != nil {
		return unusable("writing to the folder", err)
	}
	return nil
}

func unusable(doing string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnusable, doing, err)
}

// path is a file's path; the rules of names have refused what leads elsewhere.
func (d Folder) path(f exports.File) string {
	base := filepath.Join(d.work, f.Place)
	if f.Place == exports.PlaceFiles {
		base = d.files
	}
	return filepath.Join(base, filepath.FromSlash(f.Path))
}

// Create implements [Store].
func (d Folder) Create(_ context.Context, f exports.File) (Writer, error) {
	name := d.path(f)
	if err := d.makeFolder(filepath.Dir(name)); err != nil {
		return nil, err
	}
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if f.Place == exports.PlaceTemp {
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	file, err := os.OpenFile(name, flags, fileMode) //nolint:gosec // below the folder of the settings
	if errors.Is(err, fs.ErrExist) {
		return nil, ErrExists
	}
	if err != nil {
		return nil, fmt.Errorf("making a file: %w", withoutPath(err))
	}
	adopt(name, d.files)
	return &fileWriter{file: file, syncs: d.syncs}, nil
}

type fileWriter struct {
	file   *os.File
	syncs  *syncs
	begun  int64 // bytes that the disk was asked to take
	size   int64
	failed bool
	done   bool
}

func (w *fileWriter) Write(p []byte) (int, error) {
	n, err := w.file.Write(p)
	if err != nil {
		w.failed = true
		return n, full(fmt.Errorf("writing a file: %w", withoutPath(err)))
	}
	if w.size += int64(n); w.size-w.begun >= early {
		writeBack(w.file, w.begun, w.size-w.begun)
		w.begun = w.size
	}
	return n, nil
}

// early is how much of a large file goes to disk while the rest is still coming, so that little is left to wait for in
// the end.
const early = 16 << 20

// full marks an error of a full disk: no other file will fit either.
func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return err
}

// Commit syncs the file and its folder to disk.
func (w *fileWriter) Commit() error {
	err := w.file.Sync()
	if cerr := w.file.Close(); err == nil {
		err = cerr
	}
	if err == nil && !w.failed {
		err = w.syncs.sync(filepath.Dir(w.file.Name()))
	}
	if err != nil || w.failed {
		w.Abort()
		return full(fmt.Errorf("writing a file to disk: %w", errors.Join(withoutPath(err))))
	}
	w.done = true
	return nil
}

func (w *fileWriter) Abort() {
	if !w.done {
		_ = w.file.Close()
		_ = os.Remove(w.file.Name())
		w.done = true
	}
}

// Open implements [Store].
func (d Folder) Open(_ context.Context, f exports.File) (io.ReadCloser, error) {
	file, err := os.Open(d.path(f))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, withoutPath(err)
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		_ = file.Close()
		return nil, ErrNotFound // no such file
	}
	return file, nil
}

// Stat implements [Store].
func (d Folder) Stat(_ context.Context, f exports.File) (Info, error) {
	info, err := os.Lstat(d.path(f))
	if errors.Is(err, fs.ErrNotExist) {
		return Info{}, ErrNotFound
	}
	if err != nil {
		return Info{}, withoutPath(err)
	}
	return Info{File: f, Size: info.Size(), Modified: info.ModTime()}, nil
}

// Move implements [Store].
func (d Folder) Move(_ context.Context, from, to exports.File) error {
	source, target := d.path(from), d.path(to)
	if err := d.makeFolder(filepath.Dir(target)); err != nil {
		return err
	}
	switch err := rename(source, target); {
	case errors.Is(err, fs.ErrExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		return ErrExists
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(source); err == nil {
			return errors.New("a folder of the destination disappeared while a file was given its name")
		}
		return ErrNotFound
	case err != nil:
		return full(fmt.Errorf("giving a file its name: %w", withoutPath(err)))
	}
	if to.Place == exports.PlaceArchive {
		now := time.Now()                //nolint:forbidigo // files have the machine's time
		_ = os.Chtimes(target, now, now) // the archive keeps it from now on
	}
	return d.syncs.sync(filepath.Dir(target)) // a file system that keeps a journal makes both folders' change one
}

// Remove implements [Store]. The folders stay: their names are the container's.
func (d Folder) Remove(_ context.Context, f exports.File) error {
	if err := os.Remove(d.path(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing a file: %w", withoutPath(err))
	}
	return nil
}

// List implements [Store].
func (d Folder) List(_ context.Context, place string) iter.Seq2[Info, error] {
	base := d.path(exports.File{Place: place})
	return func(yield func(Info, error) bool) {
		err := filepath.WalkDir(base, func(name string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !entry.Type().IsRegular() {
				return nil
			}
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil // it went while we looked
			}
			below, rerr := filepath.Rel(base, name)
			if err = errors.Join(err, rerr); err != nil {
				return err
			}
			if !yield(Info{
				File: exports.File{Place: place, Path: filepath.ToSlash(below)}, Size: info.Size(), Modified: info.ModTime(),
			}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Info{}, fmt.Errorf("listing files: %w", withoutPath(err)))
		}
	}
}

// makeFolder makes a folder with its parents, durably.
func (d Folder) makeFolder(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(name)
	if parent != name {
		if err := d.makeFolder(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(name, folderMode)
	if errors.Is(err, fs.ErrExist) {
		if info, serr := os.Stat(name); serr == nil && !info.IsDir() {
			return ErrExists // a file
		}
		err = nil
	}
	if err != nil {
		return full(fmt.Errorf("making a folder: %w", withoutPath(err)))
	}
	if strings.HasPrefix(name, d.files+string(filepath.Separator)) {
		adopt(name, d.files)
	}
	return d.syncs.sync(parent)
}

// withoutPath keeps the names of files, which tell whose payroll it is, out of errors.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
