package eval

import (
	"iter"
	"slices"

	"cuelang.org/go/cue"

	"kcc.dev/evaluator/wire"
)

// systemField is the root field that is evaluated separately.
const systemField = "system"

// kindsField holds recipes, which have a meaning only together with a backing.
const kindsField = "kinds"

// evaluate returns the completed tree: values, defaults, and what the schema
// adds.
func evaluate(built *reporter) (*walker, *wire.Node, []wire.Declaration, map[owner]string) {
	w := newWalker(built.clone())
	tree := w.readRoot()
	declarations, owners := w.declarations()
	f := &filler{walker: w, owners: owners}
	f.run(tree)
	if added := f.secondPassInput(); added.Exists() {
		// Something refers to what was filled in: evaluate with it, and forget
		// the errors of the first pass.
		built.root, built.secondPass = built.root.Unify(added), true
		w = newWalker(built.clone())
		tree = w.readRoot()
		declarations, owners = w.declarations()
		first := f.filled
		f = &filler{walker: w, owners: owners}
		f.restore(tree, first)
		f.run(tree)
	}
	w.inferNeeds(tree)
	for _, field := range tree.Fields {
		w.checkCompleteness(field.Node, shipped.Root.Struct.At(field.Name), []string{field.Name})
	}
	w.checkAssertions()
	return w, tree, declarations, owners
}

// outsideModel are root fields that are not part of the tree. Package syntax
// takes them out where they are written in the required form. `defaults` and
// `policies` may also come in through a reference; [evaluation.indirectDefaults]
// and [reporter.indirectPolicies] read those.
var outsideModel = []string{"defaults", overlaysField, "policies", systemField}

// overlaysField is the root field whose blocks are overlays.
const overlaysField = "on"

// readRoot reads the root fields of the model, whether written or embedded.
func (w *walker) readRoot() *wire.Node {
	tree := &wire.Node{Kind: wire.Struct}
	w.checkRoot()
	for iter := range members(w.root) {
		value, name := iter.Value(), iter.Selector().Unquoted()
		shape := shipped.Root.Struct.At(name)
		path := []string{name}
		switch {
		case iter.Selector().ConstraintType() == cue.RequiredConstraint && shape != nil:
			missing := wire.MissingField{Name: name, Expected: expected(shape)}
			w.report(w.atLabels(missing, path, w.conjuncts(value, path, nil)))
		case iter.Selector().ConstraintType() != 0 || value.IncompleteKind() == cue.TopKind || name == kindsField:
		case name == defaultsField || name == policiesField:
		case name == overlaysField && value.IncompleteKind() == cue.StructKind:
			for _, block := range parts(value) {
				w.reportMisplaced(block.value, child(path, block.name))
			}
		case slices.Contains(outsideModel, name):
			w.reportMisplaced(value, path)
		case shape == nil:
			w.unknownField(value, shipped.Root.Struct, path, nil)
		default:
			set(tree, name, w.node(value, shape, path, nil))
		}
	}
	return tree
}

// reportMisplaced reports a root field that is not part of the tree and comes in
// through a reference, an embedding or a computed label.
func (r *reporter) reportMisplaced(v cue.Value, path []string) {
	lines := slices.DeleteFunc(r.conjuncts(v, path, nil), func(c conjunct) bool {
		return c.direct && c.site.name == systemField || c.site != nil && r.prepared.Extracted(c.site.field)
	})
	if len(lines) > 0 {
		indirect := wire.Overlay{Problem: wire.IndirectField{Name: path[0]}}
		r.report(r.atLabels(indirect, path, lines))
	}
}

// members iterates over the fields of a struct, including those that are only
// constrained, even if the struct is an error.
func members(v cue.Value) iter.Seq[*cue.Iterator] {
	return func(yield func(*cue.Iterator) bool) {
		// Without hidden fields CUE lists no field of a struct that is an error.
		fields, err := v.Fields(cue.Hidden(true), cue.Optional(true))
		for err == nil && fields.Next() {
			if fields.Selector().LabelType() == cue.StringLabel && !yield(fields) {
				return
			}
		}
	}
}
