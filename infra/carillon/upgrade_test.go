package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Kill, upgrade the program, start: every meeting that was acknowledged is in its calendar, every door is right, and every timetable is in
// its calendar once, as if nothing had happened.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	long(t)
	dir, listen := t.TempDir(), freeAddress(t)
	program, data := filepath.Join(dir, "carillon"), filepath.Join(dir, "data")
	build(t, program, "1.0.0")
	newer := filepath.Join(dir, "newer")
	build(t, newer, "1.1.0")
	o := &office{t, &system{url: "http://" + listen}}

	up := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, "up", "--data", data, "--listen", listen, "--bridges", "rooms,campus")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		o.eventually(40*time.Second, "healthy", o.healthy)
		return cmd
	}
	before := up()
	o.everyDoorIsRight(40 * time.Second)
	lessons := o.lessons()
	if lessons == 0 {
		t.Fatal("no lesson is in the calendars")
	}
	acknowledged := map[string]string{} // event: room
	now := time.Now()
	for i := range 40 {
		room := demoRooms[i%len(demoRooms)]
		start := now.Add(time.Duration(i) * 7 * time.Minute)
		acknowledged[o.add(room, fmt.Sprint("Meeting ", i), start, start.Add(time.Hour))] = room
	}
	_ = before.Process.Kill() // in the middle of telling the doors
	_ = before.Wait()
	if err := os.Rename(newer, program); err != nil { // as a package manager does
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "--version").Output(); err != nil || !strings.Contains(string(out), "1.1.0") {
		t.Errorf("version = %s, %v", out, err)
	}
	after := up()
	o.everyDoorIsRight(60 * time.Second)
	for id, room := range acknowledged {
		if code, _ := o.call(http.MethodGet, o.events(room, "/"+id), "x", nil); code != http.StatusOK {
			t.Errorf("the event %s of %s: %d", id, room, code)
		}
	}
	if out, err := exec.CommandContext(t.Context(), program, "campus", "sync", "--data", data).CombinedOutput(); err != nil {
		t.Errorf("a run: %v\n%s", err, out)
	}
	if got := o.lessons(); got != lessons {
		t.Errorf("%d lessons are in the calendars, before there were %d", got, lessons)
	}
	if peak := highWater(t, after.Process.Pid); peak > 150 {
		t.Errorf("it held %d MiB; a small machine has 150 for it", peak)
	}
}

// highWater is the most memory that a process has held, in MiB.
func highWater(t *testing.T, pid int) int {
	t.Helper()
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Skipf("no /proc here: %v", err)
	}
	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	var kib int
	if _, err := fmt.Sscan(rest, &kib); err != nil {
		t.Fatal(err)
	}
	return kib / 1024
}

// lessons is how many lessons of the coming days the students' calendars have.
func (o *office) lessons() (n int) {
	o.t.Helper()
	_, view := o.call(http.MethodGet, "/dashboard/campus", "", nil)
	list, _ := view["instances"].([]any)
	for _, student := range list {
		student, _ := student.(map[string]any)
		lessons, _ := student["calendar"].([]any)
		n += len(lessons)
	}
	return n
}

func build(t *testing.T, out, release string) {
	t.Helper()
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.release="+release, "-o", out, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
}
