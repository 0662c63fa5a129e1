package schema

import (
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// types are CUE's names of types that a message can describe.
var types = map[string]wire.Type{
	"bool": wire.TypeBool, "bytes": wire.TypeBytes, "float": wire.TypeFloat, "int": wire.TypeInt,
	"null": wire.TypeNull, "number": wire.TypeNumber, "string": wire.TypeString, "uint": wire.TypeUint,
}

// BoundsOf reads a constraint: its alternatives, each with the bounds that have
// to hold together. What is in brackets stays a text.
func BoundsOf(expr ast.Expr) wire.Expected {
	if binary, ok := expr.(*ast.BinaryExpr); ok && binary.Op == token.OR {
		return append(BoundsOf(binary.X), BoundsOf(binary.Y)...)
	}
	return wire.Expected{conjunction(expr)}
}

func conjunction(expr ast.Expr) wire.Alternative {
	if binary, ok := expr.(*ast.BinaryExpr); ok && binary.Op == token.AND {
		return append(conjunction(binary.X), conjunction(binary.Y)...)
	}
	return wire.Alternative{boundOf(expr)}
}

func boundOf(expr ast.Expr) wire.Bound {
	switch x := expr.(type) {
	case *ast.Ident:
		if kind, known := types[x.Name]; known {
			return wire.OfType{Kind: kind}
		}
	case *ast.BasicLit:
		switch source := SourceOf(expr); {
		case strings.HasPrefix(source, `"`):
			return wire.Literal{Source: source}
		case x.Kind == token.NULL:
			return wire.OfType{Kind: wire.TypeNull}
		}
	case *ast.UnaryExpr:
		if bound := unary(x); bound != nil {
			return bound
		}
	case *ast.ListLit:
		if len(x.Elts) == 1 {
			if rest, ok := x.Elts[0].(*ast.Ellipsis); ok && rest.Type != nil {
				return wire.Elements{Each: BoundsOf(rest.Type)}
			}
		}
	}
	return wire.Other{Source: SourceOf(expr)}
}

// unary reads a bound with an operator in front; nil for any other expression.
func unary(x *ast.UnaryExpr) wire.Bound {
	operand := SourceOf(x.X)
	switch x.Op {
	case token.GEQ:
		return wire.AtLeast{Limit: operand}
	case token.LEQ:
		return wire.AtMost{Limit: operand}
	case token.GTR:
		return wire.MoreThan{Limit: operand}
	case token.LSS:
		return wire.LessThan{Limit: operand}
	case token.NEQ:
		return wire.Unlike{Value: operand}
	case token.MAT:
		return wire.Matching{Pattern: pattern(x.X)}
	case token.NMAT:
		return wire.NotMatching{Pattern: pattern(x.X)}
	}
	return nil
}

// pattern returns the source of a regular expression without its quotes.
func pattern(x ast.Expr) string {
	return strings.Trim(SourceOf(x), `"`)
}

// SourceOf returns an expression as CUE formats it, in one line.
func SourceOf(expr ast.Expr) string {
	text, err := format.Node(expr)
	if err != nil {
		return ""
	}
	if source := string(text); strings.Contains(source, "\n") {
		return strings.Join(strings.Fields(source), " ")
	}
	return string(text)
}
