package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// collectionConjuncts returns the conjuncts of a root field of components that do
// more than list them, and the origins of those that limit all components, as a
// validator, a closed struct or a definition does: these constrain every team.
func (m *evaluation) collectionConjuncts(v cue.Value, path []string, above *frame) (lines []conjunct, binding []wire.Origin) {
	for _, c := range m.conjuncts(v, path, above) {
		if len(contributors(c.expr)) > 0 {
			lines = append(lines, c)
		}
		if m.limitsFields(c.expr, map[ast.Expr]bool{}) {
			binding = append(binding, wire.Origin{Span: c.span, Role: wire.RoleConstraint, By: c.by})
		}
	}
	return lines, binding
}

// returnsData reports whether a call yields data rather than a validator: that of
// any function of a package other than `struct`. What CUE predeclares, such as
// `close` and `matchN`, constrains.
func returnsData(call *ast.CallExpr) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	head, ok := selector.X.(*ast.Ident)
	if !ok {
		return false
	}
	spec, ok := head.Node.(*ast.ImportSpec)
	return ok && spec.Path.Value != `"struct"`
}

// limitsFields reports whether an expression limits which fields a struct has,
// itself or through references.
func (m *evaluation) limitsFields(x ast.Expr, seen map[ast.Expr]bool) bool {
	if seen[x] {
		return false
	}
	seen[x] = true
	switch x := x.(type) {
	case *ast.CallExpr:
		return !returnsData(x)
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.EmbedDecl:
				if m.limitsFields(d.Expr, seen) {
					return true
				}
			case *ast.Comprehension:
				if m.limitsFields(d.Value, seen) {
					return true
				}
			}
		}
	case *ast.ParenExpr:
		return m.limitsFields(x.X, seen)
	case *ast.BinaryExpr:
		return x.Op == token.AND && (m.limitsFields(x.X, seen) || m.limitsFields(x.Y, seen))
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		if isDefinition(m.prepared.Original(lastName(x))) {
			return true
		}
		for _, target := range m.targetsOf(x) {
			if m.limitsFields(target, seen) {
				return true
			}
		}
	}
	return false
}

// lastName returns the last name of a reference.
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

// closeCall returns the call of `close` in an expression, or nil.
func closeCall(x ast.Expr) *ast.CallExpr {
	switch x := x.(type) {
	case *ast.CallExpr:
		if name, ok := x.Fun.(*ast.Ident); ok && name.Node == nil && name.Name == "close" {
			return x
		}
	case *ast.ParenExpr:
		return closeCall(x.X)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			if call := closeCall(x.X); call != nil {
				return call
			}
			return closeCall(x.Y)
		}
	}
	return nil
}
