package eval

import (
	"sort"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// conjunct is one line that takes part in a value.
type conjunct struct {
	value cue.Value
	// expr is the expression, without the label of its field.
	expr ast.Expr
	// place is the field that it is written in; nil in no fragment.
	place *place
	// own says that the fragment writes it at that path itself.
	own  bool
	span wire.Span
	role wire.Role
	by   int
	// through are the embeddings that bring the line to the root, where it is
	// not written; none for one that is, or that something below brings in.
	through []embedding
}

// frame is the way down to a value: the lines of all that is above it.
type frame struct {
	above     *frame
	conjuncts []conjunct
}

// conjuncts splits a value into its lines, sorted by place.
func (m *model) conjuncts(v cue.Value, path []string, above *frame) []conjunct {
	var out []conjunct
	var split func(v cue.Value)
	split = func(v cue.Value) {
		if node := v.Source(); node != nil {
			m.taken[node] = true
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
		}
	}
	split(v)
	sort.SliceStable(out, func(i, j int) bool { return less(out[i].span, out[j].span) })
	// A line that several references bring in counts once for each of them.
	unique := out[:0]
	for i, c := range out {
		if i == 0 || c.span != unique[len(unique)-1].span || c.by != unique[len(unique)-1].by {
			unique = append(unique, c)
		}
	}
	return unique
}

// operands are the parts of the expression behind a value. CUE panics at some
// expressions, such as a slice without an end: these have none.
func operands(v cue.Value) (op cue.Op, args []cue.Value) {
	defer func() {
		if recover() != nil {
			op, args = cue.NoOp, nil
		}
	}()
	return v.Expr()
}

func (m *model) conjunct(v cue.Value, path []string, above *frame) (conjunct, bool) {
	node := v.Source()
	if node == nil {
		return conjunct{}, false
	}
	c := conjunct{value: v, place: m.lexicon.places[node]}
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
		m.noteReplaced(path, c.expr)
		return conjunct{}, false
	}
	at := ast.Node(c.expr)
	if lit, ok := c.expr.(*ast.StructLit); ok {
		item := m.lexicon.items[lit]
		if label == nil && !item && c.place != nil && c.place.field != nil {
			label = c.place.field.Label
		}
		if label != nil {
			at = label
		}
		c.role = wire.RoleConstraint
		if gives(lit) {
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
	if c.place != nil {
		c.own = c.place.at(path) || isIndex(path[len(path)-1])
		if !c.own {
			c.by, c.through = m.bringer(c.place, above, span.File)
		}
	}
	return c, true
}

// bringer is the file whose fragment brings a line in through a reference: the
// nearest one above that says something there itself, else what is embedded at
// the root.
func (m *model) bringer(p *place, above *frame, file int) (int, []embedding) {
	root := p.root()
	for f := above; f != nil; f = f.above {
		for _, c := range f.conjuncts {
			if !c.own {
				if c.place == p.parent {
					return c.by, c.through
				}
				continue
			}
			if m.lexicon.leads(c.expr, root) {
				if f.above == nil {
					// A root field: what it takes in makes components.
					return c.span.File, m.embeddings(root)
				}
				return c.span.File, nil
			}
		}
	}
	through := m.embeddings(root)
	if len(through) == 0 {
		return file, nil
	}
	return through[0].span.File, through
}

// embeddings returns what brings a name's fields to the root, or into a root
// field.
func (m *model) embeddings(root string) []embedding {
	var through []embedding
	for _, embedded := range m.lexicon.embedded {
		if m.lexicon.leads(embedded.expr, root) {
			through = append(through, embedded)
		}
	}
	return through
}

// role says how an expression that is no struct literal takes part.
func (m *model) role(v cue.Value, expr ast.Expr) wire.Role {
	if _, has := v.Default(); has && !v.IsConcrete() {
		if m.softly && isReference(expr) {
			// It has a soft value, which is as good as any.
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

// gives says whether a struct literal gives a value somewhere, or is empty and
// so a value itself.
func gives(lit *ast.StructLit) bool {
	if len(lit.Elts) == 0 {
		return true
	}
	for _, decl := range lit.Elts {
		switch decl := decl.(type) {
		case *ast.Field:
			if decl.Constraint == token.ILLEGAL && givesValue(decl.Value) {
				return true
			}
		case *ast.EmbedDecl, *ast.Comprehension:
			return true
		}
	}
	return false
}

func givesValue(expr ast.Expr) bool {
	switch expr := expr.(type) {
	case *ast.StructLit:
		return gives(expr)
	case *ast.ParenExpr:
		return givesValue(expr.X)
	case *ast.BinaryExpr:
		switch expr.Op {
		case token.AND:
			return givesValue(expr.X) || givesValue(expr.Y)
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

// predeclared are CUE's names of types.
var predeclared = map[string]cue.Kind{
	"_": cue.TopKind, "string": cue.StringKind, "bytes": cue.BytesKind, "bool": cue.BoolKind,
	"int": cue.IntKind, "float": cue.FloatKind, "number": cue.NumberKind, "uint": cue.IntKind,
	"uint8": cue.IntKind, "uint16": cue.IntKind, "uint32": cue.IntKind, "uint64": cue.IntKind,
	"int8": cue.IntKind, "int16": cue.IntKind, "int32": cue.IntKind, "int64": cue.IntKind,
}

// origins are the lines as the response has them, the deciding ones first.
func origins(conjuncts []conjunct) []wire.Origin {
	out := make([]wire.Origin, 0, len(conjuncts))
	for _, c := range conjuncts {
		out = append(out, wire.Origin{Span: c.span, Role: c.role, By: c.by})
	}
	sort.SliceStable(out, func(i, j int) bool { return weight(out[i].Role) < weight(out[j].Role) })
	return out
}

// weight puts what decides first: a value, a default, then what only constrains.
func weight(role wire.Role) int {
	switch role {
	case wire.RoleValue:
		return 0
	case wire.RoleCUEDefault:
		return 1
	case wire.RoleSoft:
		return 2
	case wire.RoleConstraint:
		return 3
	default:
		return 4
	}
}
