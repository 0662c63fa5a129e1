package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// componentField returns the root field of components that an expression stands
// for, directly or through a let, or an empty string.
func (r *resolver) componentField(x ast.Expr, s *scope) string {
	ident, ok := x.(*ast.Ident)
	if !ok || r.imported {
		return ""
	}
	name := ident.Name
	for b := s.lookup(name); b != nil && b.refersTo != "" && b.refersTo != name; b = s.lookup(name) {
		name, s = b.refersTo, b.in
	}
	if !slices.Contains(schema.Shipped().ComponentFields(), name) || s.lookup(name) != nil {
		return ""
	}
	return name
}

// warnQuadratic warns about a loop over all components that runs once per
// component: fast for ten, minutes for a thousand.
func (r *resolver) warnQuadratic(source ast.Expr, name string) {
	if r.pruning || len(r.loops) == 0 {
		return
	}
	e := r.p.withLabel(wire.Fault{Detail: wire.SlowPattern{Name: name}, Warning: true}, source)
	r.faults.report(r.p.withLabel(e, r.loops[len(r.loops)-1]))
}
