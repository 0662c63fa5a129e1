package eval

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// explicit is CUE's message for a `_|_` in the source; it has the path of the
// root, wherever it is written.
const explicit = "explicit error (_|_ literal) in source"

// unsatisfied begins CUE's message for a value that a validator rejects.
const unsatisfied = "invalid value %s (does not satisfy"

// notAllowed is CUE's message for a field that a closed struct does not have.
const notAllowed = "field not allowed"

// failuresOf returns the errors of a value. A bare reference has those of what it
// refers to.
func failuresOf(v cue.Value) []errors.Error {
	found := errors.Errors(v.Err())
	if len(found) == 0 && v.IncompleteKind() == cue.BottomKind {
		return errors.Errors(cue.Dereference(v).Err())
	}
	return found
}

// ownError reports whether an error is the value's own rather than that of a
// part.
func (m *evaluation) ownError(v cue.Value, path []string) bool {
	for _, err := range failuresOf(v) {
		if ofPart(v, err, path) {
			continue
		}
		// The error is about another path, which a part refers to.
		if !slices.Equal(err.Path(), path) && brokenBelow(v) {
			continue
		}
		if format, _ := err.Msg(); format != explicit || !brokenBelow(v) {
			return true
		}
	}
	return false
}

// ofPart reports whether an error of the value at path belongs to one of its
// fields or elements. The error of a `let` has the name of the let in its path.
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

// brokenBelow reports whether a part of a value is an error.
func brokenBelow(v cue.Value) bool {
	for iter, err := v.Fields(cue.All()); err == nil && iter.Next(); {
		if iter.Selector().ConstraintType() == 0 && iter.Value().IncompleteKind() == cue.BottomKind {
			return true
		}
	}
	return false
}

// reportFailure reports a value that is an error itself.
func (r *reporter) reportFailure(v cue.Value, shape *schema.Shape, path []string, here *frame) {
	lines := here.conjuncts
	text := message(v)
	switch {
	case strings.Contains(text, notAllowed):
		r.closedDefinition(path, here)
		return
	case isCycle(text):
		r.recordCycle(path, lines, text)
		return
	}
	if r.reportBadExpressions(path, lines) {
		return
	}
	if r.reportBroken(v, path, lines) {
		return
	}
	if conflict := minimalConflict(lines); len(conflict) > 1 {
		r.conflict(path, conflict)
		return
	}
	r.report(r.error(wire.FailedExpression{Cause: causeOf(v, path)}, path, lines))
}

// reportBroken reports a value that fails because of a determinant, such as a
// condition or a pattern, rather than because of its conjuncts.
func (r *reporter) reportBroken(v cue.Value, path []string, lines []conjunct) bool {
	for _, err := range failuresOf(v) {
		format, _ := err.Msg()
		if len(err.Path()) > len(path) || !err.Position().IsValid() || isConsequence(format) {
			continue
		}
		var determinants []determinant
		for _, c := range lines {
			determinants = append(determinants, determinantsOf(c.expr)...)
		}
		if o, ok := r.sourceOf(err, determinants); ok && o.what != "" && o.what != wire.PartEmbedding {
			r.report(r.failure(path, err, determinants))
			return true
		}
	}
	return false
}

// reportBadExpressions reports the conjuncts that fail on their own.
func (r *reporter) reportBadExpressions(path []string, lines []conjunct) bool {
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
			r.recordCycle(path, []conjunct{c}, text)
		case r.reportUnresolved(path, c.expr), r.reportReferencedConflict(path, c):
		case text == "" || isConsequence(text) || strings.Contains(text, "empty disjunction") && hasReferences(c.expr):
			// It refers to something that is reported where it is written.
			r.addConsequenceOf(r.badExpression(path, c), path, c.value, c)
		case r.failsElsewhere(c):
			r.addConsequenceOf(r.badExpression(path, c), path, c.value, c)
		default:
			r.report(r.badExpression(path, c))
		}
	}
	return found
}

// failsElsewhere reports whether CUE blames nothing inside an expression: it
// refers to what fails.
func (m *evaluation) failsElsewhere(c conjunct) bool {
	own, ok := m.span(c.expr)
	causes := m.causes(failuresOf(c.value))
	return ok && len(causes) > 0 && !slices.ContainsFunc(causes, func(at wire.Span) bool { return covers(own, at) })
}

// reportReferencedConflict reports the conjuncts that conflict where a bare
// reference leads to them.
func (r *reporter) reportReferencedConflict(path []string, c conjunct) bool {
	if !isReference(c.expr) {
		return false
	}
	_, target := c.value.ReferencePath()
	if len(target.Selectors()) == 0 {
		return false
	}
	behind := r.root.LookupPath(target)
	var names []string
	for _, selector := range target.Selectors() {
		names = append(names, strings.Trim(selector.String(), `"`))
	}
	if !r.ownError(behind, names) {
		return false
	}
	conflict := minimalConflict(r.conjuncts(behind, names, nil))
	if len(conflict) < 2 {
		return false
	}
	r.conflict(path, conflict)
	return true
}

func (m *evaluation) badExpression(path []string, c conjunct) wire.Fault {
	if text, ok := errorCallText(c); ok {
		if secretive(path) {
			text = ""
		}
		return m.error(wire.RaisedError{Text: text}, path, []conjunct{c})
	}
	e := m.error(wire.FailedExpression{Cause: causeOf(c.value, path)}, path, []conjunct{c})
	for _, err := range failuresOf(c.value) {
		if _, isStruct := c.expr.(*ast.StructLit); isStruct {
			return m.failure(path, err, determinantsOf(c.expr))
		}
		if inner := m.innermost(c.expr, err); inner != nil {
			e.Labels[0].Span, _ = m.span(inner)
		} else if source, ok := m.sourceOf(err, nil); ok {
			// The cause is elsewhere; the line only refers to it.
			if span, _ := m.span(source.expr); !covers(span, e.Labels[0].Span) {
				e = e.At(span, wire.RoleConstraint)
			}
		}
		break
	}
	return e
}

// innermost returns the part of an expression that an error comes from, or nil if
// that is the whole expression or none of it.
func (m *evaluation) innermost(expr ast.Expr, err errors.Error) ast.Expr {
	for _, pos := range positions(err) {
		at, ok := m.prepared.Position(pos)
		if whole, is := m.span(expr); !ok || !is || !contains(whole, at) {
			continue
		}
		var found ast.Expr
		// literals are the string parts of interpolations.
		literals := map[ast.Node]bool{}
		starts := func(node ast.Node) bool { return node != nil && node.Pos() == pos }
		ast.Walk(expr, func(node ast.Node) bool {
			x, ok := node.(ast.Expr)
			if found != nil || !ok || literals[node] {
				return found == nil
			}
			switch node := node.(type) {
			case *ast.SelectorExpr:
				ok = starts(node) || starts(node.Sel)
			case *ast.IndexExpr:
				ok = starts(node) || starts(node.Index)
			case *ast.Interpolation:
				for i := 0; i < len(node.Elts); i += 2 {
					literals[node.Elts[i]] = true
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

// causeOf returns CUE's message about the value at a path, or nil if there is
// none.
func causeOf(v cue.Value, path []string) *wire.Cause {
	for _, err := range failuresOf(v) {
		return cause(err, path)
	}
	return nil
}

// cause returns an error of CUE about a path, once as it is and once without
// values; nil if it says nothing.
func cause(err error, path []string) *wire.Cause {
	if inner := errors.Unwrap(err); inner != nil {
		if e, ok := err.(errors.Error); ok {
			if format, _ := e.Msg(); strings.HasPrefix(format, unsatisfied) && errorText(inner, sprintf) != "" {
				// What the validator says is the reason.
				return cause(inner, path)
			}
		}
	}
	message := errorText(err, formatFor(path))
	if message == "" {
		return nil
	}
	return &wire.Cause{Message: message, Bare: errorText(err, withoutValues)}
}

// errorCallText returns the text of a fragment's own `error("…")`.
func errorCallText(c conjunct) (string, bool) {
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

// isConsequence reports whether CUE's message is about something that the
// expression only refers to.
func isConsequence(text string) bool {
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

// message returns CUE's own message, without the path in front.
func message(v cue.Value) string {
	return safeMessage(v, nil)
}

// packageSuffix matches the package that CUE writes after a hidden name.
var packageSuffix = regexp.MustCompile(`\(:[\p{L}\p{Nd}_]+\)`)

// safeMessage returns CUE's own message for a path, without values where they
// could be secret.
func safeMessage(v cue.Value, path []string) string {
	for _, err := range failuresOf(v) {
		return errorText(err, formatFor(path))
	}
	return ""
}

// formatFor returns how CUE's messages about a path are formatted.
func formatFor(path []string) func(format string, args []any) string {
	if secretive(path) {
		return withoutValues
	}
	return sprintf
}

// errorText joins an error and its causes.
func errorText(err error, put func(format string, args []any) string) string {
	var parts []string
	for ; err != nil; err = errors.Unwrap(err) {
		cause, ok := err.(errors.Error)
		if !ok {
			// Of errors of Go's library the innermost is the reason; the others add
			// the value.
			outer := err
			for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
				err = inner
			}
			if err != outer {
				parts = append(parts, err.Error())
			} else if text := put("%s", []any{err}); text != "…" {
				parts = append(parts, text)
			}
			continue
		}
		format, args := cause.Msg()
		if strings.TrimSpace(sprintf(format, args)) == "" {
			continue
		}
		text := put(format, args)
		text = packageSuffix.ReplaceAllString(text, "")
		if text = strings.TrimSpace(text); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(slices.Compact(parts), ": ")
}

// valueless are the beginnings of CUE's messages that name fields, functions and
// reasons, but never a value.
var valueless = []string{
	"undefined field", "cannot reference optional field", "failed arithmetic",
	"too many arguments in call", "not enough arguments in call",
}

// withoutValues formats a message with types, operators and counts, and `…` for
// everything that may be a value.
func withoutValues(format string, args []any) string {
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

// sprintf formats a message of CUE, with `…` for values that nobody would read to
// the end: CUE writes all of them out, and takes longer for it than to evaluate
// them where disjunctions multiply.
func sprintf(format string, args []any) string {
	args = slices.Clone(args)
	for i, arg := range args {
		if valueSize(reflect.ValueOf(arg), maxMessageValue) > maxMessageValue {
			args[i] = "…"
		}
	}
	return fmt.Sprintf(format, args...)
}

// maxMessageValue bounds the parts of a value in a message.
const maxMessageValue = 500

// valueSize counts the fields, elements and disjuncts of an argument of a message,
// which is a value of CUE's internals behind a formatter; it stops above a limit.
func valueSize(v reflect.Value, limit int) int {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return 0
	}
	size := 1
	for _, name := range []string{"X", "BaseValue", "Arcs", "Values"} {
		field := v.FieldByName(name)
		if !field.IsValid() {
			continue
		}
		if field.Kind() != reflect.Slice {
			size += valueSize(field, limit-size)
			continue
		}
		for i := 0; i < field.Len() && size <= limit; i++ {
			size += valueSize(field.Index(i), limit-size)
		}
	}
	return size
}
