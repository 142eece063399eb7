package terraform_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/carillon-calendar/carillon/infra/tfplan"
	"github.com/carillon-calendar/carillon/shared/recorded"
)

// A schemaBlock is a block of `terraform providers schema -json`.
type schemaBlock struct {
	Attributes map[string]struct {
		Type               json.RawMessage
		Required, Optional bool
	}
	BlockTypes map[string]struct {
		Block    schemaBlock
		MinItems int `json:"min_items"`
		MaxItems int `json:"max_items"`
	} `json:"block_types"`
}

// notInSchema are the resources that Google's provider does not have, with their required arguments.
var notInSchema = map[string][]string{"terraform_data": {"input"}}

// Every argument and block of every resource is known to the provider, has its type, and none that must be there is
// missing.
func TestProviderSchema(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join(recorded.Dir(t, "terraform"), "google-schema-subset.json"))
	if err != nil {
		t.Fatal(err)
	}
	var schemas struct {
		Providers map[string]struct {
			Resources map[string]struct{ Block schemaBlock } `json:"resource_schemas"`
		} `json:"provider_schemas"`
	}
	if err := json.Unmarshal(data, &schemas); err != nil {
		t.Fatal(err)
	}
	known := schemas.Providers["registry.terraform.io/hashicorp/google"].Resources
	checked := 0
	for _, r := range plan(t, withOptions()).Resources {
		if schema, ok := known[r.Type]; ok {
			checkBlock(t, r.Address, r.Block, schema.Block)
			checked++
			continue
		}
		required, ok := notInSchema[r.Type]
		if !ok {
			t.Errorf("%s: nothing is known of %s", r.Address, r.Type)
		}
		for _, name := range required {
			if _, ok := r.Args[name]; !ok {
				t.Errorf("%s lacks %s", r.Address, name)
			}
		}
	}
	if checked < 150 {
		t.Errorf("only %d resources were checked", checked)
	}
}

func checkBlock(t *testing.T, where string, b tfplan.Block, schema schemaBlock) {
	t.Helper()
	for name, value := range b.Args {
		attr, ok := schema.Attributes[name]
		if !ok || !attr.Required && !attr.Optional {
			t.Errorf("%s has no argument %s", where, name)
			continue
		}
		if typ, err := ctyjson.UnmarshalType(attr.Type); err != nil {
			t.Errorf("%s.%s: %v", where, name, err)
		} else if _, err := convert.Convert(value, typ); err != nil && value.Type() != cty.DynamicPseudoType {
			t.Errorf("%s.%s: %v", where, name, err)
		}
	}
	for name, attr := range schema.Attributes {
		if _, ok := b.Args[name]; attr.Required && !ok {
			t.Errorf("%s lacks %s", where, name)
		}
	}
	for kind, list := range b.Blocks {
		inner, ok := schema.BlockTypes[kind]
		if !ok {
			t.Errorf("%s has no block %s", where, kind)
			continue
		}
		if inner.MaxItems > 0 && len(list) > inner.MaxItems {
			t.Errorf("%s: %d blocks %s", where, len(list), kind)
		}
		for _, one := range list {
			checkBlock(t, where+"."+kind, one, inner.Block)
		}
	}
	for kind, inner := range schema.BlockTypes {
		if inner.MinItems > len(b.Blocks[kind]) {
			t.Errorf("%s lacks the block %s", where, kind)
		}
	}
}

// What the checks above rest on is seen to fail: a schema that lacks an argument, or asks for another one, is told.
func TestChecksCanFail(t *testing.T) {
	t.Parallel()
	variables := everything()
	const account = "resource \"google_service_account\" \"a\" {\n  account_id = \"a\"\n}\n"
	for name, broken := range map[string]string{
		"undeclared variable": `output "x" { value = var.nothing }`,
		"undeclared local":    `output "x" { value = local.nothing }`,
		"undeclared resource": `output "x" { value = google_pubsub_topic.nothing.id }`,
		"undeclared module":   `output "x" { value = module.nothing.url }`,
		"missing input":       "module \"m\" {\n  source = \"./inner\"\n}",
		"unknown input":       "module \"m\" {\n  source = \"./inner\"\n  name = \"n\"\n  other = 1\n}",
		"unknown output": "module \"m\" {\n  source = \"./inner\"\n  name = \"n\"\n}\noutput \"x\" { value = " +
			"module.m.nothing }",
		"wrong type":           "module \"m\" {\n  source = \"./inner\"\n  name = [1]\n}",
		"for_each over a list": "resource \"google_pubsub_topic\" \"t\" {\n  for_each = [\"a\"]\n  name = each.key\n}",
		"circle":               "locals {\n  a = local.b\n  b = local.a\n}",
		"circle of order": "resource \"google_pubsub_topic\" \"a\" {\n  name = \"a\"\n  depends_on = " +
			"[google_pubsub_topic.b]\n}\nresource \"google_pubsub_topic\" \"b\" {\n  name = google_pubsub_topic.a.name\n}",
		"for_each too early": account +
			"resource \"google_pubsub_topic\" \"t\" {\n  for_each = toset([\"for-${google_service_account.a.email}\"])\n  " +
			"name = each.key\n}",
		"count too early": account +
			"resource \"google_pubsub_topic\" \"t\" {\n  count = google_service_account.a.email == \"\" ? 0 : 1\n  name = " +
			"\"t\"\n}",
		"trigger of no one": "resource \"google_service_account\" \"a\" {\n  lifecycle {\n    replace_triggered_by = " +
			"[google_pubsub_topic.nothing.id]\n  }\n}",
		"trigger of all": account +
			"resource \"google_pubsub_topic\" \"t\" {\n  lifecycle {\n    replace_triggered_by = [google_service_account.a]\n " +
			" }\n}",
		"precondition": "resource \"google_pubsub_topic\" \"t\" {\n  lifecycle {\n    precondition {\n      " +
			"condition = length({}) > 0\n      error_message = \"no\"\n    }\n  }\n}",
		"move to another type": account + "moved {\n  from = google_pubsub_topic.a\n  to = google_service_account.a\n}",
		"move to nowhere":      account + "moved {\n  from = google_service_account.b\n}",
		"declared twice":       "locals {\n  a = 1\n}\nlocals {\n  a = 2\n}",
	} {
		dir := t.TempDir()
		inner := filepath.Join(dir, "inner")
		if err := errorsOf(os.MkdirAll(inner, 0o700), os.WriteFile(filepath.Join(dir, "main.tf"), []byte(broken), 0o600),
			os.WriteFile(filepath.Join(inner, "main.tf"),
				[]byte("variable \"name\" {\n  type = string\n}\noutput \"url\" { value = var.name }\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
		if _, err := tfplan.Load(dir, nil, files(t)); err == nil {
			t.Errorf("%s is not noticed", name)
		}
	}
	delete(variables, "project")
	if _, err := tfplan.Load(".", variables, files(t)); err == nil {
		t.Error("a plan without a project is one")
	}
}

func errorsOf(list ...error) error {
	if i := slices.IndexFunc(list, func(err error) bool { return err != nil }); i >= 0 {
		return list[i]
	}
	return nil
}
