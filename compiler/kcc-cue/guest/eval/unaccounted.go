package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// unaccounted returns the fields and elements that fragments write but that are in
// no value of the tree, of the defaults or of the policies. It is called only if
// there is no other error: then a field can only be missing because kcc lost it,
// and a success would be wrong.
//
// It skips what an overlay overrides, conditions that are false, alternatives that
// are not chosen, patterns that match nothing, constraints, and helpers that
// nothing brings into the model.
func (m *evaluation) unaccounted() []wire.Fault {
	a := &fieldAudit{evaluation: m, followed: map[*ast.Field]bool{}}
	for _, file := range m.prepared.Files {
		a.root(file.AST.Decls)
	}
	for _, block := range m.defaultsBlocks() {
		a.rule(block.values, block.exprs)
	}
	for i := range m.prepared.Policies {
		policy := &m.prepared.Policies[i]
		a.rule(m.policyRoot.Root.LookupPath(policy.Path), policy.Require)
	}
	return a.lost
}

// fieldAudit walks the fields of the fragments.
type fieldAudit struct {
	*evaluation
	lost []wire.Fault
	// found counts the fields that are in the tree.
	found int
	// followed are the helpers that were visited.
	followed map[*ast.Field]bool
	// rules is set in defaults and policies, where patterns and constraints count
	// as well.
	rules bool
}

// rule walks a `defaults` block or a policy, whose value is what is applied.
func (a *fieldAudit) rule(v cue.Value, exprs []ast.Expr) {
	a.use(v, nil)
	a.rules = true
	defer func() { a.rules = false }()
	for _, x := range exprs {
		a.value(x, a.fields)
	}
}

// use records the nodes that take part in a value and in those below it.
func (a *fieldAudit) use(v cue.Value, path []string) {
	for _, c := range a.conjuncts(v, path, nil) {
		a.useBranches(c.value, path)
	}
	for iter, err := v.Fields(cue.Optional(true), cue.Patterns(true)); err == nil && iter.Next(); {
		a.use(iter.Value(), child(path, anyName))
	}
	for iter, err := v.List(); err == nil && iter.Next(); {
		a.use(iter.Value(), child(path, anyName))
	}
}

// useBranches records all branches of a disjunction: each is part of a rule,
// whichever holds.
func (a *fieldAudit) useBranches(v cue.Value, path []string) {
	op, branches := operands(v)
	if op == cue.OrOp {
		for _, branch := range branches {
			a.use(branch, path)
		}
	} else if referred := cue.Dereference(v); referred.Source() != v.Source() {
		a.useBranches(referred, path)
	}
}

// root walks root declarations. The root fields themselves have no origins in the
// tree.
func (a *fieldAudit) root(decls []ast.Decl) {
	for _, decl := range decls {
		switch decl := decl.(type) {
		case *ast.Field:
			name, _, _ := ast.LabelName(decl.Label)
			if isPrivateLabel(decl.Label) || decl.Constraint != token.ILLEGAL || isPattern(decl) ||
				name == kindsField || slices.Contains(outsideModel, name) {
				continue
			}
			a.value(decl.Value, a.fields)
		case *ast.EmbedDecl:
			a.value(decl.Expr, a.root)
		case *ast.Comprehension:
			a.conditional(decl, a.root)
		}
	}
}

// fields walks the declarations of a struct in the tree.
func (a *fieldAudit) fields(decls []ast.Decl) {
	for _, decl := range decls {
		switch decl := decl.(type) {
		case *ast.Field:
			switch {
			case isPrivateLabel(decl.Label):
			case a.used[decl] || a.used[decl.Value]:
				a.found++
				if decl.Constraint == token.ILLEGAL || a.rules {
					a.value(decl.Value, a.fields)
				}
			case decl.Constraint == token.ILLEGAL && !isPattern(decl) || a.rules:
				name, _, _ := ast.LabelName(decl.Label)
				a.reportLost(decl.Label, name)
			}
		case *ast.EmbedDecl:
			a.value(decl.Expr, a.fields)
		case *ast.Comprehension:
			a.conditional(decl, a.fields)
		}
	}
}

// value walks the struct literals that an expression unifies, and the helpers it
// embeds as a whole.
func (a *fieldAudit) value(x ast.Expr, each func([]ast.Decl)) {
	switch x := x.(type) {
	case *ast.StructLit:
		each(x.Elts)
	case *ast.ParenExpr:
		a.value(x.X, each)
	case *ast.Alias:
		a.value(x.Expr, each)
	case *ast.BinaryExpr:
		switch x.Op {
		case token.AND:
			a.value(x.X, each)
			a.value(x.Y, each)
		case token.OR:
			a.alternatives(x, each)
		}
	case *ast.UnaryExpr:
		if x.Op == token.MUL {
			a.value(x.X, each)
		}
	case *ast.ListLit:
		a.elements(x.Elts)
	case *ast.Ident:
		if !a.isRoot(x) {
			return
		}
		for _, helper := range a.index.roots[x.Name] {
			if !a.followed[helper.field] {
				a.followed[helper.field] = true
				a.value(helper.field.Value, each)
			}
		}
	}
}

// conditional walks the body of a comprehension. If none of it is in the tree,
// the comprehension yields nothing: an undecided condition is an error of its
// own.
func (a *fieldAudit) conditional(x *ast.Comprehension, each func([]ast.Decl)) {
	bodies := []ast.Expr{x.Value}
	if x.Fallback != nil {
		bodies = append(bodies, x.Fallback.Body)
	}
	for _, body := range bodies {
		a.alternative(body, each)
	}
}

// alternatives walks the branches of a disjunction, of which one is in the tree.
func (a *fieldAudit) alternatives(x ast.Expr, each func([]ast.Decl)) {
	found, lost := a.found, len(a.lost)
	// unchosen has the losses of the first branch, if every branch has some.
	var unchosen []wire.Fault
	all := true
	for i, branch := range branches(x) {
		before := len(a.lost)
		a.value(branch, each)
		_, literal := branch.(*ast.StructLit)
		all = all && literal && len(a.lost) > before
		if i == 0 {
			unchosen = slices.Clone(a.lost[before:])
		}
		if a.found == found {
			a.lost = a.lost[:before]
		}
		found = a.found
	}
	if all && len(a.lost) == lost {
		a.lost = append(a.lost, unchosen...)
	}
}

// branches returns the operands of a disjunction, without brackets and marks.
func branches(x ast.Expr) []ast.Expr {
	switch y := x.(type) {
	case *ast.ParenExpr:
		return branches(y.X)
	case *ast.UnaryExpr:
		if y.Op == token.MUL {
			return branches(y.X)
		}
	case *ast.BinaryExpr:
		if y.Op == token.OR {
			return append(branches(y.X), branches(y.Y)...)
		}
	}
	return []ast.Expr{x}
}

// alternative walks what is either in the tree as a whole or not at all.
func (a *fieldAudit) alternative(x ast.Expr, each func([]ast.Decl)) {
	found, lost := a.found, len(a.lost)
	a.value(x, each)
	if a.found == found {
		a.lost = a.lost[:lost]
	}
}

// elements walks the elements of a list.
func (a *fieldAudit) elements(elements []ast.Expr) {
	for _, x := range elements {
		switch y := x.(type) {
		case *ast.Ellipsis:
		case *ast.Comprehension:
			a.conditional(y, a.fields)
		default:
			if !a.used[x] {
				a.reportLost(x, "")
				continue
			}
			a.found++
			a.value(x, a.fields)
		}
	}
}

func (a *fieldAudit) reportLost(node ast.Node, name string) {
	if span, ok := a.span(node); ok {
		a.lost = append(a.lost, wire.Fault{Detail: wire.Unaccounted{Name: name}}.At(span, wire.RoleValue))
	}
}

func isPattern(field *ast.Field) bool {
	label := ast.Node(field.Label)
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	_, ok := label.(*ast.ListLit)
	return ok
}
