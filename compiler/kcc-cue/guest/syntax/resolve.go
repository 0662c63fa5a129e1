package syntax

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// resolver binds each identifier of a fragment as CUE would. An unresolved name
// would void CUE's whole build; here it is reported, and `_` replaces the
// smallest expression around it.
type resolver struct {
	p      *Prepared
	source *source
	names  *names
	// faults receives what is wrong; nil if it is reported elsewhere.
	faults *Faults
	// inactive is set for a part that does not apply to the target: a name that it
	// uses needs no placeholder.
	inactive bool
	// path is the path of the current field; a label that is not a plain name is
	// empty.
	path []string
	// loops has the clauses around the current node that run once per component.
	loops []ast.Node
	// selected is the identifier that a selection begins with, and interpolated
	// one that is interpolated.
	selected, interpolated ast.Expr
	// imported is set for the file of an imported package, which knows nothing of
	// the system.
	imported bool
	// pruning is set after the rewrite, to collect unused declarations in
	// unusedNodes.
	pruning     bool
	unusedNodes map[ast.Node]bool
}

// resolve rewrites all parts of one fragment.
func (p *Prepared) resolve(s *source, n *names) {
	file := s.fileScope(true)
	for i, part := range s.parts(p.target) {
		r := &resolver{p: p, source: s, names: n, faults: s.faults, inactive: part.inactive}
		if part.inactive {
			// Its mistakes are reported when its target is evaluated.
			r.faults = nil
		}
		whole, loose := s.whole, s.loose
		if i == 0 {
			s.base = r.decls(s.base, file, atRoot)
		} else {
			// Changes in place. A part that is not a struct and does not resolve
			// at all is replaced when the file is assembled.
			if _, ok := r.expr(part.value, file, part.at.within(part.value)); !ok {
				p.dropped[part.value] = true
			}
		}
		if part.inactive {
			s.whole, s.loose = whole, loose
		}
	}
	r := &resolver{p: p, source: s, names: n, faults: s.faults}
	r.reportUnused(file)
}

// fileScope returns what the imports and the lets at the root bind.
func (s *source) fileScope(withRefused bool) *scope {
	file := &scope{}
	for _, decl := range s.imports {
		file.bind(importName(decl.Specs[0]), importBinding, decl.Specs[0])
	}
	if withRefused {
		for name := range s.refused {
			file.bind(name, refusedBinding, nil)
		}
	}
	file.bindDecls(s.base, atRoot)
	return file
}

// reportUnused reports the unused bindings that CUE rejects.
func (r *resolver) reportUnused(s *scope) {
	if r.pruning {
		for _, b := range s.names {
			if !b.used && (b.kind == importBinding || b.kind == letBinding || b.kind == aliasBinding) {
				r.unusedNodes[b.at] = true
			}
		}
		return
	}
	if !r.source.whole || r.source.loose {
		// What was removed may well have used it.
		return
	}
	for _, name := range slices.Sorted(maps.Keys(s.names)) {
		b := s.names[name]
		switch {
		case b.used:
		case b.kind == importBinding:
			unused := wire.UnusedImport{}
			if r.source.shadowed[name] {
				unused.Shadowed = name
			}
			path := strings.Trim(b.at.(*ast.ImportSpec).Path.Value, `"`)
			r.faults.report(r.p.withLabel(wire.Fault{Detail: wire.Import{Path: path, Problem: unused}}, b.at))
		case b.kind == letBinding || b.kind == aliasBinding:
			r.faults.report(r.p.withLabel(wire.Fault{Detail: wire.UnusedName{Name: name, Alias: b.kind == aliasBinding}}, b.at))
		}
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

// value is expr, but replaces what does not resolve with `_`.
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

// sharedFields are the fields of a component that other components can depend on:
// its image or kind, ports, environment and needs.
var sharedFields = []string{"image", "build", "kind", "port", "ports", "env", "needs"}

// insideComponent reports whether the current field concerns only its own
// component, so no other one depends on it.
func (r *resolver) insideComponent() bool {
	if len(r.path) < 3 || !slices.Contains(schema.Shipped().ComponentFields(), r.path[0]) {
		return false
	}
	return len(r.path) > 3 || r.path[2] != "" && !slices.Contains(sharedFields, r.path[2])
}

// field rewrites a field. It returns false if the label does not resolve.
func (r *resolver) field(field *ast.Field, s *scope, at level) bool {
	ok := r.label(field, s, at)
	name, _, _ := ast.LabelName(field.Label)
	r.path = append(r.path, name)
	defer func() { r.path = r.path[:len(r.path)-1] }()
	if _, pattern := patternOf(field); pattern && len(r.path) == 2 && slices.Contains(schema.Shipped().ComponentFields(), r.path[0]) {
		r.loops = append(r.loops, field.Label)
		defer func() { r.loops = r.loops[:len(r.loops)-1] }()
	}
	inner := s
	if list, pattern := patternOf(field); pattern {
		inner = s.inner()
		if alias, ok := field.Label.(*ast.Alias); ok {
			inner.bind(alias.Ident.Name, variableBinding, alias)
		}
		if len(list.Elts) == 1 {
			if alias, ok := list.Elts[0].(*ast.Alias); ok {
				inner.bind(alias.Ident.Name, variableBinding, alias)
			}
		}
		if alias := field.Alias; alias != nil {
			if alias.Label != nil {
				inner.bind(alias.Label.Name, variableBinding, alias)
			}
			inner.bind(alias.Field.Name, variableBinding, alias)
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
		inner.bind(alias.Ident.Name, aliasBinding, alias.Ident)
		alias.Expr = r.value(alias.Expr, inner, inside)
		r.reportUnused(inner)
	} else if field.Value != nil {
		field.Value = r.value(field.Value, inner, inside)
	}
	if !ok {
		r.source.whole = false
	}
	return ok
}

// label rewrites the label of a field, except patterns.
func (r *resolver) label(field *ast.Field, s *scope, at level) bool {
	if at.joins() && !r.pruning {
		if ident := privateLabel(field.Label); ident != nil {
			r.p.rename(ident, r.names.uniqueName(ident.Name, r.source.Team))
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
		if at != inOverlay && at != rootShaped || !isRootField(x.Name) {
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

// comprehension rewrites a comprehension. It returns false if a clause does not
// resolve.
func (r *resolver) comprehension(x *ast.Comprehension, s *scope, at level) bool {
	outer, ok := s, true
	visit := func(x *ast.Expr) {
		y, good := r.expr(*x, s, inside)
		*x, ok = y, ok && good
	}
	for _, clause := range x.Clauses {
		switch c := clause.(type) {
		case *ast.ForClause:
			if name := r.componentField(c.Source, s); name != "" {
				r.warnQuadratic(c.Source, name)
				r.loops = append(r.loops, c.Source)
				defer func() { r.loops = r.loops[:len(r.loops)-1] }()
			}
			visit(&c.Source)
			s = s.inner()
			if c.Key != nil {
				s.bind(c.Key.Name, variableBinding, c.Key)
			}
			s.bind(c.Value.Name, variableBinding, c.Value)
		case *ast.IfClause:
			visit(&c.Condition)
			if !r.pruning {
				c.Condition = locatable(c.Condition)
			}
		case *ast.LetClause:
			inner := s.inner()
			inner.bindLet(c, variableBinding, s)
			visit(&c.Expr)
			s = inner
		case *ast.TryClause:
			if c.Ident != nil {
				visit(&c.Expr)
				s = s.inner()
				s.bind(c.Ident.Name, variableBinding, c.Ident)
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

// locatable wraps a condition so that CUE's errors point at it. For a bare
// reference CUE reports where the referenced value is declared.
func locatable(condition ast.Expr) ast.Expr {
	switch condition.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return &ast.BinaryExpr{X: condition, Op: token.LAND, Y: ast.NewBool(true)}
	}
	return condition
}

// validRegexp reports an invalid regular expression and returns false for it. CUE
// notices only when a value meets it, and then gives up everything around it.
func (r *resolver) validRegexp(op token.Token, x ast.Expr) bool {
	text, ok := plainString(x)
	if op != token.MAT && op != token.NMAT || !ok || r.pruning {
		return true
	}
	_, err := regexp.Compile(text)
	if err != nil {
		cause := &wire.Cause{Message: "invalid regexp: " + err.Error(), Bare: "invalid regexp: " + err.Error()}
		e := wire.Fault{Detail: wire.FailedExpression{Cause: cause}, Path: inModel(r.path)}
		r.faults.report(r.p.withLabel(e, x))
	}
	return err == nil
}

// Written returns a condition as the fragment writes it, without the wrapper of
// locatable; other expressions are returned unchanged.
func Written(x ast.Expr) ast.Expr {
	if both, ok := x.(*ast.BinaryExpr); ok && both.Op == token.LAND && !both.Y.Pos().IsValid() {
		return both.X
	}
	return x
}

// expr rewrites an expression. It returns false if the expression does not
// resolve; the caller then replaces it as a whole.
func (r *resolver) expr(x ast.Expr, s *scope, at level) (ast.Expr, bool) {
	switch x := x.(type) {
	case *ast.Ident:
		return x, r.ident(x, s)
	case *ast.StructLit:
		r.structLit(x, s, at)
	case *ast.ListLit:
		r.listLit(x, s)
	case *ast.Comprehension:
		return x, r.comprehension(x, s, at)
	case *ast.ParenExpr:
		y, ok := r.expr(x.X, s, at)
		x.X = y
		return x, ok
	case *ast.BinaryExpr:
		return x, r.binary(x, s, at)
	default:
		return x, r.operation(x, s)
	}
	return x, true
}

// structLit rewrites a struct, which takes out what does not resolve.
func (r *resolver) structLit(x *ast.StructLit, s *scope, at level) {
	inner := s.inner()
	inner.bindDecls(x.Elts, at)
	x.Elts = r.decls(x.Elts, inner, at)
	r.reportUnused(inner)
}

// listLit rewrites a list, which takes out what does not resolve.
func (r *resolver) listLit(x *ast.ListLit, s *scope) {
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
}

// binary rewrites a binary expression. A unification has a value even if one of
// its operands does not resolve.
func (r *resolver) binary(x *ast.BinaryExpr, s *scope, at level) bool {
	if x.Op == token.AND {
		x.X = r.value(x.X, s, at)
		x.Y = r.value(x.Y, s, at)
		return true
	}
	r.checkTargetComparison(x, s)
	return r.all(s, &x.X, &x.Y) && r.validRegexp(x.Op, x.Y)
}

// operation rewrites an expression that needs all of its operands.
func (r *resolver) operation(x ast.Expr, s *scope) bool {
	switch x := x.(type) {
	case *ast.Interpolation:
		ok := true
		for i := range x.Elts {
			r.interpolated = x.Elts[i]
			ok = r.all(s, &x.Elts[i]) && ok
		}
		return ok
	case *ast.SelectorExpr:
		r.selected = x.X
		return r.all(s, &x.X)
	case *ast.IndexExpr:
		r.selected = x.X
		return r.all(s, &x.X, &x.Index)
	case *ast.SliceExpr:
		return r.all(s, &x.X, &x.Low, &x.High)
	case *ast.CallExpr:
		ok := r.all(s, &x.Fun)
		for i := range x.Args {
			ok = r.all(s, &x.Args[i]) && ok
		}
		return ok
	case *ast.UnaryExpr:
		return r.all(s, &x.X) && r.validRegexp(x.Op, x.X)
	case *ast.PostfixExpr:
		return r.all(s, &x.X)
	}
	return true
}

// all rewrites operands in place. It returns false if one of them does not
// resolve.
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

// ident resolves an identifier. It returns false if that fails.
func (r *resolver) ident(x *ast.Ident, s *scope) bool {
	name := x.Name
	if name == "_" {
		return true
	}
	if b := s.lookup(name); b != nil {
		b.used = true
		if b.kind != importBinding {
			r.source.shadow(name)
		}
		if name == "target" && !r.pruning && !r.imported {
			// Shadowing it is almost always a mistake.
			shadowed := wire.Overlay{Problem: wire.ShadowedTarget{Name: name}}
			e := r.p.withLabel(wire.Fault{Detail: shadowed, Warning: true}, x)
			if b.at != nil {
				e = r.p.withLabel(e, b.at)
			}
			r.faults.report(e)
		}
		return b.kind != refusedBinding
	}
	if r.pruning {
		return true
	}
	if isPrivate(name) {
		if owner, ok := r.names.owner(name, r.source.Team); ok {
			r.p.rename(x, r.names.uniqueName(name, owner))
			r.use(x.Name)
			return true
		}
		if e, ok := r.names.privateElsewhere(r.p, x); ok {
			r.faults.report(e)
			return false
		}
	} else if usable, ok := r.names.fields[name]; ok {
		if !usable {
			reference := wire.Overlay{Problem: wire.OverlayReference{Name: name, Selects: x == r.selected}}
			r.faults.report(r.p.withLabel(wire.Fault{Detail: reference}, x))
			return false
		}
		r.use(name)
		return true
	} else if r.p.reported[name] {
		return false
	}
	if predeclared(name) {
		return true
	}
	r.reportUnknown(x, s)
	return false
}

// checkTargetComparison warns about a comparison of `target` with something that
// is not the name of a target: the result is the same for all of them.
func (r *resolver) checkTargetComparison(x *ast.BinaryExpr, s *scope) {
	if x.Op != token.EQL && x.Op != token.NEQ || r.pruning || r.imported || len(r.p.targets) == 0 {
		return
	}
	for _, sides := range [][2]ast.Expr{{x.X, x.Y}, {x.Y, x.X}} {
		ident, isIdent := sides[0].(*ast.Ident)
		name, isText := plainString(sides[1])
		if !isIdent || !isText || ident.Name != "target" || s.lookup("target") != nil || slices.Contains(r.p.targets, name) {
			continue
		}
		unknown := wire.UnknownTarget{Name: name, Candidates: r.p.targets, Differs: x.Op == token.NEQ}
		r.faults.report(r.p.withLabel(wire.Fault{Detail: unknown, Warning: true}, sides[1]))
	}
}

func (r *resolver) use(name string) {
	if !r.inactive {
		r.names.used[name] = true
	}
}

// reportUnknown reports a name that does not resolve, with the names in scope.
func (r *resolver) reportUnknown(x *ast.Ident, s *scope) {
	if r.faults == nil || r.p.InUnparsed(x.Name) {
		return
	}
	visible := map[string]bool{}
	s.visible(visible)
	for name, usable := range r.names.fields {
		visible[name] = visible[name] || usable
	}
	for name := range r.names.private {
		_, ok := r.names.owner(name, r.source.Team)
		visible[name] = visible[name] || ok
	}
	for _, name := range predeclaredNames {
		visible[name] = true
	}
	var candidates []string
	for _, name := range slices.Sorted(maps.Keys(visible)) {
		// The host looks for a similar name; a name of a very different length is
		// not similar.
		if visible[name] && max(len(name)-len(x.Name), len(x.Name)-len(name)) <= 3 {
			candidates = append(candidates, name)
		}
	}
	unknown := wire.UnknownName{Name: x.Name, Candidates: candidates, Interpolated: x == r.interpolated, Key: r.p.keyReference(r.path, x.Name)}
	for _, path := range standardLibrary {
		if path[strings.LastIndexByte(path, '/')+1:] == x.Name {
			unknown.Package = path
		}
	}
	r.faults.report(r.p.withLabel(wire.Fault{Detail: unknown, Path: inModel(r.path)}, x))
}

func isRootField(name string) bool {
	return slices.Contains(schema.Shipped().RootFields(), name)
}

// predeclaredNames are CUE's predeclared identifiers, in alphabetical order.
var predeclaredNames = []string{
	"and", "bool", "bytes", "close", "div", "error", "float", "float32", "float64", "int", "int128",
	"int16", "int32", "int64", "int8", "len", "matchIf", "matchN", "mod", "number", "or", "quo",
	"rem", "rune", "self", "string", "uint", "uint128", "uint16", "uint32", "uint64", "uint8",
}

func predeclared(name string) bool {
	_, ok := slices.BinarySearch(predeclaredNames, strings.TrimPrefix(name, "__"))
	return ok
}
