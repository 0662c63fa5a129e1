package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// maxAlternatives bounds how many alternatives are looked into.
const maxAlternatives = 100

// misfit is a field in which an alternative and what it meets do not agree.
type misfit struct {
	path  []string
	lines []conjunct
	// tells: both give the field a value, which tells alternatives apart.
	tells bool
}

// meant reports lines of which one is a choice between structs by the
// alternative that the others were meant to be; false if there is none.
func (m *model) meant(path []string, lines []conjunct) bool {
	choice := -1
	for i, c := range lines {
		if len(alternativesOf(c.value)) > 0 {
			if choice >= 0 {
				return false
			}
			choice = i
		}
	}
	if choice < 0 || len(lines) < 2 {
		return false
	}
	var rest cue.Value
	for i, c := range lines {
		if i == choice {
			continue
		}
		if rest.Exists() {
			rest = rest.Unify(c.value)
		} else {
			rest = c.value
		}
	}
	if rest.IncompleteKind()&cue.StructKind == 0 {
		return false
	}
	var best []misfit
	fewest, telling := -1, 0
	var apart []misfit
	for _, alternative := range alternativesOf(lines[choice].value) {
		if alternative.IncompleteKind()&cue.StructKind == 0 {
			continue
		}
		found := m.misfits(path, rest, alternative)
		if len(found) == 0 {
			// It does not fit for a reason that no field shows.
			return false
		}
		tells := 0
		for _, one := range found {
			if one.tells {
				tells++
				apart = append(apart, one)
			}
		}
		if fewest < 0 || tells < telling || tells == telling && len(found) < fewest {
			best, fewest, telling = found, len(found), tells
		}
	}
	switch {
	case fewest < 0:
		return false
	case telling > 0:
		return m.untold(apart)
	}
	for _, one := range best {
		m.clash(one.path, one.lines)
	}
	return true
}

// untold reports a field that tells alternatives apart and has the value of
// none of them; false if several fields do.
func (m *model) untold(apart []misfit) bool {
	lines := slices.Clone(apart[0].lines)
	for _, one := range apart[1:] {
		if !slices.Equal(one.path, apart[0].path) {
			return false
		}
		for _, c := range one.lines {
			if !slices.ContainsFunc(lines, func(other conjunct) bool { return other.span == c.span }) {
				lines = append(lines, c)
			}
		}
	}
	m.clash(apart[0].path, lines)
	return true
}

// misfits are the fields of an alternative that do not hold together with what
// it meets.
func (m *model) misfits(path []string, rest, alternative cue.Value) []misfit {
	var found []misfit
	for iter := range members(alternative) {
		mine := iter.Value()
		name := iter.Selector().Unquoted()
		other := rest.LookupPath(cue.MakePath(cue.Str(name)))
		if !other.Exists() || other.Unify(mine).IncompleteKind() != cue.BottomKind {
			continue
		}
		below := child(path, name)
		if mine.IncompleteKind() == cue.StructKind && other.IncompleteKind() == cue.StructKind {
			found = append(found, m.misfits(below, other, mine)...)
			continue
		}
		lines := append(m.conjuncts(other, below, nil), m.conjuncts(mine, below, nil)...)
		if few := minimal(lines); len(few) > 1 {
			found = append(found, misfit{below, few, isScalar(mine) && isScalar(other)})
		}
	}
	return found
}

func isScalar(v cue.Value) bool {
	return v.IsConcrete() && v.Kind()&(cue.StructKind|cue.ListKind) == 0
}

// alternativesOf are the values of which a value is one; none if it is no
// choice between structs.
func alternativesOf(v cue.Value) []cue.Value {
	var found []cue.Value
	var split func(v cue.Value)
	split = func(v cue.Value) {
		// A name of a choice is one.
		op, args := operands(cue.Dereference(v))
		if op != cue.OrOp || len(found) > maxAlternatives {
			found = append(found, v)
			return
		}
		for _, arg := range args {
			split(arg)
		}
	}
	split(v)
	if len(found) < 2 || !slices.ContainsFunc(found, func(v cue.Value) bool {
		return v.IncompleteKind()&cue.StructKind != 0
	}) {
		return nil
	}
	return found
}

// fitting is an expression without the alternatives of another type than the
// value that it meets.
func (m *model) fitting(c conjunct, kind cue.Kind) ast.Expr {
	op, args := operands(c.value)
	choice, ok := c.expr.(*ast.BinaryExpr)
	if op != cue.OrOp || !ok || choice.Op != token.OR {
		return c.expr
	}
	exprs := operandsOf(choice)
	if len(exprs) != len(args) {
		return c.expr
	}
	var left ast.Expr
	for i, expr := range exprs {
		if args[i].IncompleteKind()&kind == 0 {
			continue
		}
		if left == nil {
			left = expr
		} else {
			left = &ast.BinaryExpr{X: left, Op: token.OR, Y: expr}
		}
	}
	if left == nil {
		return c.expr
	}
	return left
}

func operandsOf(x ast.Expr) []ast.Expr {
	if choice, ok := x.(*ast.BinaryExpr); ok && choice.Op == token.OR {
		return append(operandsOf(choice.X), operandsOf(choice.Y)...)
	}
	return []ast.Expr{x}
}
