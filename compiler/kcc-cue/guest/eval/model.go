package eval

import (
	"slices"
	"sort"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// model is one evaluation: its fragments, what CUE made of them, and what is
// wrong with them.
type model struct {
	request  *wire.Request
	prepared *syntax.Prepared
	lexicon  *lexicon
	root     cue.Value
	// refused is what CUE would not compile, or what breaks all components.
	refused []wire.Error
	errors  []wire.Error
	// followers are errors of expressions that refer to something which may be
	// told to be wrong itself.
	followers []follower
	// cycles are values that need themselves, to be put together at the end.
	cycles []cyclic
	// replaced are the lines that the target's overlay stands in for, by their
	// path, where somebody asks for them.
	replaced map[string]*replacement
	seen     map[string]bool
	// taken are the nodes of the fragments that take part in a value of the tree.
	taken map[ast.Node]bool
	// unfilled: recipes are read without what they are for, so that nothing is
	// said of what is open in them.
	unfilled bool
	// matched are the names of components in policies and defaults that the
	// target has.
	matched []wire.Span
	// asserted are the hidden fields and definitions below the root that CUE
	// refuses.
	asserted []asserted
	// finished is the package in which policies are evaluated; gaps says that
	// the model in it lacks what could not be evaluated.
	finished syntax.PolicyRoot
	gaps     bool
	// softly: soft values have joined the root, as defaults.
	softly bool
}

func newModel(req *wire.Request, p *syntax.Prepared) *model {
	m := &model{request: req, prepared: p, seen: map[string]bool{}, taken: map[ast.Node]bool{}}
	var refused []wire.Error
	m.root, refused = p.Build(context)
	m.errors = refused
	m.lexicon = newLexicon(p)
	m.isolate()
	m.refused = m.errors
	return m
}

// span is the place of a node, in the fragments or in the schema.
func (m *model) span(node ast.Node) (wire.Span, bool) {
	if span, ok := m.prepared.Span(node); ok {
		return span, true
	}
	if span, ok := shipped.Span(node); ok {
		return m.ofSchema(span), true
	}
	return wire.Span{}, false
}

// ofSchema counts a span of the schema after the request's files.
func (m *model) ofSchema(span wire.Span) wire.Span {
	span.File += len(m.request.Files)
	return span
}

// original writes the private names in an error as the fragments do.
func (m *model) original(e wire.Error) wire.Error {
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

// report adds an error, once for the same lines.
func (m *model) report(e wire.Error) {
	e = m.original(m.placed(e))
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

// response puts together what is known of the model.
func (m *model) response(tree *wire.Node) *wire.Response {
	m.reportCycles()
	all := append(m.prepared.Errors[:len(m.prepared.Errors):len(m.prepared.Errors)], m.errors...)
	all = append(all, m.unexplained(all)...)
	if !slices.ContainsFunc(all, func(e wire.Error) bool { return !e.Warning }) {
		all = append(all, m.unaccounted()...)
	}
	for i := range all {
		all[i] = m.placed(all[i])
	}
	sort.SliceStable(all, func(i, j int) bool { return before(all[i], all[j]) })
	return &wire.Response{Tree: tree, Errors: all, Partial: m.prepared.Partial}
}

// placed gives an error that no line of a fragment is known for the fields that
// are nearest above its path.
func (m *model) placed(e wire.Error) wire.Error {
	ofFragment := func(l wire.Label) bool { return l.File < len(m.request.Files) }
	for depth := len(e.Path); depth > 0 && !slices.ContainsFunc(e.Labels, ofFragment); depth-- {
		var labels []wire.Label
		for _, p := range m.lexicon.below(e.Path[:depth]) {
			if span, ok := m.span(p.field.Label); ok {
				labels = append(labels, wire.Label{Span: span, Role: wire.RoleValue})
			}
		}
		e.Labels = append(labels, e.Labels...)
	}
	return e
}

// before orders errors by their first line, then by path and code.
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

// child makes the path below one; paths never share their tail.
func child(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}
