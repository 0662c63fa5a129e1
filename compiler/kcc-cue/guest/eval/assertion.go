package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/errors"

	"kcc.dev/engine/wire"
)

// asserted is a hidden field or a definition that CUE refuses.
type asserted struct {
	path  []string
	value cue.Value
}

// assert notes a field of a struct at a path for [model.assertions], if that is
// hidden or a definition and CUE refuses it. One that has to be there and is not
// is reported.
func (m *model) assert(field *cue.Iterator, path []string) {
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
			With("name", m.prepared.Original(at[len(at)-1])).With("expected", texts(lines)))
	case 0:
		if v.Validate() != nil {
			m.asserted = append(m.asserted, asserted{at, v})
		}
	}
}

// assertions reports what CUE refuses about hidden fields and definitions,
// whether anything uses them or not. It runs once soft values are in, because
// an assertion is about what will be, and after everything else: what makes a
// field of the model wrong is told there.
func (m *model) assertions() {
	for iter, err := m.root.Fields(cue.All()); err == nil && iter.Next(); {
		if !m.prepared.IsGenerated(iter.Selector().String()) {
			m.assert(iter, nil)
		}
	}
	cycles := m.cycles
	for _, a := range m.asserted {
		eachCulprit(a.value, a.path, m.refuse)
	}
	if len(cycles) > 0 {
		// What leads to a circle is told, and not the circle again.
		m.cycles = cycles
	}
}

// refuse reports a part of a hidden field or of a definition, unless its line
// was reported.
func (m *model) refuse(v cue.Value, path []string) {
	if m.isElsewhere(v, path) {
		return
	}
	apart := *m
	apart.errors, apart.seen = nil, map[string]bool{}
	apart.fault(v, nil, path, m.frameOf(v, path))
	m.followers, m.cycles = apart.followers, apart.cycles
	for _, e := range apart.errors {
		if !slices.ContainsFunc(m.errors, func(told wire.Error) bool { return sameLine(told, e) }) {
			m.report(e)
		}
	}
}

// frameOf gives the lines of a value and of what holds it, which may be what
// refuses it.
func (m *model) frameOf(v cue.Value, path []string) *frame {
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

// isElsewhere says whether a value fails because of another place at the root,
// which is reported there.
func (m *model) isElsewhere(v cue.Value, path []string) bool {
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

// below is the part of a value at a path, hidden fields included.
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
