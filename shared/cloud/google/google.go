// Package google makes the Google Cloud implementations of documents and messages for a function's setup.
package google

import (
	"context"
	"fmt"

	gpubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/storage"

	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
)

// Buckets opens Cloud Storage buckets by name.
func Buckets(ctx context.Context, names ...string) ([]gcs.Bucket, error) {
	client, err := storage.NewClient(ctx)
	if err != nil {
		return nil, fmt.Errorf("making the Cloud Storage client: %w", err)
	}
	found := make([]gcs.Bucket, len(names))
	for i, name := range names {
		found[i] = gcs.New(client, name)
	}
	return found, nil
}

// Publisher publishes to the topics of this project that begin with prefix.
func Publisher(ctx context.Context, prefix string) (*pubsub.Publisher, error) {
	client, err := gpubsub.NewClient(ctx, gpubsub.DetectProjectID)
	if err != nil {
		return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
	}
	return pubsub.New(client, prefix), nil
}
