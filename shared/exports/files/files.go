// Package files is where exported files go: the folder that the importer reads, and beside it
// the quarantine, the archive and what is not complete yet.
//
// Implementations: a local folder ([Folder]) and Cloud Storage (files/gcs). filestest holds the suite that both pass.
package files

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"

	"github.com/carillon-calendar/carillon/shared/exports"
)

var (
	// ErrNotFound says that there is no such file.
	ErrNotFound = errors.New("there is no such file")
	// ErrExists says that the name is taken, by a file or a folder, or that a file stands where a folder of its path
	// should. None is ever overwritten.
	ErrExists = errors.New("the name is already taken")
	// ErrUnusable says that the destination as a whole cannot be written to.
	ErrUnusable = errors.New("the destination cannot be used")
)

// Info describes a file.
type Info struct {
	exports.File

	Size     int64
	Modified time.Time
}

// A Writer writes a file that is there only once it is committed.
type Writer interface {
	io.Writer
	// Commit makes the file durable. After an error it is not there.
	Commit() error
	// Abort gives it up; after Commit it does nothing.
	Abort()
}

// A Store holds a source's files.
type Store interface {
	// Check finds out whether files can be put there; the error is [ErrUnusable] and says what to do.
	Check(ctx context.Context) error
	// Create begins a file. One of that name in [exports.PlaceTemp] is replaced; elsewhere see Move.
	Create(ctx context.Context, f exports.File) (Writer, error)
	// Open reads a file, or is [ErrNotFound].
	Open(ctx context.Context, f exports.File) (io.ReadCloser, error)
	// Stat describes a file, or is [ErrNotFound].
	Stat(ctx context.Context, f exports.File) (Info, error)
	// Move gives a file another name, at once and durably. [ErrExists] where the name is taken, [ErrNotFound] where the
	// file is not there.
	Move(ctx context.Context, from, to exports.File) error
	// Remove removes a file. One that is not there is not an error.
	Remove(ctx context.Context, f exports.File) error
	// List yields the files of a place. After an error it ends.
	List(ctx context.Context, place string) iter.Seq2[Info, error]
}
