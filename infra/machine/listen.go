package machine

import (
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"sync"
	"time"
)

// What a caller may take before anybody knows who it is. All of it together stays far below the service's memory.
const (
	maxHeader      = 16 << 10 // bytes
	maxConnections = 1024
	headerTime     = 10 * time.Second
	requestTime    = 30 * time.Second // header and body
	idleTime       = 2 * time.Minute
	// writeTime is for each write, not for an answer: streams may be long, but whoever reads nothing is gone.
	writeTime = 30 * time.Second
)

// memory is from where on the collector works harder: below the service's limit (infra/systemd/carillon.service), at
// which it is killed.
const memory = 160 << 20

// BoundMemory sets the collector's limit, unless the environment has one.
func BoundMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
	}
}

// newServer returns a server whose connections are bounded in number, size and time.
func newServer(h http.Handler) *http.Server {
	open := connections{since: map[net.Conn]connection{}}
	return &http.Server{
		Handler: h, MaxHeaderBytes: maxHeader, ConnState: open.changed,
		ReadHeaderTimeout: headerTime, ReadTimeout: requestTime, IdleTimeout: idleTime,
	}
}

// connections are those of a server. When there are too many, the one that has waited longest goes, so that there is
// always room for a new one: first of those that have not sent a request or wait for the next, then of all.
type connections struct {
	mu    sync.Mutex
	since map[net.Conn]connection
}

type connection struct {
	state http.ConnState
	at    time.Time
}

func (c *connections) changed(conn net.Conn, state http.ConnState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if state == http.StateClosed || state == http.StateHijacked {
		delete(c.since, conn)
		return
	}
	c.since[conn] = connection{state, time.Now()}
	if len(c.since) > maxConnections {
		victim := c.longest(conn)
		delete(c.since, victim)
		_ = victim.Close()
	}
}

// longest is the connection to give up, not the newcomer.
func (c *connections) longest(newcomer net.Conn) net.Conn {
	var all []net.Conn
	for conn := range c.since {
		if conn != newcomer {
			all = append(all, conn)
		}
	}
	return slices.MinFunc(all, func(a, b net.Conn) int {
		x, y := c.since[a], c.since[b]
		if busy := (x.state == http.StateActive); busy != (y.state == http.StateActive) {
			if busy {
				return 1
			}
			return -1
		}
		return x.at.Compare(y.at)
	})
}

// readers is a listener whose connections are given up when the other side does not take what is written.
type readers struct{ net.Listener }

func (l readers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return reader{conn}, nil
}

type reader struct{ net.Conn }

func (r reader) Write(p []byte) (int, error) {
	if err := r.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	return r.Conn.Write(p)
}
