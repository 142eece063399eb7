// Package outbound makes the HTTP clients that speak to outside systems. Each of them keeps secrets at the address they
// were meant for (no redirect to another origin, none from https to http, no Referer), and no answer, however long or
// slow, takes all memory or waits for ever. The caller names what may be repeated.
package outbound

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// Bounds where [Options] say nothing.
const (
	DefaultTimeout = 20 * time.Second
	DefaultBody    = 16 << 20
)

// ErrRedirect says that an answer redirects to another origin, or too often. Nothing was sent there.
var ErrRedirect error = final("the answer redirects to another address, which was not followed")

// A final error is one that the next try meets too.
type final string

func (f final) Error() string { return string(f) }

// NonRetriable tells the Azure SDK so.
func (final) NonRetriable() {}

// Options are what clients differ in. The zero value is a client that repeats nothing.
type Options struct {
	// Timeout bounds each try with its body; zero is [DefaultTimeout].
	Timeout time.Duration
	// MaxBody bounds an answer's body in bytes, as decoded; zero is [DefaultBody]. Beyond it reading fails with
	// [ErrTooLong].
	MaxBody int64
	// Stream is for bodies of any length, which the caller takes as they come: there is no Timeout, and MaxBody holds for
	// errors only, but a connection that stands still is given up after [Idle]. Bodies are left as they are sent,
	// compressed or not.
	Stream bool
	// Retry says what is repeated; nil repeats nothing.
	Retry *Retry
	// Step returns redirects to the caller, who looks at each; else those within an origin are followed.
	Step bool
	Jar  http.CookieJar
	// PublicOnly is for addresses that an outside system gave: only public ones are connected to, on ports 80 and 443.
	PublicOnly bool
	// Via is put between the client and the network, for each try; for what paces calls or adds a header.
	Via func(next http.RoundTripper) http.RoundTripper
}

// A Retry says what is repeated: what Check, or without it the library's own policy (failed connections, 429, 5xx),
// says may pass the next time, after pauses that grow from First to Last, or as long as Retry-After asks, up to
// Longest.
type Retry struct {
	Times                int
	First, Last, Longest time.Duration
	Check                retryablehttp.CheckRetry
}

// New returns a client.
func New(o Options) *http.Client {
	timeout := o.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	if o.Stream {
		timeout = 0
	}
	follow := sameOrigin
	if o.Step {
		follow = stay
	}
	client := &http.Client{Transport: o.transport(), Timeout: timeout, Jar: o.Jar, CheckRedirect: follow}
	if o.Retry == nil {
		return client
	}
	return &http.Client{Transport: o.Retry.over(client.Transport, timeout), Jar: o.Jar, CheckRedirect: follow}
}

// over repeats tries, each within timeout. The outer client follows redirects and keeps cookies.
func (r *Retry) over(next http.RoundTripper, timeout time.Duration) http.RoundTripper {
	c := retryablehttp.NewClient()
	c.Logger = nil // it would print addresses
	c.HTTPClient = &http.Client{Transport: next, Timeout: timeout, CheckRedirect: stay}
	c.RetryMax, c.RetryWaitMin, c.RetryWaitMax = r.Times, r.First, r.Last
	c.ErrorHandler = retryablehttp.PassthroughErrorHandler
	if r.Check != nil {
		c.CheckRetry = r.Check
	}
	c.Backoff = func(least, most time.Duration, attempt int, resp *http.Response) time.Duration {
		pause := retryablehttp.DefaultBackoff(least, most, attempt, resp) // honours Retry-After
		return min(pause, max(r.Longest, most))
	}
	return &retryablehttp.RoundTripper{Client: c}
}

// maxRedirects is how many redirects within an origin are followed.
const maxRedirects = 5

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// sameOrigin follows redirects within the origin of the first request.
func sameOrigin(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects || !SameOrigin(r.URL, via[0].URL) {
		return ErrRedirect
	}
	r.Header.Del("Referer") // it would repeat the address, with any signature in it
	return nil
}

// SameOrigin reports whether two addresses have one scheme, host and port (RFC 6454, section 4).
func SameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && a.Hostname() == b.Hostname() && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}

// Secure reports whether secrets may be sent to an address: over https, or to this machine.
func Secure(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && u.User == nil && (u.Scheme == "https" || u.Scheme == "http" && Local(u))
}

// Local reports whether an address is of this machine.
func Local(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// WithoutURL returns an error of an HTTP client without the address, which may hold a key or a signature.
func WithoutURL(err error) error {
	for {
		u, ok := errors.AsType[*url.Error](err)
		if !ok {
			return err
		}
		err = u.Err
	}
}
