package messages_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
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
