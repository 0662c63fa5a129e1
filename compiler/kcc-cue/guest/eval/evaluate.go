package eval

import (
	"iter"
	"slices"

	"cuelang.org/go/cue"

	"kcc.dev/engine/wire"
)

// systemField is the root field that is evaluated apart.
const systemField = "system"

// kindsField holds recipes, which mean something only together with a backing.
const kindsField = "kinds"

// evaluate makes the finished tree: values, soft values, and what the schema
// adds.
func (m *model) evaluate() (*walk, *wire.Node, []wire.Declaration, map[owner]string) {
	w, tree := m.read()
	declarations, owners := m.declarations(w)
	f := &filling{model: m, walk: w, owners: owners}
	f.run(tree)
	if again := f.needed(); again.Exists() {
		// Something refers to what was filled in: evaluate with it.
		m.root, m.softly = m.root.Unify(again), true
		m.errors, m.followers, m.cycles, m.asserted, m.matched = m.refused, nil, nil, nil, nil
		m.seen = map[string]bool{}
		w, tree = m.read()
		declarations, owners = m.declarations(w)
		first := f.filled
		f = &filling{model: m, walk: w, owners: owners}
		f.restore(tree, first)
		f.run(tree)
	}
	m.imply(w, tree)
	for _, field := range tree.Fields {
		m.settle(w, field.Node, shipped.Root.Struct.At(field.Name), []string{field.Name})
	}
	m.assertions()
	return w, tree, declarations, owners
}

// outsideModel are root fields that are not part of the tree: they are taken
// out of the fragments, where they stand in the form that they have to have.
// `defaults` and `policies` may also come in through a reference, which
// [model.indirectDefaults] and [model.indirectPolicies] follow.
var outsideModel = []string{"defaults", overlaysField, "policies", systemField}

// overlaysField is the root field whose blocks are overlays.
const overlaysField = "on"

// read walks the root fields of the model, however they came to be there.
func (m *model) read() (*walk, *wire.Node) {
	w := &walk{model: m}
	tree := &wire.Node{Kind: wire.Struct}
	m.rootConditions()
	for iter := range members(m.root) {
		value, name := iter.Value(), iter.Selector().Unquoted()
		shape := shipped.Root.Struct.At(name)
		path := []string{name}
		switch {
		case iter.Selector().ConstraintType() == cue.RequiredConstraint && shape != nil:
			m.report(m.atLabels(wire.MissingField, path, m.conjuncts(value, path, nil)).
				With("name", name).With("expected", expected(shape)))
		case iter.Selector().ConstraintType() != 0 || value.IncompleteKind() == cue.TopKind || name == kindsField:
		case name == defaultsField || name == policiesField:
		case name == overlaysField && value.IncompleteKind() == cue.StructKind:
			for _, block := range parts(value) {
				m.misplaced(block.value, child(path, block.name))
			}
		case slices.Contains(outsideModel, name):
			m.misplaced(value, path)
		case shape == nil:
			m.unknownField(value, shipped.Root.Struct, path, nil)
		default:
			set(tree, name, w.node(value, shape, path, nil))
		}
	}
	return w, tree
}

// misplaced reports a root field that is not part of the tree, and that a
// reference, an embedding or a computed label puts there.
func (m *model) misplaced(v cue.Value, path []string) {
	lines := slices.DeleteFunc(m.conjuncts(v, path, nil), func(c conjunct) bool {
		return c.own && c.place.name == systemField || c.place != nil && m.prepared.Extracted(c.place.field)
	})
	if len(lines) > 0 {
		m.report(m.atLabels(wire.Overlay, path, lines).With("reason", "indirect").With("name", path[0]))
	}
}

// members are the fields of a struct, those that are only constrained
// included; also of a struct that is an error.
func members(v cue.Value) iter.Seq[*cue.Iterator] {
	return func(yield func(*cue.Iterator) bool) {
		// Without hidden fields CUE lists none of a struct that is an error.
		fields, err := v.Fields(cue.Hidden(true), cue.Optional(true))
		for err == nil && fields.Next() {
			if fields.Selector().LabelType() == cue.StringLabel && !yield(fields) {
				return
			}
		}
	}
}
