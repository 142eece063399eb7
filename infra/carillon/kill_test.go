package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// upDir names the data of a `carillon up` that a re-run of this test program is, until it is killed.
const upDir = "CARILLON_TEST_UP_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(upDir); dir != "" {
		os.Args = []string{"carillon", "up", "--data", dir, "--listen", os.Getenv("CARILLON_TEST_UP_LISTEN")}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process starts `carillon up` as a process of its own.
func process(t *testing.T, dir, listen string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), upDir+"="+dir, "CARILLON_TEST_UP_LISTEN="+listen)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// TestKill kills the whole process while a change is on its way: after the next start every door is right within seconds.
func TestKill(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := listener.Addr().String()
	_ = listener.Close()
	o := &office{t, &system{url: "http://" + listen}}
	dir := t.TempDir()
	answers := func() bool {
		resp, err := http.Get(o.s.url + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}
	for i := range 6 {
		cmd := process(t, dir, listen)
		o.eventually(30*time.Second, "the process answers", answers)
		now := time.Now()
		o.add("quiet_room", fmt.Sprintf("Meeting %d", i), now.Add(-time.Duration(i+1)*time.Minute), now.Add(time.Hour)) // each began before the one before
		time.Sleep(time.Duration(i*i) * 15 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	process(t, dir, listen)
	o.eventually(30*time.Second, "the process answers", answers)
	things := func() map[string]map[string]any {
		_, view := o.call("GET", "/dashboard/rooms", "", nil)
		found := map[string]map[string]any{}
		list, _ := view["rooms"].([]any)
		for _, r := range list {
			r, _ := r.(map[string]any)
			thing, _ := r["thing"].(map[string]any)
			found[fmt.Sprint(r["name"])] = thing
		}
		return found
	}
	o.eventually(15*time.Second, "the last meeting is shown", func() bool { return things()["quiet_room"]["curevmtg"] == "Meeting 5" })
	for _, room := range demoRooms {
		o.eventually(15*time.Second, room+" is right", func() bool {
			code, want := o.call("GET", "/meetings?client_id=demo-client&room_name="+room, demoSecret, nil)
			shown := things()[room]
			for _, name := range []string{"busynow", "curevmtg", "curevtm", "nextevmtg", "nextevtm"} {
				if code != http.StatusOK || fmt.Sprint(shown[name]) != fmt.Sprint(want[name]) {
					return false
				}
			}
			return true
		})
	}
}
