package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// anyName stands for a pattern in a path.
const anyName = "*"

// requirements returns the paths that a policy requires something of, itself or
// through references, and those that its assertions read.
func (r *reporter) requirements(policy syntax.Policy, tree *wire.Node, owners map[owner]string) (required, read []wire.Required) {
	reader := &requirementReader{
		evaluation: r.evaluation, value: r.policyRoot.Root.LookupPath(policy.Path), seen: map[ast.Expr]bool{},
		team: policy.Team, owners: owners,
	}
	for _, expr := range policy.Require {
		reader.expr(expr, nil)
	}
	for _, name := range reader.names {
		r.recordMatch(name.Path, name.Span, tree, policy.Name)
	}
	r.recordPatterns(reader.value, patternRule{wire.RulePolicy, policy.Name, []string{policy.Path.String()}}, tree)
	return reader.found, reader.reads
}

// requirementReader follows the expressions of one policy.
type requirementReader struct {
	*evaluation
	// team is the policy's team, owners those of the components.
	team   string
	owners map[owner]string
	// value is the value CUE builds of the policy.
	value cue.Value
	// seen has the references that are being followed.
	seen  map[ast.Expr]bool
	found []wire.Required
	// reads are the paths that assertions read.
	reads []wire.Required
	// names are the components that it names, except those it requires or forbids
	// to exist or puts under a condition.
	names []wire.Required
	// conditional is set where an expression may not apply: within a comprehension
	// or an argument of a call.
	conditional bool
	// clauses are those of the comprehensions around an expression.
	clauses []ast.Clause
}

func (r *requirementReader) record(node ast.Node, path []string) {
	if span, ok := r.span(node); ok && len(path) > 0 {
		r.found = append(r.found, wire.Required{Path: path, Span: span})
	}
}

// expr records what an expression requires of a path and of those below.
func (r *requirementReader) expr(x ast.Expr, path []string) {
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
	case *ast.CallExpr:
		r.call(x, path)
	default:
		r.opaque(x, path)
	}
}

func (r *requirementReader) decl(decl ast.Decl, path []string) {
	switch d := decl.(type) {
	case *ast.Field:
		name, _, err := ast.LabelName(d.Label)
		if err != nil {
			name = anyName
		} else if isPrivate(r.prepared.Original(name)) && isIdent(d.Label) {
			// It belongs to the policy itself.
			r.assertion(d.Value)
			return
		}
		at := append(slices.Clip(path), name)
		if hasChosenName(at) && d.Constraint != token.NOT && !r.conditional && !forbids(d.Value) {
			if span, ok := r.span(d.Label); ok {
				r.names = append(r.names, wire.Required{Path: at, Span: span})
			}
		}
		r.expr(d.Value, at)
	case *ast.EmbedDecl:
		r.expr(d.Expr, path)
	case *ast.Comprehension:
		outer, clauses := r.conditional, r.clauses
		r.conditional, r.clauses = true, append(slices.Clip(clauses), d.Clauses...)
		defer func() { r.conditional, r.clauses = outer, clauses }()
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

// reference records what the structs behind a reference require. If there are
// none, the reference itself counts.
func (r *requirementReader) reference(x ast.Expr, path []string) {
	if r.seen[x] {
		return
	}
	r.seen[x] = true
	defer delete(r.seen, x)
	structs := false
	for _, target := range r.targetsOf(x) {
		if mayHaveFields(target) {
			structs = true
			r.expr(target, path)
		}
	}
	if !structs {
		r.opaque(x, path)
	}
}

// mayHaveFields reports whether an expression may be a struct whose fields are
// written somewhere.
func mayHaveFields(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.StructLit, *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return true
	case *ast.ParenExpr:
		return mayHaveFields(x.X)
	case *ast.BinaryExpr:
		return x.Op == token.AND && (mayHaveFields(x.X) || mayHaveFields(x.Y))
	}
	return false
}

// call records the structs that a call at the root is given, such as those of
// `matchN(1, [{services: …}])`. Below the root the call itself counts.
func (r *requirementReader) call(x *ast.CallExpr, path []string) {
	before := len(r.found)
	if len(path) == 0 {
		outer := r.conditional
		r.conditional = true
		for _, arg := range x.Args {
			args := []ast.Expr{arg}
			if list, ok := arg.(*ast.ListLit); ok {
				args = list.Elts
			}
			for _, arg := range args {
				if mayHaveFields(arg) {
					r.expr(arg, path)
				}
			}
		}
		r.conditional = outer
	}
	if len(r.found) == before {
		r.opaque(x, path)
	}
}

// opaque records an expression whose fields are written nowhere: they are those
// of its value.
func (r *requirementReader) opaque(x ast.Expr, path []string) {
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
	if len(path) == 0 {
		r.assertion(x)
		return
	}
	r.record(x, path)
}

// recordName records a component that the value of an expression names. An operand
// of a disjunction may not apply.
func (r *requirementReader) recordName(x ast.Expr, v cue.Value, path []string) {
	if _, ok := x.(*ast.BinaryExpr); ok || r.conditional || !hasChosenName(path) || v.IncompleteKind() == cue.BottomKind {
		return
	}
	if span, ok := r.span(x); ok {
		r.names = append(r.names, wire.Required{Path: path, Span: span})
	}
}

// values records the components that a value is about.
func (r *requirementReader) values(x ast.Expr, v cue.Value, path []string) {
	if len(path) == 2 {
		r.record(x, path)
		r.recordName(x, v, path)
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

// targetsOf returns the expressions that a reference leads to, or none if nobody
// wrote them as such.
func (m *evaluation) targetsOf(x ast.Expr) []ast.Expr {
	f := &targetFinder{evaluation: m, visited: map[selection]bool{}}
	return f.targets(x)
}

// targetFinder follows references. They may lead back to themselves.
type targetFinder struct {
	*evaluation
	visited map[selection]bool
}

// selection is the field that is looked for in an expression.
type selection struct {
	of   ast.Expr
	name string
}

func (f *targetFinder) targets(x ast.Expr) []ast.Expr {
	switch x := x.(type) {
	case *ast.Ident:
		return f.identTargets(x)
	case *ast.SelectorExpr:
		name, _, err := ast.LabelName(x.Sel)
		if err != nil {
			return nil
		}
		return f.fieldTargets(x.X, name)
	case *ast.IndexExpr:
		if name, ok := plainText(x.Index); ok {
			return f.fieldTargets(x.X, name)
		}
	}
	return nil
}

// identTargets returns the expressions that an identifier stands for.
func (m *evaluation) identTargets(ident *ast.Ident) []ast.Expr {
	if let, ok := ident.Node.(*ast.LetClause); ok {
		return []ast.Expr{let.Expr}
	}
	index := m.index
	if here := index.sites[ident]; here != nil && here.pkg != "" {
		index = index.packages[here.pkg]
	} else if !m.isRoot(ident) {
		if value, ok := ident.Node.(ast.Expr); ok {
			return []ast.Expr{value}
		}
		return nil
	}
	return siteValues(index.roots[ident.Name])
}

// fieldTargets returns the values of a field of an expression.
func (f *targetFinder) fieldTargets(x ast.Expr, name string) []ast.Expr {
	if ident, ok := x.(*ast.Ident); ok {
		if pkg := f.prepared.Import(ident); pkg != nil {
			return siteValues(f.index.packages[pkg.Path].roots[name])
		}
	}
	var found []ast.Expr
	var look func(x ast.Expr)
	look = func(x ast.Expr) {
		if f.visited[selection{x, name}] {
			return
		}
		f.visited[selection{x, name}] = true
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
			for _, target := range f.targets(x) {
				look(target)
			}
		}
	}
	look(x)
	return found
}

func siteValues(sites []*site) []ast.Expr {
	var out []ast.Expr
	for _, p := range sites {
		out = append(out, p.field.Value)
	}
	return out
}
