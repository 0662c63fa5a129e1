package eval

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// incompleteBool is CUE's message for a condition without a value.
const incompleteBool = "incomplete bool: bool"

// isIncomplete reports whether a value is an expression that has no result yet.
func isIncomplete(v cue.Value) bool {
	return v.IncompleteKind() == cue.BottomKind && !v.IsConcrete()
}

// incompleteness is a reason why a value has no result.
type incompleteness struct {
	labels []wire.Label
	// reference is what the value refers to, if that does not exist.
	reference *wire.Reference
	// cause is CUE's message otherwise.
	cause *wire.Cause
	// open is the reference that has no concrete value, if it is known.
	open string
	// part is set for a condition.
	part wire.Part
}

// ofPolicy returns the detail of a policy without a result.
func (i incompleteness) ofPolicy(name string) wire.Detail {
	return wire.BadPolicy{Policy: name, Problem: wire.UndecidedPolicy{Reference: i.reference, Incomplete: i.open, Part: i.part, Cause: i.cause}}
}

// explainIncomplete returns why a value has no result: the references that lead
// to nothing from a root, else CUE's message, at the expression it comes from.
func (m *evaluation) explainIncomplete(root, v cue.Value, path []string, lines []conjunct, exprs []determinant) []incompleteness {
	for _, c := range lines {
		determinants := determinantsOf(c.expr)
		if _, isStruct := c.expr.(*ast.StructLit); len(determinants) == 0 && !isStruct {
			determinants = []determinant{{expr: c.expr}}
		}
		exprs = append(exprs, determinants...)
	}
	for _, o := range exprs {
		if found := m.unresolvedIn(root, path, o.expr); len(found) > 0 {
			return found
		}
	}
	why := incompleteness{}
	for _, err := range errors.Errors(v.Err()) {
		at := m.determinantAround(err.Position(), exprs)
		if span, ok := m.span(at.expr); ok {
			why.labels = append(why.labels, wire.Label{Span: span, Role: wire.RoleConstraint})
		}
		if at.what == wire.PartCondition && isIncompleteError(err) {
			// CUE evaluates a condition with an operator that is not in the
			// source.
			why.cause = &wire.Cause{Message: incompleteBool, Bare: incompleteBool}
			why.part = wire.PartCondition
			return []incompleteness{why}
		}
		why.cause = cause(err, nil)
		if isIncompleteError(err) && at.expr != nil {
			why.open = m.withRoot(root).incompleteReference(path, []conjunct{{expr: at.expr, site: m.index.sites[at.expr]}})
		}
		return []incompleteness{why}
	}
	return []incompleteness{why}
}

// incompleteReference returns the source of the first reference in conjuncts to a
// value that is not concrete, or nothing.
func (m *evaluation) incompleteReference(path []string, lines []conjunct) string {
	for _, c := range lines {
		for _, one := range m.referencesIn(path, c) {
			v, ok := below(m.root, one.path)
			if chosen, has := v.Default(); ok && has {
				v = chosen
			}
			if ok && !v.IsConcrete() {
				return sourceText(one.expr)
			}
		}
	}
	return ""
}

// determinantAround returns the expression around a position, or the first: CUE
// may point at what an expression refers to.
func (m *evaluation) determinantAround(pos token.Pos, exprs []determinant) determinant {
	at, ok := m.prepared.Position(pos)
	for _, o := range exprs {
		if span, known := m.span(o.expr); ok && known && contains(span, at) {
			return o
		}
	}
	if len(exprs) > 0 {
		return exprs[0]
	}
	return determinant{}
}

// unresolvedIn returns the references in an expression that lead to nothing from
// a root.
func (m *evaluation) unresolvedIn(root cue.Value, path []string, expr ast.Expr) []incompleteness {
	trial := newReporter(m.withRoot(root))
	trial.reportUnresolved(path, expr)
	var found []incompleteness
	for _, e := range trial.errors {
		if unknown, ok := e.Detail.(wire.UnknownReference); ok {
			found = append(found, incompleteness{labels: e.Labels, reference: &unknown.Reference})
		}
	}
	return found
}

// part is a field or an element of a value.
type part struct {
	name  string
	value cue.Value
}

// parts returns the fields of a struct, including hidden ones and definitions, or
// the elements of a list.
func parts(v cue.Value) []part {
	var out []part
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		if selector := iter.Selector(); selector.ConstraintType() == 0 {
			out = append(out, part{strings.Trim(selector.String(), `"`), iter.Value()})
		}
	}
	if len(out) > 0 {
		return out
	}
	for iter, err := v.List(); err == nil && iter.Next(); {
		out = append(out, part{strconv.Itoa(len(out)), iter.Value()})
	}
	return out
}

// eachInvalidPart visits the innermost parts of a value that are errors.
func eachInvalidPart(v cue.Value, path []string, visit func(v cue.Value, path []string)) {
	found := false
	for _, inner := range parts(v) {
		if inner.value.Validate() != nil {
			found = true
			eachInvalidPart(inner.value, child(path, inner.name), visit)
		}
	}
	if !found {
		visit(v, path)
	}
}

// isUndecidable reports whether CUE rejects a value because an expression has no
// result, rather than because the value does not satisfy it.
func isUndecidable(v cue.Value) bool {
	v = invalidPart(v)
	return isIncomplete(v) && !isUnsatisfied(v)
}

// invalidPart returns the innermost part of a value that CUE rejects.
func invalidPart(v cue.Value) cue.Value {
	if v.IncompleteKind() == cue.BottomKind && !brokenBelow(v) {
		return v
	}
	for _, inner := range parts(v) {
		if inner.value.Validate(cue.Concrete(true)) != nil {
			return invalidPart(inner.value)
		}
	}
	return v
}

// isUnsatisfied reports whether a validator rejects a value. For a struct CUE's
// error is one that further fields could resolve, but data gets no further
// fields.
func isUnsatisfied(v cue.Value) bool {
	for _, err := range errors.Errors(v.Err()) {
		if format, _ := err.Msg(); strings.HasPrefix(format, unsatisfied) {
			return true
		}
	}
	return false
}
