package eval

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// unaccounted returns the fields that fragments write but that are in no value of
// the tree. It is called only if there is no other error: then a field can only
// be missing because kcc lost it, and a success would be wrong.
//
// It skips what an overlay overrides, conditions that are false, patterns that
// match nothing, constraints, and helpers that nothing brings into the model.
func (m *evaluation) unaccounted() []wire.Error {
	a := &fieldAudit{evaluation: m, followed: map[*ast.Field]bool{}}
	for _, file := range m.prepared.Files {
		a.root(file.AST.Decls)
	}
	return a.lost
}

// fieldAudit walks the fields of the fragments.
type fieldAudit struct {
	*evaluation
	lost []wire.Error
	// found counts the fields that are in the tree.
	found int
	// followed are the helpers that were visited.
	followed map[*ast.Field]bool
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
				if decl.Constraint == token.ILLEGAL {
					a.value(decl.Value, a.fields)
				}
			case decl.Constraint == token.ILLEGAL && !isPattern(decl):
				a.reportLost(decl)
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
		if x.Op == token.AND {
			a.value(x.X, each)
			a.value(x.Y, each)
		}
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
		found, lost := a.found, len(a.lost)
		a.value(body, each)
		if a.found == found {
			a.lost = a.lost[:lost]
		}
	}
}

func (a *fieldAudit) reportLost(field *ast.Field) {
	if span, ok := a.span(field.Label); ok {
		name, _, _ := ast.LabelName(field.Label)
		a.lost = append(a.lost, wire.Error{Detail: wire.Unaccounted{Name: name}}.At(span, wire.RoleValue))
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
