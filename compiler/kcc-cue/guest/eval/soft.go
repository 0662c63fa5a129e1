package eval

import (
	"maps"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// softNode holds the soft values that the fragments have for one path and
// those below.
type softNode struct {
	fields map[string]*softNode
	values []softValue
}

// softValue is what one `defaults` block says of a path.
type softValue struct {
	// team and file are those of the block.
	team string
	node *wire.Node
}

// sortedNames are the names of the fields that somebody has something for.
func sortedNames(fields map[string]*softNode) []string {
	return slices.Sorted(maps.Keys(fields))
}

func (s *softNode) field(name string) *softNode {
	if s == nil {
		return nil
	}
	return s.fields[name]
}

// gather reads all blocks, for the components that there are: a pattern means
// each of them.
func (f *filling) gather(tree *wire.Node) *softNode {
	blocks := f.model.softBlocks()
	if len(blocks) == 0 {
		return nil
	}
	all := &softNode{}
	names := context.BuildExpr(f.skeleton(tree, shipped.Root))
	for _, block := range blocks {
		g := &gathering{filling: f, softBlock: block, tree: tree}
		met := block.values.Unify(names)
		g.read(met, shipped.Root, nil, tree, all)
		if !g.told && met.Validate() != nil {
			eachCulprit(met, nil, g.refused)
		}
	}
	return all
}

// softBlock is one `defaults` block, or all that a file embeds.
type softBlock struct {
	values cue.Value
	// exprs are the expressions that it is written as.
	exprs []ast.Expr
	team  string
	file  int
	// prefix is the name that the block has at the root.
	prefix string
}

// softBlocks are all blocks of the target.
func (m *model) softBlocks() []softBlock {
	var blocks []softBlock
	for _, block := range m.prepared.Defaults {
		if values := m.root.LookupPath(block.Path); values.Exists() {
			blocks = append(blocks, softBlock{values, []ast.Expr{block.Values}, block.Team, block.File, block.Path.String()})
		}
	}
	return append(blocks, m.indirectDefaults()...)
}

// skeleton names everything in the tree whose name somebody chose, so that the
// patterns of a block meet it: also what is there without a value.
func (f *filling) skeleton(node *wire.Node, shape *schema.Shape) ast.Expr {
	if node.Kind != wire.Struct || shape == nil || shape.Struct == nil {
		return ast.NewIdent("_")
	}
	lit := &ast.StructLit{}
	for _, field := range node.Fields {
		if o, open := f.walk.open[field.Node]; field.Node.Kind == wire.Absent && (!open || o.absent) {
			continue
		}
		_, known := shape.Struct.Fields[field.Name]
		inner := f.skeleton(field.Node, shape.Struct.At(field.Name))
		if _, top := inner.(*ast.Ident); top && known {
			continue
		}
		lit.Elts = append(lit.Elts, namedField(field.Name, inner))
	}
	if len(lit.Elts) == 0 {
		return ast.NewIdent("_")
	}
	return lit
}

// gathering reads one block.
type gathering struct {
	*filling
	softBlock
	// tree is the model so far.
	tree *wire.Node
	// told: something of the block was reported.
	told bool
}

// read takes over what a block says at a path and below.
func (g *gathering) read(v cue.Value, shape *schema.Shape, path []string, node *wire.Node, into *softNode) {
	kind := v.IncompleteKind()
	if kind == cue.BottomKind && (isOpen(v) || !brokenBelow(v)) {
		if node == nil || node.Kind == wire.Absent || !g.mistyped(v, shape, path, false) {
			g.refused(v, path)
		}
		if !isOpen(v) {
			return
		}
	}
	if kind == cue.StructKind || kind == cue.BottomKind {
		g.fields(v, shape, path, node, into)
		return
	}
	if v.IncompleteKind() == cue.TopKind {
		return
	}
	if node != nil && node.Kind != wire.Absent && !g.all && !g.undecided(node) {
		// The value that is there is stronger.
		if node.Kind == wire.Struct {
			g.mistyped(v, shape, path, false)
		}
		return
	}
	g.value(v, shape, path, into)
}

// refused reports what a block says at a path and CUE cannot evaluate.
func (g *gathering) refused(v cue.Value, path []string) {
	g.told = true
	lines := g.lines(v, path)
	if !isOpen(v) && len(lines) > 0 {
		g.model.fault(v, nil, path, &frame{conjuncts: lines})
		return
	}
	var exprs []opening
	if len(path) == 0 {
		// What stands at its top has no field to be found by.
		for _, expr := range g.exprs {
			exprs = append(exprs, openings(expr)...)
		}
	}
	for _, why := range g.model.whyOpen(g.model.root, v, path, lines, exprs) {
		if why.Code == "" {
			labels, args := why.Labels, why.Args
			why = g.model.error(wire.BadExpression, path, lines).With("reason", "failed")
			why.Args = append(why.Args, args...)
			if len(labels) > 0 {
				why.Labels = labels
			}
		}
		for _, expr := range g.exprs {
			if span, ok := g.model.span(expr); ok && len(why.Labels) == 0 {
				why = why.At(span, wire.RoleSoft)
			}
		}
		g.model.report(why)
	}
}

func (g *gathering) fields(v cue.Value, shape *schema.Shape, path []string, node *wire.Node, into *softNode) {
	iter, err := v.Fields(cue.Hidden(true))
	if err != nil {
		return
	}
	for iter.Next() {
		if iter.Selector().LabelType() != cue.StringLabel {
			if iter.Value().Validate() != nil {
				eachCulprit(iter.Value(), child(path, iter.Selector().String()), g.refused)
			}
			continue
		}
		name := iter.Selector().Unquoted()
		at := child(path, name)
		var inner *schema.Shape
		if shape != nil && shape.Struct != nil {
			if inner = shape.Struct.At(name); inner == nil {
				g.unknown(iter.Value(), shape.Struct, at)
				continue
			}
		}
		below := get(node, name)
		if len(at) == 2 && (below == nil || below.Kind != wire.Struct) {
			// A soft value is for what exists; one that can be for nothing is
			// meant for a field of what exists.
			if !g.mistyped(iter.Value(), inner, at, true) {
				g.match(iter.Value(), at)
			}
			continue
		}
		g.match(iter.Value(), at)
		next := into.fields[name]
		if next == nil {
			next = &softNode{}
			if into.fields == nil {
				into.fields = map[string]*softNode{}
			}
			into.fields[name] = next
		}
		g.read(iter.Value(), inner, at, below, next)
	}
}

// match notes whether the target has a component that the block names itself.
func (g *gathering) match(v cue.Value, path []string) {
	if !isChosen(path) || g.all {
		return
	}
	for _, c := range g.lines(v, path) {
		if c.place == nil || c.place.field == nil || c.place.name != path[1] {
			continue
		}
		if span, ok := g.model.span(c.place.field.Label); ok {
			g.model.match(path, span, g.tree, "")
		}
	}
}

// mistyped reports a value in the place of a struct, or of a component that
// nobody has; false if there is none.
func (g *gathering) mistyped(v cue.Value, shape *schema.Shape, path []string, nobodys bool) bool {
	if shape == nil || shape.Kinds != cue.StructKind {
		return false
	}
	lines := slices.DeleteFunc(g.lines(v, path), func(c conjunct) bool {
		return !c.value.IsConcrete() || c.value.Kind() == cue.StructKind || c.value.Kind() == cue.BottomKind
	})
	if len(lines) == 0 {
		return false
	}
	e := g.model.error(wire.WrongType, path, lines).With("expected", expected(shape))
	if nobodys {
		e = e.With("soft", "true")
	}
	g.report(g.model.actual(e, lines[0].value))
	return true
}

func (g *gathering) report(e wire.Error) {
	g.told = true
	g.model.report(e)
}

func (g *gathering) unknown(v cue.Value, structure *schema.Struct, path []string) {
	above := &frame{conjuncts: g.lines(v, path)}
	if len(above.conjuncts) > 0 {
		g.told = true
		g.model.unknownField(v, structure, path, above)
	}
}

// value takes over one value.
func (g *gathering) value(v cue.Value, shape *schema.Shape, path []string, into *softNode) {
	lines := g.lines(v, path)
	decided := v
	if !v.IsConcrete() {
		decided, _ = v.Default()
	}
	if !decided.IsConcrete() {
		g.report(g.model.error(wire.NotConcrete, path, lines).
			With("name", path[len(path)-1]).With("expected", texts(lines)).With("soft", "true"))
		return
	}
	if shape != nil && decided.Kind()&shape.Kinds == 0 {
		g.told = true
		g.model.wrongType(decided, shape, path, lines)
		return
	}
	node := &wire.Node{}
	if decided.Kind() == cue.ListKind {
		w := &walk{model: g.model}
		w.items(node, decided, shape, path, &frame{conjuncts: lines})
		for _, item := range node.Items {
			item.Origins = nil
		}
	} else {
		put(node, decided)
		if shape != nil && !shape.Plain && shape.Scalar.Exists() && decided.Unify(shape.Scalar).Err() != nil {
			g.model.outOfBounds(decided, shape, path, lines)
			return
		}
	}
	for _, c := range lines {
		node.Origins = append(node.Origins, wire.Origin{Span: c.span, Role: wire.RoleSoft, By: g.file})
	}
	into.values = append(into.values, softValue{team: g.team, node: node})
}

// lines are the block's lines behind a value.
func (g *gathering) lines(v cue.Value, path []string) []conjunct {
	return g.model.conjuncts(v, g.inBlock(path), nil)
}

func (g *gathering) inBlock(path []string) []string {
	return append([]string{g.prefix}, path...)
}
