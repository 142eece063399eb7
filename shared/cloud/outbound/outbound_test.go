package outbound_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/shared/cloud/outbound"
)

func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}

func ask(t *testing.T, c *http.Client, address string) (string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), err
}

func TestRedirectsWithinAnOriginAreFollowedWithoutReferer(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/old" {
			http.Redirect(w, r, "/new", http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "arrived "+r.Header.Get("Referer"))
	})
	for _, o := range []outbound.Options{{}, {Retry: &outbound.Retry{Times: 1}}, {Stream: true}} {
		if got, err := ask(t, outbound.New(o), server.URL+"/old?sig=secret"); err != nil || got != "arrived " {
			t.Errorf("%+v: %q, %v", o, got, err)
		}
	}
}

func TestRedirectsToAnotherOriginAreNotFollowed(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	other := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, status := range []int{301, 302, 303, 307, 308} {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL+"/x", status) })
		for _, o := range []outbound.Options{
			{}, {Retry: &outbound.Retry{Times: 1, First: time.Millisecond}}, {Stream: true},
		} {
			if _, err := ask(t, outbound.New(o), server.URL); !errors.Is(err, outbound.ErrRedirect) {
				t.Errorf("%d, %+v: %v", status, o, err)
			}
		}
	}
	if reached.Load() > 0 {
		t.Errorf("the other address was asked %d times", reached.Load())
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		a, b string
		want bool
	}{
		{"https://a.example/x", "https://a.example:443/y", true},
		{"http://a.example:80/x", "http://a.example/", true},
		{"https://a.example/", "http://a.example/", false},
		{"https://a.example/", "https://a.example:8443/", false},
		{"https://a.example/", "https://b.a.example/", false},
		{"https://a.example/", "https://a.example.evil.example/", false},
		{"https://a.example/", "https://user@a.example/", true},
	} {
		a, aerr := url.Parse(tc.a)
		b, berr := url.Parse(tc.b)
		if aerr != nil || berr != nil || outbound.SameOrigin(a, b) != tc.want {
			t.Errorf("%s and %s: want %v", tc.a, tc.b, tc.want)
		}
	}
}

func TestALongAnswerIsAnError(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(map[bool]int{true: http.StatusOK, false: http.StatusTeapot}[r.URL.Path == "/ok"])
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	})
	for _, tc := range []struct {
		name, path string
		o          outbound.Options
		want       error
	}{
		{"fits", "/ok", outbound.Options{MaxBody: 1000}, nil},
		{"one too many", "/ok", outbound.Options{MaxBody: 999}, outbound.ErrTooLong},
		{"stream", "/ok", outbound.Options{MaxBody: 999, Stream: true}, nil},
		{"a stream's error", "/no", outbound.Options{MaxBody: 999, Stream: true}, outbound.ErrTooLong},
	} {
		got, err := ask(t, outbound.New(tc.o), server.URL+tc.path)
		if !errors.Is(err, tc.want) || int64(len(got)) > max(tc.o.MaxBody, 1000) || tc.want != nil && len(got) != 999 {
			t.Errorf("%s: %d bytes, %v", tc.name, len(got), err)
		}
	}
}

func TestASilentServerIsGivenUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/begun" {
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		<-release
	})
	t.Cleanup(func() { close(release) })
	for _, o := range []outbound.Options{
		{Timeout: 100 * time.Millisecond},
		{Timeout: 100 * time.Millisecond, Retry: &outbound.Retry{Times: 2, First: time.Millisecond, Last: time.Millisecond}},
	} {
		for _, path := range []string{"/", "/begun"} {
			began := time.Now()
			if _, err := ask(t, outbound.New(o), server.URL+path); err == nil || time.Since(began) > 5*time.Second {
				t.Errorf("%s: %v after %s", path, err, time.Since(began))
			}
		}
	}
}

// TestRetryIsTheCallersChoice: without one nothing is repeated; with one what failed is, and a Retry-After is bounded.
func TestRetryIsTheCallersChoice(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	_, _ = ask(t, outbound.New(outbound.Options{}), server.URL)
	if asked.Load() != 1 {
		t.Errorf("%d tries without a policy", asked.Load())
	}
	asked.Store(0)
	again := &outbound.Retry{Times: 1, First: time.Millisecond, Last: time.Millisecond, Longest: 10 * time.Millisecond}
	_, err := ask(t, outbound.New(outbound.Options{Retry: again}), server.URL)
	if err != nil || asked.Load() != 2 {
		t.Errorf("%d tries, %v", asked.Load(), err)
	}
}

func TestForeignAddressesMustBePublic(t *testing.T) {
	t.Parallel()
	var reached atomic.Int32
	server := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	named := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // judged by what the name turns out to be
	for _, address := range []string{server.URL, named, "http://169.254.169.254/computeMetadata/v1/", "http://[::1]:1/"} {
		_, err := ask(t, outbound.New(outbound.Options{PublicOnly: true, Timeout: time.Second}), address)
		if !errors.Is(err, outbound.ErrNotPublic) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if reached.Load() > 0 {
		t.Error("an address of this machine was reached")
	}
}

func TestErrorsHoldNoAddress(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:1/?sig=secret", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	_, err = outbound.New(outbound.Options{}).Do(r) //nolint:bodyclose // it fails
	if err == nil || strings.Contains(outbound.WithoutURL(err).Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// TestRedirectsAreBounded: five redirects within an origin are followed, and no sixth.
func TestRedirectsAreBounded(t *testing.T) {
	t.Parallel()
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if n := len(r.URL.Path) - 1; n > 0 {
			http.Redirect(w, r, r.URL.Path[:n], http.StatusFound)
			return
		}
		_, _ = io.WriteString(w, "arrived")
	})
	for n, want := range map[int]error{5: nil, 6: outbound.ErrRedirect} {
		got, err := ask(t, outbound.New(outbound.Options{}), server.URL+"/"+strings.Repeat("x", n))
		if !errors.Is(err, want) || (err == nil) != (want == nil) || err == nil && got != "arrived" {
			t.Errorf("%d redirects: %q, %v; want %v", n, got, err, want)
		}
	}
}
