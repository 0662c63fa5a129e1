package eval

import (
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
		m.errors, m.followers, m.cycles, m.seen = m.refused, nil, nil, map[string]bool{}
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
	return w, tree, declarations, owners
}

// read walks the root fields of the model.
func (m *model) read() (*walk, *wire.Node) {
	w := &walk{model: m}
	tree := &wire.Node{Kind: wire.Struct}
	for _, name := range shipped.Root.Struct.Names {
		if name == systemField || name == kindsField {
			continue
		}
		value := m.root.LookupPath(cue.MakePath(cue.Str(name)))
		if !value.Exists() || value.IncompleteKind() == cue.TopKind {
			continue
		}
		if len(m.lexicon.roots[name]) == 0 && name != "target" {
			continue
		}
		set(tree, name, w.node(value, shipped.Root.Struct.At(name), []string{name}, nil))
	}
	m.rootConditions()
	return w, tree
}
