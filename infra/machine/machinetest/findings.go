package machinetest

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/carillon-calendar/carillon/infra/machine"
	"github.com/carillon-calendar/carillon/shared/cloud/faults"
)

// Findings checks that every finding which the package's source makes with the variable doctor has its texts in every
// language, and the parameters that they need. It returns how many there are. advice names those that need none.
func Findings(t *testing.T, doctor machine.Doctor, advice ...string) int {
	t.Helper()
	made := findings(t)
	languages := []string{"en", "fr"}
	if doctor.Texts != nil {
		languages = doctor.Texts.Languages()
		made = append(made, // [machine.ReadSettings] makes them
			call{"Missing", "settings.unreadable", []string{"error"}}, call{"Missing", "settings.schema", []string{"error"}})
	}
	for _, m := range made {
		for _, n := range []string{"1", "2"} {
			for _, lang := range languages {
				f := m.finding(doctor, n).In(lang)
				if f.Check == f.Code || f.Found == f.Code || strings.Contains(f.Check+f.Found+f.Do, "<no value>") {
					t.Errorf("%s: %s with %v is said as %q, %q", lang, m.code, m.params, f.Check, f.Found)
				}
				if f.Do == "" && f.State != machine.FindingOK && !slices.Contains(advice, m.code) {
					t.Errorf("%s: %s does not say what to do", lang, m.code)
				}
			}
		}
	}
	return len(made)
}

// A call makes a finding in the source.
type call struct {
	method, code string
	params       []string
}

func (c call) finding(doctor machine.Doctor, n string) machine.Finding {
	params := faults.Params{}
	for _, name := range c.params {
		params[name] = "the " + name
	}
	if _, ok := params["n"]; ok {
		params["n"] = n
	}
	switch c.method {
	case "OK":
		return doctor.OK(c.code, params)
	case "Warning":
		return doctor.Warning(c.code, params)
	default:
		return doctor.Missing(c.code, params)
	}
}

// findings are the calls in the package's source. Functions that say more are the package's: their parameters are every
// one that a function of a language gives.
func findings(t *testing.T) (made []call) {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		more := said(file)
		ast.Inspect(file, func(n ast.Node) bool {
			if outer, ok := n.(*ast.CallExpr); ok {
				inner, saying := outer, false
				if s, ok := outer.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Saying" {
					if made, ok := s.X.(*ast.CallExpr); ok {
						inner, saying = made, true
					}
				}
				if c, ok := callOf(t, inner); ok {
					if saying {
						c.params = append(c.params, more...)
					}
					made = append(made, c)
					return false
				}
			}
			return true
		})
	}
	return made
}

func callOf(t *testing.T, n *ast.CallExpr) (call, bool) {
	t.Helper()
	s, ok := n.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"OK", "Warning", "Missing"}, s.Sel.Name) {
		return call{}, false
	}
	if x, ok := s.X.(*ast.Ident); !ok || x.Name != "doctor" {
		return call{}, false
	}
	code, ok := literal(n.Args[0])
	if !ok {
		t.Errorf("a finding's code is no literal: %T", n.Args[0])
	}
	return call{s.Sel.Name, code, keys(n.Args[1])}, true
}

// said are the parameters that the functions of a language in a file give.
func said(file *ast.File) []string {
	found := map[string]bool{}
	add := func(kind *ast.FuncType, body *ast.BlockStmt) {
		if kind.Results == nil || len(kind.Results.List) != 1 || !isParams(kind.Results.List[0].Type) {
			return
		}
		ast.Inspect(body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if isParams(n.Type) {
					for _, key := range keys(n) {
						found[key] = true
					}
				}
			case *ast.AssignStmt:
				for _, to := range n.Lhs {
					if at, ok := to.(*ast.IndexExpr); ok {
						if key, ok := literal(at.Index); ok {
							found[key] = true
						}
					}
				}
			}
			return true
		})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			add(n.Type, cmp.Or(n.Body, &ast.BlockStmt{}))
		case *ast.FuncLit:
			add(n.Type, n.Body)
		}
		return true
	})
	return slices.Collect(maps.Keys(found))
}

// keys are those of a literal faults.Params.
func keys(n ast.Expr) (found []string) {
	params, ok := n.(*ast.CompositeLit)
	if !ok {
		return nil
	}
	for _, one := range params.Elts {
		if pair, ok := one.(*ast.KeyValueExpr); ok {
			if key, ok := literal(pair.Key); ok {
				found = append(found, key)
			}
		}
	}
	return found
}

func isParams(n ast.Expr) bool {
	s, ok := n.(*ast.SelectorExpr)
	return ok && s.Sel.Name == "Params"
}

func literal(n ast.Expr) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}
