// Package pages is the frame of what browsers are shown: templates that escape, a policy that runs and loads nothing
// from elsewhere, the reader's language, changes from the pages themselves only.
package pages

import (
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"

	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// policy forbids everything that a page does not need, so that a text with HTML in it stays a text
// (www.w3.org/TR/CSP3).
var policy = []string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
	"form-action 'none'", "base-uri 'none'", "frame-ancestors 'none'",
}

// FormsHere is the directive of pages whose forms work without script, for [Secured].
const FormsHere = "form-action 'self'"

// Policy is the policy of pages, with directives instead of those of the same name.
func Policy(instead ...string) string {
	directives := slices.Clone(policy)
	for _, directive := range instead {
		name, _, _ := strings.Cut(directive, " ")
		for i, d := range directives {
			if strings.HasPrefix(d, name+" ") {
				directives[i] = directive
			}
		}
	}
	return strings.Join(directives, "; ")
}

// Secured guards pages and what they ask for, by [Policy]. A change that another site's page asks for is refused
// with 403.
func Secured(h http.Handler, instead ...string) http.Handler {
	h = http.NewCrossOriginProtection().Handler(h)
	policy := Policy(instead...)
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

// Say is a text of the catalogue; its parameters follow one another, each after its name.
func (v View) Say(id string, params ...any) (string, error) {
	named := faults.Params{}
	for i := 0; i+1 < len(params); i += 2 {
		named[fmt.Sprint(params[i])] = fmt.Sprint(params[i+1])
	}
	text := v.texts.Text(v.Lang, id, named)
	if text == "" {
		return "", fmt.Errorf("the catalogue has no %q, or it lacks a parameter", id)
	}
	return text, nil
}

// With is the view of a part of a page, whose data is another.
func (v View) With(data any) View {
	v.Data = data
	return v
}

// Write answers with a page. data gets the reader's language and gives what the template shows.
func (f *Frame) Write(w http.ResponseWriter, r *http.Request, name string, data func(lang string) any) error {
	lang := Language(r, f.texts.Languages()...)
	page, err := f.Text(name, lang, data(lang))
	if err != nil {
		return err
	}
	w.Header().Set("Vary", "Accept-Language")
	return Send(w, http.StatusOK, lang, page)
}

// Text is a template's text in a language.
func (f *Frame) Text(name, lang string, data any) (string, error) {
	var page strings.Builder
	if err := f.templates.ExecuteTemplate(&page, name, View{lang, data, f.texts}); err != nil {
		return "", fmt.Errorf("writing the page %s: %w", name, err)
	}
	return page.String(), nil
}

// Send answers with a page. Unless the caller has said otherwise it is not kept.
func Send(w http.ResponseWriter, status int, lang, page string) error {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", lang)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-cache")
	}
	w.WriteHeader(status)
	_, err := io.WriteString(w, page)
	return err
}
