package schema

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// Kind is the recipe of a kind of backing.
type Kind struct {
	// Name of the kind.
	Name string
	// Recipe holds `in`, `component` and `outputs`.
	Recipe cue.Value
	// Defaults are what a backing says of `in` unless it says something else.
	Defaults map[string]*wire.Node
	// Version is what a version that the recipe fits looks like.
	Version cue.Value
	// Versions are some of these, for a person who wrote another one.
	Versions []string
	// StandIn is what it does instead of the real service; empty where it is one.
	StandIn string
	// Span is the recipe's place.
	Span wire.Span
}

// Fits says whether the recipe is right for a version.
func (k *Kind) Fits(version string) bool {
	text := k.Version.Context().Encode(version)
	return k.Version.Unify(text).Err() == nil
}

// texts are the texts in a list of a recipe's.
func texts(recipe cue.Value, field string) []string {
	var all []string
	iter, err := recipe.LookupPath(cue.ParsePath(field)).List()
	for err == nil && iter.Next() {
		text, _ := iter.Value().String()
		all = append(all, text)
	}
	return all
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
					kind.Defaults[name] = s.soft(body, s.span(inner))
				}
			}
			return true
		}, nil)
		s.Kinds[name] = kind
	}
}
