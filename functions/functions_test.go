// Package functions_test holds each function's dependencies to what it needs.
package functions_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/carillon-calendar/carillon/"

// forbidden says for every function what must not be linked into it, and why.
var forbidden = map[string]string{
	"testing":                              "test code does not belong into a deployed function",
	"github.com/fsouza/fake-gcs-server":    "tests only",
	"cloud.google.com/go/pubsub/v2/pstest": "tests only",
	"modernc.org/sqlite":                   "one machine only",
	module + "infra/":                      "functions know nothing of infra",
}

// only says which functions alone link what, and why.
var only = map[string]struct {
	functions []string
	why       string
}{
	"github.com/arduino/iot-client-go": {[]string{"rooms/status"}, "one instance holds the account's limit"},
	"github.com/wneessen/go-mail": {
		[]string{"campus/sync", "exports/transfer", "stays/relay"}, "the others write to nobody",
	},
	"github.com/Azure/azure-sdk-for-go": {[]string{"exports/transfer"}, "the others have no business in a container"},
	"google.golang.org/api/calendar": {
		[]string{"rooms/webhook", "rooms/watch", "rooms/status", "rooms/refresh", "rooms/meetings"},
		"it is the rooms' calendar",
	},
	"github.com/arran4/golang-ical": {[]string{"campus/feed"}, "the others serve no calendars"},
	"github.com/jackc/pgx": {
		[]string{"stays/bookings", "stays/relay", "stays/reservations", "stays/owners", "stays/feeds"},
		"the ledger and the website's table are theirs",
	},
	"github.com/golang-jwt/jwt":            {[]string{"stays/owners"}, "the association's site signs links for it alone"},
	"github.com/rabbitmq/amqp091-go":       {[]string{"stays/relay"}, "one function speaks to the broker"},
	"github.com/pressly/goose":             {[]string{"stays/relay"}, "one function changes the ledger's tables"},
	"github.com/klauspost/compress/gzhttp": {[]string{"campus/feed"}, "the others have no large answers"},
}

// mute functions publish nothing.
var mute = []string{"campus/feed", "exports/queries", "stays/reservations"}

const pubsub = "cloud.google.com/go/pubsub"

func TestDependencies(t *testing.T) {
	t.Parallel()
	folders, err := filepath.Glob("*/*/function.go")
	if err != nil || len(folders) == 0 {
		t.Fatalf("functions = %v, %v", folders, err)
	}
	for _, file := range folders {
		name := filepath.ToSlash(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := exec.Command("go", "list", "-deps", "./"+name).Output()
			if err != nil {
				t.Fatal(err)
			}
			for dep := range strings.FieldsSeq(string(out)) {
				for prefix, why := range forbidden {
					if dep == prefix || strings.HasPrefix(dep, strings.TrimSuffix(prefix, "/")+"/") {
						t.Errorf("imports %s: %s", dep, why)
					}
				}
				if strings.HasPrefix(dep, module+"functions/") && dep != module+"functions/"+name {
					t.Errorf("imports the function %s: functions meet in messages and documents", dep)
				}
				if slices.Contains(mute, name) && strings.HasPrefix(dep, pubsub) {
					t.Errorf("imports %s: it publishes nothing", dep)
				}
				for prefix, rule := range only {
					if strings.HasPrefix(dep, prefix) && !slices.Contains(rule.functions, name) {
						t.Errorf("imports %s: %s", dep, rule.why)
					}
				}
			}
		})
	}
}

// TestRulesKnowNoClient: the form of an outside system's data stays in its client.
func TestRulesKnowNoClient(t *testing.T) {
	t.Parallel()
	for _, bridge := range []string{"campus", "exports", "rooms"} {
		out, err := exec.Command("go", "list", "-deps", "../shared/"+bridge).Output()
		if err != nil {
			t.Fatal(err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			if strings.HasPrefix(dep, module+"shared/"+bridge+"/") {
				t.Errorf("the rules of %s import %s", bridge, dep)
			}
		}
	}
}
