package eval

import (
	"regexp"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// conflict reports conjuncts that conflict together, but no longer if any one is
// left out.
func (r *reporter) conflict(path []string, lines []conjunct) {
	if r.reportByAlternative(path, lines) {
		return
	}
	var values, others []conjunct
	var kinds cue.Kind = cue.TopKind
	for _, c := range lines {
		if c.role == wire.RoleValue {
			values = append(values, c)
		} else {
			others = append(others, c)
			kinds &= c.value.IncompleteKind()
		}
	}
	if len(values) != 1 {
		r.report(r.error(wire.Conflict{Unreplaced: r.unreplaced(path, lines)}, path, lines))
		return
	}
	value := values[0].value
	if kinds&value.Kind() == 0 {
		mistyped := wire.WrongType{
			Expected: expectedBy(others), Actual: typeOf(value.IncompleteKind()), Written: written(path, values),
		}
		e := r.error(mistyped, path, append(values, others...))
		e.Distinct = actual(path, value)
		r.report(e)
		return
	}
	for i, c := range others {
		others[i].expr = r.withoutOtherKinds(c, value.Kind())
	}
	outside := wire.OutOfBounds{Expected: expectedBy(others), Actual: actual(path, value)}
	r.report(r.error(outside, path, append(values, others...)))
}

// generated matches the names of fields that kcc adds to the root.
var generated = regexp.MustCompile(`_(defaults|policies)\$`)

// hasReferences reports whether an expression refers to anything but types.
func hasReferences(expr ast.Expr) bool {
	for _, ident := range contributors(expr) {
		if _, known := predeclared[ident.Name]; !known {
			return true
		}
	}
	return false
}

// minimalConflict drops conjuncts as long as the rest still fails. The result
// fails, but no longer if any one is left out.
func minimalConflict(lines []conjunct) []conjunct {
	if !fails(lines) {
		return nil
	}
	left := append([]conjunct(nil), lines...)
	for i := len(left) - 1; i >= 0; i-- {
		rest := append(append([]conjunct(nil), left[:i]...), left[i+1:]...)
		if fails(rest) {
			left = rest
		}
	}
	return left
}

func fails(lines []conjunct) bool {
	if len(lines) == 0 {
		return false
	}
	v := unified(lines)
	return v.IncompleteKind() == cue.BottomKind && v.IsConcrete()
}

// wrongType reports a value of a kind that the schema rejects.
func (r *reporter) wrongType(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	deciding := decidingConjuncts(lines)
	mistyped := wire.WrongType{
		Expected: expected(shape), Actual: typeOf(v.IncompleteKind()), Written: written(path, deciding),
	}
	e := r.error(mistyped, path, deciding).At(r.ofSchema(shape.Span), wire.RoleSchema)
	e.Distinct = actual(path, v)
	r.report(e)
}

// outOfBounds reports a scalar that the schema rejects.
func (r *reporter) outOfBounds(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	outside := wire.OutOfBounds{Expected: shape.Bounds, Actual: actual(path, v), Options: shape.Options}
	r.report(r.error(outside, path, decidingConjuncts(lines)).At(r.ofSchema(shape.Span), wire.RoleSchema))
}

// decidingConjuncts returns the conjuncts that give the value, or all if none
// does.
func decidingConjuncts(lines []conjunct) []conjunct {
	var out []conjunct
	for _, c := range lines {
		if c.role == wire.RoleValue || c.role == wire.RoleCUEDefault {
			out = append(out, c)
		}
	}
	if len(out) == 0 {
		return lines
	}
	return out
}

// sourceText returns an expression as CUE formats it.
func sourceText(expr ast.Node) string {
	text, err := format.Node(expr)
	if err != nil {
		return ""
	}
	return string(text)
}
