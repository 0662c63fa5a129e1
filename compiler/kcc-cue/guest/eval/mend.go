package eval

import (
	"cuelang.org/go/cue"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// failed reads a value that is an error, or has one below it.
func (w *walk) failed(node *wire.Node, v cue.Value, shape *schema.Shape, path []string, here *frame) *wire.Node {
	iter, err := v.Fields(cue.All())
	parts := err == nil && iter.Next()
	incomplete := !v.IsConcrete()
	// A `let` that fails is no part, and CUE gives it a path below the struct's.
	own := w.model.ownError(v, path) || parts && !incomplete && !brokenBelow(v)
	switch {
	case parts && (!own || incomplete && iter.Selector().LabelType() != cue.IndexLabel):
		if own {
			w.model.conditions(v, path, here.conjuncts)
			w.loosen(node)
		}
		if iter.Selector().LabelType() == cue.IndexLabel {
			w.items(node, v, shape, path, here)
		} else {
			w.fields(node, v, shape, path, here)
		}
	case incomplete:
		w.leaveOpen(node, open{value: v, conjuncts: here.conjuncts, shape: shape})
	case w.silent[node]:
	case w.mended(node, shape, path, here):
	default:
		w.model.fault(v, shape, path, here)
		w.hush(node)
	}
	return node
}

// mended reports the lines of a kind that the schema does not accept, and
// reads what the others make together; false if there are no such lines.
func (w *walk) mended(node *wire.Node, shape *schema.Shape, path []string, here *frame) bool {
	if shape == nil {
		return false
	}
	if len(here.conjuncts) == 0 {
		here.conjuncts = w.model.conjuncts(w.model.root.LookupPath(cue.MakePath(selectors(path)...)), path, here.above)
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
			w.model.wrongType(c.value, shape, path, []conjunct{c})
		}
	}
	*node = *w.read(rest, shape, path, &frame{above: here.above, conjuncts: good})
	return true
}

// unified is what some lines make together.
func unified(lines []conjunct) cue.Value {
	v := lines[0].value
	for _, c := range lines[1:] {
		v = v.Unify(c.value)
	}
	return v
}
