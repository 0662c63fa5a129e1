package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// Policies and defaults that a file writes under `policies` and `defaults` at
// its root are taken out before evaluation. Those that come into the root in
// another way, by a reference, a package, a condition, stand in the value that
// CUE makes of it, and count as the embedding file's own.

const (
	policiesField = "policies"
	defaultsField = "defaults"
)

// indirectDefaults are the blocks that come into the root by embedding, one for
// each file that embeds some.
func (m *model) indirectDefaults() []softBlock {
	all := m.root.LookupPath(cue.MakePath(cue.Str(defaultsField)))
	if !all.Exists() {
		return nil
	}
	var blocks []softBlock
	for _, c := range m.conjuncts(all, []string{defaultsField}, m.embedding()) {
		at := slices.IndexFunc(blocks, func(b softBlock) bool { return b.file == c.by })
		if at < 0 {
			at = len(blocks)
			blocks = append(blocks, softBlock{
				values: c.value, team: m.request.Files[c.by].Team, file: c.by, prefix: defaultsField,
			})
		} else {
			blocks[at].values = blocks[at].values.Unify(c.value)
		}
		blocks[at].exprs = append(blocks[at].exprs, c.expr)
	}
	return blocks
}

// embedding is the frame of the root: what each file embeds there.
func (m *model) embedding() *frame {
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
				root.conjuncts = append(root.conjuncts, conjunct{expr: expr, own: true, span: span})
			}
		}
	}
	return root
}

// hasIndirectPolicies says whether policies come into the root by embedding.
func (m *model) hasIndirectPolicies() bool {
	return m.root.LookupPath(cue.MakePath(cue.Str(policiesField))).Exists()
}

// indirectPolicies reads the policies that files embed, and reports those that
// are there in a way that no embedding explains.
func (m *model) indirectPolicies() []syntax.Policy {
	var found []syntax.Policy
	known := map[string]bool{}
	for _, embedded := range m.finished.Embedded {
		r := &policyReader{model: m, file: embedded.File, above: append(embedded.Path.Selectors(), cue.Str(policiesField)), known: known}
		r.readAll()
		found = append(found, r.found...)
	}
	all := m.root.LookupPath(cue.MakePath(cue.Str(policiesField)))
	for _, p := range parts(all) {
		if !known[p.name] {
			path := []string{policiesField, p.name}
			e := m.error(wire.BadPolicy, path, m.conjuncts(p.value, path, nil))
			m.report(e.With("policy", p.name).With("reason", "indirect"))
		}
	}
	return found
}

// policyReader reads the policies that one file embeds.
type policyReader struct {
	*model
	file  *syntax.File
	above []cue.Selector
	found []syntax.Policy
	// known are the names of all policies that files embed.
	known map[string]bool
}

func (r *policyReader) at(names ...string) cue.Path {
	path := slices.Clone(r.above)
	for _, name := range names {
		path = append(path, cue.Str(name))
	}
	return cue.MakePath(path...)
}

// value is what the file says at a path below its policies, with its lines.
func (r *policyReader) value(names ...string) (cue.Value, []conjunct) {
	v := r.finished.Root.LookupPath(r.at(names...))
	return v, r.conjuncts(v, append([]string{r.above[0].String(), policiesField}, names...), nil)
}

func (r *policyReader) readAll() {
	v, lines := r.value()
	if !v.Exists() {
		return
	}
	r.open(v, lines, "")
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

// open reports that it is not known what policies there are, or what one says.
func (r *policyReader) open(v cue.Value, lines []conjunct, policy string) bool {
	if !isOpen(v) {
		return false
	}
	for _, why := range r.whyOpen(r.finished.Root, v, nil, lines, nil) {
		e := r.error(wire.BadPolicy, nil, lines)
		if len(why.Labels) > 0 {
			e.Labels = why.Labels
		}
		e.Args = why.Args
		r.report(e.With("policy", policy).With("reason", "undecided"))
	}
	return true
}

// read reads one policy; false if it does not hold in the target or is not
// written as one.
func (r *policyReader) read(name string) (syntax.Policy, bool) {
	v, lines := r.value(name)
	policy := syntax.Policy{
		Name: name, Team: r.file.Team, File: r.file.Index, Path: r.at(name, "require"),
	}
	bad := func(lines []conjunct, reason string, with ...string) (syntax.Policy, bool) {
		e := r.error(wire.BadPolicy, []string{policiesField, name}, lines).With("policy", name).With("reason", reason)
		for i := 0; i+1 < len(with); i += 2 {
			e = e.With(with[i], with[i+1])
		}
		r.report(e)
		return policy, false
	}
	if len(lines) > 0 {
		policy.Label = lines[0].span
	}
	switch {
	case r.open(v, lines, name):
		return policy, false
	case v.IncompleteKind()&cue.StructKind == 0 && v.IncompleteKind() != cue.BottomKind:
		return bad(lines, "shape")
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
		return bad(messageLines, "message")
	}
	policy.Message = text
	if len(messageLines) > 0 {
		policy.MessageAt = messageLines[0].span
	}
	require, requireLines := r.value(name, "require")
	if !require.Exists() {
		return bad(lines, "require")
	}
	for _, c := range requireLines {
		policy.Require = append(policy.Require, c.expr)
	}
	return policy, r.holds(name, bad)
}

func (r *policyReader) unknownPolicyField(policy, name string) {
	path := []string{policiesField, policy, name}
	_, lines := r.value(policy, name)
	r.report(r.atLabels(wire.UnknownField, path, lines).
		With("name", name).With("candidates", strings.Join(syntax.PolicyFields, " ")))
}

// holds says whether a policy is for the target.
func (r *policyReader) holds(name string, bad func([]conjunct, string, ...string) (syntax.Policy, bool)) bool {
	on, lines := r.value(name, "on")
	if !on.Exists() {
		return true
	}
	holds := false
	items, err := on.List()
	for err == nil && items.Next() {
		target, notText := items.Value().String()
		switch {
		case notText != nil:
			bad(lines, "on")
		case len(r.request.Targets) > 0 && !slices.Contains(r.request.Targets, target):
			bad(lines, "unknown-target", "name", target, "candidates", strings.Join(r.request.Targets, " "))
		case target == r.request.Target:
			holds = true
		}
	}
	if err != nil {
		bad(lines, "on")
	}
	return holds
}
