package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// componentFields are the root fields whose fields are components.
var componentFields = []string{"services", "jobs", "cronJobs", "backing"}

// allComponents says whether an expression is a root field of components as a
// whole.
func (r *resolver) allComponents(x ast.Expr, s *scope) bool {
	ident, ok := x.(*ast.Ident)
	return ok && slices.Contains(componentFields, ident.Name) && s.lookup(ident.Name) == nil && !r.imported
}

// tooOften warns where all components are gone through once for each: what is
// quick for ten takes minutes for a thousand.
func (r *resolver) tooOften(source ast.Expr) {
	if r.settled || len(r.each) == 0 {
		return
	}
	e := r.p.mark(wire.Error{Code: wire.SlowPattern, Warning: true}, source)
	e = r.p.mark(e, r.each[len(r.each)-1])
	r.report(e.With("name", source.(*ast.Ident).Name))
}
