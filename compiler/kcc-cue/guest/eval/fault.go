package eval

import (
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// ownError says whether an error is the value's own rather than that of a part.
func (m *model) ownError(v cue.Value, path []string) bool {
	for _, err := range errors.Errors(v.Err()) {
		if len(err.Path()) <= len(path) {
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
		m.closedDefinition(path, shape, here)
		return
	case strings.Contains(text, "cycle"):
		m.report(m.error(wire.Cycle, path, lines).With("message", text))
		return
	}
	if m.badExpressions(path, lines) {
		return
	}
	if clash := minimal(lines); len(clash) > 1 {
		m.clash(path, clash)
		return
	}
	m.report(m.error(wire.Evaluation, path, lines).With("message", text))
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
		e := m.error(wire.BadExpression, path, []conjunct{c}).With("message", text)
		if strings.Contains(text, "conflicting values") || strings.Contains(text, "out of bound") {
			// It refers to something that is reported where it stands.
			m.followers = append(m.followers, e)
			continue
		}
		m.report(e)
	}
	return found
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

// clash reports lines of which all together cannot hold, but all but one can.
func (m *model) clash(path []string, lines []conjunct) {
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
		m.report(m.error(wire.Conflict, path, lines))
		return
	}
	var expected []string
	for _, c := range others {
		expected = append(expected, sourceText(c.expr))
	}
	code := wire.OutOfBounds
	if kinds&values[0].value.Kind() == 0 {
		code = wire.WrongType
	}
	m.report(m.error(code, path, append(values, others...)).
		With("expected", strings.Join(expected, " & ")).
		With("actual", actual(values[0].value, code)))
}

// minimal drops lines as long as the rest still fails: what is left fails, and
// holds as soon as any one is left out.
func minimal(lines []conjunct) []conjunct {
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
	v := lines[0].value
	for _, c := range lines[1:] {
		v = v.Unify(c.value)
	}
	return v.IncompleteKind() == cue.BottomKind && v.IsConcrete()
}

// wrongType reports a value of a kind that the schema does not accept.
func (m *model) wrongType(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	m.report(m.error(wire.WrongType, path, deciding(lines)).
		At(m.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", expected(shape)).
		With("actual", actual(v, wire.WrongType)))
}

// outOfBounds reports a scalar that the schema rules out.
func (m *model) outOfBounds(node *wire.Node, shape *schema.Shape, path []string, lines []conjunct) {
	e := m.error(wire.OutOfBounds, path, deciding(lines)).
		At(m.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", shape.Text)
	if len(shape.Options) > 0 {
		e = e.With("candidates", strings.Join(shape.Options, " "))
	}
	m.report(e.With("actual", show(node)))
}

// deciding are the lines that give the value, or all where none does.
func deciding(lines []conjunct) []conjunct {
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

// unknownField reports a field that the schema does not have.
func (m *model) unknownField(v cue.Value, structure *schema.Struct, path []string, above *frame) {
	lines := m.conjuncts(v, path, above)
	e := wire.Error{Code: wire.UnknownField, Path: path}
	for _, c := range lines {
		if m.prepared.Dropped(c.expr) {
			return
		}
		span := c.span
		if c.place != nil && c.place.field != nil {
			span, _ = m.span(c.place.field.Label)
		}
		if n := len(e.Labels); n == 0 || e.Labels[n-1].Span != span {
			e = e.At(span, c.role)
		}
	}
	m.report(e.With("name", path[len(path)-1]).
		With("candidates", strings.Join(structure.Names, " ")))
}

// closedDefinition reports a field that a fragment's own definition refuses.
func (m *model) closedDefinition(path []string, shape *schema.Shape, here *frame) {
	name := path[len(path)-1]
	e := m.error(wire.ClosedDefinition, path, nil)
	for _, c := range here.conjuncts {
		if c.place != nil && c.place.field != nil && c.own {
			if span, ok := m.span(c.place.field.Label); ok {
				e = e.At(span, c.role)
			}
		}
	}
	definition := ""
	for f := here.above; f != nil && definition == ""; f = f.above {
		for _, c := range f.conjuncts {
			for _, ident := range carriers(c.expr) {
				roots := m.lexicon.roots[ident.Name]
				if len(roots) == 0 || !strings.HasPrefix(m.prepared.Original(ident.Name), "#") {
					continue
				}
				definition = m.prepared.Original(ident.Name)
				if span, ok := m.span(ident); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				if span, ok := m.span(roots[0].field.Label); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				break
			}
		}
	}
	m.report(e.With("name", name).With("definition", definition))
}

// error starts an error with the lines as labels, the deciding ones first.
func (m *model) error(code wire.Code, path []string, lines []conjunct) wire.Error {
	e := wire.Error{Code: code, Path: path}
	for _, o := range origins(lines) {
		if n := len(e.Labels); n == 0 || e.Labels[n-1].Span != o.Span {
			e = e.At(o.Span, o.Role)
		}
	}
	return e
}

// message is CUE's own text, without the path in front of it.
func message(v cue.Value) string {
	all := errors.Errors(v.Err())
	if len(all) == 0 {
		return ""
	}
	format, args := all[0].Msg()
	return strings.TrimSpace(sprintf(format, args))
}

// expected names what a shape accepts.
func expected(shape *schema.Shape) string {
	var parts []string
	if shape.Text != "" {
		parts = append(parts, shape.Text)
	}
	if shape.Elem != nil {
		parts = append(parts, "list")
	}
	if shape.Struct != nil {
		parts = append(parts, "struct")
	}
	return strings.Join(parts, " | ")
}

// actual shows a value: a scalar itself, another by its kind.
func actual(v cue.Value, code wire.Code) string {
	if v.Kind()&(cue.StructKind|cue.ListKind) != 0 || !v.IsConcrete() {
		return v.IncompleteKind().String()
	}
	node := &wire.Node{}
	put(node, v)
	if code == wire.WrongType {
		return v.Kind().String() + " " + show(node)
	}
	return show(node)
}

// show writes a scalar as CUE does.
func show(node *wire.Node) string {
	switch node.Kind {
	case wire.String:
		return ast.NewString(node.Text).Value
	case wire.Bool:
		if node.Bool {
			return token.TRUE.String()
		}
		return token.FALSE.String()
	case wire.Null:
		return token.NULL.String()
	default:
		return node.Text
	}
}
