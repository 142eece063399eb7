package messages_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/logging"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func FuzzHandle(f *testing.F) {
	f.Add(`{"message":{"messageId":"1","data":"e30=","publishTime":"2026-01-01T00:00:00Z"},"subscription":"s","deliveryAttempt":1}`)
	f.Add(`{"message":{"data":"!"}}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, body string) {
		reached := false
		w := httptest.NewRecorder()
		messages.Handle(func(_ context.Context, d messages.Delivery) error {
			reached = true
			var v struct{ A int }
			return d.Payload(&v)
		}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)))
		if w.Code != http.StatusNoContent && w.Code != http.StatusBadRequest || w.Code == http.StatusNoContent && !reached {
			t.Errorf("status = %d, handler reached: %v", w.Code, reached)
		}
	})
}

// keeper keeps the last message.
type keeper struct{ last messages.Message }

func (k *keeper) Publish(_ context.Context, _ string, m messages.Message) error {
	k.last = m
	return nil
}

// TestTraceGoesWithTheMessage: who takes a message logs under the trace of who published it.
func TestTraceGoesWithTheMessage(t *testing.T) {
	t.Parallel()
	const trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	var k keeper
	attributes := map[string]string{"kind": "due"}
	if err := messages.PublishJSON(logging.SetTrace(t.Context(), trace), &k, "topic", struct{}{}, attributes); err != nil {
		t.Fatal(err)
	}
	if len(attributes) != 1 || k.last.Attributes["kind"] != "due" {
		t.Errorf("attributes = %v, from %v", k.last.Attributes, attributes)
	}
	body, err := json.Marshal(messages.Delivery{Message: messages.Pushed{ID: "1", Message: k.last}})
	if err != nil {
		t.Fatal(err)
	}
	got := ""
	messages.Handle(func(ctx context.Context, _ messages.Delivery) error {
		got, _ = logging.ParseTraceparent(logging.TraceparentOf(ctx))
		return nil
	}).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body)))
	if got != trace {
		t.Errorf("trace = %q, want %q", got, trace)
	}
}

func TestKind(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		attributes map[string]string
		want       string
		refused    bool
	}{
		"none":    {nil, "", false},
		"empty":   {messages.OfKind(""), "", false},
		"known":   {messages.OfKind("due"), "due", false},
		"second":  {messages.OfKind("tick"), "tick", false},
		"unknown": {messages.OfKind("later"), "", true},
		"case":    {messages.OfKind("Due"), "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := messages.Delivery{
				Message: messages.Pushed{ID: "1", Message: messages.Message{Attributes: tt.attributes}},
			}
			got, err := d.Kind("due", "tick")
			if got != tt.want || (err != nil) != tt.refused {
				t.Errorf("kind = %q, %v; want %q, refused %v", got, err, tt.want, tt.refused)
			}
			var problem *web.Problem
			if tt.refused && (!errors.As(err, &problem) || problem.Status != http.StatusBadRequest) {
				t.Errorf("error = %v, want a 400 problem", err)
			}
		})
	}
}

// TestHandle: what a delivery is answered is what becomes of it: 204 ends it, 503 brings it again, 400 does so until it
// is a dead letter.
func TestHandle(t *testing.T) {
	t.Parallel()
	const envelope = `{"message":{"messageId":"1","data":"eyJhIjoxfQ=="},"subscription":"s"}`
	for name, tt := range map[string]struct {
		body    string
		err     error
		want    int
		reached bool
	}{
		"taken":      {envelope, nil, http.StatusNoContent, true},
		"failed":     {envelope, errors.New("no answer"), http.StatusServiceUnavailable, true},
		"refused":    {envelope, web.NewProblem(http.StatusBadRequest, "x", nil), http.StatusBadRequest, true},
		"in_the_way": {envelope, web.NewProblem(http.StatusConflict, "x", nil), http.StatusConflict, true},
		"without_an_id": {
			`{"message":{"data":"eyJhIjoxfQ=="},"subscription":"s"}`, nil, http.StatusBadRequest, false,
		},
		"no_envelope":     {`{"a":1}`, nil, http.StatusBadRequest, false},
		"no_json":         {`a=1`, nil, http.StatusBadRequest, false},
		"data_in_no_form": {`{"message":{"messageId":"1","data":"!"}}`, nil, http.StatusBadRequest, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := false
			w := httptest.NewRecorder()
			messages.Handle(func(_ context.Context, d messages.Delivery) error {
				reached = d.Message.ID == "1"
				return tt.err
			}).ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(tt.body)))
			if w.Code != tt.want || reached != tt.reached {
				t.Errorf("answered %d %s, reached %v; want %d, %v", w.Code, w.Body, reached, tt.want, tt.reached)
			}
		})
	}
}
