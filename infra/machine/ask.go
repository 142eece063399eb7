package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/carillon-calendar/carillon/shared/cloud/web"
)

// Ask reads what a function of this process answers to a GET, as JSON.
func Ask(ctx context.Context, h http.Handler, path string, into any) error {
	return call(ctx, h, http.MethodGet, path, into)
}

// Send is [Ask] with POST.
func Send(ctx context.Context, h http.Handler, path string, into any) error {
	return call(ctx, h, http.MethodPost, path, into)
}

func call(ctx context.Context, h http.Handler, method, path string, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, path, http.NoBody)
	if err != nil {
		return err
	}
	answer := bufferedAnswer{header: http.Header{}}
	h.ServeHTTP(&answer, r)
	if answer.status >= http.StatusBadRequest {
		var p web.Problem
		if json.Unmarshal(answer.body.Bytes(), &p) == nil && p.Status != 0 {
			return &p
		}
		return fmt.Errorf("%s %s was answered %d", method, r.URL.Path, answer.status)
	}
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
	status int
}

func (a *bufferedAnswer) Header() http.Header         { return a.header }
func (a *bufferedAnswer) Write(p []byte) (int, error) { return a.body.Write(p) }
func (a *bufferedAnswer) WriteHeader(status int)      { a.status = status }
