package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// A function may return a struct or a list, as `json.Unmarshal` does. Its fields
// appear in no file, so the call stands in as their conjunct, and they belong to
// the team that writes the call or refers to it.

// isMade reports whether a value comes from neither a fragment nor the schema nor
// from kcc: CUE built it from the result of a function.
func (m *evaluation) isMade(v cue.Value) bool {
	node := v.Source()
	if node == nil {
		return true
	}
	_, known := m.span(node)
	return !known && node.Pos().IsValid()
}

// calls returns the calls above a path that made a value, as conjuncts of it.
func (m *evaluation) calls(v cue.Value, path []string, above *frame) []conjunct {
	depth := len(path) - 1
	if above == nil || len(path) == 2 && len(above.conjuncts) == 0 {
		// The conjuncts of the root, and those of a map of names, are not read
		// on the way down.
		above, depth = m.frameAbove(path)
	}
	for f := above; f != nil && depth >= 0; f, depth = f.above, depth-1 {
		var out []conjunct
		for _, c := range f.conjuncts {
			if part, ok := partOf(c.value, path[depth:]); !ok || !includes(part, v) {
				continue
			}
			for _, call := range m.callsIn(c.expr) {
				if made, ok := m.callConjunct(call, c, depth); ok {
					made.value = v
					out = append(out, made)
				}
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// frameAbove returns the frames from the root to the value above a path, and the
// number of names in the path of the innermost one.
func (m *evaluation) frameAbove(path []string) (*frame, int) {
	here, v := m.rootFrame(), m.root
	for depth := 1; depth < len(path); depth++ {
		inner, ok := below(v, path[depth-1:depth])
		if !ok {
			// A pattern may be about it.
			inner = v.LookupPath(cue.MakePath(cue.Str(path[depth-1]).Optional()))
		}
		if !inner.Exists() {
			return here, depth - 1
		}
		v = inner
		here = &frame{above: here, conjuncts: m.conjuncts(v, path[:depth], here)}
	}
	return here, len(path) - 1
}

// rootFrame returns what each file embeds at the root, with the value of the
// whole file: CUE does not split off a file's only embedding.
func (m *evaluation) rootFrame() *frame {
	root := &frame{}
	var split func(v cue.Value)
	split = func(v cue.Value) {
		op, args := operands(v)
		file, whole := v.Source().(*ast.File)
		if !whole && op == cue.AndOp {
			for _, arg := range args {
				split(arg)
			}
		}
		if !whole {
			return
		}
		for _, embedded := range m.index.embedded {
			if p := m.index.sites[embedded.expr]; p != nil && p.field == nil && embedded.file == file {
				root.conjuncts = append(root.conjuncts, conjunct{
					value: v, expr: embedded.expr, site: p, direct: true, span: embedded.span,
				})
			}
		}
	}
	split(m.root)
	return root
}

// partOf returns what a value has at a path, of which the names may be indexes of
// lists.
func partOf(v cue.Value, path []string) (cue.Value, bool) {
	if chosen, has := v.Default(); has {
		v = chosen
	}
	return below(v, path)
}

// includes reports whether a value has everything that another one has. CUE calls
// a function once for each use, so the results are compared by what they contain.
func includes(v, data cue.Value) bool {
	switch data.IncompleteKind() {
	case cue.StructKind, cue.ListKind:
		inner := parts(v)
		for _, p := range parts(data) {
			at := slices.IndexFunc(inner, func(other part) bool { return other.name == p.name })
			if at < 0 || !includes(inner[at].value, p.value) {
				return false
			}
		}
		return true
	case cue.BottomKind:
		return true
	default:
		return v.IncompleteKind() == cue.BottomKind || v.Equals(data)
	}
}

// callConjunct returns a call as a conjunct of what it made. A conjunct c above,
// whose path has depth names, leads to it.
func (m *evaluation) callConjunct(call ast.Expr, c conjunct, depth int) (conjunct, bool) {
	span, ok := m.span(call)
	if !ok {
		return conjunct{}, false
	}
	made := conjunct{expr: call, site: m.index.sites[call], made: true, span: span, role: wire.RoleValue, by: c.by, through: c.through}
	if c.direct {
		made.by = c.span.File
		if depth < 2 {
			// Here a call creates components, or all of them.
			overlay := c.site != nil && c.site.overlay
			made.through = []embedding{{expr: c.expr, span: c.span, overlay: overlay}}
		}
	}
	return made, true
}

// callsIn returns the calls whose results may be among the fields or elements of
// an expression, itself or through references.
func (m *evaluation) callsIn(x ast.Expr) []ast.Expr {
	var found []ast.Expr
	seen := map[ast.Expr]bool{}
	var look func(x ast.Expr)
	look = func(x ast.Expr) {
		if x == nil || seen[x] {
			return
		}
		seen[x] = true
		switch y := x.(type) {
		case *ast.CallExpr:
			found = append(found, y)
		case *ast.ParenExpr:
			look(y.X)
		case *ast.UnaryExpr:
			look(y.X)
		case *ast.BinaryExpr:
			if y.Op == token.AND || y.Op == token.OR {
				look(y.X)
				look(y.Y)
			}
		case *ast.StructLit:
			for _, decl := range y.Elts {
				switch d := decl.(type) {
				case *ast.EmbedDecl:
					look(d.Expr)
				case *ast.Comprehension:
					look(d.Value)
				}
			}
		case *ast.Comprehension:
			look(y.Value)
		case *ast.Ident:
			if loop, ok := y.Scope.(*ast.ForClause); ok {
				look(loop.Source)
			}
			for _, target := range m.targetsOf(y) {
				look(target)
			}
		case *ast.SelectorExpr:
			m.lookBehind(y, y.X, look)
		case *ast.IndexExpr:
			m.lookBehind(y, y.X, look)
		case *ast.SliceExpr:
			look(y.X)
		}
	}
	look(x)
	return slices.Clip(found)
}

// lookBehind visits what a selection leads to, or what it selects from if nobody
// wrote that as a field.
func (m *evaluation) lookBehind(x, of ast.Expr, look func(ast.Expr)) {
	targets := m.targetsOf(x)
	for _, target := range targets {
		look(target)
	}
	if len(targets) == 0 {
		look(of)
	}
}
