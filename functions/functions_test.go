// Package functions_test holds each function's dependencies to what it needs.
package functions_test

import (
	"os/exec"
	"path/filepath"
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

// The feed neither publishes nor writes to anybody.
const (
	pubsub = "cloud.google.com/go/pubsub"
	mail   = "github.com/wneessen/go-mail"
)

// arduino is linked into rooms/status alone: one instance holds the account's limit.
const arduino = "github.com/arduino/iot-client-go"

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
				if name == "campus/feed" && (strings.HasPrefix(dep, pubsub) || strings.HasPrefix(dep, mail)) {
					t.Errorf("imports %s: it neither publishes nor writes to anybody", dep)
				}
				if strings.HasPrefix(dep, arduino) && name != "rooms/status" {
					t.Errorf("imports %s: only rooms/status talks to Arduino", dep)
				}
			}
		})
	}
}
