package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// knownFields are the fields that a policy requires something of. It reports
// those that the schema does not have: nobody could ever violate it.
func (m *model) knownFields(policy syntax.Policy, tree *wire.Node) []wire.Required {
	return slices.DeleteFunc(m.reach(policy, tree), func(required wire.Required) bool {
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
		if name != anyName {
			next = structure.At(name)
		}
		if next == nil && at == 2 && path[0] == "backing" {
			// What its kind makes of it.
			next = shipped.Root.Struct.At(kindsField).Struct.Pattern.Below(name)
		}
		switch {
		case next != nil:
			shape = next
		case name == anyName, at == 0 && name == "target":
			// Whatever fields there are, and what is no field.
			return "", nil
		default:
			return strings.Join(path[:at+1], "."), structure.Names
		}
	}
	return "", nil
}

// hold checks the finished tree against the policies.
//
// They see data alone, every spelling of a field included, and so does what
// they refer to. CUE decides: what it refuses about data and policy together is
// reported, and what it cannot decide as well. All policies are evaluated
// together; only where that fails are they told apart.
func (m *model) hold(w *walk, tree *wire.Node) {
	indirect := m.hasIndirectPolicies()
	if len(m.prepared.Policies) == 0 && !indirect {
		return
	}
	d := &data{walk: w}
	tree = d.spelled(tree)
	finished, err := m.prepared.BuildPolicyRoot(context, d.value(tree).(*ast.StructLit), indirect)
	if err != nil {
		m.report(wire.Error{Code: wire.Internal}.With("message", errors.Details(err, nil)))
		return
	}
	m.finished, m.gaps = finished, d.gaps
	if len(m.prepared.Policies) > 0 {
		m.holdSome(w, tree, finished.Root.LookupPath(m.prepared.AllPolicies), m.prepared.Policies)
	}
	if indirect {
		embedded := m.indirectPolicies()
		for i := range embedded {
			m.holdSome(w, tree, finished.Root.LookupPath(embedded[i].Path), embedded[i:i+1])
		}
		m.prepared.Policies = append(m.prepared.Policies, embedded...)
	}
}

// holdSome checks some policies, together and where that fails by halves: few
// of many are violated.
func (m *model) holdSome(w *walk, tree *wire.Node, all cue.Value, policies []syntax.Policy) {
	result := m.finished.Model.Unify(all)
	failed := result.Validate(cue.Concrete(true))
	if failed == nil && !m.hiddenOpen(result) {
		return
	}
	if len(policies) == 1 {
		h := &holding{model: m, policy: &policies[0], walk: w}
		h.read(result, m.finished.Model, tree, tree, nil)
		if !h.told && failed != nil {
			h.unplaced(failed)
		}
		return
	}
	half := len(policies) / 2
	for _, part := range [][]syntax.Policy{policies[:half], policies[half:]} {
		together := m.finished.Root.LookupPath(part[0].Path)
		for _, policy := range part[1:] {
			together = together.Unify(m.finished.Root.LookupPath(policy.Path))
		}
		m.holdSome(w, tree, together, part)
	}
}

// hiddenOpen says whether a hidden field of a policy cannot be evaluated, which
// CUE's own validation lets pass.
func (m *model) hiddenOpen(v cue.Value) bool {
	if !m.lexicon.nested {
		return false
	}
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		inner := iter.Value()
		switch {
		case iter.Selector().ConstraintType() != 0:
		case isHidden(iter.Selector()):
			if isOpen(inner) {
				return true
			}
		case inner.IncompleteKind() == cue.StructKind && m.hiddenOpen(inner):
			return true
		}
	}
	return false
}

func isHidden(selector cue.Selector) bool {
	return selector.LabelType() == cue.HiddenLabel
}

// holding finds what violates one policy, and what it cannot decide.
type holding struct {
	model  *model
	policy *syntax.Policy
	walk   *walk
	// told: something was reported, or would have been but for a mistake that
	// was reported elsewhere.
	told bool
}

// read goes through what the data and the policy make together. The node near
// it is the innermost one that a fragment has a line for. What the policy adds
// to the data is no mistake of anybody's: it asks about what there is.
func (h *holding) read(v, given cue.Value, node, near *wire.Node, path []string) {
	if len(node.Origins) > 0 && node.Origins[0].Role != wire.RoleSchema {
		near = node
	}
	kind := given.IncompleteKind()
	switch {
	case kind == cue.TopKind:
		// It is not known, which has been reported.
		h.told = true
		return
	case kind == cue.ListKind && v.IncompleteKind() != cue.BottomKind && given.Validate(cue.Concrete(true)) != nil:
		// The same of an element.
		h.told = true
		return
	case kind != cue.StructKind:
		if v.Validate(cue.Concrete(true)) != nil {
			h.refused(v, given, near, path)
		}
		return
	case v.IncompleteKind() == cue.BottomKind && (!v.IsConcrete() || !brokenBelow(v)):
		h.refused(v, given, near, path)
	}
	iter, err := v.Fields(cue.All())
	if err != nil {
		return
	}
	for iter.Next() {
		selector, value := iter.Selector(), iter.Value()
		if selector.LabelType() != cue.StringLabel {
			if selector.ConstraintType() == 0 {
				h.private(value, isHidden(selector), near, path)
			}
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
			h.read(value, inner, below, near, at)
		case selector.ConstraintType() == cue.RequiredConstraint:
			h.missing(value, near, at)
		default:
			h.told = true
		}
	}
}

// private checks a hidden field or a definition of the policy: an assertion
// that fails there is a violation of what stands around it.
func (h *holding) private(v cue.Value, hidden bool, near *wire.Node, path []string) {
	switch {
	case isOpen(v):
		if hidden {
			h.undecided(v, h.lines(path, v), path)
		}
	case v.Validate() == nil:
	case brokenBelow(v):
		for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
			if iter.Selector().ConstraintType() == 0 {
				h.private(iter.Value(), false, near, path)
			}
		}
	default:
		lines := h.lines(path, v)
		if h.failing(lines, path) {
			return
		}
		e := h.start(path, near)
		for _, c := range lines {
			e = e.At(c.span, wire.RoleConstraint)
		}
		h.report(e)
	}
}

// refused reports a value that the policy rules out, or cannot decide.
func (h *holding) refused(v, given cue.Value, near *wire.Node, path []string) {
	lines := h.lines(path, v)
	if h.failing(lines, path) {
		return
	}
	if strings.Contains(message(culprit(v)), "not allowed") {
		// The same for every field that its definition lacks.
		h.report(wire.Error{Code: wire.BadPolicy, Path: []string{policiesField, h.policy.Name, "require"}}.
			At(h.policy.Label, wire.RoleConstraint).
			With("policy", h.policy.Name).With("reason", "closed"))
		return
	}
	var ruling []conjunct
	forbidden := false
	for _, c := range lines {
		if ident, ok := c.expr.(*ast.Ident); ok && h.model.prepared.IsGenerated(ident.Name) {
			// It stands for the policy as a whole.
			continue
		}
		if result := given.Unify(c.value); result.Validate(cue.Concrete(true)) != nil && !undecidable(result) {
			ruling = append(ruling, c)
			forbidden = forbidden || isBottom(c.expr)
		}
	}
	if len(ruling) == 0 && undecidable(v) {
		h.undecided(culprit(v), lines, path)
		return
	}
	e := h.start(path, near)
	for _, c := range ruling {
		e = e.At(c.span, wire.RoleConstraint)
	}
	if forbidden {
		h.report(e.With("forbidden", "true"))
		return
	}
	e = e.With("expected", texts(ruling))
	if given.IncompleteKind()&(cue.StructKind|cue.ListKind) == 0 {
		e = h.model.actual(e, given)
	}
	h.report(e)
}

// failing reports the lines of a policy that have no result whatever they meet,
// such as a division by zero.
func (h *holding) failing(lines []conjunct, path []string) bool {
	for _, c := range lines {
		if c.value.IncompleteKind() == cue.BottomKind && c.value.IsConcrete() && !isBottom(c.expr) && !isAboutValue(c.value) {
			h.undecided(c.value, []conjunct{c}, path)
			return true
		}
	}
	return false
}

// isAboutValue says whether CUE refuses a value that stands elsewhere: a line
// that refers to what the policy rules out bears the same error.
func isAboutValue(v cue.Value) bool {
	text := message(v)
	return follows(text) || strings.HasPrefix(text, "invalid value")
}

// undecided reports that the policy has no result for a path, with the
// expression that has none.
func (h *holding) undecided(v cue.Value, lines []conjunct, path []string) {
	var exprs []opening
	if len(path) == 0 {
		// What stands at its top has no field to be found by.
		for _, expr := range h.policy.Require {
			exprs = append(exprs, openings(expr)...)
		}
	}
	for _, why := range h.model.whyOpen(h.model.finished.Root, v, path, lines, exprs) {
		e := h.unevaluated(why, path, lines...)
		unread := len(h.model.prepared.Partial) > 0 || why.Code == "" && h.model.gaps
		if unread && !h.independent(lines) {
			// What it reads may be what could not be read or evaluated.
			h.told = true
			h.model.followLines(e, path, v, lines...)
		} else {
			h.report(e)
		}
	}
}

// independent says whether no line leads to a field of the model.
func (h *holding) independent(lines []conjunct) bool {
	if len(lines) == 0 {
		return !slices.ContainsFunc(h.policy.Require, h.model.readsModel)
	}
	return !slices.ContainsFunc(lines, func(c conjunct) bool { return h.model.readsModel(c.expr) })
}

// readsModel says whether an expression leads to a field of the model.
func (m *model) readsModel(expr ast.Expr) bool {
	return slices.ContainsFunc(shipped.Root.Struct.Names, func(name string) bool {
		return m.lexicon.leads(expr, name)
	})
}

// unplaced reports a policy that CUE refuses for a reason that no line shows.
func (h *holding) unplaced(failed error) {
	for _, err := range errors.Errors(failed) {
		h.report(h.unevaluated(saying(wire.Error{}, err), nil))
		return
	}
}

// unevaluated makes an error that says why the policy cannot be evaluated. It
// points at the lines where it has no better place, and at the policy else.
func (h *holding) unevaluated(why wire.Error, path []string, lines ...conjunct) wire.Error {
	e := wire.Error{Code: wire.BadPolicy, Path: path, Labels: why.Labels, Args: why.Args}
	if len(e.Labels) == 0 {
		e = h.model.error(wire.BadPolicy, path, lines)
		e.Args = why.Args
	}
	if len(e.Labels) == 0 {
		e = e.At(h.policy.Label, wire.RoleConstraint)
	}
	return e.With("policy", h.policy.Name).With("reason", "undecided")
}

func (h *holding) report(e wire.Error) {
	h.told = true
	if len(e.Labels) == 0 {
		e = e.At(h.policy.Label, wire.RoleConstraint)
	}
	h.model.report(e)
}

// missing reports a field that the policy requires.
func (h *holding) missing(v cue.Value, near *wire.Node, path []string) {
	e := h.start(path, near)
	for _, label := range h.model.atLabels(wire.PolicyViolated, path, h.lines(path, v)).Labels {
		e = e.At(label.Span, wire.RoleConstraint)
	}
	h.report(e.With("missing", path[len(path)-1]))
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
	e = e.With("policy", h.policy.Name).With("message", h.policy.Message)
	if len(h.policy.On) > 0 {
		e = e.With("on", strings.Join(h.policy.On, " "))
	}
	return e
}
