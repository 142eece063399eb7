package googlecal

import (
	"context"
	"errors"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// Environment is what the environment of a function says of the calendar.
type Environment struct {
	Account string `env:"CALENDAR_ACCOUNT"` // service account to act in the name of, where there is no calendar_credentials.json
	URL     string `env:"CALENDAR_URL"`     // another Calendar API's address, for tests
}

// FromBucket returns a client with the service account's key beside config.json where there is one, else in the name of the environment's account,
// else with the function's own.
func FromBucket(ctx context.Context, bucket documents.Bucket, env Environment, now func() time.Time) (*Client, error) {
	doc, err := bucket.Get(ctx, rooms.CredentialsFile)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return nil, err
	}
	return New(ctx, Config{BaseURL: env.URL, Credentials: doc.Data, Account: env.Account, Now: now})
}
