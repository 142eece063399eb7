package gcloud_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/gcloud"
)

type environment struct {
	Word string `env:"GCLOUD_TEST_WORD,required"`
}

// TestHandlerIsSetUpWithItsEnvironment, once it is there: a request before that is told to try again.
//
//nolint:paralleltest // it sets the environment
func TestHandlerIsSetUpWithItsEnvironment(t *testing.T) {
	setups := 0
	h := gcloud.Handler(func(_ context.Context, env environment) (http.Handler, error) {
		setups++
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, env.Word) }), nil
	})
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
		return w
	}
	if w := ask(); w.Code != http.StatusServiceUnavailable || setups != 0 {
		t.Errorf("without its environment it answers %d, after %d setups", w.Code, setups)
	}
	t.Setenv("GCLOUD_TEST_WORD", "hello")
	for range 2 {
		if w := ask(); w.Body.String() != "hello" || setups != 1 {
			t.Errorf("it answers %d %q, after %d setups", w.Code, w.Body, setups)
		}
	}
}
