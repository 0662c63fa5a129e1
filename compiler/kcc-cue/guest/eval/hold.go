package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// knownFields are the fields that a policy requires something of. It reports
// those that the schema does not have: nobody could ever violate it.
func (m *model) knownFields(policy syntax.Policy) []wire.Required {
	return slices.DeleteFunc(policy.Reach, func(required wire.Required) bool {
		name, known := leaves(required.Path)
		if name == "" {
			return false
		}
		e := wire.Error{Code: wire.BadPolicy, Path: []string{"policies", policy.Name, "require"}}
		m.report(e.At(required.Span, wire.RoleConstraint).
			With("policy", policy.Name).With("reason", "field").
			With("name", name).
			With("candidates", strings.Join(known, " ")))
		return true
	})
}

// leaves is the path up to the first name that the schema lacks, with the names
// that it has there; nothing where it has them all.
func leaves(path []string) (string, []string) {
	shape := shipped.Root
	for at, name := range path {
		structure := shape.Struct
		if structure == nil {
			return "", nil
		}
		next := structure.Pattern
		if name != syntax.AnyName {
			next = structure.At(name)
		}
		if next == nil && at == 2 && path[0] == "backing" {
			// What its kind makes of it.
			next = shipped.Root.Struct.At(kindsField).Struct.Pattern.Below(name)
		}
		switch {
		case next != nil:
			shape = next
		case name == syntax.AnyName, at == 0 && name == "target":
			// Whatever fields there are, and what is no field.
			return "", nil
		default:
			return strings.Join(path[:at+1], "."), structure.Names
		}
	}
	return "", nil
}

// hold holds the policies against the finished tree.
//
// They see data alone, every spelling of a field included. All are evaluated
// together; only where that fails are they told apart.
func (m *model) hold(w *walk, tree *wire.Node) {
	if len(m.prepared.Policies) == 0 {
		return
	}
	d := &data{walk: w}
	tree = d.spelled(tree)
	value := context.BuildExpr(d.value(tree))
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
		h.read(result, value, tree, tree, nil)
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

// holding finds what violates one policy.
type holding struct {
	model  *model
	policy *syntax.Policy
	walk   *walk
}

// read goes through what the data and the policy make together. The node near
// it is the innermost one that a fragment has a line for.
func (h *holding) read(v, given cue.Value, node, near *wire.Node, path []string) {
	if len(node.Origins) > 0 && node.Origins[0].Role != wire.RoleSchema {
		near = node
	}
	if given.IncompleteKind() != cue.StructKind || h.bad(v, path) {
		h.leaf(v, given, near, path)
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
				below = &wire.Node{}
			}
			h.read(iter.Value(), inner, below, near, at)
		case selector.ConstraintType() == cue.RequiredConstraint:
			h.missing(iter.Value(), near, at)
		}
	}
}

// bad says whether a value is an error by itself.
func (h *holding) bad(v cue.Value, path []string) bool {
	return v.IncompleteKind() == cue.BottomKind && h.model.ownError(v, path)
}

// leaf reports a value that the policy rules out.
func (h *holding) leaf(v, given cue.Value, near *wire.Node, path []string) {
	if v.Validate(cue.Final()) == nil || given.IncompleteKind() == cue.TopKind {
		return
	}
	var ruling []conjunct
	for _, c := range h.lines(path, v) {
		if given.Unify(c.value).Validate(cue.Final()) != nil {
			ruling = append(ruling, c)
		}
	}
	e := h.start(path, near)
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
func (h *holding) missing(v cue.Value, near *wire.Node, path []string) {
	e := h.start(path, near)
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
