package rooms

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carillon-calendar/carillon/infra/sim/faults"
	simarduino "github.com/carillon-calendar/carillon/infra/sim/iotcloud"
	"github.com/carillon-calendar/carillon/shared/rooms"
	"github.com/carillon-calendar/carillon/shared/rooms/iotcloud"
)

// An account counts what is asked of it that could change something.
type account struct {
	*simarduino.Server

	changes atomic.Int32
}

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && !strings.HasSuffix(r.URL.Path, "/token") {
		a.changes.Add(1)
	}
	a.Server.ServeHTTP(w, r)
}

// things lists what the account has.
func things(t *testing.T, args []string) map[string]iotcloud.Thing {
	t.Helper()
	list, err := iotcloud.New(args[len(args)-1],
		&rooms.Settings{ClientID: "id", ClientSecret: "hidden", RequestsPerSecond: 1000}).Things(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]iotcloud.Thing{}
	for _, thing := range list {
		found[thing.Name] = thing
	}
	if len(found) != len(list) {
		t.Errorf("there are two Things of a name: %v", list)
	}
	return found
}

// thingsOffice is an account that has a whole Thing, one that lacks variables, and none of the third room; and a folder
// of its settings.
func thingsOffice(t *testing.T) (arduino *account, args []string) {
	t.Helper()
	simulator, err := simarduino.New(simarduino.Options{
		Account: simarduino.Account{ClientID: "id", ClientSecret: "hidden", Unlimited: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	arduino = &account{Server: simulator}
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
	if err != nil || !strings.Contains(out, "the Thing and 9 variables") || arduino.changes.Load() > 0 {
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
		{
			"partly", false,
			[]string{"curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm"},
			[]string{},
		},
		{
			"new room", true, []string{
				"busynow", "curevmtg", "curevstart", "curevend", "curevtm", "nextevmtg", "nextevstart", "nextevend", "nextevtm",
			}, []string{},
		},
	}
	if fmt.Sprint(lines) != fmt.Sprint(want) {
		t.Errorf("made %v\nwant %v", lines, want)
	}
	if zone := things(t, args)["new room"].TimeZone; zone != "Europe/Paris" {
		t.Errorf("the new Thing is in %q", zone)
	}
	made := arduino.changes.Load()
	if out, err = run(t, args...); err != nil || strings.Count(out, " - ") < 3 || arduino.changes.Load() != made {
		t.Errorf("a second run: %v\n%s", err, out)
	}
}

// A run that stops in the middle goes on where it stopped, and makes no Thing twice.
func TestThingsAreMadeOnce(t *testing.T) {
	t.Parallel()
	arduino, args := thingsOffice(t)
	if _, err := arduino.Faults.Add(faults.Fault{
		Method: "PUT", Path: "/properties$", Times: 1, LoseAnswer: true,
	}); err != nil {
		t.Fatal(err)
	}
	out, err := run(t, args...)
	if err == nil || !strings.Contains(err.Error(), "did not answer") || strings.Contains(err.Error()+out, "hidden") {
		t.Fatalf("a lost answer: %v\n%s", err, out)
	}
	if _, err := arduino.Faults.Add(faults.Fault{
		Method: "PUT", Path: "/things$", Times: 1, LoseAnswer: true,
	}); err != nil {
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
	if found := things(t, args); len(found) != 3 {
		t.Errorf("Things = %v", found)
	}
}

// A variable of another type is a person's: it is told, and nothing is sent that could change it.
func TestThingsOfAnotherType(t *testing.T) {
	t.Parallel()
	arduino, args := thingsOffice(t)
	if err := arduino.RemoveThing("whole"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(arduino.AddThing("whole", "Europe/Paris"),
		arduino.AddVariable("whole", "busynow", "CHARSTRING")); err != nil {
		t.Fatal(err)
	}
	if out, err := run(t, args...); err == nil || !strings.Contains(err.Error(), "another type") ||
		!strings.Contains(out, "[busynow]") {
		t.Errorf("%v\n%s", err, out)
	}
	// The other eight, the seven that another Thing lacks, a Thing with nine.
	if n := arduino.changes.Load(); n != 8+7+1+9 || things(t, args)["whole"].Types["busynow"] != "CHARSTRING" {
		t.Errorf("%d changes, %v", n, things(t, args)["whole"].Types)
	}
}

func TestThingsWithoutSettings(t *testing.T) {
	t.Parallel()
	if _, err := run(t, "rooms", "things", "create"); err == nil || !strings.Contains(err.Error(), "config") {
		t.Errorf("without --config: %v", err)
	}
	if _, err := run(t, "rooms", "things", "create", "--config", t.TempDir()); err == nil ||
		!strings.Contains(err.Error(), "config.json") {
		t.Errorf("without config.json: %v", err)
	}
}
