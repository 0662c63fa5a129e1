package eval

import (
	"slices"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"
)

// maxAlternatives bounds how many alternatives are compared.
const maxAlternatives = 100

// mismatch is a field in which an alternative conflicts with the other conjuncts.
type mismatch struct {
	path  []string
	lines []conjunct
	// discriminates is set if both give the field a value, which tells
	// alternatives apart.
	discriminates bool
}

// reportByAlternative reports a conflict with a disjunction of structs by the
// alternative that the other conjuncts fit best. It returns false if there is
// none.
func (r *reporter) reportByAlternative(path []string, lines []conjunct) bool {
	choice, others, ok := onlyChoice(lines)
	if !ok {
		return false
	}
	rest := unified(others)
	if rest.IncompleteKind()&cue.StructKind == 0 {
		return false
	}
	var best []mismatch
	fewest, discriminating := -1, 0
	var discriminators []mismatch
	for _, alternative := range alternativesOf(choice.value) {
		if alternative.IncompleteKind()&cue.StructKind == 0 {
			continue
		}
		found := r.mismatches(path, rest, alternative)
		if len(found) == 0 {
			// It conflicts for a reason that no field shows.
			return false
		}
		count := 0
		for _, one := range found {
			if one.discriminates {
				count++
				discriminators = append(discriminators, one)
			}
		}
		if fewest < 0 || count < discriminating || count == discriminating && len(found) < fewest {
			best, fewest, discriminating = found, len(found), count
		}
	}
	switch {
	case fewest < 0:
		return false
	case discriminating > 0:
		return r.reportDiscriminator(discriminators)
	}
	for _, one := range best {
		r.conflict(one.path, one.lines)
	}
	return true
}

// onlyChoice separates the conjunct that is a disjunction of structs from the
// others. It returns false unless there is exactly one, and others beside it.
func onlyChoice(lines []conjunct) (choice conjunct, others []conjunct, ok bool) {
	for _, c := range lines {
		switch {
		case len(alternativesOf(c.value)) == 0:
			others = append(others, c)
		case ok:
			return conjunct{}, nil, false
		default:
			choice, ok = c, true
		}
	}
	return choice, others, ok && len(others) > 0
}

// reportDiscriminator reports a field that tells alternatives apart and matches
// none of them. It returns false if there are several such fields.
func (r *reporter) reportDiscriminator(discriminators []mismatch) bool {
	lines := slices.Clone(discriminators[0].lines)
	for _, one := range discriminators[1:] {
		if !slices.Equal(one.path, discriminators[0].path) {
			return false
		}
		for _, c := range one.lines {
			if !slices.ContainsFunc(lines, func(other conjunct) bool { return other.span == c.span }) {
				lines = append(lines, c)
			}
		}
	}
	r.conflict(discriminators[0].path, lines)
	return true
}

// mismatches returns the fields of an alternative that conflict with the rest.
func (m *evaluation) mismatches(path []string, rest, alternative cue.Value) []mismatch {
	var found []mismatch
	for iter := range members(alternative) {
		mine := iter.Value()
		name := iter.Selector().Unquoted()
		other := rest.LookupPath(cue.MakePath(cue.Str(name)))
		if !other.Exists() || other.Unify(mine).IncompleteKind() != cue.BottomKind {
			continue
		}
		below := child(path, name)
		if mine.IncompleteKind() == cue.StructKind && other.IncompleteKind() == cue.StructKind {
			found = append(found, m.mismatches(below, other, mine)...)
			continue
		}
		lines := append(m.conjuncts(other, below, nil), m.conjuncts(mine, below, nil)...)
		if few := minimalConflict(lines); len(few) > 1 {
			found = append(found, mismatch{below, few, isScalar(mine) && isScalar(other)})
		}
	}
	return found
}

func isScalar(v cue.Value) bool {
	return v.IsConcrete() && v.Kind()&(cue.StructKind|cue.ListKind) == 0
}

// alternativesOf returns the alternatives of a value, or none if it is not a
// disjunction of structs.
func alternativesOf(v cue.Value) []cue.Value {
	var found []cue.Value
	var split func(v cue.Value)
	split = func(v cue.Value) {
		// A reference to a disjunction counts as one.
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

// withoutOtherKinds returns an expression without the alternatives of other kinds
// than the value it meets.
func (m *evaluation) withoutOtherKinds(c conjunct, kind cue.Kind) ast.Expr {
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
