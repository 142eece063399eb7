package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	simarduino "github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// thingsOffice is an account that has a whole Thing, one that lacks variables, and none of the third room; and a folder of its settings.
func thingsOffice(t *testing.T) (arduino *simarduino.Server, args []string) {
	t.Helper()
	arduino, err := simarduino.New(simarduino.Account{ClientID: "id", ClientSecret: "hidden", Unlimited: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(arduino)
	t.Cleanup(server.Close)
	for name, variables := range map[string][]string{"whole": demoVariables, "partly": {"busynow", "curevmsg"}} {
		if err := arduino.AddThing(name, "Europe/Paris", variables...); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	config := `{"iot_client_id":"id","iot_client_secret":"hidden","iot_requests_per_second":1000,"time_zone":"Europe/Paris","rooms":[` +
		`{"room_name":"whole","gcal_calendar_id":"a"},{"room_name":"partly","gcal_calendar_id":"b"},{"room_name":"new room","gcal_calendar_id":"c"}]}`
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return arduino, []string{"rooms", "things", "create", "--config", dir, "--arduino-url", server.URL}
}

func TestThingsAreMade(t *testing.T) {
	t.Parallel()
	arduino, args := thingsOffice(t)
	out, err := run(t, append(args, "--dry-run")...)
	if err != nil || !strings.Contains(out, "the Thing and 9 variables") || len(arduino.Calls()) > 0 {
		t.Fatalf("dry run: %v\n%s", err, out)
	}
	// The same as before: it made nothing.
	out, err = run(t, append(args, "--json")...)
	var lines []thingLine
	if uerr := json.Unmarshal([]byte(out), &lines); err != nil || uerr != nil {
		t.Fatalf("%v, %v\n%s", err, uerr, out)
	}
	// curevmsg is curevmtg by another name.
	want := []thingLine{
		{"whole", false, []string{}, []string{}},
		{"partly", false, []string{"curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm"}, []string{}},
		{"new room", true, []string{"busynow", "curevmtg", "curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm"}, []string{}},
	}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("made %v\nwant %v", lines, want)
	}
	if out, err = run(t, args...); err != nil || strings.Count(out, " - ") < 3 {
		t.Errorf("a second run: %v\n%s", err, out)
	}
}

// A run that stops in the middle goes on where it stopped, and makes no Thing twice.
func TestThingsAreMadeOnce(t *testing.T) {
	t.Parallel()
	arduino, args := thingsOffice(t)
	if _, err := arduino.Faults.Add(faults.Fault{Method: "PUT", Path: "/properties$", Times: 1, LoseAnswer: true}); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, args...)
	if err == nil || !strings.Contains(err.Error(), "did not answer") || strings.Contains(err.Error()+out, "hidden") {
		t.Fatalf("a lost answer: %v\n%s", err, out)
	}
	if _, err := arduino.Faults.Add(faults.Fault{Method: "PUT", Path: "/things$", Times: 1, LoseAnswer: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := run(t, args...); err == nil {
		t.Fatal("a lost answer is none")
	}
	if out, err := run(t, args...); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	out, err = run(t, append(args, "--json")...)
	if err != nil || strings.Contains(out, `"created": true`) || strings.Contains(out, "nextev") {
		t.Errorf("something was still missing: %v\n%s", err, out)
	}
	things, err := iotcloud.New(args[len(args)-1], &rooms.Settings{ClientID: "id", ClientSecret: "hidden", RequestsPerSecond: 1000}).Things(t.Context())
	if err != nil || len(things) != 3 {
		t.Errorf("Things = %v, %v", things, err)
	}
}

func TestThingsOfAnotherType(t *testing.T) {
	t.Parallel()
	arduino, args := thingsOffice(t)
	if err := arduino.RemoveThing("whole"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(arduino.AddThing("whole", "Europe/Paris"), arduino.AddVariable("whole", "busynow", "CHARSTRING")); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "another type") || !strings.Contains(out, "[busynow]") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestThingsWithoutSettings(t *testing.T) {
	t.Parallel()
	if _, err := run(t, "rooms", "things", "create"); err == nil || !strings.Contains(err.Error(), "config") {
		t.Errorf("without --config: %v", err)
	}
	if _, err := run(t, "rooms", "things", "create", "--config", t.TempDir()); err == nil || !strings.Contains(err.Error(), "config.json") {
		t.Errorf("without config.json: %v", err)
	}
}
