// Package azure reads and empties a container of Azure Blob Storage by a shared access signature
// (learn.microsoft.com/rest/api/storageservices/blob-service-rest-api).
package azure

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
	"github.com/carillon-calendar/carillon/shared/exports"
)

var (
	// ErrChanged says that the blob is another version now, or gone where it was to be read.
	ErrChanged = errors.New("the blob was rewritten in the meantime")
	// ErrGone says that the blob is no longer there.
	ErrGone = errors.New("the blob is no longer there")
	// ErrRefused says that the container's address has expired, is wrong or lacks the right.
	ErrRefused = errors.New("the container refused access")
	errNoRight = errors.New("the address does not include this right") // another one would not either
	// ErrNotYet says that the container's address starts later, which the store refuses like a wrong one.
	ErrNotYet = errors.New("the address is not valid yet")
	// ErrNoContainer says that there is no such container.
	ErrNoContainer = errors.New("there is no such container")
	// ErrHeld says that a blob cannot be deleted: it has snapshots, a lease, or a policy keeps it.
	ErrHeld = errors.New("the blob cannot be deleted")
	// ErrUnreadable says that a blob cannot be read, such as one in the archive tier.
	ErrUnreadable = errors.New("the blob cannot be read")
	// ErrNoAnswer says that the store did not answer, or not sensibly.
	ErrNoAnswer = errors.New("the blob store does not answer")
)

// Access gives the container's address. renew asks for another one than the last: it was refused.
type Access func(ctx context.Context, renew bool) (exports.SAS, error)

// A Container is a source's container. It is safe for concurrent use.
type Container struct {
	access Access
	http   *transporter

	mu     sync.Mutex
	sas    exports.SAS
	client *container.Client
}

// New returns the container that access leads to. publicOnly is for an address that the outside system gave.
func New(access Access, publicOnly bool) *Container {
	return &Container{access: access, http: &transporter{
		blobs: outbound.New(outbound.Options{Stream: true, PublicOnly: publicOnly}),
		rest:  outbound.New(outbound.Options{Timeout: idle, PublicOnly: publicOnly}),
	}}
}

// idle bounds calls that bring no blob.
const idle = 60 * time.Second

// A transporter lets blobs be of any size; the SDK reads every other answer whole, so those are bounded.
type transporter struct {
	blobs, rest *http.Client
	ahead       atomic.Int64
}

// Do implements [policy.Transporter].
func (t *transporter) Do(r *http.Request) (*http.Response, error) {
	client, query := t.rest, r.URL.Query()
	if r.Method == http.MethodGet && !query.Has("comp") && !query.Has("restype") {
		client = t.blobs
	}
	resp, err := client.Do(r) //nolint:gosec // G704: the address is judged when connecting
	if err == nil {
		if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
			t.ahead.Store(int64(time.Since(date)))
		}
	}
	return resp, err
}

// Ahead is how far the machine's clock was ahead of the store's at the last answer, to a second or so.
func (c *Container) Ahead() time.Duration { return time.Duration(c.http.ahead.Load()) }

var retries = policy.RetryOptions{MaxRetries: 4, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: 20 * time.Second} //nolint:gochecknoglobals // a constant

// open returns a client for an address that is still good.
func (c *Container) open(ctx context.Context, refused *container.Client) (*container.Client, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	sas, err := c.access(ctx, refused != nil && refused == c.client)
	if err != nil {
		return nil, err
	}
	if c.client != nil && sas == c.sas {
		return c.client, nil
	}
	options := &container.ClientOptions{
		ClientOptions: policy.ClientOptions{
			Retry: retries, Transport: c.http, Telemetry: policy.TelemetryOptions{Disabled: true},
		},
	}
	client, err := container.NewClientWithNoCredential(sas.URL(), options)
	if err != nil {
		return nil, errors.New("the container's address cannot be used") // the error holds it
	}
	c.sas, c.client = sas, client
	return client, nil
}

// SAS is the address in use; its zero value says that none was needed yet.
func (c *Container) SAS() exports.SAS {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sas
}

// with does something with a client; once more with a new address where the store refuses this one.
func (c *Container) with(ctx context.Context, do func(*container.Client) error) error {
	err := c.try(ctx, do)
	if starts := c.SAS().Starts; errors.Is(err, ErrRefused) && starts.After(time.Now()) { //nolint:forbidigo // addresses live in real time
		return fmt.Errorf("%w: it starts (st) on %s UTC; this machine's clock or the one of its maker may be wrong",
			ErrNotYet, starts.Format(time.DateTime))
	}
	return err
}

func (c *Container) try(ctx context.Context, do func(*container.Client) error) error {
	client, err := c.open(ctx, nil)
	if err != nil {
		return err
	}
	err = translated(ctx, do(client))
	if !errors.Is(err, ErrRefused) || errors.Is(err, errNoRight) {
		return err
	}
	again, aerr := c.open(ctx, client)
	if aerr != nil {
		return aerr
	}
	if again == client {
		return err
	}
	return translated(ctx, do(again))
}

// translated is an error of the store without the address in it, which holds the token.
func translated(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	answer, ok := errors.AsType[*azcore.ResponseError](err)
	if !ok {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// a text: a socket's deadline is not ours
		return fmt.Errorf("%w: %s", ErrNoAnswer, outbound.WithoutURL(err).Error())
	}
	told := fmt.Errorf("%d %s", answer.StatusCode, answer.ErrorCode)
	switch code := bloberror.Code(answer.ErrorCode); {
	case code == bloberror.ContainerNotFound, code == bloberror.ContainerBeingDeleted:
		return fmt.Errorf("%w: %w", ErrNoContainer, told)
	case code == bloberror.BlobArchived, code == bloberror.BlobBeingRehydrated:
		return fmt.Errorf("%w: it is in the archive tier; move it to another one in Azure", ErrUnreadable)
	case code == bloberror.SnapshotsPresent:
		return fmt.Errorf("%w: it has snapshots", ErrHeld)
	case code == bloberror.LeaseIDMissing:
		return fmt.Errorf("%w: somebody holds a lease on it", ErrHeld)
	case code == bloberror.BlobImmutableDueToPolicy, answer.StatusCode == http.StatusConflict:
		return fmt.Errorf("%w: %w", ErrHeld, told)
	case answer.StatusCode == http.StatusNotFound:
		return ErrGone
	case answer.StatusCode == http.StatusPreconditionFailed:
		return ErrChanged
	case code == bloberror.AuthorizationPermissionMismatch:
		return fmt.Errorf("%w: %w", ErrRefused, errNoRight)
	case answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", ErrRefused, told)
	default:
		return fmt.Errorf("%w: it answered %w", ErrNoAnswer, told)
	}
}

// List yields the container's blobs in the order of their names, without snapshots. After an error it ends.
func (c *Container) List(ctx context.Context) iter.Seq2[exports.Blob, error] {
	return func(yield func(exports.Blob, error) bool) {
		var marker *string
		for {
			var page container.ListBlobsFlatResponse
			err := c.with(ctx, func(client *container.Client) (err error) {
				page, err = client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
					Marker: marker, Include: container.ListBlobsInclude{Metadata: true},
				}).NextPage(ctx)
				return err
			})
			if err != nil {
				yield(exports.Blob{}, err)
				return
			}
			for _, item := range page.Segment.BlobItems {
				b, ok := blobOf(item)
				if ok && !yield(b, nil) {
					return
				}
			}
			if marker = page.NextMarker; marker == nil || *marker == "" {
				return
			}
		}
	}
}

// folderMark is the metadata of a blob that stands for a folder (hierarchical namespaces, and tools that imitate them).
const folderMark = "hdi_isfolder"

// blobOf reads an item of a listing; ok is false for what is not a file.
func blobOf(item *container.BlobItem) (b exports.Blob, ok bool) {
	p := item.Properties
	if item.Name == nil || p == nil || p.ETag == nil || p.ContentLength == nil {
		return b, false
	}
	for key, value := range item.Metadata {
		if http.CanonicalHeaderKey(key) == http.CanonicalHeaderKey(folderMark) && value != nil && *value == "true" {
			return b, false
		}
	}
	b = exports.Blob{Name: *item.Name, ETag: unquoted(*p.ETag), Size: *p.ContentLength, MD5: p.ContentMD5}
	if p.LastModified != nil {
		b.Modified = p.LastModified.UTC()
	}
	b.Growing = p.BlobType != nil && *p.BlobType == container.BlobTypeAppendBlob
	return b, true
}

// unquoted is an ETag as the journal has it: listings give it without quotes, other answers with them.
func unquoted(tag azcore.ETag) string {
	s := string(tag)
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// only lets a call through for this version of the blob alone.
func only(b exports.Blob) *blob.AccessConditions {
	return &blob.AccessConditions{
		ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: new(azcore.ETag(`"` + b.ETag + `"`))},
	}
}

// rereads is how often reading goes on where a connection broke, without any progress in between.
const rereads = 4

// Open reads this version of a blob; [ErrChanged] and [ErrGone] where there is another one or none, also in the middle.
// A broken connection is taken up again where it broke. md5 is what the writer stored of the contents, or nil.
func (c *Container) Open(ctx context.Context, b exports.Blob) (body io.ReadCloser, md5 []byte, err error) {
	err = c.with(ctx, func(client *container.Client) error {
		answer, err := client.NewBlobClient(b.Name).DownloadStream(ctx,
			&blob.DownloadStreamOptions{AccessConditions: only(b)})
		if err != nil {
			return err
		}
		md5 = answer.ContentMD5
		body = reader{
			answer.NewRetryReader(ctx, &blob.RetryReaderOptions{MaxRetries: rereads}),
			func(err error) error { return translated(ctx, err) },
		}
		return nil
	})
	if errors.Is(err, ErrHeld) { // 409
		err = fmt.Errorf("%w: the store refused it (409)", ErrUnreadable)
	}
	return body, md5, err
}

type reader struct {
	io.ReadCloser

	translated func(error) error
}

func (r reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = r.translated(err)
	}
	return n, err
}

// Find returns the version of a blob that is there now, or [ErrGone].
func (c *Container) Find(ctx context.Context, name string) (b exports.Blob, err error) {
	err = c.with(ctx, func(client *container.Client) error {
		p, err := client.NewBlobClient(name).GetProperties(ctx, nil)
		if err != nil {
			return err
		}
		if p.ETag == nil || p.ContentLength == nil || p.LastModified == nil {
			return errors.New("its answer lacks what identifies a blob")
		}
		b = exports.Blob{
			Name: name, ETag: unquoted(*p.ETag), Size: *p.ContentLength, MD5: p.ContentMD5, Modified: p.LastModified.UTC(),
		}
		b.Growing = p.BlobType != nil && *p.BlobType == blob.BlobTypeAppendBlob
		return nil
	})
	return b, err
}

// Delete deletes this version of a blob; [ErrChanged] where there is another one, [ErrGone] where there is none,
// [ErrHeld] where it cannot be deleted.
func (c *Container) Delete(ctx context.Context, b exports.Blob) error {
	return c.with(ctx, func(client *container.Client) error {
		_, err := client.NewBlobClient(b.Name).Delete(ctx, &blob.DeleteOptions{AccessConditions: only(b)})
		return err
	})
}
