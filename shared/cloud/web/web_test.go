package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

func TestHandlerFunc(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		err      error
		wantCode int
		wantBody string
	}{
		{
			"problem", web.NewProblem(404, "no room r1", nil), 404,
			`{"type":"urn:carillon:problem:not-found","title":"Not Found","status":404,"detail":"no room r1"}`,
		},
		{
			"other_error_is_hidden", errors.New("dial tcp 10.0.0.1"), 500,
			`{"type":"urn:carillon:problem:internal-server-error","title":"Internal Server Error","status":500}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := httptest.NewRecorder()
			web.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return tt.err }).
				ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if got := w.Code; got != tt.wantCode {
				t.Errorf("status = %d, want %d", got, tt.wantCode)
			}
			if got := strings.TrimSpace(w.Body.String()); got != tt.wantBody {
				t.Errorf("body = %s, want %s", got, tt.wantBody)
			}
		})
	}
}

func TestLazyRetriesAFailedSetup(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	h := web.Lazy(func(ctx context.Context) (http.Handler, error) {
		if calls.Add(1) == 1 {
			return nil, errors.New("metadata server not ready")
		}
		return http.NotFoundHandler(), ctx.Err()
	})
	for i, want := range []int{503, 404, 404} {
		w := httptest.NewRecorder()
		h(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != want {
			t.Errorf("request %d: status = %d, want %d", i, w.Code, want)
		}
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { h(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)) })
	}
	wg.Wait()
	if got := calls.Load(); got != 2 {
		t.Errorf("setup calls = %d, want 2", got)
	}
}

func TestRoutesAnswersProblems(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /a/{id}",
		func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.PathValue("id"))) })
	for _, tt := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/a/7", 200, "7"},
		{"GET", "/b", 404, `{"type":"urn:carillon:problem:not-found"`},
		{"PUT", "/a/7", 405, `{"type":"urn:carillon:problem:method-not-allowed"`},
	} {
		w := httptest.NewRecorder()
		web.Routes(mux).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
		if w.Code != tt.code || !strings.HasPrefix(w.Body.String(), tt.body) ||
			tt.code == 405 && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s %s was answered %d %v %s", tt.method, tt.path, w.Code, w.Header(), w.Body)
		}
	}
}

func TestDecodeJSONNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`[]`: "an object", `{"name":1}`: `"name" is a number; it must be a string`, `{"x":1}`: `"x"`, `{`: "not a JSON object",
		`{} {}`: "nothing after it",
		`{"name":"` + strings.Repeat("x", web.MaxBody) + `"}`: "larger than",
	} {
		var v struct {
			Name string `json:"name"`
		}
		err := web.DecodeJSON(httptest.NewRecorder(), httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)), &v)
		p, ok := errors.AsType[*web.Problem](err)
		if !ok || p.Status/100 != 4 || !strings.Contains(p.Detail, want) {
			t.Errorf("%.20s: %v, want a problem that says %q", body, err, want)
		}
	}
}
