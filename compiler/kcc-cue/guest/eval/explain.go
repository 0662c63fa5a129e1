package eval

import (
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// explain collects the other statements about each value of the completed tree:
// the schema's line, the defaults that a stronger value overrode, and the
// policies it was checked against.
func (w *walker) explain(tree *wire.Node, owners map[owner]string) []wire.Explained {
	e := &explainer{evaluation: w.evaluation, annotations: &annotation{}}
	for _, field := range tree.Fields {
		e.schema(field.Node, shipped.Root.Struct.At(field.Name), e.annotations.at(field.Name))
	}
	e.defaults(w, tree, owners)
	e.addOverridden()
	e.policies(w)
	var out []wire.Explained
	e.annotations.list(nil, func(explained wire.Explained) { out = append(out, explained) })
	return out
}

// annotation holds the notes on one path and those below it.
type annotation struct {
	wire.Explained
	names  []string
	fields map[string]*annotation
}

// at returns the annotation of a path, and creates it if necessary.
func (n *annotation) at(names ...string) *annotation {
	for _, name := range names {
		next := n.fields[name]
		if next == nil {
			next = &annotation{}
			if n.fields == nil {
				n.fields = map[string]*annotation{}
			}
			n.fields[name] = next
			n.names = append(n.names, name)
		}
		n = next
	}
	return n
}

// list visits the annotations that are not empty, in the order of the tree.
func (n *annotation) list(path []string, visit func(wire.Explained)) {
	if n.Schema != nil || len(n.Defaults)+len(n.Overridden)+len(n.Policies) > 0 {
		n.Path = path
		visit(n.Explained)
	}
	for _, name := range n.names {
		n.fields[name].list(child(path, name), visit)
	}
}

// explainer collects the annotations of one tree.
type explainer struct {
	*evaluation
	annotations *annotation
}

// schema adds the schema's line of everything that exists.
func (e *explainer) schema(node *wire.Node, shape *schema.Shape, into *annotation) {
	if shape == nil {
		return
	}
	line := e.ofSchema(shape.Span)
	into.Schema = &line
	if shape.Struct == nil || node.Kind != wire.Struct {
		return
	}
	for _, field := range node.Fields {
		below := into.at(field.Name)
		e.schema(field.Node, shape.Struct.At(field.Name), below)
		if known := shape.Struct.Fields[field.Name]; known != nil {
			if value := known.Default(e.request.Engine); value != nil {
				line := e.ofSchema(value.Origins[0].Span)
				below.Schema = &line
			}
		}
	}
}

// defaults adds every default of a fragment.
func (e *explainer) defaults(w *walker, tree *wire.Node, owners map[owner]string) {
	// The errors of a block were reported where its values were needed.
	f := &filler{walker: w.reportingTo(newReporter(e.evaluation)), owners: owners, all: true}
	if defaults := f.collectDefaults(tree); defaults != nil {
		e.addDefaults(f, defaults, nil)
	}
}

func (e *explainer) addDefaults(f *filler, defaults *defaultNode, path []string) {
	for _, value := range defaults.values {
		for _, origin := range value.node.Origins {
			into := e.annotations.at(path...)
			into.Defaults = append(into.Defaults, wire.DefaultLine{Origin: origin, Own: len(path) > 1 && f.layer(value, path) == layerOwn})
		}
	}
	for _, name := range sortedNames(defaults.fields) {
		e.addDefaults(f, defaults.fields[name], child(path, name))
	}
}

// policies adds the lines of each policy to the values it is about.
func (e *explainer) policies(w *walker) {
	if len(e.prepared.Policies) == 0 {
		return
	}
	value := e.policyRoot.Model
	for i := range e.prepared.Policies {
		policy := &e.prepared.Policies[i]
		h := &policyCheck{reporter: w.reporter, policy: policy, walker: w}
		e.policy(h, i, value.Unify(e.policyRoot.Root.LookupPath(policy.Path)), value, nil)
	}
}

func (e *explainer) policy(h *policyCheck, index int, v, given cue.Value, path []string) {
	if given.IncompleteKind() != cue.StructKind {
		for _, line := range h.lines(path, v) {
			into := e.annotations.at(path...)
			into.Policies = append(into.Policies, wire.PolicyLine{Policy: index, Span: line.span})
		}
		return
	}
	iter, err := v.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	for iter.Next() {
		selector := iter.Selector()
		if selector.LabelType() != cue.StringLabel {
			continue
		}
		name := selector.Unquoted()
		if inner := given.LookupPath(cue.MakePath(cue.Str(name))); inner.Exists() {
			e.policy(h, index, iter.Value(), inner, child(path, name))
		}
	}
}

// overriddenLines are the lines at a path that the target's overlay overrides.
type overriddenLines struct {
	path  []string
	lines []wire.Origin
}

// recordOverridden keeps the line of an overridden value for `kcc blame`.
func (m *evaluation) recordOverridden(path []string, expr ast.Expr) {
	if span, ok := m.span(expr); ok && m.request.Explain {
		m.recordOverriddenAt(path, span)
	}
}

func (m *evaluation) recordOverriddenAt(path []string, span wire.Span) {
	key := strings.Join(path, "\x00")
	found := m.overridden[key]
	if found == nil {
		if m.overridden == nil {
			m.overridden = map[string]*overriddenLines{}
		}
		found = &overriddenLines{path: slices.Clone(path)}
		m.overridden[key] = found
	}
	found.lines = merge(found.lines, []wire.Origin{{Span: span, Role: wire.RoleValue, By: span.File}})
}

// addOverridden adds the lines that the target's overlay overrides.
func (e *explainer) addOverridden() {
	for _, excluded := range e.prepared.Excluded {
		e.recordOverriddenAt(excluded.Path, excluded.At)
	}
	for _, key := range slices.Sorted(maps.Keys(e.overridden)) {
		found := e.overridden[key]
		slices.SortFunc(found.lines, func(a, b wire.Origin) int {
			if less(a.Span, b.Span) {
				return -1
			}
			return 1
		})
		e.annotations.at(found.path...).Overridden = found.lines
	}
}
