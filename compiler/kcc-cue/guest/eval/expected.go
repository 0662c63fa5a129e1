package eval

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// expected describes what a shape accepts.
func expected(shape *schema.Shape) wire.Expected {
	accepted := shape.Bounds
	if shape.Elem != nil {
		accepted = append(accepted[:len(accepted):len(accepted)], ofType(wire.TypeList)...)
	}
	if shape.Struct != nil {
		accepted = append(accepted[:len(accepted):len(accepted)], ofType(wire.TypeStruct)...)
	}
	return accepted
}

func ofType(kind wire.Type) wire.Expected {
	return wire.Expected{{wire.OfType{Kind: kind}}}
}

// expectedBy describes what conjuncts require together, as their teams write it.
func expectedBy(lines []conjunct) wire.Expected {
	var together wire.Alternative
	for _, c := range lines {
		accepted := schema.BoundsOf(statement(c))
		if len(lines) == 1 {
			return accepted
		}
		if len(accepted) == 1 {
			together = append(together, accepted[0]...)
		} else {
			together = append(together, wire.Other{Source: "(" + schema.SourceOf(statement(c)) + ")"})
		}
	}
	if len(together) == 0 {
		return nil
	}
	return wire.Expected{together}
}

// statement returns the expression that says what a conjunct requires: its own,
// or what it refers to if that says more than its name.
func statement(c conjunct) ast.Expr {
	kind := c.value.IncompleteKind()
	if !hasReferences(c.expr) || kind == cue.BottomKind || kind&(cue.StructKind|cue.ListKind) != 0 {
		return c.expr
	}
	// An expression that CUE prints with imports would be a file of its own, and
	// one of several lines is CUE's way of telling where names come from.
	value, ok := c.value.Syntax().(ast.Expr)
	if !ok {
		return c.expr
	}
	if text := sourceText(value); strings.Contains(text, "\n") || generated.MatchString(text) {
		return c.expr
	}
	return value
}

// typeOf names the type of a value.
func typeOf(kind cue.Kind) wire.Type {
	switch kind {
	case cue.BoolKind:
		return wire.TypeBool
	case cue.BytesKind:
		return wire.TypeBytes
	case cue.FloatKind:
		return wire.TypeFloat
	case cue.IntKind:
		return wire.TypeInt
	case cue.ListKind:
		return wire.TypeList
	case cue.NullKind:
		return wire.TypeNull
	case cue.NumberKind:
		return wire.TypeNumber
	case cue.StringKind:
		return wire.TypeString
	case cue.StructKind:
		return wire.TypeStruct
	}
	return wire.TypeOther
}
