package syntax

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// resolver finds what each name in a fragment means, as CUE would. A name
// that means nothing voids CUE's whole build; here it is reported and the
// expression that needs it becomes `_`.
type resolver struct {
	p      *Prepared
	source *source
	names  *names
	// quiet: what is wrong is reported elsewhere.
	quiet bool
	// path leads from the root to the field that is worked on; a label that
	// is no plain name is empty.
	path []string
	// each is what stands for every field of a root field of components around
	// what is worked on: a clause that goes through them.
	each []ast.Node
	// imported: the file is one of a package that fragments import, which
	// knows nothing of the system.
	imported bool
	// settled: everything is rewritten; idle collects what nothing uses.
	settled bool
	idle    map[ast.Node]bool
}

// resolve rewrites all parts of one fragment.
func (p *Prepared) resolve(s *source, n *names) {
	file := s.fileScope(true)
	for i, part := range s.parts(p.target) {
		r := &resolver{p: p, source: s, names: n, quiet: part.elsewhere}
		whole, loose := s.whole, s.loose
		if i == 0 {
			s.base = r.decls(s.base, file, atRoot)
		} else {
			// Changes within; a part that is no struct and means nothing at
			// all is replaced where the file is put together.
			if _, ok := r.expr(part.value, file, part.at.within(part.value)); !ok {
				p.dropped[part.value] = true
			}
		}
		if part.elsewhere {
			s.whole, s.loose = whole, loose
		}
	}
	r := &resolver{p: p, source: s, names: n}
	r.unused(file)
}

// fileScope is what the imports and the lets at the root bind.
func (s *source) fileScope(withRefused bool) *scope {
	file := &scope{}
	for _, decl := range s.imports {
		file.bind(importName(decl.Specs[0]), anImport, decl.Specs[0])
	}
	if withRefused {
		for name := range s.refused {
			file.bind(name, aRefused, nil)
		}
	}
	file.bindDecls(s.base, atRoot)
	return file
}

// unused reports what CUE does not let stay unused.
func (r *resolver) unused(s *scope) {
	if r.quiet {
		return
	}
	if r.settled {
		for _, b := range s.names {
			if !b.used && (b.kind == anImport || b.kind == aLet || b.kind == anAlias) {
				r.idle[b.at] = true
			}
		}
		return
	}
	if !r.source.whole || r.source.loose {
		// What was taken out may well have used it.
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		b := s.names[name]
		switch {
		case b.used:
		case b.kind == anImport:
			e := r.p.mark(wire.Error{Code: wire.Import}, b.at).
				With("path", strings.Trim(b.at.(*ast.ImportSpec).Path.Value, `"`)).With("reason", "unused")
			if r.source.shadowed[name] {
				e = e.With("name", name)
			}
			r.report(e)
		case b.kind == aLet || b.kind == anAlias:
			r.report(r.p.mark(wire.Error{Code: wire.BadExpression}, b.at).
				With("reason", "unused").With("name", name))
		}
	}
}

func (r *resolver) report(e wire.Error) {
	if !r.quiet {
		r.p.Errors = append(r.p.Errors, e)
	}
}

// decls rewrites the declarations of a struct.
func (r *resolver) decls(decls []ast.Decl, s *scope, at level) []ast.Decl {
	kept := decls[:0]
	for _, decl := range decls {
		ok := true
		switch d := decl.(type) {
		case *ast.Field:
			ok = r.field(d, s, at)
		case *ast.LetClause:
			// A let does not see itself.
			b := s.names[d.Ident.Name]
			delete(s.names, d.Ident.Name)
			d.Expr = r.value(d.Expr, s, inside)
			if b != nil {
				s.names[d.Ident.Name] = b
			}
		case *ast.Ellipsis:
			if d.Type != nil {
				d.Type = r.value(d.Type, s, inside)
			}
		case *ast.EmbedDecl:
			d.Expr = r.value(d.Expr, s, at.within(d.Expr))
		case *ast.Comprehension:
			ok = r.comprehension(d, s, at)
		case ast.Expr:
			decl = r.value(d, s, at)
		}
		if ok {
			kept = append(kept, decl)
		}
	}
	return kept
}

// value is expr with a `_` for what means nothing.
func (r *resolver) value(x ast.Expr, s *scope, at level) ast.Expr {
	y, ok := r.expr(x, s, at)
	if !ok {
		if r.insideComponent() {
			r.source.loose = true
		} else {
			r.source.whole = false
		}
		return r.p.drop(x)
	}
	return y
}

// telling are the fields of a component that others ask about: what it is, and
// what it offers.
var telling = []string{"image", "build", "kind", "port", "ports", "env", "needs"}

// insideComponent says whether what stands here is a detail of one component:
// no other one can miss it.
func (r *resolver) insideComponent() bool {
	if len(r.path) < 3 || !slices.Contains(componentFields, r.path[0]) {
		return false
	}
	return len(r.path) > 3 || r.path[2] != "" && !slices.Contains(telling, r.path[2])
}

// field rewrites a field; false if its label means nothing.
func (r *resolver) field(field *ast.Field, s *scope, at level) bool {
	ok := r.label(field, s, at)
	name, _, _ := ast.LabelName(field.Label)
	r.path = append(r.path, name)
	defer func() { r.path = r.path[:len(r.path)-1] }()
	if _, pattern := patternOf(field); pattern && len(r.path) == 2 && slices.Contains(componentFields, r.path[0]) {
		r.each = append(r.each, field.Label)
		defer func() { r.each = r.each[:len(r.each)-1] }()
	}
	inner := s
	if list, pattern := patternOf(field); pattern {
		inner = s.inner()
		if alias, ok := field.Label.(*ast.Alias); ok {
			inner.bind(alias.Ident.Name, aVariable, alias)
		}
		if len(list.Elts) == 1 {
			if alias, ok := list.Elts[0].(*ast.Alias); ok {
				inner.bind(alias.Ident.Name, aVariable, alias)
			}
		}
		if alias := field.Alias; alias != nil {
			if alias.Label != nil {
				inner.bind(alias.Label.Name, aVariable, alias)
			}
			inner.bind(alias.Field.Name, aVariable, alias)
		}
		for i, elem := range list.Elts {
			if alias, isAlias := elem.(*ast.Alias); isAlias {
				elem = alias.Expr
			}
			y, good := r.expr(elem, inner, inside)
			ok = ok && good
			if alias, isAlias := list.Elts[i].(*ast.Alias); isAlias {
				alias.Expr = y
			} else {
				list.Elts[i] = y
			}
		}
	}
	if alias, isAlias := field.Value.(*ast.Alias); isAlias {
		inner = inner.inner()
		inner.bind(alias.Ident.Name, anAlias, alias.Ident)
		alias.Expr = r.value(alias.Expr, inner, inside)
		r.unused(inner)
	} else if field.Value != nil {
		field.Value = r.value(field.Value, inner, inside)
	}
	if !ok {
		r.source.whole = false
	}
	return ok
}

// label rewrites what stands before the colon, but for patterns.
func (r *resolver) label(field *ast.Field, s *scope, at level) bool {
	if at.joins() && !r.settled {
		if ident := privateLabel(field.Label); ident != nil {
			r.p.rename(ident, r.names.renamed(ident.Name, r.source.Team))
			return true
		}
	}
	alias, aliased := field.Label.(*ast.Alias)
	label := field.Label
	if aliased {
		label, _ = alias.Expr.(ast.Label)
	}
	switch x := label.(type) {
	case *ast.Ident:
		if at != underOn && at != likeRoot || !isRootField(x.Name) {
			return true
		}
		if aliased {
			alias.Expr = r.p.quoted(x)
		} else {
			field.Label = r.p.quoted(x)
		}
	case *ast.ParenExpr:
		y, ok := r.expr(x.X, s, inside)
		x.X = y
		return ok
	case *ast.Interpolation:
		_, ok := r.expr(x, s, inside)
		return ok
	}
	return true
}

// comprehension rewrites one; false if a clause of it means nothing.
func (r *resolver) comprehension(x *ast.Comprehension, s *scope, at level) bool {
	outer, ok := s, true
	visit := func(x *ast.Expr) {
		y, good := r.expr(*x, s, inside)
		*x, ok = y, ok && good
	}
	for _, clause := range x.Clauses {
		switch c := clause.(type) {
		case *ast.ForClause:
			if name := r.allComponents(c.Source, s); name != "" {
				r.tooOften(c.Source, name)
				r.each = append(r.each, c.Source)
				defer func() { r.each = r.each[:len(r.each)-1] }()
			}
			visit(&c.Source)
			s = s.inner()
			if c.Key != nil {
				s.bind(c.Key.Name, aVariable, c.Key)
			}
			s.bind(c.Value.Name, aVariable, c.Value)
		case *ast.IfClause:
			visit(&c.Condition)
			if !r.settled {
				c.Condition = locatable(c.Condition)
			}
		case *ast.LetClause:
			inner := s.inner()
			inner.bindLet(c, aVariable, s)
			visit(&c.Expr)
			s = inner
		case *ast.TryClause:
			if c.Ident != nil {
				visit(&c.Expr)
				s = s.inner()
				s.bind(c.Ident.Name, aVariable, c.Ident)
			}
		}
	}
	x.Value = r.value(x.Value, s, at.within(x.Value))
	if x.Fallback != nil {
		r.value(x.Fallback.Body, outer, at.within(x.Fallback.Body))
	}
	if !ok {
		r.source.whole = false
	}
	return ok
}

// locatable is a condition that CUE's errors point at. Of one that does nothing
// but refer to a value CUE says where that value is declared.
func locatable(condition ast.Expr) ast.Expr {
	switch condition.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return &ast.BinaryExpr{X: condition, Op: token.LAND, Y: ast.NewBool(true)}
	}
	return condition
}

// regular reports a regular expression that is none; false if it is. CUE finds
// out only where something meets it, and then gives up all that is around it.
func (r *resolver) regular(op token.Token, x ast.Expr) bool {
	text, ok := plainString(x)
	if op != token.MAT && op != token.NMAT || !ok || r.settled {
		return true
	}
	_, err := regexp.Compile(text)
	if err != nil {
		r.report(r.p.mark(wire.Error{Code: wire.BadExpression, Path: inModel(r.path)}, x).
			With("reason", "failed").With("message", "invalid regexp: "+err.Error()).With("bare", "invalid regexp: "+err.Error()))
	}
	return err == nil
}

// Written is a condition as the fragment writes it; any other expression is its
// own.
func Written(x ast.Expr) ast.Expr {
	if both, ok := x.(*ast.BinaryExpr); ok && both.Op == token.LAND && !both.Y.Pos().IsValid() {
		return both.X
	}
	return x
}

// expr rewrites an expression; false if it means nothing, which its caller
// then replaces as a whole.
func (r *resolver) expr(x ast.Expr, s *scope, at level) (ast.Expr, bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return x, r.ident(x, s)
	case *ast.StructLit:
		inner := s.inner()
		inner.bindDecls(x.Elts, at)
		x.Elts = r.decls(x.Elts, inner, at)
		r.unused(inner)
		return x, true
	case *ast.ListLit:
		kept := x.Elts[:0]
		for _, elem := range x.Elts {
			switch e := elem.(type) {
			case *ast.Comprehension:
				if !r.comprehension(e, s, inside) {
					continue
				}
			case *ast.Ellipsis:
				if e.Type != nil {
					e.Type = r.value(e.Type, s, inside)
				}
			default:
				elem = r.value(elem, s, inside)
			}
			kept = append(kept, elem)
		}
		x.Elts = kept
		return x, true
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			x.X = r.value(x.X, s, at)
			x.Y = r.value(x.Y, s, at)
			return x, true
		}
		r.compared(x, s)
		return x, r.all(s, &x.X, &x.Y) && r.regular(x.Op, x.Y)
	case *ast.Interpolation:
		ok := true
		for i := range x.Elts {
			ok = r.all(s, &x.Elts[i]) && ok
		}
		return x, ok
	case *ast.ParenExpr:
		y, ok := r.expr(x.X, s, at)
		x.X = y
		return x, ok
	case *ast.SelectorExpr:
		return x, r.all(s, &x.X)
	case *ast.IndexExpr:
		return x, r.all(s, &x.X, &x.Index)
	case *ast.SliceExpr:
		return x, r.all(s, &x.X, &x.Low, &x.High)
	case *ast.CallExpr:
		ok := r.all(s, &x.Fun)
		for i := range x.Args {
			ok = r.all(s, &x.Args[i]) && ok
		}
		return x, ok
	case *ast.UnaryExpr:
		return x, r.all(s, &x.X) && r.regular(x.Op, x.X)
	case *ast.PostfixExpr:
		return x, r.all(s, &x.X)
	case *ast.Comprehension:
		return x, r.comprehension(x, s, at)
	}
	return x, true
}

// all rewrites operands in place; false if one of them means nothing.
func (r *resolver) all(s *scope, operands ...*ast.Expr) bool {
	ok := true
	for _, operand := range operands {
		if *operand == nil {
			continue
		}
		y, good := r.expr(*operand, s, inside)
		*operand, ok = y, ok && good
	}
	return ok
}
