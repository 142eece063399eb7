package main

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
)

// firstQuery is one of the sample's queries.
const firstQuery = "00000000-0000-4000-8000-000000000301"

// An office is a running `carillon up` with the sample of all bridges.
type office struct{ roomstest.Office }

func TestMain(m *testing.M) { machinetest.Main(m) }

// Kill, upgrade the program, start: every meeting that was acknowledged is in its calendar, every door is right, every
// timetable is in its calendar once, every exported file is in the importer's folder once, and what waits or lies dead
// in the queue is there, as if nothing had happened.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	machinetest.Long(t)
	dir, listen := t.TempDir(), machinetest.FreeAddress(t)
	program, data := filepath.Join(dir, "carillon"), filepath.Join(dir, "data")
	build(t, program, "1.0.0")
	newer := filepath.Join(dir, "newer")
	build(t, newer, "1.1.0")
	o := &office{roomstest.Office{Running: machinetest.At(t, listen)}}

	up := func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, "up", "--data", data, "--listen", listen,
			"--bridges", "rooms,campus,exports")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		o.Eventually("healthy", o.Healthy)
		return cmd
	}
	now := machinetest.SetMorning(t, data)
	before := up()
	o.EveryDoorIsRight()
	lessons := o.lessons()
	if lessons == 0 {
		t.Fatal("no lesson is in the calendars")
	}
	o.dashboard("transfer")
	files := o.handedOn(data)
	if len(files) == 0 {
		t.Fatal("no file was handed on")
	}
	acknowledged := map[string]string{} // event: room
	for i := range 40 {
		room := roomstest.Rooms[i%len(roomstest.Rooms)]
		start := now.Add(time.Duration(i) * 7 * time.Minute)
		acknowledged[o.Add(room, fmt.Sprint("Meeting ", i), start, start.Add(time.Hour))] = room
	}
	_ = before.Process.Kill() // in the middle of telling the doors
	_ = before.Wait()
	waiting := o.leave(data)
	if err := os.Rename(newer, program); err != nil { // as a package manager does
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), program, "--version").Output(); err != nil ||
		!strings.Contains(string(out), "1.1.0") {
		t.Errorf("version = %s, %v", out, err)
	}
	after := up()
	o.EveryDoorIsRight()
	for id, room := range acknowledged {
		if code, _ := o.Call(http.MethodGet, o.Events(room, "/"+id), "x", nil); code != http.StatusOK {
			t.Errorf("the event %s of %s: %d", id, room, code)
		}
	}
	if out, err := exec.CommandContext(t.Context(), program, "campus", "sync", "--data",
		data).CombinedOutput(); err != nil {
		t.Errorf("a run: %v\n%s", err, out)
	}
	if got := o.lessons(); got != lessons {
		t.Errorf("%d lessons are in the calendars, before there were %d", got, lessons)
	}
	o.dashboard("transfer")
	if got := o.handedOn(data); !maps.Equal(got, files) {
		t.Errorf("the importer's folder has %v, had %v", got, files)
	}
	o.dashboard("queries/" + firstQuery)
	o.dashboard("transfer")
	fresh := slices.DeleteFunc(slices.Collect(maps.Keys(o.handedOn(data))),
		func(name string) bool { return files[name] != "" })
	if len(fresh) != 1 {
		t.Errorf("a query brought %v", fresh)
	}
	if got := o.lies(data); got != waiting {
		t.Errorf("the queue has %s, had %s", got, waiting)
	}
	if peak := highWater(t, after.Process.Pid); peak > 150 {
		t.Errorf("it held %d MiB; a small machine has 150 for it", peak)
	}
}

// dashboard presses a button of the exports page.
func (o *office) dashboard(button string) {
	o.T.Helper()
	var code int
	var answer map[string]any
	o.Eventually("the sample's blob store has started", func() bool { // a loaded machine takes a while
		code, answer = o.Call(http.MethodPost, "/dashboard/exports/"+button, "", map[string]any{})
		return code != http.StatusConflict || answer["detail"] != "The sample's blob store is starting."
	})
	if code >= http.StatusBadRequest {
		o.T.Fatalf("%s: %d, %v", button, code, answer)
	}
}

// handedOn are the files in the importer's folder, with their sums.
func (o *office) handedOn(data string) map[string]string {
	o.T.Helper()
	found := map[string]string{}
	folder := os.DirFS(filepath.Join(data, "exports", "paie"))
	err := fs.WalkDir(folder, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(folder, name)
		found[name] = fmt.Sprintf("%x", sha256.Sum256(content))
		return err
	})
	if err != nil {
		o.T.Fatal(err)
	}
	return found
}

// leave puts a dead letter and a message of a subscription that nothing serves into the database of a stopped system.
func (o *office) leave(data string) string {
	o.T.Helper()
	db := o.database(data)
	for _, statement := range []string{
		"INSERT INTO deliveries (subscription, message_id, data, attributes, ordering_key, published, expires, due) VALUES " +
			"('bridge-to-come', 'm1', 'x', '{}', '', '2026-01-01T00:00:00Z', 9999999999999, 0)",
		"INSERT INTO dead_letters VALUES (1000001, 'rooms-status-events', 'm2', 'y', '{}', '', '2026-01-01T00:00:00Z', 20, " +
			"'refused', 1)",
	} {
		if _, err := db.ExecContext(o.T.Context(), statement); err != nil {
			o.T.Fatal(err)
		}
	}
	_ = db.Close()
	return o.lies(data)
}

// lies is what leave has put there, as it is now.
func (o *office) lies(data string) (found string) {
	o.T.Helper()
	db := o.database(data)
	defer db.Close()
	err := db.QueryRowContext(o.T.Context(), `SELECT (SELECT group_concat(message_id || data || attempt) FROM deliveries WHERE subscription = 'bridge-to-come') || ' ' ||
		(SELECT group_concat(message_id || data || reason) FROM dead_letters)`).Scan(&found)
	if err != nil {
		o.T.Fatal(err)
	}
	return found
}

func (o *office) database(data string) *sql.DB {
	o.T.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, machine.DatabaseFile)+"?_pragma=busy_timeout(10000)")
	if err != nil {
		o.T.Fatal(err)
	}
	return db
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
	o.T.Helper()
	_, view := o.Call(http.MethodGet, "/dashboard/campus", "", nil)
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
	if said, err := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.release="+release, "-o", out,
		".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, said)
	}
}
