package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// requiredFields returns the fields that a policy is about. It reports those that
// it requires something of and the schema does not have, because nobody could
// ever violate them.
func (r *reporter) requiredFields(policy syntax.Policy, tree *wire.Node, owners map[owner]string) []wire.Required {
	required, read := r.requirements(policy, tree, owners)
	required = slices.DeleteFunc(required, func(required wire.Required) bool {
		unknown, known := unknownPrefix(required.Path)
		if len(unknown) == 0 {
			return false
		}
		bad := wire.BadPolicy{Policy: policy.Name, Problem: wire.PolicyField{Path: unknown, Candidates: known}}
		e := wire.Fault{Detail: bad, Path: []string{"policies", policy.Name, "require"}}
		r.report(e.At(required.Span, wire.RoleConstraint))
		return true
	})
	return append(required, read...)
}

// unknownPrefix returns the path up to the first name that the schema lacks, with
// the names it has there, or nothing if it has them all.
func unknownPrefix(path []string) (unknown, known []string) {
	shape := shipped.Root
	for at, name := range path {
		structure := shape.Struct
		if structure == nil {
			return nil, nil
		}
		next := structure.Pattern
		if name != anyName {
			next = structure.At(name)
		}
		if next == nil && at == 2 && path[0] == "backing" {
			// A field that its kind adds.
			next = shipped.Root.Struct.At(kindsField).Struct.Pattern.Below(name)
		}
		switch {
		case next != nil:
			shape = next
		case name == anyName, at == 0 && name == "target":
			// Any field, or the root field `target`, which the schema does not
			// have.
			return nil, nil
		default:
			return path[:at+1], structure.Names
		}
	}
	return nil, nil
}

// checkPolicies checks the completed tree against the policies.
//
// They see data only, with every spelling of a field, and so does what they refer
// to. CUE decides: what it rejects about data and policy together is a violation,
// and what it cannot decide is an error. All policies are evaluated at once; only
// if that fails are they evaluated separately.
func (w *walker) checkPolicies(tree *wire.Node) {
	indirect := w.hasIndirectPolicies()
	if len(w.prepared.Policies) == 0 && !indirect {
		return
	}
	if err := w.requirePolicyRoot(tree); err != nil {
		w.report(wire.Fault{Detail: wire.Internal{Message: errors.Details(err, nil)}})
		return
	}
	policyRoot := w.policyRoot
	tree = (&treeData{walker: w}).withAllSpellings(tree)
	if len(w.prepared.Policies) > 0 {
		w.checkSome(tree, policyRoot.Root.LookupPath(w.prepared.AllPolicies), w.prepared.Policies)
	}
	if indirect {
		embedded := w.indirectPolicies()
		for i := range embedded {
			w.checkSome(tree, policyRoot.Root.LookupPath(embedded[i].Path), embedded[i:i+1])
		}
		w.prepared.Policies = append(w.prepared.Policies, embedded...)
	}
	for i := range w.prepared.Policies {
		policy := &w.prepared.Policies[i]
		h := &policyCheck{reporter: w.reporter, policy: policy, walker: w}
		h.checkUnmet(policyRoot.Root.LookupPath(policy.Path), nil)
	}
}

// requirePolicyRoot builds the package in which policies are evaluated, once.
func (w *walker) requirePolicyRoot(tree *wire.Node) error {
	if w.policyRoot.Root.Exists() {
		return nil
	}
	d := &treeData{walker: w}
	data := d.value(d.withAllSpellings(tree)).(*ast.StructLit)
	policyRoot, err := w.prepared.BuildPolicyRoot(context, data, w.hasIndirectPolicies())
	if err == nil {
		w.policyRoot, w.gaps = policyRoot, d.gaps
	}
	return err
}

// checkUnmet reports the expressions of a policy that have no result, whatever
// they apply to. CUE evaluates them only where the model has the field, but a
// typo is a mistake before the first service has it.
func (h *policyCheck) checkUnmet(v cue.Value, path []string) {
	for iter, err := v.Fields(cue.Optional(true), cue.Patterns(true)); err == nil && iter.Next(); {
		selector, value := iter.Selector(), iter.Value()
		name := anyName
		switch {
		case selector.ConstraintType() == cue.PatternConstraint:
		case selector.LabelType() == cue.StringLabel:
			name = selector.Unquoted()
		default:
			continue
		}
		at := child(path, name)
		if value.IncompleteKind() != cue.BottomKind {
			h.checkUnmet(value, at)
			continue
		}
		lines := h.lines(at, value)
		switch {
		case len(lines) == 0 || slices.ContainsFunc(lines, func(c conjunct) bool { return !h.isSelfContained(c.expr) }):
		case isIncomplete(value):
			h.reportUndecided(value, lines, at)
		default:
			h.reportFailing(lines, at)
		}
	}
}

// isSelfContained reports whether an expression refers only to private names at
// the root, lets and packages, none of which lead to the model: then neither the
// model nor the fields around it can give it a result.
func (m *evaluation) isSelfContained(x ast.Expr) bool {
	if lit, ok := x.(*ast.StructLit); ok {
		// What decides its fields has no result.
		return !slices.ContainsFunc(determinantsOf(lit), func(d determinant) bool { return !m.isSelfContained(d.expr) })
	}
	contained := !m.readsModel(x)
	ast.Walk(x, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.SelectorExpr:
			contained = contained && m.isSelfContained(node.X)
			return false
		case *ast.Ident:
			_, isLet := node.Node.(*ast.LetClause)
			_, isImport := node.Node.(*ast.ImportSpec)
			switch {
			case isLet, isImport, node.Node == nil && !m.isRoot(node):
			case isPrivate(node.Name) && m.isRoot(node):
			default:
				contained = false
			}
		}
		return contained
	}, nil)
	return contained
}

// checkSome checks policies together and, if that fails, by halves: few of many
// are violated.
func (w *walker) checkSome(tree *wire.Node, all cue.Value, policies []syntax.Policy) {
	result := w.policyRoot.Model.Unify(all)
	failed := result.Validate(cue.Concrete(true))
	if failed == nil && !w.hasIncompleteHidden(result) {
		return
	}
	if len(policies) == 1 {
		// Without what refers to it, its own operands are at the top.
		result = w.policyRoot.Model.Unify(w.policyRoot.Root.LookupPath(policies[0].Path))
		h := &policyCheck{reporter: w.reporter, policy: &policies[0], walker: w}
		h.read(result, w.policyRoot.Model, tree, tree, nil)
		if !h.reported && failed != nil && (!h.several || h.unread) {
			h.reportUnlocated(failed)
		}
		return
	}
	half := len(policies) / 2
	for _, part := range [][]syntax.Policy{policies[:half], policies[half:]} {
		together := w.policyRoot.Root.LookupPath(part[0].Path)
		for _, policy := range part[1:] {
			together = together.Unify(w.policyRoot.Root.LookupPath(policy.Path))
		}
		w.checkSome(tree, together, part)
	}
}

// hasIncompleteHidden reports whether a hidden field of a policy cannot be
// evaluated, which CUE's validation ignores.
func (m *evaluation) hasIncompleteHidden(v cue.Value) bool {
	if !m.index.nested {
		return false
	}
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		inner := iter.Value()
		switch {
		case iter.Selector().ConstraintType() != 0:
		case isHidden(iter.Selector()):
			if isIncomplete(inner) {
				return true
			}
		case inner.IncompleteKind() == cue.StructKind && m.hasIncompleteHidden(inner):
			return true
		}
	}
	return false
}

func isHidden(selector cue.Selector) bool {
	return selector.LabelType() == cue.HiddenLabel
}

// policyCheck finds what violates one policy and what it cannot decide.
type policyCheck struct {
	*reporter
	policy *syntax.Policy
	walker *walker
	// reported is set if something was reported, or would have been but for a
	// mistake that was reported elsewhere.
	reported bool
	// several is set if data satisfies several branches of a disjunction; unread, if
	// a struct could not be walked.
	several, unread bool
}

// read walks the unification of data and policy. The node nearest is the
// innermost one with a conjunct in a fragment. What the policy adds to the data
// is not a violation: it asks about what exists.
func (h *policyCheck) read(v, given cue.Value, node, nearest *wire.Node, path []string) {
	if len(node.Origins) > 0 && node.Origins[0].Role != wire.RoleSchema {
		nearest = node
	}
	kind := given.IncompleteKind()
	switch {
	case kind == cue.TopKind:
		// The value is unknown, which was reported.
		h.reported = true
		return
	case kind == cue.ListKind && v.IncompleteKind() != cue.BottomKind && given.Validate(cue.Concrete(true)) != nil:
		// The same for an element.
		h.reported = true
		return
	case kind != cue.StructKind:
		if v.Validate(cue.Concrete(true)) != nil {
			h.reportRefused(v, given, nearest, path)
		}
		return
	case v.IncompleteKind() == cue.BottomKind && (!v.IsConcrete() || !brokenBelow(v)):
		h.reportRefused(v, given, nearest, path)
	case satisfiesSeveral(v, given):
		h.several = true
		return
	}
	iter, err := v.Fields(cue.All())
	if err != nil {
		h.unread = true
		return
	}
	for iter.Next() {
		selector, value := iter.Selector(), iter.Value()
		if selector.LabelType() != cue.StringLabel {
			if selector.ConstraintType() == 0 {
				h.checkPrivate(value, isHidden(selector), nearest, path)
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
			h.read(value, inner, below, nearest, at)
		case selector.ConstraintType() == cue.RequiredConstraint:
			h.missing(value, nearest, at)
		default:
			h.reported = true
		}
	}
}

// satisfiesSeveral reports whether data satisfies more than one branch of a
// disjunction of the policy. CUE cannot choose between them, but either will do.
func satisfiesSeveral(v, given cue.Value) bool {
	return v.IncompleteKind() == cue.StructKind && !v.IsConcrete() && satisfies(given, v)
}

// satisfies reports whether data satisfies all operands of a unification, and one of
// each disjunction.
func satisfies(given, v cue.Value) bool {
	holds := func(operand cue.Value) bool { return satisfies(given, operand) }
	switch op, args := operands(v); op {
	case cue.AndOp:
		return !slices.ContainsFunc(args, func(arg cue.Value) bool { return !holds(arg) })
	case cue.OrOp:
		return slices.ContainsFunc(args, holds)
	}
	if referred := cue.Dereference(v); referred.Source() != v.Source() {
		return holds(referred)
	}
	// Only a final value may not lack required fields.
	return given.Unify(v).Validate(cue.Concrete(true), cue.Final()) == nil
}

// checkPrivate checks a hidden field or a definition of the policy: a reportFailing
// assertion is a violation by what is around it.
func (h *policyCheck) checkPrivate(v cue.Value, hidden bool, nearest *wire.Node, path []string) {
	switch {
	case isIncomplete(v):
		if hidden {
			h.reportUndecided(v, h.lines(path, v), path)
		}
	case v.Validate() == nil:
	case brokenBelow(v):
		for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
			if iter.Selector().ConstraintType() == 0 {
				h.checkPrivate(iter.Value(), false, nearest, path)
			}
		}
	default:
		lines := h.lines(path, v)
		if h.reportFailing(lines, path) {
			return
		}
		e := h.violation(path, nearest, nil)
		for _, c := range lines {
			e = e.At(c.span, wire.RoleConstraint)
		}
		h.report(e)
	}
}

// reportRefused reports a value that the policy rejects or cannot decide.
func (h *policyCheck) reportRefused(v, given cue.Value, nearest *wire.Node, path []string) {
	lines := h.lines(path, v)
	if h.reportFailing(lines, path) {
		return
	}
	if strings.Contains(message(invalidPart(v)), "not allowed") {
		// One error for all fields that the definition lacks.
		closed := wire.BadPolicy{Policy: h.policy.Name, Problem: wire.ClosedPolicy{}}
		h.report(wire.Fault{Detail: closed, Path: []string{policiesField, h.policy.Name, "require"}}.
			At(h.policy.Label, wire.RoleConstraint))
		return
	}
	var violated []conjunct
	forbidden := false
	for _, c := range lines {
		if ident, ok := c.expr.(*ast.Ident); ok && h.prepared.IsGenerated(ident.Name) {
			// It stands for the policy as a whole.
			continue
		}
		if result := given.Unify(c.value); result.Validate(cue.Concrete(true)) != nil && !isUndecidable(result) {
			violated = append(violated, c)
			forbidden = forbidden || isBottom(c.expr)
		}
	}
	if len(violated) == 0 && isUndecidable(v) {
		h.reportUndecided(invalidPart(v), lines, path)
		return
	}
	var demand wire.Demand = wire.DemandedValue{Expected: expectedBy(violated)}
	if forbidden {
		demand = wire.ForbiddenField{}
	}
	e := h.violation(path, nearest, demand)
	if !forbidden && given.IncompleteKind()&(cue.StructKind|cue.ListKind) == 0 {
		e.Distinct = actual(path, given)
	}
	for _, c := range violated {
		e = e.At(c.span, wire.RoleConstraint)
	}
	h.report(e)
}

// reportFailing reports the conjuncts of a policy that fail with any value, such
// as a division by zero.
func (h *policyCheck) reportFailing(lines []conjunct, path []string) bool {
	for _, c := range lines {
		if c.value.IncompleteKind() == cue.BottomKind && c.value.IsConcrete() && !isBottom(c.expr) && !isAboutValue(c.value) {
			h.reportUndecided(c.value, []conjunct{c}, path)
			return true
		}
	}
	return false
}

// isAboutValue reports whether CUE rejects a value elsewhere: a conjunct that
// refers to what the policy rejects has the same error.
func isAboutValue(v cue.Value) bool {
	text := message(v)
	return isConsequence(text) || strings.HasPrefix(text, "invalid value")
}

// reportUndecided reports that the policy has no result for a path, with the
// expression that has none.
func (h *policyCheck) reportUndecided(v cue.Value, lines []conjunct, path []string) {
	var exprs []determinant
	if len(path) == 0 {
		// At the top of a policy there is no field to find it by.
		for _, expr := range h.policy.Require {
			exprs = append(exprs, determinantsOf(expr)...)
		}
	}
	for _, why := range h.explainIncomplete(h.policyRoot.Root, v, path, lines, exprs) {
		e := h.undecidedError(why, path, lines...)
		unread := len(h.prepared.Partial) > 0 || why.reference == nil && h.gaps
		if unread && !h.independent(lines) {
			// What it reads may be what could not be read or evaluated.
			h.reported = true
			h.addConsequenceOf(e, path, v, lines...)
		} else {
			h.report(e)
		}
	}
}

// independent reports whether no conjunct leads to a field of the model.
func (h *policyCheck) independent(lines []conjunct) bool {
	if len(lines) == 0 {
		return !slices.ContainsFunc(h.policy.Require, h.readsModel)
	}
	return !slices.ContainsFunc(lines, func(c conjunct) bool { return h.readsModel(c.expr) })
}

// readsModel reports whether an expression leads to a field of the model.
func (m *evaluation) readsModel(expr ast.Expr) bool {
	return slices.ContainsFunc(shipped.Root.Struct.Names, func(name string) bool {
		return m.index.leadsTo(expr, name)
	})
}

// reportUnlocated reports a policy that CUE rejects for a reason that no conjunct
// shows.
func (h *policyCheck) reportUnlocated(failed error) {
	for _, err := range errors.Errors(failed) {
		h.report(h.undecidedError(incompleteness{cause: cause(err, nil)}, nil))
		return
	}
}

// undecidedError returns an error that says why the policy cannot be evaluated.
// Without a better position it points at the conjuncts, or at the policy.
func (h *policyCheck) undecidedError(why incompleteness, path []string, lines ...conjunct) wire.Fault {
	e := wire.Fault{Detail: why.ofPolicy(h.policy.Name), Path: path, Labels: why.labels}
	if len(e.Labels) == 0 {
		e = h.error(e.Detail, path, lines)
	}
	if len(e.Labels) == 0 {
		e = e.At(h.policy.Label, wire.RoleConstraint)
	}
	return e
}

func (h *policyCheck) report(e wire.Fault) {
	h.reported = true
	if len(e.Labels) == 0 {
		e = e.At(h.policy.Label, wire.RoleConstraint)
	}
	h.reporter.report(e)
}

// missing reports a field that the policy requires.
func (h *policyCheck) missing(v cue.Value, nearest *wire.Node, path []string) {
	e := h.violation(path, nearest, wire.DemandedField{Name: path[len(path)-1]})
	for _, label := range h.atLabels(e.Detail, path, h.lines(path, v)).Labels {
		e = e.At(label.Span, wire.RoleConstraint)
	}
	h.report(e)
}

// lines returns the policy's conjuncts for a path.
func (h *policyCheck) lines(path []string, v cue.Value) []conjunct {
	var names []string
	for _, selector := range h.policy.Path.Selectors() {
		names = append(names, strings.Trim(selector.String(), `"`))
	}
	return h.withRoot(h.policyRoot.Root).conjuncts(v, append(names, path...), nil)
}

// violation starts a violation with the origins that decide the value. A policy's
// own assertion demands nothing of it.
func (h *policyCheck) violation(path []string, node *wire.Node, demand wire.Demand) wire.Fault {
	e := wire.Fault{Path: path, Detail: wire.PolicyViolated{
		Policy: h.policy.Name, Message: h.policy.Message, On: h.policy.On, Demand: demand,
	}}
	for i, o := range node.Origins {
		if i == 0 || weight(o.Role) == weight(node.Origins[0].Role) {
			e = e.At(o.Span, o.Role)
		}
	}
	return e
}
