// Package documents is where functions keep what must outlive a request: JSON
// documents with a generation that changes with every write.
//
// Implementations: Cloud Storage (documents/gcs) and SQLite (infra/machine).
// documentstest holds the suite that both pass.
package documents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
)

var (
	// ErrNotFound says that no document has the name.
	ErrNotFound = errors.New("document not found")
	// ErrConflict says that the document's generation is no longer the expected one.
	ErrConflict = errors.New("document was changed by somebody else")
)

// Info describes a document without its contents.
type Info struct {
	Name string
	// Generation identifies this version of the contents; it is never used twice for one name. 0 means that the document
	// does not exist.
	Generation int64
	Metadata   map[string]string // keys in lower case
}

// A Document is a JSON document as it was at Generation.
type Document struct {
	Info

	Data []byte
}

// A Bucket holds documents by name.
type Bucket interface {
	// Get returns a document, or [ErrNotFound].
	Get(ctx context.Context, name string) (Document, error)
	// Put writes data and metadata if the document's generation is still gen
	// (0: it does not exist) and returns the new generation, else [ErrConflict].
	Put(ctx context.Context, name string, gen int64, data []byte, metadata map[string]string) (int64, error)
	// Delete removes a document if its generation is still gen, else [ErrConflict]. One that is not there is not an error.
	Delete(ctx context.Context, name string, gen int64) error
	// List yields the documents whose names begin with prefix, in the order of
	// their names. After an error it ends.
	List(ctx context.Context, prefix string) iter.Seq2[Info, error]
}

// ErrUnchanged is returned by an updater to leave the document as it is.
var ErrUnchanged = errors.New("document left unchanged")

const updateAttempts = 12

// Update reads name into a T, calls change with it (the zero T where there is
// none yet) and writes what change left there with the metadata it returned.
// After a lost race it starts again from the read, so change may run more
// than once. An error of change is returned as it is and nothing is written;
// [ErrUnchanged] is not an error.
func Update[T any](ctx context.Context, b Bucket, name string, change func(*T) (map[string]string, error)) (T, error) {
	for attempt := range updateAttempts {
		value, gen, err := Load[T](ctx, b, name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return value, err
		}
		metadata, err := change(&value)
		if errors.Is(err, ErrUnchanged) {
			return value, nil
		}
		if err != nil {
			return value, err
		}
		_, err = Store(ctx, b, name, gen, value, metadata)
		if !errors.Is(err, ErrConflict) {
			return value, err
		}
		if err := pause(ctx, attempt); err != nil {
			return value, err
		}
	}
	var zero T
	return zero, fmt.Errorf("updating %s: %w", name, ErrConflict)
}

// pause waits a random, growing time, so that losers of one race do not meet again.
func pause(ctx context.Context, attempt int) error {
	limit := min(time.Second, 5*time.Millisecond<<attempt)
	timer := time.NewTimer(rand.N(limit)) //nolint:gosec // jitter is not a secret
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Load reads name into a T and returns its generation. A missing document is [ErrNotFound] with the zero T and
// generation 0.
func Load[T any](ctx context.Context, b Bucket, name string) (T, int64, error) {
	var value T
	doc, err := b.Get(ctx, name)
	if err != nil {
		return value, 0, err
	}
	if err := json.Unmarshal(doc.Data, &value); err != nil {
		return value, doc.Generation, fmt.Errorf("reading document %s: %w", name, err)
	}
	return value, doc.Generation, nil
}

// LoadIfAny reads name into a T as [Load] does; a missing document is the zero T.
func LoadIfAny[T any](ctx context.Context, b Bucket, name string) (T, error) {
	value, _, err := Load[T](ctx, b, name)
	if errors.Is(err, ErrNotFound) {
		err = nil
	}
	return value, err
}

// Store writes value as JSON where the generation is still gen; see [Bucket].
func Store[T any](
	ctx context.Context, b Bucket, name string, gen int64, value T, metadata map[string]string,
) (int64, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return 0, fmt.Errorf("encoding document %s: %w", name, err)
	}
	return b.Put(ctx, name, gen, data, metadata)
}
