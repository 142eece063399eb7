package machine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/carillon-calendar/carillon/shared/cloud/messages"
)

// post pushes an envelope to a handler in this process; "" means acknowledged
// (102, 200, 201, 202 and 204, as cloud.google.com/pubsub/docs/push says), else it tells the outcome.
func post(ctx context.Context, h http.Handler, d messages.Delivery) (outcome string) {
	body, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://push.local/", bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Content-Type", "application/json")
	w := &response{header: http.Header{}, status: http.StatusOK}
	defer func() {
		if p := recover(); p != nil { // as net/http would: the request fails, the process lives
			outcome = fmt.Sprintf("panic: %v", p)
		}
	}()
	h.ServeHTTP(w, r)
	switch w.status {
	case http.StatusProcessing, http.StatusOK, http.StatusCreated, http.StatusAccepted, http.StatusNoContent:
		return ""
	}
	return fmt.Sprintf("answered %d", w.status)
}

// response keeps the status of an answer.
type response struct {
	header http.Header
	status int
	wrote  bool
}

func (r *response) Header() http.Header { return r.header }

func (r *response) Write(p []byte) (int, error) {
	r.wrote = true
	return len(p), nil
}

func (r *response) WriteHeader(status int) {
	if !r.wrote {
		r.status, r.wrote = status, true
	}
}
