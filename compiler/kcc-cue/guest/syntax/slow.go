package syntax

import (
	"slices"

	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/wire"
)

// componentFields are the root fields whose fields are components.
var componentFields = []string{"services", "jobs", "cronJobs", "backing"}

// allComponents is the root field of components that an expression is as a
// whole, itself or by a let; empty where it is none.
func (r *resolver) allComponents(x ast.Expr, s *scope) string {
	ident, ok := x.(*ast.Ident)
	if !ok || r.imported {
		return ""
	}
	name := ident.Name
	for b := s.lookup(name); b != nil && b.refers != "" && b.refers != name; b = s.lookup(name) {
		name, s = b.refers, b.in
	}
	if !slices.Contains(componentFields, name) || s.lookup(name) != nil {
		return ""
	}
	return name
}

// tooOften warns where all components are gone through once for each: what is
// quick for ten takes minutes for a thousand.
func (r *resolver) tooOften(source ast.Expr, name string) {
	if r.settled || len(r.each) == 0 {
		return
	}
	e := r.p.mark(wire.Error{Code: wire.SlowPattern, Warning: true}, source)
	e = r.p.mark(e, r.each[len(r.each)-1])
	r.report(e.With("name", name))
}
