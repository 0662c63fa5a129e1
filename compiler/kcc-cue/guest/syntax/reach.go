package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// AnyName is what a pattern of fields is called in a path.
const AnyName = "*"

// reach lists the paths that the body of a policy requires something of, as it
// is written: what it refers to is not followed.
func (p *Prepared) reach(require ast.Expr) []wire.Required {
	var out []wire.Required
	note := func(node ast.Node, path []string) {
		if span, ok := p.Span(node); ok && len(path) > 0 {
			out = append(out, wire.Required{Path: path, Span: span})
		}
	}
	var walk func(node ast.Node, path []string)
	walk = func(node ast.Node, path []string) {
		switch x := node.(type) {
		case *ast.StructLit:
			for _, decl := range x.Elts {
				walk(decl, path)
			}
		case *ast.Field:
			name, ok := staticName(x.Label)
			if !ok {
				name = AnyName
			} else if isPrivateLabel(x.Label) {
				// It is for the policy itself.
				return
			}
			walk(x.Value, append(slices.Clip(path), name))
		case *ast.EmbedDecl:
			walk(x.Expr, path)
		case *ast.Comprehension:
			walk(x.Value, path)
			if x.Fallback != nil {
				walk(x.Fallback.Body, path)
			}
		case *ast.ParenExpr:
			walk(x.X, path)
		case *ast.Alias:
			walk(x.Expr, path)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				walk(x.X, path)
				walk(x.Y, path)
				return
			}
			note(x, path)
		case *ast.LetClause, *ast.Attribute, *ast.CommentGroup, *ast.Ellipsis:
		default:
			note(node, path)
		}
	}
	walk(require, nil)
	return out
}
