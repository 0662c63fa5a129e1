package eval

import (
	"regexp"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"

	"kcc.dev/engine/schema"
	"kcc.dev/engine/wire"
)

// clash reports lines of which all together cannot hold, but all but one can.
func (m *model) clash(path []string, lines []conjunct) {
	if m.meant(path, lines) {
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
		m.report(m.besideOverlay(m.error(wire.Conflict, path, lines), path, lines))
		return
	}
	code := wire.OutOfBounds
	if kinds&values[0].value.Kind() == 0 {
		code = wire.WrongType
	}
	for i, c := range others {
		if code == wire.OutOfBounds {
			others[i].expr = m.fitting(c, values[0].value.Kind())
		}
	}
	e := m.error(code, path, append(values, others...)).With("expected", texts(others))
	m.report(m.actual(e, values[0].value))
}

// generated matches the names of fields that kcc adds to the root.
var generated = regexp.MustCompile(`_(defaults|policies)\$`)

// texts are lines as their teams write them.
func texts(lines []conjunct) string {
	var all []string
	for _, c := range lines {
		text := sourceText(c.expr)
		kind := c.value.IncompleteKind()
		if refers(c.expr) && kind != cue.BottomKind && kind&(cue.StructKind|cue.ListKind) == 0 {
			// What it is says more than the name that it has.
			// What comes from a package would be a file of its own.
			if syntax, ok := c.value.Syntax().(ast.Expr); ok {
				// Of several lines it is CUE's own way to say where names are from.
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

// refers says whether an expression names anything but types.
func refers(expr ast.Expr) bool {
	for _, ident := range carriers(expr) {
		if _, known := predeclared[ident.Name]; !known {
			return true
		}
	}
	return false
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
	v := unified(lines)
	return v.IncompleteKind() == cue.BottomKind && v.IsConcrete()
}

// wrongType reports a value of a kind that the schema does not accept.
func (m *model) wrongType(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	e := m.error(wire.WrongType, path, deciding(lines)).
		At(m.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", expected(shape))
	m.report(candidates(m.actual(e, v), shape))
}

// outOfBounds reports a scalar that the schema rules out.
func (m *model) outOfBounds(v cue.Value, shape *schema.Shape, path []string, lines []conjunct) {
	e := m.error(wire.OutOfBounds, path, deciding(lines)).
		At(m.ofSchema(shape.Span), wire.RoleSchema).
		With("expected", shape.Text)
	m.report(candidates(m.actual(e, v), shape))
}

func candidates(e wire.Error, shape *schema.Shape) wire.Error {
	if len(shape.Options) == 0 {
		return e
	}
	return e.With("candidates", strings.Join(shape.Options, " "))
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
