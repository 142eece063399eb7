// Package pages is the frame of what browsers are shown: templates that escape, a policy that runs and loads nothing
// from elsewhere, the reader's language, changes from the pages themselves only.
package pages

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// policy forbids everything that a page does not need, so that a text with HTML in it stays a text
// (www.w3.org/TR/CSP3).
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
	"form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
}, "; ")

// Secured guards pages and what they ask for. A change that another site's page asks for is refused with 403.
func Secured(h http.Handler) http.Handler {
	h = http.NewCrossOriginProtection().Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// Language is the one of those offered that suits a reader best by Accept-Language (RFC 9110, section 12.5.4), else the
// first.
func Language(r *http.Request, offered ...string) string {
	tags := make([]language.Tag, 0, len(offered))
	for _, name := range offered {
		tags = append(tags, language.Make(name))
	}
	_, i := language.MatchStrings(language.NewMatcher(tags), r.Header.Get("Accept-Language"))
	return offered[i]
}

// A Frame writes pages from templates (html/template), in the languages of a catalogue.
type Frame struct {
	templates *template.Template
	texts     *faults.Catalogue
}

// NewFrame reads templates that are part of the program, by the names of their files; broken ones panic.
func NewFrame(files fs.FS, pattern string, texts *faults.Catalogue) *Frame {
	return &Frame{template.Must(template.ParseFS(files, pattern)), texts}
}

// A View is what a template sees: {{.Say "id"}} is a text in the reader's language.
type View struct {
	Lang string
	Data any

	texts *faults.Catalogue
}

// Say is a text of the catalogue.
func (v View) Say(id string) (string, error) {
	text := v.texts.Text(v.Lang, id, nil)
	if text == "" {
		return "", fmt.Errorf("the catalogue has no %q", id)
	}
	return text, nil
}

// Write answers with a page. data gets the reader's language and gives what the template shows.
func (f *Frame) Write(w http.ResponseWriter, r *http.Request, name string, data func(lang string) any) error {
	lang := Language(r, f.texts.Languages()...)
	var page bytes.Buffer
	if err := f.templates.ExecuteTemplate(&page, name, View{lang, data(lang), f.texts}); err != nil {
		return fmt.Errorf("writing the page %s: %w", name, err)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", lang)
	w.Header().Set("Vary", "Accept-Language")
	w.Header().Set("Cache-Control", "no-cache")
	_, err := page.WriteTo(w)
	return err
}
