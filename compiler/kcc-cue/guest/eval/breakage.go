package eval

import (
	"reflect"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/evaluator/wire"
)

// maxRemovals bounds how often the model is rebuilt without what breaks all
// components.
const maxRemovals = 20

// removeBreakage removes what would leave no team with a value. Over one bad
// label, pattern or validator CUE gives up the struct around it; for `services`
// or a component that would hide the mistakes of everything else. Each is
// reported, and the model is built again without it.
func (r *reporter) removeBreakage() {
	var found []wire.Fault
	for range maxRemovals {
		more, any := r.removeRound()
		if !any {
			break
		}
		for _, e := range more {
			// Removing the value did not help; its field is removed next.
			same := slices.IndexFunc(found, func(other wire.Fault) bool {
				return slices.Equal(other.Path, e.Path) && reflect.DeepEqual(other.Detail, e.Detail)
			})
			if same >= 0 {
				found[same] = e
			} else {
				found = append(found, e)
			}
		}
		root, refused := r.prepared.Build(context)
		r.root = root
		r.errors = append(r.errors, refused...)
		r.index = newIndex(r.prepared)
	}
	for _, e := range found {
		r.report(e)
	}
}

// removeRound removes what breaks a root field as a whole or, where that is
// sound, one of its entries.
func (r *reporter) removeRound() (found []wire.Fault, any bool) {
	b := &breakage{reporter: r, removed: map[wire.Span]bool{}}
	for _, name := range shipped.Root.Struct.Names {
		if shape := shipped.Root.Struct.At(name); name == systemField || shape.Struct == nil || shape.Struct.Pattern == nil {
			continue
		}
		path := []string{name}
		all := r.root.LookupPath(cue.MakePath(cue.Str(name)))
		if b.remove(all, path) {
			any = true
			continue
		}
		if all.IncompleteKind() != cue.BottomKind {
			continue
		}
		for iter, err := all.Fields(cue.All()); err == nil && iter.Next(); {
			if iter.Selector().LabelType() == cue.StringLabel {
				any = b.remove(iter.Value(), child(path, iter.Selector().Unquoted())) || any
			}
		}
	}
	return b.found, any
}

// breakage collects what is removed before the model is built again.
type breakage struct {
	*reporter
	found []wire.Fault
	// removed are the positions that CUE blames, which may be once per component.
	removed map[wire.Span]bool
}

// remove removes the expressions that CUE blames for a struct which is itself an
// error. It returns false if there are none.
func (b *breakage) remove(v cue.Value, path []string) bool {
	if v.IncompleteKind() != cue.BottomKind || !v.IsConcrete() {
		return false
	}
	if b.removeMistyped(v, path) {
		return true
	}
	own, any := b.ownError(v, path), false
	for _, err := range errors.Errors(v.Err()) {
		format, _ := err.Msg()
		if len(err.Path()) > len(path) || isReportedByConjuncts(format) || !own && format != explicit {
			continue
		}
		for _, pos := range errors.Positions(err) {
			at, ok := b.prepared.Position(pos)
			if !ok {
				continue
			}
			if any = true; b.removed[at] {
				break
			}
			b.removed[at] = true
			// What decides can only be found while the tree is whole.
			e, decides := b.determinantError(path, err, b.conjuncts(v, path, nil))
			node := b.prepared.Remove(pos)
			if node == nil {
				continue
			}
			if format == explicit {
				// CUE reports it with the path of the root.
				path = b.index.sites[node].path()
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

// removeMistyped removes what is not a struct where others write one. It returns
// false if there is nothing of the kind.
func (b *breakage) removeMistyped(v cue.Value, path []string) bool {
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

// isReportedByConjuncts reports whether CUE blames several conjuncts none of
// which is wrong on its own, or something a conjunct refers to.
func isReportedByConjuncts(format string) bool {
	return isConsequence(format) || isCycle(format) || strings.HasPrefix(format, "undefined field") ||
		strings.Contains(format, "empty disjunction")
}

// determinantError returns the error at a condition, a source or a label that CUE
// blames, or false if it blames none.
func (m *evaluation) determinantError(path []string, err errors.Error, lines []conjunct) (wire.Fault, bool) {
	var determinants []determinant
	for _, c := range lines {
		determinants = append(determinants, determinantsOf(c.expr)...)
	}
	o, ok := m.sourceOf(err, determinants)
	if !ok || o.what == "" || o.what == wire.PartEmbedding {
		return wire.Fault{}, false
	}
	e := m.failure(path, err, []determinant{o})
	return e, len(e.Labels) > 0
}

// blamed returns the error for any other node that CUE blames.
func (m *evaluation) blamed(node ast.Node, path []string, err errors.Error) wire.Fault {
	span, _ := m.span(node)
	format, args := err.Msg()
	if strings.HasPrefix(format, unsatisfied) {
		return wire.Fault{Detail: wire.FailedExpression{Cause: cause(err, path)}, Path: path}.At(span, wire.RoleConstraint)
	}
	e := wire.Fault{Path: path}.At(span, wire.RoleValue)
	if call, ok := node.(*ast.CallExpr); ok && isErrorCall(call) {
		text, _, _ := strings.Cut(sprintf(format, args), "\n")
		e.Detail = wire.RaisedError{Text: text}
	} else {
		e.Detail = wire.FailedExpression{Cause: cause(err, path)}
	}
	return e
}
