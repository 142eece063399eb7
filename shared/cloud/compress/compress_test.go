package compress_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/compress"
)

// TestHandler: a client that takes gzip gets fewer bytes of the same body, and either form's ETag is known again
// from both.
func TestHandler(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("a class of a timetable\r\n", 1000)
	h := compress.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/calendar; charset=utf-8")
		w.Header().Set("ETag", `W/"1"`)
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(body))
	}))
	get := func(header ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	plain, small := get(), get("Accept-Encoding", "gzip, deflate, br, zstd")
	if plain.Header().Get("Content-Encoding") != "" || plain.Body.String() != body {
		t.Errorf("without Accept-Encoding it was answered %v", plain.Header())
	}
	if small.Header().Get("Content-Encoding") != "gzip" || small.Body.Len() > len(body)/10 {
		t.Errorf("with gzip it was answered %d bytes, %v", small.Body.Len(), small.Header())
	}
	unzipped, err := gzip.NewReader(small.Body)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(unzipped); err != nil || string(got) != body {
		t.Errorf("unzipped it is %d bytes, %v", len(got), err)
	}
	for _, w := range []*httptest.ResponseRecorder{plain, small} {
		if w.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("Vary is %q", w.Header().Get("Vary"))
		}
		for _, coding := range []string{"gzip", "identity"} {
			again := get("If-None-Match", w.Header().Get("ETag"), "Accept-Encoding", coding)
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 || again.Header().Get("Content-Encoding") != "" {
				t.Errorf("with its ETag and %s it was answered %d, %v", coding, again.Code, again.Header())
			}
		}
	}
	if refused := get("Accept-Encoding", "gzip;q=0"); refused.Body.String() != body {
		t.Errorf("a client that refuses gzip was answered %v", refused.Header())
	}
	if part := get("Accept-Encoding", "gzip", "Range", "bytes=0-6"); part.Code != http.StatusPartialContent ||
		part.Body.String() != body[:7] {
		t.Errorf("a range was answered %d %q", part.Code, part.Body)
	}
}
