package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/engine/wire"
)

// maxIsolated bounds how often the model is built again without what breaks
// all components.
const maxIsolated = 20

// isolate takes out what leaves no value for anybody: over one bad label,
// pattern or validator CUE gives up the whole struct around it, and with
// `services` or a component the mistakes of all others would be hidden. Each is
// reported, and the model is built again without it.
func (m *model) isolate() {
	var found []wire.Error
	for range maxIsolated {
		more, any := m.breaking()
		if !any {
			break
		}
		for _, e := range more {
			// Where a value did not suffice, its field is taken out next.
			same := slices.IndexFunc(found, func(other wire.Error) bool {
				return slices.Equal(other.Path, e.Path) && slices.Equal(other.Args, e.Args)
			})
			if same >= 0 {
				found[same] = e
			} else {
				found = append(found, e)
			}
		}
		root, refused := m.prepared.Build(context)
		m.root = root
		m.errors = append(m.errors, refused...)
		m.lexicon = newLexicon(m.prepared)
	}
	for _, e := range found {
		m.report(e)
	}
}

// breaking takes out what breaks a root field as a whole or, where that is
// sound, one of its entries.
func (m *model) breaking() (found []wire.Error, any bool) {
	b := &breaking{model: m, taken: map[wire.Span]bool{}}
	for _, name := range shipped.Root.Struct.Names {
		if shape := shipped.Root.Struct.At(name); name == systemField || shape.Struct == nil || shape.Struct.Pattern == nil {
			continue
		}
		path := []string{name}
		all := m.root.LookupPath(cue.MakePath(cue.Str(name)))
		if b.takeOut(all, path) {
			any = true
			continue
		}
		if all.IncompleteKind() != cue.BottomKind {
			continue
		}
		for iter, err := all.Fields(cue.All()); err == nil && iter.Next(); {
			if iter.Selector().LabelType() == cue.StringLabel {
				any = b.takeOut(iter.Value(), child(path, iter.Selector().Unquoted())) || any
			}
		}
	}
	return b.found, any
}

// breaking gathers what is taken out before the model is built again.
type breaking struct {
	*model
	found []wire.Error
	// taken are the places that CUE blames: it may blame one for each component.
	taken map[wire.Span]bool
}

// takeOut takes the expressions out of the tree that CUE blames for a struct
// which is an error itself; false if there are none.
func (b *breaking) takeOut(v cue.Value, path []string) bool {
	if v.IncompleteKind() != cue.BottomKind || !v.IsConcrete() {
		return false
	}
	if b.takeOutMistyped(v, path) {
		return true
	}
	own, any := b.ownError(v, path), false
	for _, err := range errors.Errors(v.Err()) {
		format, _ := err.Msg()
		if len(err.Path()) > len(path) || toldByLines(format) || !own && format != explicit {
			continue
		}
		for _, pos := range errors.Positions(err) {
			at, ok := b.prepared.Position(pos)
			if !ok {
				continue
			}
			if any = true; b.taken[at] {
				break
			}
			b.taken[at] = true
			// The tree tells what decides something as long as it is whole.
			e, decides := b.deciding(path, err, b.conjuncts(v, path, nil))
			node := b.prepared.Remove(pos)
			if node == nil {
				continue
			}
			if format == explicit {
				// It bears the path of the root wherever it stands.
				path = b.lexicon.places[node].path()
			}
			if !decides {
				e = b.blamed(node, path, err)
			}
			b.found = append(b.found, e)
			break
		}
	}
	return any
}

// takeOutMistyped takes out what is no struct where others write one; false if
// there is nothing of the kind.
func (b *breaking) takeOutMistyped(v cue.Value, path []string) bool {
	shape := shipped.Root.Struct.At(path[0])
	if len(path) > 1 {
		shape = shape.Struct.At(path[1])
	}
	if shape == nil || shape.Kinds != cue.StructKind || isSecret(shape, path) {
		return false
	}
	lines := b.conjuncts(v, path, nil)
	bad := slices.DeleteFunc(slices.Clone(lines), func(c conjunct) bool {
		kind := c.value.IncompleteKind()
		return kind == cue.BottomKind || kind&cue.StructKind != 0
	})
	if len(bad) == 0 || len(bad) == len(lines) {
		return false
	}
	for _, c := range bad {
		b.wrongType(c.value, shape, path, []conjunct{c})
		b.prepared.Remove(c.expr.Pos())
	}
	return true
}

// toldByLines says whether CUE blames several lines of which none is wrong by
// itself, or what a line refers to.
func toldByLines(format string) bool {
	return follows(format) || isCycle(format) || strings.HasPrefix(format, "undefined field") ||
		strings.Contains(format, "empty disjunction")
}

// deciding is the error at a condition, a source or a label that CUE blames;
// false if it blames none.
func (m *model) deciding(path []string, err errors.Error, lines []conjunct) (wire.Error, bool) {
	var open []opening
	for _, c := range lines {
		open = append(open, openings(c.expr)...)
	}
	o, ok := m.origin(err, open)
	if !ok || o.what == "" || o.what == "embedding" {
		return wire.Error{}, false
	}
	e := m.failure(path, err, []opening{o})
	return e, len(e.Labels) > 0
}

// blamed is the error of any other node that CUE blames.
func (m *model) blamed(node ast.Node, path []string, err errors.Error) wire.Error {
	span, _ := m.span(node)
	format, args := err.Msg()
	if strings.Contains(format, "does not satisfy") {
		return wire.Error{Code: wire.Conflict, Path: path}.At(span, wire.RoleConstraint)
	}
	e := wire.Error{Code: wire.BadExpression, Path: path}.At(span, wire.RoleValue)
	if call, ok := node.(*ast.CallExpr); ok && isErrorCall(call) {
		text, _, _ := strings.Cut(sprintf(format, args), "\n")
		return e.With("reason", "said").With("said", text)
	}
	return saying(e.With("reason", "failed"), err)
}
