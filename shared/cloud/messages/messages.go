// Package messages is how functions meet: a function publishes to a topic, and
// each subscription's function gets the message as a push delivery, an HTTP POST
// of Google's push envelope (cloud.google.com/pubsub/docs/push).
//
// Delivery is at least once and in any order. Implementations: Pub/Sub
// (messages/pubsub) and a queue in SQLite (infra/machine).
package messages

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// A Message is what a topic carries.
type Message struct {
	Data        []byte            `json:"data,omitempty"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	OrderingKey string            `json:"orderingKey,omitempty"`
}

// A Publisher puts messages on topics. When Publish returns without error the message is kept until it is delivered.
type Publisher interface {
	Publish(ctx context.Context, topic string, m Message) error
}

// PublishJSON publishes v as JSON, with the trace of ctx.
func PublishJSON(ctx context.Context, p Publisher, topic string, v any, attributes map[string]string) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding message for %s: %w", topic, err)
	}
	if parent := logging.TraceparentOf(ctx); parent != "" {
		attributes = maps.Clone(attributes)
		if attributes == nil {
			attributes = map[string]string{}
		}
		attributes[traceparent] = parent
	}
	return p.Publish(ctx, topic, Message{Data: data, Attributes: attributes})
}

// kind is the attribute that says what a message is for, where a function takes messages of several kinds.
const kind = "kind"

// KindAll is the kind of a scheduled message, which is for all of a bridge's parts.
const KindAll = "all"

// OfKind are the attributes of a message of a kind.
func OfKind(value string) map[string]string { return map[string]string{kind: value} }

// traceparent is the attribute that carries the trace from who published to who takes the message.
const traceparent = "traceparent"

// A Delivery is one push of a message.
type Delivery struct {
	Message Pushed `json:"message"`
	// Subscription is the full name, projects/P/subscriptions/S.
	Subscription string `json:"subscription"`
	// Attempt counts the pushes of this message from 1; 0 where the subscription has no dead-letter policy.
	Attempt int `json:"deliveryAttempt,omitempty"`
}

// Pushed is a message with what the service added to it.
type Pushed struct {
	Message

	ID          string    `json:"messageId"`
	PublishTime time.Time `json:"publishTime"`
}

// maxPush is Pub/Sub's 10 MB a message in base64, with room for the envelope.
const maxPush = 14 << 20

// Decode reads a push envelope from a request.
func Decode(r *http.Request) (Delivery, error) {
	var d Delivery
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxPush)).Decode(&d); err != nil {
		return d, fmt.Errorf("reading push envelope: %w", err)
	}
	if d.Message.ID == "" {
		return d, errors.New("reading push envelope: message.messageId is missing")
	}
	return d, nil
}

// Handle returns the handler of a subscription. An envelope that cannot be
// read is answered 400, an error of f that is not a [web.Problem] 503, so that the
// message is redelivered; nil is answered 204.
func Handle(f func(ctx context.Context, d Delivery) error) http.Handler {
	return web.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		d, err := Decode(r)
		if err != nil {
			return web.NewProblem(http.StatusBadRequest, "The body is not a Pub/Sub push envelope.", err)
		}
		ctx := r.Context()
		if id, ok := logging.ParseTraceparent(d.Message.Attributes[traceparent]); ok {
			ctx = logging.SetTrace(ctx, id)
		}
		if err := f(ctx, d); err != nil {
			return web.Unavailable(err)
		}
		w.WriteHeader(http.StatusNoContent)
		return nil
	})
}

// Kind returns what kind of message a delivery is: one of those known, or "" for a message without the attribute. Any
// other kind is a 400 problem at every attempt, so that the message is not taken for one of another kind and becomes a
// dead letter, where the subscription has them.
func (d Delivery) Kind(known ...string) (string, error) {
	value := d.Message.Attributes[kind]
	if value != "" && !slices.Contains(known, value) {
		detail := fmt.Sprintf("The message is of the kind %q, which this function does not know.", value)
		return "", web.NewProblem(http.StatusBadRequest, detail, nil)
	}
	return value, nil
}

// Payload decodes the JSON data of a delivery into v. No data leaves v as it is; other data that is not JSON of v's
// shape is a 400 problem.
func (d Delivery) Payload(v any) error {
	if len(d.Message.Data) == 0 {
		return nil
	}
	if err := json.Unmarshal(d.Message.Data, v); err != nil {
		return web.NewProblem(http.StatusBadRequest, "The message's data does not have this topic's form.", err)
	}
	return nil
}
