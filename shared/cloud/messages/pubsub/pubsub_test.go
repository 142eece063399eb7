package pubsub_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	gpubsub "cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/messagestest"
	"github.com/carillon-calendar/carillon/shared/cloud/messages/pubsub"
)

const (
	topicName = "projects/p/topics/office-" + messagestest.Topic
	deadName  = "projects/p/topics/dead"
	subName   = "projects/p/subscriptions/s"
)

// push stands in for Pub/Sub's push, which pstest does not do: it pulls and posts the documented envelope.
func push(ctx context.Context, client *gpubsub.Client, h http.Handler) {
	sub := client.Subscriber(subName)
	sub.ReceiveSettings.NumGoroutines = 16
	_ = sub.Receive(ctx, func(_ context.Context, m *gpubsub.Message) {
		attempt := 0
		if m.DeliveryAttempt != nil {
			attempt = *m.DeliveryAttempt
		}
		body, _ := json.Marshal(map[string]any{"subscription": subName, "deliveryAttempt": attempt, "message": map[string]any{
			"data": m.Data, "attributes": m.Attributes, "messageId": m.ID, "publishTime": m.PublishTime,
			"orderingKey": m.OrderingKey,
		}})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
		if w.Code/100 == 2 {
			m.Ack()
		} else {
			m.Nack()
		}
	})
}

func TestConformance(t *testing.T) {
	t.Parallel()
	messagestest.Run(t, func(t *testing.T, h http.Handler) messages.Publisher {
		ctx, cancel := context.WithCancel(context.Background())
		server := pstest.NewServer()
		conn, err := grpc.NewClient(server.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		client, err := gpubsub.NewClient(ctx, "p", option.WithGRPCConn(conn))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{topicName, deadName} {
			if _, err := client.TopicAdminClient.CreateTopic(ctx, &pubsubpb.Topic{Name: name}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = client.SubscriptionAdminClient.CreateSubscription(ctx, &pubsubpb.Subscription{
			Name: subName, Topic: topicName, AckDeadlineSeconds: 10,
			DeadLetterPolicy: &pubsubpb.DeadLetterPolicy{DeadLetterTopic: deadName, MaxDeliveryAttempts: messagestest.Attempts},
		})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() { defer close(done); push(ctx, client, h) }()
		t.Cleanup(func() {
			cancel()
			select {
			case <-done:
			case <-time.After(5 * time.Second):
			}
			_ = client.Close()
			_ = server.Close()
		})
		return pubsub.New(client, "office-")
	})
}
