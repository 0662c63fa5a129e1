package eval

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// conditions reports why it cannot be decided what a struct holds: its
// conditions, what it goes through, what it embeds, names that are computed.
func (m *model) conditions(v cue.Value, path []string, lines []conjunct) {
	var exprs []ast.Expr
	for _, c := range lines {
		exprs = append(exprs, openings(c.expr)...)
	}
	m.undecidable(v, path, exprs)
}

// rootConditions does the same for the root.
func (m *model) rootConditions() {
	if m.root.IncompleteKind() != cue.BottomKind || !m.ownError(m.root, nil) {
		return
	}
	var exprs []ast.Expr
	for _, file := range m.prepared.Files {
		exprs = append(exprs, openings(&ast.StructLit{Elts: file.AST.Decls})...)
	}
	m.undecidable(m.root, nil, exprs)
}

func (m *model) undecidable(v cue.Value, path []string, exprs []ast.Expr) {
	found := false
	for _, expr := range exprs {
		found = m.dangling(path, expr) || found
	}
	for _, err := range errors.Errors(v.Err()) {
		if len(err.Path()) > len(path) {
			continue
		}
		if format, _ := err.Msg(); format == explicit || found && strings.HasPrefix(format, "undefined field") {
			continue
		}
		expr := m.around(err.Position(), exprs)
		if expr == nil {
			continue
		}
		span, _ := m.span(expr)
		e := wire.Error{Code: wire.BadExpression, Path: path}.At(span, wire.RoleValue).With("reason", "failed")
		e = saying(e, err)
		if format, args := err.Msg(); follows(format) || strings.Contains(sprintf(format, args), "non-concrete") {
			m.followers = append(m.followers, e)
			continue
		}
		m.report(e)
	}
}

// around is the expression that a position lies in.
func (m *model) around(pos token.Pos, exprs []ast.Expr) ast.Expr {
	at, ok := m.prepared.Position(pos)
	if !ok {
		return nil
	}
	for _, expr := range exprs {
		span, ok := m.span(expr)
		if ok && span.File == at.File && span.Start <= at.Start && at.Start < span.End {
			return expr
		}
	}
	return nil
}

// openings are the expressions that decide which fields a struct has.
func openings(expr ast.Expr) []ast.Expr {
	var out []ast.Expr
	switch expr := expr.(type) {
	case *ast.StructLit:
		for _, decl := range expr.Elts {
			switch decl := decl.(type) {
			case *ast.EmbedDecl:
				out = append(out, openings(decl.Expr)...)
			case *ast.Comprehension:
				out = append(out, clauses(decl)...)
			case *ast.Field:
				switch label := decl.Label.(type) {
				case *ast.ParenExpr:
					out = append(out, label.X)
				case *ast.Interpolation:
					out = append(out, label)
				}
			}
		}
	case *ast.BinaryExpr:
		if expr.Op == token.AND {
			return append(openings(expr.X), openings(expr.Y)...)
		}
		out = append(out, expr)
	case *ast.ParenExpr:
		return openings(expr.X)
	case *ast.BasicLit, *ast.ListLit:
	default:
		out = append(out, expr)
	}
	return out
}

func clauses(comprehension *ast.Comprehension) []ast.Expr {
	var out []ast.Expr
	for _, clause := range comprehension.Clauses {
		switch clause := clause.(type) {
		case *ast.ForClause:
			out = append(out, clause.Source)
		case *ast.IfClause:
			out = append(out, clause.Condition)
		case *ast.LetClause:
			out = append(out, clause.Expr)
		}
	}
	return append(out, openings(comprehension.Value)...)
}
