package eval

import (
	"slices"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// unaccounted are the fields that fragments write and that are in no value of
// the tree. It is asked where nothing else is wrong: then a field that a
// fragment writes can only be missing because kcc lost it, and to say that all
// is well would be wrong.
//
// Left out are what an overlay stands in for, what stands behind a condition
// that does not hold or a pattern that matches nothing, what only constrains,
// and helpers that nothing brings into the model.
func (m *model) unaccounted() []wire.Error {
	a := &accounting{model: m, followed: map[*ast.Field]bool{}}
	for _, file := range m.prepared.Files {
		a.root(file.AST.Decls)
	}
	return a.lost
}

// accounting goes through the fields of the fragments.
type accounting struct {
	*model
	lost []wire.Error
	// taken counts the fields that are in the tree.
	found int
	// followed are the helpers that were gone through.
	followed map[*ast.Field]bool
}

// root goes through declarations at the root. The root fields themselves have
// no lines in the tree.
func (a *accounting) root(decls []ast.Decl) {
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

// fields goes through the declarations of a struct in the tree.
func (a *accounting) fields(decls []ast.Decl) {
	for _, decl := range decls {
		switch decl := decl.(type) {
		case *ast.Field:
			switch {
			case isPrivateLabel(decl.Label):
			case a.taken[decl] || a.taken[decl.Value]:
				a.found++
				if decl.Constraint == token.ILLEGAL {
					a.value(decl.Value, a.fields)
				}
			case decl.Constraint == token.ILLEGAL && !isPattern(decl):
				a.lose(decl)
			}
		case *ast.EmbedDecl:
			a.value(decl.Expr, a.fields)
		case *ast.Comprehension:
			a.conditional(decl, a.fields)
		}
	}
}

// value goes through the struct literals that an expression unifies, and the
// helpers that it takes in as a whole.
func (a *accounting) value(x ast.Expr, each func([]ast.Decl)) {
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
		for _, helper := range a.lexicon.roots[x.Name] {
			if !a.followed[helper.field] {
				a.followed[helper.field] = true
				a.value(helper.field.Value, each)
			}
		}
	}
}

// conditional goes through what a comprehension makes. Where nothing of it is in
// the tree, it makes nothing: an undecided condition is an error of its own.
func (a *accounting) conditional(x *ast.Comprehension, each func([]ast.Decl)) {
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

func (a *accounting) lose(field *ast.Field) {
	if span, ok := a.span(field.Label); ok {
		name, _, _ := ast.LabelName(field.Label)
		a.lost = append(a.lost, wire.Error{Code: wire.Unaccounted}.At(span, wire.RoleValue).With("name", name))
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
