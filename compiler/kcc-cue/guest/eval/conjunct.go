package eval

import (
	"slices"
	"sort"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// conjunct is one expression that takes part in a value.
type conjunct struct {
	value cue.Value
	// expr is the expression, without the label of its field.
	expr ast.Expr
	// site is the field it is written in, nil if it is in no fragment.
	site *site
	// direct is set if a fragment writes it at this very path.
	direct bool
	// made is set if the expression is a call and the conjunct a part of its result.
	made bool
	span wire.Span
	role wire.Role
	by   int
	// through are the embeddings that bring the conjunct to the root; empty if it
	// is written there or comes in further down. CUE has the conjunct once, however
	// many do.
	through []embedding
	// alsoBy are the files of other teams that embed it.
	alsoBy []int
}

// frame links the conjuncts of a value to those of the values above it.
type frame struct {
	above     *frame
	conjuncts []conjunct
}

// conjuncts splits a value into its conjuncts, sorted by span. A conjunct that no
// fragment writes, because a function made it, is that of the call.
func (m *evaluation) conjuncts(v cue.Value, path []string, above *frame) []conjunct {
	var out []conjunct
	var split func(v cue.Value)
	split = func(v cue.Value) {
		if node := v.Source(); node != nil {
			m.used[node] = true
		}
		op, args := operands(v)
		if op == cue.AndOp {
			for _, arg := range args {
				split(arg)
			}
			return
		}
		if field, ok := v.Source().(*ast.Field); ok && m.prepared.Joined(field) {
			if referred := cue.Dereference(v); referred.Source() != v.Source() {
				split(referred)
				return
			}
		}
		if c, ok := m.conjunct(v, path, above); ok {
			out = append(out, c)
		} else if m.isMade(v) {
			out = append(out, m.calls(v, path, above)...)
		}
	}
	split(v)
	sort.SliceStable(out, func(i, j int) bool { return less(out[i].span, out[j].span) })
	// A conjunct that several references bring in counts once per reference.
	unique := out[:0]
	for i, c := range out {
		if i == 0 || c.span != unique[len(unique)-1].span || c.by != unique[len(unique)-1].by {
			unique = append(unique, c)
		}
	}
	return unique
}

// operands returns the operands of the expression behind a value. CUE panics on
// some expressions, such as a slice without an end; these have none.
func operands(v cue.Value) (op cue.Op, args []cue.Value) {
	defer func() {
		if recover() != nil {
			op, args = cue.NoOp, nil
		}
	}()
	return v.Expr()
}

func (m *evaluation) conjunct(v cue.Value, path []string, above *frame) (conjunct, bool) {
	node := v.Source()
	if node == nil {
		return conjunct{}, false
	}
	c := conjunct{value: v, site: m.index.sites[node]}
	var label ast.Node
	switch node := node.(type) {
	case *ast.Field:
		c.expr = node.Value
		label = node.Label
	case *ast.EmbedDecl:
		c.expr = node.Expr
	case ast.Expr:
		c.expr = node
	default:
		return conjunct{}, false
	}
	if m.prepared.Removed(c.expr) {
		return conjunct{}, false
	}
	if m.prepared.Overridden(c.expr) {
		m.recordOverridden(path, c.expr)
		return conjunct{}, false
	}
	at := ast.Node(c.expr)
	if lit, ok := c.expr.(*ast.StructLit); ok {
		item := m.index.items[lit]
		if label == nil && !item && c.site != nil && c.site.field != nil {
			label = c.site.field.Label
		}
		if label != nil {
			at = label
		}
		c.role = wire.RoleConstraint
		if structHasValue(lit) {
			c.role = wire.RoleValue
		}
	} else {
		c.role = m.role(v, c.expr)
	}
	span, ok := m.span(at)
	if !ok {
		return conjunct{}, false
	}
	c.span = span
	c.by = span.File
	if c.site != nil {
		c.direct = c.site.isAt(path) || len(path) > 0 && isIndex(path[len(path)-1])
		if !c.direct {
			c.by, c.through = m.introducedBy(c.site, above, span.File)
			c.alsoBy = m.otherTeams(c.by, c.through)
		}
	}
	return c, true
}

// introducedBy returns the file whose reference brings a conjunct in: the closest
// one above that is written directly, else the one that embeds it at the root.
func (m *evaluation) introducedBy(p *site, above *frame, file int) (int, []embedding) {
	root := p.root()
	for f := above; f != nil; f = f.above {
		for _, c := range f.conjuncts {
			if !c.direct {
				if c.site == p.parent {
					return c.by, c.through
				}
				continue
			}
			if m.index.leadsTo(c.expr, root) {
				if f.above == nil {
					// A root field: what it embeds creates components.
					return c.span.File, m.embeddings(root, p)
				}
				return c.span.File, nil
			}
		}
	}
	through := m.embeddings(root, p)
	if len(through) == 0 {
		return file, nil
	}
	return through[0].span.File, through
}

// otherTeams returns a file of each team but that of a file that embeds something.
func (m *evaluation) otherTeams(file int, through []embedding) []int {
	var files []int
	teams := []string{m.team(file)}
	for _, e := range through {
		if team := m.team(e.span.File); !slices.Contains(teams, team) {
			teams = append(teams, team)
			files = append(files, e.span.File)
		}
	}
	return files
}

// brings reports whether an embedded expression contains a field, or refers to what
// contains it.
func (m *evaluation) brings(x ast.Expr, p *site, seen map[ast.Expr]bool) bool {
	if seen[x] {
		return false
	}
	seen[x] = true
	switch x := x.(type) {
	case *ast.StructLit:
		for at := p; at != nil; at = at.parent {
			if at.field != nil && slices.Contains(x.Elts, ast.Decl(at.field)) {
				return true
			}
		}
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.EmbedDecl:
				if m.brings(d.Expr, p, seen) {
					return true
				}
			case *ast.Comprehension:
				if m.brings(d.Value, p, seen) {
					return true
				}
			case *ast.Field:
				if d.Value != nil && !isPrivateLabel(d.Label) && m.brings(d.Value, p, seen) {
					return true
				}
			}
		}
	case *ast.Comprehension:
		return m.brings(x.Value, p, seen)
	case *ast.ParenExpr:
		return m.brings(x.X, p, seen)
	case *ast.BinaryExpr:
		return m.brings(x.X, p, seen) || m.brings(x.Y, p, seen)
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return slices.ContainsFunc(m.targetsOf(x), func(target ast.Expr) bool { return m.brings(target, p, seen) })
	}
	return false
}

// embeddings returns what brings a field below a root name to the root or into a
// root field. Names alone say less: a helper may have more than what is taken from
// it. They decide where the field itself is not found, as behind a function.
func (m *evaluation) embeddings(root string, p *site) []embedding {
	var through, exact []embedding
	for _, embedded := range m.index.embedded {
		if m.index.leadsTo(embedded.expr, root) {
			through = append(through, embedded)
			if m.brings(embedded.expr, p, map[ast.Expr]bool{}) {
				exact = append(exact, embedded)
			}
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return through
}

// role returns how an expression other than a struct literal takes part in a
// value.
func (m *evaluation) role(v cue.Value, expr ast.Expr) wire.Role {
	if _, has := v.Default(); has && !v.IsConcrete() {
		if m.secondPass && isReference(expr) {
			// It has a default, which counts as a value.
			return wire.RoleValue
		}
		return wire.RoleCUEDefault
	}
	switch expr := expr.(type) {
	case *ast.BasicLit, *ast.ListLit, *ast.Interpolation:
		return wire.RoleValue
	case *ast.UnaryExpr:
		if expr.Op != token.SUB && expr.Op != token.ADD && expr.Op != token.NOT {
			return wire.RoleConstraint
		}
	case *ast.BottomLit:
		return wire.RoleConstraint
	}
	if v.IsConcrete() {
		return wire.RoleValue
	}
	return wire.RoleConstraint
}

func isReference(expr ast.Expr) bool {
	switch expr.(type) {
	case *ast.Ident, *ast.SelectorExpr, *ast.IndexExpr:
		return true
	}
	return false
}

// structHasValue reports whether a struct literal has a value somewhere. An empty
// one is a value itself.
func structHasValue(lit *ast.StructLit) bool {
	if len(lit.Elts) == 0 {
		return true
	}
	for _, decl := range lit.Elts {
		switch decl := decl.(type) {
		case *ast.Field:
			if decl.Constraint == token.ILLEGAL && exprHasValue(decl.Value) {
				return true
			}
		case *ast.EmbedDecl, *ast.Comprehension:
			return true
		}
	}
	return false
}

func exprHasValue(expr ast.Expr) bool {
	switch expr := expr.(type) {
	case *ast.StructLit:
		return structHasValue(expr)
	case *ast.ParenExpr:
		return exprHasValue(expr.X)
	case *ast.BinaryExpr:
		switch expr.Op {
		case token.AND:
			return exprHasValue(expr.X) || exprHasValue(expr.Y)
		case token.OR:
			return false
		}
	case *ast.UnaryExpr:
		return expr.Op == token.SUB || expr.Op == token.ADD || expr.Op == token.NOT
	case *ast.BottomLit:
		return false
	case *ast.Ident:
		return predeclared[expr.Name] == cue.BottomKind
	}
	return true
}

// predeclared are CUE's type names.
var predeclared = map[string]cue.Kind{
	"_": cue.TopKind, "string": cue.StringKind, "bytes": cue.BytesKind, "bool": cue.BoolKind,
	"int": cue.IntKind, "float": cue.FloatKind, "number": cue.NumberKind, "uint": cue.IntKind,
	"uint8": cue.IntKind, "uint16": cue.IntKind, "uint32": cue.IntKind, "uint64": cue.IntKind,
	"int8": cue.IntKind, "int16": cue.IntKind, "int32": cue.IntKind, "int64": cue.IntKind,
}

// origins returns the origins of conjuncts, the deciding ones first.
func origins(conjuncts []conjunct) []wire.Origin {
	out := make([]wire.Origin, 0, len(conjuncts))
	for _, c := range conjuncts {
		out = append(out, wire.Origin{Span: c.span, Role: c.role, By: c.by})
		for _, file := range c.alsoBy {
			out = append(out, wire.Origin{Span: c.span, Role: c.role, By: file})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return weight(out[i].Role) < weight(out[j].Role) })
	return out
}

// weight orders roles by how much they decide: values, defaults, constraints.
func weight(role wire.Role) int {
	switch role {
	case wire.RoleValue:
		return 0
	case wire.RoleCUEDefault:
		return 1
	case wire.RoleDefault:
		return 2
	case wire.RoleConstraint:
		return 3
	default:
		return 4
	}
}
