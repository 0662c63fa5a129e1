package syntax

import (
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
	"kcc.dev/evaluator/wire"
)

// labelContext describes the labels of a struct.
type labelContext struct {
	// names is set if they are user-chosen names, not fields of the schema.
	names bool
	// ports is set if they are names of ports.
	ports bool
	// keys is set if they are data, even where CUE would hide them.
	keys bool
	// in is the field that holds the struct.
	in string
	// path is the path of the struct, as references write it.
	path []string
}

// expandShortForms rewrites what kcc reads differently from CUE: a number that
// stands for a port becomes `{number: N}`, and a key of a data map that begins
// with `_`, which CUE would hide, becomes a string. Positions stay. A `ports`
// field whose numbers are used as such belongs to no component and is left alone.
func (p *Prepared) expandShortForms(x ast.Expr, ctx labelContext) {
	switch x := x.(type) {
	case *ast.StructLit:
		for _, decl := range x.Elts {
			switch d := decl.(type) {
			case *ast.Field:
				p.expandField(d, ctx)
			case *ast.EmbedDecl:
				p.expandShortForms(d.Expr, ctx)
			case *ast.LetClause:
				p.expandShortForms(d.Expr, labelContext{path: []string{d.Ident.Name}})
			case ast.Expr:
				p.expandShortForms(d, ctx)
			}
		}
	case *ast.Comprehension:
		p.expandShortForms(x.Value, ctx)
		if x.Fallback != nil {
			p.expandShortForms(x.Fallback.Body, ctx)
		}
	case *ast.ParenExpr:
		p.expandShortForms(x.X, ctx)
	case *ast.BinaryExpr:
		p.expandShortForms(x.X, ctx)
		p.expandShortForms(x.Y, ctx)
	case *ast.UnaryExpr:
		p.expandShortForms(x.X, ctx)
	case *ast.Alias:
		p.expandShortForms(x.Expr, ctx)
	}
}

func (p *Prepared) expandField(field *ast.Field, ctx labelContext) {
	if ctx.keys {
		if ident, ok := field.Label.(*ast.Ident); ok && isHiddenKey(ident.Name) {
			p.dataKeys[keyOf(ctx.path, ident.Name)] = true
			field.Label = p.quoted(ident)
		}
		return
	}
	if ctx.ports {
		if lit, ok := field.Value.(*ast.BasicLit); ok && (lit.Kind == token.INT || lit.Kind == token.FLOAT) {
			field.Value = p.expandPort(lit)
			return
		}
	}
	if ctx.in == "secrets" && ctx.names {
		p.reportSecretLiteral(field)
	}
	name, ok := staticName(field.Label)
	inner := labelContext{path: child(ctx.path, name)}
	if ok && !ctx.names && !ctx.ports {
		if schema.Shipped().IsOpaque(name) {
			return
		}
		inner.in = name
		inner.names = schema.Shipped().IsMap(name)
		inner.ports = name == portsField
		if inner.ports && p.numericPorts[strings.Join(inner.path, ".")] {
			return
		}
		inner.keys = schema.Shipped().IsData(ctx.in, name)
	} else if ctx.in == "configs" {
		inner.in = ctx.in
	}
	p.expandShortForms(field.Value, inner)
}

// reportSecretLiteral reports a secret that is written as text, even if the
// overlay of every target overrides it: the value is in the file.
func (p *Prepared) reportSecretLiteral(field *ast.Field) {
	name, ok := staticName(field.Label)
	if lit, is := field.Value.(*ast.BasicLit); ok && is && lit.Kind == token.STRING {
		e := wire.Fault{Detail: wire.SecretLiteral{}, Path: []string{"secrets", name}}
		p.Errors.report(p.withLabel(e, lit))
	}
}

// IsDataMap reports whether a path in the model leads to a map of data.
func IsDataMap(path []string) bool {
	last := len(path) - 1
	if last < 1 {
		return false
	}
	if last == 2 && path[0] == "configs" {
		return schema.Shipped().IsData(path[0], path[last])
	}
	return schema.Shipped().IsData(path[last-1], path[last])
}

// isHiddenKey reports whether CUE would hide a label that can be a key.
func isHiddenKey(name string) bool {
	return strings.HasPrefix(name, "_") && name != "_" && !strings.HasPrefix(name, "_#")
}

// keyOf identifies a key of the data map at a path.
func keyOf(path []string, name string) string {
	return strings.Join(append(slices.Clip(path), name), "\x00")
}

// keyReference returns a reference to a key that the struct around a field has as
// data, or nothing: CUE would find it by its name alone.
func (p *Prepared) keyReference(path []string, name string) string {
	if len(path) == 0 || !p.dataKeys[keyOf(path[:len(path)-1], name)] {
		return ""
	}
	var text strings.Builder
	for i, part := range append(slices.Clone(path[:len(path)-1]), name) {
		switch {
		case part == "":
			return ""
		case !ast.IsValidIdent(part):
			part = strconv.Quote(part)
		}
		if i > 0 {
			text.WriteString(".")
		}
		text.WriteString(part)
	}
	return text.String()
}

// quoteKeyReferences quotes references to such keys: a selector finds a string
// label only by a string.
func (p *Prepared) quoteKeyReferences(x ast.Node) {
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
			if schema.Shipped().IsData(in, names[0]) {
				selector.Sel = p.quoted(key)
			}
		}
		return true
	}, nil)
}

// lastNames returns up to count names of a reference, last first.
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
