package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// together are the lines of a field of components that are more than a list of
// them, and those that limit all components together, as a validator, a closed
// struct or a definition does: whoever writes one constrains every team.
func (m *model) together(v cue.Value, path []string, above *frame) (lines []conjunct, binding []wire.Origin) {
	for _, c := range m.conjuncts(v, path, above) {
		if len(carriers(c.expr)) > 0 {
			lines = append(lines, c)
		}
		if m.binds(c.expr, map[ast.Expr]bool{}) {
			binding = append(binding, wire.Origin{Span: c.span, Role: wire.RoleConstraint, By: c.by})
		}
	}
	return lines, binding
}

// binds says whether an expression limits which fields a struct has, itself or
// through what it refers to.
func (m *model) binds(x ast.Expr, seen map[ast.Expr]bool) bool {
	if seen[x] {
		return false
	}
	seen[x] = true
	switch x := x.(type) {
	case *ast.CallExpr:
		return true
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.EmbedDecl:
				if m.binds(d.Expr, seen) {
					return true
				}
			case *ast.Comprehension:
				if m.binds(d.Value, seen) {
					return true
				}
			}
		}
	case *ast.ParenExpr:
		return m.binds(x.X, seen)
	case *ast.BinaryExpr:
		return x.Op == token.AND && (m.binds(x.X, seen) || m.binds(x.Y, seen))
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if isDefinition(m.prepared.Original(lastName(x))) {
			return true
		}
		for _, meaning := range m.meanings(x) {
			if m.binds(meaning, seen) {
				return true
			}
		}
	}
	return false
}

// lastName is the name that a reference ends with.
func lastName(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		name, _, _ := ast.LabelName(x.Sel)
		return name
	}
	return ""
}

// closing is the call of `close` in an expression; nil if there is none.
func closing(x ast.Expr) *ast.CallExpr {
	switch x := x.(type) {
	case *ast.CallExpr:
		if name, ok := x.Fun.(*ast.Ident); ok && name.Node == nil && name.Name == "close" {
			return x
		}
	case *ast.ParenExpr:
		return closing(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			if call := closing(x.X); call != nil {
				return call
			}
			return closing(x.Y)
		}
	}
	return nil
}
