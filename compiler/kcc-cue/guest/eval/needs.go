package eval

import (
	"slices"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// needsField is where a component declares its needs.
const needsField = "needs"

// inferNeeds adds to every component a need for each component whose output it
// refers to: it has to reach it and to wait for it. What is written under `needs`
// takes precedence.
func (w *walker) inferNeeds(tree *wire.Node) {
	for _, kind := range shipped.ComponentFields() {
		all := get(tree, kind)
		if all == nil || all.Kind != wire.Struct {
			continue
		}
		shape := shipped.Root.Struct.At(kind).Struct.Pattern
		for _, field := range all.Fields {
			w.inferNeedsOf(tree, field.Node, shape, field.Name)
		}
	}
}

// inferNeedsOf adds the needs of one component, or of the component that a recipe
// makes of a backing.
func (w *walker) inferNeedsOf(tree, component *wire.Node, shape *schema.Shape, name string) {
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
		delete(w.incomplete, needs)
		w.inferNeed(needs, needShape.Struct.Pattern, from)
	}
}

// inferNeed adds a need with the conjunct that refers to the other component, or
// adds the conjunct to a need it added before.
func (w *walker) inferNeed(needs *wire.Node, shape *schema.Shape, from *wire.Node) {
	need := get(needs, from.Text)
	switch {
	case w.inferred[need]:
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
	delete(w.incomplete, need)
	f := &filler{walker: w}
	f.fields(need, shape, nil, nil)
	w.inferred[need] = true
}

// references returns the nodes `from` of every reference to an output at or below
// a node.
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

// isPresent reports whether the target has a component of that name.
func isPresent(tree *wire.Node, name string) bool {
	return slices.ContainsFunc(shipped.ComponentFields(), func(kind string) bool {
		component := at(tree, kind, name)
		return component != nil && component.Kind == wire.Struct
	})
}
