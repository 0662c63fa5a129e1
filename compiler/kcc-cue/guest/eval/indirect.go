package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// Package syntax takes out policies and defaults that a file writes directly
// under `policies` and `defaults`. Those that come into the root in another way,
// such as a reference, a package or a condition, are read from the value that CUE
// builds, and count as the embedding file's own.

const (
	policiesField = "policies"
	defaultsField = "defaults"
)

// indirectDefaults returns the blocks that come into the root by embedding, one
// per file that embeds any.
func (m *evaluation) indirectDefaults() []defaultsBlock {
	all := m.root.LookupPath(cue.MakePath(cue.Str(defaultsField)))
	if !all.Exists() {
		return nil
	}
	var blocks []defaultsBlock
	for _, c := range m.conjuncts(all, []string{defaultsField}, m.embeddingFrame()) {
		for _, file := range append([]int{c.by}, c.alsoBy...) {
			at := slices.IndexFunc(blocks, func(b defaultsBlock) bool { return b.file == file })
			if at < 0 {
				at = len(blocks)
				blocks = append(blocks, defaultsBlock{
					values: c.value, team: m.team(file), file: file, prefix: defaultsField,
				})
			} else {
				blocks[at].values = blocks[at].values.Unify(c.value)
			}
			blocks[at].exprs = append(blocks[at].exprs, c.expr)
		}
	}
	return blocks
}

// embeddingFrame returns the frame of the root: what each file embeds there.
func (m *evaluation) embeddingFrame() *frame {
	root := &frame{}
	for _, file := range m.prepared.Files {
		for _, decl := range file.AST.Decls {
			var expr ast.Expr
			switch d := decl.(type) {
			case *ast.EmbedDecl:
				expr = d.Expr
			case *ast.Comprehension:
				expr = d
			case ast.Expr:
				expr = d
			default:
				continue
			}
			if span, ok := m.span(expr); ok {
				root.conjuncts = append(root.conjuncts, conjunct{expr: expr, direct: true, span: span})
			}
		}
	}
	return root
}

// hasIndirectPolicies reports whether policies come into the root by embedding.
func (m *evaluation) hasIndirectPolicies() bool {
	return m.root.LookupPath(cue.MakePath(cue.Str(policiesField))).Exists()
}

// indirectPolicies reads the policies that files embed, and reports those that no
// embedding accounts for.
func (r *reporter) indirectPolicies() []syntax.Policy {
	var found []syntax.Policy
	known := map[string]bool{}
	for _, embedded := range r.policyRoot.Embedded {
		reader := &policyReader{
			reporter: r, file: embedded.File, known: known,
			above: append(embedded.Path.Selectors(), cue.Str(policiesField)),
		}
		reader.readAll()
		found = append(found, reader.found...)
	}
	all := r.root.LookupPath(cue.MakePath(cue.Str(policiesField)))
	for _, p := range parts(all) {
		if !known[p.name] {
			path := []string{policiesField, p.name}
			indirect := wire.BadPolicy{Policy: p.name, Problem: wire.IndirectPolicy{}}
			r.report(r.error(indirect, path, r.conjuncts(p.value, path, nil)))
		}
	}
	return found
}

// policyReader reads the policies that one file embeds.
type policyReader struct {
	*reporter
	file  *syntax.File
	above []cue.Selector
	found []syntax.Policy
	// known has the names of all policies that files embed.
	known map[string]bool
}

func (r *policyReader) at(names ...string) cue.Path {
	path := slices.Clone(r.above)
	for _, name := range names {
		path = append(path, cue.Str(name))
	}
	return cue.MakePath(path...)
}

// value returns the value of a path below the file's policies, and its conjuncts.
func (r *policyReader) value(names ...string) (cue.Value, []conjunct) {
	v := r.policyRoot.Root.LookupPath(r.at(names...))
	// What is above the policies is in the root that they are evaluated in.
	inner := r.withRoot(r.policyRoot.Root)
	return v, inner.conjuncts(v, append([]string{r.above[0].String(), policiesField}, names...), nil)
}

func (r *policyReader) readAll() {
	v, lines := r.value()
	if !v.Exists() {
		return
	}
	r.reportUndecided(v, lines, "")
	for iter, err := v.Fields(cue.Hidden(true)); err == nil && iter.Next(); {
		if iter.Selector().LabelType() != cue.StringLabel {
			continue
		}
		name := iter.Selector().Unquoted()
		r.known[name] = true
		if policy, ok := r.read(name); ok {
			r.found = append(r.found, policy)
		}
	}
}

// reportUndecided reports that the set of policies, or the requirement of one,
// cannot be decided.
func (r *policyReader) reportUndecided(v cue.Value, lines []conjunct, policy string) bool {
	if !isIncomplete(v) {
		return false
	}
	for _, why := range r.explainIncomplete(r.policyRoot.Root, v, nil, lines, nil) {
		e := r.error(why.ofPolicy(policy), nil, lines)
		if len(why.labels) > 0 {
			e.Labels = why.labels
		}
		r.report(e)
	}
	return true
}

// read reads one policy. It returns false if the policy does not apply to the
// target or is malformed.
func (r *policyReader) read(name string) (syntax.Policy, bool) {
	v, lines := r.value(name)
	policy := syntax.Policy{
		Name: name, Team: r.file.Team, File: r.file.Index, Path: r.at(name, "require"),
	}
	reject := func(lines []conjunct, problem wire.PolicyProblem) (syntax.Policy, bool) {
		r.report(r.error(wire.BadPolicy{Policy: name, Problem: problem}, []string{policiesField, name}, lines))
		return policy, false
	}
	if len(lines) > 0 {
		policy.Label = lines[0].span
	}
	switch {
	case r.reportUndecided(v, lines, name):
		return policy, false
	case v.IncompleteKind()&cue.StructKind == 0 && v.IncompleteKind() != cue.BottomKind:
		return reject(lines, wire.MalformedPolicy{})
	}
	for iter, err := v.Fields(cue.Hidden(true)); err == nil && iter.Next(); {
		field := iter.Selector()
		if field.LabelType() == cue.StringLabel && !slices.Contains(syntax.PolicyFields, field.Unquoted()) {
			r.unknownPolicyField(name, field.Unquoted())
		}
	}
	message, messageLines := r.value(name, "message")
	text, err := message.String()
	if err != nil || strings.TrimSpace(text) == "" {
		if len(messageLines) == 0 {
			messageLines = lines
		}
		return reject(messageLines, wire.PolicyMessage{})
	}
	policy.Message = text
	if len(messageLines) > 0 {
		policy.MessageAt = messageLines[0].span
	}
	require, requireLines := r.value(name, "require")
	if !require.Exists() {
		return reject(lines, wire.PolicyRequire{})
	}
	for _, c := range requireLines {
		policy.Require = append(policy.Require, c.expr)
	}
	return policy, r.applies(name, reject)
}

func (r *policyReader) unknownPolicyField(policy, name string) {
	path := []string{policiesField, policy, name}
	_, lines := r.value(policy, name)
	r.report(r.atLabels(wire.UnknownField{Name: name, Candidates: syntax.PolicyFields}, path, lines))
}

// applies reports whether a policy applies to the target.
func (r *policyReader) applies(name string, reject func([]conjunct, wire.PolicyProblem) (syntax.Policy, bool)) bool {
	on, lines := r.value(name, "on")
	if !on.Exists() {
		return true
	}
	applies := false
	items, err := on.List()
	for err == nil && items.Next() {
		target, notText := items.Value().String()
		switch {
		case notText != nil:
			reject(lines, wire.PolicyTargets{})
		case len(r.request.Targets) > 0 && !slices.Contains(r.request.Targets, target):
			reject(lines, wire.PolicyTarget{Name: target, Candidates: r.request.Targets})
		case target == r.request.Target:
			applies = true
		}
	}
	if err != nil {
		reject(lines, wire.PolicyTargets{})
	}
	return applies
}
