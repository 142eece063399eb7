// Package gcloud sets a function up in Google Cloud: its environment, its bridge's settings, its buckets. A function
// that publishes opens its topics with package pubsub, so that no other links it.
package gcloud

import (
	"context"
	"net/http"

	"cloud.google.com/go/storage"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// Handler is a function that is set up with its environment at its first request, and again at the next one where that
// fails. An environment is a struct with `env` tags.
func Handler[E any](setup func(context.Context, E) (http.Handler, error)) http.HandlerFunc {
	return web.Lazy(func(ctx context.Context) (http.Handler, error) {
		logging.Setup(ctx)
		var env E
		if err := config.Env(ctx, &env); err != nil {
			return nil, err
		}
		return setup(ctx, env)
	})
}

// A Part is what a function has of an installation.
type Part[T any] struct {
	Settings *config.Settings[T]
	Config   documents.Bucket   // the settings' own, with the keys beside them
	Buckets  []documents.Bucket // in the order in which [Open] was given their names
	Storage  *storage.Client
}

// Open opens a function's settings and its other buckets, with this process's Google account. It reads nothing yet.
func Open[T any](
	ctx context.Context, load func(documents.Bucket) (*config.Settings[T], error), configBucket string, buckets ...string,
) (p Part[T], err error) {
	client, opened, err := gcs.Open(ctx, append([]string{configBucket}, buckets...)...)
	if err != nil {
		return p, err
	}
	p.Storage, p.Config, p.Buckets = client, opened[0], opened[1:]
	p.Settings, err = load(p.Config)
	return p, err
}
