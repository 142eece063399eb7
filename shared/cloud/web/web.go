// Package web holds what every HTTP function needs: handlers that return
// errors, RFC 9457 problem bodies and set-up that waits for the first request.
package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
)

// A Problem is an error that the client may see. Err, when set, is logged and
// never sent.
type Problem struct {
	// Type is stable, for programs: [ProblemType] and a name.
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`

	// Extra members of the body (RFC 9457, section 3.2); none is named as one above.
	Extra map[string]any `json:"-"`

	Err error `json:"-"`
}

// body is the problem as JSON, with the extra members beside the others. (A json.Marshaler would be what a log writes
// of the error, without its cause.)
func (p *Problem) body() ([]byte, error) {
	body, err := json.Marshal(p)
	if err != nil || len(p.Extra) == 0 {
		return body, err
	}
	extra, err := json.Marshal(p.Extra)
	if err != nil {
		return nil, err
	}
	return append(append(body[:len(body)-1], ','), extra[1:]...), nil
}

func (p *Problem) Error() string {
	if p.Err == nil {
		return p.Title
	}
	return p.Title + ": " + p.Err.Error()
}

func (p *Problem) Unwrap() error { return p.Err }

// ProblemType begins every problem's type.
const ProblemType = "urn:carillon:problem:"

// NewProblem returns a problem with the status's standard title and a type of the same name.
func NewProblem(status int, detail string, err error) *Problem {
	title := http.StatusText(status)
	return &Problem{
		Type: ProblemType + strings.ReplaceAll(strings.ToLower(title), " ", "-"), Title: title, Status: status,
		Detail: detail, Err: err,
	}
}

// Unavailable returns err if it is a problem already, else a 503 problem that
// hides it: the caller may try again.
func Unavailable(err error) error {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	return NewProblem(http.StatusServiceUnavailable, "Try again in a moment.", err)
}

// HandlerFunc is an [http.HandlerFunc] that returns its error instead of
// writing it. It must not have written to w when it returns a non-nil error.
type HandlerFunc func(w http.ResponseWriter, r *http.Request) error

func (h HandlerFunc) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := h(w, r); err != nil {
		writeError(w, r, err)
	}
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	var p *Problem
	if !errors.As(err, &p) {
		p = NewProblem(http.StatusInternalServerError, "", err)
	}
	LogFailure(r, p.Status, err)

	if p.Status == http.StatusUnauthorized && w.Header().Get("WWW-Authenticate") == "" { // RFC 9110, section 11.6.1
		w.Header().Set("WWW-Authenticate", `Bearer realm="carillon"`)
	}
	body, err := p.body()
	if err != nil {
		slog.ErrorContext(r.Context(), "problem not written", slog.Any("error", err))
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_, _ = w.Write(body) // the client is gone if this fails
}

// LogFailure logs why a request is answered with a status of 400 or more.
func LogFailure(r *http.Request, status int, err error) {
	level := slog.LevelWarn
	if status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !errors.Is(r.Context().Err(), context.Canceled) { // nobody waits for the answer any more, which is not a fault
		slog.LogAttrs(r.Context(), level, "request failed", slog.Int("status", status), slog.Any("error", err))
	}
}

// Lazy returns a handler that calls setup on the first request and keeps the
// result. Unlike [sync.OnceValues] it does not keep a failure: the request
// gets 503 and the next one tries again.
func Lazy(setup func(context.Context) (http.Handler, error)) http.HandlerFunc {
	var (
		mu sync.Mutex
		h  http.Handler
	)
	get := func(ctx context.Context) (http.Handler, error) {
		mu.Lock()
		defer mu.Unlock()
		if h != nil {
			return h, nil
		}
		// Clients outlive the request that made them.
		got, err := setup(context.WithoutCancel(ctx))
		if err == nil {
			h = got
		}
		return got, err
	}
	return func(w http.ResponseWriter, r *http.Request) {
		handler, err := get(r.Context())
		if err != nil {
			writeError(w, r, NewProblem(http.StatusServiceUnavailable, "", err))
			return
		}
		handler.ServeHTTP(w, r)
	}
}
