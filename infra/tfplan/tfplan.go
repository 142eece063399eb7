// Package tfplan tells what a folder of Terraform files would make, without Terraform, its providers or a cloud:
// variables, locals, modules, for_each, count and dynamic blocks are evaluated, and every reference must lead
// somewhere. What only the cloud knows has a name of the cloud's form. It is for tests; `terraform plan` is the judge.
package tfplan

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// A Plan is what would be made.
type Plan struct {
	Resources []Resource
	Outputs   map[string]cty.Value
	Moves     []Move // the moved blocks of the root module
}

// A Resource is one instance of a resource.
type Resource struct {
	Address   string // module.rooms_status["main"].google_service_account.run
	Type      string
	Range     hcl.Range
	DependsOn []string
	Lifecycle Lifecycle
	Block
}

// A Block is a block's arguments and the blocks in it. Meta-arguments are left out.
type Block struct {
	Args   map[string]cty.Value
	Blocks map[string][]Block
}

// String is an argument that is a string, or "".
func (b Block) String(name string) string {
	v, ok := b.Args[name]
	if !ok || v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// Int is an argument that is a whole number, or -1.
func (b Block) Int(name string) int {
	v, ok := b.Args[name]
	if !ok || v.IsNull() || v.Type() != cty.Number {
		return -1
	}
	n, _ := v.AsBigFloat().Int64()
	return int(n)
}

// Bool is an argument that is true.
func (b Block) Bool(name string) bool {
	v, ok := b.Args[name]
	return ok && !v.IsNull() && v.Type() == cty.Bool && v.True()
}

// Strings is an argument that is a map of strings.
func (b Block) Strings(name string) map[string]string {
	found := map[string]string{}
	if v, ok := b.Args[name]; ok && !v.IsNull() {
		for key, value := range v.AsValueMap() {
			found[key] = value.AsString()
		}
	}
	return found
}

// In is the one inner block of a kind, or an empty one.
func (b Block) In(kind string) Block {
	if list := b.Blocks[kind]; len(list) == 1 {
		return list[0]
	}
	return Block{}
}

// unmarked is the block as a test reads it.
func (b Block) unmarked() Block {
	plain := Block{Args: map[string]cty.Value{}, Blocks: map[string][]Block{}}
	for name, v := range b.Args {
		plain.Args[name], _ = v.UnmarkDeep()
	}
	for kind, list := range b.Blocks {
		for _, inner := range list {
			plain.Blocks[kind] = append(plain.Blocks[kind], inner.unmarked())
		}
	}
	return plain
}

// value is the block as an expression sees it.
func (b Block) value() map[string]cty.Value {
	all := maps.Clone(b.Args)
	if all == nil {
		all = map[string]cty.Value{}
	}
	for kind, list := range b.Blocks {
		values := make([]cty.Value, 0, len(list))
		for _, inner := range list {
			values = append(values, cty.ObjectVal(inner.value()))
		}
		all[kind] = cty.TupleVal(values)
	}
	return all
}

// Load evaluates the root module in dir with these variables. read reads the files that expressions name.
func Load(dir string, variables map[string]cty.Value, read func(name string) ([]byte, error)) (*Plan, error) {
	p := &Plan{Outputs: map[string]cty.Value{}}
	m, err := open(p, dir, dir, "", functions(read))
	if err != nil {
		return nil, err
	}
	if err := m.assign(variables); err != nil {
		return nil, err
	}
	if p.Outputs, err = m.all(); err != nil {
		return nil, err
	}
	for name, v := range p.Outputs {
		p.Outputs[name], _ = v.UnmarkDeep()
	}
	return p, nil
}

// A module is one instance of a module.
type module struct {
	plan      *Plan
	root, dir string
	prefix    string // of its addresses
	functions map[string]function.Function

	variables, resources, calls, outputs map[string]*hclsyntax.Block
	locals                               map[string]*hclsyntax.Attribute

	vars  map[string]cty.Value
	known map[string]cty.Value // what was evaluated, by local.NAME, module.NAME, TYPE.NAME, data.TYPE.NAME
	busy  map[string]bool
}

func open(p *Plan, root, dir, prefix string, functions map[string]function.Function) (*module, error) {
	m := &module{
		plan: p, root: root, dir: dir, prefix: prefix, functions: functions,
		variables: map[string]*hclsyntax.Block{}, resources: map[string]*hclsyntax.Block{},
		calls: map[string]*hclsyntax.Block{}, outputs: map[string]*hclsyntax.Block{},
		locals: map[string]*hclsyntax.Attribute{}, known: map[string]cty.Value{}, busy: map[string]bool{},
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.tf"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s has no .tf file", dir)
	}
	for _, file := range files {
		if err := m.parse(file); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *module) parse(file string) error {
	src, err := os.ReadFile(file) //nolint:gosec // a file of this repository
	if err != nil {
		return err
	}
	body, err := bodyOf(file, src)
	if err != nil {
		return err
	}
	for _, b := range body.Blocks {
		if err := m.declare(b); err != nil {
			return err
		}
	}
	return nil
}

// A sourceFile is a file's name, which is in its errors, and what is in it.
type sourceFile struct{ name, text string }

// bodies are the files that were parsed, by [sourceFile]: a test plans the same ones hundreds of times, and nothing
// changes a tree once it is made.
var bodies sync.Map

func bodyOf(name string, src []byte) (*hclsyntax.Body, error) {
	key := sourceFile{name, string(src)}
	if known, ok := bodies.Load(key); ok {
		body, _ := known.(*hclsyntax.Body)
		return body, nil
	}
	parsed, diags := hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, diags
	}
	body, _ := parsed.Body.(*hclsyntax.Body)
	bodies.Store(key, body)
	return body, nil
}

func (m *module) declare(b *hclsyntax.Block) error {
	var into map[string]*hclsyntax.Block
	var key string
	switch {
	case b.Type == "terraform", b.Type == "provider":
		return nil
	case b.Type == "moved":
		return m.move(b)
	case b.Type == "locals":
		for name, attr := range b.Body.Attributes {
			if m.locals[name] != nil {
				return at(b.DefRange(), "local.%s is declared twice", name)
			}
			m.locals[name] = attr
		}
		return nil
	case b.Type == "variable" && len(b.Labels) == 1:
		into, key = m.variables, b.Labels[0]
	case b.Type == "output" && len(b.Labels) == 1:
		into, key = m.outputs, b.Labels[0]
	case b.Type == "module" && len(b.Labels) == 1:
		into, key = m.calls, b.Labels[0]
	case b.Type == "resource" && len(b.Labels) == 2:
		into, key = m.resources, b.Labels[0]+"."+b.Labels[1]
	case b.Type == "data" && len(b.Labels) == 2:
		into, key = m.resources, "data."+b.Labels[0]+"."+b.Labels[1]
	default:
		return at(b.DefRange(), "a block %q is not known here", b.Type)
	}
	if into[key] != nil {
		return at(b.DefRange(), "%s %q is declared twice", b.Type, key)
	}
	into[key] = b
	return nil
}

func at(r hcl.Range, format string, args ...any) error {
	return fmt.Errorf("%s: %w", r, fmt.Errorf(format, args...)) //nolint:err113 // told to a person
}

// assign gives the variables their values, of their types, and asks their conditions.
func (m *module) assign(values map[string]cty.Value) error {
	m.vars = map[string]cty.Value{}
	for name := range values {
		if m.variables[name] == nil {
			return fmt.Errorf("%s has no variable %q", m.dir, name)
		}
	}
	for name, b := range m.variables {
		value, err := m.variable(b, values[name])
		if err != nil {
			return err
		}
		m.vars[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(m.variables)) {
		for _, rule := range m.variables[name].Body.Blocks {
			if err := m.check(rule, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *module) variable(b *hclsyntax.Block, given cty.Value) (cty.Value, error) {
	name := b.Labels[0]
	typ, defaults := cty.DynamicPseudoType, (*typeexpr.Defaults)(nil)
	if attr := b.Body.Attributes["type"]; attr != nil {
		var diags hcl.Diagnostics
		if typ, defaults, diags = typeexpr.TypeConstraintWithDefaults(attr.Expr); diags.HasErrors() {
			return cty.NilVal, diags
		}
	}
	if given == cty.NilVal || given.IsNull() && !nullable(b) {
		attr := b.Body.Attributes["default"]
		if attr == nil {
			return cty.NilVal, at(b.DefRange(), "%svar.%s has no value", m.prefix, name)
		}
		var err error
		if given, err = m.eval(attr.Expr, nil); err != nil {
			return cty.NilVal, err
		}
	}
	if defaults != nil && !given.IsNull() {
		given = defaults.Apply(given)
	}
	value, err := convert.Convert(given, typ)
	if err != nil {
		return cty.NilVal, at(b.DefRange(), "%svar.%s: %w", m.prefix, name, err)
	}
	return value, nil
}

// nullable reports whether null is a value of the variable, and does not stand for its default.
func nullable(b *hclsyntax.Block) bool {
	attr := b.Body.Attributes["nullable"]
	if attr == nil {
		return true
	}
	value, diags := attr.Expr.Value(nil)
	return diags.HasErrors() || value.True()
}

// all evaluates everything, and returns the outputs.
func (m *module) all() (map[string]cty.Value, error) {
	faults := make([]error, 0, len(m.locals)+len(m.resources)+len(m.calls)+len(m.outputs))
	for _, name := range slices.Sorted(maps.Keys(m.locals)) {
		_, err := m.need("local." + name)
		faults = append(faults, err)
	}
	for _, name := range slices.Sorted(maps.Keys(m.resources)) {
		_, err := m.need(name)
		faults = append(faults, err)
	}
	for _, name := range slices.Sorted(maps.Keys(m.calls)) {
		_, err := m.need("module." + name)
		faults = append(faults, err)
	}
	outputs := map[string]cty.Value{}
	for name, b := range m.outputs {
		value, err := m.eval(b.Body.Attributes["value"].Expr, nil)
		faults = append(faults, err)
		outputs[name] = value
	}
	return outputs, errors.Join(faults...)
}
