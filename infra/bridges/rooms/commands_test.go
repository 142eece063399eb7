package rooms

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-calendar/carillon/infra/bridges/rooms/roomstest"
	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/infra/machine/machinetest"
	"github.com/carillon-calendar/carillon/infra/sim/faults"
	"github.com/carillon-calendar/carillon/shared/cloud/messages"
	"github.com/carillon-calendar/carillon/shared/rooms"
)

//nolint:tparallel // the cases share one office, in order
func TestOperatorsCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o := newOfficeWith(t, Options{}, machine.Options{Data: dir, Speed: 1, Attempts: 3})
	t.Run("rooms_status", func(t *testing.T) {
		out, err := run(t, "rooms", "status", "--data", dir)
		if lines := strings.Split(strings.TrimSpace(out), "\n"); err != nil || len(lines) != 1+len(demoRooms) ||
			!strings.HasPrefix(lines[0], "ROOM") || !strings.HasPrefix(lines[1], "blue_room") {
			t.Errorf("%v\n%s", err, out)
		}
		var list []roomStatus
		out, err = run(t, "rooms", "status", "--data", dir, "--json")
		if uerr := json.Unmarshal([]byte(out), &list); err != nil || uerr != nil || list[0].FetchedAt.IsZero() ||
			list[0].WatchExpires.Before(time.Now()) || list[0].LastPublish.IsZero() {
			t.Errorf("%v, %v: %+v", err, uerr, list)
		}
	})
	t.Run("doctor", func(t *testing.T) {
		out, err := run(t, "doctor", "--data", dir)
		if err != nil || strings.Contains(out, machine.FindingMissing) || strings.Contains(out, demoSecret) {
			t.Errorf("%v\n%s", err, out)
		}
		o.Fault(roomstest.Google, faults.Fault{Status: 404, Path: "calendars/blue_room@"})
		if err := o.b.demo.arduino.RemoveThing("green_room"); err != nil {
			t.Fatal(err)
		}
		out, err = run(t, "doctor", "--data", dir, "--json")
		var found []machine.Finding
		if uerr := json.Unmarshal([]byte(out), &found); uerr != nil || err == nil {
			t.Fatalf("%v, %v\n%s", err, uerr, out)
		}
		missing := map[string]string{}
		for _, f := range found {
			if f.State == machine.FindingMissing {
				missing[f.Check] = f.Do
			}
		}
		if len(missing) != 2 || !strings.HasPrefix(missing["calendar of blue_room"], "Share the calendar with") ||
			!strings.HasPrefix(missing["Thing of green_room"], "Create a Thing named") {
			t.Errorf("missing = %v", missing)
		}
		o.Clear(roomstest.Google)
	})
	t.Run("dead", func(t *testing.T) {
		if err := o.Queue.Publish(t.Context(), rooms.TopicWatch,
			messages.Message{Data: []byte(`{"room_name":7}`), Attributes: map[string]string{"a": "\x1b[31mred"}}); err != nil {
			t.Fatal(err)
		}
		var fields []string
		o.Eventually("the message is dead", func() bool {
			out, err := run(t, "dead", "list", "--data", dir)
			if err != nil {
				t.Fatal(err)
			}
			_, rows, _ := strings.Cut(out, "\n")
			fields = strings.Fields(rows)
			return len(fields) > 1 && fields[1] == "rooms-watch"
		})
		out, err := run(t, "dead", "show", fields[0], "--data", dir)
		if err != nil || !strings.Contains(out, `{"room_name":7}`) || strings.Contains(out, "\x1b") {
			t.Errorf("%v\n%q", err, out)
		}
		if out, err := run(t, "__complete", "dead", "send", "--data", dir, ""); err != nil ||
			!strings.HasPrefix(out, fields[0]+"\trooms-watch") {
			t.Errorf("completion: %v\n%s", err, out)
		}
		if out, err := run(t, "dead", "send", fields[0], "--data", dir); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := run(t, "dead", "drop", fields[0], "--data", dir); err == nil ||
			!strings.Contains(err.Error(), "No dead letter") {
			t.Errorf("dropping what was sent again: %v", err)
		}
		if _, err := run(t, "dead", "show", "x", "--data", dir); err == nil {
			t.Error("an id that is not a number is taken")
		}
	})
	t.Run("wrong_key", func(t *testing.T) {
		if _, err := run(t, "rooms", "status", "--data", dir, "--key", "guess"); err == nil ||
			!strings.Contains(err.Error(), "operator key") {
			t.Errorf("error = %v", err)
		}
		if info, err := os.Stat(filepath.Join(dir, machine.RunFile)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("run.json: %v, %v", info, err)
		}
	})
}

func TestDoctorOfAFolder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ config, key, want string }{
		"no_settings":  {"", "", "config.json"},
		"bad_settings": {`{"iot_client_id":"a","iot_client_secret":"hidden","rooms":[{"room_name":1}]}`, "", "/rooms/0"},
		"no_rooms":     {`{"iot_client_id":"a","iot_client_secret":"hidden","rooms":[]}`, "", "Add the rooms"},
		"bad_key": {
			`{"iot_client_id":"a","iot_client_secret":"hidden","rooms":[]}`, `{"type":"service_account"}`, "key",
		},
		"no_https": {
			`{"iot_client_id":"a","iot_client_secret":"hidden","gcal_watch_function_url":"http://x","rooms":[]}`, "",
			"no https address",
		},
		"missing_value": {
			`{"iot_client_id":"a","iot_client_secret":"env:CARILLON_TEST_NOT_SET","rooms":[]}`, "", "CARILLON_TEST_NOT_SET",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, text := range map[string]string{"config.json": tt.config, "calendar_credentials.json": tt.key} {
				if text != "" {
					if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			var text strings.Builder
			missing, told := false, map[string]int{}
			for _, f := range machine.Say(machine.ExamineFolder(ctx, []machine.Bridge{New()}, dir), "") {
				if told[f.Check]++; told[f.Check] > 1 {
					t.Errorf("%s is told twice", f.Check)
				}
				text.WriteString(f.State + " " + f.Check + " " + f.Found + " " + f.Do + "\n")
				missing = missing || f.State == machine.FindingMissing
			}
			if !missing || !strings.Contains(text.String(), tt.want) || strings.Contains(text.String(), "hidden") {
				t.Errorf("found:\n%s", &text)
			}
		})
	}
}

func TestOperatorPathsNeedTheKey(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	for _, path := range []string{"/operator/rooms", "/operator/doctor", "/operator/dead", "/operator/dead/1"} {
		resp, err := http.Get(o.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s was answered %d without a key", path, resp.StatusCode)
		}
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	o := newOffice(t, t.TempDir(), 1)
	resp, err := http.Get(o.URL + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	families := machinetest.Metrics(t, resp.Body)
	for _, name := range []string{
		"carillon_room_data_age_seconds", "carillon_room_watch_seconds", "carillon_room_faults",
	} {
		if f := families[name]; f == nil || len(f.GetMetric()) != len(demoRooms) {
			t.Errorf("%s = %v, want one for each room", name, f)
		}
	}
	for _, name := range []string{"carillon_messages_waiting", "carillon_messages_dead"} {
		if f := families[name]; f == nil || len(f.GetMetric()) != 5 {
			t.Errorf("%s = %v, want one for each subscription", name, f)
		}
	}
	if f := families["carillon_request_duration_seconds"]; f == nil ||
		f.GetMetric()[0].GetHistogram().GetSampleCount() == 0 {
		t.Errorf("durations = %v", f)
	}
}

func TestSmallOffices(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 10} {
		o := newOfficeWith(t, Options{Rooms: n, ArduinoLimit: 1000}, machine.Options{Data: t.TempDir()})
		var list []roomStatus
		out, err := run(t, "rooms", "status", "--data", o.Data, "--json")
		if uerr := json.Unmarshal([]byte(out), &list); err != nil || uerr != nil || len(list) != n {
			t.Errorf("%d rooms: %v, %v, %d", n, err, uerr, len(list))
		}
	}
}

// TestDoctorNamesEverySharedCalendar: a line for each, without the place that only the log needs.
func TestDoctorNamesEverySharedCalendar(t *testing.T) {
	t.Parallel()
	shared := []rooms.RoomSettings{
		{Name: "A", CalendarID: "r@x"},
		{Name: "B", CalendarID: "R@x"},
		{Name: "C", CalendarID: "s@x"},
		{Name: "D", CalendarID: "s@x"},
	}
	e := examination{settings: &rooms.Settings{Rooms: shared}}
	e.addSettings()
	var said []string
	for _, f := range e.found {
		if f.State == machine.FindingWarning {
			said = append(said, f.In("").Found)
		}
	}
	want := []string{
		"A and B have the same calendar: each room needs its own",
		"C and D have the same calendar: each room needs its own",
	}
	if !slices.Equal(said, want) {
		t.Errorf("doctor said %q, want %q", said, want)
	}
}

// TestCredentialsAreTold: an empty file is no missing one, a broken key is not ok, and an editor's mark is no fault.
func TestCredentialsAreTold(t *testing.T) {
	t.Parallel()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	whole := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	file := func(key string) []byte {
		data, err := json.Marshal(map[string]string{
			"type": "service_account", "client_email": "a@b.example", "private_key": key,
		})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	for name, tt := range map[string]struct {
		data        []byte
		has         bool
		state, want string
	}{
		"none":   {nil, false, machine.FindingMissing, "no calendar_credentials.json"},
		"empty":  {[]byte(" \n"), true, machine.FindingMissing, "is empty"},
		"whole":  {file(whole), true, machine.FindingOK, "a@b.example"},
		"a mark": {append([]byte("\xef\xbb\xbf"), file(whole)...), true, machine.FindingOK, "a@b.example"},
		"cut": {
			file(whole[:len(whole)/2]), true, machine.FindingMissing, "private_key in calendar_credentials.json is broken",
		},
		"no key":     {file("x"), true, machine.FindingMissing, "broken"},
		"other JSON": {[]byte(`{"installed":{}}`), true, machine.FindingMissing, "no service account's key"},
	} {
		e := examination{settings: &rooms.Settings{}, credentials: tt.data, hasKey: tt.has}
		e.addCredentials()
		found := machine.Say(e.found, "")
		if len(found) != 1 || found[0].State != tt.state || !strings.Contains(found[0].Found, tt.want) ||
			strings.Contains(found[0].Found, "PRIVATE") {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
