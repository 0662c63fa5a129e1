package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// opening is an expression that decides which fields a struct has.
type opening struct {
	expr ast.Expr
	// what it is: `condition`, `source` of a `for`, `label`, or `embedding`.
	what string
}

// conditions reports why CUE cannot decide which fields a struct has: its
// conditions, what it iterates over, what it embeds, computed labels.
func (m *model) conditions(v cue.Value, path []string, lines []conjunct) {
	var open []opening
	for _, c := range lines {
		open = append(open, openings(c.expr)...)
	}
	m.undecidable(v, path, open)
}

// rootConditions does the same for the root, and reports what makes it anything
// but a struct.
func (m *model) rootConditions() {
	kind := m.root.IncompleteKind()
	switch {
	case kind == cue.StructKind && m.root.IsConcrete():
	case kind != cue.BottomKind:
		m.unstructured()
	case m.ownError(m.root, nil):
		var open []opening
		for _, file := range m.prepared.Files {
			open = append(open, openings(&ast.StructLit{Elts: file.AST.Decls})...)
		}
		m.undecidable(m.root, nil, open)
	}
}

// unstructured reports what is embedded at the root and is not one struct.
func (m *model) unstructured() {
	for _, c := range m.conjuncts(m.root, nil, nil) {
		kind := c.value.IncompleteKind()
		if kind != cue.BottomKind && kind != cue.StructKind || kind == cue.StructKind && !c.value.IsConcrete() {
			m.report(m.error(wire.BadExpression, nil, []conjunct{c}).With("reason", "undecided").With("what", "embedding"))
		}
	}
}

func (m *model) undecidable(v cue.Value, path []string, open []opening) {
	found := false
	for _, o := range open {
		found = m.dangling(path, o.expr) || found
	}
	var last wire.Error
	for _, err := range failuresOf(v) {
		format, _ := err.Msg()
		if ofPart(v, err, path) || found && isAbsent(format) || m.unfilled && isUndecided(err) {
			continue
		}
		if format == explicit {
			m.forbidden(path, open)
			continue
		}
		if o, ok := m.origin(err, open); ok && isAbsent(format) && m.dangling(path, o.expr) {
			continue
		}
		e := m.failure(path, err, open)
		if len(last.Labels) > 0 && len(e.Labels) > 0 && e.Labels[0].Span == last.Labels[0].Span {
			// What a label is made of follows what it is.
			continue
		}
		last = e
		if follows(format) && len(err.Path()) > 0 || isUndecided(err) {
			m.follow(e, err)
			continue
		}
		m.report(e)
	}
}

// forbidden reports each `_|_` that stands in a struct by itself. Of others CUE
// says the same, and they are reported where they stand.
func (m *model) forbidden(path []string, open []opening) {
	for _, o := range open {
		if span, ok := m.span(o.expr); ok && isBottom(o.expr) {
			m.report(wire.Error{Code: wire.BadExpression, Path: path}.At(span, wire.RoleConstraint).
				With("reason", "failed").With("message", explicit).With("bare", explicit))
		}
	}
}

// isAbsent says whether CUE's text is about a field that is not there.
func isAbsent(format string) bool {
	return strings.HasPrefix(format, "undefined field") || strings.HasPrefix(format, "cannot reference optional field")
}

// failure is an error of CUE's at the expression that it comes from; where CUE
// does not say which, at all that it can be.
func (m *model) failure(path []string, err errors.Error, open []opening) wire.Error {
	e := wire.Error{Code: wire.BadExpression, Path: path}
	at, ok := m.origin(err, open)
	if ok {
		open = []opening{at}
	}
	for _, o := range open {
		if span, ok := m.span(o.expr); ok {
			e = e.At(span, wire.RoleValue)
		}
	}
	e = e.With("reason", "failed")
	if isUndecided(err) {
		e.Args[len(e.Args)-1].Text = "undecided"
		for _, pos := range err.InputPositions() {
			if span, ok := m.declared(pos); ok && !slices.ContainsFunc(e.Labels, func(l wire.Label) bool { return l.Span == span || holds(l.Span, span) }) {
				e = e.At(span, wire.RoleConstraint)
			}
		}
	}
	if at.what != "" {
		e = e.With("what", at.what)
	}
	if format, _ := err.Msg(); at.what == "embedding" && follows(format) {
		// Which of two conflicting lines CUE names first follows their order.
		return e.With("message", "").With("bare", "")
	}
	return saying(e, err)
}

// declared is the value of the field around a position.
func (m *model) declared(pos token.Pos) (wire.Span, bool) {
	at, ok := m.prepared.Position(pos)
	if !ok {
		return wire.Span{}, false
	}
	o, ok := m.written(at)
	if !ok {
		return wire.Span{}, false
	}
	return m.span(o.expr)
}

// isUndecided says whether an error is about a value that is not concrete.
func isUndecided(err error) bool {
	text := worded(err, func(format string, _ []any) string { return format })
	return strings.Contains(text, "concrete") || strings.Contains(text, "incomplete") ||
		strings.Contains(text, "unresolved disjunction")
}

// origin is the expression that an error comes from, the innermost one of those
// that decide something.
func (m *model) origin(err errors.Error, open []opening) (opening, bool) {
	if isUndecided(err) {
		// What is not decided is elsewhere; what cannot do without it is meant.
		for _, pos := range positions(err) {
			if at, ok := m.prepared.Position(pos); ok {
				for _, o := range open {
					if span, ok := m.span(o.expr); ok && holds(span, at) {
						return o, true
					}
				}
			}
		}
	}
	for _, pos := range positions(err) {
		at, ok := m.prepared.Position(pos)
		if !ok {
			continue
		}
		for _, o := range open {
			if span, ok := m.span(o.expr); ok && holds(span, at) {
				return o, true
			}
		}
		if o, ok := m.written(at); ok {
			if part := m.inside(o.expr, err); part != nil && o.what == "" {
				o.expr = part
			}
			return o, true
		}
	}
	return opening{}, false
}

// positions are those of an error and of what caused it, the innermost first.
func positions(err errors.Error) []token.Pos {
	var found []token.Pos
	for next := error(err); next != nil; next = errors.Unwrap(next) {
		if e, ok := next.(errors.Error); ok && e.Position().IsValid() {
			found = append([]token.Pos{e.Position()}, found...)
		}
	}
	return append(found, err.InputPositions()...)
}

func holds(span, at wire.Span) bool {
	return span.File == at.File && span.Start <= at.Start && at.Start < span.End
}

// written is the innermost expression of the fragments at a position that
// decides something: a clause, a label, or a value.
func (m *model) written(at wire.Span) (opening, bool) {
	var found opening
	note := func(expr ast.Expr, what string) {
		if span, ok := m.span(expr); ok && holds(span, at) {
			found = opening{expr, what}
		}
	}
	for _, file := range m.prepared.AllFiles() {
		if file.Index != at.File {
			continue
		}
		ast.Walk(file.AST, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Field:
				for _, o := range openings(&ast.StructLit{Elts: []ast.Decl{node}}) {
					note(o.expr, o.what)
				}
				if _, isStruct := node.Value.(*ast.StructLit); !isStruct && node.Value != nil {
					note(node.Value, "")
				}
			case *ast.EmbedDecl:
				note(node.Expr, "embedding")
			case *ast.LetClause:
				note(node.Expr, "")
			case *ast.Comprehension:
				for _, clause := range node.Clauses {
					if span, ok := m.span(clause); ok && span.File == at.File && span.Start == at.Start {
						// Of a source CUE says where the clause begins.
						found = decides(clause)
					}
				}
				for _, o := range clauses(node) {
					note(o.expr, o.what)
				}
			}
			return true
		}, nil)
	}
	return found, found.expr != nil
}

// openings are the expressions that decide which fields a struct has.
func openings(expr ast.Expr) []opening {
	var out []opening
	switch expr := expr.(type) {
	case *ast.StructLit:
		for _, decl := range expr.Elts {
			switch decl := decl.(type) {
			case *ast.EmbedDecl:
				out = append(out, openings(decl.Expr)...)
			case *ast.Comprehension:
				out = append(out, clauses(decl)...)
			case *ast.Field:
				label := ast.Node(decl.Label)
				if alias, ok := label.(*ast.Alias); ok {
					label = alias.Expr
				}
				switch label := label.(type) {
				case *ast.ParenExpr:
					out = append(out, opening{label.X, "label"})
				case *ast.Interpolation:
					out = append(out, opening{label, "label"})
				case *ast.ListLit:
					for _, pattern := range label.Elts {
						out = append(out, opening{pattern, "pattern"})
					}
				}
			}
		}
	case *ast.BinaryExpr:
		if expr.Op == token.AND {
			return append(openings(expr.X), openings(expr.Y)...)
		}
		out = append(out, opening{expr, "embedding"})
	case *ast.ParenExpr:
		return openings(expr.X)
	case *ast.BasicLit, *ast.ListLit:
	default:
		out = append(out, opening{expr, "embedding"})
	}
	return out
}

func clauses(comprehension *ast.Comprehension) []opening {
	var out []opening
	for _, clause := range comprehension.Clauses {
		if o := decides(clause); o.expr != nil {
			out = append(out, o)
		}
	}
	return append(out, openings(comprehension.Value)...)
}

// decides is the expression of a clause.
func decides(clause ast.Clause) opening {
	switch clause := clause.(type) {
	case *ast.ForClause:
		return opening{clause.Source, "source"}
	case *ast.IfClause:
		return opening{syntax.Written(clause.Condition), "condition"}
	case *ast.LetClause:
		return opening{clause.Expr, ""}
	case *ast.TryClause:
		return opening{clause.Expr, ""}
	}
	return opening{}
}
