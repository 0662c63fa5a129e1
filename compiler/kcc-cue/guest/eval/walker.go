package eval

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// walker turns CUE values into nodes and records what is incomplete.
type walker struct {
	*reporter
	// incomplete has the values that are not concrete yet; a default may still
	// complete them.
	incomplete map[*wire.Node]incomplete
	// components has the conjuncts of each component, by root field and name.
	components map[string]map[string][]conjunct
	// silent are nodes of which a part was already reported: no further error is
	// reported about them.
	silent map[*wire.Node]bool
	// loose are structs to which an undecided condition may still add fields:
	// none is reported as missing.
	loose map[*wire.Node]bool
	// allOrigins keeps the origins of structs for which some conjuncts only write
	// unknown fields. They count where a field is missing, and nowhere else.
	allOrigins map[*wire.Node][]wire.Origin
	// inferred are the needs that kcc added.
	inferred map[*wire.Node]bool
	// assertions are the hidden fields and definitions that CUE rejects.
	assertions []failedAssertion
	// masked has the private names of the root that refer to a struct with an
	// error.
	masked []string
	// opened has the paths of fields that a closed struct rejects and that were
	// read nevertheless.
	opened map[string]bool
	// unfilled is set while recipes are read without an input, so that nothing
	// incomplete in them is reported.
	unfilled bool
}

func newWalker(r *reporter) *walker {
	return &walker{
		reporter:   r,
		incomplete: map[*wire.Node]incomplete{},
		components: map[string]map[string][]conjunct{},
		silent:     map[*wire.Node]bool{},
		loose:      map[*wire.Node]bool{},
		allOrigins: map[*wire.Node][]wire.Origin{},
		inferred:   map[*wire.Node]bool{},
		opened:     map[string]bool{},
	}
}

// reportingTo returns a walker that knows the same about the nodes and reports to
// somebody else.
func (w *walker) reportingTo(r *reporter) *walker {
	other := *w
	other.reporter = r
	return &other
}

// incomplete is a value that is not concrete.
type incomplete struct {
	value     cue.Value
	conjuncts []conjunct
	shape     *schema.Shape
	// absent is set if the field is only constrained; required, if one of the
	// constraints is `x!`.
	absent, required bool
}

// node reads a value and everything below it.
func (w *walker) node(v cue.Value, shape *schema.Shape, path []string, above *frame) *wire.Node {
	node := &wire.Node{}
	var lines []conjunct
	if len(path) > 1 || shape == nil || shape.Struct == nil || shape.Struct.Pattern == nil {
		lines = w.conjuncts(v, path, above)
		node.Origins = origins(lines)
	} else if isComponent(path[0]) {
		lines, node.Origins = w.collectionConjuncts(v, path, above)
	}
	if len(path) == 2 {
		w.recordComponent(path, lines)
	}
	for _, c := range lines {
		if !w.prepared.Dropped(c.expr) || c.site.inPattern() || len(path) == 1 {
			// A pattern, or a conjunct for all components, says nothing about a
			// single one.
			continue
		}
		w.silence(node)
		if len(lines) == 1 {
			return node
		}
	}
	return w.into(node, v, shape, path, &frame{above: above, conjuncts: lines})
}

// read reads a value whose conjuncts are known.
func (w *walker) read(v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	return w.into(&wire.Node{Origins: origins(here.conjuncts)}, v, shape, path, here)
}

// into reads a value into a node.
func (w *walker) into(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	lines := here.conjuncts
	kind := v.IncompleteKind()
	if kind == cue.BottomKind {
		return w.failed(node, v, shape, path, here)
	}
	if shape != nil && kind&shape.Kinds == 0 {
		if isSecret(shape, path) && v.IsConcrete() && kind&(cue.BoolKind|cue.NullKind) == 0 {
			// A rule of the model reports it without showing the value.
			put(node, v)
			w.silence(node)
			return node
		}
		if len(lines) == 0 {
			lines = w.conjuncts(v, path, here.above)
		}
		if number := shape.Below("number"); isPort(path) && number != nil && kind&number.Kinds != 0 {
			// A number is short for a port; its conjuncts are those of the
			// number.
			node.Kind = wire.Struct
			set(node, "number", w.read(v, number, child(path, "number"), here))
			return node
		}
		w.wrongType(v, shape, path, lines)
		w.silence(node)
		return node
	}
	switch {
	case kind == cue.StructKind && v.IsConcrete():
		w.fields(node, v, shape, path, here)
	case kind == cue.ListKind && v.IsConcrete():
		w.items(node, v, shape, path, here)
	default:
		w.scalar(node, v, shape, path, lines)
	}
	return node
}

// isPort reports whether a path is that of a component's port.
func isPort(path []string) bool {
	return len(path) > 3 && isComponent(path[0]) && path[len(path)-2] == "ports"
}

// isSecret reports whether a reference to a secret is expected.
func isSecret(shape *schema.Shape, path []string) bool {
	if shape.Struct == nil || shape.Kinds != cue.StructKind {
		return false
	}
	field := shape.Struct.Fields["secret"]
	return len(path) == 2 && path[0] == "secrets" || field != nil && field.Required
}

// recordComponent keeps the conjuncts of a component.
func (w *walker) recordComponent(path []string, lines []conjunct) {
	if w.components[path[0]] == nil {
		w.components[path[0]] = map[string][]conjunct{}
	}
	w.components[path[0]][path[1]] = lines
}

// silence suppresses further errors about a node.
func (w *walker) silence(node *wire.Node) {
	w.silent[node] = true
}

func (w *walker) markLoose(node *wire.Node) {
	w.loose[node] = true
}

func (w *walker) markIncomplete(node *wire.Node, o incomplete) {
	w.incomplete[node] = o
}

// fields reads a struct.
func (w *walker) fields(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) {
	node.Kind = wire.Struct
	var structure *schema.Struct
	if shape != nil {
		structure = shape.Struct
	}
	iter, err := v.Fields(cue.All())
	unknown := map[string]bool{}
	for err == nil && iter.Next() {
		selector := iter.Selector()
		if selector.LabelType() != cue.StringLabel {
			w.recordAssertion(iter, path)
			continue
		}
		name := selector.Unquoted()
		at := child(path, name)
		var inner *schema.Shape
		if structure != nil {
			if inner = structure.At(name); inner == nil {
				w.unknownField(iter.Value(), structure, at, here)
				unknown[name] = true
				continue
			}
		}
		var below *wire.Node
		if constraint := selector.ConstraintType(); constraint != 0 {
			below = w.absent(iter.Value(), inner, at, here, constraint == cue.RequiredConstraint)
		} else {
			below = w.node(iter.Value(), inner, at, here)
		}
		node.Fields = append(node.Fields, wire.Field{Name: name, Node: below})
	}
	if structure != nil && structure.Pattern != nil && syntax.IsDataMap(path) {
		w.hiddenKeys(v, path)
	}
	sort.Slice(node.Fields, func(i, j int) bool { return node.Fields[i].Name < node.Fields[j].Name })
	if len(unknown) > 0 {
		w.allOrigins[node] = node.Origins
		node.Origins = origins(slices.DeleteFunc(slices.Clone(here.conjuncts), func(c conjunct) bool {
			return hasOnly(c.expr, unknown)
		}))
	}
}

// hiddenKeys reports keys that CUE does not count as data, so that they would be
// lost silently: those beginning with `_` that come into a data map from
// elsewhere, such as a helper, and definitions that nothing refers to.
func (r *reporter) hiddenKeys(v cue.Value, path []string) {
	iter, err := v.Fields(cue.Hidden(true), cue.Definitions(true))
	for err == nil && iter.Next() {
		selector := iter.Selector()
		isDefinition := selector.IsDefinition()
		if !selector.LabelType().IsHidden() && !isDefinition || isDefinition && r.index.lastNames[selector.String()] {
			continue
		}
		name := r.prepared.Original(selector.String())
		e := wire.Fault{Detail: wire.HiddenKey{Name: name}, Path: child(path, name)}
		for _, c := range r.conjuncts(iter.Value(), child(path, name), nil) {
			e = e.At(c.span, c.role)
		}
		r.report(e)
	}
}

// hasOnly reports whether a struct literal has no fields except names: once those
// are reported, it contributes nothing.
func hasOnly(expr ast.Expr, names map[string]bool) bool {
	lit, ok := expr.(*ast.StructLit)
	if !ok || len(lit.Elts) == 0 {
		return false
	}
	for _, decl := range lit.Elts {
		field, ok := decl.(*ast.Field)
		if !ok {
			return false
		}
		if name, _, err := ast.LabelName(field.Label); err != nil || !names[name] {
			return false
		}
	}
	return true
}

// absent reads a field that is only constrained.
func (w *walker) absent(v cue.Value, shape *schema.Shape, path []string, above *frame, required bool) *wire.Node {
	lines := w.conjuncts(v, path, above)
	node := &wire.Node{}
	for i := range lines {
		lines[i].role = wire.RoleConstraint
	}
	node.Origins = origins(lines)
	w.markIncomplete(node, incomplete{value: v, conjuncts: lines, shape: shape, absent: true, required: required})
	return node
}

// items reads a list.
func (w *walker) items(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) {
	node.Kind = wire.List
	var elem *schema.Shape
	if shape != nil {
		elem = shape.Elem
	}
	iter, err := v.List()
	if v.IncompleteKind() == cue.BottomKind {
		var fields *cue.Iterator
		if fields, err = v.Fields(cue.All()); err == nil {
			iter = *fields
		}
	}
	if err != nil {
		return
	}
	for i := 0; iter.Next(); i++ {
		if label := iter.Selector().LabelType(); label != cue.IndexLabel {
			continue
		}
		node.Items = append(node.Items, w.node(iter.Value(), elem, child(path, strconv.Itoa(len(node.Items))), here))
	}
}

// scalar reads a value without parts.
func (w *walker) scalar(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	decided := v
	if !v.IsConcrete() {
		var has bool
		if decided, has = v.Default(); !has || !decided.IsConcrete() {
			if len(lines) == 0 && v.IncompleteKind() == cue.TopKind {
				// The overlay replaces it by another spelling.
				return
			}
			w.markIncomplete(node, incomplete{value: v, conjuncts: lines, shape: shape})
			return
		}
		switch decided.Kind() {
		case cue.StructKind:
			w.fields(node, decided, shape, path, &frame{conjuncts: lines})
			return
		case cue.ListKind:
			w.items(node, decided, shape, path, &frame{conjuncts: lines})
			return
		}
	}
	if shape != nil && decided.Kind()&shape.Kinds == 0 {
		w.wrongType(decided, shape, path, lines)
		w.silence(node)
		return
	}
	put(node, decided)
	if node.Kind == wire.Absent {
		w.report(w.error(wire.FunctionValue{}, path, lines))
		w.silence(node)
		return
	}
	if shape != nil && !shape.Plain && shape.Scalar.Exists() && decided.Unify(shape.Scalar).Err() != nil {
		w.outOfBounds(decided, shape, path, lines)
		w.silence(node)
	}
}

// failed reads a value that is an error or contains one.
func (w *walker) failed(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	iter, err := v.Fields(cue.All())
	parts := err == nil && iter.Next()
	notConcrete := !v.IsConcrete()
	// A failing `let` is not a part, although CUE gives it a path below the
	// struct's.
	own := w.ownError(v, path) || parts && !notConcrete && !brokenBelow(v)
	switch {
	case parts && (!own || notConcrete && iter.Selector().LabelType() != cue.IndexLabel):
		if own {
			w.reportConditions(v, path, here.conjuncts, w.unfilled)
			w.markLoose(node)
		} else {
			w.reportMaskedConditions(path, w.conjuncts(v, path, here.above))
		}
		if iter.Selector().LabelType() == cue.IndexLabel {
			w.items(node, v, shape, path, here)
		} else {
			w.fields(node, v, shape, path, here)
		}
	case notConcrete:
		w.markIncomplete(node, incomplete{value: v, conjuncts: here.conjuncts, shape: shape})
	case w.silent[node]:
	case w.withoutMistyped(node, shape, path, here):
	default:
		closed := strings.Contains(message(v), notAllowed)
		if !closed || !w.isOpened(path) {
			w.reportFailure(v, shape, path, here)
		}
		if closed {
			w.withoutClosing(node, v, shape, path, here)
		}
		w.silence(node)
	}
	return node
}

// isOpened reports whether a closed struct rejects a field above a path, which
// was reported.
func (w *walker) isOpened(path []string) bool {
	for depth := 1; depth < len(path); depth++ {
		if w.opened[strings.Join(path[:depth], "\x00")] {
			return true
		}
	}
	return false
}

// withoutClosing reads a field that a closed struct rejects as if it were allowed:
// it may be another team that closed it, and the mistakes below it are no less so.
func (w *walker) withoutClosing(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) {
	key := strings.Join(path, "\x00")
	if len(here.conjuncts) == 0 || w.opened[key] {
		return
	}
	w.opened[key] = true
	if iter, err := v.Fields(cue.All()); err == nil && iter.Next() && (shape == nil || shape.Kinds&cue.StructKind != 0) {
		// The field alone has the error.
		w.fields(node, v, shape, path, here)
		return
	}
	for i, c := range here.conjuncts {
		if lit, ok := c.expr.(*ast.BasicLit); ok {
			here.conjuncts[i].value = context.BuildExpr(lit)
		}
	}
	rest := unified(here.conjuncts)
	if rest.IncompleteKind() != cue.BottomKind || brokenBelow(rest) {
		*node = *w.read(rest, shape, path, here)
	} else if conflict := minimalConflict(here.conjuncts); len(conflict) > 1 {
		w.conflict(path, conflict)
	}
}

// withoutMistyped reports the conjuncts of a kind that the schema rejects and
// reads the unification of the others. It returns false if there are none.
func (w *walker) withoutMistyped(node *wire.Node, shape *schema.Shape, path []string, here *frame) bool {
	if shape == nil {
		return false
	}
	if len(here.conjuncts) == 0 {
		here.conjuncts = w.conjuncts(w.root.LookupPath(cue.MakePath(selectors(path)...)), path, here.above)
	}
	var good []conjunct
	for _, c := range here.conjuncts {
		kind := c.value.IncompleteKind()
		if kind == cue.BottomKind || kind&shape.Kinds != 0 {
			good = append(good, c)
		}
	}
	if len(good) == 0 || len(good) == len(here.conjuncts) {
		return false
	}
	rest := unified(good)
	for _, c := range here.conjuncts {
		kind := c.value.IncompleteKind()
		if kind == cue.BottomKind || kind&shape.Kinds != 0 {
			continue
		}
		if !isSecret(shape, path) {
			w.wrongType(c.value, shape, path, []conjunct{c})
		}
	}
	*node = *w.read(rest, shape, path, &frame{above: here.above, conjuncts: good})
	return true
}

// unified returns the unification of conjuncts.
func unified(lines []conjunct) cue.Value {
	v := lines[0].value
	for _, c := range lines[1:] {
		v = v.Unify(c.value)
	}
	return v
}
