package syntax

import (
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/schema"
)

// override is what a team's overlay writes at one path, in its block or in what
// the block refers to: not through a pattern or a condition.
type override struct {
	fields map[string]*override
	// value is set for an expression that is neither a struct nor a constraint.
	value bool
	// reference is set for a reference to something with fields, which are
	// collected too.
	reference bool
	// fielded is set for a struct literal, computed for one with labels that need
	// evaluation.
	fielded, computed bool
}

// overrider replaces what a base writes with what the same team's overlay writes.
type overrider struct {
	*Prepared
	*classifier
}

// replaceOverlaid replaces the values that a team writes in the base with those
// that its overlay for the target writes at the same path.
func (p *Prepared) replaceOverlaid(r *classifier, sources []*source) {
	o := &overrider{p, r}
	type overrides struct{ root, defaults *override }
	teams := map[string]overrides{}
	for _, s := range sources {
		own, ok := teams[s.Team]
		if !ok {
			own = overrides{&override{}, &override{}}
			teams[s.Team] = own
		}
		for _, overlay := range s.overlays {
			if overlay.target == p.target {
				o.collect(own.root, overlay.value, nil)
			}
		}
		for _, defaults := range s.defaults {
			if defaults.overlay != "" && defaults.overlay == p.target {
				o.collect(own.defaults, defaults.value, nil)
			}
		}
	}
	for _, own := range teams {
		own.root.joinSpellings(nil)
		own.defaults.joinSpellings(nil)
	}
	for _, s := range sources {
		own := teams[s.Team]
		if len(own.root.fields) > 0 {
			o.replace(&ast.StructLit{Elts: s.base}, own.root, nil)
		}
		for i, defaults := range s.defaults {
			if defaults.overlay == "" && len(own.defaults.fields) > 0 {
				s.defaults[i].value = o.replace(defaults.value, own.defaults, nil)
			}
		}
	}
}

func (d *override) field(name string) *override {
	if d.fields == nil {
		d.fields = map[string]*override{}
	}
	child := d.fields[name]
	if child == nil {
		child = &override{}
		d.fields[name] = child
	}
	return child
}

// given reports whether the overlay has more than constraints at the path.
func (d *override) given() bool {
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

// whole reports whether the overlay replaces the whole expression, rather than
// adding fields that unify with it.
func (d *override) whole() bool {
	return d.value || d.reference && !d.fielded
}

func (o *overrider) collect(d *override, x ast.Expr, path []string) {
	switch x := x.(type) {
	case *ast.StructLit:
		if o.classify(x) == concrete {
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
					o.collect(d.field(name), e.Value, child(path, name))
				}
			case *ast.EmbedDecl:
				o.collect(d, e.Expr, path)
			case *ast.Comprehension:
				d.computed = true
			}
		}
	case *ast.ParenExpr:
		o.collect(d, x.X, path)
	case *ast.Alias:
		o.collect(d, x.Expr, path)
	case *ast.BinaryExpr:
		if x.Op == token.AND {
			defer o.withArguments(x)()
			o.collect(d, x.X, path)
			o.collect(d, x.Y, path)
			return
		}
		o.collectOpaque(d, x, path)
	default:
		if o.classify(x) == structure {
			d.reference = true
			o.collectReferred(d, x, path)
			return
		}
		o.collectOpaque(d, x, path)
	}
}

// collectOpaque adds an expression whose fields, if it has any, need evaluation.
// At a path where the language has only structs, it adds its fields to the base's
// instead of replacing it.
func (o *overrider) collectOpaque(d *override, x ast.Expr, path []string) {
	switch contributed := o.classify(x); {
	case contributed == constraint:
	case contributed == structure, isStruct(path):
		d.computed = true
	default:
		d.value = true
	}
}

// isStruct reports whether the language has nothing but a struct at a path.
func isStruct(path []string) bool {
	shape := schema.Shipped().Root.Below(path...)
	return shape != nil && shape.Struct != nil && shape.Kinds == cue.StructKind
}

// collectReferred adds the fields that a reference brings into the overlay. The
// struct is not the overlay's own literal, so that it still replaces a base
// expression as a whole.
func (o *overrider) collectReferred(d *override, x ast.Expr, path []string) {
	if o.following[x] {
		return
	}
	o.following[x] = true
	defer delete(o.following, x)
	defer o.withArguments(x)()
	targets, _ := o.follow(x)
	fielded := d.fielded
	for _, target := range targets {
		o.collect(d, target, path)
	}
	d.fielded = fielded
}

// fieldKey returns a field's name, or its pattern as it is written.
func (o *overrider) fieldKey(field *ast.Field) (string, bool) {
	if list, ok := patternOf(field); ok {
		if len(list.Elts) != 1 {
			return "", false
		}
		text, err := format.Node(list.Elts[0])
		return "[" + string(text) + "]", err == nil
	}
	return o.label(field.Label)
}

// replace removes the values that the overlay overrides from a base expression at
// path.
func (o *overrider) replace(x ast.Expr, d *override, path []string) ast.Expr {
	switch x := x.(type) {
	case *ast.StructLit:
		switch {
		case d.value && !d.fielded, d.given() && o.classify(x) == concrete:
			return o.replaceWithTop(x)
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
	contributed := o.classify(x)
	if contributed == concrete && isStruct(path) {
		contributed = structure
	}
	switch contributed {
	case concrete:
		if d.given() {
			return o.replaceWithTop(x)
		}
	case structure:
		if d.whole() {
			return o.replaceWithTop(x)
		}
	}
	return x
}

func (o *overrider) replaceFields(lit *ast.StructLit, d *override, path []string) {
	kept := lit.Elts[:0]
	for _, decl := range lit.Elts {
		switch e := decl.(type) {
		case *ast.Field:
			name, ok := o.fieldKey(e)
			if !ok || e.Constraint != token.ILLEGAL {
				break
			}
			if d.excludes(path, name) {
				if o.classify(e.Value) == constraint {
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
			// Several teams contribute to the root; no overlay replaces it as a
			// whole.
			eachStruct(e.Expr, func(lit *ast.StructLit) { o.replaceFields(lit, d, path) })
		}
		kept = append(kept, decl)
	}
	lit.Elts = kept
}

// moved nests a field one level deeper, under another name.
func (o *overrider) moved(field *ast.Field, under string) *ast.Field {
	label := &ast.Ident{NamePos: field.Label.Pos(), Name: under}
	if end := o.end(field.Label); end.IsValid() && label.NamePos.IsValid() {
		o.lengths[label] = end.Offset() - label.NamePos.Offset()
	}
	return &ast.Field{Label: label, Value: &ast.StructLit{Elts: []ast.Decl{field}}}
}

// exclude records that a base field was removed. Patterns are left out: they
// concern no particular path.
func (p *Prepared) exclude(path []string, value ast.Expr) {
	if slices.ContainsFunc(path, func(name string) bool { return strings.HasPrefix(name, "[") }) {
		return
	}
	if span, ok := p.Span(value); ok {
		p.Excluded = append(p.Excluded, Excluded{path, span})
	}
}

// child returns the path below another. Paths never share their tail.
func child(path []string, name string) []string {
	return append(path[:len(path):len(path)], name)
}

// replaceWithTop returns the `_` that replaces an overridden value. The field stays, so
// that its line still counts as a declaration.
func (p *Prepared) replaceWithTop(x ast.Expr) *ast.Ident {
	ident := p.drop(x)
	delete(p.dropped, ident)
	p.overridden[ident] = true
	return ident
}
