package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/evaluator/wire"
)

// consequence is an error of an expression that fails because of what it refers
// to. It is reported only if nothing is reported at its cause.
type consequence struct {
	wire.Fault
	// causes are the spans that CUE blames.
	causes []wire.Span
}

// addConsequence records an error of an expression with the causes CUE blames.
func (r *reporter) addConsequence(e wire.Fault, blamed ...errors.Error) {
	r.consequences = append(r.consequences, consequence{e, r.causes(blamed)})
}

// addConsequenceOf records an error of conjuncts with the causes of their value.
func (r *reporter) addConsequenceOf(e wire.Fault, path []string, v cue.Value, lines ...conjunct) {
	causes := r.causes(failuresOf(v))
	elsewhere := slices.ContainsFunc(causes, func(at wire.Span) bool {
		return len(e.Labels) == 0 || !covers(e.Labels[0].Span, at)
	})
	for _, c := range lines {
		// For a cycle, or a value that was removed, CUE gives no position to
		// those that only refer to it.
		if !elsewhere {
			causes = append(causes, r.referenced(path, c)...)
		}
	}
	r.consequences = append(r.consequences, consequence{e, causes})
}

func (m *evaluation) causes(blamed []errors.Error) []wire.Span {
	var out []wire.Span
	for _, err := range blamed {
		for _, pos := range errors.Positions(err) {
			if at, ok := m.prepared.Position(pos); ok {
				out = append(out, at)
			}
		}
	}
	return out
}

// referenced returns the spans of the values that a conjunct refers to.
func (m *evaluation) referenced(path []string, c conjunct) []wire.Span {
	var out []wire.Span
	add := func(node ast.Node) {
		if at, ok := m.span(node); ok {
			out = append(out, at)
		}
	}
	for _, lead := range m.referencedPaths(path, c) {
		for _, p := range m.index.below(lead) {
			add(p.field.Value)
		}
	}
	ast.Walk(c.expr, func(node ast.Node) bool {
		if ident, ok := node.(*ast.Ident); ok && ident.Node != nil {
			add(ident.Node)
		}
		return true
	}, nil)
	return out
}

// unexplained returns the consequences whose cause no error reports.
func (r *reporter) unexplained(reported []wire.Fault) []wire.Fault {
	var out []wire.Fault
	for _, f := range r.consequences {
		if !slices.ContainsFunc(f.causes, func(cause wire.Span) bool {
			// What was dropped was reported before the evaluation.
			return r.prepared.DroppedAt(cause) || isReportedAt(reported, cause)
		}) {
			out = append(out, r.original(f.Fault))
		}
	}
	return out
}

// isReportedAt reports whether an error is about a span: at its first label, or
// at one that gives a value. A line that only constrains is not by itself a
// mistake.
func isReportedAt(reported []wire.Fault, at wire.Span) bool {
	return slices.ContainsFunc(reported, func(e wire.Fault) bool {
		for i, label := range e.Labels {
			if !e.Warning && (i == 0 || label.Role != wire.RoleConstraint) && (covers(label.Span, at) || covers(at, label.Span)) {
				return true
			}
		}
		return false
	})
}

// covers reports whether a span begins within another.
func covers(span, at wire.Span) bool {
	return span.File == at.File && span.Start <= at.Start && (at.Start < span.End || at.Start == span.Start)
}
