// Package gcs keeps documents in a Cloud Storage bucket. Every write carries a
// generation precondition, which is also what lets the library repeat it.
package gcs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"github.com/googleapis/gax-go/v2"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/iterator"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
)

// A Bucket is a Cloud Storage bucket of JSON documents.
type Bucket struct{ handle *storage.BucketHandle }

var _ documents.Bucket = Bucket{}

// Open returns a client with this process's Google account, and the buckets of these names in their order.
func Open(ctx context.Context, names ...string) (*storage.Client, []documents.Bucket, error) {
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("making the Cloud Storage client: %w", err)
	}
	found := make([]documents.Bucket, len(names))
	for i, name := range names {
		found[i] = New(client, name)
	}
	return client, found, nil
}

// New returns the bucket of that name.
func New(client *storage.Client, name string) Bucket { return Bucket{client.Bucket(name)} }

// Get implements [documents.Bucket].
func (b Bucket) Get(ctx context.Context, name string) (documents.Document, error) {
	obj := b.handle.Object(name)
	r, err := obj.NewReader(ctx)
	if errors.Is(err, storage.ErrObjectNotExist) {
		return documents.Document{}, fmt.Errorf("%s: %w", name, documents.ErrNotFound)
	}
	if err != nil {
		return documents.Document{}, fmt.Errorf("reading object %s: %w", name, err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		return documents.Document{}, fmt.Errorf("reading object %s: %w", name, err)
	}
	info := documents.Info{Name: name, Generation: r.Attrs.Generation, Metadata: lowerKeys(r.Metadata())}
	return documents.Document{Info: info, Data: data}, nil
}

// lowerKeys undoes what HTTP does to the keys: they come as headers' names.
func lowerKeys(m map[string]string) map[string]string {
	lower := make(map[string]string, len(m))
	for key, value := range m {
		lower[strings.ToLower(key)] = value
	}
	return lower
}

// attempts bounds how often a write is made; the pauses add up to about 15 s.
const attempts = 8

// Put implements [documents.Bucket]. Cloud Storage takes about one write a
// second on one object and answers 429 to more (cloud.google.com/storage/quotas): such a write, and one that failed
// there, is made again.
func (b Bucket) Put(
	ctx context.Context, name string, gen int64, data []byte, metadata map[string]string,
) (int64, error) {
	backoff := gax.Backoff{Initial: 300 * time.Millisecond, Max: 4 * time.Second, Multiplier: 1.7}
	for attempt := 1; ; attempt++ {
		next, err := b.put(ctx, name, gen, data, metadata)
		if attempt > 1 && errors.Is(err, documents.ErrConflict) {
			return b.ours(ctx, name, data, metadata, err)
		}
		if err == nil || attempt == attempts || !storage.ShouldRetry(err) && !tooMany(err) {
			return next, err
		}
		if serr := gax.Sleep(ctx, backoff.Pause()); serr != nil {
			return 0, err
		}
	}
}

func tooMany(err error) bool {
	var api *googleapi.Error
	return errors.As(err, &api) && api.Code == http.StatusTooManyRequests
}

// ours tells whether a conflict is with our own write, made by an attempt whose answer was lost.
func (b Bucket) ours(
	ctx context.Context, name string, data []byte, metadata map[string]string, conflict error,
) (int64, error) {
	doc, err := b.Get(ctx, name)
	if err == nil && bytes.Equal(doc.Data, data) && maps.Equal(doc.Metadata, metadata) {
		return doc.Generation, nil
	}
	return 0, conflict
}

func (b Bucket) put(
	ctx context.Context, name string, gen int64, data []byte, metadata map[string]string,
) (int64, error) {
	cond := storage.Conditions{GenerationMatch: gen}
	if gen == 0 {
		cond = storage.Conditions{DoesNotExist: true}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // an unfinished upload is dropped, not committed
	w := b.handle.Object(name).If(cond).NewWriter(ctx)
	w.ContentType = "application/json"
	w.Metadata = metadata
	w.ChunkSize = 0 // one request: documents are small
	if _, err := w.Write(data); err != nil {
		return 0, writeError(name, err)
	}
	if err := w.Close(); err != nil {
		return 0, writeError(name, err)
	}
	return w.Attrs().Generation, nil
}

func writeError(name string, err error) error {
	var api *googleapi.Error
	if errors.As(err, &api) && api.Code == http.StatusPreconditionFailed {
		return fmt.Errorf("%s: %w", name, documents.ErrConflict)
	}
	return fmt.Errorf("writing object %s: %w", name, err)
}

// Delete implements [documents.Bucket]. The precondition lets the library repeat it; a repeat of one that was done
// finds nothing.
func (b Bucket) Delete(ctx context.Context, name string, gen int64) error {
	err := b.handle.Object(name).If(storage.Conditions{GenerationMatch: gen}).Delete(ctx)
	if err == nil || errors.Is(err, storage.ErrObjectNotExist) {
		return nil
	}
	return writeError(name, err)
}

// List implements [documents.Bucket]; it asks for 1,000 objects a call.
func (b Bucket) List(ctx context.Context, prefix string) iter.Seq2[documents.Info, error] {
	return func(yield func(documents.Info, error) bool) {
		query := &storage.Query{Prefix: prefix, Projection: storage.ProjectionNoACL}
		if err := query.SetAttrSelection([]string{"Name", "Generation", "Metadata"}); err != nil {
			yield(documents.Info{}, err)
			return
		}
		objects := b.handle.Objects(ctx, query)
		for {
			attrs, err := objects.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(documents.Info{}, fmt.Errorf("listing objects %s*: %w", prefix, err))
				return
			}
			if !yield(documents.Info{Name: attrs.Name, Generation: attrs.Generation, Metadata: attrs.Metadata}, nil) {
				return
			}
		}
	}
}
