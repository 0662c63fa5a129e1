package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/syntax"
	"kcc.dev/evaluator/wire"
)

// determinant is an expression that decides which fields a struct has.
type determinant struct {
	expr ast.Expr
	// what is the part that it is, empty for the value of a field.
	what wire.Part
}

// reportConditions reports why CUE cannot decide which fields a struct has: its
// conditions, the sources of its loops, its embeddings and its computed labels.
// In a recipe without an input nothing incomplete is reported.
func (r *reporter) reportConditions(v cue.Value, path []string, lines []conjunct, unfilled bool) {
	var determinants []determinant
	for _, c := range lines {
		determinants = append(determinants, determinantsOf(c.expr)...)
	}
	r.reportUndecidable(v, path, determinants, unfilled)
}

// checkRoot does the same for the root, and reports anything that makes the root
// something other than a struct.
func (r *reporter) checkRoot() {
	kind := r.root.IncompleteKind()
	switch {
	case kind == cue.StructKind && r.root.IsConcrete():
	case kind != cue.BottomKind:
		r.reportNonStruct()
	case !r.ownError(r.root, nil):
		for _, file := range r.prepared.Files {
			all := conjunct{expr: &ast.StructLit{Elts: file.AST.Decls}}
			r.reportMaskedConditions(nil, []conjunct{all})
		}
	default:
		var determinants []determinant
		for _, file := range r.prepared.Files {
			determinants = append(determinants, determinantsOf(&ast.StructLit{Elts: file.AST.Decls})...)
		}
		r.reportUndecidable(r.root, nil, determinants, false)
	}
}

// reportMaskedConditions reports the conditions, sources and computed labels of a
// struct that depend on something without a concrete value. CUE reports only an
// error of a field, if there is one: another team's mistake would hide them.
func (r *reporter) reportMaskedConditions(path []string, lines []conjunct) {
	for _, c := range lines {
		for _, o := range outermostDeterminants(c.expr) {
			span, ok := r.span(o.expr)
			if !ok || !mustBeConcrete(o) {
				continue
			}
			needed := conjunct{expr: o.expr, site: c.site}
			name := r.incompleteReference(path, []conjunct{needed})
			if name == "" {
				continue
			}
			e := wire.Fault{Detail: wire.IncompleteExpression{Part: o.what, Reference: name}, Path: path}.At(span, wire.RoleValue)
			r.consequences = append(r.consequences, consequence{e, r.referenced(path, needed)})
		}
	}
}

// outermostDeterminants returns the determinants of a struct that CUE evaluates
// whatever the others are.
func outermostDeterminants(expr ast.Expr) []determinant {
	var out []determinant
	switch expr := expr.(type) {
	case *ast.StructLit:
		for _, decl := range expr.Elts {
			switch decl := decl.(type) {
			case *ast.Comprehension:
				out = append(out, clauseDeterminant(decl.Clauses[0]))
			case *ast.Field:
				out = append(out, determinantsOf(&ast.StructLit{Elts: []ast.Decl{decl}})...)
			case *ast.EmbedDecl:
				out = append(out, outermostDeterminants(decl.Expr)...)
			}
		}
	case *ast.Comprehension:
		out = append(out, clauseDeterminant(expr.Clauses[0]))
	case *ast.BinaryExpr:
		if expr.Op == token.AND {
			out = append(outermostDeterminants(expr.X), outermostDeterminants(expr.Y)...)
		}
	case *ast.ParenExpr:
		out = outermostDeterminants(expr.X)
	}
	return out
}

// mustBeConcrete reports whether a determinant has no result if anything that it
// refers to is not concrete.
func mustBeConcrete(o determinant) bool {
	switch o.what {
	case wire.PartLabel:
		return true
	case wire.PartSource:
		// The elements of a list need no value.
		return isReference(o.expr)
	case wire.PartCondition:
		concrete := true
		ast.Walk(o.expr, func(node ast.Node) bool {
			binary, ok := node.(*ast.BinaryExpr)
			// It may test whether something exists, or not get that far.
			concrete = concrete && !(ok && (binary.Op == token.LAND || binary.Op == token.LOR)) && !isBottomNode(node)
			return concrete
		}, nil)
		return concrete
	}
	return false
}

func isBottomNode(node ast.Node) bool {
	_, ok := node.(*ast.BottomLit)
	return ok
}

// reportNonStruct reports root embeddings that are not a single struct.
func (r *reporter) reportNonStruct() {
	for _, c := range r.conjuncts(r.root, nil, nil) {
		kind := c.value.IncompleteKind()
		if kind != cue.BottomKind && kind != cue.StructKind || kind == cue.StructKind && !c.value.IsConcrete() {
			r.report(r.error(wire.IncompleteExpression{Part: wire.PartEmbedding}, nil, []conjunct{c}))
		}
	}
}

func (r *reporter) reportUndecidable(v cue.Value, path []string, determinants []determinant, unfilled bool) {
	found := false
	for _, o := range determinants {
		found = r.reportUnresolved(path, o.expr) || found
	}
	var last wire.Fault
	for _, err := range failuresOf(v) {
		format, _ := err.Msg()
		if ofPart(v, err, path) || found && isAbsent(format) || unfilled && isIncompleteError(err) {
			continue
		}
		if format == explicit {
			r.reportBottoms(path, determinants)
			continue
		}
		if o, ok := r.sourceOf(err, determinants); ok && isAbsent(format) && r.reportUnresolved(path, o.expr) {
			continue
		}
		e := r.failure(path, err, determinants)
		if len(last.Labels) > 0 && len(e.Labels) > 0 && e.Labels[0].Span == last.Labels[0].Span {
			// The kind of the label follows from it.
			continue
		}
		last = e
		if isConsequence(format) && len(err.Path()) > 0 || isIncompleteError(err) {
			r.addConsequence(e, err)
			continue
		}
		r.report(e)
	}
}

// reportBottoms reports each `_|_` in a struct itself. CUE reports the same about
// others, which are reported where they are written.
func (r *reporter) reportBottoms(path []string, determinants []determinant) {
	for _, o := range determinants {
		if span, ok := r.span(o.expr); ok && isBottom(o.expr) {
			failed := wire.FailedExpression{Cause: &wire.Cause{Message: explicit, Bare: explicit}}
			r.report(wire.Fault{Detail: failed, Path: path}.At(span, wire.RoleConstraint))
		}
	}
}

// isAbsent reports whether CUE's message is about a field that does not exist.
func isAbsent(format string) bool {
	return strings.HasPrefix(format, "undefined field") || strings.HasPrefix(format, "cannot reference optional field")
}

// failure returns CUE's error at the expression it comes from, or at all
// candidates if CUE does not say which.
func (m *evaluation) failure(path []string, err errors.Error, determinants []determinant) wire.Fault {
	e := wire.Fault{Path: path}
	at, ok := m.sourceOf(err, determinants)
	if ok {
		determinants = []determinant{at}
	}
	for _, o := range determinants {
		if span, ok := m.span(o.expr); ok {
			e = e.At(span, wire.RoleValue)
		}
	}
	incomplete := isIncompleteError(err)
	if incomplete {
		for _, pos := range err.InputPositions() {
			if span, ok := m.enclosingValue(pos); ok && !slices.ContainsFunc(e.Labels, func(l wire.Label) bool { return l.Span == span || contains(l.Span, span) }) {
				e = e.At(span, wire.RoleConstraint)
			}
		}
	}
	why := cause(err, path)
	if format, _ := err.Msg(); at.what == wire.PartEmbedding && isConsequence(format) {
		// Which of two conflicting lines CUE names first depends on their order.
		why = nil
	}
	if incomplete {
		e.Detail = wire.IncompleteExpression{Part: at.what, Cause: why}
	} else {
		e.Detail = wire.FailedExpression{Part: at.what, Cause: why}
	}
	return e
}

// enclosingValue returns the span of the value of the field around a position.
func (m *evaluation) enclosingValue(pos token.Pos) (wire.Span, bool) {
	at, ok := m.prepared.Position(pos)
	if !ok {
		return wire.Span{}, false
	}
	o, ok := m.determinantAt(at)
	if !ok {
		return wire.Span{}, false
	}
	return m.span(o.expr)
}

// isIncompleteError reports whether an error is about a value that is not concrete.
func isIncompleteError(err error) bool {
	text := errorText(err, func(format string, _ []any) string { return format })
	return strings.Contains(text, "concrete") || strings.Contains(text, "incomplete") ||
		strings.Contains(text, "unresolved disjunction")
}

// sourceOf returns the expression that an error comes from, the innermost of the
// determinants.
func (m *evaluation) sourceOf(err errors.Error, determinants []determinant) (determinant, bool) {
	if isIncompleteError(err) {
		// CUE points at the incomplete value; the expression that needs it is
		// wanted.
		for _, pos := range positions(err) {
			if at, ok := m.prepared.Position(pos); ok {
				for _, o := range determinants {
					if span, ok := m.span(o.expr); ok && contains(span, at) {
						return o, true
					}
				}
			}
		}
		for _, pos := range positions(err) {
			if at, ok := m.prepared.Position(pos); ok {
				if o, ok := m.determinantAt(at); ok && o.what != "" {
					return o, true
				}
			}
		}
	}
	for _, pos := range positions(err) {
		at, ok := m.prepared.Position(pos)
		if !ok {
			continue
		}
		for _, o := range determinants {
			if span, ok := m.span(o.expr); ok && contains(span, at) {
				return o, true
			}
		}
		if o, ok := m.determinantAt(at); ok {
			if part := m.innermost(o.expr, err); part != nil && o.what == "" {
				o.expr = part
			}
			return o, true
		}
	}
	return determinant{}, false
}

// positions returns the positions of an error and its causes, the innermost
// first.
func positions(err errors.Error) []token.Pos {
	var found []token.Pos
	for next := error(err); next != nil; next = errors.Unwrap(next) {
		if e, ok := next.(errors.Error); ok && e.Position().IsValid() {
			found = append([]token.Pos{e.Position()}, found...)
		}
	}
	return append(found, err.InputPositions()...)
}

func contains(span, at wire.Span) bool {
	return span.File == at.File && span.Start <= at.Start && at.Start < span.End
}

// determinantAt returns the innermost expression at a position that decides
// something: a clause, a label or a value.
func (m *evaluation) determinantAt(at wire.Span) (determinant, bool) {
	var found determinant
	note := func(expr ast.Expr, what wire.Part) {
		if span, ok := m.span(expr); ok && contains(span, at) {
			found = determinant{expr, what}
		}
	}
	for _, file := range m.prepared.AllFiles() {
		if file.Index != at.File {
			continue
		}
		ast.Walk(file.AST, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.Field:
				for _, o := range determinantsOf(&ast.StructLit{Elts: []ast.Decl{node}}) {
					note(o.expr, o.what)
				}
				if _, isStruct := node.Value.(*ast.StructLit); !isStruct && node.Value != nil {
					note(node.Value, "")
				}
			case *ast.EmbedDecl:
				note(node.Expr, wire.PartEmbedding)
			case *ast.LetClause:
				note(node.Expr, "")
			case *ast.Comprehension:
				for _, clause := range node.Clauses {
					if span, ok := m.span(clause); ok && span.File == at.File && span.Start == at.Start {
						// For a source CUE reports the start of the clause.
						found = clauseDeterminant(clause)
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

// determinantsOf returns the expressions that decide which fields a struct has.
func determinantsOf(expr ast.Expr) []determinant {
	var out []determinant
	switch expr := expr.(type) {
	case *ast.StructLit:
		for _, decl := range expr.Elts {
			switch decl := decl.(type) {
			case *ast.EmbedDecl:
				out = append(out, determinantsOf(decl.Expr)...)
			case *ast.Comprehension:
				out = append(out, clauses(decl)...)
			case *ast.Field:
				label := ast.Node(decl.Label)
				if alias, ok := label.(*ast.Alias); ok {
					label = alias.Expr
				}
				switch label := label.(type) {
				case *ast.ParenExpr:
					out = append(out, determinant{label.X, wire.PartLabel})
				case *ast.Interpolation:
					out = append(out, determinant{label, wire.PartLabel})
				case *ast.ListLit:
					for _, pattern := range label.Elts {
						out = append(out, determinant{pattern, wire.PartPattern})
					}
				}
			}
		}
	case *ast.BinaryExpr:
		if expr.Op == token.AND {
			return append(determinantsOf(expr.X), determinantsOf(expr.Y)...)
		}
		out = append(out, determinant{expr, wire.PartEmbedding})
	case *ast.ParenExpr:
		return determinantsOf(expr.X)
	case *ast.BasicLit, *ast.ListLit:
	default:
		out = append(out, determinant{expr, wire.PartEmbedding})
	}
	return out
}

func clauses(comprehension *ast.Comprehension) []determinant {
	var out []determinant
	for _, clause := range comprehension.Clauses {
		if o := clauseDeterminant(clause); o.expr != nil {
			out = append(out, o)
		}
	}
	return append(out, determinantsOf(comprehension.Value)...)
}

// clauseDeterminant returns the expression of a clause.
func clauseDeterminant(clause ast.Clause) determinant {
	switch clause := clause.(type) {
	case *ast.ForClause:
		return determinant{clause.Source, wire.PartSource}
	case *ast.IfClause:
		return determinant{syntax.Written(clause.Condition), wire.PartCondition}
	case *ast.LetClause:
		return determinant{clause.Expr, ""}
	case *ast.TryClause:
		return determinant{clause.Expr, ""}
	}
	return determinant{}
}
