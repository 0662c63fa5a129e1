package syntax

import (
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// Span returns the span of a node in the request's files, or false for a node
// that is in none of them.
func (p *Prepared) Span(node ast.Node) (wire.Span, bool) {
	if node == nil {
		return wire.Span{}, false
	}
	span, ok := p.Position(node.Pos())
	if !ok {
		return wire.Span{}, false
	}
	if end, ok := p.Position(p.end(node)); ok && end.File == span.File && end.Start > span.Start {
		span.End = end.Start
	}
	return span, true
}

// Position returns the empty span at a position in the request's files, or false
// for a position in none of them.
func (p *Prepared) Position(pos token.Pos) (wire.Span, bool) {
	if !pos.IsValid() {
		return wire.Span{}, false
	}
	file, ok := p.fileIndexes[pos.File()]
	if !ok {
		return wire.Span{}, false
	}
	return wire.Span{File: file, Start: pos.Offset(), End: pos.Offset()}, true
}

// withLabel adds a label at a node to an error.
func (p *Prepared) withLabel(e wire.Fault, node ast.Node) wire.Fault {
	if span, ok := p.Span(node); ok {
		return e.At(span, wire.RoleValue)
	}
	return e
}

// end returns the end of a node in the fragment. A renamed identifier is longer
// in the tree than in the fragment.
func (p *Prepared) end(node ast.Node) token.Pos {
	last := lastToken(node)
	if length, ok := p.lengths[last]; ok {
		return last.Pos().Add(length)
	}
	if _, bottom := last.(*ast.BottomLit); bottom {
		return last.Pos().Add(len(token.BOTTOM.String()))
	}
	return last.End()
}

// lastToken follows the right edge of a tree down to the node whose end is its
// own.
func lastToken(node ast.Node) ast.Node {
	for {
		next := lastChild(node)
		if next == nil {
			return node
		}
		node = next
	}
}

func lastChild(node ast.Node) ast.Node {
	switch x := node.(type) {
	case *ast.Field:
		if len(x.Attrs) > 0 {
			return x.Attrs[len(x.Attrs)-1]
		}
		if x.Value == nil {
			return x.Label
		}
		return x.Value
	case *ast.Alias:
		return x.Expr
	case *ast.Comprehension:
		if x.Fallback != nil {
			return x.Fallback.Body
		}
		return x.Value
	case *ast.StructLit:
		if x.Rbrace == token.NoPos && len(x.Elts) > 0 {
			return x.Elts[len(x.Elts)-1]
		}
	case *ast.Interpolation:
		if len(x.Elts) > 0 {
			return x.Elts[len(x.Elts)-1]
		}
	case *ast.Ellipsis:
		if x.Type != nil {
			return x.Type
		}
	case *ast.LetClause:
		return x.Expr
	case *ast.ForClause:
		return x.Source
	case *ast.IfClause:
		return Written(x.Condition)
	case *ast.SelectorExpr:
		return x.Sel
	case *ast.UnaryExpr:
		return x.X
	case *ast.BinaryExpr:
		return x.Y
	case *ast.EmbedDecl:
		return x.Expr
	case *ast.Package:
		return x.Name
	}
	return nil
}
