package outbound

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestAKeptConnectionGivesEachAnswerItsTime: a stream's connection that has waited for nearly as long as it may takes
// another request, whose answer needs a while.
func TestAKeptConnectionGivesEachAnswerItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer func() { _ = theirs.Close() }()
		conn := idleConn{ours}
		read := make(chan error, 1)
		go func() { // as the transport does between requests
			_, err := conn.Read(make([]byte, 1))
			read <- err
		}()
		time.Sleep(Idle - time.Second)
		go func() {
			_, _ = io.ReadFull(theirs, make([]byte, 1))
			time.Sleep(Idle / 2)
			_, _ = theirs.Write([]byte("x"))
		}()
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := <-read; err != nil {
			t.Errorf("the answer was not waited for: %v", err)
		}
	})
}

// pipes is a network whose connections are pipes. While frozen, what is written comes to nobody.
type pipes struct {
	accept chan net.Conn
	frozen *atomic.Bool
	dialed atomic.Int32
}

type frozenConn struct {
	net.Conn

	frozen *atomic.Bool
}

func (c frozenConn) Write(p []byte) (int, error) {
	if c.frozen.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (n *pipes) dial(context.Context, string, string) (net.Conn, error) {
	n.dialed.Add(1)
	ours, theirs := net.Pipe()
	frozen := &atomic.Bool{}
	n.frozen = frozen
	n.accept <- theirs
	return frozenConn{ours, frozen}, nil
}

func (n *pipes) Accept() (net.Conn, error) {
	c, ok := <-n.accept
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (n *pipes) Close() error   { close(n.accept); return nil }
func (n *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// TestAConnectionThatTheNetworkDroppedIsReplaced: one connection of HTTP/2 carries every call, and the network has
// forgotten it.
func TestAConnectionThatTheNetworkDroppedIsReplaced(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		network := &pipes{accept: make(chan net.Conn)}
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		server := &http.Server{Protocols: protocols, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})}
		go func() { _ = server.Serve(network) }()
		transport := kind{}.make()
		transport.DialContext, transport.Protocols, transport.Proxy = network.dial, protocols, nil
		client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
		get := func() error {
			resp, err := client.Get("http://calendar.test/")
			if err == nil {
				err = resp.Body.Close()
			}
			return err
		}
		if err := get(); err != nil {
			t.Fatal(err)
		}
		network.frozen.Store(true)
		failures := 0
		for get() != nil {
			if failures++; failures > 10 {
				break
			}
		}
		if failures > 2 || network.dialed.Load() != 2 {
			t.Errorf("%d calls in a row failed, over %d connections; want at most 2, and a second connection",
				failures, network.dialed.Load())
		}
		transport.CloseIdleConnections()
		_ = server.Close()
	})
}
