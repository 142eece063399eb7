package gcs_test

import (
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/carillon-calendar/carillon/shared/cloud/documents/documentstest"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "documents"})
	documentstest.Run(t, gcs.New(server.Client(), "documents"))
}
