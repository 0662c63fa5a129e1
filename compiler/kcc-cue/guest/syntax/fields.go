package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// nameMaps are fields whose own fields are names that somebody chose.
var nameMaps = []string{
	"annotations", "backing", "configs", "cronJobs", "env", "files", "grants", "init", "jobs", "kinds",
	"labels", "needs", "routes", "secrets", "services", "sidecars", "volumes",
}

// foreignFields hold objects of an engine or of an application, where a field
// of a known name means something else.
var foreignFields = []string{"docker", "kubernetes", "objects"}

// dataMaps are fields whose own fields are data of an engine's or an
// application's.
var dataMaps = []string{"annotations", "env", "files", "labels", "nodes"}

// fieldPlace says what the labels of a struct are.
type fieldPlace struct {
	// names: they are names, not fields that the schema knows.
	names bool
	// ports: they are names of ports.
	ports bool
	// keys: they are data, also where CUE would hide them.
	keys bool
	// in is the field that holds the struct.
	in string
	// path leads to the struct, as references write it.
	path []string
}

// spellOut rewrites what kcc reads otherwise than CUE: each number that stands
// for a port into `{number: N}`, and each key of a map of data that begins with
// `_`, which CUE hides, into a text. Positions stay. A field `ports` of which
// something takes the numbers themselves is left alone: it is no component's.
func (p *Prepared) spellOut(x ast.Expr, place fieldPlace) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				p.spellField(d, place)
			case *ast.EmbedDecl:
				p.spellOut(d.Expr, place)
			case *ast.LetClause:
				p.spellOut(d.Expr, fieldPlace{path: []string{d.Ident.Name}})
			case ast.Expr:
				p.spellOut(d, place)
			}
		}
	case *ast.Comprehension:
		p.spellOut(x.Value, place)
		if x.Fallback != nil {
			p.spellOut(x.Fallback.Body, place)
		}
	case *ast.ParenExpr:
		p.spellOut(x.X, place)
	case *ast.BinaryExpr:
		p.spellOut(x.X, place)
		p.spellOut(x.Y, place)
	case *ast.UnaryExpr:
		p.spellOut(x.X, place)
	case *ast.Alias:
		p.spellOut(x.Expr, place)
	}
}

func (p *Prepared) spellField(field *ast.Field, place fieldPlace) {
	if place.keys {
		if ident, ok := field.Label.(*ast.Ident); ok && isHiddenKey(ident.Name) {
			field.Label = p.quoted(ident)
		}
		return
	}
	if place.ports {
		if lit, ok := field.Value.(*ast.BasicLit); ok && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			field.Value = p.longPort(lit)
			return
		}
	}
	if place.in == "secrets" && place.names {
		p.refuseText(field)
	}
	name, ok := staticName(field.Label)
	inner := fieldPlace{path: child(place.path, name)}
	if ok && !place.names && !place.ports {
		if slices.Contains(foreignFields, name) {
			return
		}
		inner.in = name
		inner.names = slices.Contains(nameMaps, name)
		inner.ports = name == portsField
		if inner.ports && p.numbers[strings.Join(inner.path, ".")] {
			return
		}
		inner.keys = isDataMap(place.in, name)
	} else if place.in == "configs" {
		inner.in = place.in
	}
	p.spellOut(field.Value, inner)
}

// refuseText reports a secret that is written as text: it was written down, also
// where each target's overlay stands in for it.
func (p *Prepared) refuseText(field *ast.Field) {
	name, ok := staticName(field.Label)
	if lit, is := field.Value.(*ast.BasicLit); ok && is && lit.Kind == token.STRING {
		e := wire.Error{Code: wire.SecretLiteral, Path: []string{"secrets", name}}
		p.Errors = append(p.Errors, p.mark(e, lit))
	}
}

// isDataMap says whether a field holds a map of data.
func isDataMap(in, name string) bool {
	return slices.Contains(dataMaps, name) || in == "configs" && name == "data" || in == "build" && name == "args"
}

// IsDataMap says whether a path in the model leads to a map of data.
func IsDataMap(path []string) bool {
	last := len(path) - 1
	if last < 1 {
		return false
	}
	if last == 2 && path[0] == "configs" {
		return isDataMap("configs", path[last])
	}
	return isDataMap(path[last-1], path[last])
}

// isHiddenKey says whether CUE would hide a label that can be a key.
func isHiddenKey(name string) bool {
	return strings.HasPrefix(name, "_") && name != "_" && !strings.HasPrefix(name, "_#")
}

// spellReferences lets references to such keys lead to them: a selector finds
// a text by a text only.
func (p *Prepared) spellReferences(x ast.Node) {
	ast.Walk(x, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		key, ok := selector.Sel.(*ast.Ident)
		if !ok || !isHiddenKey(key.Name) {
			return true
		}
		if names := lastNames(selector.X, 3); len(names) > 0 {
			in := ""
			if len(names) > 1 {
				in = names[1]
			}
			if len(names) > 2 && names[2] == "configs" {
				in = names[2]
			}
			if isDataMap(in, names[0]) {
				selector.Sel = p.quoted(key)
			}
		}
		return true
	}, nil)
}

// lastNames are up to so many names of a reference, from its end.
func lastNames(x ast.Expr, count int) []string {
	var names []string
	for len(names) < count {
		switch head := x.(type) {
		case *ast.Ident:
			return append(names, head.Name)
		case *ast.SelectorExpr:
			name, ok := staticName(head.Sel)
			if !ok {
				return names
			}
			names = append(names, name)
			x = head.X
		case *ast.IndexExpr:
			name, ok := head.Index.(*ast.BasicLit)
			if !ok {
				return names
			}
			text, _ := staticName(name)
			names = append(names, text)
			x = head.X
		default:
			return names
		}
	}
	return names
}
