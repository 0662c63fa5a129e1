package eval

import (
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// incompleteBool is CUE's text for a condition that has no value.
const incompleteBool = "incomplete bool: bool"

// isOpen says whether a value is an expression that has no result yet.
func isOpen(v cue.Value) bool {
	return v.IncompleteKind() == cue.BottomKind && !v.IsConcrete()
}

// whyOpen finds out why a value has no result: references that lead from a root
// to nothing, else what CUE says, at the expression that it comes from. The
// errors have labels and arguments only.
func (m *model) whyOpen(root, v cue.Value, path []string, lines []conjunct, exprs []opening) []wire.Error {
	for _, c := range lines {
		open := openings(c.expr)
		if _, isStruct := c.expr.(*ast.StructLit); len(open) == 0 && !isStruct {
			open = []opening{{expr: c.expr}}
		}
		exprs = append(exprs, open...)
	}
	for _, o := range exprs {
		if found := m.danglingIn(root, path, o.expr); len(found) > 0 {
			return found
		}
	}
	why := wire.Error{}
	for _, err := range errors.Errors(v.Err()) {
		at := m.around(err.Position(), exprs)
		if span, ok := m.span(at.expr); ok {
			why = why.At(span, wire.RoleConstraint)
		}
		if at.what == "condition" && isUndecided(err) {
			// A condition is evaluated with an operator that nobody wrote.
			return []wire.Error{why.With("message", incompleteBool).With("bare", incompleteBool)}
		}
		return []wire.Error{saying(why, err)}
	}
	return []wire.Error{why}
}

// around returns the expression that a position lies in. Where there is none
// it is the first: CUE points at what an expression refers to.
func (m *model) around(pos token.Pos, exprs []opening) opening {
	at, ok := m.prepared.Position(pos)
	for _, o := range exprs {
		if span, known := m.span(o.expr); ok && known && holds(span, at) {
			return o
		}
	}
	if len(exprs) > 0 {
		return exprs[0]
	}
	return opening{}
}

// danglingIn finds the references of an expression that lead from a root to
// nothing.
func (m *model) danglingIn(root cue.Value, path []string, expr ast.Expr) []wire.Error {
	apart := *m
	apart.root, apart.errors, apart.seen = root, nil, map[string]bool{}
	apart.dangling(path, expr)
	return apart.errors
}

// part is a field or an element of a value.
type part struct {
	name  string
	value cue.Value
}

// parts are the fields of a struct, hidden ones and definitions included, or the
// elements of a list.
func parts(v cue.Value) []part {
	var out []part
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		if selector := iter.Selector(); selector.ConstraintType() == 0 {
			out = append(out, part{strings.Trim(selector.String(), `"`), iter.Value()})
		}
	}
	if len(out) > 0 {
		return out
	}
	for iter, err := v.List(); err == nil && iter.Next(); {
		out = append(out, part{strconv.Itoa(len(out)), iter.Value()})
	}
	return out
}

// eachCulprit visits the parts of a value that are errors by themselves.
func eachCulprit(v cue.Value, path []string, visit func(v cue.Value, path []string)) {
	found := false
	for _, inner := range parts(v) {
		if inner.value.Validate() != nil {
			found = true
			eachCulprit(inner.value, child(path, inner.name), visit)
		}
	}
	if !found {
		visit(v, path)
	}
}

// undecidable says whether a value that CUE refuses is so because an expression
// has no result, rather than because a value does not satisfy it.
func undecidable(v cue.Value) bool {
	v = culprit(v)
	return isOpen(v) && !isUnsatisfied(v)
}

// culprit is the part of a value that CUE refuses by itself.
func culprit(v cue.Value) cue.Value {
	if v.IncompleteKind() == cue.BottomKind && !brokenBelow(v) {
		return v
	}
	for _, inner := range parts(v) {
		if inner.value.Validate(cue.Concrete(true)) != nil {
			return culprit(inner.value)
		}
	}
	return v
}

// isUnsatisfied says whether a validator refuses a value. Of a struct CUE says
// so in a way that fields which are still to come could change; to data none
// come.
func isUnsatisfied(v cue.Value) bool {
	for _, err := range errors.Errors(v.Err()) {
		if format, _ := err.Msg(); strings.HasPrefix(format, "invalid value %s (does not satisfy") {
			return true
		}
	}
	return false
}
