package eval

import (
	"strings"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// match notes whether the target has the component that a rule names. Only the
// host sees all targets: it takes a warning back where another one has it.
func (m *model) match(path []string, span wire.Span, tree *wire.Node, policy string) {
	if at(tree, path...) != nil {
		m.matched = append(m.matched, span)
		return
	}
	if len(m.prepared.Partial) > 0 {
		// It may stand where a file could not be read.
		return
	}
	var names []string
	if all := get(tree, path[0]); all != nil {
		for _, field := range all.Fields {
			names = append(names, field.Name)
		}
	}
	m.report(wire.Error{Code: wire.NoMatch, Warning: true, Path: path}.At(span, wire.RoleConstraint).
		With("policy", policy).With("name", path[1]).With("candidates", strings.Join(names, " ")))
}

// isChosen says whether a path is that of something whose name teams choose,
// such as a component.
func isChosen(path []string) bool {
	if len(path) != 2 || path[1] == anyName {
		return false
	}
	shape := shipped.Root.Struct.At(path[0])
	return shape != nil && shape.Struct != nil && shape.Struct.Pattern != nil && shape.Struct.Fields[path[1]] == nil
}

// isForbidden says whether an expression says that a field must not be there.
func isForbidden(x ast.Expr) bool {
	if paren, ok := x.(*ast.ParenExpr); ok {
		return isForbidden(paren.X)
	}
	return isBottom(x)
}
