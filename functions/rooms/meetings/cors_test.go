package meetings_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/shared/rooms"
)

// TestHeadersOfPanels: a panel on another origin may send what the API takes, and read what the API tells in headers.
func TestHeadersOfPanels(t *testing.T) {
	t.Parallel()
	const origin = "https://panel.example.com"
	f := newFixture(t)
	f.configure(strings.Replace(settingsJSON, `"rooms"`, `"cors_origins":["`+origin+`"],"rooms"`, 1))
	f.keep(rooms.Snapshot{FetchedAt: f.now})
	allowed := func(method, header string) bool {
		r := httptest.NewRequest(http.MethodOptions, "/meetings", nil)
		r.Header.Set("Origin", origin)
		r.Header.Set("Access-Control-Request-Method", method)
		r.Header.Set("Access-Control-Request-Headers", header)
		w := httptest.NewRecorder()
		f.handler.ServeHTTP(w, r)
		return w.Header().Get("Access-Control-Allow-Origin") == origin
	}
	for header, want := range map[string]bool{
		"authorization": true, "content-type": true, "idempotency-key": true, "if-none-match": true,
		"authorization,if-none-match": true,
		"x-other":                     false, "authorization,x-other": false,
	} {
		if got := allowed(http.MethodGet, header); got != want {
			t.Errorf("the headers %s may be sent: %v, want %v", header, got, want)
		}
	}
	for method, want := range map[string]bool{
		http.MethodGet: true, http.MethodPost: true, http.MethodDelete: true, http.MethodPut: false,
		http.MethodPatch: false,
	} {
		if got := allowed(method, "authorization"); got != want {
			t.Errorf("%s may be asked: %v, want %v", method, got, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, getBlue, nil)
	r.Header.Set("Origin", origin)
	r.Header.Set("Authorization", "Bearer secret")
	w := httptest.NewRecorder()
	f.handler.ServeHTTP(w, r)
	exposed := strings.ToLower(w.Header().Get("Access-Control-Expose-Headers"))
	for _, header := range []string{"etag", "location", "retry-after"} {
		if !strings.Contains(exposed, header) {
			t.Errorf("%s may not be read: %s", header, exposed)
		}
	}
}
