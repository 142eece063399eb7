package machine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func listenTest(t *testing.T, h http.Handler) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := newServer(h)
	go func() { _ = server.Serve(readers{listener}) }()
	t.Cleanup(func() { _ = server.Close() })
	return listener.Addr().String()
}

func dial(t *testing.T, address, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestALargeHeaderIsRefusedBeforeItTakesMemory(t *testing.T) {
	t.Parallel()
	address := listenTest(t,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	for _, tc := range []struct {
		size int
		want string
	}{{8 << 10, "200"}, {64 << 10, "431"}} {
		conn := dial(t, address, "GET / HTTP/1.1\r\nHost: x\r\nX-Filler: "+strings.Repeat("x", tc.size)+"\r\n\r\n")
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.Contains(line, tc.want) {
			t.Errorf("%d bytes: answered %q, %v; want %s", tc.size, line, err, tc.want)
		}
	}
}

// TestThereIsAlwaysRoomForANewConnection: of too many, the one that has waited longest goes, and not one that is at
// work.
func TestThereIsAlwaysRoomForANewConnection(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	address := listenTest(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/work" {
			<-release
		}
		_, _ = io.WriteString(w, "ok")
	}))
	working := dial(t, address, "GET /work HTTP/1.1\r\nHost: x\r\n\r\n")
	time.Sleep(200 * time.Millisecond) // it has begun
	held := make([]net.Conn, 0, maxConnections+50)
	for range maxConnections + 50 {
		held = append(held, dial(t, address, "GET / HTTP/1.1\r\nHost"))
	}
	resp, err := (&http.Client{Timeout: 10 * time.Second}).Get(fmt.Sprintf("http://%s/", address))
	if err != nil {
		t.Fatalf("a newcomer beside %d connections: %v", len(held), err)
	}
	_ = resp.Body.Close()
	_ = held[0].SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := held[0].Read(make([]byte, 1)); err == nil || strings.Contains(err.Error(), "timeout") {
		t.Errorf("the oldest is still held: %v", err)
	}
	close(release)
	_ = working.SetReadDeadline(time.Now().Add(5 * time.Second))
	if line, err := bufio.NewReader(working).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("the one at work was answered %q, %v", line, err)
	}
}
