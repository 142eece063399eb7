package googlecal

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// FromBucket returns a client with the service account's key beside config.json where there is one, else with the function's own account.
func FromBucket(ctx context.Context, bucket documents.Bucket, now func() time.Time) (*Client, error) {
	doc, err := bucket.Get(ctx, rooms.CredentialsFile)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return nil, err
	}
	return New(ctx, Config{Credentials: doc.Data, Now: now})
}
