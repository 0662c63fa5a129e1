package eval

import (
	"regexp"
	"strings"

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
		r.report(r.explainOverlay(r.error(wire.Conflict, path, lines), path, lines))
		return
	}
	code := wire.OutOfBounds
	if kinds&values[0].value.Kind() == 0 {
		code = wire.WrongType
	}
	for i, c := range others {
		if code == wire.OutOfBounds {
			others[i].expr = r.withoutOtherKinds(c, values[0].value.Kind())
		}
	}
	e := r.error(code, path, append(values, others...)).With("expected", sourceTexts(others))
	r.report(r.actual(e, values[0].value))
}

// generated matches the names of fields that kcc adds to the root.
var generated = regexp.MustCompile(`_(defaults|policies)\$`)

// sourceTexts returns conjuncts as their teams write them.
func sourceTexts(lines []conjunct) string {
	var all []string
	for _, c := range lines {
		text := sourceText(c.expr)
		kind := c.value.IncompleteKind()
		if hasReferences(c.expr) && kind != cue.BottomKind && kind&(cue.StructKind|cue.ListKind) == 0 {
			// The value says more than its name. An expression that CUE prints
			// with imports would be a file of its own, and one of several lines
			// is CUE's way of telling where names come from.
			if syntax, ok := c.value.Syntax().(ast.Expr); ok {
				if short := sourceText(syntax); !strings.Contains(short, "\n") && !generated.MatchString(short) {
					text = short
				}
			}
		}
		if strings.Contains(text, "\n") {
			text = strings.Join(strings.Fields(text), " ")
		}
		all = append(all, text)
	}
	return strings.Join(all, " & ")
}

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
	e := r.error(wire.WrongType, path, decidingConjuncts(lines)).
		At(r.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", expected(shape))
	r.report(candidates(r.actual(e, v), shape))
}

// outOfBounds reports a scalar that the schema rejects.
func (r *reporter) outOfBounds(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	e := r.error(wire.OutOfBounds, path, decidingConjuncts(lines)).
		At(r.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", shape.Text)
	r.report(candidates(r.actual(e, v), shape))
}

func candidates(e wire.Error, shape *schema.Shape) wire.Error {
	if len(shape.Options) == 0 {
		return e
	}
	return e.With("candidates", strings.Join(shape.Options, " "))
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
