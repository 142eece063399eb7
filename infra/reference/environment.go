// Package reference reads from the code what can be set: the environment of every function, and the settings files by
// their schemas. docs/configuration.md is made of it, and Terraform is checked against it.
package reference

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// module is this module's path.
const module = "github.com/carillon-calendar/carillon/"

// A Variable is an environment variable that a function reads.
type Variable struct {
	Name     string
	Required bool
	Default  string
	Doc      string
}

// Functions returns the names of the functions of the module at root, as in "rooms/webhook".
func Functions(root string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(root, "functions", "*", "*", "function.go"))
	names := make([]string, 0, len(found))
	for _, file := range found {
		rel, rerr := filepath.Rel(filepath.Join(root, "functions"), filepath.Dir(file))
		if rerr != nil {
			return nil, rerr
		}
		names = append(names, filepath.ToSlash(rel))
	}
	return names, err
}

// Environment returns what the type Environment of a folder's package has, those that it embeds among them.
func Environment(root, folder string) ([]Variable, error) {
	files, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		if s := environment(parsed); s != nil {
			return variables(root, parsed, s)
		}
	}
	return nil, fmt.Errorf("%s has no type Environment", folder)
}

func environment(file *ast.File) *ast.StructType {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			if t, ok := spec.(*ast.TypeSpec); ok && t.Name.Name == "Environment" {
				s, _ := t.Type.(*ast.StructType)
				return s
			}
		}
	}
	return nil
}

func variables(root string, file *ast.File, s *ast.StructType) (found []Variable, err error) {
	for _, field := range s.Fields.List {
		if outer, ok := field.Type.(*ast.SelectorExpr); ok && field.Tag == nil {
			inner, err := Environment(root, imported(file, outer))
			if err != nil {
				return nil, err
			}
			found = append(found, inner...)
			continue
		}
		if field.Tag == nil {
			return nil, fmt.Errorf("%s: %s has no env tag", file.Name.Name, field.Names[0].Name)
		}
		tag, err := strconv.Unquote(field.Tag.Value)
		if err != nil {
			return nil, err
		}
		v := variable(reflect.StructTag(tag).Get("env"))
		v.Doc = strings.Join(strings.Fields(field.Doc.Text()+" "+field.Comment.Text()), " ")
		found = append(found, v)
	}
	return found, nil
}

// variable reads a tag as go-envconfig does: NAME,required or NAME,default=VALUE.
func variable(tag string) Variable {
	name, option, _ := strings.Cut(tag, ",")
	v := Variable{Name: name, Required: option == "required"}
	v.Default, _ = strings.CutPrefix(option, "default=")
	if v.Required {
		v.Default = ""
	}
	return v
}

// imported is the folder of the package that a type is of.
func imported(file *ast.File, of *ast.SelectorExpr) string {
	name, _ := of.X.(*ast.Ident)
	for _, i := range file.Imports {
		if path, _ := strconv.Unquote(i.Path.Value); strings.HasSuffix(path, "/"+name.Name) {
			return strings.TrimPrefix(path, module)
		}
	}
	return ""
}
