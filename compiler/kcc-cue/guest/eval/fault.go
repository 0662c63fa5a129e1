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
	"kcc.dev/engine/wire"
)

// explicit is CUE's error for a `_|_` that somebody wrote; it bears the path
// of the root wherever it stands.
const explicit = "explicit error (_|_ literal) in source"

// ownError says whether an error is the value's own rather than that of a part.
func (m *model) ownError(v cue.Value, path []string) bool {
	for _, err := range errors.Errors(v.Err()) {
		if len(err.Path()) > len(path) {
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
	case strings.Contains(text, "not allowed"):
		m.closedDefinition(path, here)
		return
	case isCycle(text):
		m.cycle(path, lines, text)
		return
	}
	if m.badExpressions(path, lines) {
		return
	}
	if clash := minimal(lines); len(clash) > 1 {
		m.clash(path, clash)
		return
	}
	m.report(because(m.error(wire.Evaluation, path, lines), v))
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
		case text == "" || follows(text):
			// It refers to something that is reported where it stands.
			m.followers = append(m.followers, m.badExpression(path, c))
		default:
			m.report(m.badExpression(path, c))
		}
	}
	return found
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
	return because(m.error(wire.BadExpression, path, []conjunct{c}).With("reason", "failed"), c.value)
}

// because says what CUE says of a value, and the same without any value in it.
func because(e wire.Error, v cue.Value) wire.Error {
	for _, err := range errors.Errors(v.Err()) {
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
	ident, ok := call.Fun.(*ast.Ident)
	if !ok || strings.TrimPrefix(ident.Name, "__") != "error" || ident.Node != nil {
		return "", false
	}
	text, _, _ := strings.Cut(message(c.value), "\n")
	return text, true
}

// follows says whether CUE's text is about something that the expression only
// refers to.
func follows(text string) bool {
	return strings.Contains(text, "conflicting values") || strings.Contains(text, "out of bound") ||
		strings.Contains(text, "not allowed")
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
	for _, err := range errors.Errors(v.Err()) {
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

// bared writes a text with the types, the operators and the numbers of elements
// in it, and `…` in the place of everything that may be a value.
func bared(format string, args []any) string {
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
