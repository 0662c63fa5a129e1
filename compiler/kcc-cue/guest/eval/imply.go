package eval

import (
	"slices"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// needsField is where a component says what it needs.
const needsField = "needs"

// imply gives every component a need on each other one whose output it refers
// to: what it uses it has to reach, and to wait for. What it says under `needs`
// itself stands.
func (m *model) imply(w *walk, tree *wire.Node) {
	for _, kind := range componentFields {
		all := get(tree, kind)
		if all == nil || all.Kind != wire.Struct {
			continue
		}
		shape := shipped.Root.Struct.At(kind).Struct.Pattern
		for _, field := range all.Fields {
			m.implyOne(w, tree, field.Node, shape, field.Name)
		}
	}
}

// implyOne completes the needs of one component, or of what a recipe makes of
// a backing.
func (m *model) implyOne(w *walk, tree, component *wire.Node, shape *schema.Shape, name string) {
	needShape := shape.Below(needsField)
	if needShape == nil || component.Kind != wire.Struct || w.silent[component] {
		return
	}
	needs := get(component, needsField)
	if needs != nil && (w.silent[needs] || needs.Kind != wire.Struct && needs.Kind != wire.Absent) {
		return
	}
	for _, from := range references(component, shape) {
		if from.Text == name || !isPresent(tree, from.Text) {
			continue
		}
		if needs == nil {
			needs = &wire.Node{}
			set(component, needsField, needs)
		}
		needs.Kind = wire.Struct
		delete(w.open, needs)
		m.implyNeed(w, needs, needShape.Struct.Pattern, from)
	}
}

// implyNeed adds a need with the line that refers to the other, or the line to
// a need that it added for another line.
func (m *model) implyNeed(w *walk, needs *wire.Node, shape *schema.Shape, from *wire.Node) {
	need := get(needs, from.Text)
	switch {
	case w.implied[need]:
		need.Origins = merge(need.Origins, from.Origins)
		return
	case need == nil:
		need = &wire.Node{}
		set(needs, from.Text, need)
	case need.Kind != wire.Absent || w.silent[need]:
		return
	}
	need.Kind = wire.Struct
	need.Origins = merge(slices.Clone(from.Origins), need.Origins)
	delete(w.open, need)
	f := &filling{model: m, walk: w}
	f.fields(need, shape, nil, nil)
	if w.implied == nil {
		w.implied = map[*wire.Node]bool{}
	}
	w.implied[need] = true
}

// references are the names at `from` of every reference to an output at or
// below a node.
func references(node *wire.Node, shape *schema.Shape) []*wire.Node {
	if node == nil || shape == nil {
		return nil
	}
	var found []*wire.Node
	if structure := shape.Struct; structure != nil {
		from := get(node, "from")
		if structure.Fields["from"] != nil && structure.Fields["output"] != nil && from != nil && from.Kind == wire.String {
			found = append(found, from)
		}
		for _, field := range node.Fields {
			found = append(found, references(field.Node, structure.At(field.Name))...)
		}
	}
	for _, item := range node.Items {
		found = append(found, references(item, shape.Elem)...)
	}
	return found
}

// isPresent says whether the target has a component of that name.
func isPresent(tree *wire.Node, name string) bool {
	return slices.ContainsFunc(componentFields, func(kind string) bool {
		component := at(tree, kind, name)
		return component != nil && component.Kind == wire.Struct
	})
}
