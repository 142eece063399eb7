package pages_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/pages"
)

func TestLanguage(t *testing.T) {
	t.Parallel()
	for accepts, want := range map[string]string{
		"": "en", "fr": "fr", "fr-CA,fr;q=0.8,en;q=0.5": "fr", "en-US,fr;q=0.9": "en", "de": "en", "de,fr;q=0.3": "fr",
		"*": "en", "fr;q=x;;": "en", "pt-BR, fr-FR;q=0.5": "fr",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Language", accepts)
		if got := pages.Language(r, "en", "fr"); got != want {
			t.Errorf("%q: %s, want %s", accepts, got, want)
		}
	}
}

// TestSecured: nothing of elsewhere is run, and no other site's page changes anything.
func TestSecured(t *testing.T) {
	t.Parallel()
	h := pages.Secured(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "done") }))
	ask := func(method, site string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", http.NoBody)
		r.Header.Set("Sec-Fetch-Site", site)
		h.ServeHTTP(w, r)
		return w
	}
	w := ask(http.MethodGet, "cross-site")
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff",
		"Referrer-Policy": "no-referrer",
	} {
		if !strings.HasPrefix(w.Header().Get(name), want) {
			t.Errorf("%s is %q", name, w.Header().Get(name))
		}
	}
	if w.Body.String() != "done" {
		t.Errorf("a link from elsewhere is answered %d", w.Code)
	}
	if w := ask(http.MethodPost, "cross-site"); w.Code != http.StatusForbidden {
		t.Errorf("a form of another site is answered %d", w.Code)
	}
	if w := ask(http.MethodPost, "same-origin"); w.Code != http.StatusOK {
		t.Errorf("the page's own is answered %d", w.Code)
	}
}

// TestFrame: in the reader's language, with data that stay texts; a text or a template that is missing is an error.
func TestFrame(t *testing.T) {
	t.Parallel()
	texts := faults.Load(fstest.MapFS{
		"texts/en.json": {Data: []byte(`{"hello":"Hello"}`)}, "texts/fr.json": {Data: []byte(`{"hello":"Bonjour"}`)},
	}, "texts")
	frame := pages.NewFrame(fstest.MapFS{
		"a.html": {Data: []byte(`<p lang="{{.Lang}}">{{.Say "hello"}} {{.Data}}</p>`)},
		"b.html": {Data: []byte(`{{.Say "nothing"}}`)},
	}, "*.html", texts)
	write := func(name string) (*httptest.ResponseRecorder, error) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", http.NoBody)
		r.Header.Set("Accept-Language", "fr-FR")
		return w, frame.Write(w, r, name, func(lang string) any { return "<b>" + lang })
	}
	w, err := write("a.html")
	if want := `<p lang="fr">Bonjour &lt;b&gt;fr</p>`; err != nil || w.Body.String() != want {
		t.Errorf("%s, %v", w.Body, err)
	}
	if got := w.Header().Get("Content-Type") + " " + w.Header().Get("Content-Language") + " " +
		w.Header().Get("Vary"); got != "text/html; charset=utf-8 fr Accept-Language" {
		t.Errorf("sent as %s", got)
	}
	for _, name := range []string{"b.html", "c.html"} {
		if w, err := write(name); err == nil || w.Body.Len() > 0 {
			t.Errorf("%s: %q, %v", name, w.Body, err)
		}
	}
}
