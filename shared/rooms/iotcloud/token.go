package iotcloud

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

const (
	renewBefore = time.Minute // a token lives 300 s
	// After a failure nobody asks for a while, which doubles up to the longest with each failure that follows.
	firstPause   = 500 * time.Millisecond
	longestPause = 30 * time.Second
)

// first is a rank before every call's: without a token there is none.
const first = -1

// tokens shares the account's token. A caller that finds none asks for all; a failure is returned to all who come
// until its pause is over.
type tokens struct {
	ask func(context.Context) (*oauth2.Token, error)

	mu      sync.Mutex
	token   *oauth2.Token
	asking  chan struct{} // closed when the asker is done
	failure error
	pause   time.Duration
	until   time.Time
}

// get returns a token that is still good, or why there is none.
func (k *tokens) get(ctx context.Context) (*oauth2.Token, error) {
	for {
		k.mu.Lock()
		now := time.Now() //nolint:forbidigo // tokens live in real time
		switch {
		case k.token != nil && (k.token.Expiry.IsZero() || now.Add(renewBefore).Before(k.token.Expiry)):
			defer k.mu.Unlock()
			return k.token, nil
		case k.failure != nil && now.Before(k.until):
			defer k.mu.Unlock()
			if k.token != nil && now.Before(k.token.Expiry) {
				return k.token, nil // it lives on for a moment
			}
			return nil, k.failure
		case k.asking == nil:
			k.asking = make(chan struct{})
			go k.renew(context.WithoutCancel(ctx)) // for all who wait: it must not end with the first
		}
		asking := k.asking
		k.mu.Unlock()
		select {
		case <-asking:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// renew asks once. It ends within a call's time, and so with the requests that wait for it.
func (k *tokens) renew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	token, err := k.ask(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.asking)
	k.asking = nil
	if err == nil {
		k.token, k.failure, k.pause = token, nil, 0
		return
	}
	k.failure = tokenError(err)
	k.pause = min(longestPause, max(firstPause, 2*k.pause))
	k.until = time.Now().Add(k.pause) //nolint:forbidigo // as above
}

// drop forgets a token that was refused.
func (k *tokens) drop(refused *oauth2.Token) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token == refused {
		k.token = nil
	}
}

// tokenError drops the answer's body, which may repeat what we sent.
func tokenError(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response != nil {
		if code := refused.Response.StatusCode; code >= 500 || code == http.StatusTooManyRequests {
			return fmt.Errorf("the Arduino cloud answered %d to the token request", code)
		}
		return ErrRefused
	}
	return outbound.WithoutURL(err)
}
