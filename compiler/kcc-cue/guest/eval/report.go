package eval

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// maxShown bounds how many characters of a string an error shows.
const maxShown = 60

// verbs are the placeholders in CUE's messages.
var verbs = regexp.MustCompile(`%(\[(\d+)\])?[+#]?[a-z]`)

// error starts an error with conjuncts as labels, the deciding ones first.
func (m *evaluation) error(code wire.Code, path []string, lines []conjunct) wire.Error {
	e := wire.Error{Code: code, Path: path}
	for _, o := range origins(lines) {
		if !slices.ContainsFunc(e.Labels, func(l wire.Label) bool { return l.Span == o.Span }) {
			e = e.At(o.Span, o.Role)
		}
	}
	return e
}

// atLabels is error with the labels of the fields instead of their values.
func (m *evaluation) atLabels(code wire.Code, path []string, lines []conjunct) wire.Error {
	labelled := slices.Clone(lines)
	for i, c := range labelled {
		if c.site != nil && c.site.field != nil {
			if span, ok := m.span(c.site.field.Label); ok {
				labelled[i].span = span
			}
		}
	}
	return m.error(code, path, labelled)
}

// unknownField reports a field that the schema does not have.
func (r *reporter) unknownField(v cue.Value, structure *schema.Struct, path []string, above *frame) {
	lines := r.conjuncts(v, path, above)
	for _, c := range lines {
		if r.prepared.Dropped(c.expr) {
			return
		}
	}
	r.report(r.atLabels(wire.UnknownField, path, lines).
		With("name", path[len(path)-1]).
		With("candidates", strings.Join(structure.Names, " ")))
}

// closedDefinition reports a field that a fragment's own definition rejects.
func (r *reporter) closedDefinition(path []string, here *frame) {
	e := r.error(wire.ClosedDefinition, path, nil)
	for _, direct := range []bool{true, false} {
		for _, c := range here.conjuncts {
			if c.site == nil || c.site.field == nil || c.direct != direct || c.site.pattern || len(e.Labels) > 0 && !direct {
				continue
			}
			if span, ok := r.span(c.site.field.Label); ok {
				e = e.At(span, wire.RoleValue)
			}
		}
	}
	e = e.With("name", path[len(path)-1])
	// A definition also closes the structs inside it.
	var inside []string
	for f := here.above; f != nil; f = f.above {
		for _, c := range f.conjuncts {
			if call := closeCall(c.expr); call != nil {
				if span, ok := r.span(call.Fun); ok {
					e.Labels = append([]wire.Label{{Span: span, Role: wire.RoleConstraint}}, e.Labels...)
				}
				r.report(e.With("definition", "close"))
				return
			}
			for _, ident := range contributors(c.expr) {
				name := r.prepared.Original(ident.Name)
				roots := r.index.rootsOf(ident, c.expr)
				if len(roots) == 0 || !isDefinition(name) {
					continue
				}
				if span, ok := r.span(ident); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				if span, ok := r.span(roots[0].field.Label); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				e = e.With("definition", name).With("inside", strings.Join(inside, "."))
				if roots[0].pkg != "" {
					e = e.With("imported", "true")
				}
				r.report(e)
				return
			}
		}
		if depth := len(path) - 2 - len(inside); depth >= 0 {
			inside = append([]string{path[depth]}, inside...)
		}
	}
	r.report(e)
}

func isDefinition(name string) bool {
	return strings.HasPrefix(name, "#") || strings.HasPrefix(name, "_#")
}

// expected describes what a shape accepts.
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

// actual adds what was found to an error: a scalar itself, with its type if that
// is the mistake, anything else by its kind.
func (m *evaluation) actual(e wire.Error, v cue.Value) wire.Error {
	switch {
	case v.Kind()&(cue.StructKind|cue.ListKind) != 0 || !v.IsConcrete():
		return e.With("actual", v.IncompleteKind().String())
	case secretive(e.Path):
		if e.Code == wire.WrongType {
			return e.With("actual", v.Kind().String())
		}
		return e
	}
	node := &wire.Node{}
	put(node, v)
	if e.Code == wire.WrongType {
		return e.With("actual", v.Kind().String()+" "+show(node))
	}
	return e.With("actual", show(node))
}

// secretive reports whether the value at a path could be a secret and must not be
// in a message.
func secretive(path []string) bool {
	return len(path) > 0 && path[0] == "secrets" || len(path) > 3 && slices.Contains(path[2:], "env") ||
		slices.Contains(path, "password")
}

// show formats a scalar as CUE does, truncating long strings.
func show(node *wire.Node) string {
	switch node.Kind {
	case wire.String:
		text := node.Text
		if utf8.RuneCountInString(text) > maxShown {
			text = string([]rune(text)[:maxShown]) + "…"
		}
		return ast.NewString(text).Value
	case wire.Bool:
		if node.Bool {
			return token.TRUE.String()
		}
		return token.FALSE.String()
	case wire.Null:
		return token.NULL.String()
	case wire.Struct:
		return "struct"
	case wire.List:
		return "list"
	default:
		return node.Text
	}
}
