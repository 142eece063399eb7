package azure

import (
	"context"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestSocketDeadline: a store that does not answer in time is silent; only the run's own end is its deadline.
func TestSocketDeadline(t *testing.T) {
	t.Parallel()
	slow := &url.Error{Op: "Get", URL: "https://a.example/c?sig=secret", Err: os.ErrDeadlineExceeded}
	if err := translated(t.Context(), slow); !errors.Is(err, ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded) ||
		strings.Contains(err.Error(), "sig=") {
		t.Errorf("a socket's deadline: %v", err)
	}
	wrapped := errors.Join(context.DeadlineExceeded)
	if err := translated(t.Context(), wrapped); !errors.Is(err, ErrNoAnswer) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a client's: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := translated(ended, slow); !errors.Is(err, context.Canceled) {
		t.Errorf("the run's: %v", err)
	}
}
