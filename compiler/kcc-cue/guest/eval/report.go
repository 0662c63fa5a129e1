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

// maxShown bounds how many characters of a scalar an error shows.
const maxShown = 60

// verbs are the placeholders in CUE's messages.
var verbs = regexp.MustCompile(`%(\[(\d+)\])?[+#]?[a-z]`)

// error starts an error with conjuncts as labels, the deciding ones first.
func (m *evaluation) error(what wire.Detail, path []string, lines []conjunct) wire.Fault {
	e := wire.Fault{Detail: what, Path: path}
	for _, o := range origins(lines) {
		if !slices.ContainsFunc(e.Labels, func(l wire.Label) bool { return l.Span == o.Span }) {
			e = e.At(o.Span, o.Role)
		}
	}
	return e
}

// atLabels is error with the labels of the fields instead of their values.
func (m *evaluation) atLabels(what wire.Detail, path []string, lines []conjunct) wire.Fault {
	labelled := slices.Clone(lines)
	for i, c := range labelled {
		if c.site != nil && c.site.field != nil && !c.made {
			if span, ok := m.span(c.site.field.Label); ok {
				labelled[i].span = span
			}
		}
	}
	return m.error(what, path, labelled)
}

// unknownField reports a field that the schema does not have.
func (r *reporter) unknownField(v cue.Value, structure *schema.Struct, path []string, above *frame) {
	lines := r.conjuncts(v, path, above)
	for _, c := range lines {
		if r.prepared.Dropped(c.expr) {
			return
		}
	}
	unknown := wire.UnknownField{
		Name: path[len(path)-1], Candidates: structure.Names, Value: plainValue(path, lines),
	}
	r.report(r.atLabels(unknown, path, lines))
}

// plainValue returns the source of a value without parts, if it is short and
// cannot be a secret.
func plainValue(path []string, lines []conjunct) string {
	if len(lines) == 0 || secretive(path) {
		return ""
	}
	switch lines[0].expr.(type) {
	case *ast.BasicLit, *ast.Ident:
		return sourceText(lines[0].expr)
	}
	return ""
}

// written returns the value of the conjunct that an error points at first, as the
// fragment writes it; nil if it could be a secret or is neither a text nor a list
// of texts and numbers.
func written(path []string, lines []conjunct) *wire.Written {
	if len(lines) == 0 || secretive(path) {
		return nil
	}
	first := slices.MinFunc(lines, func(a, b conjunct) int { return weight(a.role) - weight(b.role) })
	switch x := first.expr.(type) {
	case *ast.BasicLit:
		if text, ok := plainText(x); ok {
			return &wire.Written{Text: text}
		}
	case *ast.ListLit:
		items := &wire.Written{}
		for _, elem := range x.Elts {
			item, ok := elem.(*ast.BasicLit)
			if !ok {
				return nil
			}
			text, isText := plainText(item)
			if !isText {
				text = item.Value
			}
			items.Items = append(items.Items, text)
		}
		return items
	}
	return nil
}

// closedDefinition reports a field that a fragment's own definition rejects.
func (r *reporter) closedDefinition(path []string, here *frame) {
	name := path[len(path)-1]
	e := wire.Fault{Detail: wire.ClosedDefinition{Name: name}, Path: path}
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
	// A definition also closes the structs inside it.
	var inside []string
	for f := here.above; f != nil; f = f.above {
		for _, c := range f.conjuncts {
			if call := closeCall(c.expr); call != nil {
				if span, ok := r.span(call.Fun); ok {
					e.Labels = append([]wire.Label{{Span: span, Role: wire.RoleConstraint}}, e.Labels...)
				}
				e.Detail = wire.ClosedStruct{Name: name}
				r.report(e)
				return
			}
			for _, ident := range contributors(c.expr) {
				definition := r.prepared.Original(ident.Name)
				roots := r.index.rootsOf(ident, c.expr)
				if len(roots) == 0 || !isDefinition(definition) {
					continue
				}
				if span, ok := r.span(ident); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				if span, ok := r.span(roots[0].field.Label); ok {
					e = e.At(span, wire.RoleConstraint)
				}
				e.Detail = wire.ClosedDefinition{
					Name: name, Definition: definition, Inside: strings.Join(inside, "."), Imported: roots[0].pkg != "",
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

// actual shows what was found at a path: a scalar itself unless it could be a
// secret, anything else by its kind.
func actual(path []string, v cue.Value) string {
	switch {
	case v.Kind()&(cue.StructKind|cue.ListKind) != 0 || !v.IsConcrete():
		return v.IncompleteKind().String()
	case secretive(path):
		return ""
	}
	node := &wire.Node{}
	put(node, v)
	return show(node)
}

// secretive reports whether the value at a path could be a secret and must not be
// in a message.
func secretive(path []string) bool {
	return len(path) > 0 && path[0] == "secrets" || len(path) > 3 && slices.Contains(path[2:], "env") ||
		slices.Contains(path, "password")
}

// show formats a scalar as CUE does, truncating long ones.
func show(node *wire.Node) string {
	switch node.Kind {
	case wire.String:
		return ast.NewString(shortened(node.Text)).Value
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
		return shortened(node.Text)
	}
}

// shortened truncates a long text.
func shortened(text string) string {
	if utf8.RuneCountInString(text) > maxShown {
		return string([]rune(text)[:maxShown]) + "…"
	}
	return text
}
