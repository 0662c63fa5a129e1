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

// recordAssertion keeps a field for [walker.checkAssertions] if it is hidden
// or a definition and CUE rejects it. A required one without a value is reported.
func (w *walker) recordAssertion(field *cue.Iterator, path []string) {
	switch field.Selector().LabelType() {
	case cue.HiddenLabel, cue.DefinitionLabel:
	default:
		return
	}
	v, at := field.Value(), child(path, strings.TrimRight(field.Selector().String(), "!?"))
	switch field.Selector().ConstraintType() {
	case cue.RequiredConstraint:
		lines := w.conjuncts(v, at, nil)
		w.report(w.atLabels(wire.MissingField{
			Name: w.prepared.Original(at[len(at)-1]), Expected: expectedBy(lines),
		}, at, lines))
	case 0:
		if v.Validate() != nil {
			w.assertions = append(w.assertions, failedAssertion{at, v})
		}
	}
}

// checkAssertions reports the hidden fields and definitions that CUE rejects,
// whether or not anything uses them. It runs after defaults are filled in,
// because an assertion is about the final values, and last, because an error in a
// field of the model is reported there.
func (w *walker) checkAssertions() {
	for iter, err := w.root.Fields(cue.All()); err == nil && iter.Next(); {
		if !w.prepared.IsGenerated(iter.Selector().String()) {
			w.recordAssertion(iter, nil)
		}
	}
	found := newReporter(w.evaluation)
	for _, a := range w.assertions {
		eachInvalidPart(a.value, a.path, func(v cue.Value, path []string) {
			if !w.failsElsewhereAtRoot(v, path) {
				found.reportFailure(v, nil, path, w.frameOf(v, path))
			} else if isPrivate(a.path[0]) {
				w.masked = append(w.masked, a.path[0])
			}
		})
	}
	w.reportNew(found.errors)
	w.consequences = append(w.consequences, found.consequences...)
	if len(w.cycles) == 0 {
		// Otherwise they only lead to a cycle that is reported anyway.
		w.cycles = found.cycles
	}
}

// reportNew reports errors at lines that have none so far: what a field of the
// model reports is not repeated.
func (w *walker) reportNew(found []wire.Fault) {
	for _, e := range found {
		if !slices.ContainsFunc(w.errors, func(reported wire.Fault) bool { return sameLine(reported, e) }) {
			w.report(e)
		}
	}
}

// checkMaskedAssertions checks private names of the root that refer to a struct
// with an error. In CUE they have the same error; over the finished model, in
// which only the wrong value is unknown, they show whether they hold.
func (w *walker) checkMaskedAssertions(tree *wire.Node) {
	if len(w.masked) == 0 || w.requirePolicyRoot(tree) != nil {
		return
	}
	root := w.policyRoot.Root
	found := newReporter(w.withRoot(root))
	for _, name := range w.masked {
		v := root.LookupPath(w.rootPath(name))
		if !v.Exists() || v.Validate() == nil {
			continue
		}
		eachInvalidPart(v, []string{name}, func(v cue.Value, path []string) {
			if !isIncomplete(v) && !found.failsElsewhereAtRoot(v, path) {
				found.reportFailure(v, nil, path, &frame{conjuncts: found.conjuncts(v, path, nil)})
			}
		})
	}
	w.reportNew(found.errors)
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

func sameLine(a, b wire.Fault) bool {
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
