package googlecal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// Environment is what the environment of a function says of the calendar.
type Environment struct {
	// service account to act in the name of, where there is no calendar_credentials.json
	Account string `env:"CALENDAR_ACCOUNT"`
	URL     string `env:"CALENDAR_URL"` // another Calendar API's address, for tests
}

// FromBucket returns a client with the service account's key beside config.json where there is one, else in the name of
// the environment's account, else with the function's own.
func FromBucket(ctx context.Context, bucket documents.Bucket, env Environment, now func() time.Time) (*Client, error) {
	doc, err := bucket.Get(ctx, rooms.CredentialsFile)
	if err != nil && !errors.Is(err, documents.ErrNotFound) {
		return nil, err
	}
	key, err := config.Text(doc.Data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", rooms.CredentialsFile, err)
	}
	client, err := New(ctx, Config{BaseURL: env.URL, Credentials: key, Account: env.Account, Now: now})
	switch {
	case err == nil:
		return client, nil
	case len(doc.Data) > 0:
		return nil, fmt.Errorf("%s is not a service account's key of type JSON: %w", rooms.CredentialsFile, err)
	case env.Account == "":
		return nil, fmt.Errorf("there is no %s beside the settings, and this machine has no Google account of its own: %w",
			rooms.CredentialsFile, err)
	default:
		return nil, err
	}
}
