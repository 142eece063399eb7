package gcs_test

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/api/option"

	"github.com/carillon-calendar/carillon/shared/exports/files/filestest"
	"github.com/carillon-calendar/carillon/shared/exports/files/gcs"
)

// mover does Cloud Storage's rename for the stand-in, which has none, in one step as the real one does
// (cloud.google.com/storage/docs/json_api/v1/objects/move): 412 where the target's precondition fails, 404 without a
// source.
type mover struct {
	next  http.RoundTripper
	inner *storage.BucketHandle
	turn  chan struct{}
}

func (m mover) RoundTrip(r *http.Request) (*http.Response, error) {
	from, to, ok := strings.Cut(r.URL.EscapedPath(), "/moveTo/o/")
	if !ok {
		return m.next.RoundTrip(r)
	}
	m.turn <- struct{}{}
	defer func() { <-m.turn }()
	_, from, _ = strings.Cut(from, "/o/")
	from, _ = url.PathUnescape(from)
	to, _ = url.PathUnescape(to)
	source, target := m.inner.Object(from), m.inner.Object(to)
	status := http.StatusOK
	if _, err := source.Attrs(r.Context()); err != nil {
		status = http.StatusNotFound
	} else if _, err := target.Attrs(r.Context()); err == nil && r.URL.Query().Get("ifGenerationMatch") == "0" {
		status = http.StatusPreconditionFailed
	}
	if status == http.StatusOK {
		if _, err := target.CopierFrom(source).Run(r.Context()); err != nil {
			return nil, err
		}
		if err := source.Delete(r.Context()); err != nil {
			return nil, err
		}
	}
	return &http.Response{
		StatusCode: status, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(bytes.NewReader([]byte("{}"))),
	}, nil
}

func TestBucket(t *testing.T) {
	t.Parallel()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "exports"})
	way := mover{server.HTTPClient().Transport, server.Client().Bucket("exports"), make(chan struct{}, 1)}
	client, err := storage.NewClient(t.Context(), option.WithHTTPClient(&http.Client{Transport: way}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	filestest.Run(t, gcs.New(client, "exports", "paie", "paie"))
}
