package status_test

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/storage"
	"github.com/fsouza/fake-gcs-server/fakestorage"
	"google.golang.org/api/option"

	"github.com/carillon-calendar/carillon/functions/rooms/status"
	"github.com/carillon-calendar/carillon/shared/cloud/documents/gcs"
)

// oneASecond refuses a second write on one object within a second, as Cloud Storage does.
type oneASecond struct {
	next http.RoundTripper

	mu      sync.Mutex
	last    map[string]time.Time
	refused int
}

var objectName = regexp.MustCompile(`"name":\s*"([^"]+)"`)

func (o *oneASecond) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method != http.MethodPost {
		return o.next.RoundTrip(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	o.mu.Lock()
	name := string(objectName.Find(body))
	early := name == "" || time.Since(o.last[name]) < time.Second
	if early {
		o.refused++
	} else {
		o.last[name] = time.Now()
	}
	o.mu.Unlock()
	if early {
		return &http.Response{
			StatusCode: http.StatusTooManyRequests, Request: r, Header: http.Header{"Content-Type": {"application/json"}},
			Body: io.NopCloser(strings.NewReader(`{"error":{"code":429,"message":"The object exceeded the rate limit for object mutation operations."}}`)),
		}, nil
	}
	return o.next.RoundTrip(r)
}

// TestOneWriteASecond runs the function over Cloud Storage's limit on one object
// name: every message is done, the display is told at once, and nothing is told twice.
func TestOneWriteASecond(t *testing.T) {
	t.Parallel()
	f := newFixture(t, seedVariables...)
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: "state"})
	slow := &oneASecond{next: server.HTTPClient().Transport, last: map[string]time.Time{}}
	client, err := storage.NewClient(t.Context(), option.WithHTTPClient(&http.Client{Transport: slow}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	h := status.New(status.Config{
		Settings: f.settings, State: gcs.New(client, "state"), ArduinoURL: f.url, Publisher: &f.sent,
		Now: func() time.Time { return f.now },
	})
	var wg sync.WaitGroup
	for i, title := range []string{"One", "Two", "Three", "Four"} {
		msg := f.facts(f.now.Add(time.Duration(i-10)*time.Second), title)
		wg.Go(func() {
			if code := post(t.Context(), h, "", msg); code != http.StatusNoContent {
				t.Errorf("%s was answered %d", title, code)
			}
		})
	}
	wg.Wait()
	f.shows("Four")
	if slow.refused == 0 {
		t.Error("the store's limit was never met: nothing was shown")
	}
	last := map[string]any{}
	for _, c := range f.arduino.Calls() {
		if have, known := last[c.Variable]; known && have == c.Value {
			t.Errorf("%s = %v was told again", c.Variable, c.Value)
		}
		last[c.Variable] = c.Value
	}
}
