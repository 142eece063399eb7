package outbound

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"code.dny.dev/ssrf"
	"golang.org/x/net/http/httpproxy"
)

// ErrNotPublic says that an address which an outside system gave is not on the public internet, or of another port
// than 80 and 443. Nothing was sent there.
var ErrNotPublic error = final("the address that was given is not a public one, and was not connected to")

// ErrTooLong says that an answer's body is longer than the client takes.
var ErrTooLong error = final("the answer is too long")

// Idle is how long a stream's connection may stand still.
const Idle = 60 * time.Second

const (
	dialTimeout = 10 * time.Second
	maxHeader   = 64 << 10 // bytes of an answer's header
	hostConns   = 64       // connections kept to a host
)

// transport is the way of each try to the network.
func (o Options) transport() http.RoundTripper {
	next := http.RoundTripper(shared(kind{stream: o.Stream, publicOnly: o.PublicOnly}))
	next = bounded{next, cmp.Or(o.MaxBody, DefaultBody), o.Stream}
	if o.Via != nil {
		next = o.Via(next)
	}
	return next
}

// A kind of transport. Clients may live for one run; the connections of a kind are shared and outlive them.
type kind struct{ stream, publicOnly bool }

//nolint:gochecknoglobals // see kind
var (
	mu         sync.Mutex
	transports = map[kind]*http.Transport{}
)

func shared(k kind) *http.Transport {
	mu.Lock()
	defer mu.Unlock()
	if transports[k] == nil {
		transports[k] = k.make()
	}
	return transports[k]
}

func (k kind) make() *http.Transport {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: k.dial(), ForceAttemptHTTP2: !k.stream,
		TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: Idle,
		ExpectContinueTimeout: time.Second, IdleConnTimeout: Idle,
		MaxIdleConns: 2 * hostConns, MaxIdleConnsPerHost: hostConns, MaxResponseHeaderBytes: maxHeader,
		DisableCompression: k.stream,
		// One connection carries all calls to a host: where a network has dropped it, they would fail until the system finds
		// out, a quarter of an hour later.
		HTTP2: &http.HTTP2Config{SendPingTimeout: dialTimeout, PingTimeout: dialTimeout},
	}
	if k.stream {
		t.ReadBufferSize = 64 << 10
	}
	return t
}

// dial connects. What is public is judged by the address that the name turned out to have, so that no answer of a name
// server can change it afterwards. The proxy of the environment is the operator's choice and may be anywhere.
func (k kind) dial() func(ctx context.Context, network, address string) (net.Conn, error) {
	plain := &net.Dialer{Timeout: dialTimeout}
	guarded := &net.Dialer{Timeout: dialTimeout}
	if k.publicOnly {
		guarded.Control = ssrf.New().Safe
	}
	proxies := proxies()
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		dialer := guarded
		if proxies[address] {
			dialer = plain
		}
		conn, err := dialer.DialContext(ctx, network, address)
		switch {
		case errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort),
			errors.Is(err, ssrf.ErrProhibitedNetwork):
			return nil, ErrNotPublic
		case err != nil || !k.stream:
			return conn, err
		}
		return idleConn{conn}, nil
	}
}

// proxies are the addresses of the environment's proxies.
func proxies() map[string]bool {
	found := map[string]bool{}
	env := httpproxy.FromEnvironment()
	for _, text := range []string{env.HTTPProxy, env.HTTPSProxy} {
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		if u, err := url.Parse(text); err == nil && u.Host != "" {
			found[net.JoinHostPort(u.Hostname(), port(u))] = true
		}
	}
	return found
}

// idleConn is given up when it stands still.
type idleConn struct{ net.Conn }

func (c idleConn) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(Idle)) //nolint:forbidigo // sockets live in real time
	return c.Conn.Read(p)
}

// Write gives the answer its time too: a kept connection has been read from since the answer before.
func (c idleConn) Write(p []byte) (int, error) {
	_ = c.SetDeadline(time.Now().Add(Idle)) //nolint:forbidigo // as above
	return c.Conn.Write(p)
}

// bounded bounds the bodies of answers; of streams those of errors, which libraries read whole.
type bounded struct {
	next   http.RoundTripper
	most   int64
	stream bool
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil || b.stream && resp.StatusCode < http.StatusMultipleChoices {
		return resp, err
	}
	resp.Body = &boundedBody{resp.Body, b.most}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser

	left int64
}

// Read fails where one byte more than allowed came.
func (b *boundedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return max(0, n-1), ErrTooLong
	}
	return n, err
}
