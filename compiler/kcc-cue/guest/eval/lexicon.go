package eval

import (
	"slices"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/literal"
	"cuelang.org/go/cue/token"

	"kcc.dev/engine/syntax"
	"kcc.dev/engine/wire"
)

// lexicon knows where every node of the fragments stands: the field that it is
// written in, and which root names lead to which others.
type lexicon struct {
	places map[ast.Node]*place
	// roots are the root fields by name, those of overlays included.
	roots map[string][]*place
	// reach lists the root names that a root name refers to.
	reach map[string]map[string]bool
	// tails are the last names of all references.
	tails map[string]bool
	// children are the fields with a name, by the place that holds them.
	children map[*place]map[string][]*place
	// embedded is what brings fields to the root, or into a root field, that are
	// written elsewhere.
	embedded []embedding
	// nested: a struct below the root has a hidden field or a definition.
	nested bool
	// items are the structs in lists, which have no label.
	items map[*ast.StructLit]bool

	prepared *syntax.Prepared
	// packages are the lexicons of the imported ones, by their path.
	packages map[string]*lexicon
}

// place is a field as it is written.
type place struct {
	field  *ast.Field
	parent *place
	file   int
	// name is the label; empty for one that can be many.
	name string
	// pattern says that the label is a pattern, overlay that a target's own
	// block holds it.
	pattern, overlay bool
	// pkg is the path of the imported package whose file holds it.
	pkg string
}

func newLexicon(p *syntax.Prepared) *lexicon {
	l := emptyLexicon(p)
	for _, pkg := range p.Packages {
		// Places and what others refer to are one for all.
		inner := emptyLexicon(p)
		inner.places, inner.tails, inner.items = l.places, l.tails, l.items
		for _, file := range pkg.Files {
			inner.read(file, pkg.Path)
		}
		through := map[string]bool{}
		for _, names := range inner.reach {
			for name := range names {
				if isImported(name) {
					through[name] = true
				}
			}
		}
		l.reach[imported+pkg.Path] = through
		l.packages[pkg.Path] = inner
	}
	for _, file := range p.Files {
		l.read(file, "")
		for _, decl := range file.AST.Decls {
			l.embed([]ast.Decl{decl}, p.Overlaid(decl), true)
		}
	}
	return l
}

// embedding is an expression that brings fields to the root.
type embedding struct {
	expr    ast.Expr
	span    wire.Span
	overlay bool
}

// embed records what declarations at the root embed, and with fields what the
// root fields among them are made of.
func (l *lexicon) embed(decls []ast.Decl, overlay, fields bool) {
	var expr func(x ast.Expr, fields bool)
	expr = func(x ast.Expr, fields bool) {
		switch x := x.(type) {
		case *ast.StructLit:
			l.embed(x.Elts, overlay, fields)
		case *ast.ParenExpr:
			expr(x.X, fields)
		case *ast.BinaryExpr:
			if x.Op == token.AND {
				expr(x.X, fields)
				expr(x.Y, fields)
				return
			}
			l.embedOne(x, overlay)
		case *ast.BasicLit, *ast.ListLit:
		default:
			l.embedOne(x, overlay)
		}
	}
	for _, decl := range decls {
		switch decl := decl.(type) {
		case *ast.EmbedDecl:
			expr(decl.Expr, fields)
		case *ast.Comprehension:
			expr(decl.Value, fields)
			if decl.Fallback != nil {
				expr(decl.Fallback.Body, fields)
			}
		case *ast.Field:
			if fields && !isPrivateLabel(decl.Label) {
				expr(decl.Value, false)
			}
		}
	}
}

func (l *lexicon) embedOne(x ast.Expr, overlay bool) {
	if span, ok := l.prepared.Span(x); ok {
		l.embedded = append(l.embedded, embedding{x, span, overlay})
	}
}

// isPrivateLabel says whether a label is a hidden field's or a definition's.
func isPrivateLabel(label ast.Label) bool {
	ident, ok := label.(*ast.Ident)
	return ok && (strings.HasPrefix(ident.Name, "_") || strings.HasPrefix(ident.Name, "#"))
}

func emptyLexicon(p *syntax.Prepared) *lexicon {
	return &lexicon{
		places: map[ast.Node]*place{},
		roots:  map[string][]*place{},
		reach:  map[string]map[string]bool{},
		tails:  map[string]bool{},

		children: map[*place]map[string][]*place{},
		items:    map[*ast.StructLit]bool{},

		prepared: p,
		packages: map[string]*lexicon{},
	}
}

// imported stands in front of the path of a package where it is a name among
// those of the root; no name begins so.
const imported = "import "

func isImported(name string) bool {
	return strings.HasPrefix(name, imported)
}

// nameOf is what a name leads to: a root name, or a package.
func (l *lexicon) nameOf(ident *ast.Ident) string {
	if pkg := l.prepared.Import(ident); pkg != nil {
		return imported + pkg.Path
	}
	return ident.Name
}

// read records the place of all that stands in a file.
func (l *lexicon) read(file *syntax.File, pkg string) {
	p := l.prepared
	top := &place{file: file.Index, pkg: pkg}
	stack := []*place{top}
	overlaid := 0
	// heads are the expressions that a selector looks into, labels the names
	// that are no references.
	heads, labels := map[ast.Node]bool{}, map[ast.Node]bool{}
	ast.Walk(file.AST, func(node ast.Node) bool {
		here := stack[len(stack)-1]
		switch node := node.(type) {
		case *ast.Field:
			here = newPlace(node, here)
			if p.Overlaid(node) {
				overlaid++
			}
			here.overlay = overlaid > 0
			l.places[node] = here
			l.nested = l.nested || here.parent != top && isPrivate(here.name)
			labels[node.Label] = true
			stack = append(stack, here)
			l.add(here)
			if here.parent == top && here.name != "" {
				l.roots[here.name] = append(l.roots[here.name], here)
			}
			return true
		case *ast.CommentGroup:
			return false
		case *ast.EmbedDecl:
			if p.Overlaid(node) {
				overlaid++
			}
		case *ast.ListLit:
			for _, item := range node.Elts {
				if lit, ok := item.(*ast.StructLit); ok {
					l.items[lit] = true
				}
			}
		case *ast.SelectorExpr:
			if name, _, err := ast.LabelName(node.Sel); err == nil && !heads[node] {
				l.tails[name] = true
			}
			heads[node.X] = true
			labels[node.Sel] = true
		case *ast.Ident:
			if !heads[node] && !labels[node] {
				l.tails[node.Name] = true
			}
			if here != top && !labels[node] {
				root := here
				for root.parent != top {
					root = root.parent
				}
				if l.reach[root.name] == nil {
					l.reach[root.name] = map[string]bool{}
				}
				l.reach[root.name][l.nameOf(node)] = true
			}
		}
		l.places[node] = here
		return true
	}, func(node ast.Node) {
		if _, ok := node.(*ast.Field); ok {
			stack = stack[:len(stack)-1]
		}
		if decl, ok := node.(ast.Decl); ok && p.Overlaid(decl) {
			overlaid--
		}
	})
}

func isPrivate(name string) bool {
	return strings.HasPrefix(name, "_") || isDefinition(name)
}

// add records a field under the place that holds it.
func (l *lexicon) add(p *place) {
	if p.name == "" {
		return
	}
	if l.children[p.parent] == nil {
		l.children[p.parent] = map[string][]*place{}
	}
	l.children[p.parent][p.name] = append(l.children[p.parent][p.name], p)
}

// below are the fields that the fragments write at a path from the root.
func (l *lexicon) below(path []string) []*place {
	found := l.roots[path[0]]
	for _, name := range path[1:] {
		var next []*place
		for _, p := range found {
			next = append(next, l.children[p][name]...)
		}
		found = next
	}
	return found
}

func newPlace(field *ast.Field, parent *place) *place {
	p := &place{field: field, parent: parent, file: parent.file, pkg: parent.pkg}
	label := ast.Node(field.Label)
	if alias, ok := label.(*ast.Alias); ok {
		label = alias.Expr
	}
	switch label := label.(type) {
	case *ast.ListLit:
		p.pattern = true
	case *ast.Ident:
		p.name = label.Name
	case *ast.BasicLit:
		if name, err := literal.Unquote(label.Value); err == nil {
			p.name = name
		}
	}
	return p
}

// at says whether the place is what a fragment writes at that path itself,
// rather than something that a reference brings there.
func (p *place) at(path []string) bool {
	if p != nil && p.pkg != "" {
		return false
	}
	for i := len(path) - 1; i >= 0; i-- {
		if p == nil || p.field == nil {
			return false
		}
		if isIndex(path[i]) && p.name != path[i] {
			// An element of a list has no label.
			continue
		}
		if p.name != "" && p.name != path[i] {
			return false
		}
		p = p.parent
	}
	return p != nil && p.field == nil
}

// many says whether the place is in a pattern.
func (p *place) many() bool {
	for ; p != nil; p = p.parent {
		if p.pattern {
			return true
		}
	}
	return false
}

// path leads to the place as it is written, up to the first name that can be
// many.
func (p *place) path() []string {
	var names []string
	for ; p != nil && p.field != nil; p = p.parent {
		if p.name == "" {
			names = nil
			continue
		}
		names = append(names, p.name)
	}
	slices.Reverse(names)
	return names
}

func isIndex(name string) bool {
	return name != "" && name[0] >= '0' && name[0] <= '9'
}

// root is the name of the root field that the place is in, or of the package.
func (p *place) root() string {
	if p.pkg != "" {
		return imported + p.pkg
	}
	for p.parent != nil && p.parent.field != nil {
		p = p.parent
	}
	return p.name
}

// leads says whether the names in an expression lead to a root name.
func (l *lexicon) leads(expr ast.Node, to string) bool {
	found := false
	seen := map[string]bool{}
	var follow func(name string)
	follow = func(name string) {
		if name == to {
			found = true
		}
		if found || seen[name] {
			return
		}
		seen[name] = true
		for next := range l.reach[name] {
			follow(next)
		}
	}
	for _, ident := range carriers(expr) {
		follow(l.nameOf(ident))
	}
	return found
}

// carriers are the names through which an expression takes fields in: what it
// refers to, embeds and unifies with, but not the values of its own fields.
func carriers(node ast.Node) []*ast.Ident {
	var found []*ast.Ident
	ast.Walk(node, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			return false
		case *ast.Ident:
			found = append(found, node)
		}
		return true
	}, nil)
	return found
}

// meant are the root fields that a name in an expression stands for: those of
// the package where it is selected from one.
func (l *lexicon) meant(ident *ast.Ident, expr ast.Node) []*place {
	if here := l.places[ident]; here != nil && here.pkg != "" {
		return l.packages[here.pkg].roots[ident.Name]
	}
	found := l.roots[ident.Name]
	ast.Walk(expr, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok || selector.Sel != ast.Label(ident) {
			return true
		}
		head, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		if pkg := l.prepared.Import(head); pkg != nil {
			found = l.packages[pkg.Path].roots[ident.Name]
		}
		return true
	}, nil)
	return found
}
