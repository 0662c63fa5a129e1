package eval

import (
	"slices"
	"sort"
	"strconv"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// walk turns values into nodes, and notes what is not decided yet.
type walk struct {
	model *model
	// open are the values that are not concrete yet, by their node: a soft
	// value may still decide them.
	open map[*wire.Node]open
	// components are the lines of each component, by root field and name.
	components map[string]map[string][]conjunct
	// silent are nodes with a part that was reported before evaluation:
	// nothing more is said about them.
	silent map[*wire.Node]bool
	// loose are structs that a condition which cannot be decided may still add
	// to: nothing is said of what they lack.
	loose map[*wire.Node]bool
	// whole are the lines of structs of which some say nothing but fields that
	// there are not: these count where something is missing, and nowhere else.
	whole map[*wire.Node][]wire.Origin
	// implied are the needs that nobody wrote as such.
	implied map[*wire.Node]bool
}

// open is a value that is not concrete.
type open struct {
	value     cue.Value
	conjuncts []conjunct
	shape     *schema.Shape
	// absent says that lines only constrain the field; required, that one of
	// them says that it has to be there.
	absent, required bool
}

// node reads a value and all below it.
func (w *walk) node(v cue.Value, shape *schema.Shape, path []string, above *frame) *wire.Node {
	node := &wire.Node{}
	var lines []conjunct
	if len(path) > 1 || shape == nil || shape.Struct == nil || shape.Struct.Pattern == nil {
		lines = w.model.conjuncts(v, path, above)
		node.Origins = origins(lines)
	} else if isComponent(path[0]) {
		lines, node.Origins = w.model.together(v, path, above)
	}
	if len(path) == 2 {
		w.note(path, lines)
	}
	for _, c := range lines {
		if !w.model.prepared.Dropped(c.expr) || c.place.many() || len(path) == 1 {
			// What was to hold for many, or to add components, says nothing of one.
			continue
		}
		w.hush(node)
		if len(lines) == 1 {
			return node
		}
	}
	return w.into(node, v, shape, path, &frame{above: above, conjuncts: lines})
}

// read reads a value whose lines are known.
func (w *walk) read(v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	return w.into(&wire.Node{Origins: origins(here.conjuncts)}, v, shape, path, here)
}

// into reads a value into a node.
func (w *walk) into(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	lines := here.conjuncts
	kind := v.IncompleteKind()
	if kind == cue.BottomKind {
		return w.failed(node, v, shape, path, here)
	}
	if shape != nil && kind&shape.Kinds == 0 {
		if isSecret(shape, path) && v.IsConcrete() && kind&(cue.BoolKind|cue.NullKind) == 0 {
			// A rule of the model's reports it without showing it.
			put(node, v)
			w.hush(node)
			return node
		}
		if len(lines) == 0 {
			lines = w.model.conjuncts(v, path, here.above)
		}
		if number := shape.Below("number"); isPort(path) && number != nil && kind&number.Kinds != 0 {
			// Short for a port with that number, from where it is a number.
			node.Kind = wire.Struct
			set(node, "number", w.read(v, number, child(path, "number"), here))
			return node
		}
		w.model.wrongType(v, shape, path, lines)
		w.hush(node)
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

// isPort says whether a path is that of a component's port.
func isPort(path []string) bool {
	return len(path) > 3 && isComponent(path[0]) && path[len(path)-2] == "ports"
}

// isSecret says whether a reference to a secret is expected.
func isSecret(shape *schema.Shape, path []string) bool {
	if shape.Struct == nil || shape.Kinds != cue.StructKind {
		return false
	}
	field := shape.Struct.Fields["secret"]
	return len(path) == 2 && path[0] == "secrets" || field != nil && field.Required
}

// note keeps the lines of a component.
func (w *walk) note(path []string, lines []conjunct) {
	if w.components == nil {
		w.components = map[string]map[string][]conjunct{}
	}
	if w.components[path[0]] == nil {
		w.components[path[0]] = map[string][]conjunct{}
	}
	w.components[path[0]][path[1]] = lines
}

// hush says that nothing more is to be said about a node.
func (w *walk) hush(node *wire.Node) {
	if w.silent == nil {
		w.silent = map[*wire.Node]bool{}
	}
	w.silent[node] = true
}

func (w *walk) loosen(node *wire.Node) {
	if w.loose == nil {
		w.loose = map[*wire.Node]bool{}
	}
	w.loose[node] = true
}

func (w *walk) leaveOpen(node *wire.Node, o open) {
	if w.open == nil {
		w.open = map[*wire.Node]open{}
	}
	w.open[node] = o
}

// fields reads a struct.
func (w *walk) fields(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) {
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
			w.model.assert(iter, path)
			continue
		}
		name := selector.Unquoted()
		at := child(path, name)
		var inner *schema.Shape
		if structure != nil {
			if inner = structure.At(name); inner == nil {
				w.model.unknownField(iter.Value(), structure, at, here)
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
		w.model.hiddenKeys(v, path)
	}
	sort.Slice(node.Fields, func(i, j int) bool { return node.Fields[i].Name < node.Fields[j].Name })
	if len(unknown) > 0 {
		if w.whole == nil {
			w.whole = map[*wire.Node][]wire.Origin{}
		}
		w.whole[node] = node.Origins
		node.Origins = origins(slices.DeleteFunc(slices.Clone(here.conjuncts), func(c conjunct) bool {
			return saysOnly(c.expr, unknown)
		}))
	}
}

// hiddenKeys reports keys that begin with `_` and come into a map of data from
// elsewhere, such as a helper that it refers to: CUE hides them there, and they
// would be missing without a word.
func (m *model) hiddenKeys(v cue.Value, path []string) {
	iter, err := v.Fields(cue.Hidden(true))
	for err == nil && iter.Next() {
		selector := iter.Selector()
		if !selector.LabelType().IsHidden() || selector.IsDefinition() {
			continue
		}
		name := m.prepared.Original(selector.String())
		e := wire.Error{Code: wire.UnknownField, Path: child(path, name)}
		for _, c := range m.conjuncts(iter.Value(), child(path, name), nil) {
			e = e.At(c.span, c.role)
		}
		m.report(e.With("name", name).With("reason", "hidden"))
	}
}

// saysOnly says whether a struct literal holds nothing but certain fields: if
// those were reported, it says nothing else.
func saysOnly(expr ast.Expr, names map[string]bool) bool {
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

// absent reads a field that is constrained only.
func (w *walk) absent(v cue.Value, shape *schema.Shape, path []string, above *frame, required bool) *wire.Node {
	lines := w.model.conjuncts(v, path, above)
	node := &wire.Node{}
	for i := range lines {
		lines[i].role = wire.RoleConstraint
	}
	node.Origins = origins(lines)
	w.leaveOpen(node, open{value: v, conjuncts: lines, shape: shape, absent: true, required: required})
	return node
}

// items reads a list.
func (w *walk) items(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) {
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
func (w *walk) scalar(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	decided := v
	if !v.IsConcrete() {
		var has bool
		if decided, has = v.Default(); !has || !decided.IsConcrete() {
			if len(lines) == 0 && v.IncompleteKind() == cue.TopKind {
				// Another spelling in the overlay stands in for it.
				return
			}
			w.leaveOpen(node, open{value: v, conjuncts: lines, shape: shape})
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
		w.model.wrongType(decided, shape, path, lines)
		w.hush(node)
		return
	}
	put(node, decided)
	if node.Kind == wire.Absent {
		w.model.report(w.model.error(wire.BadExpression, path, lines).With("reason", "function"))
		w.hush(node)
		return
	}
	if shape != nil && !shape.Plain && shape.Scalar.Exists() && decided.Unify(shape.Scalar).Err() != nil {
		w.model.outOfBounds(decided, shape, path, lines)
		w.hush(node)
	}
}
