package schema

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// Kind is the recipe of a kind of backing.
type Kind struct {
	Name string
	// Recipe has the fields `in`, `component` and `outputs`.
	Recipe cue.Value
	// Defaults has the defaults of the fields of `in`.
	Defaults map[string]*wire.Node
	// Version is the constraint on the versions that the recipe supports.
	Version cue.Value
	// Versions has examples of them, for messages.
	Versions []string
	// StandIn is what the kind does instead of the real service; empty if it is the
	// real service.
	StandIn string
	// InitScripts is the directory from which the image runs scripts when it creates
	// its data; empty if it runs none.
	InitScripts string
	// Reads has the fields of `in` that the recipe refers to.
	Reads map[string]bool
	// Span is the span of the kind's name.
	Span wire.Span
}

// Fits reports whether the recipe supports a version.
func (k *Kind) Fits(version string) bool {
	text := k.Version.Context().Encode(version)
	return k.Version.Unify(text).Err() == nil
}

// texts returns the strings in a list of a recipe.
func texts(recipe cue.Value, field string) []string {
	var all []string
	iter, err := recipe.LookupPath(cue.ParsePath(field)).List()
	for err == nil && iter.Next() {
		text, _ := iter.Value().String()
		all = append(all, text)
	}
	return all
}

// InputsOf returns the fields of `in` that a recipe refers to.
func InputsOf(recipe ast.Node) map[string]bool {
	read := map[string]bool{}
	ast.Walk(recipe, func(node ast.Node) bool {
		if selector, ok := node.(*ast.SelectorExpr); ok {
			head, isIdent := selector.X.(*ast.Ident)
			name, _, err := ast.LabelName(selector.Sel)
			if isIdent && head.Name == "in" && err == nil {
				read[name] = true
			}
		}
		return true
	}, nil)
	return read
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
		kind.Version = kind.Recipe.LookupPath(cue.ParsePath("in.version"))
		kind.Versions = texts(kind.Recipe, "versions")
		kind.StandIn, _ = kind.Recipe.LookupPath(cue.ParsePath("standIn")).String()
		kind.InitScripts, _ = kind.Recipe.LookupPath(cue.ParsePath("initScripts")).String()
		kind.Reads = InputsOf(recipe.Value)
		if variants := texts(kind.Recipe, "variants"); len(variants) > 0 {
			newest := kind.Versions[len(kind.Versions)-1]
			kind.Versions = append(kind.Versions, newest+variants[0])
		}
		ast.Walk(recipe.Value, func(node ast.Node) bool {
			inner, ok := node.(*ast.Field)
			if !ok {
				return true
			}
			for _, attribute := range inner.Attrs {
				if key, body := attribute.Split(); key == "default" {
					name, _, _ := ast.LabelName(inner.Label)
					kind.Defaults[name] = s.scalarNode(body, s.span(inner))
				}
			}
			return true
		}, nil)
		s.Kinds[name] = kind
	}
}
