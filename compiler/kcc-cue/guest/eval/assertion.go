package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"

	"kcc.dev/evaluator/wire"
)

// failedAssertion is a hidden field or a definition that CUE rejects.
type failedAssertion struct {
	path  []string
	value cue.Value
}

// recordAssertion keeps a field for [evaluation.checkAssertions] if it is hidden
// or a definition and CUE rejects it. A required one without a value is reported.
func (m *evaluation) recordAssertion(field *cue.Iterator, path []string) {
	switch field.Selector().LabelType() {
	case cue.HiddenLabel, cue.DefinitionLabel:
	default:
		return
	}
	v, at := field.Value(), child(path, strings.TrimRight(field.Selector().String(), "!?"))
	switch field.Selector().ConstraintType() {
	case cue.RequiredConstraint:
		lines := m.conjuncts(v, at, nil)
		m.report(m.atLabels(wire.MissingField, at, lines).
			With("name", m.prepared.Original(at[len(at)-1])).With("expected", sourceTexts(lines)))
	case 0:
		if v.Validate() != nil {
			m.assertions = append(m.assertions, failedAssertion{at, v})
		}
	}
}

// checkAssertions reports the hidden fields and definitions that CUE rejects,
// whether or not anything uses them. It runs after defaults are filled in,
// because an assertion is about the final values, and last, because an error in a
// field of the model is reported there.
func (m *evaluation) checkAssertions() {
	for iter, err := m.root.Fields(cue.All()); err == nil && iter.Next(); {
		if !m.prepared.IsGenerated(iter.Selector().String()) {
			m.recordAssertion(iter, nil)
		}
	}
	cycles := m.cycles
	for _, a := range m.assertions {
		eachInvalidPart(a.value, a.path, m.reportAssertion)
	}
	if len(cycles) > 0 {
		// What leads to a cycle was reported; the cycle is not repeated.
		m.cycles = cycles
	}
}

// reportAssertion reports a part of a hidden field or of a definition, unless an
// error at the same line was reported.
func (m *evaluation) reportAssertion(v cue.Value, path []string) {
	if m.failsElsewhereAtRoot(v, path) {
		return
	}
	scratch := *m
	scratch.errors, scratch.seen = nil, map[string]bool{}
	scratch.reportFailure(v, nil, path, m.frameOf(v, path))
	m.consequences, m.cycles = scratch.consequences, scratch.cycles
	for _, e := range scratch.errors {
		if !slices.ContainsFunc(m.errors, func(reported wire.Error) bool { return sameLine(reported, e) }) {
			m.report(e)
		}
	}
}

// frameOf returns the conjuncts of a value and of the values around it, which may
// be what rejects it.
func (m *evaluation) frameOf(v cue.Value, path []string) *frame {
	here := &frame{conjuncts: m.conjuncts(v, path, nil)}
	if inside := path[:len(path)-1]; len(inside) > 0 {
		if outer, ok := below(m.root, inside); ok {
			here.above = m.frameOf(outer, inside)
		}
	}
	return here
}

func sameLine(a, b wire.Error) bool {
	return len(a.Labels) > 0 && len(b.Labels) > 0 && a.Labels[0].Span == b.Labels[0].Span
}

// failsElsewhereAtRoot reports whether a value fails because of another path,
// which is reported there.
func (m *evaluation) failsElsewhereAtRoot(v cue.Value, path []string) bool {
	for _, err := range errors.Errors(v.Err()) {
		at := err.Path()
		if len(at) == 0 || slices.Equal(at, path) {
			continue
		}
		if other, ok := below(m.root, at); ok && other.Validate() != nil {
			return true
		}
	}
	return false
}

// below returns the part of a value at a path, including hidden fields.
func below(v cue.Value, path []string) (cue.Value, bool) {
	for _, name := range path {
		inner := parts(v)
		at := slices.IndexFunc(inner, func(p part) bool { return p.name == name })
		if at < 0 {
			return cue.Value{}, false
		}
		v = inner[at].value
	}
	return v, true
}
