package console

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"github.com/carillon-calendar/carillon/infra/console/textstest"
	"github.com/carillon-calendar/carillon/shared/cloud/faults/faultstest"
)

// TestTextsAreComplete in every language.
func TestTextsAreComplete(t *testing.T) {
	t.Parallel()
	faultstest.Complete(t, textFiles, "texts")
}

// TestPagesShowTheCatalogue, and no text of their own.
func TestPagesShowTheCatalogue(t *testing.T) {
	t.Parallel()
	textstest.PageTexts(t, texts, "shared", assets, "web/common.js")
	textstest.PageTexts(t, texts, "page", assets, "web/overview.js")
}

// TestAssets: the pages' scripts and styles are served; pages without their frame, and lists of files, are not.
func TestAssets(t *testing.T) {
	t.Parallel()
	bridge := fstest.MapFS{
		"web/bell.js": {Data: []byte("ring()")}, "web/bell.html": {}, "web/style.css": {Data: []byte("other")},
	}
	h := http.FileServerFS(together{assets, bridge})
	for path, want := range map[string]int{
		"/common.js": http.StatusOK, "/bell.js": http.StatusOK, "/style.css": http.StatusOK,
		"/overview.html": http.StatusNotFound,
		"/bell.html":     http.StatusNotFound, "/": http.StatusNotFound, "/nothing.js": http.StatusNotFound,
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != want || path == "/style.css" && w.Body.String() == "other" {
			t.Errorf("%s was answered %d, want %d", path, w.Code, want)
		}
	}
}
