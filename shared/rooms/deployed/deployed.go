// Package deployed opens what every function of the rooms bridge works with in Google Cloud.
package deployed

import (
	"context"

	"github.com/carillon-calendar/carillon/shared/cloud/config"
	"github.com/carillon-calendar/carillon/shared/cloud/documents"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

// A Cloud is a function's part of the installation.
type Cloud struct {
	Settings  *config.Settings[rooms.Settings]
	Config    documents.Bucket
	Documents documents.Bucket // the function's own: the watch or the state bucket
	Others    []documents.Bucket
	Publisher messages.Publisher
}

// A Loader is [rooms.LoadSettings], or [rooms.LoadWithoutAccount] for a function that is not shown the Arduino account's secret.
type Loader func(documents.Bucket) (*config.Settings[rooms.Settings], error)

// Open opens a function's buckets and topics. others are buckets that it reads beside its own.
func Open(ctx context.Context, load Loader, configBucket, bucket, topicPrefix string, others ...string) (Cloud, error) {
	logging.Setup(ctx)
	buckets, err := gcs.Open(ctx, append([]string{configBucket, bucket}, others...)...)
	if err != nil {
		return Cloud{}, err
	}
	pub, err := pubsub.Open(ctx, topicPrefix)
	if err != nil {
		return Cloud{}, err
	}
	settings, err := load(buckets[0])
	if err != nil {
		return Cloud{}, err
	}
	return Cloud{Settings: settings, Config: buckets[0], Documents: buckets[1], Others: buckets[2:], Publisher: pub}, nil
}
