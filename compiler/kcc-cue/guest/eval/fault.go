package eval

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// explicit is CUE's error for a `_|_` that somebody wrote; it bears the path
// of the root wherever it stands.
const explicit = "explicit error (_|_ literal) in source"

// refused is CUE's error for a field that a closed struct does not have.
const refused = "field not allowed"

// failuresOf are the errors of a value. One that is nothing but a reference has
// those of what it refers to.
func failuresOf(v cue.Value) []errors.Error {
	found := errors.Errors(v.Err())
	if len(found) == 0 && v.IncompleteKind() == cue.BottomKind {
		return errors.Errors(cue.Dereference(v).Err())
	}
	return found
}

// ownError says whether an error is the value's own rather than that of a part.
func (m *model) ownError(v cue.Value, path []string) bool {
	for _, err := range failuresOf(v) {
		if ofPart(v, err, path) {
			continue
		}
		// It is said of another place, which a part refers to.
		if !slices.Equal(err.Path(), path) && brokenBelow(v) {
			continue
		}
		if format, _ := err.Msg(); format != explicit || !brokenBelow(v) {
			return true
		}
	}
	return false
}

// ofPart says whether an error of the value at a path is that of a field or an
// element of it. The error of a `let` has the name of the let in its path.
func ofPart(v cue.Value, err errors.Error, path []string) bool {
	at := err.Path()
	if len(at) <= len(path) {
		return false
	}
	for _, inner := range parts(v) {
		if inner.name == strings.Trim(at[len(path)], `"`) {
			return true
		}
	}
	return len(parts(v)) == 0
}

// brokenBelow says whether a part of a value is an error.
func brokenBelow(v cue.Value) bool {
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		if iter.Selector().ConstraintType() == 0 && iter.Value().IncompleteKind() == cue.BottomKind {
			return true
		}
	}
	return false
}

// fault reports a value that is an error by itself.
func (m *model) fault(v cue.Value, shape *schema.Shape, path []string, here *frame) {
	lines := here.conjuncts
	text := message(v)
	switch {
	case strings.Contains(text, refused):
		m.closedDefinition(path, here)
		return
	case isCycle(text):
		m.cycle(path, lines, text)
		return
	}
	if m.badExpressions(path, lines) {
		return
	}
	if m.broken(v, path, lines) {
		return
	}
	if clash := minimal(lines); len(clash) > 1 {
		m.clash(path, clash)
		return
	}
	m.report(because(m.error(wire.Evaluation, path, lines), v))
}

// broken reports a value that fails because of an expression that decides what
// it holds, such as a condition or a pattern, rather than by what its lines say.
func (m *model) broken(v cue.Value, path []string, lines []conjunct) bool {
	for _, err := range failuresOf(v) {
		format, _ := err.Msg()
		if len(err.Path()) > len(path) || !err.Position().IsValid() || follows(format) {
			continue
		}
		var open []opening
		for _, c := range lines {
			open = append(open, openings(c.expr)...)
		}
		if o, ok := m.origin(err, open); ok && o.what != "" && o.what != "embedding" {
			m.report(m.failure(path, err, open))
			return true
		}
	}
	return false
}

// badExpressions reports the lines that fail by themselves, whatever they meet.
func (m *model) badExpressions(path []string, lines []conjunct) bool {
	found := false
	for _, c := range lines {
		if c.value.IncompleteKind() != cue.BottomKind || !c.value.IsConcrete() && !isBottom(c.expr) {
			continue
		}
		if len(lines) > 1 && isLiteral(c.expr) {
			continue
		}
		found = true
		text := message(c.value)
		switch {
		case isCycle(text):
			m.cycle(path, []conjunct{c}, text)
		case m.dangling(path, c.expr), m.conflictBehind(path, c):
		case text == "" || follows(text) || strings.Contains(text, "empty disjunction") && refers(c.expr):
			// It refers to something that is reported where it stands.
			m.followLines(m.badExpression(path, c), path, c.value, c)
		case m.failsElsewhere(c):
			m.followLines(m.badExpression(path, c), path, c.value, c)
		default:
			m.report(m.badExpression(path, c))
		}
	}
	return found
}

// failsElsewhere says whether CUE blames nothing that stands in an expression:
// it refers to what fails.
func (m *model) failsElsewhere(c conjunct) bool {
	own, ok := m.span(c.expr)
	causes := m.causes(failuresOf(c.value))
	return ok && len(causes) > 0 && !slices.ContainsFunc(causes, func(at wire.Span) bool { return covers(own, at) })
}

// conflictBehind reports the lines that conflict where a line does nothing but
// refer to them.
func (m *model) conflictBehind(path []string, c conjunct) bool {
	if !isReference(c.expr) {
		return false
	}
	_, target := c.value.ReferencePath()
	if len(target.Selectors()) == 0 {
		return false
	}
	behind := m.root.LookupPath(target)
	var names []string
	for _, selector := range target.Selectors() {
		names = append(names, strings.Trim(selector.String(), `"`))
	}
	if !m.ownError(behind, names) {
		return false
	}
	clash := minimal(m.conjuncts(behind, names, nil))
	if len(clash) < 2 {
		return false
	}
	m.clash(path, clash)
	return true
}

func (m *model) badExpression(path []string, c conjunct) wire.Error {
	if text, ok := saidByError(c); ok {
		e := m.error(wire.BadExpression, path, []conjunct{c}).With("reason", "said")
		if secretive(path) {
			return e
		}
		return e.With("said", text)
	}
	e := m.error(wire.BadExpression, path, []conjunct{c})
	for _, err := range failuresOf(c.value) {
		if _, isStruct := c.expr.(*ast.StructLit); isStruct {
			return m.failure(path, err, openings(c.expr))
		}
		if inner := m.inside(c.expr, err); inner != nil {
			e.Labels[0].Span, _ = m.span(inner)
		} else if source, ok := m.origin(err, nil); ok {
			// It stands elsewhere, and the line only refers to it.
			if span, _ := m.span(source.expr); span != e.Labels[0].Span {
				e = e.At(span, wire.RoleConstraint)
			}
		}
		break
	}
	return because(e.With("reason", "failed"), c.value)
}

// inside is the part of an expression that an error comes from; nil where that
// is the whole, or none of it.
func (m *model) inside(expr ast.Expr, err errors.Error) ast.Expr {
	for _, pos := range positions(err) {
		at, ok := m.prepared.Position(pos)
		if whole, is := m.span(expr); !ok || !is || !holds(whole, at) {
			continue
		}
		var found ast.Expr
		// texts are the parts of interpolations that are no expressions.
		texts := map[ast.Node]bool{}
		starts := func(node ast.Node) bool { return node != nil && node.Pos() == pos }
		ast.Walk(expr, func(node ast.Node) bool {
			x, ok := node.(ast.Expr)
			if found != nil || !ok || texts[node] {
				return found == nil
			}
			switch node := node.(type) {
			case *ast.SelectorExpr:
				ok = starts(node) || starts(node.Sel)
			case *ast.IndexExpr:
				ok = starts(node) || starts(node.Index)
			case *ast.Interpolation:
				for i := 0; i < len(node.Elts); i += 2 {
					texts[node.Elts[i]] = true
				}
				ok = false
			default:
				ok = starts(node)
			}
			if ok {
				found = syntax.Written(x)
			}
			return found == nil
		}, nil)
		return found
	}
	return nil
}

// because says what CUE says of a value, and the same without any value in it.
func because(e wire.Error, v cue.Value) wire.Error {
	for _, err := range failuresOf(v) {
		return saying(e, err)
	}
	return e.With("message", "").With("bare", "")
}

func saying(e wire.Error, err error) wire.Error {
	return e.With("message", worded(err, puts(e.Path))).With("bare", worded(err, bared))
}

// saidByError is what a fragment's own `error("…")` says.
func saidByError(c conjunct) (string, bool) {
	call, ok := c.expr.(*ast.CallExpr)
	if !ok {
		return "", false
	}
	if !isErrorCall(call) {
		return "", false
	}
	text, _, _ := strings.Cut(message(c.value), "\n")
	return text, true
}

func isErrorCall(call *ast.CallExpr) bool {
	ident, ok := call.Fun.(*ast.Ident)
	return ok && strings.TrimPrefix(ident.Name, "__") == "error" && ident.Node == nil
}

// follows says whether CUE's text is about something that the expression only
// refers to.
func follows(text string) bool {
	return strings.Contains(text, "conflicting values") || strings.Contains(text, "out of bound") ||
		strings.Contains(text, "field not allowed")
}

func isBottom(expr ast.Expr) bool {
	_, ok := expr.(*ast.BottomLit)
	return ok
}

func isLiteral(expr ast.Expr) bool {
	switch expr.(type) {
	case *ast.BasicLit, *ast.StructLit, *ast.ListLit:
		return true
	}
	return false
}

// message is CUE's own text, without the path in front of it.
func message(v cue.Value) string {
	return wording(v, nil)
}

// hiddenOf is what CUE writes behind a hidden name: its package.
var hiddenOf = regexp.MustCompile(`\(:[\p{L}\p{Nd}_]+\)`)

// wording is CUE's own text for a path; where it could be a secret, without
// the values in it.
func wording(v cue.Value, path []string) string {
	for _, err := range failuresOf(v) {
		return worded(err, puts(path))
	}
	return ""
}

// puts is how CUE's texts about a path are written.
func puts(path []string) func(format string, args []any) string {
	if secretive(path) {
		return bared
	}
	return sprintf
}

// worded puts an error and what caused it together.
func worded(err error, put func(format string, args []any) string) string {
	var parts []string
	for ; err != nil; err = errors.Unwrap(err) {
		worded, ok := err.(errors.Error)
		if !ok {
			continue
		}
		format, args := worded.Msg()
		text := put(format, args)
		text = hiddenOf.ReplaceAllString(text, "")
		if text = strings.TrimSpace(text); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(slices.Compact(parts), ": ")
}

// valueless begin CUE's texts that name fields, functions and reasons, and never
// a value.
var valueless = []string{
	"undefined field", "cannot reference optional field", "failed arithmetic",
	"too many arguments in call", "not enough arguments in call",
}

// bared writes a text with the types, the operators and the numbers of elements
// in it, and `…` in the place of everything that may be a value.
func bared(format string, args []any) string {
	if slices.ContainsFunc(valueless, func(start string) bool { return strings.HasPrefix(format, start) }) {
		return sprintf(format, args)
	}
	next := 0
	return verbs.ReplaceAllStringFunc(format, func(verb string) string {
		if at := verbs.FindStringSubmatch(verb)[2]; at != "" {
			next, _ = strconv.Atoi(at)
			next--
		}
		next++
		if next > len(args) {
			return "…"
		}
		switch arg := args[next-1].(type) {
		case cue.Kind, cue.Op, int:
			return fmt.Sprint(arg)
		case string:
			if strings.HasPrefix(format, "error in call to %s") && next == 1 {
				return arg
			}
		}
		return "…"
	})
}

func sprintf(format string, args []any) string {
	return fmt.Sprintf(format, args...)
}
