package webhook

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"github.com/fsouza/fake-gcs-server/fakestorage"

	"github.com/carillon-calendar/carillon/infra/sim"
	simgoogle "github.com/carillon-calendar/carillon/infra/sim/googlecal"
	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

const watchJSON = `{"version":1,"channel":{"id":"channel","resource_id":"r","calendar_id":"blue@example.com"}}`

// TestSetup: the function is made of its environment. During the week after a change of WEBHOOK_KEY, channels that were
// opened under the key before, WEBHOOK_KEY_PREVIOUS, still tell of changes; without one, no other token is taken.
//
//nolint:paralleltest // it sets the process's environment
func TestSetup(t *testing.T) {
	before := slog.Default()
	t.Cleanup(func() { slog.SetDefault(before) })
	port := freePort(t)
	host := fmt.Sprintf("127.0.0.1:%d", port)
	options := fakestorage.Options{Scheme: "http", Host: "127.0.0.1", Port: port, PublicHost: host}
	options.InitialObjects = []fakestorage.Object{
		object(
			"config",
			rooms.SettingsFile,
			`{"iot_client_id":"i","iot_client_secret":"s",`+
				`"rooms":[{"room_name":"blue","gcal_calendar_id":"blue@example.com"}]}`,
		),
		object("watches", rooms.WatchName("blue"), watchJSON),
	}
	storage, err := fakestorage.NewServerWithOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(storage.Stop)
	google, err := simgoogle.New(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(google.Close)
	if err := google.AddCalendar("blue@example.com", "Europe/Paris"); err != nil {
		t.Fatal(err)
	}
	calendar := httptest.NewServer(google)
	t.Cleanup(calendar.Close)
	pubsub := pstest.NewServer()
	t.Cleanup(func() { _ = pubsub.Close() })
	const topic = "projects/p/topics/office-" + rooms.TopicEvents
	if _, err := pubsub.GServer.CreateTopic(t.Context(), &pubsubpb.Topic{Name: topic}); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"STORAGE_EMULATOR_HOST": "http://" + host, "PUBSUB_EMULATOR_HOST": pubsub.Addr, "PUBSUB_PROJECT_ID": "p",
		"GOOGLE_CLOUD_PROJECT": "p", "CONFIG_BUCKET": "config", "WATCH_BUCKET": "watches", "TOPIC_PREFIX": "office-",
		"CALENDAR_URL": calendar.URL,
	} {
		t.Setenv(name, value)
	}
	for name, tt := range map[string]struct {
		previous, signedWith string
		published            int
	}{
		"of_the_key":            {"old", "new", 1},
		"of_the_previous_key":   {"old", "old", 1},
		"of_another_key":        {"old", "older", 0},
		"without_a_previous":    {"", "old", 0},
		"of_a_key_that_is_none": {"", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("WEBHOOK_KEY", "new")
			t.Setenv("WEBHOOK_KEY_PREVIOUS", tt.previous)
			h := gcloud.Handler(setup)
			pubsub.ClearMessages()
			r := httptest.NewRequest(http.MethodPost, "/webhook", http.NoBody)
			r.Header.Set("X-Goog-Channel-ID", "channel")
			r.Header.Set("X-Goog-Channel-Token", rooms.ChannelToken(tt.signedWith, "channel", "blue"))
			r.Header.Set("X-Goog-Resource-State", "exists")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if got := len(pubsub.Messages()); w.Code != http.StatusNoContent || got != tt.published {
				t.Errorf("answered %d, published %d messages, want %d", w.Code, got, tt.published)
			}
		})
	}
	t.Run("without_a_key", func(t *testing.T) {
		t.Setenv("WEBHOOK_KEY", "")
		_ = os.Unsetenv("WEBHOOK_KEY")
		w := httptest.NewRecorder()
		gcloud.Handler(setup).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/webhook", http.NoBody))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("answered %d, want 503", w.Code)
		}
	})
}

func object(bucket, name, data string) fakestorage.Object {
	return fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: bucket, Name: name},
		Content:     []byte(data),
	}
}

// freePort is a port that nobody listens at: the stand-in must know its address before it starts.
func freePort(t *testing.T) uint16 {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	addr, _ := l.Addr().(*net.TCPAddr)
	return uint16(addr.Port)
}
