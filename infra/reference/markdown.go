package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/carillon-calendar/carillon/infra/machine"
)

const intro = `# Configuration

Everything that can be set. This page is made of the schemas, the functions' structs and Terraform's variables by
` + "`go test ./infra/reference -update`" + `, and a test holds it to them.

Any text in a settings file may be ` + "`env:NAME`" + `, the value of an environment variable, or ` + "`file:PATH`" + `, the contents of a file: a secret of Secret Manager in the
cloud (` + "`terraform output secrets`" + ` prints the paths), a file that only the service reads on one machine, where a relative path is beside the settings
([where secrets go](deploy-machine.md#where-secrets-go)). A file is UTF-8, or UTF-16 with its mark. What
is wrong in it is reported with line and column; a key that is not listed, or stands twice, is refused.
What is written while the system runs holds within a minute, the contents of such a file within five; what cannot be
used is reported in the log, and the last good settings stay.

`

// Markdown is docs/configuration.md for the module at root and its bridges.
func Markdown(root string, bridges []machine.Bridge) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString(intro)
	for _, b := range bridges {
		if err := settings(&out, root, b); err != nil {
			return nil, err
		}
	}
	options(&out, bridges)
	if err := environments(&out, root); err != nil {
		return nil, err
	}
	if err := terraform(&out, root); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// settings lists the keys of a bridge's settings file.
func settings(out *bytes.Buffer, root string, b machine.Bridge) error {
	data, err := os.ReadFile(filepath.Join(root, b.Schema)) //nolint:gosec // a file of this repository
	if err != nil {
		return err
	}
	var s schema
	if err := json.Unmarshal(data, &s); err != nil {
		return fmt.Errorf("%s: %w", b.Schema, err)
	}
	page := b.Name + ".md"
	fmt.Fprintf(out, "## `%s`\n\n[%s](%s) tells what it is for; its schema is [%s](../%s).\n\n| key | | values | "+
		"|\n|---|---|---|---|\n",
		b.Settings, page, page, filepath.Base(b.Schema), b.Schema)
	if err := s.rows(out, ""); err != nil {
		return fmt.Errorf("%s: %w", b.Schema, err)
	}
	out.WriteString("\n")
	return nil
}

// A schema is what we use of JSON Schema.
type schema struct {
	Type             string
	Description      string
	Enum             []any
	Const            any
	Minimum, Maximum *json.Number
	Pattern          string
	Required         []string
	Properties       map[string]schema
	Items            *schema
}

func (s schema) rows(out *bytes.Buffer, under string) error {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if name == "$schema" || name == "version" {
			continue
		}
		required := ""
		if slices.Contains(s.Required, name) {
			required = "required"
		}
		inner := p.Items != nil && p.Items.Type == "object"
		if p.Description == "" && p.Type != "object" && !inner {
			return fmt.Errorf("%s%s has no description", under, name)
		}
		fmt.Fprintf(out, "| `%s%s` | %s | %s | %s |\n", under, name, required, p.values(), cell(p.Description))
		next, path := p, under+name+"."
		if inner {
			next, path = *p.Items, under+name+"[]."
		}
		if err := next.rows(out, path); err != nil {
			return err
		}
	}
	return nil
}

// values says which values a key takes.
func (s schema) values() string {
	switch {
	case len(s.Enum) > 0:
		list := make([]string, 0, len(s.Enum))
		for _, v := range s.Enum {
			list = append(list, fmt.Sprintf("`%v`", v))
		}
		return strings.Join(list, ", ")
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("%s to %s", *s.Minimum, *s.Maximum)
	case s.Type == "array" && s.Items != nil && len(s.Items.Enum) > 0:
		return "list of " + s.Items.values()
	case s.Type == "array" && s.Items != nil && s.Items.Type != "object":
		return "list of " + s.Items.Type + "s"
	case s.Type == "array":
		return "list"
	default:
		return s.Type
	}
}

// cell is text in a cell of a table.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "|", `\|`)
}

func environments(out *bytes.Buffer, root string) error {
	names, err := Functions(root)
	if err != nil {
		return err
	}
	used, about := map[string][]string{}, map[string]Variable{}
	for _, name := range names {
		variables, err := Environment(root, "functions/"+name)
		if err != nil {
			return err
		}
		for _, v := range variables {
			if v.Doc == "" {
				return fmt.Errorf("functions/%s: %s has no comment", name, v.Name)
			}
			used[v.Name], about[v.Name] = append(used[v.Name], "`"+strings.ReplaceAll(name, "/", "-")+"`"), v
		}
	}
	out.WriteString("## Environment of the functions\n\nTerraform sets it. A value may be `file:PATH`; beside these " +
		"there is `GOOGLE_CLOUD_PROJECT`, the project of the topics. On one machine there is no such thing.\n\n| variable " +
		"| | of | |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(used)) {
		v := about[name]
		required := ""
		if v.Required {
			required = "required"
		}
		doc := v.Doc
		if v.Default != "" {
			doc += "; default `" + v.Default + "`"
		}
		fmt.Fprintf(out, "| `%s` | %s | %s | %s |\n", name, required, strings.Join(used[name], " "), cell(doc))
	}
	out.WriteString("\n")
	return nil
}

// terraform lists the variables of the root module. Most of them are passed on to a module, which describes them.
func terraform(out *bytes.Buffer, root string) error {
	variables, err := variablesOf(filepath.Join(root, "terraform", "variables.tf"))
	if err != nil {
		return err
	}
	passed, err := variablesOf(filepath.Join(root, "terraform", "modules", "carillon", "variables.tf"))
	if err != nil {
		return err
	}
	out.WriteString("## `terraform.tfvars`\n\n| variable | | form | |\n|---|---|---|---|\n")
	for _, v := range variables {
		if i := slices.IndexFunc(passed, func(p terraformVariable) bool { return p.name == v.name }); i >= 0 {
			v = passed[i]
		}
		required := ""
		if v.text("default") == "" {
			required = "required"
		}
		doc := strings.Trim(v.text("description"), `"`)
		if d := v.text("default"); d != "" && d != "{}" && d != "[]" && d != "null" && d != `""` {
			doc += " Default `" + strings.Trim(d, `"`) + "`."
		}
		fmt.Fprintf(out, "| `%s` | %s | `%s` | %s |\n", v.name, required, v.text("type"), cell(doc))
	}
	return nil
}

// A terraformVariable is a variable block and the file that it is in.
type terraformVariable struct {
	name string
	body *hclsyntax.Body
	src  []byte
}

// text is an argument as it is written, on one line, or "".
func (v terraformVariable) text(name string) string {
	a := v.body.Attributes[name]
	if a == nil {
		return ""
	}
	r := a.Expr.Range()
	return strings.Join(strings.Fields(string(v.src[r.Start.Byte:r.End.Byte])), " ")
}

func variablesOf(file string) (found []terraformVariable, err error) {
	src, err := os.ReadFile(file) //nolint:gosec // a file of this repository
	if err != nil {
		return nil, err
	}
	parsed, diags := hclsyntax.ParseConfig(src, file, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	for _, b := range body.Blocks {
		found = append(found, terraformVariable{b.Labels[0], b.Body, src})
	}
	return found, nil
}
