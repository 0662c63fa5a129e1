package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// evaluation is the state of one evaluation: the fragments and what CUE built. It
// reports nothing: that is up to a [reporter].
type evaluation struct {
	request  *wire.Request
	prepared *syntax.Prepared
	index    *syntaxIndex
	root     cue.Value
	// overridden has the lines that the target's overlay overrides, by path, if
	// the request asks for them.
	overridden map[string]*overriddenLines
	// used has the syntax nodes that take part in a value of the tree.
	used map[ast.Node]bool
	// policyRoot is the package in which policies are evaluated; gaps is set if
	// the model in it lacks what could not be evaluated.
	policyRoot syntax.PolicyRoot
	gaps       bool
	// secondPass is set after defaults were unified with the root.
	secondPass bool
}

// newEvaluation builds the fragments. The reporter has the errors of what CUE
// would not compile and of what broke all components.
func newEvaluation(req *wire.Request, p *syntax.Prepared) *reporter {
	m := &evaluation{request: req, prepared: p, used: map[ast.Node]bool{}}
	r := newReporter(m)
	m.root, r.errors = p.Build(context)
	m.index = newIndex(p)
	r.removeBreakage()
	return r
}

// withRoot returns the evaluation of the same fragments with another root.
func (m *evaluation) withRoot(root cue.Value) *evaluation {
	other := *m
	other.root = root
	return &other
}

// span returns the span of a node in the fragments or in the schema.
func (m *evaluation) span(node ast.Node) (wire.Span, bool) {
	if span, ok := m.prepared.Span(node); ok {
		return span, true
	}
	if span, ok := shipped.Span(node); ok {
		return m.ofSchema(span), true
	}
	return wire.Span{}, false
}

// ofSchema counts the files of a schema span after the request's files.
func (m *evaluation) ofSchema(span wire.Span) wire.Span {
	span.File += len(m.request.Files)
	return span
}

// original restores the private names in an error to the fragments' spelling.
func (m *evaluation) original(e wire.Fault) wire.Fault {
	e.Path = slices.Clone(e.Path)
	for i, name := range e.Path {
		e.Path[i] = m.prepared.Original(name)
	}
	e.Detail = wire.MapTexts(e.Detail, func(text string) string {
		if strings.Contains(text, "$") {
			return m.prepared.Originals(text)
		}
		return text
	})
	return e
}

// located labels an error that has no line in a fragment with the closest fields
// above its path.
func (m *evaluation) located(e wire.Fault) wire.Fault {
	ofFragment := func(l wire.Label) bool { return l.File < len(m.request.Files) }
	for depth := len(e.Path); depth > 0 && !slices.ContainsFunc(e.Labels, ofFragment); depth-- {
		var labels []wire.Label
		for _, p := range m.index.below(e.Path[:depth]) {
			if span, ok := m.span(p.field.Label); ok {
				labels = append(labels, wire.Label{Span: span, Role: wire.RoleValue})
			}
		}
		e.Labels = append(labels, e.Labels...)
	}
	return e
}

// before orders errors by their first label, then by path and code.
func before(a, b wire.Fault) bool {
	if len(a.Labels) > 0 && len(b.Labels) > 0 {
		if x, y := a.Labels[0].Span, b.Labels[0].Span; x != y {
			return less(x, y)
		}
	} else if len(a.Labels) != len(b.Labels) {
		return len(a.Labels) > len(b.Labels)
	}
	for i := 0; i < len(a.Path) && i < len(b.Path); i++ {
		if a.Path[i] != b.Path[i] {
			return a.Path[i] < b.Path[i]
		}
	}
	if len(a.Path) != len(b.Path) {
		return len(a.Path) < len(b.Path)
	}
	return a.Code() < b.Code()
}

func less(a, b wire.Span) bool {
	if a.File != b.File {
		return a.File < b.File
	}
	if a.Start != b.Start {
		return a.Start < b.Start
	}
	return a.End < b.End
}

// child returns the path below another. Paths never share their tail.
func child(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}
