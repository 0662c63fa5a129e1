package eval

import (
	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// hold holds the policies against the finished tree.
//
// They see data alone, every spelling of a field included. All are evaluated
// together; only where that fails are they told apart.
func (m *model) hold(w *walk, tree *wire.Node) {
	if len(m.prepared.Policies) == 0 {
		return
	}
	d := &data{walk: w}
	value := context.BuildExpr(d.root(tree))
	all := m.root.LookupPath(m.prepared.AllPolicies)
	m.holdSome(w, tree, value, all, m.prepared.Policies)
}

// holdSome holds some policies, together and where that fails by halves: few
// of many are violated.
func (m *model) holdSome(w *walk, tree *wire.Node, value, all cue.Value, policies []syntax.Policy) {
	result := value.Unify(all)
	if result.Validate(cue.Final()) == nil {
		return
	}
	if len(policies) == 1 {
		h := &holding{model: m, policy: &policies[0], walk: w}
		h.read(result, value, tree, nil)
		return
	}
	half := len(policies) / 2
	for _, part := range [][]syntax.Policy{policies[:half], policies[half:]} {
		together := m.root.LookupPath(part[0].Path)
		for _, policy := range part[1:] {
			together = together.Unify(m.root.LookupPath(policy.Path))
		}
		m.holdSome(w, tree, value, together, part)
	}
}

// data writes the tree for policies.
type data struct {
	walk *walk
}

func (d *data) root(tree *wire.Node) ast.Expr {
	lit := &ast.StructLit{}
	for _, field := range tree.Fields {
		if !isComponent(field.Name) || field.Node.Kind != wire.Struct {
			lit.Elts = append(lit.Elts, namedField(field.Name, d.value(field.Node)))
			continue
		}
		all := &ast.StructLit{}
		for _, component := range field.Node.Fields {
			if component.Node.Kind == wire.Absent && !d.unknown(component.Node) {
				continue
			}
			all.Elts = append(all.Elts, namedField(component.Name, d.component(component.Node)))
		}
		lit.Elts = append(lit.Elts, namedField(field.Name, all))
	}
	return lit
}

// unknown says whether a node has a value that could not be evaluated.
func (d *data) unknown(node *wire.Node) bool {
	if o, open := d.walk.open[node]; open {
		return !o.absent
	}
	return d.walk.silent[node]
}

func (d *data) value(node *wire.Node) ast.Expr {
	if d.unknown(node) {
		return ast.NewIdent("_")
	}
	switch node.Kind {
	case wire.Struct:
		lit := &ast.StructLit{}
		for _, field := range node.Fields {
			if field.Node.Kind == wire.Absent && !d.unknown(field.Node) {
				continue
			}
			lit.Elts = append(lit.Elts, namedField(field.Name, d.value(field.Node)))
		}
		return lit
	case wire.List:
		list := &ast.ListLit{}
		for _, item := range node.Items {
			list.Elts = append(list.Elts, d.value(item))
		}
		return list
	default:
		return expression(node)
	}
}

// component writes a component with its short forms long and its long forms
// short.
func (d *data) component(node *wire.Node) ast.Expr {
	if node.Kind != wire.Struct || d.unknown(node) {
		return ast.NewIdent("_")
	}
	lit := &ast.StructLit{}
	for _, field := range node.Fields {
		inner := field.Node
		if inner.Kind == wire.Absent && !d.unknown(inner) {
			continue
		}
		if inner.Kind == wire.Struct && !d.unknown(inner) {
			switch field.Name {
			case "resources":
				inner = spelledResources(inner)
			case "health":
				inner = spelledHealth(inner)
			}
		}
		lit.Elts = append(lit.Elts, namedField(field.Name, d.value(inner)))
	}
	return lit
}

// spelledResources says what `memory` and `cpu` mean in both spellings.
func spelledResources(node *wire.Node) *wire.Node {
	out := &wire.Node{Kind: wire.Struct, Fields: append([]wire.Field(nil), node.Fields...)}
	give := func(amount *wire.Node, path ...string) {
		if amount == nil || amount.Kind == wire.Absent || at(out, path...) != nil {
			return
		}
		if len(path) == 1 {
			set(out, path[0], amount)
			return
		}
		group := &wire.Node{Kind: wire.Struct}
		if have := get(out, path[0]); have != nil && have.Kind == wire.Struct {
			group.Fields = append(group.Fields, have.Fields...)
		}
		set(group, path[1], amount)
		set(out, path[0], group)
	}
	give(get(node, "memory"), "requests", "memory")
	give(get(node, "memory"), "limits", "memory")
	give(get(node, "cpu"), "requests", "cpu")
	give(at(node, "limits", "memory"), "memory")
	give(at(node, "requests", "memory"), "memory")
	give(at(node, "requests", "cpu"), "cpu")
	return out
}

// spelledHealth says that one probe means readiness and liveness.
func spelledHealth(node *wire.Node) *wire.Node {
	probe := &wire.Node{Kind: wire.Struct}
	for _, kind := range []string{"http", "tcp", "grpc", "exec"} {
		if inner := get(node, kind); inner != nil && inner.Kind != wire.Absent {
			set(probe, kind, inner)
		}
	}
	if len(probe.Fields) == 0 {
		return node
	}
	out := &wire.Node{Kind: wire.Struct, Fields: append([]wire.Field(nil), node.Fields...)}
	for _, purpose := range []string{"readiness", "liveness"} {
		if get(out, purpose) == nil {
			set(out, purpose, probe)
		}
	}
	return out
}

// holding finds what violates one policy.
type holding struct {
	model  *model
	policy *syntax.Policy
	walk   *walk
}

// read goes through what the data and the policy make together.
func (h *holding) read(v, given cue.Value, node *wire.Node, path []string) {
	if given.IncompleteKind() != cue.StructKind || h.bad(v, path) {
		h.leaf(v, given, node, path)
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
		at := child(path, name)
		inner := given.LookupPath(cue.MakePath(cue.Str(name)))
		switch {
		case inner.Exists():
			below := get(node, name)
			if below == nil {
				below = node
			}
			h.read(iter.Value(), inner, below, at)
		case selector.ConstraintType() == cue.RequiredConstraint:
			h.missing(iter.Value(), node, at)
		}
	}
}

// bad says whether a value is an error by itself.
func (h *holding) bad(v cue.Value, path []string) bool {
	return v.IncompleteKind() == cue.BottomKind && h.model.ownError(v, path)
}

// leaf reports a value that the policy rules out.
func (h *holding) leaf(v, given cue.Value, node *wire.Node, path []string) {
	if v.Validate(cue.Final()) == nil || given.IncompleteKind() == cue.TopKind {
		return
	}
	var ruling []conjunct
	for _, c := range h.lines(path, v) {
		if given.Unify(c.value).Validate(cue.Final()) != nil {
			ruling = append(ruling, c)
		}
	}
	e := h.start(path, node)
	forbidden := false
	for _, c := range ruling {
		e = e.At(c.span, wire.RoleConstraint)
		forbidden = forbidden || isBottom(c.expr)
	}
	if forbidden {
		h.model.report(e.With("forbidden", "true"))
		return
	}
	e = e.With("expected", texts(ruling))
	if given.IncompleteKind()&(cue.StructKind|cue.ListKind) == 0 {
		e = h.model.actual(e, given)
	}
	h.model.report(e)
}

// missing reports a field that the policy requires.
func (h *holding) missing(v cue.Value, node *wire.Node, path []string) {
	e := h.start(path, node)
	for _, label := range h.model.atLabels(wire.PolicyViolated, path, h.lines(path, v)).Labels {
		e = e.At(label.Span, wire.RoleConstraint)
	}
	h.model.report(e.With("missing", path[len(path)-1]))
}

// lines are the policy's lines for a path.
func (h *holding) lines(path []string, v cue.Value) []conjunct {
	return h.model.conjuncts(v, append([]string{h.policy.Path.String()}, path...), nil)
}

// start begins a violation with the lines that decide the value.
func (h *holding) start(path []string, node *wire.Node) wire.Error {
	e := wire.Error{Code: wire.PolicyViolated, Path: path}
	for i, o := range node.Origins {
		if i == 0 || weight(o.Role) == weight(node.Origins[0].Role) {
			e = e.At(o.Span, o.Role)
		}
	}
	return e.With("policy", h.policy.Name).With("message", h.policy.Message)
}
