package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// anyName is what a pattern of fields is called in a path.
const anyName = "*"

// reach lists the paths that a policy requires something of, itself or through
// what it refers to.
func (m *model) reach(policy syntax.Policy, tree *wire.Node) []wire.Required {
	r := &reaching{model: m, value: m.finished.Root.LookupPath(policy.Path), seen: map[ast.Expr]bool{}}
	for _, expr := range policy.Require {
		r.expr(expr, nil)
	}
	for _, name := range r.names {
		m.match(name.Path, name.Span, tree, policy.Name)
	}
	return r.found
}

// reaching follows the expressions of one policy.
type reaching struct {
	*model
	// value is what CUE makes of the policy.
	value cue.Value
	// seen are the references that are being followed.
	seen  map[ast.Expr]bool
	found []wire.Required
	// names are the components that it names, but for those that it requires or
	// forbids to be there, or has a condition for.
	names []wire.Required
	// conditional: what is looked at stands behind a condition.
	conditional bool
}

func (r *reaching) note(node ast.Node, path []string) {
	if span, ok := r.span(node); ok && len(path) > 0 {
		r.found = append(r.found, wire.Required{Path: path, Span: span})
	}
}

// expr notes what an expression requires of a path and of those below.
func (r *reaching) expr(x ast.Expr, path []string) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			r.decl(decl, path)
		}
	case *ast.ParenExpr:
		r.expr(x.X, path)
	case *ast.Alias:
		r.expr(x.Expr, path)
	case *ast.Comprehension:
		r.decl(x, path)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			r.expr(x.X, path)
			r.expr(x.Y, path)
			return
		}
		r.opaque(x, path)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		r.reference(x, path)
	default:
		r.opaque(x, path)
	}
}

func (r *reaching) decl(decl ast.Decl, path []string) {
	switch d := decl.(type) {
	case *ast.Field:
		name, _, err := ast.LabelName(d.Label)
		if err != nil {
			name = anyName
		} else if isPrivate(r.prepared.Original(name)) && isIdent(d.Label) {
			// It is for the policy itself.
			return
		}
		at := append(slices.Clip(path), name)
		if isChosen(at) && d.Constraint != token.NOT && !r.conditional && !isForbidden(d.Value) {
			if span, ok := r.span(d.Label); ok {
				r.names = append(r.names, wire.Required{Path: at, Span: span})
			}
		}
		r.expr(d.Value, at)
	case *ast.EmbedDecl:
		r.expr(d.Expr, path)
	case *ast.Comprehension:
		outer := r.conditional
		r.conditional = true
		defer func() { r.conditional = outer }()
		r.expr(d.Value, path)
		if d.Fallback != nil {
			r.expr(d.Fallback.Body, path)
		}
	case *ast.LetClause, *ast.Attribute, *ast.CommentGroup, *ast.Ellipsis:
	case ast.Expr:
		r.expr(d, path)
	}
}

func isIdent(label ast.Label) bool {
	_, ok := label.(*ast.Ident)
	return ok
}

// reference notes what the structs that a reference means require. The line is
// that of the reference where it means something else.
func (r *reaching) reference(x ast.Expr, path []string) {
	if r.seen[x] {
		return
	}
	r.seen[x] = true
	defer delete(r.seen, x)
	structs := false
	for _, meaning := range r.meanings(x) {
		if leadsOn(meaning) {
			structs = true
			r.expr(meaning, path)
		}
	}
	if !structs {
		r.opaque(x, path)
	}
}

// leadsOn says whether an expression may be a struct whose fields are written
// somewhere.
func leadsOn(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit, *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return true
	case *ast.ParenExpr:
		return leadsOn(x.X)
	case *ast.BinaryExpr:
		return x.Op == token.AND && (leadsOn(x.X) || leadsOn(x.Y))
	}
	return false
}

// opaque notes an expression whose fields are not written anywhere: they are
// those that its value has.
func (r *reaching) opaque(x ast.Expr, path []string) {
	v := r.value
	for _, name := range path {
		if v = v.LookupPath(cue.MakePath(cue.Str(name).Optional())); !v.Exists() {
			break
		}
	}
	if v.Exists() && v.IncompleteKind() == cue.StructKind && len(path) < 2 {
		before := len(r.found)
		r.values(x, v, path)
		if len(r.found) > before {
			return
		}
	}
	r.note(x, path)
}

// values notes the components that a value speaks of.
func (r *reaching) values(x ast.Expr, v cue.Value, path []string) {
	if len(path) == 2 {
		r.note(x, path)
		return
	}
	for iter, err := v.Fields(cue.Optional(true), cue.Patterns(true)); err == nil && iter.Next(); {
		name := anyName
		if selector := iter.Selector(); selector.ConstraintType() != cue.PatternConstraint {
			name = selector.Unquoted()
		}
		r.values(x, iter.Value(), child(path, name))
	}
}

// meanings are the expressions that a reference leads to; none where nobody
// wrote them as such.
func (m *model) meanings(x ast.Expr) []ast.Expr {
	switch x := x.(type) {
	case *ast.Ident:
		return m.named(x)
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(x.Sel)
		if err != nil {
			return nil
		}
		return m.fieldsOf(x.X, name)
	case *ast.IndexExpr:
		if name, ok := plainText(x.Index); ok {
			return m.fieldsOf(x.X, name)
		}
	}
	return nil
}

// named is what a name stands for.
func (m *model) named(ident *ast.Ident) []ast.Expr {
	if let, ok := ident.Node.(*ast.LetClause); ok {
		return []ast.Expr{let.Expr}
	}
	lexicon := m.lexicon
	if here := lexicon.places[ident]; here != nil && here.pkg != "" {
		lexicon = lexicon.packages[here.pkg]
	} else if !m.isRoot(ident) {
		if value, ok := ident.Node.(ast.Expr); ok {
			return []ast.Expr{value}
		}
		return nil
	}
	return values(lexicon.roots[ident.Name])
}

// fieldsOf is what the field of a name of an expression stands for.
func (m *model) fieldsOf(x ast.Expr, name string) []ast.Expr {
	if ident, ok := x.(*ast.Ident); ok {
		if pkg := m.prepared.Import(ident); pkg != nil {
			return values(m.lexicon.packages[pkg.Path].roots[name])
		}
	}
	var found []ast.Expr
	seen := map[ast.Expr]bool{}
	var look func(x ast.Expr)
	look = func(x ast.Expr) {
		if seen[x] {
			return
		}
		seen[x] = true
		switch y := x.(type) {
		case *ast.StructLit:
			for _, decl := range y.Elts {
				switch d := decl.(type) {
				case *ast.Field:
					if label, _, err := ast.LabelName(d.Label); err == nil && label == name {
						found = append(found, d.Value)
					}
				case *ast.EmbedDecl:
					look(d.Expr)
				case *ast.Comprehension:
					look(d.Value)
				}
			}
		case *ast.ParenExpr:
			look(y.X)
		case *ast.BinaryExpr:
			if y.Op == token.AND {
				look(y.X)
				look(y.Y)
			}
		default:
			for _, meaning := range m.meanings(x) {
				look(meaning)
			}
		}
	}
	look(x)
	return found
}

func values(places []*place) []ast.Expr {
	var out []ast.Expr
	for _, p := range places {
		out = append(out, p.field.Value)
	}
	return out
}
