package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/sim/peers"
)

// What must hold under any load: the service's limit (infra/systemd/carillon.service), and an answer to who watches it.
const (
	soakMemory = 256 // MiB of resident memory
	soakAnswer = time.Second
)

// soakTime is how long the load lasts. The test runs alone: beside others it would measure how they share the machine.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("CARILLON_SOAK")
	if text == "" {
		t.Skip(peers.Long)
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestSoak lets strangers hold large headers open, pipeline without reading, send slow bodies and ask for a large feed,
// all at once. Every second the program's memory and its health are looked at.
func TestSoak(t *testing.T) {
	lasts := soakTime(t)
	s := startSoaked(t)
	ctx, cancel := context.WithTimeout(t.Context(), lasts)
	defer cancel()
	var strangers sync.WaitGroup
	for kind, attack := range map[string]struct {
		many int
		do   func(context.Context, net.Conn)
	}{
		"large headers":             {150, s.largeHeader},
		"headers that never end":    {150, s.heldHeader},
		"pipelining":                {60, s.pipeline},
		"slow bodies":               {150, s.slowBody},
		"large feeds, never read":   {20, s.unreadFeed},
		"connections and no header": {200, s.nothing},
	} {
		for range attack.many {
			strangers.Go(func() { s.keepUp(ctx, kind, attack.do) })
		}
	}
	for range 4 {
		strangers.Go(func() { s.readFeeds(ctx) })
	}
	most, slowest := s.watch(ctx)
	cancel()
	strangers.Wait()
	t.Logf("%s: at most %d MiB, slowest /healthz %s, %d attacks, %d feeds read", lasts, most,
		slowest.Round(time.Millisecond), s.attacks.Load(), s.feeds.Load())
	if s.feeds.Load() == 0 || s.attacks.Load() < 1000 {
		t.Error("there was no load")
	}
}

type soaked struct {
	t              *testing.T
	address, feed  string
	pid            int
	attacks, feeds atomic.Int64
}

// startSoaked builds and starts the program as a user does, with a feed of a timetable of 400 long lessons.
func startSoaked(t *testing.T) *soaked {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "carillon")
	build(t, program, "v0.0.0")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &soaked{t: t, address: listener.Addr().String()}
	_ = listener.Close()
	logs, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "up", "--listen", s.address, "--data", filepath.Join(dir, "data"),
		"--bridges", "rooms,campus")
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = logs.Close() })
	s.pid = cmd.Process.Pid
	for end := time.Now().Add(time.Minute); !s.healthy(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			said, _ := os.ReadFile(logs.Name())
			t.Fatalf("it did not come up:\n%s", said)
		}
	}
	s.manyLessons(filepath.Join(dir, "data"))
	return s
}

func (s *soaked) healthy() bool {
	resp, err := http.Get("http://" + s.address + "/healthz")
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// manyLessons fills a student's timetable, one lesson of it in a mistyped year, and makes a feed of it.
func (s *soaked) manyLessons(data string) {
	s.t.Helper()
	var kept machine.RunInfo
	file, err := os.ReadFile(filepath.Join(data, machine.RunFile))
	if err != nil || json.Unmarshal(file, &kept) != nil {
		s.t.Fatalf("%s: %v", machine.RunFile, err)
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for i := range 400 {
		start := today.AddDate(0, 0, 1+i/8).Add(time.Duration(8+i%8) * time.Hour)
		end := start.Add(time.Hour)
		if i == 0 {
			end = end.AddDate(20, 0, 0)
		}
		lesson, err := json.Marshal(map[string]any{
			"id": 1_000_000 + i, "start": start, "end": end,
			"title": fmt.Sprintf("Lesson %d %s", i, strings.Repeat("long ", 60)),
			"rooms": "A-101(MAIN)", "teacher": "DUPONT Anne",
		})
		if err != nil {
			s.t.Fatal(err)
		}
		s.call(kept.Key, http.MethodPost, "/sim/wigor/_timetable/lea", string(lesson))
	}
	s.call(kept.Key, http.MethodPost, "/operator/campus/sync", `{"instance":"lea"}`)
	made := s.call(kept.Key, http.MethodPost, "/operator/campus/feeds", `{"instance":"lea","label":"soak"}`)
	var feed struct {
		Path string `json:"path"`
	}
	if err := json.Unmarshal(made, &feed); err != nil || feed.Path == "" {
		s.t.Fatalf("feed: %s, %v", made, err)
	}
	s.feed = feed.Path
}

func (s *soaked) call(key, method, path, body string) []byte {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.address+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= http.StatusBadRequest {
		s.t.Fatalf("%s %s answered %d: %s, %v", method, path, resp.StatusCode, answer, err)
	}
	return answer
}

// arriving is how long it takes until all strangers are there: all in one millisecond would measure this test's start.
const arriving = time.Second

// keepUp attacks anew whenever the connection was closed.
func (s *soaked) keepUp(ctx context.Context, kind string, attack func(context.Context, net.Conn)) {
	time.Sleep(rand.N(arriving))
	for ctx.Err() == nil {
		conn, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", s.address)
		if err != nil {
			if ctx.Err() == nil {
				s.t.Logf("%s: %v", kind, err)
			}
			time.Sleep(100 * time.Millisecond)
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		attack(ctx, conn)
		stop()
		_ = conn.Close()
		s.attacks.Add(1)
		time.Sleep(10 * time.Millisecond) // the machine is not the network's
	}
}

// largeHeader sends a megabyte of header.
func (s *soaked) largeHeader(_ context.Context, conn net.Conn) {
	_, _ = io.WriteString(conn, "GET /meetings HTTP/1.1\r\nHost: x\r\n")
	line := "X-Filler: " + strings.Repeat("x", 1000) + "\r\n"
	for range 1000 {
		if _, err := io.WriteString(conn, line); err != nil {
			return
		}
	}
	_, _ = io.Copy(io.Discard, conn)
}

// heldHeader sends as much as it may and then a little at a time, without an end.
func (s *soaked) heldHeader(_ context.Context, conn net.Conn) {
	_, _ = io.WriteString(conn, "GET /meetings HTTP/1.1\r\nHost: x\r\nX-Filler: "+strings.Repeat("x", 15<<10))
	for range 600 {
		if _, err := io.WriteString(conn, "x"); err != nil {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
}

// pipeline asks and asks, and reads nothing.
func (s *soaked) pipeline(ctx context.Context, conn net.Conn) {
	request := strings.Repeat("GET "+s.feed+" HTTP/1.1\r\nHost: x\r\n\r\n", 100)
	for ctx.Err() == nil {
		if _, err := io.WriteString(conn, request); err != nil {
			return
		}
	}
}

// slowBody says that a body is coming, and sends a byte of it now and then.
func (s *soaked) slowBody(_ context.Context, conn net.Conn) {
	_, _ = io.WriteString(conn,
		"POST /meetings HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: "+
			"application/json\r\nContent-Length: 60000\r\n\r\n{")
	for range 600 {
		if _, err := io.WriteString(conn, " "); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// unreadFeed asks for the feed and takes the first line.
func (s *soaked) unreadFeed(ctx context.Context, conn net.Conn) {
	_, _ = io.WriteString(conn, "GET "+s.feed+" HTTP/1.1\r\nHost: x\r\n\r\n")
	_, _ = bufio.NewReaderSize(conn, 16).ReadString('\n')
	select {
	case <-ctx.Done():
	case <-time.After(20 * time.Second):
	}
}

func (s *soaked) nothing(_ context.Context, conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

// readFeeds is what phones do.
func (s *soaked) readFeeds(ctx context.Context) {
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.address+s.feed, http.NoBody)
		if err != nil {
			return
		}
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			var n int64
			n, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if err == nil && resp.StatusCode == http.StatusOK && n > 100_000 {
				s.feeds.Add(1)
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// watch looks at the memory and the health each second, until the load ends.
func (s *soaked) watch(ctx context.Context) (most int, slowest time.Duration) {
	for second := 0; ctx.Err() == nil; second++ {
		began := time.Now()
		client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
		resp, err := client.Get("http://" + s.address + "/healthz")
		took := time.Since(began)
		if err != nil {
			s.t.Errorf("second %d: /healthz: %v", second, err)
			continue
		}
		_ = resp.Body.Close()
		if took > soakAnswer || resp.StatusCode != http.StatusOK {
			s.t.Errorf("second %d: /healthz answered %d after %s", second, resp.StatusCode, took)
		}
		now := s.resident()
		if most, slowest = max(most, now), max(slowest, took); now > soakMemory {
			s.t.Errorf("second %d: %d MiB of memory", second, now)
		}
		time.Sleep(max(0, time.Second-time.Since(began)))
	}
	return most, slowest
}

// resident is the program's resident memory in MiB.
func (s *soaked) resident() int {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		s.t.Skipf("no /proc here: %v", err)
	}
	_, rest, _ := strings.Cut(string(data), "VmRSS:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		s.t.Fatal(err)
	}
	return kib >> 10
}
