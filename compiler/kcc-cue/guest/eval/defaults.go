package eval

import (
	"maps"
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// defaultNode holds the defaults for one path and those below.
type defaultNode struct {
	fields map[string]*defaultNode
	values []defaultValue
}

// defaultValue is the value of one `defaults` block for a path.
type defaultValue struct {
	// team is the team of the block.
	team string
	node *wire.Node
}

// sortedNames returns the names of the fields that have defaults.
func sortedNames(fields map[string]*defaultNode) []string {
	return slices.Sorted(maps.Keys(fields))
}

func (s *defaultNode) field(name string) *defaultNode {
	if s == nil {
		return nil
	}
	return s.fields[name]
}

// collectDefaults reads all blocks for the existing components: a pattern applies
// to each of them.
func (f *filler) collectDefaults(tree *wire.Node) *defaultNode {
	blocks := f.defaultsBlocks()
	if len(blocks) == 0 {
		return nil
	}
	all := &defaultNode{}
	names := context.BuildExpr(f.skeleton(tree, shipped.Root))
	for _, block := range blocks {
		g := &blockReader{filler: f, defaultsBlock: block, tree: tree}
		met := block.values.Unify(names)
		g.read(met, shipped.Root, nil, tree, all)
		g.recordPatterns(met, patternRule{kind: wire.RuleDefault, prefix: []string{block.prefix}}, tree)
		if !g.reported && met.Validate() != nil {
			eachInvalidPart(met, nil, g.reportRefused)
		}
	}
	return all
}

// defaultsBlock is one `defaults` block, or all that a file embeds.
type defaultsBlock struct {
	values cue.Value
	// exprs are the expressions it is written as.
	exprs []ast.Expr
	team  string
	file  int
	// prefix is the name of the block at the root.
	prefix string
}

// defaultsBlocks returns all blocks of the target.
func (m *evaluation) defaultsBlocks() []defaultsBlock {
	var blocks []defaultsBlock
	for _, block := range m.prepared.Defaults {
		if values := m.root.LookupPath(block.Path); values.Exists() {
			blocks = append(blocks, defaultsBlock{values, []ast.Expr{block.Values}, block.Team, block.File, block.Path.String()})
		}
	}
	return append(blocks, m.indirectDefaults()...)
}

// skeleton names everything in the tree with a user-chosen name, including what
// has no value, so that the patterns of a block apply to it.
func (f *filler) skeleton(node *wire.Node, shape *schema.Shape) ast.Expr {
	if node.Kind != wire.Struct || shape == nil || shape.Struct == nil {
		return ast.NewIdent("_")
	}
	lit := &ast.StructLit{}
	for _, field := range node.Fields {
		if o, waiting := f.incomplete[field.Node]; field.Node.Kind == wire.Absent && (!waiting || o.absent) {
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

// blockReader reads one block.
type blockReader struct {
	*filler
	defaultsBlock
	// tree is the tree so far.
	tree *wire.Node
	// reported is set if an error of the block was reported.
	reported bool
}

// read collects the defaults of a block at a path and below.
func (g *blockReader) read(v cue.Value, shape *schema.Shape, path []string, node *wire.Node, into *defaultNode) {
	kind := v.IncompleteKind()
	if kind == cue.BottomKind && (isIncomplete(v) || !brokenBelow(v)) {
		if node == nil || node.Kind == wire.Absent || !g.mistyped(v, shape, path, false) {
			g.reportRefused(v, path)
		}
		if !isIncomplete(v) {
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
	if node != nil && node.Kind != wire.Absent && !g.all && !g.isFillable(node) {
		// The existing value is stronger.
		if node.Kind == wire.Struct {
			g.mistyped(v, shape, path, false)
		}
		return
	}
	g.value(v, shape, path, into)
}

// reportRefused reports an expression of a block that CUE cannot evaluate.
func (g *blockReader) reportRefused(v cue.Value, path []string) {
	g.reported = true
	lines := g.lines(v, path)
	if !isIncomplete(v) && len(lines) > 0 {
		g.reportFailure(v, nil, path, &frame{conjuncts: lines})
		return
	}
	var exprs []determinant
	if len(path) == 0 {
		// At the top of a block there is no field to find it by.
		for _, expr := range g.exprs {
			exprs = append(exprs, determinantsOf(expr)...)
		}
	}
	for _, why := range g.explainIncomplete(g.root, v, path, lines, exprs) {
		e := g.error(wire.FailedExpression{Cause: why.cause}, path, lines)
		switch {
		case why.reference != nil:
			e.Detail = wire.UnknownReference{Reference: *why.reference}
		case why.part != "":
			e.Detail = wire.IncompleteExpression{Part: why.part, Cause: why.cause}
		}
		if len(why.labels) > 0 {
			e.Labels = why.labels
		}
		for _, expr := range g.exprs {
			if span, ok := g.span(expr); ok && len(e.Labels) == 0 {
				e = e.At(span, wire.RoleDefault)
			}
		}
		g.report(e)
	}
}

func (g *blockReader) fields(v cue.Value, shape *schema.Shape, path []string, node *wire.Node, into *defaultNode) {
	iter, err := v.Fields(cue.Hidden(true))
	if err != nil {
		return
	}
	for iter.Next() {
		if iter.Selector().LabelType() != cue.StringLabel {
			if iter.Value().Validate() != nil {
				eachInvalidPart(iter.Value(), child(path, iter.Selector().String()), g.reportRefused)
			}
			continue
		}
		name := iter.Selector().Unquoted()
		at := child(path, name)
		var inner *schema.Shape
		if shape != nil && shape.Struct != nil {
			if inner = shape.Struct.At(name); inner == nil {
				g.reportUnknown(iter.Value(), shape.Struct, at)
				continue
			}
		}
		below := get(node, name)
		if len(at) == 2 && (below == nil || below.Kind != wire.Struct) {
			// Defaults apply to existing components only; a value that could
			// apply to none was meant for a field of one.
			if !g.mistyped(iter.Value(), inner, at, true) {
				g.recordMatch(iter.Value(), at)
			}
			continue
		}
		g.recordMatch(iter.Value(), at)
		next := into.fields[name]
		if next == nil {
			next = &defaultNode{}
			if into.fields == nil {
				into.fields = map[string]*defaultNode{}
			}
			into.fields[name] = next
		}
		g.read(iter.Value(), inner, at, below, next)
	}
}

// recordMatch records whether the target has a component that the block names.
func (g *blockReader) recordMatch(v cue.Value, path []string) {
	if !hasChosenName(path) {
		return
	}
	for _, c := range g.lines(v, path) {
		if c.made {
			g.filler.recordMatch(path, c.span, g.tree, "")
			continue
		}
		if c.site == nil || c.site.field == nil || c.site.name != path[1] {
			continue
		}
		if span, ok := g.span(c.site.field.Label); ok {
			g.filler.recordMatch(path, span, g.tree, "")
		}
	}
}

// mistyped reports a value that is written instead of a struct, or for a
// component that does not exist. It returns false if there is none.
func (g *blockReader) mistyped(v cue.Value, shape *schema.Shape, path []string, unowned bool) bool {
	if shape == nil || shape.Kinds != cue.StructKind {
		return false
	}
	lines := slices.DeleteFunc(g.lines(v, path), func(c conjunct) bool {
		return !c.value.IsConcrete() || c.value.Kind() == cue.StructKind || c.value.Kind() == cue.BottomKind
	})
	if len(lines) == 0 {
		return false
	}
	mistyped := wire.WrongType{
		Expected: expected(shape), Actual: typeOf(lines[0].value.IncompleteKind()),
		Written: written(path, lines), Unowned: unowned,
	}
	e := g.error(mistyped, path, lines)
	e.Distinct = actual(path, lines[0].value)
	g.report(e)
	return true
}

func (g *blockReader) report(e wire.Fault) {
	g.reported = true
	g.filler.report(e)
}

func (g *blockReader) reportUnknown(v cue.Value, structure *schema.Struct, path []string) {
	above := &frame{conjuncts: g.lines(v, path)}
	if len(above.conjuncts) > 0 {
		g.reported = true
		g.unknownField(v, structure, path, above)
	}
}

// value collects one default.
func (g *blockReader) value(v cue.Value, shape *schema.Shape, path []string, into *defaultNode) {
	lines := g.lines(v, path)
	decided := v
	if !v.IsConcrete() {
		decided, _ = v.Default()
	}
	if !decided.IsConcrete() {
		g.report(g.error(wire.NotConcrete{Name: path[len(path)-1], Expected: expectedBy(lines), InDefaults: true}, path, lines))
		return
	}
	if shape != nil && decided.Kind()&shape.Kinds == 0 {
		g.reported = true
		g.wrongType(decided, shape, path, lines)
		return
	}
	node := &wire.Node{}
	if decided.Kind() == cue.ListKind {
		w := newWalker(g.reporter)
		w.items(node, decided, shape, path, &frame{conjuncts: lines})
		for _, item := range node.Items {
			item.Origins = nil
		}
	} else {
		put(node, decided)
		if shape != nil && !shape.Plain && shape.Scalar.Exists() && decided.Unify(shape.Scalar).Err() != nil {
			g.outOfBounds(decided, shape, path, lines)
			return
		}
	}
	for _, c := range lines {
		node.Origins = append(node.Origins, wire.Origin{Span: c.span, Role: wire.RoleDefault, By: g.file})
	}
	into.values = append(into.values, defaultValue{team: g.team, node: node})
}

// lines returns the block's conjuncts for a value.
func (g *blockReader) lines(v cue.Value, path []string) []conjunct {
	return g.conjuncts(v, g.inBlock(path), nil)
}

func (g *blockReader) inBlock(path []string) []string {
	return append([]string{g.prefix}, path...)
}
