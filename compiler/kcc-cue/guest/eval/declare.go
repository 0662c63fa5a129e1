package eval

import (
	"sort"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/wire"
)

// componentFields are the root fields whose fields are components.
var componentFields = []string{"services", "jobs", "cronJobs", "backing"}

// owner is who has a component, by its path.
type owner struct{ kind, name string }

// declarations lists the components with the fields that declare them, and the
// team of each component's first owner.
func (m *model) declarations(w *walk) ([]wire.Declaration, map[owner]string) {
	var out []wire.Declaration
	owners := map[owner]string{}
	teams := map[int]string{}
	for _, file := range m.prepared.Files {
		teams[file.Index] = file.Team
	}
	for _, kind := range componentFields {
		lines := w.components[kind]
		names := make([]string, 0, len(lines))
		for name := range lines {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			d := m.declaration([]string{kind, name}, lines[name])
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

// declaration sorts the lines of one component into those that make it exist
// and the others. A line is a field of the component, or what brings such a
// field in from elsewhere.
func (m *model) declaration(path []string, lines []conjunct) wire.Declaration {
	d := wire.Declaration{Path: path}
	type site struct {
		span    wire.Span
		overlay bool
	}
	made := map[site]making{}
	var sites []site
	note := func(at site, how making) {
		if _, known := made[at]; !known {
			sites = append(sites, at)
		}
		made[at] = max(made[at], how)
	}
	for _, c := range lines {
		p := c.place
		for p != nil && p.field != nil && !p.at(path) {
			p = p.parent
		}
		how := m.valueMakes(c)
		if c.place != nil && c.place.field != nil && !c.place.many() {
			// CUE splits an embedding and an alternative off the literal that
			// holds them, so that the value of the line may lack its fields.
			how = max(how, m.makes(c.place.field.Value, map[string]bool{}))
		}
		if p == nil || p.field == nil {
			for _, embedded := range c.through {
				if !c.place.many() {
					note(site{embedded.span, embedded.overlay}, how)
				}
			}
		} else if span, ok := m.span(p.field.Label); ok && !p.pattern {
			note(site{span, p.overlay}, max(how, m.makes(p.field.Value, map[string]bool{})))
		}
	}
	var base, overlay, constraining []wire.Span
	for _, at := range sites {
		switch how := made[at]; {
		case how == notMade:
			d.Others = append(d.Others, at.span)
		case how == constrained:
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

// valueMakes says whether what a line comes to has `image`, `build` or `kind`.
func (m *model) valueMakes(c conjunct) making {
	found := notMade
	line := c.value
	if chosen, has := line.Default(); has {
		line = chosen
	}
	for _, name := range []string{"image", "build", "kind"} {
		if value := line.LookupPath(cue.MakePath(cue.Str(name))); value.Exists() {
			found = max(found, constrained)
			if _, has := value.Default(); has || value.IsConcrete() {
				found = made
			}
		}
	}
	return found
}

// making is how much an expression has of what makes a component.
type making int

const (
	notMade making = iota
	// constrained: it says of `image`, `build` or `kind` what it may be.
	constrained
	// made: it gives one of them.
	made
)

// makes says whether an expression gives `image`, `build` or `kind`, itself or
// through what it refers to.
func (m *model) makes(node ast.Node, seen map[string]bool) making {
	found := notMade
	ast.Walk(node, func(node ast.Node) bool {
		if found == made {
			return false
		}
		switch node := node.(type) {
		case *ast.Field:
			switch name, _, _ := ast.LabelName(node.Label); name {
			case "image", "build", "kind":
				found = max(found, m.gives(node))
			}
			return false
		case *ast.SelectorExpr:
			found = max(found, m.selected(node, seen))
			return false
		case *ast.Ident:
			lexicon, key := m.lexicon, node.Name
			if here := lexicon.places[node]; here != nil && here.pkg != "" {
				// A name of the package that the line stands in.
				lexicon, key = lexicon.packages[here.pkg], here.root()+" "+key
			}
			if seen[key] {
				return false
			}
			seen[key] = true
			for _, p := range lexicon.roots[node.Name] {
				found = max(found, m.makes(p.field.Value, seen))
			}
			if clause, ok := node.Node.(*ast.LetClause); ok {
				found = max(found, m.makes(clause.Expr, seen))
			}
		}
		return true
	}, nil)
	return found
}

// gives says whether a field has a value, or had one that was taken out.
func (m *model) gives(field *ast.Field) making {
	switch {
	case field.Constraint != token.ILLEGAL:
		return notMade
	case givesValue(field.Value) || m.prepared.Overridden(field.Value) || m.prepared.Dropped(field.Value):
		return made
	default:
		return constrained
	}
}

// selected follows `services.other` and the like to what is written there.
func (m *model) selected(node *ast.SelectorExpr, seen map[string]bool) making {
	var path []string
	var head *ast.Ident
	for expr := ast.Expr(node); ; {
		selector, ok := expr.(*ast.SelectorExpr)
		if !ok {
			ident, ok := expr.(*ast.Ident)
			if !ok {
				return notMade
			}
			path, head = append([]string{m.lexicon.nameOf(ident)}, path...), ident
			break
		}
		name, _, err := ast.LabelName(selector.Sel)
		if err != nil {
			return notMade
		}
		path = append([]string{name}, path...)
		expr = selector.X
	}
	key := ""
	for _, name := range path {
		key += "." + name
	}
	if seen[key] {
		return notMade
	}
	seen[key] = true
	found := notMade
	lexicon := m.lexicon
	if pkg := m.prepared.Import(head); pkg != nil {
		lexicon, path = m.lexicon.packages[pkg.Path], path[1:]
	} else if here := m.lexicon.places[head]; here != nil && here.pkg != "" {
		lexicon = m.lexicon.packages[here.pkg]
	}
	for _, p := range lexicon.below(path) {
		found = max(found, m.makes(p.field.Value, seen))
	}
	return found
}
