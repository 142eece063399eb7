package tfplan

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// eval evaluates an expression. extra are names that hold only there, as each.
func (m *module) eval(expr hcl.Expression, extra map[string]cty.Value) (cty.Value, error) {
	scope := map[string]map[string]cty.Value{}
	for _, t := range expr.Variables() {
		if _, ok := extra[t.RootName()]; ok {
			continue
		}
		key, err := m.target(t)
		if err != nil {
			return cty.NilVal, err
		}
		value, err := m.need(key)
		if err != nil {
			return cty.NilVal, err
		}
		root, rest, _ := strings.Cut(key, ".")
		if scope[root] == nil {
			scope[root] = map[string]cty.Value{}
		}
		scope[root][rest] = value
	}
	variables := maps.Clone(extra)
	if variables == nil {
		variables = map[string]cty.Value{}
	}
	for root, values := range scope {
		variables[root] = nested(values)
	}
	value, diags := expr.Value(&hcl.EvalContext{Variables: variables, Functions: m.functions})
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return value, nil
}

// nested is an object of values whose names may have a dot: data's have a type and a name.
func nested(values map[string]cty.Value) cty.Value {
	object, below := map[string]cty.Value{}, map[string]map[string]cty.Value{}
	for name, value := range values {
		first, rest, dotted := strings.Cut(name, ".")
		if !dotted {
			object[name] = value
			continue
		}
		if below[first] == nil {
			below[first] = map[string]cty.Value{}
		}
		below[first][rest] = value
	}
	for name, inner := range below {
		object[name] = nested(inner)
	}
	return cty.ObjectVal(object)
}

// target is what a reference leads to: var.NAME, local.NAME, path.NAME, module.NAME, data.TYPE.NAME or TYPE.NAME.
func (m *module) target(t hcl.Traversal) (string, error) {
	steps := []string{t.RootName()}
	for _, step := range t[1:] {
		attr, ok := step.(hcl.TraverseAttr)
		if !ok {
			break
		}
		steps = append(steps, attr.Name)
	}
	want := 2
	if steps[0] == "data" {
		want = 3
	}
	if len(steps) < want {
		return "", at(t.SourceRange(), "%s is no reference", t.RootName())
	}
	key := strings.Join(steps[:want], ".")
	if !m.declared(key) {
		return "", at(t.SourceRange(), "%s is not declared", key)
	}
	return key, nil
}

func (m *module) declared(key string) bool {
	root, rest, _ := strings.Cut(key, ".")
	switch root {
	case "var":
		return m.variables[rest] != nil
	case "local":
		return m.locals[rest] != nil
	case "module":
		return m.calls[rest] != nil
	case "path":
		return rest == "root" || rest == "module"
	default:
		return m.resources[key] != nil
	}
}

// need evaluates what a reference leads to, once.
func (m *module) need(key string) (cty.Value, error) {
	if value, ok := m.known[key]; ok {
		return value, nil
	}
	if m.busy[key] {
		return cty.NilVal, fmt.Errorf("%s%s depends on itself", m.prefix, key)
	}
	m.busy[key] = true
	defer delete(m.busy, key)
	value, err := m.evaluate(key)
	if err != nil {
		return cty.NilVal, err
	}
	m.known[key] = value
	return value, nil
}

func (m *module) evaluate(key string) (cty.Value, error) {
	root, rest, _ := strings.Cut(key, ".")
	switch root {
	case "var":
		return m.vars[rest], nil
	case "path":
		return cty.StringVal(map[string]string{"root": m.root, "module": m.dir}[rest]), nil
	case "local":
		return m.eval(m.locals[rest].Expr, nil)
	case "module":
		b := m.calls[rest]
		return m.each(b, func(suffix string, extra map[string]cty.Value) (cty.Value, error) {
			return m.call(b, "module."+rest+suffix, extra)
		})
	default:
		b := m.resources[key]
		return m.each(b, func(suffix string, extra map[string]cty.Value) (cty.Value, error) {
			return m.instance(b, key+suffix, extra)
		})
	}
}

// Terraform's own arguments: of every block, and of modules besides.
var (
	metaArgs   = []string{"for_each", "count", "depends_on", "provider"}
	moduleArgs = append(slices.Clone(metaArgs), "source", "version", "providers")
)

// each makes every instance of a block.
func (m *module) each(
	b *hclsyntax.Block, instance func(suffix string, extra map[string]cty.Value) (cty.Value, error),
) (cty.Value, error) {
	if attr := b.Body.Attributes["depends_on"]; attr != nil {
		for _, t := range attr.Expr.Variables() {
			key, err := m.target(t)
			if err != nil {
				return cty.NilVal, err
			}
			if _, err := m.need(key); err != nil {
				return cty.NilVal, err
			}
		}
	}
	if attr := b.Body.Attributes["count"]; attr != nil {
		n, err := m.eval(attr.Expr, nil)
		if err != nil {
			return cty.NilVal, err
		}
		if n.IsMarked() {
			return cty.NilVal, at(attr.SrcRange, "count %w", errLate)
		}
		times, _ := n.AsBigFloat().Int64()
		list := make([]cty.Value, times)
		for i := range list {
			extra := map[string]cty.Value{"count": cty.ObjectVal(map[string]cty.Value{"index": cty.NumberIntVal(int64(i))})}
			if list[i], err = instance(fmt.Sprintf("[%d]", i), extra); err != nil {
				return cty.NilVal, err
			}
		}
		return cty.TupleVal(list), nil
	}
	attr := b.Body.Attributes["for_each"]
	if attr == nil {
		return instance("", nil)
	}
	over, err := m.eval(attr.Expr, nil)
	if err != nil {
		return cty.NilVal, err
	}
	return m.forEach(attr, over, instance)
}

func (m *module) forEach(
	attr *hclsyntax.Attribute, over cty.Value, instance func(string, map[string]cty.Value) (cty.Value, error),
) (cty.Value, error) {
	if over.IsMarked() {
		return cty.NilVal, at(attr.SrcRange, "for_each %w", errLate)
	}
	if !over.CanIterateElements() || over.Type().IsTupleType() || over.Type().IsListType() {
		return cty.NilVal, at(attr.SrcRange, "for_each takes a map or a set of strings, not %s", over.Type().FriendlyName())
	}
	instances := map[string]cty.Value{}
	for key, value := range over.Elements() {
		if over.Type().IsSetType() {
			key = value
		}
		name := key.AsString()
		extra := map[string]cty.Value{"each": cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})}
		made, err := instance(fmt.Sprintf("[%q]", name), extra)
		if err != nil {
			return cty.NilVal, err
		}
		instances[name] = made
	}
	return cty.ObjectVal(instances), nil
}

// instance makes an instance of a resource or a data source.
func (m *module) instance(b *hclsyntax.Block, address string, extra map[string]cty.Value) (cty.Value, error) {
	block, err := m.block(b.Body, extra)
	if err != nil {
		return cty.NilVal, err
	}
	if b.Type == "resource" {
		lifecycle, err := m.lifecycle(b, extra)
		if err != nil {
			return cty.NilVal, err
		}
		m.plan.Resources = append(m.plan.Resources,
			Resource{m.prefix + address, b.Labels[0], b.DefRange(), m.dependencies(b), lifecycle, block.unmarked()})
	}
	object := block.value()
	computed(b.Labels[0], object)
	return cty.ObjectVal(object), nil
}

// block evaluates a block's body.
func (m *module) block(body *hclsyntax.Body, extra map[string]cty.Value) (Block, error) {
	out := Block{Args: map[string]cty.Value{}, Blocks: map[string][]Block{}}
	for name, attr := range body.Attributes {
		if slices.Contains(metaArgs, name) {
			continue
		}
		value, err := m.eval(attr.Expr, extra)
		if err != nil {
			return out, err
		}
		out.Args[name] = value
	}
	for _, inner := range body.Blocks {
		if inner.Type == "lifecycle" {
			continue
		}
		list := []Block{}
		var err error
		kind := inner.Type
		if kind == "dynamic" {
			kind = inner.Labels[0]
			list, err = m.dynamic(inner, extra)
		} else {
			var one Block
			one, err = m.block(inner.Body, extra)
			list = append(list, one)
		}
		if err != nil {
			return out, err
		}
		out.Blocks[kind] = append(out.Blocks[kind], list...)
	}
	return out, nil
}

// dynamic makes the blocks of a dynamic block.
func (m *module) dynamic(b *hclsyntax.Block, extra map[string]cty.Value) ([]Block, error) {
	over, err := m.eval(b.Body.Attributes["for_each"].Expr, extra)
	if err != nil {
		return nil, err
	}
	var list []Block
	over, _ = over.Unmark() // Terraform plans such blocks as not known yet
	for key, value := range over.Elements() {
		inner := maps.Clone(extra)
		if inner == nil {
			inner = map[string]cty.Value{}
		}
		inner[b.Labels[0]] = cty.ObjectVal(map[string]cty.Value{"key": key, "value": value})
		one, err := m.block(b.Body.Blocks[0].Body, inner)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

// late marks a value that the cloud gives: Terraform has it when it applies, not when it plans.
type late struct{}

var errLate = errors.New("needs what is known after the apply only")

var errSource = errors.New("modules are folders of this repository")

// call makes an instance of a module; its value is its outputs.
func (m *module) call(b *hclsyntax.Block, address string, extra map[string]cty.Value) (cty.Value, error) {
	source, err := m.eval(b.Body.Attributes["source"].Expr, nil)
	if err != nil {
		return cty.NilVal, err
	}
	if s := source.AsString(); !strings.HasPrefix(s, "./") && !strings.HasPrefix(s, "../") {
		return cty.NilVal, at(b.DefRange(), "%w", errSource)
	}
	inner, err := open(m.plan, m.root, filepath.Join(m.dir, source.AsString()), m.prefix+address+".", m.functions)
	if err != nil {
		return cty.NilVal, err
	}
	values := map[string]cty.Value{}
	for name, attr := range b.Body.Attributes {
		if slices.Contains(moduleArgs, name) {
			continue
		}
		if values[name], err = m.eval(attr.Expr, extra); err != nil {
			return cty.NilVal, err
		}
	}
	if err := inner.assign(values); err != nil {
		return cty.NilVal, err
	}
	outputs, err := inner.all()
	if err != nil {
		return cty.NilVal, err
	}
	return cty.ObjectVal(outputs), nil
}
