package reference

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// options lists the flags of `carillon up`, and what sets them where a service or a container starts it.
func options(out *bytes.Buffer, root string) error {
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, "infra", "carillon", "main.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	out.WriteString("## Options of `carillon up`\n\nThe Debian package's service takes them from `CARILLON_OPTIONS` in `/etc/default/carillon`, a container from `command` in `infra/compose.yaml`, where `CARILLON_CONFIG` names the\n" +
		"folder of the settings. The operators' commands find the system through `--data`; `--url` and the key in `CARILLON_OPERATOR_KEY` (`--key`) reach another one.\n\n| option | default | |\n|---|---|---|\n")
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		if f, ok := n.(*ast.FuncDecl); ok {
			return f.Name.Name == "upCommand"
		}
		if call, ok := n.(*ast.CallExpr); ok && isFlag(call) {
			found++
			fmt.Fprintf(out, "| `--%s` | %s | %s |\n", text(call.Args[1]), defaultOf(call.Args[2]), cell(text(call.Args[3])))
		}
		return true
	})
	if found == 0 {
		return errors.New("infra/carillon/main.go: upCommand has no flags")
	}
	out.WriteString("\n")
	return nil
}

// isFlag reports whether a call is one of pflag's, as StringVar(&v, name, default, usage).
func isFlag(call *ast.CallExpr) bool {
	f, ok := call.Fun.(*ast.SelectorExpr)
	return ok && strings.HasSuffix(f.Sel.Name, "Var") && len(call.Args) == 4
}

// text is a text's literal parts, with … for each that is not.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BinaryExpr:
		return text(e.X) + text(e.Y)
	case *ast.BasicLit:
		if s, err := strconv.Unquote(e.Value); err == nil {
			return s
		}
		return e.Value
	default:
		return "…"
	}
}

func defaultOf(e ast.Expr) string {
	_, ok := e.(*ast.BasicLit)
	if s := text(e); ok && s != "" && s != "0" {
		return "`" + s + "`"
	}
	return ""
}
