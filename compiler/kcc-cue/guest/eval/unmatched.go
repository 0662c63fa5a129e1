package eval

import (
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// recordMatch records whether the target has the component that a policy or
// default names. Only the host sees all targets: it drops the warning if another
// target has it.
func (r *reporter) recordMatch(path []string, span wire.Span, tree *wire.Node, policy string) {
	if at(tree, path...) != nil {
		r.matched = append(r.matched, span)
		return
	}
	if len(r.prepared.Partial) > 0 {
		// It may be in a file that could not be read.
		return
	}
	var names []string
	if all := get(tree, path[0]); all != nil {
		for _, field := range all.Fields {
			names = append(names, field.Name)
		}
	}
	unmatched := wire.NoMatch{Policy: policy, Name: path[1], Candidates: names}
	r.report(wire.Error{Detail: unmatched, Warning: true, Path: path}.At(span, wire.RoleConstraint))
}

// hasChosenName reports whether a path is that of something with a user-chosen
// name, such as a component.
func hasChosenName(path []string) bool {
	if len(path) != 2 || path[1] == anyName {
		return false
	}
	shape := shipped.Root.Struct.At(path[0])
	return shape != nil && shape.Struct != nil && shape.Struct.Pattern != nil && shape.Struct.Fields[path[1]] == nil
}

// forbids reports whether an expression says that a field must not exist.
func forbids(x ast.Expr) bool {
	if paren, ok := x.(*ast.ParenExpr); ok {
		return forbids(paren.X)
	}
	return isBottom(x)
}
