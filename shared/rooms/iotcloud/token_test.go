package iotcloud

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"
)

// Sixty rooms that want a token at once, for as long as there is none, are one asker with growing pauses.
func TestOneAsksForTheTokenOfAll(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusInternalServerError} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			var asked atomic.Int32
			k := &tokens{ask: func(ctx context.Context) (*oauth2.Token, error) {
				asked.Add(1)
				time.Sleep(100 * time.Millisecond)
				if time.Since(began) < 10*time.Second {
					return nil, &oauth2.RetrieveError{Response: &http.Response{StatusCode: status}}
				}
				return &oauth2.Token{AccessToken: "t", Expiry: time.Now().Add(5 * time.Minute)}, ctx.Err()
			}}
			var all sync.WaitGroup
			for range 60 {
				all.Go(func() {
					for {
						_, err := k.get(t.Context())
						if err == nil {
							return
						}
						if status == http.StatusUnauthorized && !errors.Is(err, ErrRefused) {
							t.Errorf("%d: %v", status, err)
						}
						time.Sleep(50 * time.Millisecond)
					}
				})
			}
			all.Wait()
			if asked.Load() > 7 {
				t.Errorf("%d: %d requests for tokens in %s", status, asked.Load(), time.Since(began))
			}
			if time.Since(began) > 10*time.Second+longestPause {
				t.Errorf("%d: a token came after %s only", status, time.Since(began))
			}
		})
	}
}

func TestTokenIsRenewedBeforeItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		k := &tokens{ask: func(context.Context) (*oauth2.Token, error) {
			asked++
			return &oauth2.Token{AccessToken: "t", Expiry: time.Now().Add(5 * time.Minute)}, nil
		}}
		for i, want := range []int{1, 1, 1, 1, 2} { // one minute apart
			token, err := k.get(t.Context())
			if err != nil || asked != want || time.Until(token.Expiry) < renewBefore {
				t.Errorf("minute %d: asked %d times, want %d; good for %s; %v", i, asked, want, time.Until(token.Expiry), err)
			}
			time.Sleep(time.Minute)
		}
		token, _ := k.get(t.Context())
		k.drop(token)
		if again, err := k.get(t.Context()); err != nil || asked != 3 || again == token {
			t.Errorf("asked %d times after the token was refused; %v", asked, err)
		}
	})
}

// TestATokenIsGoodToItsEnd: while another cannot be had, the last one is used for as long as it lives, and no longer.
func TestATokenIsGoodToItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fails := false
		k := &tokens{ask: func(context.Context) (*oauth2.Token, error) {
			if fails {
				return nil, &oauth2.RetrieveError{Response: &http.Response{StatusCode: http.StatusBadGateway}}
			}
			return &oauth2.Token{AccessToken: "t", Expiry: time.Now().Add(5 * time.Minute)}, nil
		}}
		if _, err := k.get(t.Context()); err != nil {
			t.Fatal(err)
		}
		fails = true
		time.Sleep(4*time.Minute + 30*time.Second)
		if token, err := k.get(t.Context()); err != nil || token.AccessToken != "t" {
			t.Errorf("half a minute before its end: %v", err)
		}
		time.Sleep(31 * time.Second)
		if _, err := k.get(t.Context()); err == nil {
			t.Error("a token that has ended is used")
		}
	})
}

func TestAWaiterForTheTokenEndsWithItsRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k := &tokens{ask: func(ctx context.Context) (*oauth2.Token, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := k.get(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		time.Sleep(callTimeout) // the asker gives up too
		synctest.Wait()
	})
}
