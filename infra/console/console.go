// Package console is the operators' side of a machine: the dashboard's frame with its first page, and the commands' API.
package console

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

//go:embed web
var pages embed.FS

type console struct {
	*machine.Machine

	checkup checkup
}

// Serve serves the dashboard and the operators' commands of a machine: it is a [machine.Console].
func Serve(m *machine.Machine, mux *http.ServeMux) error {
	c := &console{Machine: m}
	c.dashboard(mux)
	return c.operate(mux)
}

// dashboard serves the pages at / and what they ask for. Changes are taken from the pages themselves only.
func (c *console) dashboard(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	handle := func(pattern string, h http.Handler) { mux.Handle(pattern, secured(guard.Handler(h))) }
	handle("/", http.FileServerFS(c.files()))
	handle("GET /dashboard/bridges", web.HandlerFunc(c.listBridges))
	handle("GET /dashboard/overview", web.HandlerFunc(c.overview))
	handle("POST /dashboard/doctor", web.HandlerFunc(c.checkNow))
	handle("POST /dashboard/dead/{id}/send", web.HandlerFunc(c.sendAgain))
	for _, b := range c.Running {
		if b.Pages != nil {
			b.Pages(handle)
		}
	}
}

// files are the console's own and those of every bridge's page, also of one that does not run: its page says so.
func (c *console) files() fs.FS {
	own, err := fs.Sub(pages, "web")
	if err != nil {
		panic(err) // the folder is part of the program
	}
	all := together{own}
	for _, b := range c.Bridges {
		if b.Page != nil {
			all = append(all, b.Page)
		}
	}
	return all
}

// together is several file systems as one: a file is the first's that has it.
type together []fs.FS

// Open implements [fs.FS].
func (t together) Open(name string) (fs.File, error) {
	for _, one := range t {
		if f, err := one.Open(name); err == nil {
			return f, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// listBridges tells the pages which bridges there are, in their order, and which run here.
func (c *console) listBridges(w http.ResponseWriter, _ *http.Request) error {
	type entry struct {
		Name    string            `json:"name"`
		Title   map[string]string `json:"title"`
		Units   machine.Units     `json:"units"`
		Running bool              `json:"running"`
	}
	list := make([]entry, 0, len(c.Bridges))
	for _, known := range c.Bridges {
		running := false
		for _, b := range c.Running {
			running = running || b.Name == known.Name
		}
		list = append(list, entry{known.Name, known.Title, known.Units, running})
	}
	return web.WriteJSON(w, http.StatusOK, list)
}

// secured forbids everything that the page does not need, so that a title with HTML in it stays a text.
func secured(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		h.ServeHTTP(w, r)
	})
}

// Ask reads what a function of this process answers to a GET, as JSON.
func Ask(ctx context.Context, h http.Handler, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return err
	}
	answer := bufferedAnswer{header: http.Header{}}
	h.ServeHTTP(&answer, r)
	return json.Unmarshal(answer.body.Bytes(), into)
}

// LastLine answers with what a handler's stream says in the end: the first line that result takes.
func LastLine(w http.ResponseWriter, r *http.Request, h http.Handler, result func(line []byte) any) error {
	answer := bufferedAnswer{header: http.Header{}}
	h.ServeHTTP(&answer, r)
	for line := range bytes.Lines(answer.body.Bytes()) {
		if v := result(line); v != nil {
			return web.WriteJSON(w, http.StatusOK, v)
		}
	}
	var p web.Problem
	if json.Unmarshal(answer.body.Bytes(), &p) == nil && p.Status != 0 {
		return &p
	}
	return web.NewProblem(http.StatusServiceUnavailable, "The run did not end.", nil)
}

// bufferedAnswer is an answer that is read in this process.
type bufferedAnswer struct {
	header http.Header
	body   bytes.Buffer
}

func (a *bufferedAnswer) Header() http.Header         { return a.header }
func (a *bufferedAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *bufferedAnswer) WriteHeader(int)             {}
