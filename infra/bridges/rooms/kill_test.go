package rooms

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
)

// upDir names the data of a `carillon up` that a re-run of this test program is, until it is killed.
const upDir = "CARILLON_TEST_UP_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(upDir); dir != "" {
		child(dir, os.Getenv("CARILLON_TEST_UP_LISTEN"), os.Getenv("CARILLON_TEST_UP_KILL"))
	}
	machinetest.Main(m)
}

// child is `carillon up`. With kill, such as "3 before", it is without the Arduino account's limit and kills itself
// before, or after, the third call to Google or Arduino that comes after POST /sim/arm.
func child(dir, listen, kill string) {
	var at int64
	var when string
	_, _ = fmt.Sscan(kill, &at, &when)
	var armed atomic.Bool
	armed.Store(strings.HasSuffix(kill, "armed"))
	var calls atomic.Int64
	die := func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	b := newBridge(Options{})
	s, err := machine.Start(context.Background(),
		machinetest.Defaults(machine.Options{
			Bridges: []machine.Bridge{b.definition()}, Listen: listen, Data: dir,
			Wrap: func(h http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/sim/arm" {
						armed.Store(true)
						return
					}
					// The test's own calls carry another bearer.
					outside := armed.Load() && strings.HasPrefix(r.URL.Path, "/sim/") && r.Header.Get("Authorization") != "Bearer x"
					n := int64(0)
					if outside {
						n = calls.Add(1)
					}
					if n == at && outside && when == "before" {
						die()
					}
					h.ServeHTTP(w, r)
					if n == at && outside && when == "after" {
						die()
					}
				})
			},
		}))
	if err == nil {
		if kill != "" {
			_, err = b.demo.arduino.Faults.Add(faults.Fault{LimitOff: true})
		}
		if err == nil {
			err = s.Wait()
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// process starts `carillon up` as a process of its own.
func process(t *testing.T, dir, listen, kill string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), upDir+"="+dir, "CARILLON_TEST_UP_LISTEN="+listen, "CARILLON_TEST_UP_KILL="+kill)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd
}

// TestKillAtEveryCall kills the process before and after each call to Google or
// Arduino that a change and a booking make: what was acknowledged is there, the
// door is right, and a booking tried again with its key is one booking.
func TestKillAtEveryCall(t *testing.T) {
	t.Parallel()
	machinetest.Long(t)
	template := t.TempDir()
	stopped(t, template, func(*office) string { return "" })
	for trigger, calls := range map[string][]int{
		"change":   {1, 2, 3, 4, 5, 6},        // list, then five values
		"booking":  {1, 2, 3, 4},              // get, list, insert, list; then its answer
		"deletion": {1, 2, 3},                 // get, delete, list
		"start":    {1, 5, 9, 14, 17, 18, 30}, // eight times watch and list, token, Things, then the values
	} {
		for _, call := range calls {
			for _, when := range []string{"before", "after"} {
				t.Run(fmt.Sprintf("%s_%d_%s", trigger, call, when), func(t *testing.T) {
					t.Parallel()
					limit <- struct{}{}
					defer func() { <-limit }()
					killAt(t, template, trigger, fmt.Sprint(call, " ", when))
				})
			}
		}
	}
}

// limit is how many such processes run at once.
var limit = make(chan struct{}, 4)

func killAt(t *testing.T, template, trigger, kill string) {
	t.Helper()
	dir, listen := t.TempDir(), machinetest.FreeAddress(t)
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	o := roomstest.Office{Running: machinetest.At(t, listen)}
	if trigger == "start" {
		killAtStart(t, o, listen, kill)
		return
	}
	victim := process(t, dir, listen, kill)
	o.Eventually("the process is healthy", o.Healthy)
	booked := ""
	arm := func() { o.Call("POST", "/sim/arm", "x", nil) }
	book := func() (int, string) {
		data := `{"client_id":"demo-client","room_name":"quiet_room","duration_mins":30}`
		r, err := http.NewRequest(http.MethodPost, o.URL+"/meetings", strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+demoSecret)
		r.Header.Set("Idempotency-Key", "k")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0, ""
		}
		defer resp.Body.Close()
		var got struct{ ID string }
		_ = json.NewDecoder(resp.Body).Decode(&got)
		return resp.StatusCode, got.ID
	}
	remove := func() int {
		r, err := http.NewRequest(http.MethodDelete,
			o.URL+"/meetings/"+booked+"?client_id=demo-client&room_name=quiet_room", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+demoSecret)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	want, events := "Booked at the door", 1
	switch trigger {
	case "deletion":
		want, events = "Free all day", 0
		_, booked = book()
		o.Eventually("the booking is shown", func() bool {
			return o.Things()["quiet_room"]["nextevtm"] != nil && o.Things()["quiet_room"]["curevmtg"] == "Booked at the door"
		})
		time.Sleep(500 * time.Millisecond) // and all that belongs to it is done
		arm()
		remove()
	case "change":
		arm()
		want = "Changed"
		now := time.Now()
		body := fmt.Sprintf(`{"summary":%q,"start":{"dateTime":%q},"end":{"dateTime":%q}}`, want,
			now.Add(-time.Minute).Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
		r, err := http.NewRequest(http.MethodPost, o.URL+o.Events("quiet_room", ""), strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer x")
		if resp, err := http.DefaultClient.Do(r); err == nil { // it may die before it answers
			_ = resp.Body.Close()
		}
	default:
		arm()
		book()
	}
	died := make(chan struct{})
	go func() { _ = victim.Wait(); close(died) }()
	select {
	case <-died:
	case <-time.After(machinetest.Patience):
		t.Fatal("the call never came")
	}
	process(t, dir, listen, "0 never")
	o.Eventually("the process is healthy", o.Healthy)
	if trigger == "change" && o.Count("quiet_room") == 0 { // the change itself was not acknowledged
		o.Add("quiet_room", want, time.Now().Add(-time.Minute), time.Now().Add(time.Hour))
	}
	if trigger == "booking" {
		o.Eventually("the booking is made", func() bool { code, _ := book(); return code == http.StatusCreated })
	}
	if trigger == "deletion" {
		o.Eventually("the booking is deleted", func() bool { return remove() == http.StatusNoContent })
	}
	o.Eventually("the door is right", func() bool { return o.Things()["quiet_room"]["curevmtg"] == want })
	if got := o.Count("quiet_room"); got != events {
		t.Errorf("%d events in the calendar, want %d", got, events)
	}
}

// killAtStart kills an office's very first start and starts it again: every room is watched once and right.
func killAtStart(t *testing.T, o roomstest.Office, listen, kill string) {
	t.Helper()
	dir := t.TempDir()
	victim := process(t, dir, listen, kill+" armed")
	died := make(chan struct{})
	go func() { _ = victim.Wait(); close(died) }()
	select {
	case <-died:
	case <-time.After(machinetest.Patience):
		t.Fatal("the call never came")
	}
	process(t, dir, listen, "0 never")
	o.Eventually("the process is healthy", o.Healthy)
	o.EveryDoorIsRight()
}

// TestKill kills the whole process while a change is on its way: after the next start every door is right within
// seconds.
func TestKill(t *testing.T) {
	t.Parallel()
	listen, dir := machinetest.FreeAddress(t), t.TempDir()
	o := roomstest.Office{Running: machinetest.At(t, listen)}
	answers := func() bool {
		resp, err := http.Get(o.URL + "/healthz")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}
	for i := range 6 {
		cmd := process(t, dir, listen, "")
		o.Eventually("the process answers", answers)
		now := time.Now()
		// each began before the one before
		o.Add("quiet_room", fmt.Sprintf("Meeting %d", i), now.Add(-time.Duration(i+1)*time.Minute), now.Add(time.Hour))
		time.Sleep(time.Duration(i*i) * 15 * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	process(t, dir, listen, "")
	o.Eventually("the process answers", answers)
	o.Eventually("the last meeting is shown", func() bool { return o.Things()["quiet_room"]["curevmtg"] == "Meeting 5" })
	o.EveryDoorIsRight()
}
