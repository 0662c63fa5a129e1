package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
)

// direct is what a team's overlay writes at one path, in its block or in what
// that refers to: not through a pattern or a condition.
type direct struct {
	fields map[string]*direct
	// value: an expression that is no struct, constraints aside.
	value bool
	// reference: a name of something with fields; these are followed.
	reference bool
	// fielded: a struct literal; computed: one with names that only evaluation
	// tells.
	fielded, computed bool
}

// overriding replaces what a base writes with what the same team's overlay
// says.
type overriding struct {
	*Prepared
	*reader
}

// replaceOverlaid makes the values of the target's overlay stand in for those
// that the same team writes at the same path in the base.
func (p *Prepared) replaceOverlaid(sources []*source) {
	o := &overriding{p, newReader(p, sources)}
	type own struct{ root, soft *direct }
	teams := map[string]own{}
	for _, s := range sources {
		mine, ok := teams[s.Team]
		if !ok {
			mine = own{&direct{}, &direct{}}
			teams[s.Team] = mine
		}
		for _, overlay := range s.overlays {
			if overlay.target == p.target {
				o.collect(mine.root, overlay.value)
			}
		}
		for _, soft := range s.soft {
			if soft.overlay != "" && soft.overlay == p.target {
				o.collect(mine.soft, soft.value)
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
			o.replace(&ast.StructLit{Elts: s.base}, mine.root, nil)
		}
		for i, soft := range s.soft {
			if soft.overlay == "" && len(mine.soft.fields) > 0 {
				s.soft[i].value = o.replace(soft.value, mine.soft, nil)
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
	switch {
	case d == nil:
		return false
	case d.value, d.reference, d.computed:
		return true
	case !d.fielded:
		return false
	case len(d.fields) == 0:
		return true
	}
	for _, below := range d.fields {
		if below.given() {
			return true
		}
	}
	return false
}

// whole says whether the overlay writes another expression in the place of the
// one that stands there, rather than fields that join it.
func (d *direct) whole() bool {
	return d.value || d.reference && !d.fielded
}

func (o *overriding) collect(d *direct, x ast.Expr) {
	switch x := x.(type) {
	case *ast.StructLit:
		if o.meaning(x) == gives {
			d.value = true
			return
		}
		d.fielded = true
		for _, decl := range x.Elts {
			switch e := decl.(type) {
			case *ast.Field:
				name, ok := o.fieldKey(e)
				switch {
				case !ok:
					d.computed = true
				case e.Constraint == token.ILLEGAL:
					o.collect(d.field(name), e.Value)
				}
			case *ast.EmbedDecl:
				o.collect(d, e.Expr)
			case *ast.Comprehension:
				d.computed = true
			}
		}
	case *ast.ParenExpr:
		o.collect(d, x.X)
	case *ast.Alias:
		o.collect(d, x.Expr)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			o.collect(d, x.X)
			o.collect(d, x.Y)
			return
		}
		d.value = d.value || o.meaning(x) == gives
	default:
		switch o.meaning(x) {
		case gives:
			d.value = true
		case structured:
			d.reference = true
			o.collectReferred(d, x)
		}
	}
}

// collectReferred adds the fields that a reference brings into the overlay. The
// struct is not the overlay's own literal, so that it still replaces a base
// expression as a whole.
func (o *overriding) collectReferred(d *direct, x ast.Expr) {
	if o.following[x] {
		return
	}
	o.following[x] = true
	defer delete(o.following, x)
	targets, _ := o.follow(x)
	fielded := d.fielded
	for _, target := range targets {
		o.collect(d, target)
	}
	d.fielded = fielded
}

// fieldKey is a field's name, or its pattern as it is written.
func (o *overriding) fieldKey(field *ast.Field) (string, bool) {
	if list, ok := patternOf(field); ok {
		if len(list.Elts) != 1 {
			return "", false
		}
		text, err := format.Node(list.Elts[0])
		return "[" + string(text) + "]", err == nil
	}
	return o.label(field.Label)
}

// replace takes the values out of a base expression that the overlay stands in
// for; path is where it stands.
func (o *overriding) replace(x ast.Expr, d *direct, path []string) ast.Expr {
	switch x := x.(type) {
	case *ast.StructLit:
		switch {
		case d.value && !d.fielded, d.given() && o.meaning(x) == gives:
			return o.stepAside(x)
		}
		o.replaceFields(x, d, path)
		return x
	case *ast.ParenExpr:
		x.X = o.replace(x.X, d, path)
		return x
	case *ast.Alias:
		x.Expr = o.replace(x.Expr, d, path)
		return x
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			x.X = o.replace(x.X, d, path)
			x.Y = o.replace(x.Y, d, path)
			return x
		}
	}
	switch o.meaning(x) {
	case gives:
		if d.given() {
			return o.stepAside(x)
		}
	case structured:
		if d.whole() {
			return o.stepAside(x)
		}
	}
	return x
}

func (o *overriding) replaceFields(lit *ast.StructLit, d *direct, path []string) {
	kept := lit.Elts[:0]
	for _, decl := range lit.Elts {
		switch e := decl.(type) {
		case *ast.Field:
			name, ok := o.fieldKey(e)
			if !ok || e.Constraint != token.ILLEGAL {
				break
			}
			if d.excludes(path, name) {
				if o.meaning(e.Value) == constrains {
					e.Constraint = token.OPTION
					break
				}
				o.exclude(child(path, name), e.Value)
				continue
			}
			if below := d.fields[name]; below != nil {
				e.Value = o.replace(e.Value, below, child(path, name))
			}
			if taken, left, ok := d.halved(path, name); ok {
				o.exclude(append(path[:len(path):len(path)], taken, name), e.Value)
				decl = o.moved(e, left)
			}
		case *ast.EmbedDecl:
			if len(path) > 0 {
				e.Expr = o.replace(e.Expr, d, path)
				break
			}
			// The root is written by many: nobody's overlay replaces it.
			eachStruct(e.Expr, func(lit *ast.StructLit) { o.replaceFields(lit, d, path) })
		}
		kept = append(kept, decl)
	}
	lit.Elts = kept
}

// moved writes a field one level further down, under another name.
func (o *overriding) moved(field *ast.Field, under string) *ast.Field {
	label := &ast.Ident{NamePos: field.Label.Pos(), Name: under}
	if end := o.end(field.Label); end.IsValid() && label.NamePos.IsValid() {
		o.lengths[label] = end.Offset() - label.NamePos.Offset()
	}
	return &ast.Field{Label: label, Value: &ast.StructLit{Elts: []ast.Decl{field}}}
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
