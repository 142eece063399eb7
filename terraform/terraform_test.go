// Package terraform_test holds the Terraform files to Terraform's rules and to the code that they deploy.
package terraform_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/infra/reference"
	"github.com/carillon-calendar/carillon/infra/tfplan"
)

const (
	root    = ".."
	project = "office-123"
)

// everything switches on two offices, one of them in the middle of a change of its key, and one each of the others.
func everything() map[string]cty.Value {
	text, list := cty.StringVal, func(names ...string) cty.Value {
		values := make([]cty.Value, 0, len(names))
		for _, name := range names {
			values = append(values, cty.StringVal(name))
		}
		return cty.TupleVal(values)
	}
	return map[string]cty.Value{
		"project": text(project), "alert_email": text("office@example.com"), "operators": list("user:operator@example.com"),
		"rooms": cty.ObjectVal(map[string]cty.Value{
			"main": cty.ObjectVal(map[string]cty.Value{
				"time_zone": text("Europe/Paris"), "secrets": list("arduino"), "previous_webhook_key": cty.True,
			}),
			"annex": cty.ObjectVal(map[string]cty.Value{"time_zone": text("America/Montreal")}),
		}),
		"campus": cty.ObjectVal(map[string]cty.Value{
			"main": cty.ObjectVal(map[string]cty.Value{"secrets": list("password")}),
		}),
		"exports": cty.ObjectVal(map[string]cty.Value{
			"main": cty.ObjectVal(map[string]cty.Value{
				"secrets":          list("cegid", "queries"),
				"transfer_secrets": list("mail"),
			}),
		}),
		"school": cty.ObjectVal(map[string]cty.Value{"main": cty.EmptyObjectVal}),
		"stays": cty.ObjectVal(map[string]cty.Value{
			"main": cty.ObjectVal(map[string]cty.Value{
				"secrets": list("database"), "relay_secrets": list("mail"), "site_secrets": list("site"),
				"owners_secrets": list("key"),
				"instance":       cty.EmptyObjectVal,
			}),
		}),
	}
}

// files gives expressions the files that they name; what `make stage` writes is made of the functions that there are.
func files(t *testing.T) func(string) ([]byte, error) {
	t.Helper()
	names, err := reference.Functions(root)
	if err != nil {
		t.Fatal(err)
	}
	manifest := map[string]any{}
	for _, name := range names {
		deployed := strings.ReplaceAll(name, "/", "-")
		manifest[deployed] = map[string]string{
			"file": deployed + "-0123456789abcdef.zip", "sha256": "0123456789abcdef", "entry_point": entryPoint(name),
		}
	}
	data, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return func(name string) ([]byte, error) {
		switch filepath.Clean(name) {
		case filepath.Join("..", "build", "functions", "functions.json"):
			return data, nil
		case filepath.Join("modules", "carillon", "time_zones.txt"):
			return os.ReadFile(name)
		}
		return nil, errors.New("only make stage's manifest and the time zones are read")
	}
}

func entryPoint(name string) string {
	bridge, function, _ := strings.Cut(name, "/")
	return strings.ToUpper(bridge[:1]) + bridge[1:] + strings.ToUpper(function[:1]) + function[1:]
}

func plan(t *testing.T, variables map[string]cty.Value) *tfplan.Plan {
	t.Helper()
	p, err := tfplan.Load(".", variables, files(t))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// of are a plan's resources of a type, by the end of their names.
func of(p *tfplan.Plan, kind string) (found []tfplan.Resource) {
	for _, r := range p.Resources {
		if r.Type == kind {
			found = append(found, r)
		}
	}
	return found
}

// one is the resource of a type with that name.
func one(t *testing.T, p *tfplan.Plan, kind, name string) tfplan.Resource {
	t.Helper()
	for _, r := range of(p, kind) {
		if r.String("name") == name {
			return r
		}
	}
	t.Fatalf("there is no %s %s", kind, name)
	return tfplan.Resource{}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"*.tf", "modules/*/*.tf", "*.tfvars.example"} {
		list, err := filepath.Glob(pattern)
		if err != nil || len(list) == 0 {
			t.Fatalf("%s: %v, %v", pattern, list, err)
		}
		for _, file := range list {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if want := hclwrite.Format(src); !bytes.Equal(src, want) {
				t.Errorf("%s is not formatted; want\n%s", file, want)
			}
		}
	}
}

// Without a bridge there is only what all stand on; a bridge that does not run has what people fill, and nothing that
// runs.
func TestBridgesAreSwitchedOn(t *testing.T) {
	t.Parallel()
	none := plan(t, map[string]cty.Value{"project": cty.StringVal(project)})
	if got := len(of(none, "google_cloudfunctions2_function")) + len(of(none, "google_pubsub_topic")) +
		len(of(none, "google_cloud_scheduler_job")); got != 0 {
		t.Errorf("with nothing switched on there are %d functions, topics and jobs", got)
	}
	variables := everything()
	variables["rooms"] = cty.ObjectVal(map[string]cty.Value{"main": cty.ObjectVal(map[string]cty.Value{
		"time_zone": cty.StringVal("Europe/Paris"),
		"secrets":   cty.TupleVal([]cty.Value{cty.StringVal("arduino")}), "running": cty.False,
	})})
	first := plan(t, variables)
	for _, r := range of(first, "google_cloudfunctions2_function") {
		if strings.Contains(r.String("name"), "rooms") {
			t.Errorf("%s is there before it runs", r.String("name"))
		}
	}
	for _, r := range of(first, "google_monitoring_alert_policy") {
		if strings.HasPrefix(r.String("display_name"), "main-rooms") {
			t.Errorf("%q waits for what does not run", r.String("display_name"))
		}
	}
	// A new metric is known after ten minutes only, which filling takes.
	for _, name := range []string{"tick", "refresh", "watch", "watch-expiry"} {
		one(t, first, "google_logging_metric", "main-rooms-"+name)
	}
	one(t, first, "google_storage_bucket", project+"-main-rooms-config")
	secrets := make([]string, 0, 8)
	for _, r := range of(first, "google_secret_manager_secret") {
		secrets = append(secrets, r.String("secret_id"))
	}
	if !slices.Contains(secrets, "main-rooms-arduino") || !slices.Contains(secrets, "main-rooms-webhook-key") {
		t.Errorf("secrets to fill = %v", secrets)
	}
}

// Account names of 6 to 30 characters are made of the short names.
func TestAccountNamesFit(t *testing.T) {
	t.Parallel()
	for _, r := range of(plan(t, everything()), "google_service_account") {
		if id := r.String("account_id"); len(id) < 6 || len(id) > 30 {
			t.Errorf("account_id %q has %d characters; 6 to 30 are taken", id, len(id))
		}
	}
}

// Nothing is declared twice: a second office is a second block.
func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, r := range plan(t, everything()).Resources {
		name := r.String("name")
		for _, key := range []string{"account_id", "secret_id"} {
			if v := r.String(key); v != "" {
				name = v
			}
		}
		if name == "" || strings.HasSuffix(r.Type, "_iam_member") {
			continue
		}
		if first, twice := seen[r.Type+name]; twice {
			t.Errorf("%s and %s have the name %s", first, r.Address, name)
		}
		seen[r.Type+name] = r.Address
	}
	if len(seen) < 50 {
		t.Errorf("%d names were looked at", len(seen))
	}
}
