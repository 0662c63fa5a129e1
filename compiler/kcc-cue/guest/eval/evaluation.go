package eval

import (
	"slices"
	"sort"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// evaluation is the state of one evaluation: the fragments, what CUE built, and
// the errors.
type evaluation struct {
	request  *wire.Request
	prepared *syntax.Prepared
	index    *syntaxIndex
	root     cue.Value
	// refused are the errors of what CUE would not compile and of what broke all
	// components.
	refused []wire.Error
	errors  []wire.Error
	// consequences are errors of expressions that refer to something which may be
	// reported itself.
	consequences []consequence
	// cycles are the values that depend on themselves, to be grouped at the end.
	cycles []cyclicValue
	// overridden has the lines that the target's overlay overrides, by path, if
	// the request asks for them.
	overridden map[string]*overriddenLines
	seen       map[string]bool
	// used has the syntax nodes that take part in a value of the tree.
	used map[ast.Node]bool
	// unfilled is set while recipes are read without an input, so that nothing
	// incomplete in them is reported.
	unfilled bool
	// matched are the component names in policies and defaults that the target
	// has.
	matched []wire.Span
	// assertions are the hidden fields and definitions below the root that CUE
	// rejects.
	assertions []failedAssertion
	// policyRoot is the package in which policies are evaluated; gaps is set if
	// the model in it lacks what could not be evaluated.
	policyRoot syntax.PolicyRoot
	gaps       bool
	// secondPass is set after defaults were unified with the root.
	secondPass bool
}

func newEvaluation(req *wire.Request, p *syntax.Prepared) *evaluation {
	m := &evaluation{request: req, prepared: p, seen: map[string]bool{}, used: map[ast.Node]bool{}}
	var refused []wire.Error
	m.root, refused = p.Build(context)
	m.errors = refused
	m.index = newIndex(p)
	m.removeBreakage()
	m.refused = m.errors
	return m
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
func (m *evaluation) original(e wire.Error) wire.Error {
	e.Path = slices.Clone(e.Path)
	for i, name := range e.Path {
		e.Path[i] = m.prepared.Original(name)
	}
	for i, arg := range e.Args {
		if strings.Contains(arg.Text, "$") {
			e.Args[i].Text = m.prepared.Originals(arg.Text)
		}
	}
	return e
}

// report adds an error, once for the same labels.
func (m *evaluation) report(e wire.Error) {
	e = m.original(m.located(e))
	if key := errorKey(e); !m.seen[key] {
		m.seen[key] = true
		m.errors = append(m.errors, e)
	}
}

func errorKey(e wire.Error) string {
	key := []byte(e.Code)
	number := func(n int) {
		for i := 0; i < 4; i++ {
			key = append(key, byte(n>>(8*i)))
		}
	}
	for _, label := range e.Labels {
		number(label.File)
		number(label.Start)
		number(label.End)
	}
	for _, arg := range e.Args {
		key = append(key, 0)
		key = append(key, arg.Text...)
	}
	if len(e.Labels) == 0 {
		for _, name := range e.Path {
			key = append(key, 0)
			key = append(key, name...)
		}
	}
	return string(key)
}

// response assembles the response.
func (m *evaluation) response(tree *wire.Node) *wire.Response {
	m.reportCycles()
	all := append(m.prepared.Errors[:len(m.prepared.Errors):len(m.prepared.Errors)], m.errors...)
	all = append(all, m.unexplained(all)...)
	if !slices.ContainsFunc(all, func(e wire.Error) bool { return !e.Warning }) {
		all = append(all, m.unaccounted()...)
	}
	for i := range all {
		all[i] = m.located(all[i])
	}
	sort.SliceStable(all, func(i, j int) bool { return before(all[i], all[j]) })
	return &wire.Response{Tree: tree, Errors: all, Partial: m.prepared.Partial}
}

// located labels an error that has no line in a fragment with the closest fields
// above its path.
func (m *evaluation) located(e wire.Error) wire.Error {
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
func before(a, b wire.Error) bool {
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
	return a.Code < b.Code
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
