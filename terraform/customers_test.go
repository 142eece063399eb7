package terraform_test

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/carillon-calendar/carillon/infra/tfplan"
)

// customer plans a second caller of the module, as if it stood in terraform/customers/acme.
func customer(t *testing.T, caller string) (*tfplan.Plan, error) {
	t.Helper()
	checkout := t.TempDir()
	dir := filepath.Join(checkout, "terraform", "customers", "acme")
	modules, err := filepath.Abs("modules")
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = os.Symlink(modules, filepath.Join(checkout, "terraform", "modules"))
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "main.tf"), []byte(caller), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	ours := files(t)
	return tfplan.Load(dir, nil, func(name string) ([]byte, error) {
		for _, known := range []string{"build/functions/functions.json", "terraform/modules/carillon/time_zones.txt"} {
			if rel, _ := filepath.Rel(checkout, name); rel == filepath.FromSlash(known) {
				inRoot, _ := filepath.Rel("terraform", filepath.FromSlash(known))
				return ours(inRoot)
			}
		}
		return nil, errors.New("a customer reads no file but make stage's manifest and the time zones: " + name)
	})
}

// The caller that both pages show is whole: it has its own project and state, and everything that the root makes.
func TestSecondCustomer(t *testing.T) {
	t.Parallel()
	block := regexp.MustCompile("(?s)```hcl\n(.*?)```")
	callers := map[string]bool{}
	for _, page := range []string{"deploy-customers.md", "deploy-customers.fr.md"} {
		data, err := os.ReadFile(filepath.Join(root, "docs", page))
		if err != nil {
			t.Fatal(err)
		}
		found := block.FindAllStringSubmatch(string(data), -1)
		if len(found) != 1 {
			t.Fatalf("%s has %d callers", page, len(found))
		}
		callers[found[0][1]] = true
	}
	if len(callers) != 1 {
		t.Error("the pages differ")
	}
	caller := strings.Replace(slices.Collect(maps.Keys(callers))[0], ", running = false", "", 1)
	p, err := customer(t, caller)
	if err != nil {
		t.Fatal(err)
	}
	same := plan(t, map[string]cty.Value{
		"project": cty.StringVal("acme-123456"), "alert_email": cty.StringVal("it@acme.example"),
		"rooms": cty.ObjectVal(map[string]cty.Value{"main": cty.ObjectVal(map[string]cty.Value{
			"time_zone": cty.StringVal("Europe/Paris"), "secrets": cty.TupleVal([]cty.Value{cty.StringVal("arduino")}),
		})}),
	})
	if len(p.Moves) > 0 || !slices.Equal(addresses(p), addresses(same)) {
		t.Errorf("a second customer has %v\nthe root %v", addresses(p), addresses(same))
	}
	for _, r := range p.Resources {
		if project := r.String("project"); project != "" && project != "acme-123456" {
			t.Errorf("%s is in %s", r.Address, project)
		}
	}
	if urls := p.Outputs["carillon"].GetAttr("webhook_urls").AsValueMap(); urls["main"] == cty.NilVal {
		t.Errorf("outputs: %v", urls)
	}
}

func addresses(p *tfplan.Plan) (found []string) {
	for _, r := range p.Resources {
		found = append(found, r.Address)
	}
	slices.Sort(found)
	return found
}

// One caller may have several customers, because neither a provider nor a backend nor a path is in the module.
func TestForEachOverCustomers(t *testing.T) {
	t.Parallel()
	p, err := customer(t, `
module "carillon" {
  source   = "../../modules/carillon"
  for_each = toset(["acme-123456", "bell-123456"])

  staged  = "${path.root}/../../../build/functions"
  project = each.key
  campus  = { main = {} }
}
`)
	if err != nil {
		t.Fatal(err)
	}
	buckets := of(p, "google_storage_bucket")
	if len(buckets) != 6 {
		t.Errorf("%d buckets", len(buckets))
	}
	for _, r := range buckets {
		project := r.String("project")
		own := strings.HasPrefix(r.Address, `module.carillon["`+project+`"].`)
		if !own || !strings.HasPrefix(r.String("name"), project+"-") {
			t.Errorf("%s is %s in %s", r.Address, r.String("name"), project)
		}
	}
	sources, _ := filepath.Glob("modules/*/*.tf")
	for _, file := range sources {
		for _, b := range parse(t, file).Blocks {
			backend := slices.ContainsFunc(b.Body.Blocks, func(in *hclsyntax.Block) bool { return in.Type == "backend" })
			if b.Type == "provider" || backend {
				t.Errorf("%s has a provider or a backend", file)
			}
			if b.Type == "moved" {
				t.Errorf("%s: moved blocks are the root's, whose installations came before the module", file)
			}
		}
		if src, _ := os.ReadFile(file); strings.Contains(string(src), "path.root") {
			t.Errorf("%s depends on where its caller is", file)
		}
	}
	if len(sources) < 15 {
		t.Errorf("only %d files were looked at", len(sources))
	}
}

func parse(t *testing.T, file string) *hclsyntax.Body {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	return body
}

// What terraform.tfvars sets reaches the module under its own name, and what it leaves out is the module's default.
func TestRootPassesEverythingOn(t *testing.T) {
	t.Parallel()
	call := parse(t, "main.tf").Blocks[0].Body.Attributes
	root := map[string]*hclsyntax.Body{}
	for _, b := range parse(t, "variables.tf").Blocks {
		root[b.Labels[0]] = b.Body
	}
	for _, b := range parse(t, "modules/carillon/variables.tf").Blocks {
		name := b.Labels[0]
		if name == "staged" {
			continue
		}
		if call[name] == nil || len(call[name].Expr.Variables()) != 1 {
			t.Errorf("the root does not pass %s on", name)
			continue
		}
		passed := call[name].Expr.Variables()[0]
		if step, _ := passed[1].(hcl.TraverseAttr); passed.RootName() != "var" || step.Name != name {
			t.Errorf("the root passes var.%s on as %s", step.Name, name)
		}
		own := b.Body.Attributes
		given := root[name].Attributes["default"]
		if required := own["default"] == nil; required != (given == nil) {
			t.Errorf("%s: required by the module: %v, by the root: %v", name, required, given == nil)
		}
		if given == nil {
			continue
		}
		if value, _ := given.Expr.Value(nil); !value.IsNull() {
			t.Errorf("%s has a default in the root", name)
		}
		if value, _ := own["default"].Expr.Value(nil); !value.IsNull() && own["nullable"] == nil {
			t.Errorf("%s: null must stand for the default: nullable = false", name)
		}
	}
}
