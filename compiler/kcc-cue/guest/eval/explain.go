package eval

import (
	"cuelang.org/go/cue"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// explain finds what else is said about each value of the finished tree: the
// schema's line, the soft values that a stronger one put aside as well, and the
// policies that it is held against.
func (m *model) explain(w *walk, tree *wire.Node, owners map[owner]string) []wire.Explained {
	e := &explaining{model: m, notes: &note{}}
	for _, field := range tree.Fields {
		e.schema(field.Node, shipped.Root.Struct.At(field.Name), e.notes.at(field.Name))
	}
	e.softly(w, tree, owners)
	e.replacements()
	e.policies(w)
	var out []wire.Explained
	e.notes.list(nil, func(explained wire.Explained) { out = append(out, explained) })
	return out
}

// note is what is said about one path, and about those below.
type note struct {
	wire.Explained
	names  []string
	fields map[string]*note
}

// at is the note of a field, made where there is none.
func (n *note) at(names ...string) *note {
	for _, name := range names {
		next := n.fields[name]
		if next == nil {
			next = &note{}
			if n.fields == nil {
				n.fields = map[string]*note{}
			}
			n.fields[name] = next
			n.names = append(n.names, name)
		}
		n = next
	}
	return n
}

// list visits what has something to say, in the order of the tree.
func (n *note) list(path []string, visit func(wire.Explained)) {
	if n.Schema != nil || len(n.Soft)+len(n.Replaced)+len(n.Policies) > 0 {
		n.Path = path
		visit(n.Explained)
	}
	for _, name := range n.names {
		n.fields[name].list(child(path, name), visit)
	}
}

// explaining gathers the notes of one tree.
type explaining struct {
	*model
	notes *note
}

// schema notes the schema's line of everything that is there.
func (e *explaining) schema(node *wire.Node, shape *schema.Shape, into *note) {
	if shape == nil {
		return
	}
	line := e.ofSchema(shape.Span)
	into.Schema = &line
	if shape.Struct == nil || node.Kind != wire.Struct {
		return
	}
	for _, field := range node.Fields {
		below := into.at(field.Name)
		e.schema(field.Node, shape.Struct.At(field.Name), below)
		if known := shape.Struct.Fields[field.Name]; known != nil {
			if value := known.Default(e.request.Engine); value != nil {
				line := e.ofSchema(value.Origins[0].Span)
				below.Schema = &line
			}
		}
	}
}

// softly notes every soft value of a fragment.
func (e *explaining) softly(w *walk, tree *wire.Node, owners map[owner]string) {
	// What is wrong with a block has been said where its values were wanted.
	errors := e.errors
	f := &filling{model: e.model, walk: w, owners: owners, all: true}
	if soft := f.gather(tree); soft != nil {
		e.softBelow(f, soft, nil)
	}
	e.errors = errors
}

func (e *explaining) softBelow(f *filling, soft *softNode, path []string) {
	for _, value := range soft.values {
		for _, origin := range value.node.Origins {
			into := e.notes.at(path...)
			into.Soft = append(into.Soft, wire.SoftLine{Origin: origin, Own: len(path) > 1 && f.layer(value, path) == layerOwn})
		}
	}
	for _, name := range sortedNames(soft.fields) {
		e.softBelow(f, soft.fields[name], child(path, name))
	}
}

// policies notes the lines of each policy at the values that it speaks of.
func (e *explaining) policies(w *walk) {
	if len(e.prepared.Policies) == 0 {
		return
	}
	value := e.finished.Model
	for i := range e.prepared.Policies {
		policy := &e.prepared.Policies[i]
		h := &holding{model: e.model, policy: policy, walk: w}
		e.policy(h, i, value.Unify(e.finished.Root.LookupPath(policy.Path)), value, nil)
	}
}

func (e *explaining) policy(h *holding, index int, v, given cue.Value, path []string) {
	if given.IncompleteKind() != cue.StructKind {
		for _, line := range h.lines(path, v) {
			into := e.notes.at(path...)
			into.Policies = append(into.Policies, wire.PolicyLine{Policy: index, Span: line.span})
		}
		return
	}
	iter, err := v.Fields(cue.Optional(true))
	if err != nil {
		return
	}
	for iter.Next() {
		selector := iter.Selector()
		if selector.LabelType() != cue.StringLabel {
			continue
		}
		name := selector.Unquoted()
		if inner := given.LookupPath(cue.MakePath(cue.Str(name))); inner.Exists() {
			e.policy(h, index, iter.Value(), inner, child(path, name))
		}
	}
}
