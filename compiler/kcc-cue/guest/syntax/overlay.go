package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// direct is what a team's overlay writes at one path by itself: not through a
// pattern, a reference to a struct or a condition.
type direct struct {
	fields map[string]*direct
	// value: a literal, a list, an interpolation or a computation.
	value bool
	// reference: a name of something that is no definition.
	reference bool
	// fielded: a struct literal.
	fielded bool
}

// replaceOverlaid makes the values of the target's overlay stand in for those
// that the same team writes at the same path in the base.
func (p *Prepared) replaceOverlaid(sources []*source) {
	type own struct{ root, soft *direct }
	teams := map[string]own{}
	for _, s := range sources {
		mine, ok := teams[s.Team]
		if !ok {
			mine = own{&direct{}, &direct{}}
			teams[s.Team] = mine
		}
		for _, o := range s.overlays {
			if o.target == p.target {
				mine.root.collect(p, o.value)
			}
		}
		for _, soft := range s.soft {
			if soft.overlay != "" && soft.overlay == p.target {
				mine.soft.collect(p, soft.value)
			}
		}
	}
	for _, mine := range teams {
		mine.root.joinSpellings(nil)
		mine.soft.joinSpellings(nil)
	}
	for _, s := range sources {
		mine := teams[s.Team]
		if len(mine.root.fields) > 0 {
			p.replace(&ast.StructLit{Elts: s.base}, mine.root, nil)
		}
		for i, soft := range s.soft {
			if soft.overlay == "" && len(mine.soft.fields) > 0 {
				s.soft[i].value = p.replace(soft.value, mine.soft, nil)
			}
		}
	}
}

func (d *direct) field(name string) *direct {
	if d.fields == nil {
		d.fields = map[string]*direct{}
	}
	child := d.fields[name]
	if child == nil {
		child = &direct{}
		d.fields[name] = child
	}
	return child
}

// given says whether the overlay has anything at the path but constraints.
func (d *direct) given() bool {
	return d != nil && (d.value || d.reference || d.fielded)
}

func (d *direct) collect(p *Prepared, x ast.Expr) {
	switch x := x.(type) {
	case *ast.StructLit:
		d.fielded = true
		for _, decl := range x.Elts {
			switch e := decl.(type) {
			case *ast.Field:
				if name, ok := p.fieldKey(e); ok && e.Constraint == token.ILLEGAL {
					d.field(name).collect(p, e.Value)
				}
			case *ast.EmbedDecl:
				eachStruct(e.Expr, func(lit *ast.StructLit) { d.collect(p, lit) })
			case ast.Expr:
				eachStruct(e, func(lit *ast.StructLit) { d.collect(p, lit) })
			}
		}
	case *ast.ParenExpr:
		d.collect(p, x.X)
	case *ast.Alias:
		d.collect(p, x.Expr)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			d.collect(p, x.X)
			d.collect(p, x.Y)
			return
		}
		d.value = d.value || isValue(x)
	default:
		d.value = d.value || isValue(x)
		d.reference = d.reference || isReference(x)
	}
}

// fieldKey is a field's name, or its pattern as it is written.
func (p *Prepared) fieldKey(field *ast.Field) (string, bool) {
	if list, ok := patternOf(field); ok {
		if len(list.Elts) != 1 {
			return "", false
		}
		text, err := format.Node(list.Elts[0])
		return "[" + string(text) + "]", err == nil
	}
	return staticName(field.Label)
}

// replace takes the values out of a base expression that the overlay stands in
// for; path is where it stands.
func (p *Prepared) replace(x ast.Expr, d *direct, path []string) ast.Expr {
	switch x := x.(type) {
	case *ast.StructLit:
		if d.value && !d.fielded {
			return p.stepAside(x)
		}
		p.replaceFields(x, d, path)
	case *ast.ParenExpr:
		x.X = p.replace(x.X, d, path)
	case *ast.Alias:
		x.Expr = p.replace(x.Expr, d, path)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			x.X = p.replace(x.X, d, path)
			x.Y = p.replace(x.Y, d, path)
			return x
		}
		if isValue(x) && d.given() {
			return p.stepAside(x)
		}
	default:
		if isValue(x) && d.given() || isReference(x) && (d.value || d.reference) {
			return p.stepAside(x)
		}
	}
	return x
}

func (p *Prepared) replaceFields(lit *ast.StructLit, d *direct, path []string) {
	kept := lit.Elts[:0]
	for _, decl := range lit.Elts {
		switch e := decl.(type) {
		case *ast.Field:
			name, ok := p.fieldKey(e)
			if !ok || e.Constraint != token.ILLEGAL {
				break
			}
			if d.excludes(path, name) {
				if !givesValue(e.Value) {
					e.Constraint = token.OPTION
					break
				}
				p.exclude(child(path, name), e.Value)
				continue
			}
			if below := d.fields[name]; below != nil {
				e.Value = p.replace(e.Value, below, child(path, name))
			}
		case *ast.EmbedDecl:
			eachStruct(e.Expr, func(lit *ast.StructLit) { p.replaceFields(lit, d, path) })
		case *ast.Comprehension:
		case ast.Expr:
			eachStruct(e, func(lit *ast.StructLit) { p.replaceFields(lit, d, path) })
		}
		kept = append(kept, decl)
	}
	lit.Elts = kept
}

// exclude notes that a field of the base is not there; what a pattern says is
// said of nothing in particular.
func (p *Prepared) exclude(path []string, value ast.Expr) {
	if slices.ContainsFunc(path, func(name string) bool { return strings.HasPrefix(name, "[") }) {
		return
	}
	if span, ok := p.Span(value); ok {
		p.Excluded = append(p.Excluded, Excluded{path, span})
	}
}

// child makes the path below one; paths never share their tail.
func child(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}

// stepAside is the `_` that a value leaves behind: the field stays, so that
// whoever asks who declares it still finds the line.
func (p *Prepared) stepAside(x ast.Expr) *ast.Ident {
	ident := p.drop(x)
	delete(p.dropped, ident)
	p.aside[ident] = true
	return ident
}

// isValue says whether an expression is concrete by itself.
func isValue(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.BasicLit, *ast.Interpolation, *ast.ListLit:
		return true
	case *ast.UnaryExpr:
		return (x.Op == token.ADD || x.Op == token.SUB || x.Op == token.NOT) && isValue(x.X)
	case *ast.BinaryExpr:
		return x.Op != token.AND && x.Op != token.OR
	}
	return false
}

// isReference says whether an expression names something that may be a value.
// What a definition holds are constraints.
func isReference(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name != "_" && !predeclared(x.Name) && !isDefinition(x.Name)
	case *ast.SelectorExpr:
		if ident, ok := x.Sel.(*ast.Ident); ok && isDefinition(ident.Name) {
			return false
		}
		return isReference(x.X)
	case *ast.IndexExpr:
		return isReference(x.X)
	}
	return false
}

func isDefinition(name string) bool {
	return len(name) > 1 && (name[0] == '#' || name[0] == '_' && name[1] == '#')
}

// givesValue says whether an expression is more than constraints.
func givesValue(x ast.Expr) bool {
	var d direct
	d.collect(nil, x)
	return d.given()
}
