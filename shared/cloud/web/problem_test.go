package web_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func answerOf(p *web.Problem) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h := web.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return p })
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", http.NoBody))
	return w
}

// TestProblemHasItsExtraMembersBesideTheOthers (RFC 9457, section 3.2).
func TestProblemHasItsExtraMembersBesideTheOthers(t *testing.T) {
	t.Parallel()
	p := web.NewProblem(http.StatusConflict, "It is taken.", nil)
	const bare = `{"type":"urn:carillon:problem:conflict","title":"Conflict","status":409,"detail":"It is taken."`
	if got := answerOf(p).Body.String(); got != bare+"}" {
		t.Errorf("without: %s", got)
	}
	p.Extra = map[string]any{"free_at": "14:00", "left": 0}
	if got := answerOf(p).Body.String(); got != bare+`,"free_at":"14:00","left":0}` {
		t.Errorf("with: %s", got)
	}
	p.Extra = map[string]any{"bad": make(chan int)}
	if w := answerOf(p); w.Code != http.StatusConflict || w.Body.Len() > 0 {
		t.Errorf("what has no JSON: %d %s", w.Code, w.Body)
	}
}

// TestLogHasTheCauseOfAProblem, which the answer does not tell.
//
//nolint:paralleltest // it sets the log
func TestLogHasTheCauseOfAProblem(t *testing.T) {
	var log bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewJSONHandler(&log, nil)))
	defer slog.SetDefault(before)
	w := answerOf(web.NewProblem(http.StatusServiceUnavailable, "Try again.", errors.New("the disk is full")))
	if !strings.Contains(log.String(), "the disk is full") || strings.Contains(w.Body.String(), "disk") {
		t.Errorf("log %s, answer %s", &log, w.Body)
	}
}
