package tfplan

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A Lifecycle is a resource's lifecycle block; its preconditions hold in every plan.
type Lifecycle struct {
	PreventDestroy      bool
	CreateBeforeDestroy bool
	ReplaceTriggeredBy  []string // references as they are written, without indexes: google_pubsub_topic.dead.id
}

// lifecycle reads the resource's lifecycle block, and asks its preconditions.
func (m *module) lifecycle(b *hclsyntax.Block, extra map[string]cty.Value) (found Lifecycle, err error) {
	for _, inner := range b.Body.Blocks {
		if inner.Type != "lifecycle" {
			continue
		}
		for name, attr := range inner.Body.Attributes {
			switch name {
			case "prevent_destroy", "create_before_destroy":
				value, err := m.eval(attr.Expr, nil)
				if err != nil {
					return found, err
				}
				found.PreventDestroy = found.PreventDestroy || name == "prevent_destroy" && value.True()
				found.CreateBeforeDestroy = found.CreateBeforeDestroy || name == "create_before_destroy" && value.True()
			case "replace_triggered_by":
				if found.ReplaceTriggeredBy, err = m.triggers(attr); err != nil {
					return found, err
				}
			default:
				return found, at(attr.SrcRange, "%s is not known here", name)
			}
		}
		for _, rule := range inner.Body.Blocks {
			if err := m.check(rule, extra); err != nil {
				return found, err
			}
		}
	}
	return found, nil
}

// dependencies are what the block's depends_on names; [module.each] has checked that it is there.
func (m *module) dependencies(b *hclsyntax.Block) (found []string) {
	if attr := b.Body.Attributes["depends_on"]; attr != nil {
		for _, t := range attr.Expr.Variables() {
			if key, err := m.target(t); err == nil {
				found = append(found, key)
			}
		}
	}
	return found
}

// triggers are the references of replace_triggered_by, which lead to attributes of resources of the same module.
func (m *module) triggers(attr *hclsyntax.Attribute) (found []string, err error) {
	list, diags := hcl.ExprList(attr.Expr)
	if diags.HasErrors() {
		return nil, diags
	}
	for _, expr := range list {
		key, err := m.target(expr.Variables()[0])
		if err != nil {
			return nil, err
		}
		name := attribute(expr)
		if m.resources[key] == nil || name == "" {
			return nil, at(attr.SrcRange, "%s is not an attribute of a resource", key)
		}
		found = append(found, key+"."+name)
	}
	return found, nil
}

// attribute is the last name of TYPE.NAME.attribute or TYPE.NAME[each.key].attribute.
func attribute(expr hcl.Expression) string {
	var steps hcl.Traversal
	switch e := expr.(type) {
	case *hclsyntax.RelativeTraversalExpr:
		steps = e.Traversal
	case *hclsyntax.ScopeTraversalExpr:
		steps = e.Traversal[min(2, len(e.Traversal)):]
	}
	if len(steps) == 0 {
		return ""
	}
	last, _ := steps[len(steps)-1].(hcl.TraverseAttr)
	return last.Name
}

// check asks the condition of a validation or a precondition.
func (m *module) check(rule *hclsyntax.Block, extra map[string]cty.Value) error {
	ok, err := m.eval(rule.Body.Attributes["condition"].Expr, extra)
	if err != nil {
		return err
	}
	if ok, _ = ok.Unmark(); ok.True() {
		return nil
	}
	message, err := m.eval(rule.Body.Attributes["error_message"].Expr, extra)
	if err != nil {
		return err
	}
	message, _ = message.Unmark()
	return at(rule.DefRange(), "%s", message.AsString())
}
