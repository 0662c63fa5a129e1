package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

func TestEveryDefinitionAndFieldIsDocumented(t *testing.T) {
	for _, file := range Files() {
		tree, err := parser.ParseFile(file.Name, file.Text, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		inRecipe := strings.HasPrefix(file.Name, "schema/kinds/")
		depth := 0
		ast.Walk(tree, func(node ast.Node) bool {
			field, ok := node.(*ast.Field)
			if !ok {
				return true
			}
			depth++
			_, pattern := field.Label.(*ast.ListLit)
			if pattern || inRecipe && (depth == 2 || depth > 3) {
				return true
			}
			documented := false
			for _, comment := range ast.Comments(field) {
				documented = documented || comment.Doc
			}
			if name, _, _ := ast.LabelName(field.Label); !documented {
				t.Errorf("%s: `%s` has no comment", file.Name, name)
			}
			return true
		}, func(node ast.Node) {
			if _, ok := node.(*ast.Field); ok {
				depth--
			}
		})
		if hasDefault(tree) && !inRecipe {
			t.Errorf("%s marks a default with `*`; write @default(…)", file.Name)
		}
	}
}

// hasDefault reports whether a disjunction has a default of CUE.
func hasDefault(file *ast.File) (found bool) {
	ast.Walk(file, func(node ast.Node) bool {
		mark, ok := node.(*ast.UnaryExpr)
		found = found || ok && mark.Op == token.MUL
		return true
	}, nil)
	return found
}

// eachStruct visits every struct of the schema once.
func eachStruct(s *Schema, visit func(path string, of *Struct)) {
	seen := map[*Struct]bool{}
	var walk func(path string, shape *Shape)
	walk = func(path string, shape *Shape) {
		if shape == nil {
			return
		}
		walk(path+"[]", shape.Elem)
		if shape.Struct == nil || seen[shape.Struct] {
			return
		}
		seen[shape.Struct] = true
		visit(path, shape.Struct)
		for _, name := range shape.Struct.Names {
			walk(path+"."+name, shape.Struct.Fields[name].Shape)
		}
		walk(path+"[]", shape.Struct.Pattern)
	}
	walk("root", s.Root)
	walk("system", s.System)
}

func TestAttributesNameFieldsThatThereAre(t *testing.T) {
	eachStruct(Load(cuecontext.New()), func(path string, of *Struct) {
		check := func(name string) {
			if of.Fields[name] == nil {
				t.Errorf("%s: an attribute names `%s`, which is not a field", path, name)
			}
		}
		for _, groups := range append(of.Alternatives, of.Overrides...) {
			for _, group := range groups {
				for _, name := range group {
					check(name)
				}
			}
		}
		for _, group := range of.Together {
			for _, name := range group {
				check(name)
			}
		}
		for _, parity := range of.Parity {
			if !leads(&Shape{Struct: of}, strings.Split(parity.Path, ".")) {
				t.Errorf("%s: @parity names `%s`, which is not a field", path, parity.Path)
			}
		}
	})
}

// leads reports whether a path with `*` for any name leads to a field.
func leads(shape *Shape, path []string) bool {
	if len(path) == 0 {
		return true
	}
	if shape == nil || shape.Struct == nil {
		return false
	}
	if path[0] != "*" {
		field := shape.Struct.Fields[path[0]]
		return field != nil && leads(field.Shape, path[1:])
	}
	if shape.Struct.Pattern != nil {
		return leads(shape.Struct.Pattern, path[1:])
	}
	for _, field := range shape.Struct.Fields {
		if leads(field.Shape, path[1:]) {
			return true
		}
	}
	return false
}

func TestDefaultsSatisfyTheirFields(t *testing.T) {
	context := cuecontext.New()
	found := 0
	eachStruct(Load(context), func(path string, of *Struct) {
		for _, name := range of.Names {
			field := of.Fields[name]
			for _, engine := range []string{"docker", "kubernetes"} {
				value := field.Default(engine)
				if value == nil {
					continue
				}
				found++
				text := source(literalOf(value))
				if err := context.CompileString(text).Unify(field.Shape.Scalar).Err(); err != nil {
					t.Errorf("%s.%s: %v", path, name, err)
				}
				if field.Required {
					t.Errorf("%s.%s is required and has a default", path, name)
				}
			}
		}
	})
	if found == 0 {
		t.Error("no field has a default")
	}
}

func TestDisjunctionsAreBetweenKindsOrPlainTexts(t *testing.T) {
	eachStruct(Load(cuecontext.New()), func(path string, of *Struct) {
		for _, name := range of.Names {
			shape := of.Fields[name].Shape
			if shape.Kinds == 0 {
				t.Errorf("%s.%s accepts nothing", path, name)
			}
			if len(shape.Options) > 0 && shape.Kinds&cue.StringKind == 0 {
				t.Errorf("%s.%s has texts to choose from and takes no text", path, name)
			}
		}
	})
}

func TestEveryRecipeSaysTheUsualVersionAndPort(t *testing.T) {
	s := Load(cuecontext.New())
	for _, name := range []string{
		"elasticsearch", "kafka", "mariadb", "mongodb", "mqtt", "mysql", "nats", "opensearch",
		"postgres", "rabbitmq", "redis", "s3", "smtp", "valkey",
	} {
		kind := s.Kinds[name]
		if kind == nil {
			t.Errorf("`%s` has no recipe", name)
			continue
		}
		for _, field := range []string{"version", "port"} {
			if kind.Defaults[field] == nil {
				t.Errorf("the recipe of `%s` says nothing of the usual %s", name, field)
			}
		}
	}
}

// TestTableIsTrue compares the table of the kcc-tree crate with the schema, or
// with KCC_UPDATE writes it.
func TestTableIsTrue(t *testing.T) {
	const path = "../../../kcc-tree/schema.json"
	text, err := json.MarshalIndent(Load(cuecontext.New()).Table(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if os.Getenv("KCC_UPDATE") != "" {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, text) {
		t.Errorf("%s does not match schemas/; write it with KCC_UPDATE=1", path)
	}
}
