package schema

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// Kind is the recipe of a kind of backing.
type Kind struct {
	// Name of the kind.
	Name string
	// Recipe holds `in`, `component` and `outputs`.
	Recipe cue.Value
	// Defaults are what a backing says of `in` unless it says something else.
	Defaults map[string]*wire.Node
	// Span is the recipe's place.
	Span wire.Span
}

// addKind reads `kinds: NAME: {…}`.
func (s *Schema) addKind(field *ast.Field) {
	for _, decl := range field.Value.(*ast.StructLit).Elts {
		recipe := decl.(*ast.Field)
		name, _, err := ast.LabelName(recipe.Label)
		if err != nil {
			panic(err)
		}
		kind := &Kind{
			Name:   name,
			Recipe: s.value.LookupPath(cue.MakePath(cue.Str("kinds"), cue.Str(name))),
			Span:   s.span(recipe.Label),

			Defaults: map[string]*wire.Node{},
		}
		ast.Walk(recipe.Value, func(node ast.Node) bool {
			inner, ok := node.(*ast.Field)
			if !ok {
				return true
			}
			for _, attribute := range inner.Attrs {
				if key, body := attribute.Split(); key == "default" {
					name, _, _ := ast.LabelName(inner.Label)
					kind.Defaults[name] = s.soft(body, s.span(inner))
				}
			}
			return true
		}, nil)
		s.Kinds[name] = kind
	}
}
