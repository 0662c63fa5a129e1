package eval

import (
	"regexp"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/wire"
)

// A rule that meets no component in any target is probably misspelled: a policy or
// a default for a component, or a pattern anywhere. Only the host sees all
// targets. It gets what each target lacks and what it has, and drops the warning
// if any target has it.

// recordMatch records whether the target has the component that a policy or
// default names.
func (r *reporter) recordMatch(path []string, span wire.Span, tree *wire.Node, policy string) {
	if !isKnown(tree, path[0]) {
		return
	}
	if at(tree, path...) != nil {
		r.matched = append(r.matched, wire.Match{Span: span, Name: path[1]})
		return
	}
	unmatched := wire.NoMatch{Rule: wire.RuleDefault, Policy: policy, Name: path[1], Candidates: namesIn(tree, path[0])}
	if policy != "" {
		unmatched.Rule = wire.RulePolicy
	}
	r.reportUnmatched(unmatched, path, span, func(word string) bool { return word == path[1] })
}

// patternRule is something that constrains components by patterns.
type patternRule struct {
	kind wire.Rule
	// policy is the name of a policy.
	policy string
	// prefix is the path of the rule at the root.
	prefix []string
}

// recordPatterns records which patterns of a rule match a component of the
// target.
func (r *reporter) recordPatterns(v cue.Value, of patternRule, tree *wire.Node) {
	for _, name := range shipped.Root.Struct.Names {
		if !hasChosenName([]string{name, ""}) {
			continue
		}
		for _, selector := range []cue.Selector{cue.Str(name), cue.Str(name).Optional()} {
			if all := v.LookupPath(cue.MakePath(selector)); all.Exists() {
				r.recordPatternsIn(all, name, of, tree)
				break
			}
		}
	}
}

func (r *reporter) recordPatternsIn(all cue.Value, name string, of patternRule, tree *wire.Node) {
	if !isKnown(tree, name) {
		return
	}
	for iter, err := all.Fields(cue.Patterns(true)); err == nil && iter.Next(); {
		if iter.Selector().ConstraintType() != cue.PatternConstraint {
			continue
		}
		pattern := iter.Selector().Pattern()
		names := namesIn(tree, name)
		matched := slices.ContainsFunc(names, func(name string) bool { return accepts(pattern, name) })
		if accepts(pattern, neverAName) || iter.Value().IncompleteKind() == cue.TopKind {
			// It is about all components, or only allows them.
			continue
		}
		path := append(slices.Clone(of.prefix), name, anyName)
		for _, c := range r.unused().conjuncts(iter.Value(), path, nil) {
			label := patternAround(c.site)
			span, ok := r.span(label)
			switch {
			case !ok || forbids(c.expr):
			case matched:
				r.matched = append(r.matched, wire.Match{Span: span, Name: sourceText(label.Elts[0])})
			default:
				unmatched := wire.NoMatch{
					Rule: of.kind, Policy: of.policy, Name: sourceText(label.Elts[0]), Pattern: true, Candidates: names,
				}
				r.reportUnmatched(unmatched, []string{name}, span, func(word string) bool { return accepts(pattern, word) })
			}
		}
	}
}

// unused returns an evaluation whose conjuncts do not count as part of the tree.
func (m *evaluation) unused() *evaluation {
	other := *m
	other.used = map[ast.Node]bool{}
	return &other
}

// neverAName is a text that a pattern accepts only if it says nothing about
// names.
const neverAName = "\u0001"

// accepts reports whether a pattern matches a name.
func accepts(pattern cue.Value, name string) bool {
	return pattern.Unify(context.Encode(name)).Err() == nil
}

// patternAround returns the label of the pattern that a field is in, or nil.
func patternAround(p *site) *ast.ListLit {
	for ; p != nil && p.field != nil; p = p.parent {
		label := ast.Node(p.field.Label)
		if alias, ok := label.(*ast.Alias); ok {
			label = alias.Expr
		}
		if pattern, ok := label.(*ast.ListLit); ok && len(pattern.Elts) == 1 {
			return pattern
		}
	}
	return nil
}

// word matches what may be the name of a component.
var word = regexp.MustCompile(`[\p{L}\p{Nd}_-]+`)

// reportUnmatched reports a name or pattern that the target has nothing for,
// unless a file that could only be read in part has a word that could be the name.
func (r *reporter) reportUnmatched(unmatched wire.NoMatch, path []string, span wire.Span, mayBe func(word string) bool) {
	for _, file := range r.prepared.Partial {
		text := r.request.Files[file].Text
		if file == span.File {
			text = text[:span.Start] + text[span.End:]
		}
		if slices.ContainsFunc(word.FindAllString(text, -1), mayBe) {
			return
		}
	}
	r.report(wire.Fault{Detail: unmatched, Warning: true, Path: path}.At(span, wire.RoleConstraint))
}

// isKnown reports whether the names in a map of names are known: a map without a
// value may have any.
func isKnown(tree *wire.Node, name string) bool {
	all := get(tree, name)
	return all == nil || all.Kind == wire.Struct
}

// namesIn returns the names in a map of names.
func namesIn(tree *wire.Node, name string) []string {
	var names []string
	if all := get(tree, name); all != nil {
		for _, field := range all.Fields {
			names = append(names, field.Name)
		}
	}
	return names
}

// hasChosenName reports whether a path is that of something with a user-chosen
// name, such as a component.
func hasChosenName(path []string) bool {
	if len(path) != 2 || path[1] == anyName {
		return false
	}
	shape := shipped.Root.Struct.At(path[0])
	return shape != nil && shape.Struct != nil && shape.Struct.Pattern != nil && shape.Struct.Fields[path[1]] == nil
}

// forbids reports whether an expression says that a field must not exist.
func forbids(x ast.Expr) bool {
	if paren, ok := x.(*ast.ParenExpr); ok {
		return forbids(paren.X)
	}
	return isBottom(x)
}
