package web

import "net/http"

// Routes serves mux and answers a path or method that it does not have with a problem.
func Routes(mux *http.ServeMux) http.Handler {
	return HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		h, pattern := mux.Handler(r)
		if pattern != "" {
			mux.ServeHTTP(w, r)
			return nil
		}
		answer := unrouted{header: http.Header{}}
		h.ServeHTTP(&answer, r)
		if answer.status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", answer.header.Get("Allow"))
			return NewProblem(http.StatusMethodNotAllowed, "This path takes "+answer.header.Get("Allow")+".", nil)
		}
		return NewProblem(http.StatusNotFound, "There is nothing at this path.", nil)
	})
}

// unrouted keeps the status that [http.ServeMux] would answer.
type unrouted struct {
	header http.Header
	status int
}

func (u *unrouted) Header() http.Header         { return u.header }
func (u *unrouted) Write(p []byte) (int, error) { return len(p), nil }
func (u *unrouted) WriteHeader(status int)      { u.status = status }
