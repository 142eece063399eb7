package tfplan

import (
	"errors"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A Move is a moved block. From and To are addresses of a resource or a module, such as google_pubsub_topic.rooms or
// module.rooms.module.bucket["config"].google_storage_bucket.this.
type Move struct {
	From, To string
	Range    hcl.Range
}

// Apply returns the new address of a resource instance, and whether the move is about it. A move of a resource is about
// all its instances, and a move of a module about all in its instances; keys behind From stay.
func (v Move) Apply(address string) (string, bool) {
	rest, ok := strings.CutPrefix(address, v.From)
	if !ok || rest != "" && rest[0] != '[' && (rest[0] != '.' || !isModule(v.From)) {
		return address, false
	}
	return v.To + rest, true
}

// isModule reports whether an address ends with a module, which is named by two steps as a resource is.
func isModule(address string) bool {
	last := address
	if i := strings.LastIndex(address, ".module."); i >= 0 {
		last = address[i+1:]
	}
	name, ok := strings.CutPrefix(last, "module.")
	return ok && !strings.Contains(name, ".")
}

var (
	errMoveInModule = errors.New("moved blocks are for the root module here")
	errMoveKind     = errors.New("a moved block leads from a resource to one of its type, or from a module to a module")
)

// move reads a moved block.
func (m *module) move(b *hclsyntax.Block) error {
	if m.prefix != "" {
		return at(b.DefRange(), "%w", errMoveInModule)
	}
	var ends [2]string
	for i, name := range []string{"from", "to"} {
		attr := b.Body.Attributes[name]
		if attr == nil {
			return at(b.DefRange(), "a moved block lacks %s", name)
		}
		traversal, diags := hcl.AbsTraversalForExpr(attr.Expr)
		if diags.HasErrors() {
			return diags
		}
		ends[i] = address(traversal)
	}
	if kind(ends[0]) != kind(ends[1]) {
		return at(b.DefRange(), "%w", errMoveKind)
	}
	m.plan.Moves = append(m.plan.Moves, Move{From: ends[0], To: ends[1], Range: b.DefRange()})
	return nil
}

// kind is "module", or the type of the resource that an address names.
func kind(address string) string {
	if isModule(address) {
		return "module"
	}
	steps := strings.Split(address, ".")
	return steps[max(0, len(steps)-2)]
}

// address writes a traversal as Terraform writes addresses.
func address(t hcl.Traversal) string {
	var out strings.Builder
	for _, step := range t {
		switch s := step.(type) {
		case hcl.TraverseRoot:
			out.WriteString(s.Name)
		case hcl.TraverseAttr:
			out.WriteString("." + s.Name)
		case hcl.TraverseIndex:
			if s.Key.Type() == cty.String {
				out.WriteString("[\"" + s.Key.AsString() + "\"]")
			} else {
				out.WriteString("[" + s.Key.AsBigFloat().String() + "]")
			}
		}
	}
	return out.String()
}
