// Package pubsub publishes through Google Cloud Pub/Sub.
package pubsub

import (
	"context"
	"fmt"
	"sync"

	"cloud.google.com/go/pubsub/v2"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// A Publisher publishes to the topics of one project, each under a common prefix.
type Publisher struct {
	client *pubsub.Client
	prefix string
	topics sync.Map // topic -> *pubsub.Publisher
}

var _ messages.Publisher = (*Publisher)(nil)

// Open returns a publisher to the topics of this project that begin with prefix.
func Open(ctx context.Context, prefix string) (*Publisher, error) {
	client, err := pubsub.NewClient(ctx, pubsub.DetectProjectID)
	if err != nil {
		return nil, fmt.Errorf("making the Pub/Sub client: %w", err)
	}
	return New(client, prefix), nil
}

// New returns a publisher; prefix is put before every topic's name.
func New(client *pubsub.Client, prefix string) *Publisher {
	return &Publisher{client: client, prefix: prefix}
}

// Publish implements [messages.Publisher]: it returns when Pub/Sub has the message, because after the answer an
// instance may be frozen.
func (p *Publisher) Publish(ctx context.Context, topic string, m messages.Message) error {
	msg := &pubsub.Message{Data: m.Data, Attributes: m.Attributes, OrderingKey: m.OrderingKey}
	if _, err := p.topic(topic).Publish(ctx, msg).Get(ctx); err != nil {
		return fmt.Errorf("publishing to %s%s: %w", p.prefix, topic, err)
	}
	return nil
}

func (p *Publisher) topic(name string) *pubsub.Publisher {
	if t, ok := p.topics.Load(name); ok {
		return t.(*pubsub.Publisher) //nolint:errcheck // only these are stored
	}
	t := p.client.Publisher(p.prefix + name)
	t.PublishSettings.CountThreshold = 1 // no waiting for a batch
	t.EnableMessageOrdering = true       // else a key is refused
	got, _ := p.topics.LoadOrStore(name, t)
	return got.(*pubsub.Publisher) //nolint:errcheck // only these are stored
}
