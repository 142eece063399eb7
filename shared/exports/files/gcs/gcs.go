// Package gcs keeps exported files in a Cloud Storage bucket.
package gcs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strings"

	"cloud.google.com/go/storage"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"github.com/carillon-calendar/carillon/shared/exports"
	"github.com/carillon-calendar/carillon/shared/exports/files"
)

// A Bucket is a source's part of a bucket.
type Bucket struct {
	handle   *storage.BucketHandle
	prefixes map[string]string // by place
}

var _ files.Store = Bucket{}

// New returns the store of a source: files below folder, which may be "", all else in folders of ours at the bucket's
// root.
func New(client *storage.Client, bucket, folder, source string) Bucket {
	if folder = strings.Trim(folder, "/"); folder != "" {
		folder += "/"
	}
	return Bucket{client.Bucket(bucket), map[string]string{
		exports.PlaceFiles:      folder,
		exports.PlaceQuarantine: "quarantine/" + source + "/",
		exports.PlaceArchive:    "archive/" + source + "/",
		exports.PlaceTemp:       ".carillon/" + source + "/",
	}}
}

func (b Bucket) object(f exports.File) *storage.ObjectHandle {
	return b.handle.Object(b.prefixes[f.Place] + f.Path)
}

// Check implements [files.Store].
func (b Bucket) Check(ctx context.Context) error {
	objects := b.handle.Objects(ctx, &storage.Query{Prefix: b.prefixes[exports.PlaceTemp]})
	if _, err := objects.Next(); err != nil && !errors.Is(err, iterator.Done) {
		return fmt.Errorf("%w: listing the bucket: %w", files.ErrUnusable, err)
	}
	return nil
}

// chunk is what one request of an upload carries, and what each upload holds in memory.
const chunk = 1 << 20

// Create implements [files.Store].
func (b Bucket) Create(ctx context.Context, f exports.File) (files.Writer, error) {
	obj := b.object(f)
	if f.Place != exports.PlaceTemp {
		obj = obj.If(storage.Conditions{DoesNotExist: true})
	}
	ctx, cancel := context.WithCancel(ctx)
	w := obj.NewWriter(ctx)
	w.ChunkSize = chunk
	return &writer{w, cancel}, nil
}

type writer struct {
	*storage.Writer

	cancel context.CancelFunc // an unfinished upload is dropped, not committed
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	return n, translated("writing an object", err)
}

func (w *writer) Commit() error {
	defer w.cancel()
	return translated("writing an object", w.Close())
}

func (w *writer) Abort() { w.cancel() }

// translated is an error of Cloud Storage as the store's.
func translated(doing string, err error) error {
	var api *googleapi.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, storage.ErrObjectNotExist):
		return files.ErrNotFound
	case errors.As(err, &api) && api.Code == http.StatusPreconditionFailed:
		return files.ErrExists
	case errors.As(err, &api) && api.Code == http.StatusNotFound:
		return files.ErrNotFound
	case errors.As(err, &api): // its text may hold the object's name
		return fmt.Errorf("%s: Cloud Storage answered %d", doing, api.Code)
	default:
		return fmt.Errorf("%s: %w", doing, err)
	}
}

// Open implements [files.Store].
func (b Bucket) Open(ctx context.Context, f exports.File) (io.ReadCloser, error) {
	r, err := b.object(f).NewReader(ctx)
	return r, translated("reading an object", err)
}

// Stat implements [files.Store].
func (b Bucket) Stat(ctx context.Context, f exports.File) (files.Info, error) {
	attrs, err := b.object(f).Attrs(ctx)
	if err != nil {
		return files.Info{}, translated("reading an object", err)
	}
	return files.Info{File: f, Size: attrs.Size, Modified: attrs.Updated}, nil
}

// Move implements [files.Store] with Cloud Storage's rename, which is one step
// (cloud.google.com/storage/docs/json_api/v1/objects/move).
func (b Bucket) Move(ctx context.Context, from, to exports.File) error {
	_, err := b.object(from).Move(ctx, storage.MoveObjectDestination{
		Object: b.prefixes[to.Place] + to.Path, Conditions: &storage.Conditions{DoesNotExist: true},
	})
	return translated("giving an object its name", err)
}

// Remove implements [files.Store].
func (b Bucket) Remove(ctx context.Context, f exports.File) error {
	if err := translated("removing an object", b.object(f).Delete(ctx)); !errors.Is(err, files.ErrNotFound) {
		return err
	}
	return nil
}

// List implements [files.Store].
func (b Bucket) List(ctx context.Context, place string) iter.Seq2[files.Info, error] {
	return func(yield func(files.Info, error) bool) {
		prefix := b.prefixes[place]
		objects := b.handle.Objects(ctx, &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL})
		for {
			attrs, err := objects.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(files.Info{}, translated("listing objects", err))
				return
			}
			if !yield(files.Info{
				File: exports.File{Place: place, Path: strings.TrimPrefix(attrs.Name, prefix)}, Size: attrs.Size,
				Modified: attrs.Updated,
			}, nil) {
				return
			}
		}
	}
}
