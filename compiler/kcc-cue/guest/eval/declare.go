package eval

import (
	"sort"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/evaluator/wire"
)

// owner identifies a component.
type owner struct{ kind, name string }

// declarations returns the components with the fields that declare them, and the
// team of each component's first owner.
func (w *walker) declarations() ([]wire.Declaration, map[owner]string) {
	var out []wire.Declaration
	owners := map[owner]string{}
	teams := map[int]string{}
	for _, file := range w.prepared.Files {
		teams[file.Index] = file.Team
	}
	for _, kind := range shipped.ComponentFields() {
		lines := w.components[kind]
		names := make([]string, 0, len(lines))
		for name := range lines {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			d := w.declaration([]string{kind, name}, lines[name])
			if len(d.Owners) > 0 {
				owners[owner{kind, name}] = teams[d.Owners[0].File]
			}
			if len(d.Owners)+len(d.Others) > 0 {
				out = append(out, d)
			}
		}
	}
	return out, owners
}

// declaration separates the conjuncts of a component into those that declare it
// and the others. Each is represented by a field of the component or by the
// embedding that brings one in.
func (m *evaluation) declaration(path []string, lines []conjunct) wire.Declaration {
	d := wire.Declaration{Path: path}
	type labelSite struct {
		span    wire.Span
		overlay bool
	}
	strengths := map[labelSite]strength{}
	var labelSites []labelSite
	note := func(at labelSite, how strength) {
		if _, known := strengths[at]; !known {
			labelSites = append(labelSites, at)
		}
		strengths[at] = max(strengths[at], how)
	}
	for _, c := range lines {
		p := c.site
		for p != nil && p.field != nil && !p.isAt(path) {
			p = p.parent
		}
		how := m.valueDeclares(c)
		if c.site != nil && c.site.field != nil && !c.site.inPattern() {
			// CUE splits an embedding and a disjunct off the literal around them,
			// so the value of the conjunct may lack its fields.
			how = max(how, m.declares(c.site.field.Value, map[string]bool{}))
		}
		if p == nil || p.field == nil {
			for _, embedded := range c.through {
				if !c.site.inPattern() {
					note(labelSite{embedded.span, embedded.overlay}, how)
				}
			}
		} else if span, ok := m.span(p.field.Label); ok && !p.pattern {
			note(labelSite{span, p.overlay}, max(how, m.declares(p.field.Value, map[string]bool{})))
		}
	}
	var base, overlay, constraining []wire.Span
	for _, at := range labelSites {
		switch how := strengths[at]; {
		case how == declaresNothing:
			d.Others = append(d.Others, at.span)
		case how == declaresConstraint:
			constraining = append(constraining, at.span)
		case at.overlay:
			overlay = append(overlay, at.span)
		default:
			base = append(base, at.span)
		}
	}
	for _, owners := range [][]wire.Span{base, overlay, constraining} {
		if len(d.Owners) == 0 {
			d.Owners = owners
		} else {
			d.Others = append(d.Others, owners...)
		}
	}
	sort.Slice(d.Owners, func(i, j int) bool { return less(d.Owners[i], d.Owners[j]) })
	sort.Slice(d.Others, func(i, j int) bool { return less(d.Others[i], d.Others[j]) })
	return d
}

// valueDeclares returns how the value of a conjunct declares a component.
func (m *evaluation) valueDeclares(c conjunct) strength {
	found := declaresNothing
	line := c.value
	if chosen, has := line.Default(); has {
		line = chosen
	}
	for _, name := range []string{"image", "build", "kind"} {
		if value := line.LookupPath(cue.MakePath(cue.Str(name))); value.Exists() {
			found = max(found, declaresConstraint)
			if _, has := value.Default(); has || value.IsConcrete() {
				found = declaresValue
			}
		}
	}
	return found
}

// strength is how strongly an expression declares a component.
type strength int

const (
	declaresNothing strength = iota
	// declaresConstraint: it constrains `image`, `build` or `kind`.
	declaresConstraint
	// declaresValue: it gives one of them a value.
	declaresValue
)

// declares returns how an expression declares a component by `image`, `build` or
// `kind`, itself or through references.
func (m *evaluation) declares(node ast.Node, seen map[string]bool) strength {
	found := declaresNothing
	ast.Walk(node, func(node ast.Node) bool {
		if found == declaresValue {
			return false
		}
		switch node := node.(type) {
		case *ast.Field:
			switch name, _, _ := ast.LabelName(node.Label); name {
			case "image", "build", "kind":
				found = max(found, m.fieldDeclares(node))
			}
			return false
		case *ast.SelectorExpr:
			found = max(found, m.selectorDeclares(node, seen))
			return false
		case *ast.Ident:
			index, key := m.index, node.Name
			if here := index.sites[node]; here != nil && here.pkg != "" {
				// A name of the package that contains the expression.
				index, key = index.packages[here.pkg], here.root()+" "+key
			}
			if seen[key] {
				return false
			}
			seen[key] = true
			for _, p := range index.roots[node.Name] {
				found = max(found, m.declares(p.field.Value, seen))
			}
			if clause, ok := node.Node.(*ast.LetClause); ok {
				found = max(found, m.declares(clause.Expr, seen))
			}
		}
		return true
	}, nil)
	return found
}

// fieldDeclares counts a value that was removed as a value.
func (m *evaluation) fieldDeclares(field *ast.Field) strength {
	switch {
	case field.Constraint != token.ILLEGAL:
		return declaresNothing
	case exprHasValue(field.Value) || m.prepared.Overridden(field.Value) || m.prepared.Dropped(field.Value):
		return declaresValue
	default:
		return declaresConstraint
	}
}

// selectorDeclares follows `services.other` and similar to what is written there.
func (m *evaluation) selectorDeclares(node *ast.SelectorExpr, seen map[string]bool) strength {
	var path []string
	var head *ast.Ident
	for expr := ast.Expr(node); ; {
		selector, ok := expr.(*ast.SelectorExpr)
		if !ok {
			ident, ok := expr.(*ast.Ident)
			if !ok {
				return declaresNothing
			}
			path, head = append([]string{m.index.nameOf(ident)}, path...), ident
			break
		}
		name, _, err := ast.LabelName(selector.Sel)
		if err != nil {
			return declaresNothing
		}
		path = append([]string{name}, path...)
		expr = selector.X
	}
	key := ""
	for _, name := range path {
		key += "." + name
	}
	if seen[key] {
		return declaresNothing
	}
	seen[key] = true
	found := declaresNothing
	index := m.index
	if pkg := m.prepared.Import(head); pkg != nil {
		index, path = m.index.packages[pkg.Path], path[1:]
	} else if here := m.index.sites[head]; here != nil && here.pkg != "" {
		index = m.index.packages[here.pkg]
	}
	for _, p := range index.below(path) {
		found = max(found, m.declares(p.field.Value, seen))
	}
	return found
}
